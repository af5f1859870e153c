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
 * A chunk is a range of tile rows and of output panels of one image; of small images, whose tiles are few, a range of whole images, which
 * share the weights that a product reads, each with a strip of its own. The three rows of z on a seam between two row ranges
 * need rows of y from both: each side saves its three to the *seam* buffer [n, seam, outBlocks, 6 rows], and `transposedSeams`
 * filters them afterwards. So nothing is computed twice and the result does not depend on the split.
 */
import { WIDE, add, high, madd, mul, put, splatAt } from "../vector";
import { inputPointStride, multiplyBlock, productPointStride } from "./conv";
import { activate } from "./epilogue";
import { inputT2, inputT4 } from "./inputTiles";
import { Job, T4, rangeStart } from "./job";
import { outputT2, outputT4 } from "./outputTiles";

/** r0 f0 + r1 f1 + r2 f2 + r3 f3. */
// @ts-ignore: decorator
@inline
function filterSum(r0: v128, r1: v128, r2: v128, r3: v128, f0: v128, f1: v128, f2: v128, f3: v128): v128 {
  return add(madd(r1, f1, mul(r0, f0)), madd(r3, f3, mul(r2, f2)));
}

/** (r0 + r3) + ratio (r1 + r2): a symmetric filter over its first tap. */
// @ts-ignore: decorator
@inline
function symmetricSum(r0: v128, r1: v128, r2: v128, r3: v128, ratio: v128): v128 {
  return madd(add(r1, r2), ratio, add(r0, r3));
}

/**
 * One row of z, `width` pixels of four channels (eight in the wide build), from the four rows of y at `p` (which starts at y column
 * -1). A window of four column sums slides along the row; each is computed once. The epilogue's vectors are read at their addresses.
 */
function firRow(
  job: Job, p: usize, rowStride: usize, z: usize, width: i32, noise: usize, scaleAt: usize, biasAt: usize, gainAt: usize,
): void {
  const y0 = f32x4.splat(job.firY0), y1 = f32x4.splat(job.firY1), y2 = f32x4.splat(job.firY2), y3 = f32x4.splat(job.firY3);
  const scale = v128.load(scaleAt), scaleHigh = high(scaleAt), bias = v128.load(biasAt), biasHigh = high(biasAt);
  const gain = v128.load(gainAt), gainHigh = high(gainAt);
  const f0 = f32x4.splat(job.firX0), f1 = f32x4.splat(job.firX1), f2 = f32x4.splat(job.firX2), f3 = f32x4.splat(job.firX3);
  const x0 = mul(f0, scale), x1 = mul(f1, scale), x2 = mul(f2, scale), x3 = mul(f3, scale);
  const h0 = mul(f0, scaleHigh), h1 = mul(f1, scaleHigh), h2 = mul(f2, scaleHigh), h3 = mul(f3, scaleHigh);
  const slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  let p1 = p + rowStride, p2 = p1 + rowStride, p3 = p2 + rowStride;
  let a = filterSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), y0, y1, y2, y3);
  let aHigh = filterSum(high(p), high(p1), high(p2), high(p3), y0, y1, y2, y3);
  p += 32; p1 += 32; p2 += 32; p3 += 32;
  let b = filterSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), y0, y1, y2, y3);
  let bHigh = filterSum(high(p), high(p1), high(p2), high(p3), y0, y1, y2, y3);
  p += 32; p1 += 32; p2 += 32; p3 += 32;
  let c = filterSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), y0, y1, y2, y3);
  let cHigh = filterSum(high(p), high(p1), high(p2), high(p3), y0, y1, y2, y3);
  const end = z + <usize>width * 32;
  while (z < end) {
    p += 32; p1 += 32; p2 += 32; p3 += 32;
    const d = filterSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), y0, y1, y2, y3);
    const dHigh = filterSum(high(p), high(p1), high(p2), high(p3), y0, y1, y2, y3);
    const n = splatAt(noise), shift = madd(n, gain, bias), shiftHigh = madd(n, gainHigh, biasHigh);
    put(
      z, activate(madd(d, x3, madd(c, x2, madd(b, x1, madd(a, x0, shift)))), slope, clamp),
      activate(madd(dHigh, h3, madd(cHigh, h2, madd(bHigh, h1, madd(aHigh, h0, shiftHigh)))), slope, clamp),
    );
    a = b; aHigh = bHigh;
    b = c; bHigh = cHigh;
    c = d; cHigh = dHigh;
    z += 32;
    noise += 4;
  }
}

/** firRow for a filter whose taps read the same backwards, two pixels at a time: half the multiplications. */
function symmetricRow(
  job: Job, p: usize, rowStride: usize, z: usize, width: i32, noise: usize, scaleAt: usize, biasAt: usize, gainAt: usize,
): void {
  const ratioY = f32x4.splat(job.firY1 / job.firY0), ratioX = f32x4.splat(job.firX1 / job.firX0);
  const taps = f32x4.splat(job.firY0 * job.firX0), slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  const factor = mul(taps, v128.load(scaleAt)), factorHigh = mul(taps, high(scaleAt));
  const bias = v128.load(biasAt), biasHigh = high(biasAt), gain = v128.load(gainAt), gainHigh = high(gainAt);
  let p1 = p + rowStride, p2 = p1 + rowStride, p3 = p2 + rowStride;
  let a = symmetricSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), ratioY);
  let aHigh = symmetricSum(high(p), high(p1), high(p2), high(p3), ratioY);
  p += 32; p1 += 32; p2 += 32; p3 += 32;
  let b = symmetricSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), ratioY);
  let bHigh = symmetricSum(high(p), high(p1), high(p2), high(p3), ratioY);
  p += 32; p1 += 32; p2 += 32; p3 += 32;
  let c = symmetricSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), ratioY);
  let cHigh = symmetricSum(high(p), high(p1), high(p2), high(p3), ratioY);
  const end = z + <usize>width * 32;
  while (z < end) {
    p += 32; p1 += 32; p2 += 32; p3 += 32;
    const d = symmetricSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), ratioY);
    const dHigh = symmetricSum(high(p), high(p1), high(p2), high(p3), ratioY);
    p += 32; p1 += 32; p2 += 32; p3 += 32;
    const e = symmetricSum(v128.load(p), v128.load(p1), v128.load(p2), v128.load(p3), ratioY);
    const eHigh = symmetricSum(high(p), high(p1), high(p2), high(p3), ratioY);
    const n0 = splatAt(noise), n1 = splatAt(noise + 4);
    put(
      z, activate(madd(symmetricSum(a, b, c, d, ratioX), factor, madd(n0, gain, bias)), slope, clamp),
      activate(madd(symmetricSum(aHigh, bHigh, cHigh, dHigh, ratioX), factorHigh, madd(n0, gainHigh, biasHigh)), slope, clamp),
    );
    put(
      z + 32, activate(madd(symmetricSum(b, c, d, e, ratioX), factor, madd(n1, gain, bias)), slope, clamp),
      activate(madd(symmetricSum(bHigh, cHigh, dHigh, eHigh, ratioX), factorHigh, madd(n1, gainHigh, biasHigh)), slope, clamp),
    );
    a = c; aHigh = cHigh;
    b = d; bHigh = dHigh;
    c = e; cHigh = eHigh;
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
  let z = job.y + (<usize>n * <usize>job.outBlocks + <usize>block) * job.yPlane + <usize>row * <usize>width * 32;
  let noise = job.noise + <usize>n * job.noiseImageStride + <usize>row * job.noiseRowStride;
  for (let r = 0; r < rows; r++) {
    for (let half: usize = 0; half < 32; half += WIDE ? 32 : 16) {
      const scaleAt = scale + half, biasAt = job.bias + channel + half, gainAt = job.noiseGain + channel + half;
      if (symmetricY && symmetricX) {
        symmetricRow(job, strip + half, rowStride, z + half, width, noise, scaleAt, biasAt, gainAt);
      } else firRow(job, strip + half, rowStride, z + half, width, noise, scaleAt, biasAt, gainAt);
    }
    strip += rowStride;
    z += <usize>width * 32;
    noise += job.noiseRowStride;
  }
}

/**
 * The raw outputs of `count` tiles of each of `images` images from n on into their strips, `imageStride` apart: tiles from (ty, tx) on in
 * rows of [left, right); panels [panel0, panel1) of the output.
 */
function tilesToStrip(
  job: Job, n: i32, images: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, firstRow: i32, panel0: i32, panel1: i32,
  edgeY: bool, edgeX: bool, strip: usize, imageStride: usize, scratch: usize,
): void {
  const depth = job.inBlocks * 8, isT4 = job.algorithm == T4;
  const tilePanels = (images * count + job.tileRows - 1) / job.tileRows, tiles = tilePanels * job.tileRows;
  const vStride = inputPointStride(tiles, depth), mStride = productPointStride(job, tiles);
  const v = scratch, m = scratch + job.productOffset, tile = scratch + job.tileOffset;
  for (let k = 0; k < images; k++) {
    if (isT4) inputT4(job, n + k, ty, tx, left, right, count, k * count, v, vStride, tile);
    else inputT2(job, n + k, ty, tx, left, right, count, k * count, v, vStride, tile);
  }
  const panelBytes = <usize>depth * <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3;
  for (let panel = panel0; panel < panel1; panel += job.groupPanels) {
    const panels = min(job.groupPanels, panel1 - panel);
    multiplyBlock(job, v, vStride, job.weights + <usize>panel * panelBytes, m, mStride, depth, tilePanels, panels, edgeY, edgeX);
    const blocks = min(job.outBlocks - panel * panelBlocks, panels * panelBlocks);
    let to = strip + <usize>((panel - panel0) * panelBlocks) * job.stripPlaneStride;
    for (let k = 0; k < images; k++) {
      if (isT4) outputT4(job, ty, tx, left, right, count, k * count, m, mStride, tiles, blocks, firstRow, to, tile);
      else outputT2(job, ty, tx, left, right, count, k * count, m, mStride, tiles, blocks, firstRow, to, tile);
      to += imageStride;
    }
  }
}

/** Chunk: range of images, then group of output panels, then range of tile rows. Scratch as convBlocked, and the strips. */
export function transposedBlocked(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args), scratch = job.scratch + <usize>worker * job.scratchStride;
  const tile = job.algorithm == T4 ? 4 : 2, out = 2 * tile;
  const mainY = (job.height + tile - 1) / tile, mainX = (job.width + tile - 1) / tile, rowChunks = job.rowRanges;
  const panelChunks = (job.panels + job.chunkPanels - 1) / job.chunkPanels;
  const rowChunk = chunk % rowChunks, n = chunk / (rowChunks * panelChunks) * job.chunkImages;
  const images = min(job.chunkImages, job.n - n);
  const panel0 = (chunk / rowChunks) % panelChunks * job.chunkPanels, panel1 = min(job.panels, panel0 + job.chunkPanels);
  // The row of edge tiles, where there is one, goes with the last range.
  const begin = rangeStart(mainY, rowChunks, rowChunk);
  const end = rowChunk == rowChunks - 1 ? job.tilesY : rangeStart(mainY, rowChunks, rowChunk + 1);
  const panelBlocks = job.tileCols >> 3, block0 = panel0 * panelBlocks;
  const blocks = min(job.outBlocks, panel1 * panelBlocks) - block0, planes = images * blocks;
  const rowStride = job.stripRowStride, planeStride = job.stripPlaneStride, carried: usize = 3 * rowStride;
  const imageStride = <usize>blocks * planeStride;
  const strip = scratch + job.stripOffset, fresh = strip + carried + 32;

  for (let plane = 0; plane < planes; plane++) {
    let p = strip + <usize>plane * planeStride;
    memory.fill(p, 0, carried);
    for (let r = 0; r < job.stripRows * out; r++) memory.fill(p + carried + <usize>r * rowStride, 0, 32);
  }
  for (let row = begin; row < end; ) {
    const edgeY = row >= mainY;
    const rows = edgeY ? 1 : min(job.stripRows, min(end, mainY) - row);
    for (let t = 0; t < rows * mainX; t += job.blockTiles) {
      const count = min(job.blockTiles, rows * mainX - t);
      tilesToStrip(
        job, n, images, row + t / mainX, t % mainX, 0, mainX, count, row, panel0, panel1, edgeY, false, fresh, imageStride,
        scratch,
      );
    }
    if (job.tilesX > mainX) {
      tilesToStrip(
        job, n, images, row, mainX, mainX, mainX + 1, rows, row, panel0, panel1, edgeY, true, fresh, imageStride, scratch,
      );
    }
    // Strip row 0 is y row `row` * out - 3: the filter may write the z rows from there + 1 on that have all four rows here.
    const lowest = begin == 0 ? 0 : begin * out + 1;
    const first = max(lowest, row * out - 2), last = min(job.outHeight, (row + rows) * out - 2);
    for (let k = 0; k < planes; k++) {
      const image = n + k / blocks, block = block0 + k % blocks;
      const plane = strip + <usize>k * planeStride;
      if (last > first) firRows(job, image, block, plane + <usize>(first - (row * out - 2)) * rowStride, first, last - first);
      if (row == begin && begin > 0) {
        memory.copy(seam(job, image, rowChunk - 1, rowChunks, block) + carried, plane + carried, carried);
      }
      memory.copy(plane, plane + <usize>(rows * out) * rowStride, carried);
      if (row + rows == end && end < job.tilesY) {
        memory.copy(seam(job, image, rowChunk, rowChunks, block), plane, carried);
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
  const tile = job.algorithm == T4 ? 4 : 2, out = 2 * tile, mainY = (job.height + tile - 1) / tile, rowChunks = job.rowRanges;
  const block = chunk % job.outBlocks, index = chunk / job.outBlocks % (rowChunks - 1);
  const n = chunk / (job.outBlocks * (rowChunks - 1));
  const row = rangeStart(mainY, rowChunks, index + 1) * out - 2, rows = min(3, job.outHeight - row);
  if (rows > 0) firRows(job, n, block, seam(job, n, index, rowChunks, block), row, rows);
}
