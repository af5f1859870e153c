/**
 * What follows the convolution of a modulated layer, in one pass over its feature maps: a scale for each of them, noise, bias,
 * piecewise-linear activation, gain and clamp; and the way back. Sums over pixels are left to kernels of their own (docs/kernels.md).
 */
import { STEP, floatBytes, high as upper, madd, put, splatAt, whole } from "../vector";
import { value } from "./biasAct";

/** Feature maps [outer, channels, inner]. Operands that are not there step by 0 over what changes nothing: 1, -0, bias 0. */
@unmanaged
class LayerEndArguments {
  dy: usize; x: usize; y: usize; outer: i32; channels: i32; inner: i32; perChunk: i32;
  /** [outer, channels]; scaleStep is 1 or 0. */
  scale: usize; scaleStep: i32;
  /** [outer or 1, inner]: elements from one sample to the next, and from one pixel to the next (1 or 0). */
  noise: usize; noiseRow: i32; noiseStep: i32;
  /** [channels]; biasStep is 1 or 0. */
  b: usize; biasStep: i32;
  /** Of the gradient. */
  dt: usize;
  /** As in biasAct.ts. */
  dead: i32; inputGain: f32; biasGain: f32; fall: f32; gain: f32; fallOfDy: f32; gainOfDy: f32; clamp: f32;
  /** Of the gradient: 1 if there is a clamp; t is not clamped strictly between the two. */
  clamped: i32; bottom: f32; top: f32;
}

/** Of four numbers, t: rounded after each operation, as biasAct of what came before. */
// @ts-ignore: decorator
@inline
function argument(x: v128, scale: v128, noise: v128, inputGain: v128, bias: v128): v128 {
  return madd(inputGain, f32x4.add(f32x4.mul(x, scale), noise), bias);
}

/**
 * y = clamp(gain * act(t)), t = inputGain * (x * scale + noise) + biasGain * b. Dense float32, any alignment; y may be x. Chunk =
 * `perChunk` rows, one for each sample and channel. Rounded after every operation, t as in biasAct. 8 bytes for each element.
 */
export function layerEnd(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<LayerEndArguments>(args);
  const inputGain = f32x4.splat(g.inputGain), fall = f32x4.splat(g.fall), gain = f32x4.splat(g.gain);
  const high = f32x4.splat(g.clamp), low = f32x4.splat(-g.clamp);
  const lowest = f32x4.splat(g.dead ? -f32.MAX_VALUE : -Infinity);
  const noiseStep = floatBytes(g.noiseStep), noiseSteps = STEP * g.noiseStep;
  const endRow = min(g.outer * g.channels, (chunk + 1) * g.perChunk);
  for (let row = chunk * g.perChunk; row < endRow; row++) {
    const sample = row / g.channels, offset = floatBytes(row) * <usize>g.inner;
    let x = g.x + offset, y = g.y + offset, noise = g.noise + floatBytes(sample * g.noiseRow);
    const vectorsEnd = x + floatBytes(whole(g.inner)), end = x + floatBytes(g.inner);
    const scale = splatAt(g.scale + floatBytes(row * g.scaleStep));
    const bias = f32x4.mul(f32x4.splat(g.biasGain), splatAt(g.b + floatBytes((row - sample * g.channels) * g.biasStep)));
    while (x < vectorsEnd) {
      const t = argument(v128.load(x), scale, v128.load(noise), inputGain, bias);
      const tUpper = argument(upper(x), scale, upper(noise), inputGain, bias);
      put(y, value(t, fall, gain, low, high, lowest), value(tUpper, fall, gain, low, high, lowest));
      x += STEP;
      y += STEP;
      noise += noiseSteps;
    }
    for (; x < end; x += 4) {
      const t = argument(splatAt(x), scale, splatAt(noise), inputGain, bias);
      v128.store32_lane(y, value(t, fall, gain, low, high, lowest), 0);
      y += 4;
      noise += noiseStep;
    }
  }
}

/** Of four numbers, dt = dy * inputGain * gain * act'(t), rounded once; 0 where t is not in ]bottom, top[ and there is a clamp. */
// @ts-ignore: decorator
@inline
function slope(clamped: bool, dy: v128, t: v128, fallOfDy: v128, gainOfDy: v128, bottom: v128, top: v128): v128 {
  const dt = f32x4.mul(dy, v128.bitselect(gainOfDy, fallOfDy, f32x4.gt(t, f32x4.splat(0))));
  return clamped ? v128.and(dt, v128.and(f32x4.gt(t, bottom), f32x4.lt(t, top))) : dt;
}

/**
 * dt = dy * inputGain * gain * act'(t) where not clamped, as biasActGrad has it, and y = dt * scale. As layerEnd; y and dt may be dy, and
 * dt may be y where there is no scale. 20 bytes for each element.
 */
export function layerEndGrad(args: usize, chunk: i32, worker: i32): void {
  if (changetype<LayerEndArguments>(args).clamped) backward(true, args, chunk);
  else backward(false, args, chunk);
}

// @ts-ignore: decorator
@inline
function backward(clamped: bool, args: usize, chunk: i32): void {
  const g = changetype<LayerEndArguments>(args);
  const inputGain = f32x4.splat(g.inputGain), fallOfDy = f32x4.splat(g.fallOfDy), gainOfDy = f32x4.splat(g.gainOfDy);
  const bottom = f32x4.splat(g.bottom), top = f32x4.splat(g.top);
  const noiseStep = floatBytes(g.noiseStep), noiseSteps = STEP * g.noiseStep;
  const endRow = min(g.outer * g.channels, (chunk + 1) * g.perChunk);
  for (let row = chunk * g.perChunk; row < endRow; row++) {
    const sample = row / g.channels, offset = floatBytes(row) * <usize>g.inner;
    let x = g.x + offset, y = g.y + offset, dy = g.dy + offset, dt = g.dt + offset, noise = g.noise + floatBytes(sample * g.noiseRow);
    const vectorsEnd = x + floatBytes(whole(g.inner)), end = x + floatBytes(g.inner);
    const scale = splatAt(g.scale + floatBytes(row * g.scaleStep));
    const bias = f32x4.mul(f32x4.splat(g.biasGain), splatAt(g.b + floatBytes((row - sample * g.channels) * g.biasStep)));
    while (x < vectorsEnd) {
      const t = argument(v128.load(x), scale, v128.load(noise), inputGain, bias);
      const tUpper = argument(upper(x), scale, upper(noise), inputGain, bias);
      const d = slope(clamped, v128.load(dy), t, fallOfDy, gainOfDy, bottom, top);
      const dUpper = slope(clamped, upper(dy), tUpper, fallOfDy, gainOfDy, bottom, top);
      put(dt, d, dUpper);
      put(y, f32x4.mul(d, scale), f32x4.mul(dUpper, scale));
      x += STEP;
      y += STEP;
      dy += STEP;
      dt += STEP;
      noise += noiseSteps;
    }
    for (; x < end; x += 4) {
      const t = argument(splatAt(x), scale, splatAt(noise), inputGain, bias);
      const d = slope(clamped, splatAt(dy), t, fallOfDy, gainOfDy, bottom, top);
      v128.store32_lane(dt, d, 0);
      v128.store32_lane(y, f32x4.mul(d, scale), 0);
      y += 4;
      dy += 4;
      dt += 4;
      noise += noiseStep;
    }
  }
}
