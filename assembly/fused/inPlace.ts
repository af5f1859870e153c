/**
 * F(4x4, 3x3) whose output takes the place of its input: the feature maps of a high resolution need half the memory, and
 * every line is written where it was just read. For as many output as input blocks.
 *
 * A chunk is a band of tile rows of one image, all channels. A tile reads one pixel beyond each of its sides:
 *
 *   left, right   all tiles of a row of tiles are transformed before the first output of that row is written
 *   above         the last row of pixels under a row of tiles is kept in a line buffer before it is overwritten
 *   other bands   the two rows of pixels on every seam between bands are copied beforehand (`inPlaceSeams`)
 *
 * so every tile sees the input only, and the result is that of convBlocked, bit for bit.
 */
import { imageAt, inputPointStride, multiplyBlock, productPointStride } from "./conv";
import { inputTileF4 } from "./inputTiles";
import { Job, rangeStart } from "./job";
import { outputF4 } from "./outputTiles";
import { copyPatchRow } from "./patch";

/** The copy of pixel row `which` (0: the last above, 1: the first below) on the seam under band `band`. */
function seamRow(job: Job, n: i32, band: i32, block: i32, which: i32): usize {
  const seams = job.rowRanges - 1;
  const index = ((n * seams + band) * job.inBlocks + block) * 2 + which;
  return job.seams + <usize>index * <usize>job.width * 32;
}

/** Copies the rows of one seam and block: chunk = block + inBlocks * (band + seams * image). */
export function inPlaceSeams(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args);
  const seams = job.rowRanges - 1;
  const block = chunk % job.inBlocks, band = chunk / job.inBlocks % seams, n = chunk / (job.inBlocks * seams);
  const below = rangeStart(job.tilesY, job.rowRanges, band + 1) * 4, rowBytes = <usize>job.width * 32;
  const x = job.x + <usize>(n * job.inBlocks + block) * job.xPlane + <usize>(below - 1) * rowBytes;
  memory.copy(seamRow(job, n, band, block, 0), x, 2 * rowBytes);
}

/** V of the row of tiles `ty`. `above`: the line buffer [inBlocks, width, 8]; `zeros`: a row of zeros. */
function inputTileRow(
  job: Job, n: i32, ty: i32, band: i32, above: usize, zeros: usize, v: usize, pointStride: usize, tile: usize,
): void {
  const begin = rangeStart(job.tilesY, job.rowRanges, band), end = rangeStart(job.tilesY, job.rowRanges, band + 1);
  const rowBytes = <usize>job.width * 32, width = job.width, height = job.height;
  const tileRows = job.tileRows, groupStride = <usize>tileRows * 32, panelStride = groupStride * <usize>job.inBlocks;
  const patch = tile + 1152;
  for (let block = 0; block < job.inBlocks; block++) {
    const x = job.x + <usize>(n * job.inBlocks + block) * job.xPlane;
    const style = job.inputScales + <usize>n * job.inputScalesStride + <usize>block * 32;
    const line = above + <usize>block * rowBytes, y = ty * 4;
    const r0 = ty == 0 ? zeros : ty == begin ? seamRow(job, n, band - 1, block, 0) : line;
    const r1 = x + <usize>y * rowBytes;
    const r2 = y + 1 < height ? r1 + rowBytes : zeros;
    const r3 = y + 2 < height ? r1 + 2 * rowBytes : zeros;
    const r4 = y + 3 < height ? r1 + 3 * rowBytes : zeros;
    const r5 = y + 4 >= height ? zeros : ty + 1 == end ? seamRow(job, n, band, block, 1) : r1 + 4 * rowBytes;
    let panel = v + <usize>block * groupStride, lane = 0;
    for (let tx = 0; tx < job.tilesX; tx++) {
      const x0 = tx * 4 - 1, to = panel + <usize>lane * 32;
      if (x0 >= 0 && x0 + 6 <= width) {
        const offset = <usize>x0 * 32;
        inputTileF4(
          r0 + offset, r1 + offset, r2 + offset, r3 + offset, r4 + offset, r5 + offset, style, to, pointStride, tile,
        );
      } else {
        copyPatchRow(r0, width, x0, 6, patch);
        copyPatchRow(r1, width, x0, 6, patch + 192);
        copyPatchRow(r2, width, x0, 6, patch + 384);
        copyPatchRow(r3, width, x0, 6, patch + 576);
        copyPatchRow(r4, width, x0, 6, patch + 768);
        copyPatchRow(r5, width, x0, 6, patch + 960);
        inputTileF4(
          patch, patch + 192, patch + 384, patch + 576, patch + 768, patch + 960, style, to, pointStride, tile,
        );
      }
      if (++lane == tileRows) { lane = 0; panel += panelStride; }
    }
    if (ty + 1 < end) memory.copy(line, r4, rowBytes);
  }
}

/** Chunk = band + bands * image. Scratch: V of a row of tiles, M of a block, one tile, then the line buffer and the zeros. */
export function convInPlace(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args);
  const bands = job.rowRanges, n = chunk / bands, band = chunk % bands;
  const depth = job.inBlocks * 8, rowBytes = <usize>job.width * 32;
  const v = job.scratch + <usize>worker * job.scratchStride, m = v + job.productOffset, tile = v + job.tileOffset;
  const above = v + job.stripOffset, zeros = above + <usize>job.inBlocks * rowBytes;
  const rowTiles = (job.tilesX + job.tileRows - 1) / job.tileRows * job.tileRows;
  const vStride = inputPointStride(rowTiles, depth);
  const panelBytes = <usize>depth * <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3;
  memory.fill(zeros, 0, rowBytes);
  for (let ty = rangeStart(job.tilesY, bands, band), end = rangeStart(job.tilesY, bands, band + 1); ty < end; ty++) {
    inputTileRow(job, n, ty, band, above, zeros, v, vStride, tile);
    for (let t = 0; t < job.tilesX; t += job.blockTiles) {
      const count = min(job.blockTiles, job.tilesX - t);
      const tilePanels = (count + job.tileRows - 1) / job.tileRows, tiles = tilePanels * job.tileRows;
      const mStride = productPointStride(job, tiles), from = v + <usize>t * <usize>depth * 4;
      for (let panel = 0; panel < job.panels; panel += job.groupPanels) {
        const panels = min(job.groupPanels, job.panels - panel), u = job.weights + <usize>panel * panelBytes;
        multiplyBlock(job, from, vStride, u, m, mStride, depth, tilePanels, panels, false, false);
        const block0 = panel * panelBlocks, block1 = min(job.outBlocks, (panel + panels) * panelBlocks);
        outputF4(
          job, n, ty * job.tilesX + t, count, 0, m, mStride, tiles, block0, block1, imageAt(job, n), job.yPlane, rowBytes, tile,
        );
      }
    }
  }
}
