/**
 * Vectors of four float32 numbers, and pairs of them: what every kernel is written in.
 *
 * The wide build (scripts/build/wasm.mjs) is for V8's re-vectoriser, which joins two vectors of four into a register of eight
 * where one body loads both halves from one base, computes both, and then stores both. So a transform does eight channels at a
 * time there, and four in the other builds, where twice the registers would only be slower: `high` and `put` are nothing there.
 */

/** Whether this is the build for engines that join pairs of vectors. */
// @ts-ignore: given on the compiler's command line, or not at all
export const WIDE: bool = isDefined(STYLEGAN_WIDE);

/** Bytes of what `high` and `put` make of a vector: the step of a loop over many numbers. */
export const STEP: usize = WIDE ? 32 : 16;

/** How many of `count` numbers such a loop does; the rest are fewer than eight (four). */
// @ts-ignore: decorator
@inline
export function whole(count: i32): i32 {
  return count & (WIDE ? ~7 : ~3);
}

// @ts-ignore: decorator
@inline
export function add(a: v128, b: v128): v128 {
  return f32x4.add(a, b);
}

// @ts-ignore: decorator
@inline
export function sub(a: v128, b: v128): v128 {
  return f32x4.sub(a, b);
}

// @ts-ignore: decorator
@inline
export function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

/**
 * a * b + c. Rounded twice in the plain build, so that every engine gives the same bits; once (fused) in the relaxed
 * builds wherever the machine can.
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** a * factor. */
// @ts-ignore: decorator
@inline
export function scale(a: v128, factor: f32): v128 {
  return mul(a, constant(factor));
}

/** a * factor + c. */
// @ts-ignore: decorator
@inline
export function maddf(a: v128, factor: f32, c: v128): v128 {
  return madd(a, constant(factor), c);
}

/** A vector with the number at `pointer` in all lanes. */
// @ts-ignore: decorator
@inline
export function splatAt(pointer: usize): v128 {
  return v128.load32_splat(pointer);
}

/** Bytes of `count` float32 numbers. The product is taken in 32 unsigned bits: counts reach 2^30. */
// @ts-ignore: decorator
@inline
export function floatBytes(count: i32): usize {
  return (<usize>count) << 2;
}

/** `bytes` of whole numbers from one place to another, apart from it: by vectors, of which the last may overlap the one before. */
// @ts-ignore: decorator
@inline
export function copyNumbers(from: usize, bytes: usize, to: usize): void {
  if (bytes >= 16) {
    const last = bytes - 16;
    for (let at: usize = 0; at < last; at += 16) v128.store(to + at, v128.load(from + at));
    v128.store(to + last, v128.load(from + last));
  } else {
    for (let at: usize = 0; at < bytes; at += 4) store<f32>(to + at, load<f32>(from + at));
  }
}

/** Four rows of four numbers to four columns. */
// @ts-ignore: decorator
@inline
export function transpose4(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const a = v128.load(from), b = v128.load(from + fromStride);
  const c = v128.load(from + 2 * fromStride), d = v128.load(from + 3 * fromStride);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(to + toStride, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
  v128.store(to + 2 * toStride, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5));
  v128.store(to + 3 * toStride, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7));
}

/** The upper four of the eight numbers at `pointer`; zeros where a body does four at a time. */
// @ts-ignore: decorator
@inline
export function high(pointer: usize): v128 {
  if (WIDE) return v128.load(pointer, 16);
  return f32x4.splat(0);
}

/** The numbers at `pointer`, times a style where they are `styled`. */
// @ts-ignore: decorator
@inline
export function lowTimes(styled: bool, pointer: usize, style: v128): v128 {
  return styled ? mul(v128.load(pointer), style) : v128.load(pointer);
}

/** The upper four likewise. */
// @ts-ignore: decorator
@inline
export function highTimes(styled: bool, pointer: usize, style: v128): v128 {
  return styled ? mul(high(pointer), style) : high(pointer);
}

/** Stores a pair, or its lower half. The upper goes first: after the lower one V8 stores the lower twice. */
// @ts-ignore: decorator
@inline
export function put(pointer: usize, low: v128, upper: v128): void {
  if (WIDE) v128.store(pointer, upper, 16);
  v128.store(pointer, low);
}

/**
 * A number in all lanes. In the wide build those of the transforms' inner loops come from a table, for V8 builds a constant of
 * eight lanes anew at every use, in seven instructions, and loads one in one.
 */
// @ts-ignore: decorator
@inline
export function constant(value: f32): v128 {
  if (WIDE) {
    if (value == -2) return splatAt(TABLE);
    if (value == -0.5) return splatAt(TABLE + 4);
    if (value == 0.5) return splatAt(TABLE + 8);
    if (value == 2) return splatAt(TABLE + 12);
    if (value == -2.5) return splatAt(TABLE + 16);
    if (value == -3) return splatAt(TABLE + 20);
    if (value == 4) return splatAt(TABLE + 24);
    if (value == 8) return splatAt(TABLE + 28);
    if (value == -1) return splatAt(TABLE + 32);
    if (value == HALF_ROOT) return splatAt(TABLE + 36);
    if (value == ROOT) return splatAt(TABLE + 40);
    if (value == 0.5 * HALF_ROOT) return splatAt(TABLE + 44);
    if (value == 2 * ROOT) return splatAt(TABLE + 48);
    if (value == MINUS_TWO_THIRDS) return splatAt(TABLE + 52);
    if (value == A_SIXTH) return splatAt(TABLE + 56);
    if (value == A_THIRD) return splatAt(TABLE + 60);
    if (value == ROOT / 6.0) return splatAt(TABLE + 64);
    if (value == MINUS_TWO_THIRDS * HALF_ROOT) return splatAt(TABLE + 68);
  }
  return f32x4.splat(value);
}

/** sqrt(1/2) and sqrt(2). */
export const HALF_ROOT: f32 = 0.70710678118654752;
export const ROOT: f32 = 1.41421356237309505;
const MINUS_TWO_THIRDS: f32 = -2.0 / 3.0;
const A_SIXTH: f32 = 1.0 / 6.0;
const A_THIRD: f32 = 1.0 / 3.0;
const TABLE: usize = memory.data<f32>([
  -2, -0.5, 0.5, 2, -2.5, -3, 4, 8, -1, 0.70710678118654752, 1.41421356237309505, 0.35355339059327376, 2.8284271247461903,
  -0.66666666666666667, 0.16666666666666667, 0.33333333333333333, 0.2357022613286972, -0.4714045226573944,
]);
