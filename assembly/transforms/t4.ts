/**
 * Toom-Cook for the stride-2 transposed 3x3 convolution, four input pixels at a time. In one dimension
 *
 *   y[2i] = w0 x[i] + w2 x[i - 1],   y[2i + 1] = w1 x[i]
 *
 * so the even outputs are a two-tap convolution, F(4, 2) with the points 0, 1, -1, 2, infinity, and the odd ones a product per
 * pixel: 9 products for 8 outputs, 81 for 8x8 in two dimensions, 5.1 per input pixel instead of 9. The four points
 * of the odd outputs share one weight, so there are 6x6 weight matrices for the 9x9 points. With d = x[4t - 1 .. 4t + 3]:
 *
 *   B^T d: 2 d0 - d1 - 2 d2 + d3,  d3 - d2 - 2 d1,  d3 - 3 d2 + 2 d1,  d3 - d1,  d4 - 2 d3 - d2 + 2 d1,  d1, d2, d3, d4
 *   G w:   w2 / 2,  -(w0 + w2) / 2,  (w0 - w2) / 6,  (2 w0 + w2) / 6,  w0,  w1
 *   A^T m: even m0 + m1 + m2 + m3,  m1 - m2 + 2 m3,  m1 + m2 + 4 m3,  m1 - m2 + 8 m3 + m4;  odd m5, m6, m7, m8
 */
import { Job } from "../fused/job";
import { add, maddf, mul, scale, sub } from "../fused/vector";
import { copyPatch, isInside } from "../fused/patch";

// @ts-ignore: decorator
@inline
function inputTransform(from: usize, fromStride: usize, to: usize, toStride: usize, styled: bool, style: v128): void {
  let d0 = v128.load(from);
  let d1 = v128.load(from + fromStride);
  let d2 = v128.load(from + 2 * fromStride);
  let d3 = v128.load(from + 3 * fromStride);
  let d4 = v128.load(from + 4 * fromStride);
  if (styled) {
    d0 = mul(d0, style);
    d1 = mul(d1, style);
    d2 = mul(d2, style);
    d3 = mul(d3, style);
    d4 = mul(d4, style);
  }
  const twice1 = add(d1, d1), difference = sub(d3, d1);
  v128.store(to, maddf(difference, sub(d0, d2), 2));
  v128.store(to + toStride, sub(sub(d3, d2), twice1));
  v128.store(to + 2 * toStride, add(maddf(d3, d2, -3), twice1));
  v128.store(to + 3 * toStride, difference);
  v128.store(to + 4 * toStride, maddf(sub(d4, d2), difference, -2));
  v128.store(to + 5 * toStride, d1);
  v128.store(to + 6 * toStride, d2);
  v128.store(to + 7 * toStride, d3);
  v128.store(to + 8 * toStride, d4);
}

/** One 5x5 tile of eight channels to 81 points; `tile` holds 9x5. */
function inputTile(
  row: usize, rowStride: usize, styleLow: v128, styleHigh: v128, v: usize, pointStride: usize, tile: usize,
): void {
  for (let q = tile; q < tile + 160; q += 32) {
    inputTransform(row, rowStride, q, 160, true, styleLow);
    inputTransform(row + 16, rowStride, q + 16, 160, true, styleHigh);
    row += 32;
  }
  for (let q = tile; q < tile + 1440; q += 160) {
    inputTransform(q, 32, v, pointStride, false, styleLow);
    inputTransform(q + 16, 32, v + 16, pointStride, false, styleLow);
    v += 9 * pointStride;
  }
}

/**
 * V of `count` tiles of image n: from (ty, tx) along rows of tiles [left, right), as tiles 0, 1, ... of the block. Reads x
 * inside its extent only, zeros outside. `tile` is scratch for (9 + 5) x 5 x 32 bytes.
 */
export function inputT4(
  job: Job, n: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, v: usize, pointStride: usize, tile: usize,
): void {
  const rowStride = <usize>job.width * 32, plane = rowStride * <usize>job.height;
  const tileRows = job.tileRows, groupStride = <usize>tileRows * 32, panelStride = groupStride * <usize>job.inBlocks;
  const patch = tile + 1440;
  for (let block = 0; block < job.inBlocks; block++) {
    const x = job.x + (<usize>n * <usize>job.inBlocks + <usize>block) * plane;
    const style = job.styles + <usize>n * job.stylesStride + <usize>block * 32;
    const styleLow = v128.load(style), styleHigh = v128.load(style, 16);
    let panel = v + <usize>block * groupStride, lane = 0, row = ty, column = tx;
    for (let t = 0; t < count; t++) {
      const y0 = row * 4 - 1, x0 = column * 4 - 1;
      let from = x + <usize>y0 * rowStride + <usize>x0 * 32, stride = rowStride;
      if (!isInside(job, y0, x0, 5)) {
        copyPatch(x, job.height, job.width, y0, x0, 5, patch);
        from = patch;
        stride = 160;
      }
      inputTile(from, stride, styleLow, styleHigh, panel + <usize>lane * 32, pointStride, tile);
      if (++lane == tileRows) { lane = 0; panel += panelStride; }
      if (++column == right) { column = left; row++; }
    }
  }
}

/** A^T on nine vectors at from + k * fromStride, to + k * toStride for k = 0 .. 7. */
// @ts-ignore: decorator
@inline
function outputTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const m0 = v128.load(from); from += fromStride;
  const m1 = v128.load(from); from += fromStride;
  const m2 = v128.load(from); from += fromStride;
  const m3 = v128.load(from); from += fromStride;
  const m4 = v128.load(from); from += fromStride;
  const sum = add(m1, m2), difference = sub(m1, m2);
  v128.store(to, add(add(m0, sum), m3));
  v128.store(to + 2 * toStride, maddf(difference, m3, 2));
  v128.store(to + 4 * toStride, maddf(sum, m3, 4));
  v128.store(to + 6 * toStride, add(maddf(difference, m3, 8), m4));
  v128.store(to + toStride, v128.load(from)); from += fromStride;
  v128.store(to + 3 * toStride, v128.load(from)); from += fromStride;
  v128.store(to + 5 * toStride, v128.load(from)); from += fromStride;
  v128.store(to + 7 * toStride, v128.load(from));
}

/**
 * The 8x8 outputs of `count` tiles, raw, to the strip: tile (row, column) goes to row (row - firstRow) * 8, column * 8 of
 * `strip` [blocks, rows, columns, 8]. Output blocks [0, blocks) of M [81, panels, tiles, tileCols]. `tile`: 8x9 pixels.
 */
export function outputT4(
  job: Job, ty: i32, tx: i32, left: i32, right: i32, count: i32, m: usize, pointStride: usize, tiles: i32, blocks: i32,
  firstRow: i32, strip: usize, tile: usize,
): void {
  const tileStride = <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3, rowStride = job.stripRowStride;
  for (let block = 0; block < blocks; block++) {
    let from = m + <usize>(block / panelBlocks) * <usize>tiles * tileStride + <usize>(block % panelBlocks) * 32;
    let row = ty, column = tx;
    for (let t = 0; t < count; t++) {
      let p = from;
      for (let q = tile; q < tile + 288; q += 32) {
        outputTransform(p, 9 * pointStride, q, 288);
        outputTransform(p + 16, 9 * pointStride, q + 16, 288);
        p += pointStride;
      }
      let to = strip + <usize>block * job.stripPlaneStride + <usize>((row - firstRow) * 8) * rowStride + <usize>column * 256;
      for (let q = tile; q < tile + 2304; q += 288) {
        outputTransform(q, 32, to, 32);
        outputTransform(q + 16, 32, to + 16, 32);
        to += rowStride;
      }
      from += tileStride;
      if (++column == right) { column = left; row++; }
    }
  }
}

// @ts-ignore: decorator
@inline
function weightTransform(w0: v128, w1: v128, w2: v128, to: usize, toStride: usize): void {
  v128.store(to, scale(w2, 0.5));
  v128.store(to + toStride, scale(add(w0, w2), -0.5));
  v128.store(to + 2 * toStride, scale(sub(w0, w2), 1.0 / 6.0));
  v128.store(to + 3 * toStride, scale(maddf(w2, w0, 2), 1.0 / 6.0));
  v128.store(to + 4 * toStride, w0);
  v128.store(to + 5 * toStride, w1);
}

/** As weightsF4 (f4.ts), 6x6 matrices. */
export function weightsT4(taps: usize, u: usize, pointStride: usize, tile: usize): void {
  for (let k: usize = 0; k < 48; k += 16) {
    const w = taps + k;
    weightTransform(v128.load(w), v128.load(w, 48), v128.load(w, 96), tile + k, 48);
  }
  for (let q = tile; q < tile + 288; q += 48) {
    weightTransform(v128.load(q), v128.load(q, 16), v128.load(q, 32), u, pointStride);
    u += 6 * pointStride;
  }
}
