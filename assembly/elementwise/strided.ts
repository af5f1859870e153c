/** Index spaces of up to six axes: y = f(a, b) with broadcasting, and copies from one walk of memory to another. */
import { STEP, WIDE, copyNumbers, floatBytes, high, put, splatAt, whole } from "../vector";

/**
 * A walk over rows of `inner` elements. Rows are counted over `axes` outer axes (five entries each, outermost first);
 * steps are in elements. A chunk is `rowsPerChunk` rows of one segment of the inner axis.
 */
@unmanaged
class StridedArguments {
  a: usize; b: usize; y: usize; rows: i32; rowsPerChunk: i32; inner: i32; segment: i32; aStep: i32; bStep: i32; yStep: i32;
  axes: i32;
  // Then extent[5], aStride[5], bStride[5], yStride[5].
}
/** Outer axes of a walk, at most. @host */
const OUTER_AXES: usize = 5;
const EXTENTS: usize = offsetof<StridedArguments>();
const A_STRIDES: usize = EXTENTS + OUTER_AXES * 4;
const B_STRIDES: usize = A_STRIDES + OUTER_AXES * 4;
const Y_STRIDES: usize = B_STRIDES + OUTER_AXES * 4;

const enum Binary {
  Add, Sub, Mul, Div,
}

// @ts-ignore: decorator
@inline
function apply(op: Binary, a: v128, b: v128): v128 {
  if (op == Binary.Add) return f32x4.add(a, b);
  if (op == Binary.Sub) return f32x4.sub(a, b);
  if (op == Binary.Mul) return f32x4.mul(a, b);
  return f32x4.div(a, b);
}

/** Bytes from an operand's start to row `row`, along strides that begin at `strides`. */
function rowOffset(args: usize, strides: usize, row: i32): usize {
  const g = changetype<StridedArguments>(args);
  let offset = 0;
  for (let axis = g.axes - 1; axis >= 0; axis--) {
    const at = args + ((<usize>axis) << 2);
    const extent = load<i32>(at + EXTENTS);
    offset += (row % extent) * load<i32>(at + strides);
    row /= extent;
  }
  return (<usize>offset) << 2;
}

/** How many rows from `row` on follow each other along the last outer axis, each one step behind the one before. */
function rowsInStep(args: usize, row: i32): i32 {
  const axes = changetype<StridedArguments>(args).axes;
  if (axes == 0) return 1;
  const extent = load<i32>(args + ((<usize>axes - 1) << 2) + EXTENTS);
  return extent - row % extent;
}

/** Bytes of that step. */
function rowStep(args: usize, strides: usize): usize {
  const axes = changetype<StridedArguments>(args).axes;
  return axes == 0 ? 0 : <usize>load<i32>(args + ((<usize>axes - 1) << 2) + strides) << 2;
}

/**
 * y = f(a, b) over the index space; a step or stride of 0 broadcasts. a, b, y: float32, any alignment; y may be a or b
 * where they walk alike. Each operation is rounded once; memory-bound at 12 bytes for each element.
 */
// @ts-ignore: decorator
@inline
function zip(op: Binary, args: usize, chunk: i32): void {
  const g = changetype<StridedArguments>(args);
  const segments = (g.inner + g.segment - 1) / g.segment;
  const first = (chunk % segments) * g.segment, count = min(g.segment, g.inner - first);
  const firstRow = (chunk / segments) * g.rowsPerChunk, endRow = min(g.rows, firstRow + g.rowsPerChunk);
  const vectors = g.yStep == 1 && <u32>g.aStep <= 1 && <u32>g.bStep <= 1;
  const aStep = <usize>(g.aStep << 2);
  const bStep = <usize>(g.bStep << 2);
  const yStep = <usize>(g.yStep << 2);
  const aRow = rowStep(args, A_STRIDES), bRow = rowStep(args, B_STRIDES), yRow = rowStep(args, Y_STRIDES);
  let aNext: usize = 0, bNext: usize = 0, yNext: usize = 0, inStep = 0;
  for (let row = firstRow; row < endRow; row++) {
    if (inStep == 0) {
      inStep = rowsInStep(args, row);
      aNext = g.a + rowOffset(args, A_STRIDES, row) + <usize>first * aStep;
      bNext = g.b + rowOffset(args, B_STRIDES, row) + <usize>first * bStep;
      yNext = g.y + rowOffset(args, Y_STRIDES, row) + <usize>first * yStep;
    }
    let a = aNext, b = bNext, y = yNext, left = count;
    aNext += aRow;
    bNext += bRow;
    yNext += yRow;
    inStep--;
    if (vectors) {
      const end = y + floatBytes(whole(count));
      left = count - whole(count);
      if (g.aStep == 0 && left < count) {
        const splat = splatAt(a);
        if (g.bStep == 0) {
          const value = apply(op, splat, splatAt(b));
          for (; y < end; y += STEP) put(y, value, value);
        } else {
          for (; y < end; y += STEP) {
            put(y, apply(op, splat, v128.load(b)), apply(op, splat, high(b)));
            b += STEP;
          }
        }
      } else if (g.bStep == 0 && left < count) {
        const splat = splatAt(b);
        for (; y < end; y += STEP) {
          put(y, apply(op, v128.load(a), splat), apply(op, high(a), splat));
          a += STEP;
        }
      } else {
        for (; y < end; y += STEP) {
          put(y, apply(op, v128.load(a), v128.load(b)), apply(op, high(a), high(b)));
          a += STEP;
          b += STEP;
        }
      }
      if (WIDE && left >= 4) {
        v128.store(y, apply(op, aStep ? v128.load(a) : splatAt(a), bStep ? v128.load(b) : splatAt(b)));
        a += 4 * aStep;
        b += 4 * bStep;
        y += 16;
        left -= 4;
      }
    }
    for (; left > 0; left--) {
      v128.store32_lane(y, apply(op, v128.load32_splat(a), v128.load32_splat(b)), 0);
      a += aStep;
      b += bStep;
      y += yStep;
    }
  }
}

export function binaryAdd(args: usize, chunk: i32, worker: i32): void { zip(Binary.Add, args, chunk); }
export function binarySub(args: usize, chunk: i32, worker: i32): void { zip(Binary.Sub, args, chunk); }
export function binaryMul(args: usize, chunk: i32, worker: i32): void { zip(Binary.Mul, args, chunk); }
export function binaryDiv(args: usize, chunk: i32, worker: i32): void { zip(Binary.Div, args, chunk); }

/**
 * y[...] = a[...] over the index space; b is not used. a, y: float32, any alignment, apart from each other. Writes only what
 * the walk of y names. Moves 8 bytes for each element.
 */
export function stridedCopy(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<StridedArguments>(args);
  const segments = (g.inner + g.segment - 1) / g.segment;
  const first = (chunk % segments) * g.segment;
  const count = min(g.segment, g.inner - first);
  const firstRow = (chunk / segments) * g.rowsPerChunk;
  const endRow = min(g.rows, firstRow + g.rowsPerChunk);
  const aStep = <usize>(g.aStep << 2);
  const yStep = <usize>(g.yStep << 2);
  const aRow = rowStep(args, A_STRIDES), yRow = rowStep(args, Y_STRIDES);
  let aNext: usize = 0, yNext: usize = 0, inStep = 0;
  for (let row = firstRow; row < endRow; row++) {
    if (inStep == 0) {
      inStep = rowsInStep(args, row);
      aNext = g.a + rowOffset(args, A_STRIDES, row) + <usize>first * aStep;
      yNext = g.y + rowOffset(args, Y_STRIDES, row) + <usize>first * yStep;
    }
    let a = aNext, y = yNext;
    aNext += aRow;
    yNext += yRow;
    inStep--;
    if (g.aStep == 1 && g.yStep == 1) {
      copyRow(a, floatBytes(count), y);
      continue;
    }
    for (let i = 0; i < count; i++) {
      store<f32>(y, load<f32>(a));
      a += aStep;
      y += yStep;
    }
  }
}

/** Long runs are left to the engine, which is slow to begin. */
const LONG_RUN: usize = 8192;

/** `bytes` from one place to another, apart from it. */
function copyRow(from: usize, bytes: usize, to: usize): void {
  if (bytes >= LONG_RUN) memory.copy(to, from, bytes);
  else copyNumbers(from, bytes, to);
}
