/**
 * Winograd F(4x4, 3x3): a 4x4 tile of a 3x3 convolution from a 6x6 tile of its input in 36 products instead of 144,
 *
 *   Y = A^T [ (G w G^T) . (B^T d B) ] A          (Lavin and Gray 2015, equation 12)
 *
 * with the points 0, +-a, +-b, infinity, a = sqrt(1/2), b = sqrt(2): their powers stay near 1, which makes the rounding
 * error 2 to 4 times smaller than with the usual 0, +-1, +-2. In one dimension, with the points in this order:
 *
 *   B^T d: d0 - 5/2 d2 + d4,  (d4 - 2 d2) +- a (d3 - 2 d1),  (d4 - d2 / 2) +- b (d3 - d1 / 2),  d1 - 5/2 d3 + d5
 *   G w:   w0,  -2/3 (w0 + w2 / 2 +- a w1),  1/6 (w0 + 2 w2 +- b w1),  w2
 *   A^T m: m0 + (m1 + m2) + (m3 + m4),  a (m1 - m2) + b (m3 - m4),  (m1 + m2) / 2 + 2 (m3 + m4),
 *          a / 2 (m1 - m2) + 2 b (m3 - m4) + m5
 *
 * Every two-dimensional transform is the one-dimensional one twice, through a small scratch of one tile.
 */
import { Job } from "../fused/job";
import { add, finish, maddf, mul, scale, sub } from "../fused/vector";
import { copyPatch, isInside } from "../fused/patch";

const A: f32 = 0.70710678118654752;
const B: f32 = 1.41421356237309505;

/** B^T on six vectors, to `to` + k * toStride. */
// @ts-ignore: decorator
@inline
function inputTransform(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, toStride: usize): void {
  const evenA = maddf(d4, d2, -2), oddA = scale(maddf(d3, d1, -2), A);
  const evenB = maddf(d4, d2, -0.5), oddB = scale(maddf(d3, d1, -0.5), B);
  v128.store(to, maddf(add(d0, d4), d2, -2.5));
  v128.store(to + toStride, add(evenA, oddA));
  v128.store(to + 2 * toStride, sub(evenA, oddA));
  v128.store(to + 3 * toStride, add(evenB, oddB));
  v128.store(to + 4 * toStride, sub(evenB, oddB));
  v128.store(to + 5 * toStride, maddf(add(d1, d5), d3, -2.5));
}

/** B^T down a column of six rows, each times `style`. */
// @ts-ignore: decorator
@inline
function inputColumn(
  r0: usize, r1: usize, r2: usize, r3: usize, r4: usize, r5: usize, style: v128, to: usize,
): void {
  inputTransform(
    mul(v128.load(r0), style), mul(v128.load(r1), style), mul(v128.load(r2), style), mul(v128.load(r3), style),
    mul(v128.load(r4), style), mul(v128.load(r5), style), to, 192,
  );
}

/** B^T along a row of six pixels. */
// @ts-ignore: decorator
@inline
function inputRow(q: usize, to: usize, toStride: usize): void {
  inputTransform(
    v128.load(q), v128.load(q, 32), v128.load(q, 64), v128.load(q, 96), v128.load(q, 128), v128.load(q, 160), to, toStride,
  );
}

/** One 6x6 tile of eight channels, its rows at r0 .. r5, eight styles: products to v + xi * pointStride. `tile` holds 6x6. */
export function inputTileF4(
  r0: usize, r1: usize, r2: usize, r3: usize, r4: usize, r5: usize, style: usize, v: usize, pointStride: usize, tile: usize,
): void {
  const styleLow = v128.load(style), styleHigh = v128.load(style, 16);
  for (let q = tile; q < tile + 192; q += 32) {
    inputColumn(r0, r1, r2, r3, r4, r5, styleLow, q);
    inputColumn(r0 + 16, r1 + 16, r2 + 16, r3 + 16, r4 + 16, r5 + 16, styleHigh, q + 16);
    r0 += 32;
    r1 += 32;
    r2 += 32;
    r3 += 32;
    r4 += 32;
    r5 += 32;
  }
  for (let q = tile; q < tile + 1152; q += 192) {
    inputRow(q, v, pointStride);
    inputRow(q + 16, v + 16, pointStride);
    v += 6 * pointStride;
  }
}

/**
 * V of `count` tiles of image n from tile `first` on, as tiles `index`, index + 1, ... of the block. Reads x [inBlocks,
 * height, width, 8] inside its extent only (zeros outside) and writes 36 points; `tile` is scratch for 2 x 36 x 32 bytes.
 */
export function inputF4(job: Job, n: i32, first: i32, count: i32, index: i32, v: usize, pointStride: usize, tile: usize): void {
  const rowStride = <usize>job.width * 32, plane = rowStride * <usize>job.height;
  const tileRows = job.tileRows, groupStride = <usize>tileRows * 32, panelStride = groupStride * <usize>job.inBlocks;
  const patch = tile + 1152;
  for (let block = 0; block < job.inBlocks; block++) {
    const x = job.x + (<usize>n * <usize>job.inBlocks + <usize>block) * plane;
    const style = job.styles + <usize>n * job.stylesStride + <usize>block * 32;
    let panel = v + <usize>(index / tileRows) * panelStride + <usize>block * groupStride;
    let lane = index % tileRows, ty = first / job.tilesX, tx = first % job.tilesX;
    for (let t = 0; t < count; t++) {
      const y0 = ty * 4 - 1, x0 = tx * 4 - 1;
      let row = x + <usize>y0 * rowStride + <usize>x0 * 32, stride = rowStride;
      if (!isInside(job, y0, x0, 6)) {
        copyPatch(x, job.height, job.width, y0, x0, 6, patch);
        row = patch;
        stride = 192;
      }
      inputTileF4(
        row, row + stride, row + 2 * stride, row + 3 * stride, row + 4 * stride, row + 5 * stride, style,
        panel + <usize>lane * 32, pointStride, tile,
      );
      if (++lane == tileRows) { lane = 0; panel += panelStride; }
      if (++tx == job.tilesX) { tx = 0; ty++; }
    }
  }
}

/** A^T on six vectors, rows 0 to 3. */
// @ts-ignore: decorator
@inline
function output0(m0: v128, sumA: v128, sumB: v128): v128 {
  return add(add(m0, sumA), sumB);
}

// @ts-ignore: decorator
@inline
function output1(differenceA: v128, differenceB: v128): v128 {
  return maddf(scale(differenceA, A), differenceB, B);
}

// @ts-ignore: decorator
@inline
function output2(sumA: v128, sumB: v128): v128 {
  return maddf(scale(sumA, 0.5), sumB, 2);
}

// @ts-ignore: decorator
@inline
function output3(differenceA: v128, differenceB: v128, m5: v128): v128 {
  return maddf(maddf(m5, differenceA, 0.5 * A), differenceB, 2 * B);
}

/** The first half of the output transform: the columns of one 6x6 tile of products to 4x6 in `tile`. */
// @ts-ignore: decorator
@inline
function outputColumns(m: usize, pointStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 192; q += 32) {
    const from = m;
    for (let half: usize = 0; half < 32; half += 16) {
      let p = from + half;
      const m0 = v128.load(p); p += 6 * pointStride;
      const m1 = v128.load(p); p += 6 * pointStride;
      const m2 = v128.load(p); p += 6 * pointStride;
      const m3 = v128.load(p); p += 6 * pointStride;
      const m4 = v128.load(p); p += 6 * pointStride;
      const m5 = v128.load(p);
      const sumA = add(m1, m2), differenceA = sub(m1, m2), sumB = add(m3, m4), differenceB = sub(m3, m4);
      v128.store(q + half, output0(m0, sumA, sumB));
      v128.store(q + half, output1(differenceA, differenceB), 192);
      v128.store(q + half, output2(sumA, sumB), 384);
      v128.store(q + half, output3(differenceA, differenceB, m5), 576);
    }
    m += pointStride;
  }
}

/**
 * The other half and the epilogue: rows of 4x6 in `tile` to at most `rows` x `columns` pixels at y (half a pixel: four
 * channels). Noise is read for exactly those pixels.
 */
// @ts-ignore: decorator
@inline
function outputRows(
  tile: usize, y: usize, rowStride: usize, noise: usize, noiseRowStride: usize, rows: i32, columns: i32,
  scale: v128, bias: v128, noiseGain: v128, slope: v128, clamp: v128,
): void {
  for (let r = 0; r < rows; r++) {
    const m0 = v128.load(tile), m1 = v128.load(tile, 32), m2 = v128.load(tile, 64);
    const m3 = v128.load(tile, 96), m4 = v128.load(tile, 128), m5 = v128.load(tile, 160);
    const sumA = add(m1, m2), differenceA = sub(m1, m2), sumB = add(m3, m4), differenceB = sub(m3, m4);
    const shift0 = add(mul(v128.load32_splat(noise), noiseGain), bias);
    v128.store(y, finish(output0(m0, sumA, sumB), scale, shift0, slope, clamp));
    if (columns > 1) {
      const shift1 = add(mul(v128.load32_splat(noise, 4), noiseGain), bias);
      v128.store(y, finish(output1(differenceA, differenceB), scale, shift1, slope, clamp), 32);
    }
    if (columns > 2) {
      const shift2 = add(mul(v128.load32_splat(noise, 8), noiseGain), bias);
      v128.store(y, finish(output2(sumA, sumB), scale, shift2, slope, clamp), 64);
    }
    if (columns > 3) {
      const shift3 = add(mul(v128.load32_splat(noise, 12), noiseGain), bias);
      v128.store(y, finish(output3(differenceA, differenceB, m5), scale, shift3, slope, clamp), 96);
    }
    tile += 192;
    y += rowStride;
    noise += noiseRowStride;
  }
}

/**
 * Y and the epilogue of `count` tiles of image n from tile `first` on, whose products are tiles `index`, ... of the
 * `tiles` in M [36, panels, tiles, tileCols]; output blocks [block0, block1), of which M holds the first at offset 0.
 * Writes y [outBlocks, outHeight, outWidth, 8] inside its extent only. `tile` is scratch for 4 x 6 x 32 bytes.
 */
export function outputF4(
  job: Job, n: i32, first: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32, block0: i32, block1: i32,
  tile: usize,
): void {
  const rowStride = <usize>job.outWidth * 32, plane = rowStride * <usize>job.outHeight;
  const tileStride = <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3;
  const slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  for (let block = block0; block < block1; block++) {
    const y = job.y + (<usize>n * <usize>job.outBlocks + <usize>block) * plane;
    const channel = <usize>block * 32;
    const scale = job.scale + <usize>n * job.scaleStride + channel;
    const scaleLow = v128.load(scale), scaleHigh = v128.load(scale, 16);
    const biasLow = v128.load(job.bias + channel), biasHigh = v128.load(job.bias + channel, 16);
    const noiseLow = v128.load(job.noiseGain + channel), noiseHigh = v128.load(job.noiseGain + channel, 16);
    const local = block - block0;
    let from = m + (<usize>(local / panelBlocks) * <usize>tiles + <usize>index) * tileStride + <usize>(local % panelBlocks) * 32;
    let ty = first / job.tilesX, tx = first % job.tilesX;
    for (let t = 0; t < count; t++) {
      outputColumns(from, pointStride, tile);
      const rows = min(4, job.outHeight - ty * 4), columns = min(4, job.outWidth - tx * 4);
      const to = y + <usize>(ty * 4) * rowStride + <usize>(tx * 4) * 32;
      const noise = job.noise + <usize>n * job.noiseImageStride + <usize>(ty * 4) * job.noiseRowStride + <usize>(tx * 4) * 4;
      outputRows(tile, to, rowStride, noise, job.noiseRowStride, rows, columns, scaleLow, biasLow, noiseLow, slope, clamp);
      outputRows(tile + 16, to + 16, rowStride, noise, job.noiseRowStride, rows, columns, scaleHigh, biasHigh, noiseHigh, slope, clamp);
      from += tileStride;
      if (++tx == job.tilesX) { tx = 0; ty++; }
    }
  }
}

/** G on three vectors, stored to `to` + k * toStride. */
// @ts-ignore: decorator
@inline
function weightTransform(w0: v128, w1: v128, w2: v128, to: usize, toStride: usize): void {
  const evenA = maddf(w0, w2, 0.5), oddA = scale(w1, A), evenB = maddf(w0, w2, 2), oddB = scale(w1, B);
  v128.store(to, w0);
  v128.store(to + toStride, scale(add(evenA, oddA), -2.0 / 3.0));
  v128.store(to + 2 * toStride, scale(sub(evenA, oddA), -2.0 / 3.0));
  v128.store(to + 3 * toStride, scale(add(evenB, oddB), 1.0 / 6.0));
  v128.store(to + 4 * toStride, scale(sub(evenB, oddB), 1.0 / 6.0));
  v128.store(to + 5 * toStride, w2);
}

/** U of four output channels and one input channel: the nine taps, one channel per lane, at `taps` + 16 k. */
export function weightsF4(taps: usize, u: usize, pointStride: usize, tile: usize): void {
  for (let k: usize = 0; k < 48; k += 16) {
    const w = taps + k;
    weightTransform(v128.load(w), v128.load(w, 48), v128.load(w, 96), tile + k, 48);
  }
  for (let q = tile; q < tile + 288; q += 48) {
    weightTransform(v128.load(q), v128.load(q, 16), v128.load(q, 32), u, pointStride);
    u += 6 * pointStride;
  }
}
