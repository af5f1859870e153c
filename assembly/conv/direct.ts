/**
 * Convolution as a product of matrices (implicit im2col): Y[o, pixel] = W[o, k] * X[k, pixel] with k = (i, r, s). W comes
 * packed (pack.ts); a panel of X, eight pixels wide, is gathered into L1 just before every row of W is multiplied with it.
 * The same kernel serves transposed convolutions: each phase of the output grid is a convolution with some of the taps.
 */
import { floatBytes } from "../vector";
import { COLUMNS, DEPTH, ROWS, TILE_BYTES, multiplyPanels, multiplyPanelsExactly } from "../gemm/tile";

/** Positions are in elements. The grid is the set of outputs to compute; y may hold it with gaps (a phase). */
@unmanaged
class ConvArguments {
  packed: usize; x: usize; y: usize; scratch: usize; scratchStride: i32;
  /** Output channels, and how many of them (a multiple of 4) belong to a chunk. */
  rows: i32; rowsPerChunk: i32;
  /** Input channels; x is [n][xImage / (height * width)][height][width]. */
  channels: i32; height: i32; width: i32; kernelHeight: i32; kernelWidth: i32; stride: i32; padY: i32; padX: i32; xImage: i32;
  /** n * gridHeight * gridWidth, and how many of them (a multiple of 8) belong to a chunk. */
  columns: i32; columnsPerChunk: i32; gridHeight: i32; gridWidth: i32;
  /** Output (n, o, p, q) lies at n * yImage + o * yPlane + p * yRow + q * yColumn. */
  yImage: i32; yPlane: i32; yRow: i32; yColumn: i32;
  /** 1: sums in float64. */
  exact: i32;
}

/** Scratch of a worker: the table of eight columns, the panel, the tiles. @host */
const TABLE_BYTES: usize = 128;
const PANEL_BYTES: usize = 256 * 32;
/** A row that no image has, yet far from overflow. */
const NOWHERE: i32 = -(1 << 29);

/**
 * y[n, o, p, q] = sum over i, r, s of x[n, i, p * stride + r - padY, q * stride + s - padX] * w[o, i, r, s], for the grid.
 *
 * packed: [ceil(rows / 4)][channels * kernelHeight * kernelWidth][4]. x, y: float32, any alignment, apart from each other
 * and from scratch. Reads x only at existing pixels, writes y only at grid points of existing rows.
 * Chunk = column block * row blocks + row block.
 * Rounding: k ascending, one accumulator, in float32 or (`exact`) in float64. 2 * k flops for each output.
 */
export function convTiles(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<ConvArguments>(args);
  const table = g.scratch + <usize>worker * <usize>g.scratchStride;
  const panel = table + TABLE_BYTES;
  const allTiles = panel + PANEL_BYTES;

  const rowBlocks = (g.rows + g.rowsPerChunk - 1) / g.rowsPerChunk;
  const firstRow = (chunk % rowBlocks) * g.rowsPerChunk;
  const rows = min(g.rowsPerChunk, g.rows - firstRow);
  const panels = (rows + ROWS - 1) / ROWS;
  const tilesStep = <usize>panels * TILE_BYTES;
  const firstColumn = (chunk / rowBlocks) * g.columnsPerChunk;
  const endColumn = min(g.columns, firstColumn + g.columnsPerChunk);

  const depth = g.channels * g.kernelHeight * g.kernelWidth;
  const aStep = <usize>depth << 4;
  const packed = g.packed + floatBytes(firstRow) * <usize>depth;
  if (depth == 0) memory.fill(allTiles, 0, tilesStep * <usize>((endColumn - firstColumn + COLUMNS - 1) / COLUMNS));

  for (let k = 0; k < depth; k += DEPTH) {
    const steps = min(DEPTH, depth - k);
    const a = packed + (<usize>k << 4);
    let tiles = allTiles;
    for (let column = firstColumn; column < endColumn; column += COLUMNS) {
      gatherPixels(g, column, k, steps, table, panel);
      if (g.exact) multiplyPanelsExactly(a, aStep, panels, panel, steps, tiles, k > 0);
      else multiplyPanels(a, aStep, panels, panel, 32, steps, tiles, k > 0);
      tiles += tilesStep;
    }
  }

  let tiles = allTiles;
  for (let column = firstColumn; column < endColumn; column += COLUMNS) {
    storePixels(g, column, firstRow, rows, tiles);
    tiles += tilesStep;
  }
}

/** panel[k - firstK][0..7] = the inputs that columns column .. column + 7 meet at k = (i, r, s); zeros outside x. */
function gatherPixels(g: ConvArguments, column: i32, firstK: i32, steps: i32, table: usize, panel: usize): void {
  const tapsPerChannel = g.kernelHeight * g.kernelWidth;
  let i = firstK / tapsPerChannel;
  let r = (firstK % tapsPerChannel) / g.kernelWidth;
  let s = firstK % g.kernelWidth;
  const q = column % g.gridWidth;
  const p = (column / g.gridWidth) % g.gridHeight;
  const oneRow = q + COLUMNS <= g.gridWidth; // all eight lie in one row of one image
  const span = (COLUMNS - 1) * g.stride; // from the first to the last input column they meet
  const rowY = p * g.stride - g.padY;
  const rowX = q * g.stride - g.padX;
  const image = g.x + floatBytes(column / (g.gridWidth * g.gridHeight)) * <usize>g.xImage;
  fillTable(g, column, table);

  const end = panel + (<usize>steps << 5);
  while (panel < end) {
    const x = rowX + s;
    if (oneRow && x >= 0 && x + span < g.width) {
      const y = rowY + r;
      if (<u32>y < <u32>g.height) {
        const from = image + ((<usize>(i * g.height + y) * <usize>g.width + <usize>x) << 2);
        if (g.stride == 1) {
          v128.store(panel, v128.load(from), 0);
          v128.store(panel, v128.load(from, 16), 16);
        } else {
          const step = floatBytes(g.stride);
          store<f32>(panel, load<f32>(from), 0);
          store<f32>(panel, load<f32>(from + step), 4);
          store<f32>(panel, load<f32>(from + step * 2), 8);
          store<f32>(panel, load<f32>(from + step * 3), 12);
          store<f32>(panel, load<f32>(from + step * 4), 16);
          store<f32>(panel, load<f32>(from + step * 5), 20);
          store<f32>(panel, load<f32>(from + step * 6), 24);
          store<f32>(panel, load<f32>(from + step * 7), 28);
        }
      } else {
        v128.store(panel, f32x4.splat(0), 0);
        v128.store(panel, f32x4.splat(0), 16);
      }
    } else {
      for (let j: usize = 0; j < 32; j += 4) {
        const y = load<i32>(table + j) + r;
        const x = load<i32>(table + j, 32) + s;
        let value: f32 = 0;
        if (<u32>y < <u32>g.height && <u32>x < <u32>g.width) {
          const plane = load<usize>(table + j, 64) + ((<usize>(i * g.height + y) * <usize>g.width) << 2);
          value = load<f32>(plane + floatBytes(x));
        }
        store<f32>(panel + j, value);
      }
    }
    panel += 32;
    if (++s == g.kernelWidth) {
      s = 0;
      if (++r == g.kernelHeight) {
        r = 0;
        i++;
      }
    }
  }
}

/** table = { y[8], x[8], image[8] }: where each column's window begins, and in which image. */
function fillTable(g: ConvArguments, column: i32, table: usize): void {
  for (let j = 0; j < COLUMNS; j++) {
    const q = (column + j) % g.gridWidth;
    const p = ((column + j) / g.gridWidth) % g.gridHeight;
    const image = (column + j) / (g.gridWidth * g.gridHeight);
    const at = table + floatBytes(j);
    store<i32>(at, column + j < g.columns ? p * g.stride - g.padY : NOWHERE);
    store<i32>(at, q * g.stride - g.padX, 32);
    store<usize>(at, g.x + floatBytes(image) * <usize>g.xImage, 64);
  }
}

/** Writes a column of tiles, eight pixels of `rows` output channels, to y. */
function storePixels(g: ConvArguments, column: i32, firstRow: i32, rows: i32, tiles: usize): void {
  const q = column % g.gridWidth;
  const pixel = column % (g.gridWidth * g.gridHeight);
  const dense = g.yColumn == 1 && g.yRow == g.gridWidth;
  const y = g.y + floatBytes(firstRow) * <usize>g.yPlane;
  const oneRow = g.yColumn == 1 && q + COLUMNS <= g.gridWidth;
  if (oneRow || (dense && pixel + COLUMNS <= g.gridWidth * g.gridHeight)) {
    let to = y + outputOffset(g, column);
    for (let row = 0; row < rows; row++) {
      v128.store(to, v128.load(tiles), 0);
      v128.store(to, v128.load(tiles, 16), 16);
      tiles += 32;
      to += floatBytes(g.yPlane);
    }
    return;
  }
  const count = min(COLUMNS, g.columns - column);
  for (let j = 0; j < count; j++) {
    let to = y + outputOffset(g, column + j);
    let from = tiles + floatBytes(j);
    for (let row = 0; row < rows; row++) {
      store<f32>(to, load<f32>(from));
      from += 32;
      to += floatBytes(g.yPlane);
    }
  }
}

/** Bytes from y to the output of a column in row 0. */
// @ts-ignore: decorator
@inline
function outputOffset(g: ConvArguments, column: i32): usize {
  const q = column % g.gridWidth;
  const p = (column / g.gridWidth) % g.gridHeight;
  const image = column / (g.gridWidth * g.gridHeight);
  return floatBytes(image) * <usize>g.yImage + (<usize>(p * g.yRow + q * g.yColumn) << 2);
}
