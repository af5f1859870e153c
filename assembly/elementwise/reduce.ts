/** Sums over rows and columns, and products of rows. Sums are carried in float64 and rounded once. */
import { floatBytes } from "../vector";

@unmanaged
class SumArguments {
  x: usize; y: usize; batch: i32; outer: i32; reduce: i32; inner: i32; perChunk: i32; gain: f32;
}

/**
 * y[o] = gain * (sum over b, r of x[b, o, r]) (inner = 1). x, y: dense float32, any alignment, apart. Chunk = `perChunk` values
 * of o, two at a time: from memory two rows side by side come faster than one after the other. Eight float64 partial sums
 * (r mod 8) and one for the tails, b ascending: the order depends on `batch` and `reduce` alone.
 */
export function sumRows(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<SumArguments>(args);
  const first = chunk * g.perChunk, end = min(g.outer, first + g.perChunk);
  const rowBytes = floatBytes(g.reduce), vectors = floatBytes(g.reduce & ~7), batchStep = floatBytes(g.outer) * <usize>g.reduce;
  for (let o = first; o < end; o += 2) {
    // The last row of an odd number has itself for a neighbour.
    const isPair = o + 1 < end, toNext = isPair ? rowBytes : 0;
    let row = g.x + <usize>o * rowBytes;
    let s0 = f64x2.splat(0), s1 = f64x2.splat(0), s2 = f64x2.splat(0), s3 = f64x2.splat(0);
    let t0 = f64x2.splat(0), t1 = f64x2.splat(0), t2 = f64x2.splat(0), t3 = f64x2.splat(0);
    let tail: f64 = 0, nextTail: f64 = 0;
    for (let b = 0; b < g.batch; b++) {
      let x = row, next = row + toNext;
      const vectorsEnd = row + vectors, rowEnd = row + rowBytes;
      while (x < vectorsEnd) {
        s0 = f64x2.add(s0, f64x2.promote_low_f32x4(v128.load64_zero(x)));
        s1 = f64x2.add(s1, f64x2.promote_low_f32x4(v128.load64_zero(x, 8)));
        s2 = f64x2.add(s2, f64x2.promote_low_f32x4(v128.load64_zero(x, 16)));
        s3 = f64x2.add(s3, f64x2.promote_low_f32x4(v128.load64_zero(x, 24)));
        t0 = f64x2.add(t0, f64x2.promote_low_f32x4(v128.load64_zero(next)));
        t1 = f64x2.add(t1, f64x2.promote_low_f32x4(v128.load64_zero(next, 8)));
        t2 = f64x2.add(t2, f64x2.promote_low_f32x4(v128.load64_zero(next, 16)));
        t3 = f64x2.add(t3, f64x2.promote_low_f32x4(v128.load64_zero(next, 24)));
        x += 32;
        next += 32;
      }
      for (; x < rowEnd; x += 4) {
        tail += <f64>load<f32>(x);
        nextTail += <f64>load<f32>(next);
        next += 4;
      }
      row += batchStep;
    }
    const y = g.y + floatBytes(o);
    store<f32>(y, <f32>(<f64>g.gain * (sumOf(s0, s1, s2, s3) + tail)));
    if (isPair) store<f32>(y, <f32>(<f64>g.gain * (sumOf(t0, t1, t2, t3) + nextTail)), 4);
  }
}

// @ts-ignore: decorator
@inline
function sumOf(s0: v128, s1: v128, s2: v128, s3: v128): f64 {
  const s = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  return f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
}

/**
 * y[o, i] = gain * (sum over b, r of x[b, o, r, i]). x, y: dense float32, any alignment, apart. Chunk = (o, block of `perChunk`
 * columns). One float64 sum for each column, b and r ascending.
 */
export function sumColumns(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<SumArguments>(args);
  const blocks = (g.inner + g.perChunk - 1) / g.perChunk;
  const o = chunk / blocks;
  const first = (chunk % blocks) * g.perChunk;
  const end = min(g.inner, first + g.perChunk);
  const step = floatBytes(g.inner);
  const batchStep = floatBytes(g.outer) * <usize>g.reduce * <usize>g.inner;
  const x = g.x + floatBytes(o) * <usize>g.reduce * <usize>g.inner;
  const y = g.y + floatBytes(o) * <usize>g.inner;
  const gain = f64x2.splat(g.gain);
  let i = first;
  for (; i + 8 <= end; i += 8) {
    let s0 = f64x2.splat(0), s1 = f64x2.splat(0), s2 = f64x2.splat(0), s3 = f64x2.splat(0);
    for (let b = 0; b < g.batch; b++) {
      let from = x + floatBytes(i) + <usize>b * batchStep;
      for (let r = 0; r < g.reduce; r++) {
        s0 = f64x2.add(s0, f64x2.promote_low_f32x4(v128.load64_zero(from)));
        s1 = f64x2.add(s1, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)));
        s2 = f64x2.add(s2, f64x2.promote_low_f32x4(v128.load64_zero(from, 16)));
        s3 = f64x2.add(s3, f64x2.promote_low_f32x4(v128.load64_zero(from, 24)));
        from += step;
      }
    }
    const to = y + floatBytes(i);
    v128.store64_lane(to, f32x4.demote_f64x2_zero(f64x2.mul(gain, s0)), 0);
    v128.store64_lane(to, f32x4.demote_f64x2_zero(f64x2.mul(gain, s1)), 0, 8);
    v128.store64_lane(to, f32x4.demote_f64x2_zero(f64x2.mul(gain, s2)), 0, 16);
    v128.store64_lane(to, f32x4.demote_f64x2_zero(f64x2.mul(gain, s3)), 0, 24);
  }
  for (; i < end; i++) {
    let sum: f64 = 0;
    for (let b = 0; b < g.batch; b++) {
      let from = x + floatBytes(i) + <usize>b * batchStep;
      for (let r = 0; r < g.reduce; r++) {
        sum += <f64>load<f32>(from);
        from += step;
      }
    }
    store<f32>(y + floatBytes(i), <f32>(<f64>g.gain * sum));
  }
}

@unmanaged
class RowDotsArguments {
  a: usize; b: usize; y: usize; rows: i32; depth: i32; perChunk: i32;
}

/**
 * y[row] = sum over k of a[row, k] * b[row, k]. a, b, y: dense float32, any alignment, y apart from a and b. Chunk = `perChunk`
 * rows. Four float64 partial sums (k mod 4), added pairwise, then the tail. 8 bytes for each term: memory-bound.
 */
export function rowDots(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<RowDotsArguments>(args);
  const end = min(g.rows, (chunk + 1) * g.perChunk), bytes = floatBytes(g.depth), vectors = floatBytes(g.depth & ~3);
  for (let row = chunk * g.perChunk; row < end; row++) {
    const a = g.a + <usize>row * bytes, b = g.b + <usize>row * bytes;
    let low = f64x2.splat(0), high = f64x2.splat(0);
    let k: usize = 0;
    for (; k < vectors; k += 16) {
      const aLow = f64x2.promote_low_f32x4(v128.load64_zero(a + k)), aHigh = f64x2.promote_low_f32x4(v128.load64_zero(a + k, 8));
      const bLow = f64x2.promote_low_f32x4(v128.load64_zero(b + k)), bHigh = f64x2.promote_low_f32x4(v128.load64_zero(b + k, 8));
      low = f64x2.add(low, f64x2.mul(aLow, bLow));
      high = f64x2.add(high, f64x2.mul(aHigh, bHigh));
    }
    const sums = f64x2.add(low, high);
    let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
    for (; k < bytes; k += 4) sum += <f64>load<f32>(a + k) * <f64>load<f32>(b + k);
    store<f32>(g.y + floatBytes(row), <f32>sum);
  }
}
