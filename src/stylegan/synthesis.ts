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
import { fusedTail, isBlocked } from "../nn/fused.js";
import { DenseLayer } from "../nn/layers/dense.js";
import { constant, normal, type ParameterTree } from "../nn/layers/module.js";
import { add } from "../nn/ops/arith.js";
import { type Activation, defaultGain } from "../nn/ops/biasAct.js";
import { expand, reshape } from "../nn/ops/reduce.js";
import { type Filter2d, setupFilter, upsample2d } from "../nn/ops/upfirdn2d.js";
import type { Repeatable } from "../nn/repeatable.js";
import { assertShape } from "../nn/shape.js";
import { inScope, lastUse, type Tensor, tensorWithoutMemory } from "../nn/tensor.js";
import { type SynthesisConfig, sizeAt } from "./config.js";
import { Conv2dLayer, equalizedGain } from "./convLayer.js";
import {
  type Block,
  type BlockContext,
  type LayerContext,
  type Synthesis,
  type SynthesisOptions,
  walkBlocks,
} from "./forward/blocks.js";
import { checkForwardOptions, checkTensor } from "./forward/options.js";
import { layerNoise } from "./layerNoise.js";
import { type LayerSettings, layerRecord, modulatedLayer } from "./modulatedConv2d.js";

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
  readonly noiseConst: Tensor | null; // [H, W]
  readonly noiseStrength: Tensor | null; // []
  readonly #up: 1 | 2;
  readonly #options: LayerOptions;

  constructor(
    tree: ParameterTree,
    inChannels: number,
    outChannels: number,
    size: readonly [number, number],
    up: 1 | 2,
    options: LayerOptions,
  ) {
    this.affine = new DenseLayer(tree.child("affine"), options.wDim, inChannels, { biasInit: 1 });
    this.weight = tree.parameter("weight", [outChannels, inChannels, 3, 3], normal());
    this.noiseConst = options.useNoise ? tree.buffer("noise_const", size, normal()) : null;
    this.noiseStrength = options.useNoise ? tree.parameter("noise_strength", [], constant(0)) : null;
    this.bias = tree.parameter("bias", [outChannels], constant(0));
    this.#up = up;
    this.#options = options;
  }

  /** x [N, I, H, W], w [N, wDim] -> [N, O, H up, W up]; `gain` multiplies the result and its clamp. */
  forward(x: Tensor, w: Tensor, context: LayerContext, gain = 1): Tensor {
    return modulatedLayer(x, ...this.settings(x.shape[0], w, context, gain));
  }

  /** What it does to n samples of x. */
  settings(n: number, w: Tensor, context: LayerContext, gain = 1): LayerSettings {
    const { filter, activation, convClamp, scaleBeforeDemodulation } = this.#options;
    const { editStyles = unchanged } = context;
    const styles = editStyles(this.affine.forward(w)); // [N, I]
    const options = {
      filter,
      up: this.#up,
      flipWeight: this.#up === 1, // official files hold the kernels of layers that enlarge mirrored
      weightGain: scaleBeforeDemodulation ? equalizedGain(this.weight) : 1,
      noise: layerNoise(this.noiseConst, n, context),
      noiseStrength: this.noiseStrength,
      bias: this.bias,
      activation,
      gain: defaultGain(activation) * gain,
      clamp: convClamp === null ? null : convClamp * gain,
    } as const;
    return [this.weight, styles, options];
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
  forward(x: Tensor, w: Tensor, context: Pick<LayerContext, "editStyles"> = {}): Tensor {
    return modulatedLayer(x, ...this.settings(w, context));
  }

  /** What it does to x. */
  settings(w: Tensor, { editStyles = unchanged }: Pick<LayerContext, "editStyles">): LayerSettings {
    // Nothing demodulates here, so the equalised learning rate's scale of the weight is not taken out again: it is in the styles.
    const styles = editStyles(this.affine.forward(w, equalizedGain(this.weight))); // [N, I]
    const options = {
      filter: this.#options.filter,
      demodulate: false,
      noise: null,
      noiseStrength: null,
      bias: this.bias,
      activation: "linear",
      gain: 1,
      clamp: this.#options.convClamp,
    } as const;
    return [this.weight, styles, options];
  }
}

/** One resolution: (conv0 that doubles it,) conv1, and what the architecture adds. */
export class SynthesisBlock implements Block {
  readonly resolution: number;
  readonly size: readonly [number, number];
  readonly numConv: number;
  readonly toRgb: ToRgbLayer | null;
  readonly isLast: boolean;
  readonly #constant: Tensor | null; // [C, 4, 4]
  readonly #conv0: SynthesisLayer | null;
  readonly #conv1: SynthesisLayer;
  readonly #skip: Conv2dLayer | null;

  constructor(tree: ParameterTree, resolution: number, inChannels: number, channels: number, config: SynthesisConfig) {
    const filter = setupFilter(config.resampleFilter);
    const options = { ...config, filter };
    const isFirst = resolution === 4;
    const isLast = resolution === config.imgResolution;
    const size = sizeAt(config.base, resolution);
    this.resolution = resolution;
    this.size = size;
    this.isLast = isLast;
    this.#constant = isFirst ? tree.parameter("const", [channels, ...size], normal()) : null;
    this.#conv0 = isFirst ? null : new SynthesisLayer(tree.child("conv0"), inChannels, channels, size, 2, options);
    this.#conv1 = new SynthesisLayer(tree.child("conv1"), channels, channels, size, 1, options);
    this.numConv = isFirst ? 1 : 2;
    this.toRgb =
      isLast || config.architecture === "skip"
        ? new ToRgbLayer(tree.child("torgb"), channels, config.imgChannels, options)
        : null;
    this.#skip =
      !isFirst && config.architecture === "resnet"
        ? new Conv2dLayer(tree.child("skip"), inChannels, channels, 1, { bias: false, up: 2, filter })
        : null;
  }

  /** x [N, I, H / 2, W / 2], null at 4x4; ws: of this block's layers, [N, wDim] each -> [N, C, H, W] */
  features(x: Tensor | null, ws: readonly Tensor[], { seen, of }: BlockContext): Tensor {
    if (this.#constant !== null) {
      const { shape } = this.#constant;
      const [n] = ws[0].shape;
      const start = expand(reshape(this.#constant, [1, ...shape]), [n, ...shape]); // [N, C, 4, 4]
      return seen("conv1", this.#conv1.forward(start, ws[0], of("conv1")));
    }
    if (this.#skip !== null) {
      // (shortcut + y) / sqrt(2), which keeps the variance of a sum of two; each term is divided where its gain is applied.
      const shortcut = this.#skip.forward(x!, Math.SQRT1_2);
      const y = seen("conv0", this.#conv0!.forward(x!, ws[0], of("conv0")));
      return add(shortcut, seen("conv1", this.#conv1.forward(lastUse(y), ws[1], of("conv1"), Math.SQRT1_2)));
    }
    const y = seen("conv0", this.#conv0!.forward(lastUse(x!), ws[0], of("conv0")));
    return seen("conv1", this.#conv1.forward(lastUse(y), ws[1], of("conv1")));
  }

  /** Whether nobody but toRgb is to see the features: then `image` takes the place of both. */
  hidesFeatures(x: Tensor | null, { isWatched }: BlockContext): boolean {
    return this.isLast && this.#skip === null && x !== null && !isWatched && isBlocked(x);
  }

  /** toRgb of such features: they need not be whole in memory. */
  image(x: Tensor, ws: readonly Tensor[], { of }: BlockContext): Tensor {
    const [n] = x.shape;
    const up = this.#conv0!.settings(n, ws[0], of("conv0"));
    const conv = this.#conv1.settings(n, ws[1], of("conv1"));
    const rgb = this.toRgb!.settings(ws[2], of("torgb"));
    const between = tensorWithoutMemory([n, this.#conv1.weight.shape[0], ...this.size]);
    const records = [
      layerRecord(lastUse(x), ...up),
      layerRecord(between, ...conv),
      layerRecord(between, ...rgb),
    ] as const;
    const image = fusedTail(records);
    if (image !== null) return image;
    const y = modulatedLayer(lastUse(modulatedLayer(x, ...up)), ...conv);
    return modulatedLayer(lastUse(y), ...rgb);
  }
}

export class SynthesisNetwork implements Synthesis<SynthesisConfig> {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly numWs: number;
  readonly lod = null;
  readonly config: SynthesisConfig;
  readonly #blocks: readonly SynthesisBlock[];
  readonly #filter: Filter2d;
  readonly #tensors: Repeatable;

  constructor(tree: ParameterTree, config: SynthesisConfig) {
    this.#tensors = tree;
    this.wDim = config.wDim;
    this.imgResolution = config.imgResolution;
    this.imgChannels = config.imgChannels;
    this.config = config;
    this.#filter = setupFilter(config.resampleFilter);
    this.#blocks = config.channels.map(([resolution, channels], k) => {
      const inChannels = k === 0 ? 0 : config.channels[k - 1][1];
      return new SynthesisBlock(tree.child(`b${resolution}`), resolution, inChannels, channels, config);
    });
    this.numWs = this.#blocks.reduce((sum, block) => sum + block.numConv, 1);
  }

  forward(ws: Tensor, options: SynthesisOptions = {}): Tensor {
    const { architecture } = this.config;
    const { until = this.imgResolution, lod = 0 } = options;
    checkForwardOptions("synthesis", options);
    checkTensor("synthesis", "ws", ws);
    assertShape("synthesis", "ws", ws.shape, [null, this.numWs, this.wDim], "N, numWs, wDim");
    if (lod !== 0) throw new RangeError(`synthesis: lod must be 0 in a network that does not grow, got ${lod}`);
    if (architecture !== "skip" && until !== this.imgResolution) {
      throw new RangeError(
        `synthesis: until is for skip generators; architecture "${architecture}" has no image at ${until}x${until}`,
      );
    }
    return inScope(() =>
      walkBlocks(this.#tensors, this.#blocks, ws, options, ({ x, img }, block, blockWs, context) => {
        if (architecture === "skip" && x !== null && img === null) {
          throw new RangeError("synthesis: from.img must be the image so far of this skip generator, got null");
        }
        const { isLast } = block;
        const y = block.hidesFeatures(x, context) ? null : block.features(x, blockWs, context);
        if (y !== null && block.toRgb === null) {
          return { x: y, img: img === null ? null : upsample2d(img, this.#filter) };
        }
        const w = blockWs[block.numConv];
        const shown = (y: Tensor): Tensor => context.seen("torgb", block.toRgb!.forward(y, w, context.of("torgb")));
        const rgb = y === null ? block.image(x!, blockWs, context) : shown(isLast ? lastUse(y) : y);
        const sum = img === null ? rgb : add(upsample2d(img, this.#filter), rgb);
        return { x: isLast ? null : y, img: sum };
      }),
    );
  }
}
