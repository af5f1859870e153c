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
import { DIRECT, F2, F4, T2, T4 } from "./job";

@unmanaged
class WeightArguments {
  w: usize; u: usize; algorithm: i32; outChannels: i32; inChannels: i32; outStride: usize; inStride: usize; taps: i32;
  flip: i32; matrixStride: usize; inPadded: i32; tileCols: i32; scratch: usize; scratchStride: usize;
}

/**
 * Input channels that are gathered before one is transformed. Rows of weights are read from end to end that way, where the next
 * lines are fetched ahead; and what was stored by fours has left the store queue when it is loaded by eights.
 */
const GATHERED: usize = 8;

/**
 * U of one panel per chunk. Weight (o, i, tap) is at w + o * outStride + i * inStride + tap * 4 bytes: with the strides
 * exchanged and `flip` (mirrored taps) the same routine prepares the adjoint convolution. `taps` is 1 or 9.
 * As many output channels at a time as a transform does (STEP). Scratch: GATHERED * 9 * tileCols numbers and 576 bytes. Writes all
 * of the panel, padding included, in every matrix. inPadded is a multiple of GATHERED.
 */
export function prepareWeights(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<WeightArguments>(args);
  const algorithm = g.algorithm, stride = g.matrixStride, tileCols = g.tileCols, taps = g.taps, flip = g.flip != 0;
  const depth = algorithm == DIRECT ? taps * g.inPadded : g.inPadded;
  const row = <usize>tileCols * 4, panel = g.u + <usize>chunk * <usize>depth * row;
  const gathered = g.scratch + <usize>worker * g.scratchStride, tile = gathered + GATHERED * 9 * row;
  for (let i = 0; i < g.inPadded; i += <i32>GATHERED) {
    for (let lane: usize = 0; lane < row; lane += 16) {
      const to = gathered + (lane & ~(STEP - 1)) * GATHERED * <usize>taps + (lane & (STEP - 1));
      gather(g, chunk * tileCols + <i32>(lane >> 2), i, to);
    }
    const to = panel + <usize>i * row;
    if (algorithm == F4) transformGathered<WeightsF4>(gathered, flip, to, row, stride, tile);
    else if (algorithm == F2) transformGathered<WeightsF2>(gathered, flip, to, row, stride, tile);
    else if (algorithm == T2) transformGathered<WeightsT2>(gathered, flip, to, row, stride, tile);
    else if (algorithm == T4) transformGathered<WeightsT4>(gathered, flip, to, row, stride, tile);
    else copyGathered(gathered, flip, taps, to, row, <usize>g.inPadded * row);
  }
}

/**
 * The taps of output channels [o, o + 4) and GATHERED input channels from i on, as [input][tap][STEP / 4]; with `flip` from the last
 * input and tap to the first.
 */
function gather(g: WeightArguments, o: i32, i: i32, to: usize): void {
  const taps = g.taps, outStride = g.outStride, inStride = g.inStride;
  const first = g.flip ? to + (GATHERED * <usize>taps - 1) * STEP : to, next = g.flip ? 0 - STEP : STEP;
  const w = g.w + <usize>o * outStride + <usize>i * inStride;
  if (taps == 9 && o + 4 <= g.outChannels && i + <i32>GATHERED <= g.inChannels) {
    if (inStride == 36) {
      for (let at: usize = 0; at < GATHERED * 36; at += 16) transpose4(w + at, outStride, first + (at >> 2) * next, next);
    } else {
      for (let k: usize = 0; k < GATHERED; k++) {
        const from = w + k * inStride, begin = first + 9 * k * next;
        transpose4(from, outStride, begin, next);
        transpose4(from + 16, outStride, begin + 4 * next, next);
        transpose4(from + 20, outStride, begin + 5 * next, next);
      }
    }
    return;
  }
  for (let k = 0; k < <i32>GATHERED; k++) {
    for (let lane = 0; lane < 4; lane++) {
      const exists = o + lane < g.outChannels && i + k < g.inChannels;
      const from = w + <usize>lane * outStride + <usize>k * inStride, begin = first + <usize>(k * taps) * next + <usize>(lane << 2);
      for (let tap: usize = 0; tap < <usize>taps; tap++) {
        store<f32>(begin + tap * next, exists ? load<f32>(from + (tap << 2)) : 0);
      }
    }
  }
}

/** What was gathered, transformed by line L, to rows of all matrices. A function for each line, which share no registers that way. */
function transformGathered<L>(gathered: usize, flip: bool, to: usize, row: usize, stride: usize, tile: usize): void {
  const toRow = <usize>changetype<L>(<usize>0).outputs * stride;
  let from = flip ? gathered + (GATHERED - 1) * 9 * STEP : gathered;
  const next: usize = flip ? 0 - 9 * STEP : 9 * STEP;
  for (let end = to + GATHERED * row; to < end; to += row) {
    for (let lane: usize = 0; lane < row; lane += STEP) {
      transformWeights<L>(from + lane * (GATHERED * 9), STEP, 3 * STEP, to + lane, stride, toRow, tile, STEP);
    }
    from += next;
  }
}

/** The same as it is: tap by tap, `tapStride` apart. */
function copyGathered(gathered: usize, flip: bool, taps: i32, to: usize, row: usize, tapStride: usize): void {
  const block = GATHERED * <usize>taps;
  for (let k: usize = 0; k < GATHERED; k++) {
    for (let tap: usize = 0; tap < <usize>taps; tap++) {
      const from = gathered + ((flip ? GATHERED - 1 - k : k) * <usize>taps + tap) * STEP, at = to + k * row + tap * tapStride;
      for (let lane: usize = 0; lane < row; lane += STEP) {
        const four = from + lane * block;
        put(at + lane, v128.load(four), high(four));
      }
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
