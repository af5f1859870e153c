/** The end of every fused layer: demodulation, noise, bias, activation, gain and clamp, in the registers that hold the sum. */
import { add, madd, mul } from "../vector";

/**
 * min(max(z, slope * z, -clamp), clamp): slope in [0, 1] makes one formula of linear, relu and lrelu. The first operand of pmax
 * and pmin wins when a comparison is false, so NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function activate(z: v128, slope: v128, clamp: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.pmax(z, f32x4.mul(z, slope)), f32x4.neg(clamp)), clamp);
}

/** activate(acc * scale + shift). */
// @ts-ignore: decorator
@inline
export function finish(acc: v128, scale: v128, shift: v128, slope: v128, clamp: v128): v128 {
  return activate(madd(acc, scale, shift), slope, clamp);
}

/** noise * gain + bias, rounded twice in every build. */
// @ts-ignore: decorator
@inline
export function shiftOf(noise: v128, gain: v128, bias: v128): v128 {
  return add(mul(noise, gain), bias);
}
