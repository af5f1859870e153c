/**
 * Products of matrices that are multiplied where they lie, because packing them would cost more than it saves: here dense layers at
 * the batches of training and gradients of 1x1 convolutions in their weights, as dot products of rows; in rows.ts the others.
 */
import { WIDE, add, floatBytes, madd, splatAt, transpose4 } from "../vector";
import { firstTiles, laterTiles } from "./rows";

/** Steps in bytes, of which the innermost are 4. */
@unmanaged
class DotArguments {
  a: usize; b: usize; y: usize; rows: i32; columns: i32; depth: i32; outer: i32; aRow: usize; aOuter: usize; bRow: usize;
  bOuter: usize; yRow: usize; yColumn: usize;
  /** A multiple of 4. */
  columnsPerChunk: i32;
  /** `depth` times PANEL numbers and PANEL_TILES_BYTES for each thread. */
  scratch: usize; scratchStride: usize;
}

/** Rows that are packed together where engines join pairs, bytes of six columns of as many, and of all that a thread keeps. @host */
const PANEL: i32 = 16;
const SIX_BYTES: usize = 384;
/** @host */ const PANEL_TILES_BYTES: usize = 2304;
/** Fewer rows than this are not worth a panel. */
const FEWEST_ROWS: i32 = 8;

/**
 * y[row, column] = sum over o, k of a[o, row, k] * b[o, column, k], as dot products of rows, in blocks of 4 x 2: as many products
 * for each load as a tile of the packed form. Engines that join pairs of vectors pack 16 rows of a and multiply by tiles of 16 x 6.
 *
 * a, b, y: float32, any alignment, y apart from a and b. Reads and writes existing elements only. Chunk = block of columns.
 * Rounding: for each o four partial sums (k mod 4), added pairwise; then o ascending. 2 flops for each term.
 */
export function matmulDots(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<DotArguments>(args);
  const first = chunk * g.columnsPerChunk, end = min(g.columns, first + g.columnsPerChunk);
  if (g.outer == 0 || g.depth == 0) {
    for (let column = first; column < end; column++) {
      for (let row = 0; row < g.rows; row++) store<f32>(g.y + <usize>row * g.yRow + <usize>column * g.yColumn, 0);
    }
    return;
  }
  for (let o = 0; o < g.outer; o++) {
    const a = g.a + <usize>o * g.aOuter, b = g.b + <usize>o * g.bOuter;
    if (WIDE && g.rows >= FEWEST_ROWS) {
      const scratch = g.scratch + <usize>worker * g.scratchStride;
      for (let row = 0; row < g.rows; row += PANEL) panelOfRows(g, a, b, row, first, end, scratch, o > 0);
      continue;
    }
    let column = first;
    if (WIDE && g.rows == 3 && !(g.depth & 3)) {
      for (; column + 4 <= end; column += 4) {
        const y = g.y + <usize>column * g.yColumn, row0 = y, row1 = y + g.yRow, row2 = row1 + g.yRow;
        dots3x4(a, g.aRow, b + <usize>column * g.bRow, g.bRow, floatBytes(g.depth), row0, row1, row2, g.yColumn, o > 0);
      }
    }
    for (; column < end; column += 2) {
      const b0 = b + <usize>column * g.bRow, b1 = column + 1 < end ? b0 + g.bRow : b0;
      dotRows(g, a, b0, b1, g.y + <usize>column * g.yColumn, column + 1 < end, o > 0);
    }
  }
}

/**
 * Sixteen rows with the columns of a chunk. The rows are packed as [k mod 4][k / 4][16], so that each of the four partial sums is a
 * product by itself; the last terms, where depth is no multiple of 4, belong to the first sum. Twelve columns at a time, six of which
 * fill the registers, and then four.
 */
function panelOfRows(
  g: DotArguments, a: usize, b: usize, row: i32, first: i32, end: i32, packed: usize, accumulate: bool,
): void {
  const tiles = packed + <usize>g.depth * 64, sums = tiles + 4 * SIX_BYTES;
  const rows = min(PANEL, g.rows - row);
  packRows(a + <usize>row * g.aRow, g.aRow, rows, g.depth, packed);
  for (let column = first; column < end; ) {
    const from = b + <usize>column * g.bRow, columns = column + 12 <= end && !(g.depth & 3) ? 12 : min(4, end - column);
    if (columns == 12) {
      sixColumns(from, g.bRow, g.depth, packed, tiles, sums);
      sixColumns(from + 6 * g.bRow, g.bRow, g.depth, packed, tiles, sums + SIX_BYTES);
    } else fourColumns(g, from, columns, packed, tiles, sums);
    storeColumns(g, sums, rows, columns, g.y + <usize>row * g.yRow + <usize>column * g.yColumn, accumulate);
    column += columns;
  }
}

/** sums [6][16] */
function sixColumns(b: usize, bRow: usize, depth: i32, packed: usize, tiles: usize, sums: usize): void {
  const part = <usize>(depth >> 2) * 64;
  for (let k: usize = 0; k < 4; k++) tile6x16(b + k * 4, bRow, packed + k * part, part, tiles + k * SIX_BYTES);
  for (let at: usize = 0; at < SIX_BYTES; at += 16) {
    const even = add(v128.load(tiles + at), v128.load(tiles + at, SIX_BYTES));
    v128.store(sums + at, add(even, add(v128.load(tiles + at, 2 * SIX_BYTES), v128.load(tiles + at, 3 * SIX_BYTES))));
  }
}

/** y [6][16] = every fourth number of six rows of b, times as many packed rows. */
function tile6x16(b: usize, bRow: usize, packed: usize, bytes: usize, y: usize): void {
  let b0 = b, b1 = b + bRow, b2 = b1 + bRow, b3 = b2 + bRow, b4 = b3 + bRow, b5 = b4 + bRow;
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0), c52 = f32x4.splat(0), c53 = f32x4.splat(0);
  for (const end = packed + bytes; packed < end; packed += 64) {
    const x0 = v128.load(packed), x1 = v128.load(packed, 16), x2 = v128.load(packed, 32), x3 = v128.load(packed, 48);
    const w0 = splatAt(b0);
    c00 = madd(w0, x0, c00); c01 = madd(w0, x1, c01); c02 = madd(w0, x2, c02); c03 = madd(w0, x3, c03);
    const w1 = splatAt(b1);
    c10 = madd(w1, x0, c10); c11 = madd(w1, x1, c11); c12 = madd(w1, x2, c12); c13 = madd(w1, x3, c13);
    const w2 = splatAt(b2);
    c20 = madd(w2, x0, c20); c21 = madd(w2, x1, c21); c22 = madd(w2, x2, c22); c23 = madd(w2, x3, c23);
    const w3 = splatAt(b3);
    c30 = madd(w3, x0, c30); c31 = madd(w3, x1, c31); c32 = madd(w3, x2, c32); c33 = madd(w3, x3, c33);
    const w4 = splatAt(b4);
    c40 = madd(w4, x0, c40); c41 = madd(w4, x1, c41); c42 = madd(w4, x2, c42); c43 = madd(w4, x3, c43);
    const w5 = splatAt(b5);
    c50 = madd(w5, x0, c50); c51 = madd(w5, x1, c51); c52 = madd(w5, x2, c52); c53 = madd(w5, x3, c53);
    b0 += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
    b4 += 16;
    b5 += 16;
  }
  v128.store(y, c01, 16); v128.store(y, c00); v128.store(y, c03, 48); v128.store(y, c02, 32);
  v128.store(y, c11, 80); v128.store(y, c10, 64); v128.store(y, c13, 112); v128.store(y, c12, 96);
  v128.store(y, c21, 144); v128.store(y, c20, 128); v128.store(y, c23, 176); v128.store(y, c22, 160);
  v128.store(y, c31, 208); v128.store(y, c30, 192); v128.store(y, c33, 240); v128.store(y, c32, 224);
  v128.store(y, c41, 272); v128.store(y, c40, 256); v128.store(y, c43, 304); v128.store(y, c42, 288);
  v128.store(y, c51, 336); v128.store(y, c50, 320); v128.store(y, c53, 368); v128.store(y, c52, 352);
}

/** sums [4][16], of which `columns` matter. */
function fourColumns(g: DotArguments, b0: usize, columns: i32, packed: usize, tiles: usize, sums: usize): void {
  const quads = g.depth >> 2, part = <usize>quads * 64;
  const b1 = columns > 1 ? b0 + g.bRow : b0, b2 = columns > 2 ? b1 + g.bRow : b1, b3 = columns > 3 ? b2 + g.bRow : b2;
  for (let k: usize = 0; k < 4; k++) {
    firstTiles(b0 + k * 4, b1 + k * 4, b2 + k * 4, b3 + k * 4, 16, packed + k * part, packed + k * part + 64, part, 64, 64, tiles + k * 256, 0);
  }
  if (g.depth & 3) {
    const from = <usize>quads * 16, steps = <usize>(g.depth & 3) * 64, rest = packed + 4 * part;
    laterTiles(b0 + from, b1 + from, b2 + from, b3 + from, 4, rest, rest + 64, steps, 64, 64, tiles, tiles, 0);
  }
  for (let at: usize = 0; at < 256; at += 16) {
    const even = add(v128.load(tiles + at), v128.load(tiles + at, 256));
    v128.store(sums + at, add(even, add(v128.load(tiles + at, 512), v128.load(tiles + at, 768))));
  }
}

/** y (+)= sums [columns][16] */
function storeColumns(g: DotArguments, sums: usize, rows: i32, columns: i32, y: usize, accumulate: bool): void {
  if (g.yColumn == 4 && rows == PANEL && !(columns & 3) && !accumulate) {
    for (let c = 0; c < columns; c += 4) {
      const from = sums + <usize>c * 64, to = y + floatBytes(c);
      for (let quad: usize = 0; quad < 4; quad++) transpose4(from + quad * 16, 64, to + quad * 4 * g.yRow, g.yRow);
    }
    return;
  }
  if (g.yRow == 4 && rows == PANEL) {
    for (let c = 0; c < columns; c++) {
      const from = sums + floatBytes(c * PANEL), to = y + <usize>c * g.yColumn;
      for (let at: usize = 0; at < floatBytes(PANEL); at += 16) {
        const sum = v128.load(from + at);
        v128.store(to + at, accumulate ? add(v128.load(to + at), sum) : sum);
      }
    }
    return;
  }
  for (let c = 0; c < columns; c++) {
    for (let r = 0; r < rows; r++) {
      const to = y + <usize>r * g.yRow + <usize>c * g.yColumn, sum = load<f32>(sums + floatBytes(c * PANEL + r));
      store<f32>(to, accumulate ? load<f32>(to) + sum : sum);
    }
  }
}

/** packed [4][depth / 4][16], then the last depth % 4 as [k][16]; missing rows repeat the last. */
function packRows(a: usize, aRow: usize, rows: i32, depth: i32, packed: usize): void {
  const quads = depth >> 2, part = <usize>quads * 64;
  for (let row = 0; row < PANEL; row += 4) {
    const to = packed + floatBytes(row);
    if (row + 4 <= rows) {
      const from = a + <usize>row * aRow;
      for (let quad = 0; quad < quads; quad++) transpose4(from + <usize>quad * 16, aRow, to + <usize>quad * 64, part);
    }
    for (let lane = 0; lane < 4; lane++) {
      const from = a + <usize>min(row + lane, rows - 1) * aRow, lanes = to + floatBytes(lane);
      if (row + 4 > rows) {
        for (let k = 0; k < 4 * quads; k++) store<f32>(lanes + <usize>(k & 3) * part + <usize>(k >> 2) * 64, load<f32>(from + floatBytes(k)));
      }
      for (let k = 4 * quads; k < depth; k++) store<f32>(lanes + <usize>k * 64, load<f32>(from + floatBytes(k)));
    }
  }
}

/** All rows with two columns. Missing rows and columns repeat the last ones; their sums are not stored. */
function dotRows(g: DotArguments, a: usize, b0: usize, b1: usize, y: usize, both: bool, accumulate: bool): void {
  for (let row = 0; row < g.rows; row += 4) {
    const left = g.rows - row;
    const a0 = a + <usize>row * g.aRow;
    const a1 = left > 1 ? a0 + g.aRow : a0, a2 = left > 2 ? a1 + g.aRow : a1, a3 = left > 3 ? a2 + g.aRow : a2;
    dots4x2(a0, a1, a2, a3, b0, b1, g.depth, y + <usize>row * g.yRow, g.yRow, both ? g.yColumn : 0, left, accumulate);
  }
}

/** y (+)= the products of four rows with two columns; `columnStep` is 0 where there is only one, `rows` says how many exist. */
function dots4x2(
  a0: usize, a1: usize, a2: usize, a3: usize, b0: usize, b1: usize, depth: i32, y: usize, rowStep: usize, columnStep: usize,
  rows: i32, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let k: usize = 0;
  for (const end = floatBytes(depth & ~3); k < end; k += 16) {
    const x0 = v128.load(b0 + k), x1 = v128.load(b1 + k);
    const w0 = v128.load(a0 + k);
    c00 = madd(w0, x0, c00); c01 = madd(w0, x1, c01);
    const w1 = v128.load(a1 + k);
    c10 = madd(w1, x0, c10); c11 = madd(w1, x1, c11);
    const w2 = v128.load(a2 + k);
    c20 = madd(w2, x0, c20); c21 = madd(w2, x1, c21);
    const w3 = v128.load(a3 + k);
    c30 = madd(w3, x0, c30); c31 = madd(w3, x1, c31);
  }
  for (const end = floatBytes(depth); k < end; k += 4) {
    const x0 = v128.load32_zero(b0 + k), x1 = v128.load32_zero(b1 + k);
    const w0 = v128.load32_zero(a0 + k);
    c00 = madd(w0, x0, c00); c01 = madd(w0, x1, c01);
    const w1 = v128.load32_zero(a1 + k);
    c10 = madd(w1, x0, c10); c11 = madd(w1, x1, c11);
    const w2 = v128.load32_zero(a2 + k);
    c20 = madd(w2, x0, c20); c21 = madd(w2, x1, c21);
    const w3 = v128.load32_zero(a3 + k);
    c30 = madd(w3, x0, c30); c31 = madd(w3, x1, c31);
  }
  put(y, columnStep, c00, c01, accumulate);
  if (rows > 1) put(y + rowStep, columnStep, c10, c11, accumulate);
  if (rows > 2) put(y + 2 * rowStep, columnStep, c20, c21, accumulate);
  if (rows > 3) put(y + 3 * rowStep, columnStep, c30, c31, accumulate);
}

/** Three rows with four columns, of a depth that is a multiple of four: colours. */
function dots3x4(
  a0: usize, aRow: usize, b0: usize, bRow: usize, bytes: usize, y0: usize, y1: usize, y2: usize, columnStep: usize, accumulate: bool,
): void {
  const a1 = a0 + aRow, a2 = a1 + aRow, b1 = b0 + bRow, b2 = b1 + bRow, b3 = b2 + bRow;
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) {
    const w0 = v128.load(a0 + k), w1 = v128.load(a1 + k), w2 = v128.load(a2 + k);
    const x0 = v128.load(b0 + k);
    c00 = madd(w0, x0, c00); c10 = madd(w1, x0, c10); c20 = madd(w2, x0, c20);
    const x1 = v128.load(b1 + k);
    c01 = madd(w0, x1, c01); c11 = madd(w1, x1, c11); c21 = madd(w2, x1, c21);
    const x2 = v128.load(b2 + k);
    c02 = madd(w0, x2, c02); c12 = madd(w1, x2, c12); c22 = madd(w2, x2, c22);
    const x3 = v128.load(b3 + k);
    c03 = madd(w0, x3, c03); c13 = madd(w1, x3, c13); c23 = madd(w2, x3, c23);
  }
  put(y0, columnStep, c00, c01, accumulate);
  put(y0 + 2 * columnStep, columnStep, c02, c03, accumulate);
  put(y1, columnStep, c10, c11, accumulate);
  put(y1 + 2 * columnStep, columnStep, c12, c13, accumulate);
  put(y2, columnStep, c20, c21, accumulate);
  put(y2 + 2 * columnStep, columnStep, c22, c23, accumulate);
}

// @ts-ignore: decorator
@inline
function put(y: usize, columnStep: usize, c0: v128, c1: v128, accumulate: bool): void {
  store<f32>(y, accumulate ? load<f32>(y) + sumOf(c0) : sumOf(c0));
  if (columnStep) store<f32>(y + columnStep, accumulate ? load<f32>(y + columnStep) + sumOf(c1) : sumOf(c1));
}

// @ts-ignore: decorator
@inline
function sumOf(c: v128): f32 {
  return (f32x4.extract_lane(c, 0) + f32x4.extract_lane(c, 1)) + (f32x4.extract_lane(c, 2) + f32x4.extract_lane(c, 3));
}
