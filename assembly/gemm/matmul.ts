/** Products of large matrices: packed tiles. Small ones are multiplied where they lie (small.ts). */
import { floatBytes } from "../vector";
import { COLUMNS, DEPTH, ROWS, TILE_BYTES, multiplyPanels } from "./tile";

/** Element (k, column) of b lies at k * bDepthStep + column * bColumnStep. */
@unmanaged
class MatmulArguments {
  packed: usize; b: usize; y: usize; scratch: usize; scratchStride: i32; rows: i32;
  /** A multiple of 4. */
  rowsPerChunk: i32; depth: i32; columns: i32;
  /** A multiple of 8. */
  columnsPerChunk: i32; bDepthStep: i32; bColumnStep: i32;
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
  const firstRow = (chunk % rowBlocks) * g.rowsPerChunk, rows = min(g.rowsPerChunk, g.rows - firstRow);
  const panels = (rows + ROWS - 1) / ROWS, tilesStep = <usize>panels * TILE_BYTES;
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
      gatherColumns(g, b, count, steps, panel);
      multiplyPanels(a, aStep, panels, panel, 32, steps, tiles, k > 0);
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
