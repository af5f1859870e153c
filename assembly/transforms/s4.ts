/**
 * Toom-Cook for the 3x3 convolution with stride 2, four outputs at a time, and its adjoints. In one dimension
 *
 *   y[p] = (w0 e[p] + w2 e[p + 1]) + w1 o[p],   e[p] = x[2p], o[p] = x[2p + 1]
 *
 * The even pixels meet a two-tap convolution, F(4, 2) with the points 0, 1, -1, 2, infinity; the odd ones one tap, a product
 * each. So nine points make four outputs from nine pixels, and 81 make 4x4 outputs, 5.1 products each instead of 9. The
 * four points of the odd pixels share one weight: there are 6x6 weight matrices. These are the matrices of t4.ts, where the
 * transposed convolution is seen from its other side; G is applied there (with mirrored taps).
 *
 *   B^T d: 2 e0 - e1 - 2 e2 + e3,  e3 - e2 - 2 e1,  e3 - 3 e2 + 2 e1,  e3 - e1,  e4 - 2 e3 - e2 + 2 e1,  o0, o1, o2, o3
 *   G w:   w0 / 2,  -(w0 + w2) / 2,  (w2 - w0) / 6,  (2 w2 + w0) / 6,  w2,  w1
 *   A^T m: m0 + m1 + m2 + m3 + m5,  m1 - m2 + 2 m3 + m6,  m1 + m2 + 4 m3 + m7,  m1 - m2 + 8 m3 + m4 + m8
 *
 * and transposed
 *
 *   A y:   y0,  y0 + y1 + y2 + y3,  y0 - y1 + y2 - y3,  y0 + 2 y1 + 4 y2 + 8 y3,  y3,  y0, y1, y2, y3
 *   B m:   e0 = 2 m0, e1 = 2 (m2 + m4 - m1) - m0 - m3, e2 = -2 m0 - m1 - 3 m2 - m4, e3 = m0 + m1 + m2 + m3 - 2 m4, e4 = m4
 *   G^T u: w0 = (u0 - u1) / 2 + (u3 - u2) / 6,  w1 = u5,  w2 = u4 - u1 / 2 + u2 / 6 + u3 / 3
 */
import { add, maddf, scale, sub } from "../fused/vector";

// @ts-ignore: decorator
@inline
function inputTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const e0 = v128.load(from); from += fromStride;
  v128.store(to + 5 * toStride, v128.load(from)); from += fromStride;
  const e1 = v128.load(from); from += fromStride;
  v128.store(to + 6 * toStride, v128.load(from)); from += fromStride;
  const e2 = v128.load(from); from += fromStride;
  v128.store(to + 7 * toStride, v128.load(from)); from += fromStride;
  const e3 = v128.load(from); from += fromStride;
  v128.store(to + 8 * toStride, v128.load(from)); from += fromStride;
  const e4 = v128.load(from);
  const twice1 = add(e1, e1), difference = sub(e3, e1);
  v128.store(to, maddf(difference, sub(e0, e2), 2)); to += toStride;
  v128.store(to, sub(sub(e3, e2), twice1)); to += toStride;
  v128.store(to, add(maddf(e3, e2, -3), twice1)); to += toStride;
  v128.store(to, difference); to += toStride;
  v128.store(to, maddf(sub(e4, e2), difference, -2));
}

/** B^T d B: 9x9 pixels of eight channels to 81 points, `pointStride` apart; `tile` is scratch for 81 pixels. */
export function inputPointsS4(from: usize, rowStride: usize, v: usize, pointStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 288; q += 32) {
    inputTransform(from, rowStride, q, 288);
    inputTransform(from + 16, rowStride, q + 16, 288);
    from += 32;
  }
  for (let q = tile; q < tile + 2592; q += 288) {
    inputTransform(q, 32, v, pointStride);
    inputTransform(q + 16, 32, v + 16, pointStride);
    v += 9 * pointStride;
  }
}

// @ts-ignore: decorator
@inline
function gradTransform(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const y0 = v128.load(from); from += fromStride;
  const y1 = v128.load(from); from += fromStride;
  const y2 = v128.load(from); from += fromStride;
  const y3 = v128.load(from);
  const even = add(y0, y2), odd = add(y1, y3);
  v128.store(to, y0); to += toStride;
  v128.store(to, add(even, odd)); to += toStride;
  v128.store(to, sub(even, odd)); to += toStride;
  v128.store(to, maddf(maddf(y0, y2, 4), maddf(y1, y3, 4), 2)); to += toStride;
  v128.store(to, y3); to += toStride;
  v128.store(to, y0); to += toStride;
  v128.store(to, y1); to += toStride;
  v128.store(to, y2); to += toStride;
  v128.store(to, y3);
}

/** A dy A^T: 4x4 pixels of eight channels to 81 points; `tile` is scratch for 36 pixels. */
export function gradPointsS4(from: usize, rowStride: usize, v: usize, pointStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 128; q += 32) {
    gradTransform(from, rowStride, q, 128);
    gradTransform(from + 16, rowStride, q + 16, 128);
    from += 32;
  }
  for (let q = tile; q < tile + 1152; q += 128) {
    gradTransform(q, 32, v, pointStride);
    gradTransform(q + 16, 32, v + 16, pointStride);
    v += 9 * pointStride;
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
  const sum = add(m1, m2), difference = sub(m1, m2);
  v128.store(to, add(add(add(m0, sum), m3), v128.load(from))); from += fromStride; to += toStride;
  v128.store(to, add(maddf(difference, m3, 2), v128.load(from))); from += fromStride; to += toStride;
  v128.store(to, add(maddf(sum, m3, 4), v128.load(from))); from += fromStride; to += toStride;
  v128.store(to, add(add(maddf(difference, m3, 8), m4), v128.load(from)));
}

/** A^T M A: 81 products of eight channels to 4x4 pixels at `to`; `tile` is scratch for 36 pixels. */
export function outputS4(m: usize, pointStride: usize, to: usize, rowStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 288; q += 32) {
    outputTransform(m, 9 * pointStride, q, 288);
    outputTransform(m + 16, 9 * pointStride, q + 16, 288);
    m += pointStride;
  }
  for (let q = tile; q < tile + 1152; q += 288) {
    outputTransform(q, 32, to, 32);
    outputTransform(q + 16, 32, to + 16, 32);
    to += rowStride;
  }
}

/** B on nine vectors; `sum` adds to what is there. */
// @ts-ignore: decorator
@inline
function spreadTransform(from: usize, fromStride: usize, to: usize, toStride: usize, sum: bool): void {
  const m0 = v128.load(from); from += fromStride;
  const m1 = v128.load(from); from += fromStride;
  const m2 = v128.load(from); from += fromStride;
  const m3 = v128.load(from); from += fromStride;
  const m4 = v128.load(from); from += fromStride;
  put(to, add(m0, m0), sum); to += toStride;
  put(to, v128.load(from), sum); from += fromStride; to += toStride;
  put(to, sub(maddf(sub(scale(sub(m2, m1), 2), m0), m4, 2), m3), sum); to += toStride;
  put(to, v128.load(from), sum); from += fromStride; to += toStride;
  put(to, sub(maddf(maddf(scale(m0, -2), m2, -3), m1, -1), m4), sum); to += toStride;
  put(to, v128.load(from), sum); from += fromStride; to += toStride;
  put(to, maddf(add(add(m0, m1), add(m2, m3)), m4, -2), sum); to += toStride;
  put(to, v128.load(from), sum); to += toStride;
  put(to, m4, sum);
}

// @ts-ignore: decorator
@inline
function put(to: usize, value: v128, sum: bool): void {
  v128.store(to, sum ? add(v128.load(to), value) : value);
}

/** B M B^T, added to the 9x9 pixels of eight channels at `to`: neighbouring tiles share a row or column of pixels. */
export function spreadS4(m: usize, pointStride: usize, to: usize, rowStride: usize, tile: usize): void {
  for (let q = tile; q < tile + 288; q += 32) {
    spreadTransform(m, 9 * pointStride, q, 288, false);
    spreadTransform(m + 16, 9 * pointStride, q + 16, 288, false);
    m += pointStride;
  }
  for (let q = tile; q < tile + 2592; q += 288) {
    spreadTransform(q, 32, to, 32, true);
    spreadTransform(q + 16, 32, to + 16, 32, true);
    to += rowStride;
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
  v128.store(to, maddf(scale(sub(u0, u1), 0.5), sub(u3, u2), 1.0 / 6.0)); to += toStride;
  v128.store(to, v128.load(u)); to += toStride;
  v128.store(to, maddf(maddf(maddf(u4, u1, -0.5), u2, 1.0 / 6.0), u3, 1.0 / 3.0));
}

/** G^T U G of four outputs, as weightGradF4. */
export function weightGradS4(u: usize, stride: usize, taps: usize, tile: usize): void {
  for (let q = tile; q < tile + 96; q += 16) {
    weightTransform(u, 6 * stride, q, 96);
    u += stride;
  }
  for (let q = tile; q < tile + 288; q += 96) {
    weightTransform(q, 16, taps, 16);
    taps += 48;
  }
}
