/**
 * Toom-Cook for the 3x3 convolution with stride 2, for its transposed form and for its gradients, four pixels of the smaller
 * image at a time. In one dimension
 *
 *   S4:  y[p] = (w0 e[p] + w2 e[p + 1]) + w1 o[p],   e[p] = x[2p], o[p] = x[2p + 1]
 *   T4:  y[2i] = w0 x[i] + w2 x[i - 1],   y[2i + 1] = w1 x[i]
 *
 * Even pixels meet a two-tap convolution, F(4, 2) with the points 0, 1, -1, 2, infinity, odd ones one tap, a product each. So
 * there are 9 products for 4 outputs of S4 and 8 of T4, 81 in two dimensions, 5.1 for a pixel of the smaller image instead of 9.
 * The four points of the odd pixels share one weight: there are 6x6 weight matrices. T4 has d = x[4t - 1 .. 4t + 3] for the five
 * e of S4, their last four for the o, and mirrored taps, w2 for w0:
 *
 *   B^T d: 2 e0 - e1 - 2 e2 + e3,  e3 - e2 - 2 e1,  e3 - 3 e2 + 2 e1,  e3 - e1,  e4 - 2 e3 - e2 + 2 e1,  o0, o1, o2, o3
 *   G w:   w0 / 2,  -(w0 + w2) / 2,  (w2 - w0) / 6,  (2 w2 + w0) / 6,  w2,  w1
 *   A^T m: m0 + m1 + m2 + m3,  m1 - m2 + 2 m3,  m1 + m2 + 4 m3,  m1 - m2 + 8 m3 + m4;  m5, m6, m7, m8 are added in S4 and
 *          lie between them in T4
 *
 * and transposed
 *
 *   A y:   y0,  y0 + y1 + y2 + y3,  y0 - y1 + y2 - y3,  y0 + 2 y1 + 4 y2 + 8 y3,  y3,  y0, y1, y2, y3
 *   B m:   e0 = 2 m0, e1 = 2 (m2 + m4 - m1) - m0 - m3, e2 = -2 m0 - m1 - 3 m2 - m4, e3 = m0 + m1 + m2 + m3 - 2 m4, e4 = m4
 *   G^T u: w0 = (u0 - u1) / 2 + (u3 - u2) / 6,  w1 = u5,  w2 = u4 - u1 / 2 + u2 / 6 + u3 / 3
 */
import { add, high, highTimes, lowTimes, maddf, put, scale, sub } from "../vector";

/** The first five rows of B^T. */
// @ts-ignore: decorator
@inline
function putEven(
  l0: v128, l1: v128, l2: v128, l3: v128, l4: v128, h0: v128, h1: v128, h2: v128, h3: v128, h4: v128, to: usize, toStride: usize,
): void {
  const lTwice1 = add(l1, l1), lDifference = sub(l3, l1), hTwice1 = add(h1, h1), hDifference = sub(h3, h1);
  const l = maddf(sub(l0, l2), 2, lDifference), h = maddf(sub(h0, h2), 2, hDifference);
  const lMinus = add(maddf(l2, -3, l3), lTwice1), hMinus = add(maddf(h2, -3, h3), hTwice1);
  const lLast = maddf(lDifference, -2, sub(l4, l2)), hLast = maddf(hDifference, -2, sub(h4, h2));
  put(to, l, h); to += toStride;
  put(to, sub(sub(l3, l2), lTwice1), sub(sub(h3, h2), hTwice1)); to += toStride;
  put(to, lMinus, hMinus); to += toStride;
  put(to, lDifference, hDifference); to += toStride;
  put(to, lLast, hLast);
}

/** B^T of T4, each number times the styles of its channels first where it is `styled`. */
// @ts-ignore: decorator
@inline
function input(
  styled: bool, style: v128, highStyle: v128, from: usize, fromStride: usize, to: usize, toStride: usize,
): void {
  const l0 = lowTimes(styled, from, style), h0 = highTimes(styled, from, highStyle); from += fromStride;
  const l1 = lowTimes(styled, from, style), h1 = highTimes(styled, from, highStyle); from += fromStride;
  const l2 = lowTimes(styled, from, style), h2 = highTimes(styled, from, highStyle); from += fromStride;
  const l3 = lowTimes(styled, from, style), h3 = highTimes(styled, from, highStyle); from += fromStride;
  const l4 = lowTimes(styled, from, style), h4 = highTimes(styled, from, highStyle);
  putEven(l0, l1, l2, l3, l4, h0, h1, h2, h3, h4, to, toStride); to += 5 * toStride;
  put(to, l1, h1); to += toStride;
  put(to, l2, h2); to += toStride;
  put(to, l3, h3); to += toStride;
  put(to, l4, h4);
}

/** B^T of T4. */
export class InputT4 {
  @inline get inputs(): i32 { return 5; }
  @inline get outputs(): i32 { return 9; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const none = f32x4.splat(0);
    input(false, none, none, from, fromStride, to, toStride);
  }

  @inline styledLine(style: v128, highStyle: v128, from: usize, fromStride: usize, to: usize, toStride: usize): void {
    input(true, style, highStyle, from, fromStride, to, toStride);
  }
}

/** B^T of S4. */
export class InputS4 {
  @inline get inputs(): i32 { return 9; }
  @inline get outputs(): i32 { return 9; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l5 = v128.load(from), h5 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l6 = v128.load(from), h6 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l7 = v128.load(from), h7 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from); from += fromStride;
    const l8 = v128.load(from), h8 = high(from); from += fromStride;
    const l4 = v128.load(from), h4 = high(from);
    putEven(l0, l1, l2, l3, l4, h0, h1, h2, h3, h4, to, toStride); to += 5 * toStride;
    put(to, l5, h5); to += toStride;
    put(to, l6, h6); to += toStride;
    put(to, l7, h7); to += toStride;
    put(to, l8, h8);
  }
}

/** Rows 0 to 3 of A^T without the odd points, from the sum and the difference of m1 and m2. */
// @ts-ignore: decorator
@inline
function output0(m0: v128, sum: v128, m3: v128): v128 {
  return add(add(m0, sum), m3);
}

// @ts-ignore: decorator
@inline
function output1(difference: v128, m3: v128): v128 {
  return maddf(m3, 2, difference);
}

// @ts-ignore: decorator
@inline
function output2(sum: v128, m3: v128): v128 {
  return maddf(m3, 4, sum);
}

// @ts-ignore: decorator
@inline
function output3(difference: v128, m3: v128, m4: v128): v128 {
  return add(maddf(m3, 8, difference), m4);
}

/** A^T: four outputs of S4, or (`transposed`) eight of T4. */
// @ts-ignore: decorator
@inline
function output(transposed: bool, from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const l0 = v128.load(from), h0 = high(from); from += fromStride;
  const l1 = v128.load(from), h1 = high(from); from += fromStride;
  const l2 = v128.load(from), h2 = high(from); from += fromStride;
  const l3 = v128.load(from), h3 = high(from); from += fromStride;
  const l4 = v128.load(from), h4 = high(from); from += fromStride;
  const l5 = v128.load(from), h5 = high(from); from += fromStride;
  const l6 = v128.load(from), h6 = high(from); from += fromStride;
  const l7 = v128.load(from), h7 = high(from); from += fromStride;
  const l8 = v128.load(from), h8 = high(from);
  const lSum = add(l1, l2), lDifference = sub(l1, l2), hSum = add(h1, h2), hDifference = sub(h1, h2);
  const lRow0 = output0(l0, lSum, l3), lRow1 = output1(lDifference, l3);
  const hRow0 = output0(h0, hSum, h3), hRow1 = output1(hDifference, h3);
  const lRow2 = output2(lSum, l3), lRow3 = output3(lDifference, l3, l4);
  const hRow2 = output2(hSum, h3), hRow3 = output3(hDifference, h3, h4);
  if (transposed) {
    put(to, lRow0, hRow0); to += toStride;
    put(to, l5, h5); to += toStride;
    put(to, lRow1, hRow1); to += toStride;
    put(to, l6, h6); to += toStride;
    put(to, lRow2, hRow2); to += toStride;
    put(to, l7, h7); to += toStride;
    put(to, lRow3, hRow3); to += toStride;
    put(to, l8, h8);
  } else {
    put(to, add(lRow0, l5), add(hRow0, h5)); to += toStride;
    put(to, add(lRow1, l6), add(hRow1, h6)); to += toStride;
    put(to, add(lRow2, l7), add(hRow2, h7)); to += toStride;
    put(to, add(lRow3, l8), add(hRow3, h8));
  }
}

/** A^T of T4. */
export class OutputT4 {
  @inline get inputs(): i32 { return 9; }
  @inline get outputs(): i32 { return 8; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    output(true, from, fromStride, to, toStride);
  }
}

/** A^T of S4. */
export class OutputS4 {
  @inline get inputs(): i32 { return 9; }
  @inline get outputs(): i32 { return 4; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    output(false, from, fromStride, to, toStride);
  }
}

/** A of S4. */
export class GradS4 {
  @inline get inputs(): i32 { return 4; }
  @inline get outputs(): i32 { return 9; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from);
    const lEven = add(l0, l2), lOdd = add(l1, l3), hEven = add(h0, h2), hOdd = add(h1, h3);
    const lTwo = maddf(maddf(l3, 4, l1), 2, maddf(l2, 4, l0)), hTwo = maddf(maddf(h3, 4, h1), 2, maddf(h2, 4, h0));
    put(to, l0, h0); to += toStride;
    put(to, add(lEven, lOdd), add(hEven, hOdd)); to += toStride;
    put(to, sub(lEven, lOdd), sub(hEven, hOdd)); to += toStride;
    put(to, lTwo, hTwo); to += toStride;
    put(to, l3, h3); to += toStride;
    put(to, l0, h0); to += toStride;
    put(to, l1, h1); to += toStride;
    put(to, l2, h2); to += toStride;
    put(to, l3, h3);
  }
}

/** Rows 1 to 3 of B, even pixels. */
// @ts-ignore: decorator
@inline
function spread1(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128): v128 {
  return sub(maddf(m4, 2, sub(scale(sub(m2, m1), 2), m0)), m3);
}

// @ts-ignore: decorator
@inline
function spread2(m0: v128, m1: v128, m2: v128, m4: v128): v128 {
  return sub(maddf(m1, -1, maddf(m2, -3, scale(m0, -2))), m4);
}

// @ts-ignore: decorator
@inline
function spread3(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128): v128 {
  return maddf(m4, -2, add(add(m0, m1), add(m2, m3)));
}

/** B of S4; `sum` adds to what is there, for neighbouring tiles share a row or column of pixels. */
// @ts-ignore: decorator
@inline
function spread(sum: bool, from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const l0 = v128.load(from), h0 = high(from); from += fromStride;
  const l1 = v128.load(from), h1 = high(from); from += fromStride;
  const l2 = v128.load(from), h2 = high(from); from += fromStride;
  const l3 = v128.load(from), h3 = high(from); from += fromStride;
  const l4 = v128.load(from), h4 = high(from); from += fromStride;
  const l1to = spread1(l0, l1, l2, l3, l4), h1to = spread1(h0, h1, h2, h3, h4);
  const l2to = spread2(l0, l1, l2, l4), h2to = spread2(h0, h1, h2, h4);
  const l3to = spread3(l0, l1, l2, l3, l4), h3to = spread3(h0, h1, h2, h3, h4);
  putSum(sum, to, add(l0, l0), add(h0, h0)); to += toStride;
  putSum(sum, to, v128.load(from), high(from)); from += fromStride; to += toStride;
  putSum(sum, to, l1to, h1to); to += toStride;
  putSum(sum, to, v128.load(from), high(from)); from += fromStride; to += toStride;
  putSum(sum, to, l2to, h2to); to += toStride;
  putSum(sum, to, v128.load(from), high(from)); from += fromStride; to += toStride;
  putSum(sum, to, l3to, h3to); to += toStride;
  putSum(sum, to, v128.load(from), high(from)); to += toStride;
  putSum(sum, to, l4, h4);
}

/** B of S4. */
export class SpreadS4 {
  @inline get inputs(): i32 { return 9; }
  @inline get outputs(): i32 { return 9; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    spread(false, from, fromStride, to, toStride);
  }
}

/** B of S4, added to what is there. */
export class SpreadSumS4 {
  @inline get inputs(): i32 { return 9; }
  @inline get outputs(): i32 { return 9; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    spread(true, from, fromStride, to, toStride);
  }
}

// @ts-ignore: decorator
@inline
function putSum(sum: bool, to: usize, low: v128, upper: v128): void {
  if (sum) put(to, add(v128.load(to), low), add(high(to), upper));
  else put(to, low, upper);
}

/** G of T4. */
export class WeightsT4 {
  @inline get inputs(): i32 { return 3; }
  @inline get outputs(): i32 { return 6; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from);
    put(to, scale(l2, 0.5), scale(h2, 0.5)); to += toStride;
    put(to, scale(add(l0, l2), -0.5), scale(add(h0, h2), -0.5)); to += toStride;
    put(to, scale(sub(l0, l2), 1.0 / 6.0), scale(sub(h0, h2), 1.0 / 6.0)); to += toStride;
    put(to, scale(maddf(l0, 2, l2), 1.0 / 6.0), scale(maddf(h0, 2, h2), 1.0 / 6.0)); to += toStride;
    put(to, l0, h0); to += toStride;
    put(to, l1, h1);
  }
}

/** G^T of S4. */
export class WeightGradS4 {
  @inline get inputs(): i32 { return 6; }
  @inline get outputs(): i32 { return 3; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from); from += fromStride;
    const l4 = v128.load(from), h4 = high(from); from += fromStride;
    const l5 = v128.load(from), h5 = high(from);
    const lFirst = maddf(sub(l3, l2), 1.0 / 6.0, scale(sub(l0, l1), 0.5));
    const hFirst = maddf(sub(h3, h2), 1.0 / 6.0, scale(sub(h0, h1), 0.5));
    const lLast = maddf(l3, 1.0 / 3.0, maddf(l2, 1.0 / 6.0, maddf(l1, -0.5, l4)));
    const hLast = maddf(h3, 1.0 / 3.0, maddf(h2, 1.0 / 6.0, maddf(h1, -0.5, h4)));
    put(to, lFirst, hFirst); to += toStride;
    put(to, l5, h5); to += toStride;
    put(to, lLast, hLast);
  }
}
