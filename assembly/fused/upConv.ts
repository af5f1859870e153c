/**
 * The up-convolution of StyleGAN2 in one pass: stride-2 transposed 3x3 convolution (t4.ts, t2.ts), then a separable
 * four-tap filter, then the epilogue:
 *
 *   y [2H + 1, 2W + 1] = the transposed convolution;   z[p, q] = sum over i, j of firY[i] firX[j] y[p - 1 + i, q - 1 + j]
 *
 * y is never stored: a few rows of tiles go to a *strip* that stays in the cache (three rows carried over from the strip
 * before, one zero column on the left), and the filter reads it from there.
 *
 *   strip row 0 1 2 | 3 4 ...                 columns: 0 is y column -1, then y columns 0, 1, ...
 *     carried rows  | fresh rows of y
 *
 * y has one row and column more than the tiles of the input give where tiles divide it evenly. There the *edge* tiles see
 * one row (column) of input, and only the first row (column) of the transform is not zero: the other products are skipped.
 *
 * A chunk is a range of tile rows and of output panels of one image. The three rows of z on a seam between two row ranges
 * need rows of y from both: each side saves its three to the *seam* buffer [n, seam, outBlocks, 6 rows], and `transposedSeams`
 * filters them afterwards. So nothing is computed twice and the result does not depend on the split.
 */
import { add, madd, mul } from "../vector";
import { inputPointStride, multiplyPoints, productPointStride } from "./conv";
import { activate } from "./epilogue";
import { inputT2, inputT4 } from "./inputTiles";
import { Job, T4 } from "./job";
import { outputT2, outputT4 } from "./outputTiles";

/** r0 f0 + r1 f1 + r2 f2 + r3 f3 for the rows p, p + rowStride, ... of one column. */
// @ts-ignore: decorator
@inline
function columnSum(p: usize, rowStride: usize, f0: v128, f1: v128, f2: v128, f3: v128): v128 {
  const top = madd(v128.load(p + rowStride), f1, mul(v128.load(p), f0));
  const bottom = madd(v128.load(p + 3 * rowStride), f3, mul(v128.load(p + 2 * rowStride), f2));
  return add(top, bottom);
}

/** (r0 + r3) + ratio (r1 + r2): a symmetric filter over its first tap. */
// @ts-ignore: decorator
@inline
function symmetricSum(r0: v128, r1: v128, r2: v128, r3: v128, ratio: v128): v128 {
  return madd(add(r1, r2), ratio, add(r0, r3));
}

// @ts-ignore: decorator
@inline
function symmetricColumn(p: usize, rowStride: usize, ratio: v128): v128 {
  return symmetricSum(v128.load(p), v128.load(p + rowStride), v128.load(p + 2 * rowStride), v128.load(p + 3 * rowStride), ratio);
}

/**
 * Four channels of `width` pixels of one row of z, from four rows of y at `p` (which starts at y column -1). A window of four
 * column sums slides along the row; each is computed once.
 */
function firRow(
  job: Job, p: usize, rowStride: usize, z: usize, width: i32, noise: usize, scale: v128, bias: v128, noiseGain: v128,
): void {
  const y0 = f32x4.splat(job.firY0), y1 = f32x4.splat(job.firY1), y2 = f32x4.splat(job.firY2), y3 = f32x4.splat(job.firY3);
  const x0 = mul(f32x4.splat(job.firX0), scale), x1 = mul(f32x4.splat(job.firX1), scale);
  const x2 = mul(f32x4.splat(job.firX2), scale), x3 = mul(f32x4.splat(job.firX3), scale);
  const slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  let a = columnSum(p, rowStride, y0, y1, y2, y3);
  let b = columnSum(p + 32, rowStride, y0, y1, y2, y3);
  let c = columnSum(p + 64, rowStride, y0, y1, y2, y3);
  const end = z + <usize>width * 32;
  while (z < end) {
    const d = columnSum(p + 96, rowStride, y0, y1, y2, y3);
    const shift = madd(v128.load32_splat(noise), noiseGain, bias);
    v128.store(z, activate(madd(d, x3, madd(c, x2, madd(b, x1, madd(a, x0, shift)))), slope, clamp));
    a = b;
    b = c;
    c = d;
    p += 32;
    z += 32;
    noise += 4;
  }
}

/** firRow for a filter whose taps read the same backwards, two pixels at a time: half the multiplications. */
function symmetricRow(
  job: Job, p: usize, rowStride: usize, z: usize, width: i32, noise: usize, scale: v128, bias: v128, noiseGain: v128,
): void {
  const ratioY = f32x4.splat(job.firY1 / job.firY0), ratioX = f32x4.splat(job.firX1 / job.firX0);
  const factor = mul(f32x4.splat(job.firY0 * job.firX0), scale);
  const slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  let a = symmetricColumn(p, rowStride, ratioY);
  let b = symmetricColumn(p + 32, rowStride, ratioY);
  let c = symmetricColumn(p + 64, rowStride, ratioY);
  const end = z + <usize>width * 32;
  while (z < end) {
    const d = symmetricColumn(p + 96, rowStride, ratioY);
    const shift0 = madd(v128.load32_splat(noise), noiseGain, bias);
    v128.store(z, activate(madd(symmetricSum(a, b, c, d, ratioX), factor, shift0), slope, clamp));
    const e = symmetricColumn(p + 128, rowStride, ratioY);
    const shift1 = madd(v128.load32_splat(noise, 4), noiseGain, bias);
    v128.store(z, activate(madd(symmetricSum(b, c, d, e, ratioX), factor, shift1), slope, clamp), 32);
    a = c;
    b = d;
    c = e;
    p += 64;
    z += 64;
    noise += 8;
  }
}

/** Rows [row, row + rows) of z, block `block` of image n, from the strip whose row 0 is y row `row` - 1. */
function firRows(job: Job, n: i32, block: i32, strip: usize, row: i32, rows: i32): void {
  const channel = <usize>block * 32, width = job.outWidth, rowStride = job.stripRowStride;
  const scale = job.scale + <usize>n * job.scaleStride + channel;
  const symmetricY = job.firY0 != 0 && job.firY0 == job.firY3 && job.firY1 == job.firY2;
  const symmetricX = job.firX0 != 0 && job.firX0 == job.firX3 && job.firX1 == job.firX2;
  let z = job.y + ((<usize>n * <usize>job.outBlocks + <usize>block) * <usize>job.outHeight + <usize>row) * <usize>width * 32;
  let noise = job.noise + <usize>n * job.noiseImageStride + <usize>row * job.noiseRowStride;
  for (let r = 0; r < rows; r++) {
    for (let half: usize = 0; half < 32; half += 16) {
      const factor = v128.load(scale + half), bias = v128.load(job.bias + channel + half);
      const noiseGain = v128.load(job.noiseGain + channel + half);
      if (symmetricY && symmetricX) {
        symmetricRow(job, strip + half, rowStride, z + half, width, noise, factor, bias, noiseGain);
      } else firRow(job, strip + half, rowStride, z + half, width, noise, factor, bias, noiseGain);
    }
    strip += rowStride;
    z += <usize>width * 32;
    noise += job.noiseRowStride;
  }
}

/**
 * The raw outputs of `count` tiles of image n into the strip: tiles from (ty, tx) on in rows of [left, right); panels
 * [panel0, panel1) of the output.
 */
function tilesToStrip(
  job: Job, n: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, firstRow: i32, panel0: i32, panel1: i32,
  edgeY: bool, edgeX: bool, strip: usize, scratch: usize,
): void {
  const depth = job.inBlocks * 8, isT4 = job.algorithm == T4;
  const tilePanels = (count + job.tileRows - 1) / job.tileRows, tiles = tilePanels * job.tileRows;
  const vStride = inputPointStride(tiles, depth), mStride = productPointStride(job, tiles);
  const v = scratch, m = scratch + job.productOffset, tile = scratch + job.tileOffset;
  if (isT4) inputT4(job, n, ty, tx, left, right, count, v, vStride, tile);
  else inputT2(job, n, ty, tx, left, right, count, v, vStride, tile);
  const panelBytes = <usize>depth * <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3;
  for (let panel = panel0; panel < panel1; panel += job.groupPanels) {
    const panels = min(job.groupPanels, panel1 - panel);
    multiplyPoints(job, v, vStride, job.weights + <usize>panel * panelBytes, m, mStride, depth, tilePanels, panels, edgeY, edgeX);
    const blocks = min(job.outBlocks - panel * panelBlocks, panels * panelBlocks);
    const to = strip + <usize>((panel - panel0) * panelBlocks) * job.stripPlaneStride;
    if (isT4) outputT4(job, ty, tx, left, right, count, m, mStride, tiles, blocks, firstRow, to, tile);
    else outputT2(job, ty, tx, left, right, count, m, mStride, tiles, blocks, firstRow, to, tile);
  }
}

/** Chunk: image, then group of output panels, then range of tile rows. Scratch as convBlocked, and the strip. */
export function transposedBlocked(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args), scratch = job.scratch + <usize>worker * job.scratchStride;
  const tile = job.algorithm == T4 ? 4 : 2, out = 2 * tile;
  const mainY = (job.height + tile - 1) / tile, mainX = (job.width + tile - 1) / tile;
  const rowChunks = (job.tilesY + job.chunkRows - 1) / job.chunkRows;
  const panelChunks = (job.panels + job.chunkPanels - 1) / job.chunkPanels;
  const rowChunk = chunk % rowChunks, n = chunk / (rowChunks * panelChunks);
  const panel0 = (chunk / rowChunks) % panelChunks * job.chunkPanels, panel1 = min(job.panels, panel0 + job.chunkPanels);
  const begin = rowChunk * job.chunkRows, end = min(job.tilesY, begin + job.chunkRows);
  const panelBlocks = job.tileCols >> 3, block0 = panel0 * panelBlocks;
  const blocks = min(job.outBlocks, panel1 * panelBlocks) - block0;
  const rowStride = job.stripRowStride, planeStride = job.stripPlaneStride, carried: usize = 3 * rowStride;
  const strip = scratch + job.stripOffset, fresh = strip + carried + 32;

  for (let block = 0; block < blocks; block++) {
    let p = strip + <usize>block * planeStride;
    memory.fill(p, 0, carried);
    for (let r = 0; r < job.stripRows * out; r++) memory.fill(p + carried + <usize>r * rowStride, 0, 32);
  }
  for (let row = begin; row < end; ) {
    const edgeY = row >= mainY;
    const rows = edgeY ? 1 : min(job.stripRows, min(end, mainY) - row);
    for (let t = 0; t < rows * mainX; t += job.blockTiles) {
      const count = min(job.blockTiles, rows * mainX - t);
      tilesToStrip(job, n, row + t / mainX, t % mainX, 0, mainX, count, row, panel0, panel1, edgeY, false, fresh, scratch);
    }
    if (job.tilesX > mainX) {
      tilesToStrip(job, n, row, mainX, mainX, mainX + 1, rows, row, panel0, panel1, edgeY, true, fresh, scratch);
    }
    // Strip row 0 is y row `row` * out - 3: the filter may write the z rows from there + 1 on that have all four rows here.
    const lowest = begin == 0 ? 0 : begin * out + 1;
    const first = max(lowest, row * out - 2), last = min(job.outHeight, (row + rows) * out - 2);
    for (let block = 0; block < blocks; block++) {
      const plane = strip + <usize>block * planeStride;
      if (last > first) firRows(job, n, block0 + block, plane + <usize>(first - (row * out - 2)) * rowStride, first, last - first);
      if (row == begin && begin > 0) {
        memory.copy(seam(job, n, rowChunk - 1, rowChunks, block0 + block) + carried, plane + carried, carried);
      }
      memory.copy(plane, plane + <usize>(rows * out) * rowStride, carried);
      if (row + rows == end && end < job.tilesY) {
        memory.copy(seam(job, n, rowChunk, rowChunks, block0 + block), plane, carried);
      }
    }
    row += rows;
  }
}

/** The six rows of y around seam `index` (between row ranges `index` and index + 1) of one block. */
function seam(job: Job, n: i32, index: i32, rowChunks: i32, block: i32): usize {
  return job.seams + (<usize>(n * (rowChunks - 1) + index) * <usize>job.outBlocks + <usize>block) * 6 * job.stripRowStride;
}

/** The three rows of z on one seam, for one block: chunk = block + outBlocks * (seam + seams * image). */
export function transposedSeams(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args);
  const out = job.algorithm == T4 ? 8 : 4;
  const rowChunks = (job.tilesY + job.chunkRows - 1) / job.chunkRows;
  const block = chunk % job.outBlocks, index = chunk / job.outBlocks % (rowChunks - 1);
  const n = chunk / (job.outBlocks * (rowChunks - 1));
  const row = (index + 1) * job.chunkRows * out - 2, rows = min(3, job.outHeight - row);
  if (rows > 0) firRows(job, n, block, seam(job, n, index, rowChunks, block), row, rows);
}
