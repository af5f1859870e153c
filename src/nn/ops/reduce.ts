/**
 * Sums over axes, and their adjoint, the expansion along axes: <expand(x), y> = <x, sum(y)>.
 * Tests: tests/autograd.test.ts (gradient checks), tests/identities.autograd.test.ts (identity 20).
 */
import { defineOp, type Op } from "../autograd.js";
import { activeKernels } from "../backend.js";
import {
  assertShape,
  broadcastShapes,
  broadcastStrides,
  checkShape,
  denseStrides,
  formatShape,
  normalizeAxes,
  type Shape,
  sameShape,
  sizeOf,
} from "../shape.js";
import { Tensor } from "../tensor.js";

const reshapeOp: Op<{ x: Tensor }, Shape> = defineOp("reshape", {
  forward: ({ x }, shape) => x.alias(shape),
  vjp: { x: (dy, { x }) => reshape(dy, x.shape) },
});

/** The same elements under another shape; one extent may be -1. Throws RangeError when the sizes differ. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(shape, x.shape)) return x;
  const known = shape.reduce((size, extent) => (extent === -1 ? size : size * extent), 1);
  const resolved = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  if (shape.includes(-1)) checkShape(`reshape of ${formatShape(x.shape)} to ${formatShape(shape)}`, resolved);
  return sameShape(resolved, x.shape) ? x : reshapeOp({ x }, resolved);
}

/** Sums the axes of x that `keepShape` has as 1; the result has that shape. */
const sumOp: Op<{ x: Tensor }, Shape> = defineOp("sum", {
  forward: ({ x }, keepShape) => sumAxes(x, keepShape),
  vjp: { x: (dy, { x }) => expand(dy, x.shape) },
});

const expandOp: Op<{ x: Tensor }, Shape> = defineOp("expand", {
  forward: ({ x }, shape) => {
    const y = Tensor.allocate(shape);
    const strides = [broadcastStrides(x.shape, shape), denseStrides(shape)];
    activeKernels().stridedCopy(x.block, y.block, { shape, strides });
    return y;
  },
  vjp: { x: (dy, { x }) => sumTo(dy, x.shape) },
});

/** Sums runs of adjacent axes, from the last to the first, so that each is one [outer, reduce, inner] kernel. */
function sumAxes(x: Tensor, keepShape: Shape): Tensor {
  const shape = [...x.shape];
  let current = x;
  for (let last = shape.length - 1; last >= 0; last--) {
    if (keepShape[last] === shape[last]) continue;
    let first = last;
    while (first > 0 && keepShape[first - 1] !== shape[first - 1]) first--;
    const geometry = {
      outer: sizeOf(shape.slice(0, first)),
      reduce: sizeOf(shape.slice(first, last + 1)),
      inner: sizeOf(shape.slice(last + 1)),
    };
    shape.fill(1, first, last + 1);
    const y = Tensor.allocate(shape);
    activeKernels().sum(current.block, y.block, geometry);
    current = y;
    last = first;
  }
  return current === x ? x.alias(keepShape) : current;
}

export interface SumOptions {
  /** Axes to sum; negative ones count from the end. Default: all. */
  readonly axes?: readonly number[];
  /** Keep summed axes with extent 1. Default false. */
  readonly keepDims?: boolean;
}

/** Sum over axes. Without options: the sum of all elements, a tensor of shape []. */
export function sum(x: Tensor, options: SumOptions = {}): Tensor {
  const { axes = x.shape.map((_, axis) => axis), keepDims = false } = options;
  const summed = normalizeAxes("sum", axes, x.shape.length);
  const keepShape = x.shape.map((extent, axis) => (summed.includes(axis) ? 1 : extent));
  const y = sumOp({ x }, keepShape);
  return keepDims
    ? y
    : reshape(
        y,
        x.shape.filter((_, axis) => !summed.includes(axis)),
      );
}

/** Repeats x along axes of extent 1 and new leading axes, up to `shape`. Throws RangeError when it does not fit. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const stretched = broadcastShapes("expand", x.shape, shape);
  if (!sameShape(stretched, shape)) assertShape("expand", `${formatShape(x.shape)} stretched`, stretched, shape);
  return expandOp({ x }, shape);
}

/** The adjoint of `expand`: sums x down to a shape that broadcasts to its own. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const keepShape = x.shape.map((extent, axis) => (axis < lead || shape[axis - lead] !== extent ? 1 : extent));
  return reshape(sumOp({ x }, keepShape), shape);
}
