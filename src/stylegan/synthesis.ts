/**
 * The synthesis network g: W -> images (StyleGAN2, figure 7): a learned constant of 4x4 pixels, then a block for every
 * resolution. Each convolution is modulated by an affine map of its own w and disturbed by noise.
 *
 *   orig    x -> block -> ... -> toRgb                      one image at the end
 *   skip    img = up(img) + toRgb(x) at every resolution    (b), the generator of config E and F
 *   resnet  x = (skip(x) + conv1(conv0(x))) / sqrt(2)       (c)
 *
 * Tests: tests/goldens/checkpoints.test.ts, tests/identities/synthesis.test.ts (identities 32, 33).
 */
import { DenseLayer } from "../nn/layers/dense.js";
import { constant, normal, type ParameterTree } from "../nn/layers/module.js";
import { NoiseGenerator, type NoiseSource } from "../nn/noise.js";
import { add } from "../nn/ops/arith.js";
import { type Activation, defaultGain } from "../nn/ops/biasAct.js";
import { unstack } from "../nn/ops/layout.js";
import { expand, reshape } from "../nn/ops/reduce.js";
import { type Filter2d, setupFilter, upsample2d } from "../nn/ops/upfirdn2d.js";
import { assertShape } from "../nn/shape.js";
import { chain, inScope, lastUse, type Tensor } from "../nn/tensor.js";
import type { SynthesisConfig } from "./config.js";
import { Conv2dLayer, equalizedGain } from "./convLayer.js";
import { layerNoise, type Noise, type NoiseMode } from "./layerNoise.js";
import { modulatedLayer } from "./modulatedConv2d.js";

/** What synthesis has come to after the block of one resolution. */
export interface SynthesisState {
  readonly resolution: number;
  /** What the next block starts from, [N, C, resolution, resolution]. */
  readonly x: Tensor;
  /** The image so far, [N, imgChannels, resolution, resolution]; null where no block so far has made one. */
  readonly img: Tensor | null;
}

/** Sees the styles [N, I] of the layer `name`, such as "b8.conv0", and says which ones it is to have. */
export type StyleEdit = (name: string, styles: Tensor) => Tensor;

export interface SynthesisOptions {
  /** Default "random", as in the official implementation. */
  readonly noiseMode?: NoiseMode;
  /** Where random noise is drawn from. Default: a `NoiseGenerator` with a fresh seed. */
  readonly random?: NoiseSource;
  /** Called with each layer's name, such as "b8.conv0", and its feature maps; copy what should outlive the call. */
  readonly onLayer?: (name: string, output: Tensor) => void;
  /**
   * Called between blocks with what the next one starts from, which `from` takes; copy what should outlive the call.
   * There is nothing to hand on after the last block.
   */
  readonly onBlock?: (state: SynthesisState) => void;
  /**
   * Begin after this block instead of at 4x4. The result is that of the whole, bit for bit, where the w's, styles and
   * noise of the blocks before were the same; blocks that do not run draw no random noise. Default: begin at 4x4.
   */
  readonly from?: SynthesisState;
  /**
   * End with the block of this resolution: the result is its image, [N, imgChannels, until, until]. Skip generators,
   * whose image is a sum over resolutions, have one after every block; others after the last. Default: all blocks.
   */
  readonly until?: number;
  /** Looks at the styles of every layer, affine(w), or changes them: StyleSpace. Default: leaves them as they are. */
  readonly editStyles?: StyleEdit;
}

/** Options with everything decided, as a layer sees them. */
export interface LayerContext extends Noise {
  /** The styles that the layer is to have, from those that its w gives it. Default: the same. */
  readonly editStyles?: (styles: Tensor) => Tensor;
}

/** Options with everything decided, as a block sees them. */
export interface BlockContext {
  /** Shows a layer's output to the caller who asked for it. */
  readonly seen: (layer: string, output: Tensor) => Tensor;
  readonly of: (layer: string) => LayerContext;
}

/** The context of the block of one resolution. */
export function blockContext(resolution: number, noise: Noise, options: SynthesisOptions): BlockContext {
  const { onLayer, editStyles } = options;
  const nameOf = (layer: string): string => `b${resolution}.${layer}`;
  return {
    seen: (layer, output) => {
      onLayer?.(nameOf(layer), output);
      return output;
    },
    of: (layer) => {
      if (editStyles === undefined) return noise;
      const edit = (styles: Tensor): Tensor => {
        const edited = editStyles(nameOf(layer), styles);
        assertShape("synthesis", `the edited styles of ${nameOf(layer)}`, edited.shape, styles.shape);
        return edited;
      };
      return { ...noise, editStyles: edit };
    },
  };
}

/**
 * The blocks after the one that `from` says, up to `until`.
 *
 * @throws RangeError where there are no such blocks, or the state is not that of `n` samples at its resolution
 */
export function blocksToRun<B extends { readonly resolution: number }>(
  blocks: readonly B[],
  n: number,
  { from, until }: Pick<SynthesisOptions, "from" | "until">,
): readonly B[] {
  const resolutions = blocks.map(({ resolution }) => resolution);
  const check = (name: string, value: number, possible: readonly number[]): void => {
    if (possible.includes(value)) return;
    throw new RangeError(`synthesis: ${name} must be one of ${possible.join(", ") || "none"}, got ${value}`);
  };
  const at = from?.resolution ?? 0;
  if (from !== undefined) {
    check("from.resolution", at, resolutions.slice(0, -1));
    assertShape("synthesis", "from.x", from.x.shape, [n, null, at, at], "N, C, H, W");
    if (from.img !== null) assertShape("synthesis", "from.img", from.img.shape, [n, null, at, at], "N, C, H, W");
  }
  const rest = resolutions.filter((resolution) => resolution > at);
  if (until !== undefined) check("until", until, rest);
  return blocks.filter(({ resolution }) => resolution > at && resolution <= (until ?? Infinity));
}

/** What the first block to run starts from; an alias, whose memory no kernel takes. */
export function startOf(from: SynthesisState | undefined): { readonly x: Tensor | null; readonly img: Tensor | null } {
  if (from === undefined) return { x: null, img: null };
  return { x: reshape(from.x, from.x.shape), img: from.img };
}

const unchanged = (styles: Tensor): Tensor => styles;

interface LayerOptions {
  readonly wDim: number;
  readonly filter: Filter2d;
  readonly activation: Activation;
  readonly convClamp: number | null;
  readonly useNoise: boolean;
  readonly scaleBeforeDemodulation: boolean;
}

/** Modulated 3x3 convolution, noise, bias, activation. */
export class SynthesisLayer {
  readonly affine: DenseLayer;
  readonly weight: Tensor; // [O, I, 3, 3]
  readonly bias: Tensor; // [O]
  readonly noiseConst: Tensor | null; // [resolution, resolution]
  readonly noiseStrength: Tensor | null; // []
  readonly #up: 1 | 2;
  readonly #options: LayerOptions;

  constructor(
    tree: ParameterTree,
    inChannels: number,
    outChannels: number,
    resolution: number,
    up: 1 | 2,
    options: LayerOptions,
  ) {
    this.affine = new DenseLayer(tree.child("affine"), options.wDim, inChannels, { biasInit: 1 });
    this.weight = tree.parameter("weight", [outChannels, inChannels, 3, 3], normal());
    this.noiseConst = options.useNoise ? tree.buffer("noise_const", [resolution, resolution], normal()) : null;
    this.noiseStrength = options.useNoise ? tree.parameter("noise_strength", [], constant(0)) : null;
    this.bias = tree.parameter("bias", [outChannels], constant(0));
    this.#up = up;
    this.#options = options;
  }

  /** x [N, I, H, W], w [N, wDim] -> [N, O, H up, W up]; `gain` multiplies the result and its clamp. */
  forward(x: Tensor, w: Tensor, context: LayerContext, gain = 1): Tensor {
    const { filter, activation, convClamp, scaleBeforeDemodulation } = this.#options;
    const { editStyles = unchanged } = context;
    return modulatedLayer(x, this.weight, editStyles(this.affine.forward(w)), {
      filter,
      up: this.#up,
      flipWeight: this.#up === 1,
      weightGain: scaleBeforeDemodulation ? equalizedGain(this.weight) : 1,
      noise: layerNoise(this.noiseConst, x.shape[0], context),
      noiseStrength: this.noiseStrength,
      bias: this.bias,
      activation,
      gain: defaultGain(activation) * gain,
      clamp: convClamp === null ? null : convClamp * gain,
    });
  }
}

/** Features to image channels: a modulated 1x1 convolution without demodulation, linear. */
export class ToRgbLayer {
  readonly affine: DenseLayer;
  readonly weight: Tensor; // [C, I, 1, 1]
  readonly bias: Tensor; // [C]
  readonly #options: LayerOptions;

  constructor(tree: ParameterTree, inChannels: number, imgChannels: number, options: LayerOptions) {
    this.affine = new DenseLayer(tree.child("affine"), options.wDim, inChannels, { biasInit: 1 });
    this.weight = tree.parameter("weight", [imgChannels, inChannels, 1, 1], normal());
    this.bias = tree.parameter("bias", [imgChannels], constant(0));
    this.#options = options;
  }

  /** x [N, I, H, W], w [N, wDim] -> [N, C, H, W] */
  forward(x: Tensor, w: Tensor, { editStyles = unchanged }: Pick<LayerContext, "editStyles"> = {}): Tensor {
    const styles = editStyles(this.affine.forward(w, equalizedGain(this.weight))); // [N, I]
    return modulatedLayer(x, this.weight, styles, {
      filter: this.#options.filter,
      demodulate: false,
      noise: null,
      noiseStrength: null,
      bias: this.bias,
      activation: "linear",
      gain: 1,
      clamp: this.#options.convClamp,
    });
  }
}

interface Features {
  /** [N, C, H, W]; null before the first block and after the last. */
  readonly x: Tensor | null;
  /** The image so far; null until a block has a toRgb. */
  readonly img: Tensor | null;
}

/** One resolution: (conv0 that doubles it,) conv1, and what the architecture adds. */
class SynthesisBlock {
  readonly resolution: number;
  /** How many w's the convolutions take; toRgb shares the next one with the block that follows. */
  readonly numConv: number;
  readonly #isLast: boolean;
  readonly #constant: Tensor | null; // [C, 4, 4]
  readonly #conv0: SynthesisLayer | null;
  readonly #conv1: SynthesisLayer;
  readonly #toRgb: ToRgbLayer | null;
  readonly #skip: Conv2dLayer | null;
  readonly #filter: Filter2d;

  constructor(tree: ParameterTree, resolution: number, inChannels: number, channels: number, config: SynthesisConfig) {
    const filter = setupFilter(config.resampleFilter);
    const options = { ...config, filter };
    const isFirst = resolution === 4;
    const isLast = resolution === config.imgResolution;
    this.resolution = resolution;
    this.#isLast = isLast;
    this.#filter = filter;
    this.#constant = isFirst ? tree.parameter("const", [channels, 4, 4], normal()) : null;
    this.#conv0 = isFirst
      ? null
      : new SynthesisLayer(tree.child("conv0"), inChannels, channels, resolution, 2, options);
    this.#conv1 = new SynthesisLayer(tree.child("conv1"), channels, channels, resolution, 1, options);
    this.numConv = isFirst ? 1 : 2;
    this.#toRgb =
      isLast || config.architecture === "skip"
        ? new ToRgbLayer(tree.child("torgb"), channels, config.imgChannels, options)
        : null;
    this.#skip =
      !isFirst && config.architecture === "resnet"
        ? new Conv2dLayer(tree.child("skip"), inChannels, channels, 1, { bias: false, up: 2, filter })
        : null;
  }

  get numWs(): number {
    return this.numConv + (this.#toRgb === null ? 0 : 1);
  }

  /** The w of its first convolution: one for every convolution before. */
  get firstW(): number {
    return this.resolution === 4 ? 0 : 2 * Math.log2(this.resolution) - 5;
  }

  /** ws: numWs of [N, wDim] */
  forward({ x, img }: Features, ws: readonly Tensor[], noise: Noise, options: SynthesisOptions): Features {
    const { seen, of } = blockContext(this.resolution, noise, options);
    let y: Tensor;
    if (this.#constant !== null) {
      const { shape } = this.#constant;
      const [n] = ws[0].shape;
      const start = expand(reshape(this.#constant, [1, ...shape]), [n, ...shape]); // [N, C, 4, 4]
      y = seen("conv1", this.#conv1.forward(start, ws[0], of("conv1")));
    } else if (this.#skip !== null) {
      const shortcut = this.#skip.forward(x!, Math.SQRT1_2);
      y = seen("conv0", this.#conv0!.forward(x!, ws[0], of("conv0")));
      y = seen("conv1", this.#conv1.forward(lastUse(y), ws[1], of("conv1"), Math.SQRT1_2));
      y = add(shortcut, y);
    } else {
      y = seen("conv0", this.#conv0!.forward(lastUse(x!), ws[0], of("conv0")));
      y = seen("conv1", this.#conv1.forward(lastUse(y), ws[1], of("conv1")));
    }

    if (this.#toRgb === null) return { x: y, img: img === null ? null : upsample2d(img, this.#filter) };
    const rgb = seen("torgb", this.#toRgb.forward(this.#isLast ? lastUse(y) : y, ws[this.numConv], of("torgb")));
    const sum = img === null ? rgb : add(upsample2d(img, this.#filter), rgb);
    return { x: this.#isLast ? null : y, img: sum };
  }
}

export class SynthesisNetwork {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** 2 log2(resolution) - 2. */
  readonly numWs: number;
  readonly config: SynthesisConfig;
  readonly #blocks: readonly SynthesisBlock[];

  constructor(tree: ParameterTree, config: SynthesisConfig) {
    this.wDim = config.wDim;
    this.imgResolution = config.imgResolution;
    this.imgChannels = config.imgChannels;
    this.config = config;
    this.#blocks = config.channels.map(([resolution, channels], k) => {
      const inChannels = k === 0 ? 0 : config.channels[k - 1][1];
      return new SynthesisBlock(tree.child(`b${resolution}`), resolution, inChannels, channels, config);
    });
    this.numWs = this.#blocks.reduce((sum, block) => sum + block.numConv, 1);
  }

  /**
   * @param ws [N, numWs, wDim], one w for each layer (from the mapping network, or mixed: StyleGAN, section 3.1)
   * @returns images [N, imgChannels, imgResolution, imgResolution], mostly within [-1, 1]
   * @throws RangeError when ws has another shape, or there is no such block as `from` or `until` name
   */
  forward(ws: Tensor, options: SynthesisOptions = {}): Tensor {
    const { noiseMode = "random", random = new NoiseGenerator(), onBlock, from, until } = options;
    const { architecture } = this.config;
    assertShape("synthesis", "ws", ws.shape, [null, this.numWs, this.wDim], "N, numWs, wDim");
    const running = blocksToRun(this.#blocks, ws.shape[0], options);
    if (architecture === "skip" && from?.img === null) {
      throw new RangeError("synthesis: from.img must be the image so far of this skip generator, got null");
    }
    if (architecture !== "skip" && (until ?? this.imgResolution) !== this.imgResolution) {
      throw new RangeError(
        `synthesis: until is for skip generators; architecture "${architecture}" has no image at ${until}x${until}`,
      );
    }
    return inScope(() => {
      const layerWs = unstack(ws, 1); // numWs of [N, wDim]
      const { img } = chain(running, startOf(from) as Features, (features, block) => {
        const blockWs = layerWs.slice(block.firstW, block.firstW + block.numWs);
        const after = block.forward(features, blockWs, { noiseMode, random }, options);
        if (after.x !== null) onBlock?.({ resolution: block.resolution, x: after.x, img: after.img });
        return after;
      });
      return img!;
    });
  }
}
