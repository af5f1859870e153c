/** Plans elementwise kernels, broadcasting and copies for `assembly/elementwise/maps.ts` and `assembly/elementwise/strided.ts`. */
import { type BinaryOp, type UnaryOp, unaryFunctions } from "../functions.js";
import type { StridedGeometry } from "../types.js";
import type { Engine } from "./engine.js";
import { OUTER_AXES } from "./frames/elementwise.js";
import { type Frames, frameWriters } from "./frames/kernels.js";

/** Elements of a chunk: small enough to share out evenly, large enough that a call costs nothing. */
export const elementsPerChunk = 16384;

type UnaryKernel = Extract<keyof Frames, `unary${string}`>;
type BinaryKernel = `binary${Capitalize<BinaryOp>}`;

/** The kernel of an operation is called by its name: sqrt, unarySqrt. */
const kernelName = (prefix: string, op: string): string => prefix + op[0].toUpperCase() + op.slice(1);

/** The unary functions that SIMD has; the others are computed by the JavaScript engine's own `Math`, in place. */
const unaryKernels = new Map(
  Object.keys(unaryFunctions)
    .map((op) => [op, kernelName("unary", op)] as const)
    .filter((entry): entry is [UnaryOp, UnaryKernel] => entry[1] in frameWriters),
);

/** Runs a kernel over dense runs of `length` elements. `scale` and `offset` are those of affine and fill. */
export function wasmMap(
  engine: Engine,
  name: "affine" | "fill" | UnaryKernel,
  x: number,
  y: number,
  length: number,
  scale = 0,
  offset = 0,
): void {
  const frame = { x, y, length, perChunk: elementsPerChunk, scale, offset };
  engine.run(name, Math.ceil(length / elementsPerChunk), frame);
}

/** True if SIMD has the function; then it has been computed. */
export function wasmUnary(engine: Engine, op: UnaryOp, x: number, y: number, length: number): boolean {
  const name = unaryKernels.get(op);
  if (name === undefined) return false;
  wasmMap(engine, name, x, y, length);
  return true;
}

export function wasmBinary(
  engine: Engine,
  op: BinaryOp,
  a: number,
  b: number,
  y: number,
  { shape, strides, offsets }: StridedGeometry,
): void {
  const dense = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--]) dense[axis] = step;
  const [aOffset = 0, bOffset = 0] = offsets ?? [];
  const walk = { shape, strides: [strides[0], strides[1], dense] };
  runStrided(engine, kernelName("binary", op) as BinaryKernel, a + aOffset * 4, b + bOffset * 4, y, walk);
}

export function wasmStridedCopy(
  engine: Engine,
  x: number,
  y: number,
  { shape, strides, offsets }: StridedGeometry,
): void {
  const [xOffset = 0, yOffset = 0] = offsets ?? [];
  const walk = { shape, strides: [strides[0], strides[0], strides[1]] };
  const from = x + xOffset * 4;
  runStrided(engine, "stridedCopy", from, from, y + yOffset * 4, walk);
}

function runStrided(
  engine: Engine,
  name: "stridedCopy" | BinaryKernel,
  a: number,
  b: number,
  y: number,
  walk: StridedGeometry,
): void {
  const { shape, strides } = mergeAxes(walk);
  if (shape.includes(0)) return;
  const axes = shape.length - 1;
  if (axes > OUTER_AXES) {
    throw new RangeError(`${name}: at most ${OUTER_AXES + 1} axes, got shape [${walk.shape.join(", ")}]`);
  }
  const inner = shape[axes];
  let rows = 1;
  for (let axis = 0; axis < axes; axis++) rows *= shape[axis];
  const segment = Math.min(inner, elementsPerChunk);
  const rowsPerChunk = Math.max(1, Math.floor(elementsPerChunk / inner));
  const chunks = Math.ceil(rows / rowsPerChunk) * Math.ceil(inner / segment);
  const [aStrides, bStrides, yStrides] = strides;
  const frame = {
    a,
    b,
    y,
    rows,
    rowsPerChunk,
    inner,
    segment,
    aStep: aStrides[axes],
    bStep: bStrides[axes],
    yStep: yStrides[axes],
    axes,
  };
  engine.run(name, chunks, frame, axes === 0 ? undefined : { words: outerAxes([shape, aStrides, bStrides, yStrides]) });
}

/** All values of each list but its last, filled up to OUTER_AXES with zeros. */
function outerAxes(lists: readonly (readonly number[])[]): number[] {
  const words: number[] = [];
  for (const values of lists) {
    for (let axis = 0; axis < OUTER_AXES; axis++) words.push(axis < values.length - 1 ? values[axis] : 0);
  }
  return words;
}

/**
 * The same walk with as few axes as possible: axes of extent 1 go, and neighbours melt together where every operand
 * steps through both as through one. Equal shapes, a scalar, a channel vector all become one or two long axes.
 */
function mergeAxes(walk: StridedGeometry): StridedGeometry {
  const { shape, strides } = walk;
  if (shape.length === 1) return walk;
  const mergedShape: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis];
    if (extent === 1) continue;
    const last = mergedShape.length - 1;
    const melts = last >= 0 && strides.every((operand, k) => merged[k][last] === operand[axis] * extent);
    if (melts) mergedShape[last] *= extent;
    else mergedShape.push(extent);
    for (let k = 0; k < strides.length; k++) merged[k][mergedShape.length - 1] = strides[k][axis];
  }
  if (mergedShape.length === 0) return { shape: [1], strides: strides.map(() => [1]) };
  return { shape: mergedShape, strides: merged };
}
