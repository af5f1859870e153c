/**
 * Upsample, FIR filter, downsample: zeros are inserted after each sample, the result is padded (a negative padding
 * crops), convolved with f and decimated (Karras et al. 2019b, StyleGAN2, appendix B; the filter is ProGAN's).
 *
 * The adjoint of upfirdn2d is upfirdn2d with up and down exchanged and f flipped. Per axis, with k taps,
 *
 *   y[q] = sum_j f[k-1-j] xUp[q down + j - p0],   xUp[m] = x[m / up] where up divides m
 *
 * so x[i] meets y[q] through j = i up + p0 - q down: the same sum with i as the output, hence
 * p0' = k - p0 - 1 and p1' = in up - out down + p0 - up + 1. Identity 9, tests/identities/linear.test.ts.
 */
import { defineOp, type Op, sumSoFar } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import { adjointFilter } from "../kernels/filters.js";
import type { Filter2d, Upfirdn2dGeometry } from "../kernels/types.js";
import { assertShape, type Shape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";

export type { Filter2d } from "../kernels/types.js";

/**
 * A FIR filter from taps: one dimension is taken as the outer product with itself. Taps are divided by their sum.
 *
 * @throws RangeError for no taps, rows of different length, or a sum of 0
 */
export function setupFilter(taps: readonly number[] | readonly (readonly number[])[]): Filter2d {
  const rows = taps.filter((row) => typeof row !== "number");
  if (taps.length === 0 || rows.some((row) => row.length !== rows[0].length || row.length === 0)) {
    throw new RangeError("setupFilter: taps must be a non-empty list, or rows of equal length");
  }
  if (rows.length === 0) {
    const line = taps as readonly number[];
    const total = line.reduce((sum, tap) => sum + tap, 0);
    if (total === 0) throw new RangeError(`setupFilter: taps must not sum to 0, got [${line.join(", ")}]`);
    const unit = line.map((tap) => tap / total);
    const outer = unit.flatMap((a) => unit.map((b) => a * b));
    return { tapsY: unit.length, tapsX: unit.length, taps: outer, separable: { y: unit, x: unit } };
  }
  const flat = rows.flat();
  const total = flat.reduce((sum, tap) => sum + tap, 0);
  if (total === 0) throw new RangeError("setupFilter: taps must not sum to 0");
  return { tapsY: rows.length, tapsX: rows[0].length, taps: flat.map((tap) => tap / total), separable: null };
}

const op: Op<{ x: Tensor }, Upfirdn2dGeometry> = defineOp("upfirdn2d", {
  forward: ({ x }, g) => {
    const y = allocateTensor([...x.shape.slice(0, 2), g.outHeight, g.outWidth]);
    activeKernels().upfirdn2d(x.internals.block, y.internals.block, g);
    return y;
  },
  vjp: {
    x: (dy, _, g) => {
      const sum = sumSoFar();
      if (sum === null) return op({ x: dy }, adjointFilter(g));
      activeKernels().upfirdn2d(dy.internals.block, sum.internals.block, adjointFilter(g), { adds: true });
      return sum;
    },
  },
  reads: {},
});

/** One number for both axes, or [x, y]. */
export type PerAxis = number | readonly [number, number];

export interface Upfirdn2dOptions {
  /** Upsampling factor. Default 1. */
  readonly up?: PerAxis;
  /** Downsampling factor. Default 1. */
  readonly down?: PerAxis;
  /** [x before, x after, y before, y after] in upsampled pixels, or one number for all; negative crops. Default 0. */
  readonly padding?: number | readonly [number, number, number, number];
  /** Correlate instead of convolve. Default false. */
  readonly flipFilter?: boolean;
  /** Multiplies the result. Default 1. */
  readonly gain?: number;
}

const pair = (value: PerAxis): readonly [number, number] => (typeof value === "number" ? [value, value] : value);

/**
 * @param x [N, C, H, W]
 * @param filter from `setupFilter`
 * @returns [N, C, floor((H up + y0 + y1 - taps) / down) + 1, ...]
 * @throws RangeError when nothing is left after padding and filtering
 */
export function upfirdn2d(x: Tensor, filter: Filter2d, options: Upfirdn2dOptions = {}): Tensor {
  return op({ x }, upfirdn2dGeometry(x.shape, filter, options));
}

/** What upfirdn2d computes of an x of this shape, or a RangeError. */
export function upfirdn2dGeometry(shape: Shape, filter: Filter2d, options: Upfirdn2dOptions): Upfirdn2dGeometry {
  const { padding = 0, flipFilter = false, gain = 1 } = options;
  const [upX, upY] = pair(options.up ?? 1);
  const [downX, downY] = pair(options.down ?? 1);
  const [padX0, padX1, padY0, padY1] = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  assertShape("upfirdn2d", "x", shape, [null, null, null, null], "N, C, H, W");
  if (![upX, upY, downX, downY].every((factor) => Number.isInteger(factor) && factor >= 1)) {
    throw new RangeError(
      `upfirdn2d: up and down must be whole numbers of at least 1, got up ${upX}x${upY}, down ${downX}x${downY}`,
    );
  }
  const [n, c, height, width] = shape;
  const outHeight = Math.floor((height * upY + padY0 + padY1 - filter.tapsY) / downY) + 1;
  const outWidth = Math.floor((width * upX + padX0 + padX1 - filter.tapsX) / downX) + 1;
  if (outHeight < 1 || outWidth < 1) {
    throw new RangeError(
      `upfirdn2d: nothing is left of ${height}x${width} after padding ${padX0},${padX1},${padY0},${padY1} and a ` +
        `${filter.tapsY}x${filter.tapsX} filter; the result would be ${outHeight}x${outWidth}`,
    );
  }
  const axes = { upX, upY, downX, downY, padX0, padX1, padY0, padY1 };
  return { planes: n * c, height, width, ...axes, filter, flipFilter, gain, outHeight, outWidth };
}

export interface ResampleOptions {
  /** Factor in both axes. Default 2. */
  readonly factor?: number;
  /** Multiplies the result. Default 1. */
  readonly gain?: number;
}

/** Doubles the resolution: upfirdn2d with gain factor^2 and the padding that keeps the image centred. */
export function upsample2d(x: Tensor, filter: Filter2d, options: ResampleOptions = {}): Tensor {
  const { factor = 2, gain = 1 } = options;
  const before = (taps: number): number => Math.floor((taps + factor - 1) / 2);
  const after = (taps: number): number => Math.floor((taps - factor) / 2);
  const { tapsX, tapsY } = filter;
  const padding = [before(tapsX), after(tapsX), before(tapsY), after(tapsY)] as const;
  return upfirdn2d(x, filter, { up: factor, padding, gain: gain * factor * factor });
}

/** Halves the resolution with the padding that keeps the image centred. */
export function downsample2d(x: Tensor, filter: Filter2d, options: ResampleOptions = {}): Tensor {
  const { factor = 2, gain = 1 } = options;
  const before = (taps: number): number => Math.floor((taps - factor + 1) / 2);
  const after = (taps: number): number => Math.floor((taps - factor) / 2);
  const { tapsX, tapsY } = filter;
  const padding = [before(tapsX), after(tapsX), before(tapsY), after(tapsY)] as const;
  return upfirdn2d(x, filter, { down: factor, padding, gain });
}

/** Filters at the same resolution. */
export function filter2d(x: Tensor, filter: Filter2d, options: { readonly gain?: number } = {}): Tensor {
  const { tapsX, tapsY } = filter;
  const padding = [tapsX >> 1, (tapsX - 1) >> 1, tapsY >> 1, (tapsY - 1) >> 1] as const;
  return upfirdn2d(x, filter, { padding, gain: options.gain ?? 1 });
}
