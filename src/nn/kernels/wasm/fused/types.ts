/**
 * The contract of the fast layer: one whole convolution layer of StyleGAN2 (modulation, convolution, resampling filter,
 * demodulation, noise, bias, activation, gain, clamp) in a single call, on activations that may stay in a layout of the
 * kernels' own between layers. `fused/layers.ts` implements it; the definition that it must agree with is the composition of the
 * primitives in `types.ts`, and `tests/fast*.test.ts` hold the two together.
 */
import type { Block, Filter2d } from "../../block.js";

/** Row-major [n, channels, height, width], as everywhere else. */
export interface PlanarLayout {
  readonly kind: "planar";
  readonly n: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * [n, ceil(channels / 8), height, width, 8]: a pixel holds eight channels side by side, so that SIMD code needs no shuffles.
 * The lanes past the last channel are zero.
 */
export interface BlockedLayout {
  readonly kind: "blocked";
  readonly n: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export type Layout = PlanarLayout | BlockedLayout;

/** A batch of feature maps: numbers and how they lie. */
export interface Activations {
  readonly block: Block;
  readonly layout: Layout;
}

/**
 * Weights [outChannels, inChannels, kernel, kernel]. The kernels prepare them once (packed, transformed) and keep the
 * result under (block, version) until `releaseWeights(block)`; give a new version whenever the contents change.
 */
export interface WeightRef {
  readonly block: Block;
  readonly version: number;
}

/** The activations that a layer can apply by itself; all are y = max(z, slope * z) with a slope in [0, 1]. */
export type FusedActivation = "linear" | "lrelu" | "relu";

/**
 * What one layer computes, for each sample n:
 *
 *   z = dcoefs[n, o] * resample(conv(styles[n, i] * x[n, i], weightGain * w[o, i]))
 *   y = clamp(gain * act(z + noiseStrength * noise + bias[o]))
 *
 * kernel 3: up 1, down 1: correlation, stride 1, zero padding 1.
 *           up 2: stride-2 transposed convolution with the stored kernel (2H + 1), then `filter` with padding 1, gain 4 (2H).
 *           down 2: `filter` with padding 2 (H + 1), then stride-2 correlation without padding (H / 2).
 * kernel 1: up 1, down 1: a matrix product per pixel.
 *           up 2: the product, then upsampling with `filter` (padding 2, 1; gain 4).
 *           down 2: `filter` with padding 1 and every second pixel, then the product.
 * CONVENTIONS 1.1, items 12 to 14.
 */
export interface ConvLayerOptions {
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Of the input. */
  readonly height: number;
  readonly width: number;
  readonly kernel: 1 | 3;
  readonly up: 1 | 2;
  readonly down: 1 | 2;
  /** Needed by up 2 and down 2; null otherwise. */
  readonly filter: Filter2d | null;
  /** Mirror the kernel in both axes. Default false. */
  readonly flipWeight?: boolean;
  /** [n, inChannels], or null for an unmodulated layer. */
  readonly styles: Block | null;
  /** [n, outChannels] (see `FastKernels.dcoefs`), or null for no demodulation. */
  readonly dcoefs: Block | null;
  /** [1 or n, 1, outHeight, outWidth], or null; its length tells which. */
  readonly noise: Block | null;
  readonly noiseStrength: number;
  /** [outChannels], or null. */
  readonly bias: Block | null;
  readonly activation: FusedActivation;
  /** Slope of lrelu for negative values, in [0, 1]; ignored by the others. */
  readonly alpha: number;
  /** Positive. The gain is exactly this number: nothing is implied by the activation. */
  readonly gain: number;
  /** Positive, or null. */
  readonly clamp: number | null;
  /** A scalar multiplied into the weights (equalised learning rate: 1 / sqrt(fan in)). */
  readonly weightGain: number;
  readonly outputLayout: "blocked" | "planar";
  /**
   * The caller needs x no more: the layer releases it, and may write its result over it (which saves the largest buffer
   * of a high-resolution network). Default false.
   */
  readonly consumeInput?: boolean;
}

/** The fused layers. Blocks come from and go back to the allocator of the primitive kernels they are built on. */
export interface FastKernels {
  /** Whether `convLayer` can do this layer; when not, compose it from the primitives. Never throws. */
  supports(options: ConvLayerOptions): boolean;

  /**
   * One layer. x in either layout; the output is a fresh block (or x's own, see `consumeInput`) that the caller releases.
   * Throws RangeError where a size and a block disagree.
   */
  convLayer(x: Activations, weight: WeightRef, options: ConvLayerOptions): Activations;

  /**
   * d[n, o] = 1 / sqrt(sum over i, k of (weightGain * w[o, i, k] * s[n, i])^2 + 1e-8), from cached sums of squares: reads
   * outChannels * inChannels numbers, not the weights. A fresh block [n, outChannels] that the caller releases.
   */
  dcoefs(weight: WeightRef, styles: Block, options: DcoefsOptions): Block;

  /** A copy in the other layout (a fresh block); `x` itself when it already has that layout. */
  toLayout(x: Activations, kind: Layout["kind"]): Activations;

  /** Drops everything prepared from these weights. */
  releaseWeights(block: Block): void;

  /** Bytes in prepared weights and in scratch memory. */
  memory(): { readonly preparedBytes: number; readonly scratchBytes: number };
}

export interface DcoefsOptions {
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** kernel height times kernel width. */
  readonly taps: number;
  readonly weightGain: number;
}

/** How many numbers a layout occupies. */
export function layoutLength(layout: Layout): number {
  const { n, channels, height, width } = layout;
  return n * (layout.kind === "planar" ? channels : Math.ceil(channels / 8) * 8) * height * width;
}
