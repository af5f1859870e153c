/**
 * Two-dimensional convolution (correlation, as networks use the word) and its two adjoints.
 *
 *   y[n,o,p,q] = sum_{i,r,s} x[n,i,p t + r - pad, q t + s - pad] w[o,i,r,s]        t = stride
 *
 * The map is bilinear, so <conv(x,w), dy> = <x, inputGrad(dy,w)> = <w, weightGrad(x,dy)> defines both adjoints, and
 * differentiating any of the three gives one of the others with the same geometry: the family is closed.
 * Tests: tests/identities/linear.test.ts (identity 4), tests/nn/autograd.test.ts.
 */
import { defineOp, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import { adjointFilter } from "../kernels/filters.js";
import type { Conv2dGeometry, Filter2d } from "../kernels/types.js";
import { assertShape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";
import { type Upfirdn2dOptions, upfirdn2dGeometry } from "./upfirdn2d.js";

type Geometry = Conv2dGeometry;

export const xShape = ({ n, inChannels, height, width, filter }: Geometry) =>
  filter ? [n, inChannels, filter.height, filter.width] : [n, inChannels, height, width];
export const wShape = (g: Geometry) => [g.outChannels, g.inChannels / g.groups, g.kernelHeight, g.kernelWidth];
export const yShape = (g: Geometry) => [g.n, g.outChannels, g.outHeight, g.outWidth];

export const conv: Op<{ x: Tensor; w: Tensor }, Geometry> = defineOp("conv2d", {
  forward: ({ x, w }, g) => {
    const y = allocateTensor(yShape(g));
    activeKernels().conv2d(x.internals.block, w.internals.block, y.internals.block, g);
    return y;
  },
  vjp: {
    x: (dy, { w }, g) => inputGrad({ dy, w }, g),
    w: (dy, { x }, g) => weightGrad({ x, dy }, g),
  },
  reads: { x: ["w"], w: ["x"] },
});

export const inputGrad: Op<{ dy: Tensor; w: Tensor }, Geometry> = defineOp("conv2dInputGrad", {
  forward: ({ dy, w }, g) => {
    const dx = allocateTensor(xShape(g));
    activeKernels().conv2dInputGrad(dy.internals.block, w.internals.block, dx.internals.block, g);
    return dx;
  },
  vjp: {
    dy: (ddx, { w }, g) => conv({ x: ddx, w }, g),
    w: (ddx, { dy }, g) => weightGrad({ x: ddx, dy }, g),
  },
  reads: { dy: ["w"], w: ["dy"] },
});

export const weightGrad: Op<{ x: Tensor; dy: Tensor }, Geometry> = defineOp("conv2dWeightGrad", {
  forward: ({ x, dy }, g) => {
    const dw = allocateTensor(wShape(g));
    activeKernels().conv2dWeightGrad(x.internals.block, dy.internals.block, dw.internals.block, g);
    return dw;
  },
  vjp: {
    x: (ddw, { dy }, g) => inputGrad({ dy, w: ddw }, g),
    dy: (ddw, { x }, g) => conv({ x, w: ddw }, g),
  },
  reads: { x: ["dy"], dy: ["x"] },
});

export interface Conv2dOptions {
  /** Step between output pixels, in both axes. Default 1. */
  readonly stride?: number;
  /** Zeros added on every side, or [above and below, left and right]; negative crops. Default 0. */
  readonly padding?: number | readonly [number, number];
  /** Channel groups that do not see each other. Default 1. */
  readonly groups?: number;
  /** A filter at the same rate, through which x goes before it is correlated, or what convTranspose2d makes after it. Default null: none. */
  readonly filter?: (Pick<Upfirdn2dOptions, "padding" | "gain"> & { readonly taps: Filter2d }) | null;
}

const paddings = (padding: number | readonly [number, number]): readonly [number, number] =>
  typeof padding === "number" ? [padding, padding] : padding;

/**
 * Correlates x with w.
 *
 * @param x [N, I, H, W]
 * @param w [O, I / groups, kh, kw]
 * @returns [N, O, floor((H + 2 padding - kh) / stride) + 1, ...]
 * @throws RangeError when the shapes do not fit
 */
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return conv({ x, w }, conv2dGeometry(x, w, options));
}

/** What conv2d computes, or a RangeError. */
export function conv2dGeometry(x: Tensor, w: Tensor, options: Conv2dOptions): Geometry {
  const { stride = 1, padding = 0, groups = 1 } = options;
  const [padY, padX] = paddings(padding);
  assertShape("conv2d", "x", x.shape, [null, null, null, null], "N, I, H, W");
  const filter = options.filter ? upfirdn2dGeometry(x.shape, options.filter.taps, options.filter) : null;
  const [n, inChannels] = x.shape;
  const [height, width] = filter ? [filter.outHeight, filter.outWidth] : x.shape.slice(2);
  assertShape("conv2d", "w", w.shape, [null, inChannels / groups, null, null], "O, I / groups, kh, kw");
  const [outChannels, , kernelHeight, kernelWidth] = w.shape;
  const outHeight = Math.floor((height + 2 * padY - kernelHeight) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padX - kernelWidth) / stride) + 1;
  if (outHeight < 1 || outWidth < 1 || outChannels % groups !== 0) {
    throw new RangeError(
      `conv2d: a ${kernelHeight}x${kernelWidth} kernel with padding ${padding}, ${groups} groups and ${outChannels} ` +
        `output channels does not fit an input of ${height}x${width}`,
    );
  }
  const kernel = { kernelHeight, kernelWidth, stride, padY, padX, groups };
  return { n, inChannels, outChannels, height, width, outHeight, outWidth, ...kernel, filter };
}

/**
 * The adjoint of conv2d in x: spreads each input pixel over a kh x kw patch of the output, `stride` apart.
 *
 * @param x [N, O, H, W]
 * @param w [O, I / groups, kh, kw], the weight of the convolution that this is the adjoint of
 * @returns [N, I, (H - 1) stride + kh - 2 padding, ...], or what the filter makes of it
 */
export function convTranspose2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return inputGrad({ dy: x, w }, convTranspose2dGeometry(x, w, options));
}

/** The convolution that convTranspose2d is the adjoint of, or a RangeError. */
export function convTranspose2dGeometry(x: Tensor, w: Tensor, options: Conv2dOptions): Geometry {
  const { stride = 1, padding = 0, groups = 1 } = options;
  const [padY, padX] = paddings(padding);
  assertShape("convTranspose2d", "x", x.shape, [null, w.shape[0], null, null], "N, O, H, W");
  assertShape("convTranspose2d", "w", w.shape, [null, null, null, null], "O, I / groups, kh, kw");
  const [n, outChannels, outHeight, outWidth] = x.shape;
  const [, perGroup, kernelHeight, kernelWidth] = w.shape;
  const height = (outHeight - 1) * stride + kernelHeight - 2 * padY;
  const width = (outWidth - 1) * stride + kernelWidth - 2 * padX;
  const kernel = { kernelHeight, kernelWidth, stride, padY, padX, groups };
  const inChannels = perGroup * groups;
  if (height < 1 || width < 1) {
    throw new RangeError(
      `convTranspose2d: a ${kernelHeight}x${kernelWidth} kernel with stride ${stride} and padding ${padding} leaves ` +
        `nothing of an input of ${outHeight}x${outWidth}`,
    );
  }
  const shape = [n, inChannels, height, width];
  const filter = options.filter ? adjointFilter(upfirdn2dGeometry(shape, options.filter.taps, options.filter)) : null;
  return { n, inChannels, outChannels, height, width, outHeight, outWidth, ...kernel, filter };
}
