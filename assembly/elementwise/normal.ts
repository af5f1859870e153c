/**
 * Standard normal numbers by their index: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") for
 * the bits, Box and Muller for the shape. Every number is a function of seed, stream and index, so threads share nothing.
 */
import { floatBytes } from "../vector";

const M0: i32 = <i32>0xd2511f53, M1: i32 = <i32>0xcd9e8d57;
const W0: i32 = <i32>0x9e3779b9, W1: i32 = <i32>0xbb67ae85;

@unmanaged
class NormalArguments {
  y: usize; length: i32; seed: i32; stream: i32;
  /** A multiple of 16. */
  perChunk: i32;
  /** Sixteen numbers for each thread. */
  scratch: usize;
}

/**
 * y[16 g + 4 j + l] = the jth normal of counter 4 g + l under the key (seed, stream), in words w of Philox:
 *   sqrt(-2 ln u) cos(2 pi v), sqrt(-2 ln u) sin(2 pi v),    u = (w >> 9 + 1/2) / 2^23, v = (w >> 8) / 2^24
 * for (w0, w1), then for (w2, w3). y: any alignment. Chunk = `perChunk` numbers. Within some units in the last place of the
 * exact values; every build gives the same bits. About 22 operations on vectors for four numbers.
 */
export function normal(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<NormalArguments>(args);
  const first = chunk * g.perChunk, end = min(g.length, first + g.perChunk), whole = first + ((end - first) & ~15);
  for (let at = first; at < whole; at += 16) sixteen(g.seed, g.stream, at >> 2, g.y + floatBytes(at));
  if (whole < end) {
    const rest = g.scratch + <usize>worker * 64;
    sixteen(g.seed, g.stream, whole >> 2, rest);
    memory.copy(g.y + floatBytes(whole), rest, floatBytes(end - whole));
  }
}

/** The normals of four counters from `counter` on. */
function sixteen(seed: i32, stream: i32, counter: i32, y: usize): void {
  let c0 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(0), c2 = i32x4.splat(0), c3 = i32x4.splat(0);
  let k0 = i32x4.splat(seed), k1 = i32x4.splat(stream);
  const m0 = i32x4.splat(M0), m1 = i32x4.splat(M1);
  for (let round = 0; round < 10; round++) {
    const a = i64x2.extmul_low_i32x4_u(m0, c0), b = i64x2.extmul_high_i32x4_u(m0, c0);
    const c = i64x2.extmul_low_i32x4_u(m1, c2), d = i64x2.extmul_high_i32x4_u(m1, c2);
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(c, d, 1, 3, 5, 7), c1), k0);
    c1 = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(a, b, 1, 3, 5, 7), c3), k1);
    c3 = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
    k0 = i32x4.add(k0, i32x4.splat(W0));
    k1 = i32x4.add(k1, i32x4.splat(W1));
  }
  boxMuller(c0, c1, y);
  boxMuller(c2, c3, y + 32);
}

/** Four pairs: the cosines, then the sines. */
// @ts-ignore: decorator
@inline
function boxMuller(radial: v128, angular: v128, y: usize): void {
  const whole = f32x4.convert_i32x4_u(i32x4.shr_u(radial, 9));
  const u = f32x4.mul(f32x4.add(whole, f32x4.splat(0.5)), f32x4.splat(1.0 / 8388608.0));
  const r = f32x4.sqrt(f32x4.mul(f32x4.splat(-2), ln(u)));

  // In quarter turns: the nearest whole number of them, and what is left, both exact.
  const t = f32x4.mul(f32x4.convert_i32x4_u(i32x4.shr_u(angular, 8)), f32x4.splat(1.0 / 4194304.0));
  const nearest = f32x4.nearest(t);
  const a = f32x4.mul(f32x4.sub(t, nearest), f32x4.splat(1.5707963267948966));
  const aa = f32x4.mul(a, a);
  const sine = f32x4.mul(a, f32x4.add(f32x4.splat(1), f32x4.mul(aa, sineSeries(aa))));
  const cosine = f32x4.add(f32x4.splat(1), f32x4.mul(aa, cosineSeries(aa)));
  const k = i32x4.trunc_sat_f32x4_s(nearest), one = i32x4.splat(1);
  const odd = i32x4.eq(v128.and(k, one), one);
  const cosSign = i32x4.shl(v128.and(i32x4.add(k, one), i32x4.splat(2)), 30), sinSign = i32x4.shl(v128.and(k, i32x4.splat(2)), 30);
  v128.store(y, f32x4.mul(r, v128.xor(v128.bitselect(sine, cosine, odd), cosSign)));
  v128.store(y, f32x4.mul(r, v128.xor(v128.bitselect(cosine, sine, odd), sinSign)), 16);
}

/** (sin a / a - 1) / a^2 for |a| <= pi / 4. */
// @ts-ignore: decorator
@inline
function sineSeries(aa: v128): v128 {
  let sum = f32x4.splat(1.0 / 362880.0);
  sum = f32x4.add(f32x4.mul(sum, aa), f32x4.splat(-1.0 / 5040.0));
  sum = f32x4.add(f32x4.mul(sum, aa), f32x4.splat(1.0 / 120.0));
  return f32x4.add(f32x4.mul(sum, aa), f32x4.splat(-1.0 / 6.0));
}

/** (cos a - 1) / a^2 for |a| <= pi / 4. */
// @ts-ignore: decorator
@inline
function cosineSeries(aa: v128): v128 {
  let sum = f32x4.splat(-1.0 / 3628800.0);
  sum = f32x4.add(f32x4.mul(sum, aa), f32x4.splat(1.0 / 40320.0));
  sum = f32x4.add(f32x4.mul(sum, aa), f32x4.splat(-1.0 / 720.0));
  sum = f32x4.add(f32x4.mul(sum, aa), f32x4.splat(1.0 / 24.0));
  return f32x4.add(f32x4.mul(sum, aa), f32x4.splat(-0.5));
}

/** ln u for normal u > 0: u = 2^e m with m between sqrt(1/2) and sqrt(2), ln m = 2 artanh((m - 1) / (m + 1)). */
// @ts-ignore: decorator
@inline
function ln(u: v128): v128 {
  const root = i32x4.splat(0x3f3504f3); // sqrt(1/2)
  const e = i32x4.shr_s(i32x4.sub(u, root), 23);
  const m = i32x4.sub(u, i32x4.shl(e, 23));
  const one = f32x4.splat(1);
  const s = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one)), ss = f32x4.mul(s, s);
  let sum = f32x4.splat(2.0 / 9.0);
  sum = f32x4.add(f32x4.mul(sum, ss), f32x4.splat(2.0 / 7.0));
  sum = f32x4.add(f32x4.mul(sum, ss), f32x4.splat(2.0 / 5.0));
  sum = f32x4.add(f32x4.mul(sum, ss), f32x4.splat(2.0 / 3.0));
  sum = f32x4.add(f32x4.mul(sum, ss), f32x4.splat(2.0));
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(e), f32x4.splat(0.6931471805599453)), f32x4.mul(s, sum));
}
