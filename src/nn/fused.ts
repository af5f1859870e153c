/**
 * The seam between layers and fused kernels. A layer is written once, in differentiable operations; `fused` asks the kernels in
 * use for a plan that runs the whole of it as one, and takes the definition where there is none or where a gradient is recorded.
 * Feature maps stay in the layout of those kernels from layer to layer, inside the tensors and unseen by everybody else.
 * tests/kernels/fused.test.ts and tests/identities/demodulation.test.ts hold the two forms together.
 */
import { isRecorded } from "./autograd/record.js";
import { activeKernels } from "./backend.js";
import type { Block } from "./kernels/block.js";
import type { ConvLayer, FusedKernels, LayerTensors, Operand, Tail } from "./kernels/wasm/fused/types.js";
import type { PrivateLayout } from "./storage.js";
import { adoptTensor, inScope, resident, type Tensor, tensorOfLayout } from "./tensor.js";

/** Feature maps of a tensor in the layout of the fused kernels. */
class BlockedFeatures implements PrivateLayout {
  readonly operand: Operand;
  readonly #kernels: FusedKernels;
  readonly #release: (block: Block) => void;

  constructor(operand: Operand, kernels: FusedKernels, release: (block: Block) => void) {
    this.operand = operand;
    this.#kernels = kernels;
    this.#release = release;
  }

  get block(): Block {
    return this.operand.block;
  }

  toDense(): Block {
    return this.#kernels.toLayout(this.operand, "planar").block;
  }

  release(): void {
    this.#release(this.block);
  }
}

/** Fewer channels than fill a vector are images rather than features: they stay planar. */
const IMAGE_CHANNELS = 4;

/** The layer as one kernel, or its definition. */
export function fused(layer: ConvLayer<Tensor>, definition: () => Tensor): Tensor {
  return inScope(() => runFused(layer) ?? definition());
}

function runFused(layer: ConvLayer<Tensor>): Tensor | null {
  const kernels = activeKernels();
  const { x, weight } = layer;
  if (kernels.fused === undefined || !canRun(layer)) return null;

  const features = featuresOf(x);
  const consumeInput = features !== null && x.internals.expendable;
  const plan = kernels.fused.plan(layer, {
    input: features === null ? "planar" : "blocked",
    output: weight.shape[0] <= IMAGE_CHANNELS ? "planar" : "blocked",
    consumeInput,
  });
  if (plan === null) return null;
  const y = plan.run({ ...operandsOf(layer), x: features?.operand ?? operandOf(x) });
  if (consumeInput) x.internals.surrender();
  const shape = plan.outputShape;
  if (y.layout !== "blocked") return adoptTensor(shape, y.block);
  return tensorOfLayout(shape, new BlockedFeatures(y, kernels.fused, (block) => kernels.release(block)));
}

/** A layer on x, before anybody has asked for its result. */
export type Layer = ConvLayer<Tensor>;

/** Whether x is in the layout of fused kernels, so that the layers after it may be a `fusedTail`. */
export function isBlocked(x: Tensor): boolean {
  return featuresOf(x) !== null;
}

/**
 * The last layers, up-convolution, convolution and image, each on what the one before makes, without the whole of that in memory;
 * null where the kernels in use have no such form, or where a gradient is recorded. Only the first has numbers in its x.
 */
export function fusedTail(layers: Tail<Layer>): Tensor | null {
  const { fused: kernels } = activeKernels();
  const [{ x }] = layers;
  const features = featuresOf(x);
  if (kernels === undefined || features === null || !x.internals.expendable || !layers.every(canRun)) return null;
  const plan = kernels.planTail(layers);
  if (plan === null) return null;
  const [up, conv, image] = layers;
  const y = plan.run(features.operand, [operandsOf(up), operandsOf(conv), operandsOf(image)]);
  x.internals.surrender();
  return adoptTensor(plan.outputShape, y.block);
}

function featuresOf({ internals }: Tensor): BlockedFeatures | null {
  return internals.privateLayout instanceof BlockedFeatures ? internals.privateLayout : null;
}

function canRun({ x, weight, inputScales, outputScales, noise, noiseStrength, bias }: ConvLayer<Tensor>): boolean {
  const scales = outputScales === "unit" ? null : outputScales;
  return weight.internals.isResident && !isRecorded([x, weight, inputScales, scales, noise, noiseStrength, bias]);
}

function operandsOf(layer: ConvLayer<Tensor>): Omit<LayerTensors<Operand>, "x"> {
  const { weight, inputScales, outputScales, noise, noiseStrength, bias } = layer;
  return {
    weight: { ...operandOf(weight), version: weight.internals.version },
    inputScales: inputScales && operandOf(inputScales),
    outputScales: outputScales === "unit" ? "unit" : outputScales && operandOf(outputScales),
    noise: noise && operandOf(noise),
    noiseStrength: noiseStrength && operandOf(noiseStrength),
    bias: bias && operandOf(bias),
  };
}

function operandOf(tensor: Tensor): Operand {
  const { shape, internals } = resident(tensor);
  return { shape, block: internals.block };
}
