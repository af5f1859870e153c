/**
 * Data movement: permute, slice and its adjoint pad, concatenate, flip. Nothing here computes.
 * Tests: tests/nn/autograd.test.ts, tests/identities/autograd.test.ts (identity 20).
 */
import { denseStrides } from "../../formats/strides.js";
import { defineOp, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import { assertShape, formatShape, normalizeAxes, type Shape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";
import { reshape } from "./reduce.js";

const permuteOp: Op<{ x: Tensor }, readonly number[]> = defineOp("permute", {
  forward: ({ x }, order) => {
    const shape = order.map((axis) => x.shape[axis]);
    const from = denseStrides(x.shape);
    const y = allocateTensor(shape);
    const strides = [order.map((axis) => from[axis]), denseStrides(shape)];
    activeKernels().stridedCopy(x.internals.block, y.internals.block, { shape, strides });
    return y;
  },
  vjp: {
    x: (dy, _, order) =>
      permute(
        dy,
        order.map((_, axis) => order.indexOf(axis)),
      ),
  },
  reads: {},
});

/** Reorders axes: axis `order[k]` of x becomes axis k. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  assertShape(
    "permute",
    "the number of axes",
    [normalizeAxes("permute", order, x.shape.length).length],
    [x.shape.length],
  );
  return permuteOp({ x }, order);
}

interface Window {
  readonly starts: readonly number[];
  readonly shape: Shape;
}

/** The elements of x from `starts` on, `shape` of them. */
const sliceOp: Op<{ x: Tensor }, Window> = defineOp("slice", {
  forward: ({ x }, { starts, shape }) => {
    const from = denseStrides(x.shape);
    const y = allocateTensor(shape);
    const offset = starts.reduce((sum, start, axis) => sum + start * from[axis], 0);
    activeKernels().stridedCopy(x.internals.block, y.internals.block, {
      shape,
      strides: [from, denseStrides(shape)],
      offsets: [offset, 0],
    });
    return y;
  },
  vjp: { x: (dy, { x }, { starts }) => placeOp({ x: dy }, { starts, shape: x.shape }) },
  reads: {},
});

/** x at `starts` inside zeros of `shape`: the adjoint of slice. */
const placeOp: Op<{ x: Tensor }, Window> = defineOp("pad", {
  forward: ({ x }, { starts, shape }) => {
    const to = denseStrides(shape);
    const y = allocateTensor(shape);
    activeKernels().fill(y.internals.block, 0);
    const offset = starts.reduce((sum, start, axis) => sum + start * to[axis], 0);
    const geometry = { shape: x.shape, strides: [denseStrides(x.shape), to], offsets: [0, offset] };
    activeKernels().stridedCopy(x.internals.block, y.internals.block, geometry);
    return y;
  },
  vjp: { x: (dy, { x }, { starts }) => sliceOp({ x: dy }, { starts, shape: x.shape }) },
  reads: {},
});

/**
 * The part of x from `start` up to, not including, `end` along one axis.
 * Throws RangeError when the range does not lie within the axis.
 */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const [at] = normalizeAxes("slice", [axis], x.shape.length);
  const isWhole = Number.isInteger(start) && Number.isInteger(end);
  if (!(isWhole && start >= 0 && start <= end && end <= x.shape[at])) {
    throw new RangeError(`slice: range ${start}..${end} is not within axis ${at} of ${formatShape(x.shape)}`);
  }
  if (start === 0 && end === x.shape[at]) return x;
  const starts = x.shape.map((_, k) => (k === at ? start : 0));
  return sliceOp({ x }, { starts, shape: x.shape.map((extent, k) => (k === at ? end - start : extent)) });
}

/** The parts of x at each index of an axis, which they lack: x of shape [N, L, F] falls into L of shape [N, F] along axis 1. */
export function unstack(x: Tensor, axis: number): Tensor[] {
  const [at] = normalizeAxes("unstack", [axis], x.shape.length);
  const shape = x.shape.filter((_, k) => k !== at);
  return Array.from({ length: x.shape[at] }, (_, index) => reshape(slice(x, at, index, index + 1), shape));
}

/** Zeros before and after x along one axis. Throws RangeError unless both are whole numbers of at least 0. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  if (!(Number.isInteger(before) && Number.isInteger(after) && before >= 0 && after >= 0)) {
    throw new RangeError(
      `pad: needs whole numbers of zeros, at least 0, got ${before} and ${after}; to crop, use slice`,
    );
  }
  const [at] = normalizeAxes("pad", [axis], x.shape.length);
  const starts = x.shape.map((_, k) => (k === at ? before : 0));
  const shape = x.shape.map((extent, k) => (k === at ? before + extent + after : extent));
  return placeOp({ x }, { starts, shape });
}

type Parts = Readonly<Record<string, Tensor>>;

/** Concatenation of named parts; the gradient of each part is its slice of dy. */
function concatOp(parts: readonly Tensor[], axis: number): Tensor {
  const ends: number[] = [];
  for (const part of parts) ends.push((ends.at(-1) ?? 0) + part.shape[axis]);
  const inputs: Parts = Object.fromEntries(parts.map((part, index) => [`part${index}`, part]));
  const partGradient = (index: number) => (dy: Tensor) =>
    slice(dy, axis, ends[index] - parts[index].shape[axis], ends[index]);
  const run: Op<Parts, null> = defineOp("concat", {
    forward: () => {
      const shape = parts[0].shape.map((extent, k) => (k === axis ? ends[ends.length - 1] : extent));
      const y = allocateTensor(shape);
      const to = denseStrides(shape);
      parts.forEach((part, index) => {
        const offset = (ends[index] - part.shape[axis]) * to[axis];
        const geometry = { shape: part.shape, strides: [denseStrides(part.shape), to], offsets: [0, offset] };
        activeKernels().stridedCopy(part.internals.block, y.internals.block, geometry);
      });
      return y;
    },
    vjp: Object.fromEntries(parts.map((_, index) => [`part${index}`, partGradient(index)])),
    reads: {},
  });
  return run(inputs, null);
}

/** Joins tensors along an axis; all other extents must agree. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 0) throw new RangeError("concat: needs at least one tensor, got none");
  const [at] = normalizeAxes("concat", [axis], parts[0].shape.length);
  const expected = parts[0].shape.map((extent, k) => (k === at ? null : extent));
  parts.forEach((part, index) => {
    assertShape("concat", `part ${index}`, part.shape, expected);
  });
  return parts.length === 1 ? parts[0] : concatOp(parts, at);
}

const flipOp: Op<{ x: Tensor }, readonly number[]> = defineOp("flip", {
  forward: ({ x }, axes) => {
    const to = denseStrides(x.shape);
    const from = to.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
    const offset = axes.reduce((sum, axis) => sum + to[axis] * (x.shape[axis] - 1), 0);
    const y = allocateTensor(x.shape);
    activeKernels().stridedCopy(x.internals.block, y.internals.block, {
      shape: x.shape,
      strides: [from, to],
      offsets: [offset, 0],
    });
    return y;
  },
  vjp: { x: (dy, _, axes) => flipOp({ x: dy }, axes) },
  reads: {},
});

/** Reverses the order along axes. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  return flipOp({ x }, normalizeAxes("flip", axes, x.shape.length));
}
