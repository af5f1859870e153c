/**
 * What moves the tensors of a network, in place: Adam, and the moving average. One call takes them all, as most are small:
 * the arguments name a table with a row for each.
 */
import { STEP, floatBytes, high, put, whole } from "../vector";

/** A tensor, and those beside it of the same length: dense float32, any alignment, apart from each other. */
@unmanaged
class Row {
  /** Its first chunk of `perChunk` elements; rows follow each other by it. An empty tensor has none. */
  firstChunk: i32; length: i32; target: usize; source: usize;
  /** Of Adam only. */
  m: usize; v: usize;
}

/** From one row to the next. @host */
const ROW_BYTES: usize = 24;

/** The row that a chunk belongs to: the last that does not begin after it. */
function rowOf(table: usize, rows: i32, chunk: i32): Row {
  let low = 0, high = rows;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (changetype<Row>(table + <usize>middle * ROW_BYTES).firstChunk <= chunk) low = middle;
    else high = middle;
  }
  return changetype<Row>(table + <usize>low * ROW_BYTES);
}

@unmanaged
class LerpArguments {
  table: usize; rows: i32; perChunk: i32; t: f32;
}

/**
 * target = source + t * (target - source). Chunk = `perChunk` elements of a row. Every operation is rounded; memory-bound at 12
 * bytes for each element.
 */
export function lerp(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<LerpArguments>(args), row = rowOf(g.table, g.rows, chunk);
  const first = (chunk - row.firstChunk) * g.perChunk, count = min(g.perChunk, row.length - first);
  let x = row.source + floatBytes(first), y = row.target + floatBytes(first);
  const vectorsEnd = y + floatBytes(whole(count)), end = y + floatBytes(count);
  const t = f32x4.splat(g.t);
  while (y < vectorsEnd) {
    const to = v128.load(x), from = v128.load(y), toHigh = high(x), fromHigh = high(y);
    put(y, f32x4.add(to, f32x4.mul(t, f32x4.sub(from, to))), f32x4.add(toHigh, f32x4.mul(t, f32x4.sub(fromHigh, toHigh))));
    x += STEP;
    y += STEP;
  }
  while (y < end) {
    const to = load<f32>(x);
    store<f32>(y, to + g.t * (load<f32>(y) - to));
    x += 4;
    y += 4;
  }
}

@unmanaged
class AdamArguments {
  table: usize; rows: i32; perChunk: i32; beta1: f32; oneMinusBeta1: f32; beta2: f32; oneMinusBeta2: f32;
  /** learningRate / (1 - beta1^step), 1 / (1 - beta2^step). */
  rate: f32; vCorrection: f32; epsilon: f32;
}

const LARGEST: f32 = 1e5;

/** g, with 0 for NaN and +-1e5 for infinities. */
// @ts-ignore: decorator
@inline
function finite(g: v128): v128 {
  const signed = v128.or(v128.and(g, f32x4.splat(-0.0)), f32x4.splat(LARGEST));
  return v128.bitselect(g, v128.and(signed, f32x4.eq(g, g)), f32x4.lt(f32x4.abs(g), f32x4.splat(Infinity)));
}

/** An average that moves towards x. */
// @ts-ignore: decorator
@inline
function moved(average: v128, x: v128, beta: v128, rest: v128): v128 {
  return f32x4.add(f32x4.mul(beta, average), f32x4.mul(rest, x));
}

/** rate * m / (sqrt(v * correction) + epsilon) */
// @ts-ignore: decorator
@inline
function stepOf(m: v128, v: v128, rate: v128, correction: v128, epsilon: v128): v128 {
  return f32x4.div(f32x4.mul(rate, m), f32x4.add(f32x4.sqrt(f32x4.mul(v, correction)), epsilon));
}

/**
 * m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; target -= rate * m / (sqrt(v * vCorrection) + epsilon), g the
 * source, where NaN counts as 0 and an infinity as +-1e5.
 *
 * Chunk = `perChunk` elements of a row. Every operation is rounded. 28 bytes moved for each element.
 */
export function adam(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<AdamArguments>(args);
  const row = rowOf(g.table, g.rows, chunk);
  const start = (chunk - row.firstChunk) * g.perChunk;
  const first = floatBytes(start);
  const count = min(g.perChunk, row.length - start);
  const beta1 = f32x4.splat(g.beta1), rest1 = f32x4.splat(g.oneMinusBeta1);
  const beta2 = f32x4.splat(g.beta2), rest2 = f32x4.splat(g.oneMinusBeta2);
  const rate = f32x4.splat(g.rate), correction = f32x4.splat(g.vCorrection), epsilon = f32x4.splat(g.epsilon);
  let parameter = row.target + first, gradient = row.source + first, m = row.m + first, v = row.v + first;
  const vectorsEnd = m + floatBytes(whole(count)), end = m + floatBytes(count);
  while (m < vectorsEnd) {
    const g4 = finite(v128.load(gradient)), gHigh = finite(high(gradient));
    const m4 = moved(v128.load(m), g4, beta1, rest1), mHigh = moved(high(m), gHigh, beta1, rest1);
    const v4 = moved(v128.load(v), f32x4.mul(g4, g4), beta2, rest2), vHigh = moved(high(v), f32x4.mul(gHigh, gHigh), beta2, rest2);
    const step = stepOf(m4, v4, rate, correction, epsilon), stepHigh = stepOf(mHigh, vHigh, rate, correction, epsilon);
    put(parameter, f32x4.sub(v128.load(parameter), step), f32x4.sub(high(parameter), stepHigh));
    put(m, m4, mHigh);
    put(v, v4, vHigh);
    gradient += STEP;
    parameter += STEP;
    m += STEP;
    v += STEP;
  }
  while (m < end) {
    const g4 = finite(v128.load32_splat(gradient)), m4 = moved(v128.load32_splat(m), g4, beta1, rest1);
    const v4 = moved(v128.load32_splat(v), f32x4.mul(g4, g4), beta2, rest2);
    v128.store32_lane(parameter, f32x4.sub(v128.load32_splat(parameter), stepOf(m4, v4, rate, correction, epsilon)), 0);
    v128.store32_lane(m, m4, 0);
    v128.store32_lane(v, v4, 0);
    gradient += 4;
    parameter += 4;
    m += 4;
    v += 4;
  }
}
