/** Products of matrices: packed tiles for the general case, plain dot products for a few rows. */
import { LANES, VECTOR, floatBytes, madd } from "./simd";
import { COLUMNS, DEPTH, ROWS, TILE_BYTES, multiplyPanels } from "./tile";

/** Element (k, column) of b lies at k * bDepthStep + column * bColumnStep. */
@unmanaged
class MatmulArguments {
  packed: usize;
  b: usize;
  y: usize;
  scratch: usize;
  scratchStride: i32;
  rows: i32;
  /** A multiple of 4. */
  rowsPerChunk: i32;
  depth: i32;
  columns: i32;
  /** A multiple of 8. */
  columnsPerChunk: i32;
  bDepthStep: i32;
  bColumnStep: i32;
  /** 1 if b itself can serve as the panel: bColumnStep is 1 and there are few rows. */
  direct: i32;
}

const PANEL_BYTES: usize = 256 * 32;

/**
 * y[rows, columns] = a[rows, depth] * b[depth, columns].
 *
 * packed: a as [ceil(rows / 4)][depth][4]. b, y: float32, any alignment, apart from each other and from scratch. Reads b and
 * writes y only at existing elements. Chunk = column block * row blocks + row block.
 * Rounding: k ascending, one accumulator. 2 * depth flops for each element of y.
 */
export function matmulTiles(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<MatmulArguments>(args);
  const panel = g.scratch + <usize>worker * <usize>g.scratchStride;
  const allTiles = panel + PANEL_BYTES;
  const rowBlocks = (g.rows + g.rowsPerChunk - 1) / g.rowsPerChunk;
  const firstRow = (chunk % rowBlocks) * g.rowsPerChunk;
  const rows = min(g.rowsPerChunk, g.rows - firstRow);
  const panels = (rows + ROWS - 1) / ROWS;
  const tilesStep = <usize>panels * TILE_BYTES;
  const firstColumn = (chunk / rowBlocks) * g.columnsPerChunk;
  const endColumn = min(g.columns, firstColumn + g.columnsPerChunk);
  const packed = g.packed + floatBytes(firstRow) * <usize>g.depth;
  const aStep = <usize>g.depth << 4;
  if (g.depth == 0) memory.fill(allTiles, 0, tilesStep * <usize>((endColumn - firstColumn + COLUMNS - 1) / COLUMNS));

  for (let k = 0; k < g.depth; k += DEPTH) {
    const steps = min(DEPTH, g.depth - k);
    const a = packed + (<usize>k << 4);
    let tiles = allTiles;
    for (let column = firstColumn; column < endColumn; column += COLUMNS) {
      const b = g.b + floatBytes(k) * <usize>g.bDepthStep + floatBytes(column) * <usize>g.bColumnStep;
      const count = min(COLUMNS, g.columns - column);
      if (g.direct && count == COLUMNS) {
        multiplyPanels(a, aStep, panels, b, floatBytes(g.bDepthStep), steps, tiles, k > 0);
      } else {
        gatherColumns(g, b, count, steps, panel);
        multiplyPanels(a, aStep, panels, panel, 32, steps, tiles, k > 0);
      }
      tiles += tilesStep;
    }
  }
  let tiles = allTiles;
  for (let column = firstColumn; column < endColumn; column += COLUMNS) {
    const y = g.y + floatBytes(firstRow) * <usize>g.columns;
    storeRows(y, g.columns, column, min(COLUMNS, g.columns - column), rows, tiles);
    tiles += tilesStep;
  }
}

/** panel[t][0..7] = b[t][0..count - 1], zeros in columns that do not exist. */
function gatherColumns(g: MatmulArguments, b: usize, count: i32, steps: i32, panel: usize): void {
  const depthStep = floatBytes(g.bDepthStep);
  const columnStep = floatBytes(g.bColumnStep);
  if (g.bColumnStep == 1 && count == COLUMNS) {
    for (let t = 0; t < steps; t++) {
      v128.store(panel, v128.load(b), 0);
      v128.store(panel, v128.load(b, 16), 16);
      b += depthStep;
      panel += 32;
    }
    return;
  }
  for (let j = 0; j < COLUMNS; j++) {
    let from = b + <usize>j * columnStep;
    let to = panel + floatBytes(j);
    for (let t = 0; t < steps; t++) {
      store<f32>(to, j < count ? load<f32>(from) : 0);
      from += depthStep;
      to += 32;
    }
  }
}

/** y[0..rows - 1][column..column + count - 1] = a column of tiles; rows of y are `width` apart. */
export function storeRows(y: usize, width: i32, column: i32, count: i32, rows: i32, tiles: usize): void {
  let to = y + floatBytes(column);
  for (let row = 0; row < rows; row++) {
    if (count == COLUMNS) {
      v128.store(to, v128.load(tiles), 0);
      v128.store(to, v128.load(tiles, 16), 16);
    } else {
      for (let j = 0; j < count; j++) store<f32>(to + floatBytes(j), load<f32>(tiles + floatBytes(j)));
    }
    tiles += 32;
    to += floatBytes(width);
  }
}

@unmanaged
class DotArguments {
  a: usize;
  b: usize;
  y: usize;
  rows: i32;
  depth: i32;
  columns: i32;
  columnsPerChunk: i32;
}

/**
 * y[rows, columns] = a[rows, depth] * transpose(b[columns, depth]), as dot products of rows: right when `rows` is so small
 * that packing b would cost more than multiplying with it (dense layers at small batches).
 *
 * a, b, y: dense float32, any alignment, y apart from a and b. Chunk = block of columns.
 * Rounding: sixteen partial sums (k mod 16), added pairwise, then the tail. 2 * depth flops for each element of y.
 */
export function matmulDots(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<DotArguments>(args);
  const first = chunk * g.columnsPerChunk;
  const end = min(g.columns, first + g.columnsPerChunk);
  const rowBytes = floatBytes(g.depth);
  for (let column = first; column < end; column++) {
    const b = g.b + <usize>column * rowBytes;
    for (let row = 0; row < g.rows; row++) {
      const value = dot(g.a + <usize>row * rowBytes, b, g.depth);
      store<f32>(g.y + floatBytes(row) * <usize>g.columns + floatBytes(column), value);
    }
  }
}

/** The sum of a[k] * b[k], k < depth. */
export function dot(a: usize, b: usize, depth: i32): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  const end = a + floatBytes(depth);
  const fullEnd = a + floatBytes(depth & ~(4 * LANES - 1));
  while (a < fullEnd) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3);
    a += 4 * VECTOR;
    b += 4 * VECTOR;
  }
  const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  let sum = (f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1)) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3));
  while (a < end) {
    sum += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}
