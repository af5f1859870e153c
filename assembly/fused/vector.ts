/** Short names for the vector operations that the blocked kernels are written in. */

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

// @ts-ignore: decorator
@inline
export function scale(a: v128, factor: f32): v128 {
  return f32x4.mul(a, f32x4.splat(factor));
}

/** c + a * b: one rounding in the relaxed-SIMD build (where the engine fuses), two in the plain one. */
// @ts-ignore: decorator
@inline
export function madd(c: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/** c + a * factor. */
// @ts-ignore: decorator
@inline
export function maddf(c: v128, a: v128, factor: f32): v128 {
  return madd(c, a, f32x4.splat(factor));
}

/**
 * min(max(z, slope * z, -clamp), clamp): slope in [0, 1] makes one formula of linear, relu and lrelu. The first operand of pmax
 * and pmin wins when a comparison is false, so NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function activate(z: v128, slope: v128, clamp: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.pmax(z, f32x4.mul(z, slope)), f32x4.neg(clamp)), clamp);
}

/** The end of every fused layer: activate(acc * scale + shift). */
// @ts-ignore: decorator
@inline
export function finish(acc: v128, scale: v128, shift: v128, slope: v128, clamp: v128): v128 {
  return activate(madd(shift, acc, scale), slope, clamp);
}
