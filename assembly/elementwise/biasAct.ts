/** Bias, piecewise-linear activation, gain and clamp in one pass, and the gradient. */
import { WIDE, floatBytes, high as upper, madd, put } from "../vector";

/**
 * Element (row, i) takes the bias b[(row % period) * biasRow + i * biasStep]: feature maps have one row for each channel
 * (period channels, biasRow 1, biasStep 0), dense layers one row for each sample (period 1, biasRow 0, biasStep 1). Without bias
 * all three steps are 0 and b points to a zero.
 */
@unmanaged
class BiasActArguments {
  dy: usize; x: usize; b: usize; y: usize; rows: i32; rowsPerChunk: i32; length: i32; period: i32; biasRow: i32; biasStep: i32;
  /** 1 if the activation passes nothing for negative numbers, not even an infinity (relu). */
  dead: i32;
  /** 1 if there is a clamp; `clamp` is infinite otherwise. */
  clamped: i32; inputGain: f32; biasGain: f32;
  /** gain * slope, the factor of negative numbers; the slope is 1 (linear), alpha (lrelu) or 0 (relu). */
  fall: f32; gain: f32;
  /** The factors of dy: inputGain * fall, inputGain * gain. */
  fallOfDy: f32; gainOfDy: f32; clamp: f32;
}

/**
 * y = clamp(gain * act(t)), t = inputGain * x + biasGain * b, act(t) = t > 0 ? t : slope * t. x, b, y: float32, any alignment;
 * y may be x. Chunk = `rowsPerChunk` rows. Rounded after biasGain, after t (relaxed SIMD; else after each of its two operations)
 * and after the last factor. 8 bytes for each element: memory-bound.
 */
export function biasAct(args: usize, chunk: i32, worker: i32): void { run(false, true, args, chunk); }

/**
 * y = dy * inputGain * gain * act'(t) where |gain * act(t)| < clamp, else 0; act'(t) = t > 0 ? 1 : slope. As biasAct; y may be dy.
 */
export function biasActGrad(args: usize, chunk: i32, worker: i32): void {
  // Without a clamp the gradient needs the sign of t alone.
  if (changetype<BiasActArguments>(args).clamped) run(true, true, args, chunk);
  else run(true, false, args, chunk);
}

// @ts-ignore: decorator
@inline
function run(gradient: bool, clamped: bool, args: usize, chunk: i32): void {
  const g = changetype<BiasActArguments>(args);
  const inputGain = f32x4.splat(g.inputGain);
  const biasGain = f32x4.splat(g.biasGain);
  const fall = f32x4.splat(g.fall);
  const gain = f32x4.splat(g.gain);
  const fallOfDy = f32x4.splat(g.fallOfDy);
  const gainOfDy = f32x4.splat(g.gainOfDy);
  const high = f32x4.splat(g.clamp);
  const low = f32x4.splat(-g.clamp);
  // relu multiplies by zero, and zero times infinity is not zero: keep its negative numbers finite.
  const lowest = f32x4.splat(g.dead ? -f32.MAX_VALUE : -Infinity);
  const endRow = min(g.rows, (chunk + 1) * g.rowsPerChunk);
  const biasStep = floatBytes(g.biasStep);
  for (let row = chunk * g.rowsPerChunk; row < endRow; row++) {
    const offset = floatBytes(row) * <usize>g.length;
    let x = g.x + offset;
    let y = g.y + offset;
    let dy = g.dy + offset;
    let b = g.b + floatBytes((row % g.period) * g.biasRow);
    const vectorsEnd = x + floatBytes(g.length & ~3);
    const end = x + floatBytes(g.length);
    let bias = f32x4.mul(biasGain, v128.load32_splat(b));
    if (WIDE && !biasStep) {
      // One bias for the row: eight numbers at a time, without a condition among them.
      for (const pairsEnd = x + floatBytes(g.length & ~7); x < pairsEnd; x += 32) {
        const t = madd(inputGain, v128.load(x), bias), tUpper = madd(inputGain, upper(x), bias);
        if (gradient) {
          const from = v128.load(dy), fromUpper = upper(dy);
          put(
            y, slopeTimes(clamped, from, t, fall, gain, fallOfDy, gainOfDy, high, lowest),
            slopeTimes(clamped, fromUpper, tUpper, fall, gain, fallOfDy, gainOfDy, high, lowest),
          );
        } else put(y, value(t, fall, gain, low, high, lowest), value(tUpper, fall, gain, low, high, lowest));
        y += 32;
        dy += 32;
      }
    }
    while (x < vectorsEnd) {
      if (biasStep) bias = f32x4.mul(biasGain, v128.load(b));
      const t = madd(inputGain, v128.load(x), bias);
      if (gradient) v128.store(y, slopeTimes(clamped, v128.load(dy), t, fall, gain, fallOfDy, gainOfDy, high, lowest));
      else v128.store(y, value(t, fall, gain, low, high, lowest));
      x += 16;
      y += 16;
      dy += 16;
      b += biasStep << 2;
    }
    while (x < end) {
      bias = f32x4.mul(biasGain, v128.load32_splat(b));
      const t = madd(inputGain, v128.load32_splat(x), bias);
      const one = gradient
        ? slopeTimes(clamped, v128.load32_splat(dy), t, fall, gain, fallOfDy, gainOfDy, high, lowest)
        : value(t, fall, gain, low, high, lowest);
      v128.store32_lane(y, one, 0);
      x += 4;
      y += 4;
      dy += 4;
      b += biasStep;
    }
  }
}

/**
 * In place, of `pixels` pixels of eight channels (conv/strip.ts): gain * act(inputGain * x + bias), without a clamp and for
 * activations that pass something for negative numbers. bias: eight float32. Rounded as `biasAct`.
 */
export function biasActStrip(strip: usize, pixels: i32, bias: usize, inputGain: f32, fall: f32, gain: f32): void {
  const times = f32x4.splat(inputGain), falls = f32x4.splat(fall), gains = f32x4.splat(gain);
  const low = v128.load(bias), upper = v128.load(bias, 16);
  for (const end = strip + <usize>pixels * 32; strip < end; strip += 32) {
    const t = madd(times, v128.load(strip), low), u = madd(times, v128.load(strip, 16), upper);
    const y = leaky(t, falls, gains);
    const z = leaky(u, falls, gains);
    v128.store(strip, z, 16);
    v128.store(strip, y);
  }
}

/** The same of a row of `length` numbers with one bias, any alignment. */
export function biasActRow(row: usize, length: i32, bias: f32, inputGain: f32, fall: f32, gain: f32): void {
  const times = f32x4.splat(inputGain), falls = f32x4.splat(fall), gains = f32x4.splat(gain);
  const shift = f32x4.splat(bias), end = row + floatBytes(length);
  for (const pairsEnd = row + floatBytes(length & ~7); row < pairsEnd; row += 32) {
    const t = madd(times, v128.load(row), shift), u = madd(times, v128.load(row, 16), shift);
    const y = leaky(t, falls, gains);
    const z = leaky(u, falls, gains);
    v128.store(row, z, 16);
    v128.store(row, y);
  }
  for (; row < end; row += 4) {
    const t = madd(times, v128.load32_splat(row), shift);
    v128.store32_lane(row, leaky(t, falls, gains), 0);
  }
}

/** gain * act(t), where the activation passes something for negative numbers and nothing is clamped. */
// @ts-ignore: decorator
@inline
function leaky(t: v128, fall: v128, gain: v128): v128 {
  return f32x4.mul(t, v128.bitselect(gain, fall, f32x4.gt(t, f32x4.splat(0))));
}

/** clamp(gain * act(t)); pmax and pmin are single instructions, and pass a NaN that comes first. */
// @ts-ignore: decorator
@inline
export function value(t: v128, fall: v128, gain: v128, low: v128, high: v128, lowest: v128): v128 {
  const rate = v128.bitselect(gain, fall, f32x4.gt(t, f32x4.splat(0)));
  return f32x4.pmax(f32x4.pmin(f32x4.mul(f32x4.pmax(t, lowest), rate), high), low);
}

// @ts-ignore: decorator
@inline
function slopeTimes(
  clamped: bool, dy: v128, t: v128, fall: v128, gain: v128, fallOfDy: v128, gainOfDy: v128, high: v128, lowest: v128,
): v128 {
  const positive = f32x4.gt(t, f32x4.splat(0));
  const dx = f32x4.mul(dy, v128.bitselect(gainOfDy, fallOfDy, positive));
  if (!clamped) return dx;
  const y = f32x4.mul(f32x4.pmax(t, lowest), v128.bitselect(gain, fall, positive));
  return v128.and(dx, f32x4.lt(f32x4.abs(y), high));
}
