/**
 * The contract of the fused layer: one whole convolution layer (scales of the input channels, convolution, resampling filter,
 * scales of the output channels, noise, bias, activation, gain, clamp) in a single call, on feature maps that may stay in a layout
 * of the kernels' own between layers. `layers.ts` implements it; the definition that it must agree with is the composition of the
 * primitives in `../../types.ts`, and tests/kernels/fused.test.ts holds the two together.
 */
import type { Activation } from "../../activations.js";
import type { Block, Filter2d } from "../../block.js";

/** Anything with a shape. */
export interface Shaped {
  readonly shape: readonly number[];
}

/**
 * planar: row-major [n, channels, height, width], as everywhere else. blocked: [n, ceil(channels / 8), height, width, 8], a pixel
 * holds eight channels side by side, so that SIMD code needs no shuffles; the lanes past the last channel are zero.
 */
export type FeatureLayout = "planar" | "blocked";

/** Numbers in the memory of the kernels. */
export interface Operand extends Shaped {
  readonly block: Block;
  /** Of feature maps. Default planar. */
  readonly layout?: FeatureLayout;
  /**
   * Of weights, which the kernels prepare once (packed, transformed) and keep under (block, version) until `releaseWeights(block)`:
   * another number whenever the contents have changed. Default 0.
   */
  readonly version?: number;
}

/** The tensors of a layer, by their names; N samples of I input and O output channels. */
export interface LayerTensors<T> {
  /** [N, I, H, W] */
  readonly x: T;
  /** [O, I, k, k] */
  readonly weight: T;
  /** [N, I]: multiply the channels of x; null for none. */
  readonly inputScales: T | null;
  /** [N, O]: multiply the channels of the result, before anything is added. "unit": `FusedKernels.unitScales`. Null for none. */
  readonly outputScales: T | "unit" | null;
  /** [1 or N, 1, height, width] of the output, added to every channel; null for none. */
  readonly noise: T | null;
  /** One number that multiplies the noise; null for 1. */
  readonly noiseStrength: T | null;
  /** [O], or null. */
  readonly bias: T | null;
}

/**
 * One convolution layer, as a record of tensors of whatever kind, and of numbers. For each sample n it computes
 *
 *   z = outputScales[n, o] * resample(conv(inputScales[n, i] * x[n, i], weightGain * w[o, i]))
 *   y = clamp(gain * act(z + noiseStrength * noise + bias[o]))
 *
 * k = 3: up 1, down 1: stride 1, zero padding 1.
 *        up 2: stride-2 transposed convolution (2H + 1), then `filter` with padding 1, gain 4 (2H).
 *        down 2: `filter` with padding 2 (H + 1), then the stride-2 convolution without padding (H / 2).
 * k = 1: up 1, down 1: a matrix product per pixel.
 *        up 2: the product, then upsampling with `filter` (padding 2, 1; gain 4).
 *        down 2: `filter` with padding 1 and every second pixel, then the product.
 */
export interface ConvLayer<T> extends LayerTensors<T> {
  readonly up: 1 | 2;
  readonly down: 1 | 2;
  /** Used by up 2 and down 2. */
  readonly filter: Filter2d | null;
  /** true correlates with w, false convolves. */
  readonly flipWeight: boolean;
  /** A scalar multiplied into the weights. */
  readonly weightGain: number;
  readonly activation: Activation;
  /** After the activation. The gain is exactly this number: nothing is implied by the activation. */
  readonly gain: number;
  /** Null for none. */
  readonly clamp: number | null;
}

/** How the feature maps of a layer come and go. */
export interface LayerFlow {
  readonly input: FeatureLayout;
  readonly output: FeatureLayout;
  /**
   * The caller needs x no more: the layer releases it, and may write its result over it (which saves the largest buffer
   * of a high-resolution network).
   */
  readonly consumeInput: boolean;
}

/** What `FusedKernels` were told and have worked out about a layer of given shapes, ready to run on any such tensors. */
export interface FusedPlan {
  /** [n, channels, height, width] */
  readonly outputShape: readonly [number, number, number, number];
  /**
   * The layer's result: a fresh block (or x's own, see `consumeInput`) that the caller releases.
   *
   * @throws RangeError where a tensor has another shape than the plan was made for
   */
  run(tensors: LayerTensors<Operand>): Operand;
}

/** The last layers of a network: an up-convolution, a convolution, and the 1x1 convolution to an image. */
export type Tail<T> = readonly [up: T, conv: T, image: T];

/** What `FusedKernels` have worked out about the last layers; `run` takes and gives what that of a layer does. */
export interface TailPlan {
  readonly outputShape: FusedPlan["outputShape"];
  /** @param x of the first layer, blocked, which it consumes */
  run(x: Operand, tensors: Tail<Omit<LayerTensors<Operand>, "x">>): Operand;
}

/** The fused layers. Blocks come from and go back to the allocator of the primitive kernels they are built on. */
export interface FusedKernels {
  /**
   * How to compute a layer with tensors of these shapes; null where there is no fused form, or where the shapes do not fit each
   * other: then compose it from the primitives, which say what is wrong.
   */
  plan(layer: ConvLayer<Shaped>, flow: LayerFlow): FusedPlan | null;

  /**
   * How to compute the last three layers with the bits that they have one by one, so that of the maps between them those of the convolution
   * never are in memory, and those of the up-convolution a band of rows at a time: each reads what the one before writes, and nobody
   * else does. Null where that is not possible.
   *
   * @param bands how many; default, as their size asks for
   */
  planTail(layers: Tail<ConvLayer<Shaped>>, bands?: number): TailPlan | null;

  /**
   * The output scales that make the weights of each output have unit length: [n, o] =
   * 1 / sqrt(sum over i, k of (weightGain * w[o, i, k] * inputScales[n, i])^2 + 1e-8), from cached sums of squares, which are as many as
   * w has kernels. A fresh block that the caller releases.
   *
   * @throws RangeError where the shapes disagree
   */
  unitScales(weight: Operand, inputScales: Operand, weightGain: number): Operand;

  /** A copy in the other layout (a fresh block); `x` itself when it already has that layout. */
  toLayout(x: Operand, layout: FeatureLayout): Operand;

  /** Drops everything prepared from these weights. */
  releaseWeights(block: Block): void;

  /** Bytes in prepared weights and in scratch memory. */
  memory(): { readonly preparedBytes: number; readonly scratchBytes: number };
}
