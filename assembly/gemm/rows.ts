/**
 * Products of matrices that are multiplied where they lie (small.ts), of which one has its rows along those of the result: gradients of
 * dense layers, 1x1 convolutions and their gradients in x.
 */
import { biasActRow } from "../elementwise/biasAct";
import { WIDE, floatBytes, madd, splatAt } from "../vector";

@unmanaged
class RowsArguments {
  a: usize; b: usize; y: usize; rows: i32; columns: i32; depth: i32;
  /** Element (row, k) of a lies at row * aRow + k * aDepth (bytes). */
  aRow: usize; aDepth: usize;
  /** From one product to the next (bytes); 0 shares a matrix. */
  aItem: usize; bItem: usize; yItem: usize;
  /** Multiples of 4 and of 8. */
  rowsPerChunk: i32; columnsPerChunk: i32; scratch: usize; scratchStride: usize;
  /** 1: y is what biasActRow makes of it. Bias of each row (0: none), and the factors. */
  activated: i32; bias: usize; inputGain: f32; biasGain: f32; fall: f32; gain: f32;
}

/** Terms of the sum taken at a time: so many rows of b stay in the L1 cache, whatever their distance. */
const STEPS: i32 = 16;
/** Of a sum whose rows of b are packed first, PACKED_COLUMNS at most: 32 KB. @host */
const PACKED_STEPS: i32 = 64;
/** @host */ const PACKED_COLUMNS: i32 = 128;
/** Fewer rows than this do not repay the packing. */
const FEWEST_PACKED_ROWS: i32 = 16;

/**
 * y[item, rows, columns] = sum over k of a(item, row, k) * b[item, k, columns], by tiles of 4 x 8.
 *
 * b [depth, columns], y [rows, columns]: dense float32; all of any alignment, y apart from a and b. Reads and writes existing
 * elements only. Chunk = row block + row blocks * (column block + column blocks * item). Scratch: the sums so far,
 * rowsPerChunk * columnsPerChunk numbers; rows of y itself, far apart, would push each other out of the cache. Then a packed part of b.
 * Rounding: k ascending, one accumulator. 2 * depth flops for each element of y.
 */
export function matmulRows(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<RowsArguments>(args);
  const rowBlocks = (g.rows + g.rowsPerChunk - 1) / g.rowsPerChunk;
  const columnBlocks = (g.columns + g.columnsPerChunk - 1) / g.columnsPerChunk;
  const row = chunk % rowBlocks * g.rowsPerChunk, rows = min(g.rowsPerChunk, g.rows - row);
  const first = chunk / rowBlocks % columnBlocks * g.columnsPerChunk;
  const columns = min(g.columnsPerChunk, g.columns - first), tiled = columns & ~7;
  const item = <usize>(chunk / (rowBlocks * columnBlocks));
  const step = floatBytes(g.columns), sums = g.scratch + <usize>worker * g.scratchStride;
  const a = g.a + item * g.aItem + <usize>row * g.aRow, b = g.b + item * g.bItem + floatBytes(first);
  const y = g.y + item * g.yItem + <usize>row * step + floatBytes(first);
  const isPacked = WIDE && g.columnsPerChunk <= PACKED_COLUMNS && rows >= FEWEST_PACKED_ROWS && !(rows & 3) && !(columns & 15);
  const most = isPacked ? PACKED_STEPS : STEPS;
  for (let k = 0; k == 0 || k < g.depth; k += most) {
    const steps = min(most, g.depth - k), isLast = k + most >= g.depth;
    const aPart = a + <usize>k * g.aDepth, bPart = b + <usize>k * step;
    if (isPacked) {
      const packed = g.scratch + <usize>worker * g.scratchStride + floatBytes(g.rowsPerChunk * g.columnsPerChunk);
      packColumns(bPart, step, steps, columns, packed);
      packedTiles(g, aPart, rows, packed, steps, columns, sums, y, step, k > 0, isLast);
      continue;
    }
    for (let r = 0; r < rows; r += 4) {
      rowOfTiles(
        aPart + <usize>r * g.aRow, g.aRow, g.aDepth, min(4, rows - r), bPart, step, steps, tiled, sums + floatBytes(r * tiled),
        y + <usize>r * step, k > 0, isLast,
      );
    }
  }
  if (tiled < columns) scalarColumns(g, a, b + floatBytes(tiled), y + floatBytes(tiled), step, rows, columns - tiled);
  if (!g.activated) return;
  for (let r = 0; r < rows; r++) {
    const bias: f32 = g.bias ? load<f32>(g.bias + floatBytes(row + r)) : 0;
    biasActRow(y + <usize>r * step, columns, g.biasGain * bias, g.inputGain, g.fall, g.gain);
  }
}

/** packed [columns / 16][steps][16]: where rows of b are far apart, often by a power of two, they share few sets of the cache. */
function packColumns(b: usize, step: usize, steps: i32, columns: i32, packed: usize): void {
  const panel = <usize>steps * 64;
  for (let k = 0; k < steps; k++) {
    let to = packed + <usize>k * 64;
    for (let from = b, end = b + floatBytes(columns); from < end; from += 64) {
      const b0 = v128.load(from), b1 = v128.load(from, 16), b2 = v128.load(from, 32), b3 = v128.load(from, 48);
      v128.store(to, b1, 16); v128.store(to, b0);
      v128.store(to, b3, 48); v128.store(to, b2, 32);
      to += panel;
    }
    b += step;
  }
}

/** All rows, a multiple of four, with packed columns, for engines that join pairs: to y where they are the last terms, else to sums. */
function packedTiles(
  g: RowsArguments, a: usize, rows: i32, packed: usize, steps: i32, columns: i32, sums: usize, y: usize, step: usize, accumulate: bool,
  isLast: bool,
): void {
  const bytes = <usize>steps * 64, end = packed + <usize>(columns >> 4) * bytes;
  for (let r = 0; r < rows; r += 4) {
    const a0 = a + <usize>r * g.aRow, a1 = a0 + g.aRow, a2 = a1 + g.aRow, a3 = a2 + g.aRow;
    const from = sums + floatBytes(r * columns), to = isLast ? y + <usize>r * step : from, yStep = isLast ? step : 0;
    if (accumulate) laterTiles(a0, a1, a2, a3, g.aDepth, packed, end, bytes, 64, bytes, from, to, yStep);
    else firstTiles(a0, a1, a2, a3, g.aDepth, packed, end, bytes, 64, bytes, to, yStep);
  }
}

/** Four rows (of which `rows` exist) and all whole tiles of columns: sums of `steps` terms, to y where they are the last. */
function rowOfTiles(
  a0: usize, aRow: usize, aDepth: usize, rows: i32, b: usize, step: usize, steps: i32, columns: i32, sums: usize, y: usize,
  accumulate: bool, isLast: bool,
): void {
  const a1 = rows > 1 ? a0 + aRow : a0, a2 = rows > 2 ? a1 + aRow : a1, a3 = rows > 3 ? a2 + aRow : a2;
  const yStep = isLast ? step : 32;
  const end = b + floatBytes(columns);
  if (WIDE) {
    const pairs = b + floatBytes(columns & ~15), bytes = pairs - b, isWhole = isLast && rows == 4;
    const to = isWhole ? y : sums, toStep = isWhole ? step : 0;
    if (accumulate) laterTiles(a0, a1, a2, a3, aDepth, b, pairs, <usize>steps * step, step, 64, sums, to, toStep);
    else firstTiles(a0, a1, a2, a3, aDepth, b, pairs, <usize>steps * step, step, 64, to, toStep);
    if (isLast && !isWhole) copyTiles(sums, rows, y, bytes, step);
    b = pairs;
    y += bytes;
    sums += 4 * bytes;
  }
  for (; b < end; b += 32) {
    const to = isLast ? y : sums;
    tile4x8(a0, a1, a2, a3, aDepth, b, b + <usize>steps * step, step, sums, to, yStep, isLast ? rows : 4, accumulate);
    sums += 128;
    y += 32;
  }
}

/** The rows that exist of tiles of 4 x 16, `bytes` of each. */
function copyTiles(tiles: usize, rows: i32, y: usize, bytes: usize, step: usize): void {
  for (const end = y + bytes; y < end; y += 64) {
    for (let r = 0; r < rows; r++) {
      const from = tiles + <usize>r * 64, to = y + <usize>r * step;
      const a = v128.load(from), b = v128.load(from, 16), c = v128.load(from, 32), d = v128.load(from, 48);
      v128.store(to, b, 16); v128.store(to, a);
      v128.store(to, d, 48); v128.store(to, c, 32);
    }
    tiles += 256;
  }
}

/** Tiles of 4 x 16 for the columns in [b, end), `next` bytes apart, for engines that join pairs: sums from 0 on ... */
export function firstTiles(
  a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, b: usize, end: usize, bytes: usize, step: usize, next: usize, y: usize,
  yStep: usize,
): void {
  tiles4x16(a0, a1, a2, a3, aStep, b, end, bytes, step, next, 0, false, y, yStep);
}

/** ... and from those at `sums`, a dense [4][16] for each tile. A function for each: V8 joins no sums that two paths share. */
export function laterTiles(
  a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, b: usize, end: usize, bytes: usize, step: usize, next: usize,
  sums: usize, y: usize, yStep: usize,
): void {
  tiles4x16(a0, a1, a2, a3, aStep, b, end, bytes, step, next, sums, true, y, yStep);
}

/** With a `yStep` of 0, y has the form of sums. */
// @ts-ignore: decorator
@inline
function tiles4x16(
  a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, b: usize, end: usize, bytes: usize, step: usize, next: usize,
  sums: usize, accumulate: bool, y: usize, yStep: usize,
): void {
  const nextY: usize = yStep ? 64 : 256;
  if (!yStep) yStep = 64;
  for (; b < end; b += next) {
    tile4x16(a0, a1, a2, a3, aStep, b, b + bytes, step, sums, accumulate, y, yStep);
    sums += 256;
    y += nextY;
  }
}

// @ts-ignore: decorator
@inline
function tile4x16(
  a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, b: usize, end: usize, step: usize, sums: usize, accumulate: bool,
  y: usize, yStep: usize,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(sums); c01 = v128.load(sums, 16); c02 = v128.load(sums, 32); c03 = v128.load(sums, 48);
    c10 = v128.load(sums, 64); c11 = v128.load(sums, 80); c12 = v128.load(sums, 96); c13 = v128.load(sums, 112);
    c20 = v128.load(sums, 128); c21 = v128.load(sums, 144); c22 = v128.load(sums, 160); c23 = v128.load(sums, 176);
    c30 = v128.load(sums, 192); c31 = v128.load(sums, 208); c32 = v128.load(sums, 224); c33 = v128.load(sums, 240);
  }
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    const w0 = splatAt(a0);
    c00 = madd(w0, b0, c00); c01 = madd(w0, b1, c01); c02 = madd(w0, b2, c02); c03 = madd(w0, b3, c03);
    const w1 = splatAt(a1);
    c10 = madd(w1, b0, c10); c11 = madd(w1, b1, c11); c12 = madd(w1, b2, c12); c13 = madd(w1, b3, c13);
    const w2 = splatAt(a2);
    c20 = madd(w2, b0, c20); c21 = madd(w2, b1, c21); c22 = madd(w2, b2, c22); c23 = madd(w2, b3, c23);
    const w3 = splatAt(a3);
    c30 = madd(w3, b0, c30); c31 = madd(w3, b1, c31); c32 = madd(w3, b2, c32); c33 = madd(w3, b3, c33);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += step;
  }
  const y1 = y + yStep, y2 = y1 + yStep, y3 = y2 + yStep;
  v128.store(y, c01, 16); v128.store(y, c00); v128.store(y, c03, 48); v128.store(y, c02, 32);
  v128.store(y1, c11, 16); v128.store(y1, c10); v128.store(y1, c13, 48); v128.store(y1, c12, 32);
  v128.store(y2, c21, 16); v128.store(y2, c20); v128.store(y2, c23, 48); v128.store(y2, c22, 32);
  v128.store(y3, c31, 16); v128.store(y3, c30); v128.store(y3, c33, 48); v128.store(y3, c32, 32);
}

// @ts-ignore: decorator
@inline
function tile4x8(
  a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, b: usize, end: usize, step: usize, sums: usize, y: usize, yStep: usize,
  rows: i32, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(sums); c01 = v128.load(sums, 16);
    c10 = v128.load(sums, 32); c11 = v128.load(sums, 48);
    c20 = v128.load(sums, 64); c21 = v128.load(sums, 80);
    c30 = v128.load(sums, 96); c31 = v128.load(sums, 112);
  }
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const w0 = splatAt(a0);
    c00 = madd(w0, b0, c00); c01 = madd(w0, b1, c01);
    const w1 = splatAt(a1);
    c10 = madd(w1, b0, c10); c11 = madd(w1, b1, c11);
    const w2 = splatAt(a2);
    c20 = madd(w2, b0, c20); c21 = madd(w2, b1, c21);
    const w3 = splatAt(a3);
    c30 = madd(w3, b0, c30); c31 = madd(w3, b1, c31);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += step;
  }
  v128.store(y, c00); v128.store(y, c01, 16);
  if (rows > 1) { y += yStep; v128.store(y, c10); v128.store(y, c11, 16); }
  if (rows > 2) { y += yStep; v128.store(y, c20); v128.store(y, c21, 16); }
  if (rows > 3) { y += yStep; v128.store(y, c30); v128.store(y, c31, 16); }
}

/** The last columns, fewer than eight. */
function scalarColumns(g: RowsArguments, a: usize, b: usize, y: usize, step: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let column: usize = 0; column < floatBytes(columns); column += 4) {
      let sum: f32 = 0;
      let from = a + <usize>row * g.aRow, x = b + column;
      for (let k = 0; k < g.depth; k++) {
        sum += load<f32>(from) * load<f32>(x);
        from += g.aDepth;
        x += step;
      }
      store<f32>(y + <usize>row * step + column, sum);
    }
  }
}
