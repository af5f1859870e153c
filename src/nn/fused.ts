/**
 * The fast forms of whole layers: from tensors and options to one call of the kernels. Feature maps stay in the
 * layout of those kernels from layer to layer, inside the tensors and unseen by everybody else.
 */
import { activeKernels } from "./backend.js";
import { type Activation, LRELU_SLOPE } from "./kernels/activations.js";
import type { Block } from "./kernels/types.js";
import type { Activations, ConvLayerOptions, FastKernels } from "./kernels/wasm/fused/types.js";
import type { Filter2d } from "./ops/upfirdn2d.js";
import { type PrivateLayout, Tensor } from "./tensor.js";

/** A convolution layer as src/stylegan describes it; what is left out has the default of the definition. */
export interface ConvLayerCall {
  readonly filter: Filter2d;
  readonly up?: 1 | 2;
  readonly down?: 1 | 2;
  readonly flipWeight?: boolean;
  readonly weightGain?: number;
  /** [N, I], or null for a plain convolution. */
  readonly styles: Tensor | null;
  readonly demodulate?: boolean;
  readonly noise: Tensor | null;
  readonly noiseStrength: Tensor | null;
  readonly bias: Tensor | null;
  readonly activation: Activation;
  readonly gain: number;
  readonly clamp: number | null;
}

/** Feature maps of a tensor in the layout of the fast kernels. */
class BlockedFeatures implements PrivateLayout {
  readonly activations: Activations;
  readonly #kernels: FastKernels;
  readonly #release: (block: Block) => void;

  constructor(activations: Activations, kernels: FastKernels, release: (block: Block) => void) {
    this.activations = activations;
    this.#kernels = kernels;
    this.#release = release;
  }

  get block(): Block {
    return this.activations.block;
  }

  toDense(): Block {
    return this.#kernels.toLayout(this.activations, "planar").block;
  }

  release(): void {
    this.#release(this.block);
  }
}

/** Fewer channels than fill a vector are images rather than features: they stay planar. */
const IMAGE_CHANNELS = 4;

/** Returns null when the kernels in use have no fast form for these arguments: the definition runs instead. */
export function convLayerFastPath(x: Tensor, weight: Tensor, call: ConvLayerCall): Tensor | null {
  const { fast } = activeKernels();
  const { activation } = call;
  const known = activation === "linear" || activation === "lrelu" || activation === "relu";
  if (fast === undefined || !known || !weight.isResident) return null;
  const { styles, noise, noiseStrength, bias, demodulate = false, up = 1, down = 1, weightGain = 1, filter } = call;
  const [n, inChannels, height, width] = x.shape;
  const [outChannels, , kernel] = weight.shape;
  if ((kernel !== 1 && kernel !== 3) || weight.shape[1] !== inChannels) return null;

  const features = x.privateLayout instanceof BlockedFeatures ? x.privateLayout : null;
  const consumeInput = features !== null && x.expendable;
  const outputLayout = outChannels <= IMAGE_CHANNELS ? "planar" : "blocked";
  const options: ConvLayerOptions = {
    n,
    inChannels,
    outChannels,
    height,
    width,
    kernel,
    up,
    down,
    filter: up === 1 && down === 1 ? null : filter,
    // The definition correlates by default; an up-convolution of the kernels spreads the stored kernel, which is the
    // correlation with the mirrored one.
    flipWeight: (call.flipWeight ?? true) === (up === 2 && kernel === 3),
    styles: styles === null ? null : resident(styles),
    dcoefs: null,
    noise: noise === null ? null : resident(noise),
    noiseStrength: noiseStrength === null ? 1 : noiseStrength.item(),
    bias: bias === null ? null : resident(bias),
    activation,
    alpha: LRELU_SLOPE,
    gain: call.gain,
    clamp: call.clamp,
    weightGain,
    outputLayout,
    consumeInput,
  };
  if (!fast.supports(options)) return null;

  const kernels = activeKernels();
  const reference = { block: weight.block, version: weight.version };
  const taps = kernel * kernel;
  const dcoefs =
    options.styles !== null && demodulate
      ? fast.dcoefs(reference, options.styles, { n, inChannels, outChannels, taps, weightGain })
      : null;
  const input: Activations = features?.activations ?? {
    block: resident(x),
    layout: { kind: "planar", n, channels: inChannels, height, width },
  };
  const y = fast.convLayer(input, reference, { ...options, dcoefs });
  if (dcoefs !== null) kernels.release(dcoefs);
  if (consumeInput) x.surrender();
  const shape = [n, outChannels, y.layout.height, y.layout.width];
  if (y.layout.kind === "planar") return Tensor.adopt(shape, y.block);
  return Tensor.fromPrivateLayout(shape, new BlockedFeatures(y, fast, (block) => kernels.release(block)));
}

/** A block in the memory of the kernels in use: the tensor's own, or a copy that lives as long as the scope. */
function resident(x: Tensor): Block {
  const { block } = x;
  if (x.isResident) return block;
  const copy = Tensor.allocate(x.shape).block;
  copy.data.set(block.data);
  return copy;
}
