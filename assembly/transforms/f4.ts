/**
 * Winograd F(4x4, 3x3): a 4x4 tile of a 3x3 convolution from a 6x6 tile of its input in 36 products instead of 144,
 *
 *   Y = A^T [ (G w G^T) . (B^T d B) ] A          (Lavin and Gray 2015, equation 12)
 *
 * and, transposing it in w, the gradient of the weights, transformed back once, after the sum over all tiles:
 *
 *   dw = G^T [ sum of (B^T d B) . (A dy A^T) ] G
 *
 * with the points 0, +-a, +-b, infinity, a = sqrt(1/2), b = sqrt(2): their powers stay near 1, which makes the rounding
 * error 2 to 4 times smaller than with the usual 0, +-1, +-2. In one dimension, with the points in this order:
 *
 *   B^T d: d0 - 5/2 d2 + d4,  (d4 - 2 d2) +- a (d3 - 2 d1),  (d4 - d2 / 2) +- b (d3 - d1 / 2),  d1 - 5/2 d3 + d5
 *   G w:   w0,  -2/3 (w0 + w2 / 2 +- a w1),  1/6 (w0 + 2 w2 +- b w1),  w2
 *   A^T m: m0 + (m1 + m2) + (m3 + m4),  a (m1 - m2) + b (m3 - m4),  (m1 + m2) / 2 + 2 (m3 + m4),
 *          a / 2 (m1 - m2) + 2 b (m3 - m4) + m5
 *   A y:   y0,  (y0 + y2 / 2) +- (a y1 + a/2 y3),  (y0 + 2 y2) +- (b y1 + 2 b y3),  y3
 *   G^T u: u0 - 2/3 (u1 + u2) + 1/6 (u3 + u4),  -2/3 a (u1 - u2) + b/6 (u3 - u4),  1/3 (u3 + u4) - 1/3 (u1 + u2) + u5
 */
import { HALF_ROOT as A, ROOT as B, add, high, maddf, put, scale, sub } from "../vector";

/** B^T of six numbers, each a vector `l`, and in the wide build the pair of `l` and `h`. */
// @ts-ignore: decorator
@inline
export function inputPairsF4(
  l0: v128, l1: v128, l2: v128, l3: v128, l4: v128, l5: v128, h0: v128, h1: v128, h2: v128, h3: v128, h4: v128, h5: v128,
  to: usize, toStride: usize,
): void {
  const lEvenA = maddf(l2, -2, l4), lOddA = scale(maddf(l1, -2, l3), A);
  const hEvenA = maddf(h2, -2, h4), hOddA = scale(maddf(h1, -2, h3), A);
  const lEvenB = maddf(l2, -0.5, l4), lOddB = scale(maddf(l1, -0.5, l3), B);
  const hEvenB = maddf(h2, -0.5, h4), hOddB = scale(maddf(h1, -0.5, h3), B);
  const lFirst = maddf(l2, -2.5, add(l0, l4)), lLast = maddf(l3, -2.5, add(l1, l5));
  const hFirst = maddf(h2, -2.5, add(h0, h4)), hLast = maddf(h3, -2.5, add(h1, h5));
  put(to, lFirst, hFirst); to += toStride;
  put(to, add(lEvenA, lOddA), add(hEvenA, hOddA)); to += toStride;
  put(to, sub(lEvenA, lOddA), sub(hEvenA, hOddA)); to += toStride;
  put(to, add(lEvenB, lOddB), add(hEvenB, hOddB)); to += toStride;
  put(to, sub(lEvenB, lOddB), sub(hEvenB, hOddB)); to += toStride;
  put(to, lLast, hLast);
}

/** B^T. */
export class InputF4 {
  @inline get inputs(): i32 { return 6; }
  @inline get outputs(): i32 { return 6; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from); from += fromStride;
    const l4 = v128.load(from), h4 = high(from); from += fromStride;
    const l5 = v128.load(from), h5 = high(from);
    inputPairsF4(l0, l1, l2, l3, l4, l5, h0, h1, h2, h3, h4, h5, to, toStride);
  }
}

/** Rows 0 to 3 of A^T, from sums and differences of m1 and m2 (A), m3 and m4 (B). */
// @ts-ignore: decorator
@inline
export function output0F4(m0: v128, sumA: v128, sumB: v128): v128 {
  return add(add(m0, sumA), sumB);
}

// @ts-ignore: decorator
@inline
export function output1F4(differenceA: v128, differenceB: v128): v128 {
  return maddf(differenceB, B, scale(differenceA, A));
}

// @ts-ignore: decorator
@inline
export function output2F4(sumA: v128, sumB: v128): v128 {
  return maddf(sumB, 2, scale(sumA, 0.5));
}

// @ts-ignore: decorator
@inline
export function output3F4(differenceA: v128, differenceB: v128, m5: v128): v128 {
  return maddf(differenceB, 2 * B, maddf(differenceA, 0.5 * A, m5));
}

/**
 * A^T. `planar`: the differences are multiplied by a and b before anything else, which is an operation less, but rounds once
 * more where multiply-add is fused. Each user keeps the rounding that its results always had.
 */
// @ts-ignore: decorator
@inline
function output(planar: bool, from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const l0 = v128.load(from), h0 = high(from); from += fromStride;
  const l1 = v128.load(from), h1 = high(from); from += fromStride;
  const l2 = v128.load(from), h2 = high(from); from += fromStride;
  const l3 = v128.load(from), h3 = high(from); from += fromStride;
  const l4 = v128.load(from), h4 = high(from); from += fromStride;
  const l5 = v128.load(from), h5 = high(from);
  const lSumA = add(l1, l2), lSumB = add(l3, l4), hSumA = add(h1, h2), hSumB = add(h3, h4);
  let lA = sub(l1, l2), lB = sub(l3, l4), hA = sub(h1, h2), hB = sub(h3, h4);
  const lEven = output2F4(lSumA, lSumB), hEven = output2F4(hSumA, hSumB);
  if (planar) {
    lA = scale(lA, A); lB = scale(lB, B); hA = scale(hA, A); hB = scale(hB, B);
    const lLast = maddf(lB, 2, maddf(lA, 0.5, l5)), hLast = maddf(hB, 2, maddf(hA, 0.5, h5));
    put(to, output0F4(l0, lSumA, lSumB), output0F4(h0, hSumA, hSumB)); to += toStride;
    put(to, add(lA, lB), add(hA, hB)); to += toStride;
    put(to, lEven, hEven); to += toStride;
    put(to, lLast, hLast);
  } else {
    const lOdd = output1F4(lA, lB), lLast = output3F4(lA, lB, l5), hOdd = output1F4(hA, hB), hLast = output3F4(hA, hB, h5);
    put(to, output0F4(l0, lSumA, lSumB), output0F4(h0, hSumA, hSumB)); to += toStride;
    put(to, lOdd, hOdd); to += toStride;
    put(to, lEven, hEven); to += toStride;
    put(to, lLast, hLast);
  }
}

/** A^T as the fused layers round it. */
export class OutputF4 {
  @inline get inputs(): i32 { return 6; }
  @inline get outputs(): i32 { return 4; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    output(false, from, fromStride, to, toStride);
  }
}

/** A^T as the planar convolutions round it. */
export class PlanarOutputF4 {
  @inline get inputs(): i32 { return 6; }
  @inline get outputs(): i32 { return 4; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    output(true, from, fromStride, to, toStride);
  }
}

/** A. */
export class GradF4 {
  @inline get inputs(): i32 { return 4; }
  @inline get outputs(): i32 { return 6; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from);
    const lEvenA = maddf(l2, 0.5, l0), lOddA = scale(maddf(l3, 0.5, l1), A);
    const hEvenA = maddf(h2, 0.5, h0), hOddA = scale(maddf(h3, 0.5, h1), A);
    const lEvenB = maddf(l2, 2, l0), lOddB = scale(maddf(l3, 2, l1), B);
    const hEvenB = maddf(h2, 2, h0), hOddB = scale(maddf(h3, 2, h1), B);
    put(to, l0, h0); to += toStride;
    put(to, add(lEvenA, lOddA), add(hEvenA, hOddA)); to += toStride;
    put(to, sub(lEvenA, lOddA), sub(hEvenA, hOddA)); to += toStride;
    put(to, add(lEvenB, lOddB), add(hEvenB, hOddB)); to += toStride;
    put(to, sub(lEvenB, lOddB), sub(hEvenB, hOddB)); to += toStride;
    put(to, l3, h3);
  }
}

/** G. */
export class WeightsF4 {
  @inline get inputs(): i32 { return 3; }
  @inline get outputs(): i32 { return 6; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from);
    const lEvenA = maddf(l2, 0.5, l0), lOddA = scale(l1, A), lEvenB = maddf(l2, 2, l0), lOddB = scale(l1, B);
    const hEvenA = maddf(h2, 0.5, h0), hOddA = scale(h1, A), hEvenB = maddf(h2, 2, h0), hOddB = scale(h1, B);
    put(to, l0, h0); to += toStride;
    put(to, scale(add(lEvenA, lOddA), -2.0 / 3.0), scale(add(hEvenA, hOddA), -2.0 / 3.0)); to += toStride;
    put(to, scale(sub(lEvenA, lOddA), -2.0 / 3.0), scale(sub(hEvenA, hOddA), -2.0 / 3.0)); to += toStride;
    put(to, scale(add(lEvenB, lOddB), 1.0 / 6.0), scale(add(hEvenB, hOddB), 1.0 / 6.0)); to += toStride;
    put(to, scale(sub(lEvenB, lOddB), 1.0 / 6.0), scale(sub(hEvenB, hOddB), 1.0 / 6.0)); to += toStride;
    put(to, l2, h2);
  }
}

/** G^T. */
export class WeightGradF4 {
  @inline get inputs(): i32 { return 6; }
  @inline get outputs(): i32 { return 3; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from); from += fromStride;
    const l4 = v128.load(from), h4 = high(from); from += fromStride;
    const l5 = v128.load(from), h5 = high(from);
    const lSumA = add(l1, l2), lSumB = add(l3, l4), hSumA = add(h1, h2), hSumB = add(h3, h4);
    const lFirst = maddf(lSumB, 1.0 / 6.0, maddf(lSumA, -2.0 / 3.0, l0));
    const hFirst = maddf(hSumB, 1.0 / 6.0, maddf(hSumA, -2.0 / 3.0, h0));
    const lMiddle = maddf(sub(l3, l4), B / 6.0, scale(sub(l1, l2), -2.0 / 3.0 * A));
    const hMiddle = maddf(sub(h3, h4), B / 6.0, scale(sub(h1, h2), -2.0 / 3.0 * A));
    put(to, lFirst, hFirst); to += toStride;
    put(to, lMiddle, hMiddle); to += toStride;
    put(to, maddf(sub(lSumB, lSumA), 1.0 / 3.0, l5), maddf(sub(hSumB, hSumA), 1.0 / 3.0, h5));
  }
}
