/**
 * The filter before a convolution with stride 2, and after its adjoint (StyleGAN2, appendix B), on strips: four taps per axis, at the same
 * rate. The pixels of eight channels lie side by side there, so that neighbours are whole vectors, and what is filtered lies in no memory.
 */
import { WIDE, STEP, madd, mul, put, splatAt } from "../vector";

/** Rows and columns beyond the result that the taps reach. @host */
export const REACH: i32 = 3;

/**
 * strip[p, q] = sum over j, i of tapY[j] * tapX[i] * strip[p + j, q + i] for p < rows, q < columns, in place: [.., .., 8], rows
 * `rowStride` bytes apart. `taps`: four down, four along. Rounding, as in resample/fourTaps.ts: per row i ascending, then j ascending.
 */
export function filterStrip(strip: usize, rowStride: usize, rows: i32, columns: i32, taps: usize): void {
  const bytes = <usize>rows * rowStride;
  // From left to right: a column is read by those before it.
  for (const end = strip + <usize>columns * 32; strip < end; strip += 32) {
    for (let lane: usize = 0; lane < 32; lane += STEP) filterColumn(strip + lane, strip + lane + bytes, rowStride, taps);
  }
}

/** One column of a strip, down to `end`. */
function filterColumn(to: usize, end: usize, rowStride: usize, taps: usize): void {
  const y0 = splatAt(taps), y1 = splatAt(taps + 4), y2 = splatAt(taps + 8), y3 = splatAt(taps + 12);
  const x0 = splatAt(taps + 16), x1 = splatAt(taps + 20), x2 = splatAt(taps + 24), x3 = splatAt(taps + 28);
  let from = to;
  let l0 = alongLow(from, x0, x1, x2, x3), h0 = alongHigh(from, x0, x1, x2, x3); from += rowStride;
  let l1 = alongLow(from, x0, x1, x2, x3), h1 = alongHigh(from, x0, x1, x2, x3); from += rowStride;
  let l2 = alongLow(from, x0, x1, x2, x3), h2 = alongHigh(from, x0, x1, x2, x3); from += rowStride;
  for (; to < end; to += rowStride) {
    const l3 = alongLow(from, x0, x1, x2, x3), h3 = alongHigh(from, x0, x1, x2, x3);
    put(to, down(l0, l1, l2, l3, y0, y1, y2, y3), down(h0, h1, h2, h3, y0, y1, y2, y3));
    l0 = l1; h0 = h1;
    l1 = l2; h1 = h2;
    l2 = l3; h2 = h3;
    from += rowStride;
  }
}

/** Four pixels along a row, of the lower four channels ... */
// @ts-ignore: decorator
@inline
function alongLow(from: usize, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  let sum = mul(tap0, v128.load(from));
  sum = madd(tap1, v128.load(from, 32), sum);
  sum = madd(tap2, v128.load(from, 64), sum);
  return madd(tap3, v128.load(from, 96), sum);
}

/** ... and of the upper four. (Offsets are said whole: V8 joins loads from one base alone.) */
// @ts-ignore: decorator
@inline
function alongHigh(from: usize, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  if (!WIDE) return tap0;
  let sum = mul(tap0, v128.load(from, 16));
  sum = madd(tap1, v128.load(from, 48), sum);
  sum = madd(tap2, v128.load(from, 80), sum);
  return madd(tap3, v128.load(from, 112), sum);
}

// @ts-ignore: decorator
@inline
function down(row0: v128, row1: v128, row2: v128, row3: v128, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  return madd(tap3, row3, madd(tap2, row2, madd(tap1, row1, mul(tap0, row0))));
}
