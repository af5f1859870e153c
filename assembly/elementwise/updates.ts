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
  const vectors = floatBytes(count & ~3);
  const end = floatBytes(count);
  const parameter = row.target + first, gradient = row.source + first, m = row.m + first, v = row.v + first;
  let at: usize = 0;
  while (at < end) {
    const whole = at < vectors;
    const g4 = finite(whole ? v128.load(gradient + at) : v128.load32_splat(gradient + at));
    const m4 = whole ? v128.load(m + at) : v128.load32_splat(m + at);
    const v4 = whole ? v128.load(v + at) : v128.load32_splat(v + at);
    const p4 = whole ? v128.load(parameter + at) : v128.load32_splat(parameter + at);
    const mNew = f32x4.add(f32x4.mul(beta1, m4), f32x4.mul(rest1, g4));
    const vNew = f32x4.add(f32x4.mul(beta2, v4), f32x4.mul(rest2, f32x4.mul(g4, g4)));
    const scale = f32x4.add(f32x4.sqrt(f32x4.mul(vNew, correction)), epsilon);
    const pNew = f32x4.sub(p4, f32x4.div(f32x4.mul(rate, mNew), scale));
    if (whole) {
      v128.store(m + at, mNew);
      v128.store(v + at, vNew);
      v128.store(parameter + at, pNew);
      at += 16;
    } else {
      v128.store32_lane(m + at, mNew, 0);
      v128.store32_lane(v + at, vNew, 0);
      v128.store32_lane(parameter + at, pNew, 0);
      at += 4;
    }
  }
}
