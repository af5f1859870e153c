/**
 * The transposed convolution of t4.ts, two input pixels at a time: even outputs by F(2, 2) with the points 0, -1, infinity,
 * 25 products for 4x4 outputs (6.25 per input pixel) and 4x4 weight matrices: for small images, where weights weigh most.
 *
 *   d = x[2t - 1 .. 2t + 1];  B^T d: d0 + d1, d1, d1 + d2, d1, d2     G w: w2, w0 - w2, w0, w1
 *   A^T m: even m0 + m1, m2 - m1;  odd m3, m4
 */
import { Job } from "../fused/job";
import { add, mul, sub } from "../fused/vector";
import { copyPatch, isInside } from "../fused/patch";

// @ts-ignore: decorator
@inline
function inputTransform(from: usize, fromStride: usize, to: usize, toStride: usize, styled: bool, style: v128): void {
  let d0 = v128.load(from);
  let d1 = v128.load(from + fromStride);
  let d2 = v128.load(from + 2 * fromStride);
  if (styled) {
    d0 = mul(d0, style);
    d1 = mul(d1, style);
    d2 = mul(d2, style);
  }
  v128.store(to, add(d0, d1));
  v128.store(to + toStride, d1);
  v128.store(to + 2 * toStride, add(d1, d2));
  v128.store(to + 3 * toStride, d1);
  v128.store(to + 4 * toStride, d2);
}

/** One 3x3 tile of eight channels to 25 points; `tile` holds 5x3. */
function inputTile(
  row: usize, rowStride: usize, styleLow: v128, styleHigh: v128, v: usize, pointStride: usize, tile: usize,
): void {
  for (let q = tile; q < tile + 96; q += 32) {
    inputTransform(row, rowStride, q, 96, true, styleLow);
    inputTransform(row + 16, rowStride, q + 16, 96, true, styleHigh);
    row += 32;
  }
  for (let q = tile; q < tile + 480; q += 96) {
    inputTransform(q, 32, v, pointStride, false, styleLow);
    inputTransform(q + 16, 32, v + 16, pointStride, false, styleLow);
    v += 5 * pointStride;
  }
}

/** As inputT4; `tile` is scratch for (5 + 3) x 3 x 32 bytes. */
export function inputT2(
  job: Job, n: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, v: usize, pointStride: usize, tile: usize,
): void {
  const rowStride = <usize>job.width * 32, plane = rowStride * <usize>job.height;
  const tileRows = job.tileRows, groupStride = <usize>tileRows * 32, panelStride = groupStride * <usize>job.inBlocks;
  const patch = tile + 480;
  for (let block = 0; block < job.inBlocks; block++) {
    const x = job.x + (<usize>n * <usize>job.inBlocks + <usize>block) * plane;
    const style = job.styles + <usize>n * job.stylesStride + <usize>block * 32;
    const styleLow = v128.load(style), styleHigh = v128.load(style, 16);
    let panel = v + <usize>block * groupStride, lane = 0, row = ty, column = tx;
    for (let t = 0; t < count; t++) {
      const y0 = row * 2 - 1, x0 = column * 2 - 1;
      let from = x + <usize>y0 * rowStride + <usize>x0 * 32, stride = rowStride;
      if (!isInside(job, y0, x0, 3)) {
        copyPatch(x, job.height, job.width, y0, x0, 3, patch);
        from = patch;
        stride = 96;
      }
      inputTile(from, stride, styleLow, styleHigh, panel + <usize>lane * 32, pointStride, tile);
      if (++lane == tileRows) { lane = 0; panel += panelStride; }
      if (++column == right) { column = left; row++; }
    }
  }
}

// @ts-ignore: decorator
@inline
function outputTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const m0 = v128.load(from); from += fromStride;
  const m1 = v128.load(from); from += fromStride;
  const m2 = v128.load(from); from += fromStride;
  v128.store(to, add(m0, m1));
  v128.store(to + 2 * toStride, sub(m2, m1));
  v128.store(to + toStride, v128.load(from)); from += fromStride;
  v128.store(to + 3 * toStride, v128.load(from));
}

/** As outputT4, 4x4 outputs per tile; `tile`: 4x5 pixels. */
export function outputT2(
  job: Job, ty: i32, tx: i32, left: i32, right: i32, count: i32, m: usize, pointStride: usize, tiles: i32, blocks: i32,
  firstRow: i32, strip: usize, tile: usize,
): void {
  const tileStride = <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3, rowStride = job.stripRowStride;
  for (let block = 0; block < blocks; block++) {
    let from = m + <usize>(block / panelBlocks) * <usize>tiles * tileStride + <usize>(block % panelBlocks) * 32;
    let row = ty, column = tx;
    for (let t = 0; t < count; t++) {
      let p = from;
      for (let q = tile; q < tile + 160; q += 32) {
        outputTransform(p, 5 * pointStride, q, 160);
        outputTransform(p + 16, 5 * pointStride, q + 16, 160);
        p += pointStride;
      }
      let to = strip + <usize>block * job.stripPlaneStride + <usize>((row - firstRow) * 4) * rowStride + <usize>column * 128;
      for (let q = tile; q < tile + 640; q += 160) {
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
  v128.store(to, w2);
  v128.store(to + toStride, sub(w0, w2));
  v128.store(to + 2 * toStride, w0);
  v128.store(to + 3 * toStride, w1);
}

/** As weightsF4 (f4.ts), 4x4 matrices. */
export function weightsT2(taps: usize, u: usize, pointStride: usize, tile: usize): void {
  for (let k: usize = 0; k < 48; k += 16) {
    const w = taps + k;
    weightTransform(v128.load(w), v128.load(w, 48), v128.load(w, 96), tile + k, 48);
  }
  for (let q = tile; q < tile + 192; q += 48) {
    weightTransform(v128.load(q), v128.load(q, 16), v128.load(q, 32), u, pointStride);
    u += 4 * pointStride;
  }
}
