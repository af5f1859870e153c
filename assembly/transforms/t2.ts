/**
 * The transposed convolution of t4.ts, two input pixels at a time: even outputs by F(2, 2) with the points 0, -1, infinity,
 * 25 products for 4x4 outputs (6.25 per input pixel) and 4x4 weight matrices: for small images, where weights weigh most.
 *
 *   d = x[2t - 1 .. 2t + 1];  B^T d: d0 + d1, d1, d1 + d2, d1, d2     G w: w2, w0 - w2, w0, w1
 *   A^T m: even m0 + m1, m2 - m1;  odd m3, m4
 */
import { add, high, highTimes, lowTimes, put, sub } from "../vector";

/** B^T, each number times the styles of its channels first where it is `styled`. */
// @ts-ignore: decorator
@inline
function input(
  styled: bool, style: v128, highStyle: v128, from: usize, fromStride: usize, to: usize, toStride: usize,
): void {
  const l0 = lowTimes(styled, from, style), h0 = highTimes(styled, from, highStyle); from += fromStride;
  const l1 = lowTimes(styled, from, style), h1 = highTimes(styled, from, highStyle); from += fromStride;
  const l2 = lowTimes(styled, from, style), h2 = highTimes(styled, from, highStyle);
  put(to, add(l0, l1), add(h0, h1)); to += toStride;
  put(to, l1, h1); to += toStride;
  put(to, add(l1, l2), add(h1, h2)); to += toStride;
  put(to, l1, h1); to += toStride;
  put(to, l2, h2);
}

/** B^T. */
export class InputT2 {
  @inline get inputs(): i32 { return 3; }
  @inline get outputs(): i32 { return 5; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const none = f32x4.splat(0);
    input(false, none, none, from, fromStride, to, toStride);
  }

  @inline styledLine(style: v128, highStyle: v128, from: usize, fromStride: usize, to: usize, toStride: usize): void {
    input(true, style, highStyle, from, fromStride, to, toStride);
  }
}

/** A^T: even and odd outputs in turns. */
export class OutputT2 {
  @inline get inputs(): i32 { return 5; }
  @inline get outputs(): i32 { return 4; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from); from += fromStride;
    const l3 = v128.load(from), h3 = high(from); from += fromStride;
    const l4 = v128.load(from), h4 = high(from);
    put(to, add(l0, l1), add(h0, h1)); to += toStride;
    put(to, l3, h3); to += toStride;
    put(to, sub(l2, l1), sub(h2, h1)); to += toStride;
    put(to, l4, h4);
  }
}

/** G. */
export class WeightsT2 {
  @inline get inputs(): i32 { return 3; }
  @inline get outputs(): i32 { return 4; }

  @inline line(from: usize, fromStride: usize, to: usize, toStride: usize): void {
    const l0 = v128.load(from), h0 = high(from); from += fromStride;
    const l1 = v128.load(from), h1 = high(from); from += fromStride;
    const l2 = v128.load(from), h2 = high(from);
    put(to, l2, h2); to += toStride;
    put(to, sub(l0, l2), sub(h0, h2)); to += toStride;
    put(to, l0, h0); to += toStride;
    put(to, l1, h1);
  }
}
