/**
 * The resampling of StyleGAN2: four taps per axis, at the same, double or half rate. A strip of input rows is copied to scratch
 * between zeros, so that nothing below has a border; then the first filter runs along its rows and the second slides down in
 * registers, a vector of columns at a time. Every number of scratch is old when it is read: a vector that straddles two fresh
 * stores would wait for both.
 */
import { WIDE, copyNumbers, floatBytes, madd, put, splatAt } from "../vector";

/**
 * Rows `first` to first + rows - 1 of an image [height][width] to `line`, `lineStep` bytes apart, zeros outside. Reads the image
 * only.
 */
export function copyRows(
  x: usize, height: i32, width: i32, first: i32, rows: i32, line: usize, lineStep: usize,
): void {
  const bytes = floatBytes(width);
  let from = x + <usize>first * bytes;
  for (let row = first; row < first + rows; row++) {
    if (<u32>row >= <u32>height) {
      for (let at = line; at < line + bytes; at += 4) store<f32>(at, 0);
    } else {
      copyNumbers(from, bytes, line);
    }
    from += bytes;
    line += lineStep;
  }
}

/** Four outputs along a row at the same rate. */
// @ts-ignore: decorator
@inline
function alongSame(from: usize, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  let sum = f32x4.mul(tap0, v128.load(from));
  sum = madd(tap1, v128.load(from, 4), sum);
  sum = madd(tap2, v128.load(from, 8), sum);
  return madd(tap3, v128.load(from, 12), sum);
}

/** Four outputs along a row at half rate. */
// @ts-ignore: decorator
@inline
function alongHalf(from: usize, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  const a = v128.load(from), b = v128.load(from, 16), c = v128.load(from, 8), d = v128.load(from, 24);
  let sum = f32x4.mul(tap0, v128.shuffle<f32>(a, b, 0, 2, 4, 6));
  sum = madd(tap1, v128.shuffle<f32>(a, b, 1, 3, 5, 7), sum);
  sum = madd(tap2, v128.shuffle<f32>(c, d, 0, 2, 4, 6), sum);
  return madd(tap3, v128.shuffle<f32>(c, d, 1, 3, 5, 7), sum);
}

/** Every second output along a row at double rate, where two taps meet samples. */
// @ts-ignore: decorator
@inline
function alongDouble(from: usize, tap: v128, nextTap: v128): v128 {
  return madd(nextTap, v128.load(from, 4), f32x4.mul(tap, v128.load(from)));
}

// @ts-ignore: decorator
@inline
function down(h0: v128, h1: v128, h2: v128, h3: v128, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  return madd(tap3, h3, madd(tap2, h2, madd(tap1, h1, f32x4.mul(tap0, h0))));
}

/** Stores the first `count` (at least 1) of four numbers. */
// @ts-ignore: decorator
@inline
function storeFirst(to: usize, value: v128, count: i32): void {
  if (count >= 4) {
    v128.store(to, value);
    return;
  }
  v128.store32_lane(to, value, 0);
  if (count > 1) v128.store32_lane(to, value, 1, 4);
  if (count > 2) v128.store32_lane(to, value, 2, 8);
}

/**
 * y[p, q] = sum over j, i of tapY[j] * tapX[i] * lines[p + j, q + i] for p < rows, q < width. `taps`: tapY, then tapX. Rounding:
 * per row i ascending, then j ascending.
 */
export function filterSame(taps: usize, lines: usize, lineStep: usize, y: usize, rows: i32, width: i32): void {
  const y0 = splatAt(taps), y1 = splatAt(taps + 4), y2 = splatAt(taps + 8), y3 = splatAt(taps + 12);
  const x0 = splatAt(taps + 16), x1 = splatAt(taps + 20), x2 = splatAt(taps + 24), x3 = splatAt(taps + 28);
  const yStep = floatBytes(width), yBytes = floatBytes(rows) * <usize>width;
  let count = width;
  for (; WIDE && count >= 8; count -= 8) {
    pairsSame(taps, lines, lineStep, y, y + yBytes, yStep);
    lines += 32;
    y += 32;
  }
  for (; count > 0; count -= 4) {
    let h0 = alongSame(lines, x0, x1, x2, x3);
    let h1 = alongSame(lines + lineStep, x0, x1, x2, x3);
    let h2 = alongSame(lines + 2 * lineStep, x0, x1, x2, x3);
    let from = lines + 3 * lineStep;
    for (let to = y, end = y + yBytes; to < end; to += yStep) {
      const h3 = alongSame(from, x0, x1, x2, x3);
      storeFirst(to, down(h0, h1, h2, h3, y0, y1, y2, y3), count);
      h0 = h1;
      h1 = h2;
      h2 = h3;
      from += lineStep;
    }
    lines += 16;
    y += 16;
  }
}

/** Eight columns of filterSame, down to `end`. */
function pairsSame(taps: usize, lines: usize, lineStep: usize, y: usize, end: usize, yStep: usize): void {
  const y0 = splatAt(taps), y1 = splatAt(taps + 4), y2 = splatAt(taps + 8), y3 = splatAt(taps + 12);
  const x0 = splatAt(taps + 16), x1 = splatAt(taps + 20), x2 = splatAt(taps + 24), x3 = splatAt(taps + 28);
  let l0 = alongSame(lines, x0, x1, x2, x3), h0 = alongSame(lines + 16, x0, x1, x2, x3); lines += lineStep;
  let l1 = alongSame(lines, x0, x1, x2, x3), h1 = alongSame(lines + 16, x0, x1, x2, x3); lines += lineStep;
  let l2 = alongSame(lines, x0, x1, x2, x3), h2 = alongSame(lines + 16, x0, x1, x2, x3); lines += lineStep;
  for (; y < end; y += yStep) {
    const l3 = alongSame(lines, x0, x1, x2, x3), h3 = alongSame(lines + 16, x0, x1, x2, x3);
    put(y, down(l0, l1, l2, l3, y0, y1, y2, y3), down(h0, h1, h2, h3, y0, y1, y2, y3));
    l0 = l1; h0 = h1;
    l1 = l2; h1 = h2;
    l2 = l3; h2 = h3;
    lines += lineStep;
  }
}

/** The same at half rate: y[p, q] meets lines[2 p + j, 2 q + i]. */
export function filterHalf(taps: usize, lines: usize, lineStep: usize, y: usize, rows: i32, width: i32): void {
  const y0 = splatAt(taps), y1 = splatAt(taps + 4), y2 = splatAt(taps + 8), y3 = splatAt(taps + 12);
  const x0 = splatAt(taps + 16), x1 = splatAt(taps + 20), x2 = splatAt(taps + 24), x3 = splatAt(taps + 28);
  const yStep = floatBytes(width), yBytes = floatBytes(rows) * <usize>width;
  for (let count = width; count > 0; count -= 4) {
    let h0 = alongHalf(lines, x0, x1, x2, x3);
    let h1 = alongHalf(lines + lineStep, x0, x1, x2, x3);
    let from = lines + 2 * lineStep;
    for (let to = y, end = y + yBytes; to < end; to += yStep) {
      const h2 = alongHalf(from, x0, x1, x2, x3), h3 = alongHalf(from + lineStep, x0, x1, x2, x3);
      storeFirst(to, down(h0, h1, h2, h3, y0, y1, y2, y3), count);
      h0 = h2;
      h1 = h3;
      from += 2 * lineStep;
    }
    lines += 32;
    y += 16;
  }
}

/**
 * The same at double rate, where half of the taps meet zeros. Row p meets taps 0 and 2 if p + phaseY is even, 1 and 3 if it is
 * odd, and goes one line down from an even to an odd one; columns alike.
 */
export function filterDouble(
  taps: usize, lines: usize, lineStep: usize, y: usize, rows: i32, width: i32, phaseY: i32, phaseX: i32,
): void {
  const y0 = splatAt(taps), y1 = splatAt(taps + 4), y2 = splatAt(taps + 8), y3 = splatAt(taps + 12);
  // Columns q = 0, 2, ... and q = 1, 3, ...: with phase 1 the first meet taps 1 and 3, and both begin at the same sample.
  const evenTaps = taps + 16 + floatBytes(phaseX), oddTaps = taps + 16 + floatBytes(1 - phaseX);
  const even0 = splatAt(evenTaps), even1 = splatAt(evenTaps + 8), odd0 = splatAt(oddTaps), odd1 = splatAt(oddTaps + 8);
  const oddShift: usize = phaseX ? 0 : 4;
  const yStep = floatBytes(width);
  for (let count = width; count > 0; count -= 8) {
    let even = alongDouble(lines, even0, even1), odd = alongDouble(lines + oddShift, odd0, odd1);
    let from = lines + lineStep, to = y;
    let nextEven = alongDouble(from, even0, even1), nextOdd = alongDouble(from + oddShift, odd0, odd1);
    for (let p = phaseY; p < phaseY + rows; p++) {
      const isOdd = (p & 1) != 0;
      if (isOdd && p > phaseY) {
        from += lineStep;
        even = nextEven;
        odd = nextOdd;
        nextEven = alongDouble(from, even0, even1);
        nextOdd = alongDouble(from + oddShift, odd0, odd1);
      }
      const tap = isOdd ? y1 : y0, nextTap = isOdd ? y3 : y2;
      const e = madd(nextTap, nextEven, f32x4.mul(tap, even)), o = madd(nextTap, nextOdd, f32x4.mul(tap, odd));
      storeFirst(to, v128.shuffle<f32>(e, o, 0, 4, 1, 5), count);
      if (count > 4) storeFirst(to + 16, v128.shuffle<f32>(e, o, 2, 6, 3, 7), count - 4);
      to += yStep;
    }
    lines += 16;
    y += 32;
  }
}
