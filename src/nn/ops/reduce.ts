/**
 * Sums over axes, and their adjoint, the expansion along axes: <expand(x), y> = <x, sum(y)>.
 * Tests: tests/nn/autograd.test.ts (gradient checks), tests/identities/autograd.test.ts (identity 20).
 */
import { denseStrides } from "../../formats/strides.js";
import { defineOp, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import {
  assertShape,
  broadcastShapes,
  broadcastStrides,
  checkShape,
  formatShape,
  normalizeAxes,
  type Shape,
  sameShape,
  sizeOf,
} from "../shape.js";
import { aliasTensor, allocateTensor, type Tensor } from "../tensor.js";
import { scale } from "./affine.js";

const reshapeOp: Op<{ x: Tensor }, Shape> = defineOp("reshape", {
  forward: ({ x }, shape) => aliasTensor(x, shape),
  vjp: { x: (dy, { x }) => reshape(dy, x.shape) },
  reads: {},
});

/** The same elements under another shape; one extent may be -1. Throws RangeError when the sizes differ. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(shape, x.shape)) return x;
  const known = shape.reduce((size, extent) => (extent === -1 ? size : size * extent), 1);
  const resolved = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  if (shape.includes(-1)) checkShape(`reshape of ${formatShape(x.shape)} to ${formatShape(shape)}`, resolved);
  return sameShape(resolved, x.shape) ? x : reshapeOp({ x }, resolved);
}

interface SumTo {
  readonly keepShape: Shape;
  readonly gain: number;
}

/** The sum over the axes of x that `keepShape` has as 1, times `gain`; the result has that shape. */
const sumOp: Op<{ x: Tensor }, SumTo> = defineOp("sum", {
  forward: ({ x }, { keepShape, gain }) => sumAxes(x, keepShape, gain),
  vjp: { x: (dy, { x }, { gain }) => expand(scale(dy, gain), x.shape) },
  reads: {},
});

const expandOp: Op<{ x: Tensor }, Shape> = defineOp("expand", {
  forward: ({ x }, shape) => {
    const y = allocateTensor(shape);
    const strides = [broadcastStrides(x.shape, shape), denseStrides(shape)];
    activeKernels().stridedCopy(x.internals.block, y.internals.block, { shape, strides });
    return y;
  },
  vjp: { x: (dy, { x }) => sumTo(dy, x.shape) },
  reads: {},
});

/** Sums runs of adjacent axes, from the last to the first. One kernel takes one, and with it another that comes first of all. */
function sumAxes(x: Tensor, keepShape: Shape, gain: number): Tensor {
  const runs = runsOfAxes(x.shape, keepShape);
  if (runs.length === 1) {
    if (gain === 1) return aliasTensor(x, keepShape);
    runs.push(1, 1);
  }
  let current = x;
  while (runs.length > 1) {
    const inner = runs.pop()!;
    const reduce = runs.pop()!;
    const [batch] = runs.length === 3 && runs[0] === 1 ? runs.splice(0, 2).slice(1) : [1];
    const outer = sizeOf(runs);
    const isLast = runs.length === 1;
    const y = allocateTensor(isLast ? keepShape : [outer * inner]);
    const [from, to] = [current.internals.block, y.internals.block];
    activeKernels().sum(from, to, { batch, outer, reduce, inner, gain: isLast ? gain : 1 });
    runs[runs.length - 1] *= inner;
    current = y;
  }
  return current;
}

/** Extents of runs of axes that are kept and summed by turns, the first and the last kept (perhaps 1). */
function runsOfAxes(shape: Shape, keepShape: Shape): number[] {
  const runs = [1];
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const isKept = keepShape[axis] === extent;
    if (isKept !== (runs.length % 2 === 1)) runs.push(1);
    runs[runs.length - 1] *= extent;
  });
  if (runs.length % 2 === 0) runs.push(1);
  return runs;
}

export interface SumOptions {
  /** Axes to sum; negative ones count from the end. Default: all. */
  readonly axes?: readonly number[];
  /** Keep summed axes with extent 1. Default false. */
  readonly keepDims?: boolean;
  /** Multiplies the sum. Default 1. */
  readonly gain?: number;
}

/** Sum over axes. Without options: the sum of all elements, a tensor of shape []. */
export function sum(x: Tensor, options: SumOptions = {}): Tensor {
  const { axes = x.shape.map((_, axis) => axis), keepDims = false, gain = 1 } = options;
  const summed = normalizeAxes("sum", axes, x.shape.length);
  const keepShape = x.shape.map((extent, axis) => (summed.includes(axis) ? 1 : extent));
  const y = sumOp({ x }, { keepShape, gain });
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
  return reshape(sumOp({ x }, { keepShape, gain: 1 }), shape);
}
