/**
 * Preparing weights, once per layer: from [outChannels, inChannels, kernel, kernel] to the U of panels.ts,
 * [matrix, panel, depth, tileCols], zeros past the last channels. The depth of the direct algorithm is [tap, inPadded].
 */
import { WeightsF2 } from "../transforms/f2";
import { WeightsF4 } from "../transforms/f4";
import { transformWeights } from "../transforms/lines";
import { WeightsT2 } from "../transforms/t2";
import { WeightsT4 } from "../transforms/t4";
import { STEP, high, put, transpose4 } from "../vector";
import { DIRECT, F2, F4, T2 } from "./job";

@unmanaged
class WeightArguments {
  w: usize; u: usize; algorithm: i32; outChannels: i32; inChannels: i32; outStride: usize; inStride: usize; taps: i32;
  flip: i32; matrixStride: usize; inPadded: i32; tileCols: i32; scratch: usize; scratchStride: usize;
}

/**
 * U of one panel per chunk. Weight (o, i, tap) is at w + o * outStride + i * inStride + tap * 4 bytes: with the strides
 * exchanged and `flip` (mirrored taps) the same routine prepares the adjoint convolution. `taps` is 1 or 9.
 * As many output channels at a time as a transform does (STEP). Scratch: 288 + 576 bytes. Writes all of the panel, padding included, in every matrix.
 */
export function prepareWeights(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<WeightArguments>(args);
  const algorithm = g.algorithm, stride = g.matrixStride, tileCols = g.tileCols, taps = g.taps;
  const depth = algorithm == DIRECT ? taps * g.inPadded : g.inPadded;
  const row = <usize>tileCols * 4, panel = g.u + <usize>chunk * <usize>depth * row;
  const gathered = g.scratch + <usize>worker * g.scratchStride, tile = gathered + 288;
  for (let i = 0; i < g.inPadded; i++) {
    for (let lane: usize = 0; lane < row; lane += STEP) {
      const o = chunk * tileCols + <i32>(lane >> 2);
      for (let four: usize = 0; four < STEP; four += 16) gather(g, o + <i32>(four >> 2), i, gathered + four);
      const to = panel + <usize>i * row + lane;
      if (algorithm == F4) transformWeights<WeightsF4>(gathered, STEP, 3 * STEP, to, stride, 6 * stride, tile, STEP);
      else if (algorithm == F2) transformWeights<WeightsF2>(gathered, STEP, 3 * STEP, to, stride, 4 * stride, tile, STEP);
      else if (algorithm == T2) transformWeights<WeightsT2>(gathered, STEP, 3 * STEP, to, stride, 4 * stride, tile, STEP);
      else if (algorithm == DIRECT) {
        for (let tap = 0; tap < taps; tap++) {
          const from = gathered + <usize>tap * STEP;
          put(to + <usize>(tap * g.inPadded) * row, v128.load(from), high(from));
        }
      } else transformWeights<WeightsT4>(gathered, STEP, 3 * STEP, to, stride, 6 * stride, tile, STEP);
    }
  }
}

/** The taps of output channels [o, o + 4) and input channel i as [tap][STEP / 4]. */
// @ts-ignore: decorator
@inline
function gather(g: WeightArguments, o: i32, i: i32, to: usize): void {
  const taps = g.taps, mirror = g.flip ? taps - 1 : 0, step = g.flip ? -1 : 1;
  if (taps == 9 && o + 4 <= g.outChannels && i < g.inChannels) {
    const w = g.w + <usize>o * g.outStride + <usize>i * g.inStride;
    const first = to + <usize>mirror * STEP, next = <usize>step * STEP;
    transpose4(w, g.outStride, first, next);
    transpose4(w + 16, g.outStride, first + 4 * next, next);
    for (let lane: usize = 0; lane < 4; lane++) {
      store<f32>(first + 8 * next + lane * 4, load<f32>(w + lane * g.outStride + 32));
    }
    return;
  }
  for (let lane = 0; lane < 4; lane++) {
    const exists = o + lane < g.outChannels && i < g.inChannels;
    const from = g.w + <usize>(o + lane) * g.outStride + <usize>i * g.inStride;
    for (let tap = 0; tap < taps; tap++) {
      store<f32>(to + <usize>tap * STEP + <usize>lane * 4, exists ? load<f32>(from + <usize>(mirror + step * tap) * 4) : 0);
    }
  }
}

@unmanaged
class SquaresArguments {
  w: usize; q: usize; outChannels: i32; inChannels: i32; taps: i32;
}

/** q[o, i] = sum over taps of w[o, i, tap]^2: what demodulation needs of the weights. Chunk: one o. */
export function sumOfSquares(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<SquaresArguments>(args);
  const taps = g.taps, inChannels = g.inChannels;
  let w = g.w + <usize>chunk * <usize>(inChannels * taps) * 4, q = g.q + <usize>chunk * <usize>inChannels * 4;
  for (let i = 0; i < inChannels; i++) {
    let sum: f32 = 0;
    for (let tap = 0; tap < taps; tap++) {
      const value = load<f32>(w);
      sum += value * value;
      w += 4;
    }
    store<f32>(q, sum);
    q += 4;
  }
}

@unmanaged
class InverseNormsArguments {
  q: usize; s: usize; d: usize; outChannels: i32; inChannels: i32; gain: f32;
}

/**
 * d[n, o] = 1 / sqrt(gain^2 * sum over i of q[o, i] * s[n, i]^2 + 1e-8). Chunk: one n. Four partial sums (i modulo 4), then
 * the tail.
 */
export function inverseNorms(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<InverseNormsArguments>(args);
  const inChannels = g.inChannels, vectors = inChannels & ~3, gain = g.gain;
  const style = g.s + <usize>(chunk * inChannels) * 4;
  for (let o = 0; o < g.outChannels; o++) {
    const squares = g.q + <usize>o * <usize>inChannels * 4;
    let sums = f32x4.splat(0);
    for (let i = 0; i < vectors; i += 4) {
      const value = v128.load(style + <usize>i * 4);
      sums = f32x4.add(sums, f32x4.mul(v128.load(squares + <usize>i * 4), f32x4.mul(value, value)));
    }
    let sum = f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3);
    for (let i = vectors; i < inChannels; i++) {
      const value = load<f32>(style + <usize>i * 4);
      sum += load<f32>(squares + <usize>i * 4) * (value * value);
    }
    store<f32>(g.d + <usize>(chunk * g.outChannels + o) * 4, <f32>1 / sqrt<f32>(gain * gain * sum + 1e-8));
  }
}
