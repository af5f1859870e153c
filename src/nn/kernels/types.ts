/**
 * The contract between tensors and arithmetic: every heavy operation of the library, as a function on blocks of
 * numbers. `reference/kernels.ts` is its definition in plain loops, `wasm/kernels.ts` its SIMD form; tests/kernels/ holds the
 * two together. Blocks are dense and row-major; every kernel writes the whole of its output and nothing else, and
 * no output may overlap an input unless the method says so.
 */

import type { Activation } from "./activations.js";
import type { Block, Filter2d, Refill } from "./block.js";
import type { BinaryOp, UnaryOp } from "./functions.js";
import type { FusedKernels } from "./wasm/fused/types.js";

export type { Block, Filter2d, Refill } from "./block.js";

/**
 * An index space `shape` walked in row-major order; each operand has a stride (in elements, 0 to broadcast, negative
 * to reverse) for every axis, and an offset. At most 6 axes.
 */
export interface StridedGeometry {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly offsets?: readonly number[];
}

/** y[outer, inner] = gain * (sum over b, r of x[b, outer, r, inner]), b in 0 .. batch - 1. */
export interface SumGeometry {
  readonly batch: number;
  readonly outer: number;
  readonly reduce: number;
  readonly inner: number;
  readonly gain: number;
}

/** y[b] = op(a[b]) op(b[b]) for each of `batch` matrices: [m, k] x [k, n] -> [m, n] after the transpositions. */
export interface MatmulGeometry {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** a is stored [k, m]. */
  readonly transposeA: boolean;
  /** b is stored [n, k]. */
  readonly transposeB: boolean;
  /** Elements between consecutive matrices of each operand; 0 shares one matrix. */
  readonly strideA: number;
  readonly strideB: number;
}

/**
 * Correlation of x [N, I, H, W] with w [O, I / groups, kh, kw] into y [N, O, outH, outW]:
 * y[n, o, p, q] = sum over i, r, s of x[n, i, p * stride + r - padY, q * stride + s - padX] * w[o, i, r, s],
 * zeros outside x. (outH, outW) are given because a transposed convolution cannot derive (H, W) from them.
 */
export interface Conv2dGeometry {
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padY: number;
  readonly padX: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly groups: number;
  /**
   * A filter at the same rate that x goes through before all this: (height, width) are what it makes of x, which has those of the
   * filter. What is adjoint to the convolution is adjoint to both. Null or left out: none.
   */
  readonly filter?: Upfirdn2dGeometry | null;
}

/**
 * Upsample by inserting zeros, pad (negative pads crop), filter, downsample: for each of `planes` images,
 * y[q] = gain * sum over k of f[k] * xPadded[q * down - k + (taps - 1)] per axis, which is a true convolution
 * (`flipFilter` makes it a correlation). outH = floor((H * upY + padY0 + padY1 - tapsY) / downY) + 1.
 */
export interface Upfirdn2dGeometry {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly upX: number;
  readonly upY: number;
  readonly downX: number;
  readonly downY: number;
  readonly padX0: number;
  readonly padX1: number;
  readonly padY0: number;
  readonly padY1: number;
  /** The filter, row-major [tapsY, tapsX], or its two factors when it is separable. Plain numbers: a few taps. */
  readonly filter: Filter2d;
  readonly flipFilter: boolean;
  readonly gain: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/**
 * y = clamp(gain * act(t)), t = inputGain * x + biasGain * b, b over the channel axis of x viewed as
 * [outer, channels, inner].
 */
export interface BiasActGeometry {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
  readonly inputGain: number;
  readonly biasGain: number;
  readonly activation: Activation;
  /** Negative slope of lrelu. */
  readonly alpha: number;
  readonly gain: number;
  /** Clamp to [-clamp, clamp]; null leaves the values. */
  readonly clamp: number | null;
}

/** What follows the convolution of a layer, as operands of feature maps [outer, channels, inner]; null for those it has not. */
export interface LayerEnd {
  /** [outer, channels] */
  readonly scale: Block | null;
  /** [noiseMaps, inner] */
  readonly noise: Block | null;
  /** [channels] */
  readonly b: Block | null;
}

/** biasAct of x * scale + noise in place of x; its activation is piecewise linear, its clamp above 0. */
export interface LayerEndGeometry extends BiasActGeometry {
  /** 1, shared by all samples, or `outer`. */
  readonly noiseMaps: number;
}

/**
 * One Adam update, in place (parameter, m, v); m and v corrected for bias at step number `step` (1, 2, ...). NaN in the
 * gradient counts as 0, an infinity as +-1e5.
 */
export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly step: number;
}

/** Numbers for each feature map of the operands of a weight gradient, [n, channels], that multiply it. */
export interface OperandScales {
  readonly x?: Block;
  readonly dy?: Block;
}

/** What a sequence of kernels made: a block that the caller releases. */
export interface Captured {
  readonly block: Block;
  readonly shape: readonly number[];
}

/** What `Kernels.normal` draws next. */
export type NextNoise = () => { readonly seed: number; readonly stream: number };

/**
 * Sequences of kernels to be run again as they were. Whoever names one promises that it depends on its name, on the inputs, on
 * parameters and on the noise that it draws, and on nothing else.
 */
export interface Captures {
  /**
   * What the sequence `name` makes of the same blocks, with what is in them and in parameters now, and with noise that `next` says; null
   * where nobody knows: then `capture`.
   */
  replay(name: string, inputs: readonly Block[], next: NextNoise | null): Captured | null;
  /** Calls `run`, once, which returns what it made, or null where that cannot be replayed. It may draw noise where `draws`. */
  capture(name: string, inputs: readonly Block[], draws: boolean, run: () => Captured | null): void;
  /** Forgets them all: a parameter, or something made of one, has changed, moved or gone. */
  clear(): void;
  /** How many there have been. */
  readonly replays: number;
}

export interface Kernels {
  readonly name: "reference" | "simd" | "relaxed-simd" | "wide";
  readonly precision: "float32" | "float64";
  /** How many cores the kernels use. Results do not depend on it, bit for bit. */
  readonly threads: number;

  /** Whole layers as one kernel, where these kernels have them. */
  readonly fused?: FusedKernels;

  /** Sequences of kernels to be run again, where these kernels can. */
  readonly captures?: Captures;

  /** Ends the threads. The kernels still compute, on one thread: their blocks can be read and given back. */
  dispose?(): void;

  /** A block with undefined contents. Throws RangeError when the memory cannot hold it. */
  allocate(length: number): Block;
  /** Gives a block back; it must not be used again. */
  release(block: Block): void;
  /**
   * A block of numbers that can be had whenever they are wanted: they are when `data` is asked for, or by a kernel. Kernels that
   * compute with a form of their own of them give the memory up in between. Null where that is not worth it.
   */
  borrow?(length: number, refill: Refill): Block | null;
  /** Says that a network of so many numbers comes: the memory may grow once, and not step by step. */
  makeRoom?(parameters: number): void;
  /** Bytes in live blocks, and the most there have been. */
  memory(): { readonly usedBytes: number; readonly peakBytes: number; readonly reservedBytes: number };

  fill(y: Block, value: number): void;
  /** y = standard normal numbers: each a function of seed, stream (both 32 bits) and its index. */
  normal(y: Block, options: { readonly seed: number; readonly stream: number }): void;
  /** y may be x. */
  unary(op: UnaryOp, x: Block, y: Block): void;
  /** y = scale * x + offset. y may be x. */
  affine(x: Block, y: Block, scale: number, offset: number): void;
  /** y = x + t (y - x) for each pair, in place: y moves towards x, all the way for t = 0. */
  lerp(x: readonly Block[], y: readonly Block[], t: number): void;
  /** strides and offsets in the order a, b; y is dense over `shape`. y may be a or b where their strides are dense. */
  binary(op: BinaryOp, a: Block, b: Block, y: Block, geometry: StridedGeometry): void;
  /** strides and offsets in the order x, y: y[...] = x[...]. Writes only the elements that the geometry names. */
  stridedCopy(x: Block, y: Block, geometry: StridedGeometry): void;
  sum(x: Block, y: Block, geometry: SumGeometry): void;
  matmul(a: Block, b: Block, y: Block, geometry: MatmulGeometry): void;
  /** `scales`, [n, inChannels] where there are any, multiply the maps of x: they are rounded as by `binary`, but in no memory. */
  conv2d(x: Block, w: Block, y: Block, geometry: Conv2dGeometry, scales?: Block): void;
  /** biasAct of conv2d in one pass, rounded as by one after the other. */
  conv2dBiasAct(x: Block, w: Block, b: Block | null, y: Block, conv: Conv2dGeometry, end: BiasActGeometry): void;
  /** The adjoint of conv2d in x: y takes the place of the input, so geometry describes the convolution x -> y. `scales` are of dy. */
  conv2dInputGrad(dy: Block, w: Block, dx: Block, geometry: Conv2dGeometry, scales?: Block): void;
  /** The adjoint of conv2d in w. */
  conv2dWeightGrad(x: Block, dy: Block, dw: Block, geometry: Conv2dGeometry, scales?: OperandScales): void;
  /** `adds`: to what is in y, rounded as by `binary`, instead of in its place. Default false. */
  upfirdn2d(x: Block, y: Block, geometry: Upfirdn2dGeometry, options?: { readonly adds?: boolean }): void;
  /** b has `channels` elements, or is null. y may be x. */
  biasAct(x: Block, b: Block | null, y: Block, geometry: BiasActGeometry): void;
  /** dx = dy * inputGain * gain * act'(t) where not clamped, recovered from x, b. dx may be dy. */
  biasActGrad(dy: Block, x: Block, b: Block | null, dx: Block, geometry: BiasActGeometry): void;
  /** y = biasAct(x * scale + noise) in one pass, rounded as by one operation after the other. y may be x. */
  layerEnd(x: Block, operands: LayerEnd, y: Block, geometry: LayerEndGeometry): void;
  /** dt, what biasActGrad makes of dy there, and dx = dt * scale. dx and dt may be dy. */
  layerEndGrad(dy: Block, x: Block, operands: LayerEnd, dt: Block, dx: Block, geometry: LayerEndGeometry): void;
  /** All parameters of a network in one call: the four lists go together. */
  adam(
    parameters: readonly Block[],
    gradients: readonly Block[],
    m: readonly Block[],
    v: readonly Block[],
    options: AdamOptions,
  ): void;
}
