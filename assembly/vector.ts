/** Vectors of four float32 numbers: what the kernels share. */

/** Numbers in a vector, and bytes in it. */
export const LANES: i32 = 4;
export const VECTOR: usize = 16;

/**
 * a * b + c. Rounded twice in the plain build, so that every engine gives the same bits; once (fused) in the relaxed
 * build wherever the machine can.
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
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
