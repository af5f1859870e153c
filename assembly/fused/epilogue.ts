/**
 * The end of every fused layer: demodulation, noise, bias, activation, gain and clamp, in the registers that hold the sum; and the
 * vectors of it, scales, bias and gains by channel, padded with zeros as transforms read them. A kernel writes these, and not
 * JavaScript, so that the calling thread need not wait for the scales: products in float64, rounded once. A thousand numbers or two.
 */
import { add, floatBytes, madd, mul } from "../vector";

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

@unmanaged
class LayerVectorsArguments {
  /** [inputRows, inChannels], [n, outChannels], [outChannels] and one number; 0 where there are none: ones, ones, zeros, 1. */
  inputScales: usize; outputScales: usize; bias: usize; noiseStrength: usize;
  inputRows: i32; n: i32; inChannels: i32; inPadded: i32; outChannels: i32; outPadded: i32;
  /** What is written: [inputRows, inPadded], [n, outPadded], [outPadded], [outPadded], and as many zeros as an image is wide. */
  toInput: usize; toScale: usize; toBias: usize; toNoiseGain: usize; toZeros: usize; width: i32;
  weightGain: f64; gain: f64;
}

/**
 * input = inputScales; scale = outputScales * weightGain * gain; bias = bias * gain; noiseGain = noiseStrength * gain: what
 * job.ts describes. Nothing overlaps. One chunk.
 */
export function layerVectors(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<LayerVectorsArguments>(args);
  const strength: f64 = g.noiseStrength == 0 ? 1 : load<f32>(g.noiseStrength);
  writeRows(g.inputRows, g.inputScales, g.inChannels, g.toInput, g.inPadded, 1, 1, 1);
  writeRows(g.n, g.outputScales, g.outChannels, g.toScale, g.outPadded, 1, g.weightGain, g.gain);
  writeRows(1, g.bias, g.outChannels, g.toBias, g.outPadded, 0, g.gain, 1);
  writeRows(1, 0, g.outChannels, g.toNoiseGain, g.outPadded, strength, g.gain, 1);
  memory.fill(g.toZeros, 0, floatBytes(g.width));
}

/** to[row, k] = (from[row, k], or `other` where from is 0) * first * second for k < count, zeros up to `padded`. */
export function writeRows(rows: i32, from: usize, count: i32, to: usize, padded: i32, other: f64, first: f64, second: f64): void {
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < count; k++) {
      const value: f64 = from == 0 ? other : load<f32>(from + floatBytes(row * count + k));
      store<f32>(to + floatBytes(k), <f32>(value * first * second));
    }
    to += floatBytes(count);
    memory.fill(to, 0, floatBytes(padded - count));
    to += floatBytes(padded - count);
  }
}
