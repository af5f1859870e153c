/**
 * Winograd F(4x4, 3x3) and its adjoint in the weights, on strips of planar images. With the matrices of f4.ts the
 * convolution of one tile is y = A^T [ (G w G^T) . (B^T d B) ] A; transposing it in w,
 *
 *   dw = G^T [ sum over tiles of (B^T d B) . (A dy A^T) ] G
 *
 * so both take 36 products for a tile of 16 outputs instead of 144, and dw is transformed back once, after the sum. In one
 * dimension, a = sqrt(1/2), b = sqrt(2):
 *
 *   B^T d: d0 - 5/2 d2 + d4,  (d4 - 2 d2) +- a (d3 - 2 d1),  (d4 - d2 / 2) +- b (d3 - d1 / 2),  d1 - 5/2 d3 + d5
 *   A^T m: m0 + (m1 + m2) + (m3 + m4),  a (m1 - m2) + b (m3 - m4),  (m1 + m2) / 2 + 2 (m3 + m4),
 *          a/2 (m1 - m2) + 2 b (m3 - m4) + m5
 *   A y:   y0,  (y0 + y2 / 2) +- (a y1 + a/2 y3),  (y0 + 2 y2) +- (b y1 + 2 b y3),  y3
 *   G^T u: u0 - 2/3 (u1 + u2) + 1/6 (u3 + u4),  -2/3 a (u1 - u2) + b/6 (u3 - u4),  1/3 (u3 + u4) - 1/3 (u1 + u2) + u5
 */
import { add, maddf, scale, sub } from "../fused/vector";

const A: f32 = 0.70710678118654752;
const B: f32 = 1.41421356237309505;

// @ts-ignore: decorator
@inline
function inputTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const d0 = v128.load(from); from += fromStride;
  const d1 = v128.load(from); from += fromStride;
  const d2 = v128.load(from); from += fromStride;
  const d3 = v128.load(from); from += fromStride;
  const d4 = v128.load(from); from += fromStride;
  const d5 = v128.load(from);
  const evenA = maddf(d4, d2, -2), oddA = scale(maddf(d3, d1, -2), A);
  const evenB = maddf(d4, d2, -0.5), oddB = scale(maddf(d3, d1, -0.5), B);
  v128.store(to, maddf(add(d0, d4), d2, -2.5)); to += toStride;
  v128.store(to, add(evenA, oddA)); to += toStride;
  v128.store(to, sub(evenA, oddA)); to += toStride;
  v128.store(to, add(evenB, oddB)); to += toStride;
  v128.store(to, sub(evenB, oddB)); to += toStride;
  v128.store(to, maddf(add(d1, d5), d3, -2.5));
}

/** B^T d B: the 6x6 pixels of eight channels at `from` to 36 points, `pointStride` apart; `tile` is scratch for 36 pixels. */
export function inputPointsF4(from: usize, rowStride: usize, v: usize, pointStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 192; q += 32) {
    inputTransform(from, rowStride, q, 192);
    inputTransform(from + 16, rowStride, q + 16, 192);
    from += 32;
  }
  for (let q = tile; q < tile + 1152; q += 192) {
    inputTransform(q, 32, v, pointStride);
    inputTransform(q + 16, 32, v + 16, pointStride);
    v += 6 * pointStride;
  }
}

// @ts-ignore: decorator
@inline
function outputTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const m0 = v128.load(from); from += fromStride;
  const m1 = v128.load(from); from += fromStride;
  const m2 = v128.load(from); from += fromStride;
  const m3 = v128.load(from); from += fromStride;
  const m4 = v128.load(from); from += fromStride;
  const m5 = v128.load(from);
  const sumA = add(m1, m2), differenceA = scale(sub(m1, m2), A);
  const sumB = add(m3, m4), differenceB = scale(sub(m3, m4), B);
  v128.store(to, add(add(m0, sumA), sumB)); to += toStride;
  v128.store(to, add(differenceA, differenceB)); to += toStride;
  v128.store(to, maddf(scale(sumA, 0.5), sumB, 2)); to += toStride;
  v128.store(to, maddf(maddf(m5, differenceA, 0.5), differenceB, 2));
}

/** A^T M A: 36 products of eight channels to 4x4 pixels at `to`; `tile` is scratch for 24 pixels. */
export function outputF4(m: usize, pointStride: usize, to: usize, rowStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 192; q += 32) {
    outputTransform(m, 6 * pointStride, q, 192);
    outputTransform(m + 16, 6 * pointStride, q + 16, 192);
    m += pointStride;
  }
  for (let q = tile; q < tile + 768; q += 192) {
    outputTransform(q, 32, to, 32);
    outputTransform(q + 16, 32, to + 16, 32);
    to += rowStride;
  }
}

// @ts-ignore: decorator
@inline
function gradTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const y0 = v128.load(from); from += fromStride;
  const y1 = v128.load(from); from += fromStride;
  const y2 = v128.load(from); from += fromStride;
  const y3 = v128.load(from);
  const evenA = maddf(y0, y2, 0.5), oddA = scale(maddf(y1, y3, 0.5), A);
  const evenB = maddf(y0, y2, 2), oddB = scale(maddf(y1, y3, 2), B);
  v128.store(to, y0); to += toStride;
  v128.store(to, add(evenA, oddA)); to += toStride;
  v128.store(to, sub(evenA, oddA)); to += toStride;
  v128.store(to, add(evenB, oddB)); to += toStride;
  v128.store(to, sub(evenB, oddB)); to += toStride;
  v128.store(to, y3);
}

/** A dy A^T: the 4x4 pixels of eight channels at `from` to 36 points. `tile` is scratch for 24 pixels. */
export function gradPointsF4(from: usize, rowStride: usize, v: usize, pointStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 128; q += 32) {
    gradTransform(from, rowStride, q, 128);
    gradTransform(from + 16, rowStride, q + 16, 128);
    from += 32;
  }
  for (let q = tile; q < tile + 768; q += 128) {
    gradTransform(q, 32, v, pointStride);
    gradTransform(q + 16, 32, v + 16, pointStride);
    v += 6 * pointStride;
  }
}

// @ts-ignore: decorator
@inline
function weightTransform(u: usize, stride: usize, to: usize, toStride: usize): void {
  const u0 = v128.load(u); u += stride;
  const u1 = v128.load(u); u += stride;
  const u2 = v128.load(u); u += stride;
  const u3 = v128.load(u); u += stride;
  const u4 = v128.load(u); u += stride;
  const u5 = v128.load(u);
  const sumA = add(u1, u2), sumB = add(u3, u4);
  v128.store(to, maddf(maddf(u0, sumA, -2.0 / 3.0), sumB, 1.0 / 6.0)); to += toStride;
  v128.store(to, maddf(scale(sub(u1, u2), -2.0 / 3.0 * A), sub(u3, u4), B / 6.0)); to += toStride;
  v128.store(to, maddf(u5, sub(sumB, sumA), 1.0 / 3.0));
}

/** G^T U G of four outputs: 36 vectors at u + k * stride to the nine taps at taps + 16 k; `tile` is scratch for 18 vectors. */
export function weightGradF4(u: usize, stride: usize, taps: usize, tile: usize): void {
  for (let q = tile; q < tile + 96; q += 16) {
    weightTransform(u, 6 * stride, q, 96);
    u += stride;
  }
  for (let q = tile; q < tile + 288; q += 96) {
    weightTransform(q, 16, taps, 16);
    taps += 48;
  }
}
