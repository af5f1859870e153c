/**
 * The adjoint of convolution in its weights, as a product of matrices: dW[o, c] = dY[o, k] * X[k, c] with c = (i, r, s) and
 * k = (n, p, q). dY comes packed (pack.ts); a panel of X, eight taps wide, is gathered just before it is used.
 */
import { floatBytes } from "../vector";
import { COLUMNS, DEPTH, ROWS, TILE_BYTES, multiplyPanels } from "../gemm/tile";
import { storeRows } from "../gemm/matmul";

@unmanaged
class WeightGradArguments {
  packed: usize; x: usize; dw: usize; scratch: usize; scratchStride: i32;
  /** Output channels. */
  rows: i32; n: i32; xImage: i32; channels: i32; height: i32; width: i32; kernelHeight: i32; kernelWidth: i32; stride: i32;
  padY: i32; padX: i32; outHeight: i32; outWidth: i32;
  /** A multiple of 8. */
  columnsPerChunk: i32;
}

const PANEL_BYTES: usize = 256 * 32;

/**
 * dw[o, i, r, s] = sum over n, p, q of x[n, i, p * stride + r - padY, q * stride + s - padX] * dy[n, o, p, q].
 *
 * packed: dy as [ceil(rows / 4)][n * outHeight * outWidth][4]. x, dw: float32, any alignment, apart from each other and from
 * scratch. Reads x only at existing pixels, writes all of dw. Chunk = block of columns.
 * Rounding: k ascending, one accumulator. 2 * k flops for each weight.
 */
export function convWeightGradTiles(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<WeightGradArguments>(args);
  const panel = g.scratch + <usize>worker * <usize>g.scratchStride;
  const allTiles = panel + PANEL_BYTES;
  const columns = g.channels * g.kernelHeight * g.kernelWidth;
  const firstColumn = chunk * g.columnsPerChunk;
  const endColumn = min(columns, firstColumn + g.columnsPerChunk);
  const panels = (g.rows + ROWS - 1) / ROWS;
  const tilesStep = <usize>panels * TILE_BYTES;
  const depth = g.n * g.outHeight * g.outWidth;

  for (let k = 0; k < depth; k += DEPTH) {
    const steps = min(DEPTH, depth - k);
    let tiles = allTiles;
    for (let column = firstColumn; column < endColumn; column += COLUMNS) {
      for (let j = 0; j < COLUMNS; j++) {
        gatherTap(g, min(column + j, columns - 1), k, steps, panel + floatBytes(j));
      }
      multiplyPanels(g.packed + (<usize>k << 4), <usize>depth << 4, panels, panel, 32, steps, tiles, k > 0);
      tiles += tilesStep;
    }
  }
  let tiles = allTiles;
  for (let column = firstColumn; column < endColumn; column += COLUMNS) {
    storeRows(g.dw, columns, column, min(COLUMNS, columns - column), g.rows, tiles);
    tiles += tilesStep;
  }
}

/** One column of the panel: to[32 * t] = x seen through tap `column` from output pixel firstK + t, zero outside x. */
function gatherTap(g: WeightGradArguments, column: i32, firstK: i32, steps: i32, to: usize): void {
  const tapsPerChannel = g.kernelHeight * g.kernelWidth;
  const i = column / tapsPerChannel;
  const shiftY = (column % tapsPerChannel) / g.kernelWidth - g.padY;
  const shiftX = column % g.kernelWidth - g.padX;
  let q = firstK % g.outWidth;
  let p = (firstK / g.outWidth) % g.outHeight;
  let image = firstK / (g.outWidth * g.outHeight);
  while (steps > 0) {
    // One run: the rest of this row of outputs.
    const run = min(steps, g.outWidth - q);
    const y = p * g.stride + shiftY;
    let x = q * g.stride + shiftX;
    const row = g.x + floatBytes(image) * <usize>g.xImage + ((<usize>(i * g.height + y) * <usize>g.width) << 2);
    const inside = <u32>y < <u32>g.height;
    for (let t = 0; t < run; t++) {
      let value: f32 = 0;
      if (inside && <u32>x < <u32>g.width) value = load<f32>(row + floatBytes(x));
      store<f32>(to, value);
      to += 32;
      x += g.stride;
    }
    steps -= run;
    q = 0;
    if (++p == g.outHeight) {
      p = 0;
      image++;
    }
  }
}
