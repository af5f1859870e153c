/**
 * The 1x1 convolution to an image: few output channels, planar output.
 *
 *   y[n, o, p] = clamp(sum over i of w[n, o, i] * x[n, i, p] + bias[o]), w already modulated and scaled
 *
 * x blocked [n, blocks, pixels, 8]; w [n, outChannels, blocks * 8], zero past the last channel; y [n, outChannels, pixels]; planes of
 * x and y may be those of larger maps.
 * One pass over x for every three output channels; two accumulators' worth of partial sums per pixel meet at the end. Bound
 * by reading x: 32 bytes for 48 flops.
 */
import { floatBytes, madd } from "../vector";
import { writeRows } from "./epilogue";

@unmanaged
class ImageArguments {
  x: usize;
  w: usize;
  bias: usize;
  y: usize;
  blocks: i32;
  outChannels: i32;
  pixels: i32;
  xPlane: usize;
  yPlane: usize;
  /** A multiple of 4. */
  pixelsPerChunk: i32;
  clamp: f32;
}

/** Chunk = range of pixels + ranges * image. */
export function blockedToImage(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<ImageArguments>(args);
  const ranges = (g.pixels + g.pixelsPerChunk - 1) / g.pixelsPerChunk, n = chunk / ranges;
  const begin = (chunk % ranges) * g.pixelsPerChunk, end = min(g.pixels, begin + g.pixelsPerChunk);
  const plane = g.xPlane, row = <usize>g.blocks * 32;
  const x = g.x + <usize>n * <usize>g.blocks * plane;
  for (let o = 0; o < g.outChannels; o++) {
    const channel = n * g.outChannels + o, w = g.w + <usize>channel * row;
    const y = g.y + <usize>channel * g.yPlane, bias = load<f32>(g.bias + <usize>o * 4);
    if (o + 3 <= g.outChannels) {
      threeChannels(x, plane, w, row, y, g.yPlane, g.bias + <usize>o * 4, g.clamp, begin, end);
      o += 2;
    } else oneChannel(x, plane, w, row, y, bias, g.clamp, begin, end);
  }
}

/** The sums of the lanes of a, b, c, d as one vector. */
// @ts-ignore: decorator
@inline
function sumLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

// @ts-ignore: decorator
@inline
function finishImage(sum: v128, bias: f32, clamp: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.add(sum, f32x4.splat(bias)), f32x4.neg(clamp)), clamp);
}

/** acc + the products of one pixel's eight channels with the eight weights at w, lane by lane. */
// @ts-ignore: decorator
@inline
function dot8(acc: v128, low: v128, high: v128, w: usize): v128 {
  return madd(high, v128.load(w, 16), madd(low, v128.load(w), acc));
}

function oneChannel(x: usize, plane: usize, w: usize, row: usize, y: usize, bias: f32, clamp: f32, begin: i32, end: i32): void {
  for (let p = begin; p < end; p++) {
    let from = x + <usize>p * 32, sum = f32x4.splat(0);
    for (let q = w; q < w + row; q += 32) {
      sum = dot8(sum, v128.load(from), v128.load(from, 16), q);
      from += plane;
    }
    const total = finishImage(sumLanes(sum, sum, sum, sum), bias, f32x4.splat(clamp));
    store<f32>(y + <usize>p * 4, f32x4.extract_lane(total, 0));
  }
}

/** Four pixels at a time, the rest one by one. */
function threeChannels(
  x: usize, plane: usize, w: usize, row: usize, y: usize, yPlane: usize, bias: usize, clamp: f32, begin: i32, end: i32,
): void {
  const limit = f32x4.splat(clamp);
  const vectors = begin + ((end - begin) & ~3);
  for (let p = begin; p < vectors; p += 4) {
    let r0 = f32x4.splat(0), r1 = f32x4.splat(0), r2 = f32x4.splat(0), r3 = f32x4.splat(0);
    let g0 = f32x4.splat(0), g1 = f32x4.splat(0), g2 = f32x4.splat(0), g3 = f32x4.splat(0);
    let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
    let from = x + <usize>p * 32;
    for (let q = w; q < w + row; q += 32) {
      for (let half: usize = 0; half < 32; half += 16) {
        const wr = v128.load(q + half), wg = v128.load(q + half + row), wb = v128.load(q + half + 2 * row);
        const x0 = v128.load(from + half);
        r0 = madd(x0, wr, r0); g0 = madd(x0, wg, g0); b0 = madd(x0, wb, b0);
        const x1 = v128.load(from + half, 32);
        r1 = madd(x1, wr, r1); g1 = madd(x1, wg, g1); b1 = madd(x1, wb, b1);
        const x2 = v128.load(from + half, 64);
        r2 = madd(x2, wr, r2); g2 = madd(x2, wg, g2); b2 = madd(x2, wb, b2);
        const x3 = v128.load(from + half, 96);
        r3 = madd(x3, wr, r3); g3 = madd(x3, wg, g3); b3 = madd(x3, wb, b3);
      }
      from += plane;
    }
    const to = y + <usize>p * 4;
    v128.store(to, finishImage(sumLanes(r0, r1, r2, r3), load<f32>(bias), limit));
    v128.store(to + yPlane, finishImage(sumLanes(g0, g1, g2, g3), load<f32>(bias, 4), limit));
    v128.store(to + 2 * yPlane, finishImage(sumLanes(b0, b1, b2, b3), load<f32>(bias, 8), limit));
  }
  for (let channel = 0; channel < 3; channel++) {
    const o = <usize>channel;
    oneChannel(x, plane, w + o * row, row, y + o * yPlane, load<f32>(bias + o * 4), clamp, vectors, end);
  }
}

@unmanaged
class ImageVectorsArguments {
  /** [outChannels, inChannels]; [n, inChannels], [n, outChannels] and [outChannels], or 0. */
  w: usize; inputScales: usize; outputScales: usize; bias: usize;
  n: i32; inChannels: i32; inPadded: i32; outChannels: i32;
  /** [n, outChannels, inPadded], [outChannels] */
  toW: usize; toBias: usize;
  weightGain: f64; gain: f64;
}

/**
 * What blockedToImage reads: w[n, o, i] = w[o, i] * inputScales[n, i] * (outputScales[n, o] * weightGain * gain), bias = bias * gain.
 * Rounded as in layerVectors. One chunk.
 */
export function imageVectors(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<ImageVectorsArguments>(args);
  const inChannels = g.inChannels, outChannels = g.outChannels, padding = floatBytes(g.inPadded - inChannels);
  let to = g.toW;
  for (let row = 0; row < g.n * outChannels; row++) {
    const sample = row / outChannels, w = g.w + floatBytes((row - sample * outChannels) * inChannels);
    const d: f64 = g.outputScales == 0 ? 1 : load<f32>(g.outputScales + floatBytes(row));
    const factor = d * g.weightGain * g.gain;
    for (let i = 0; i < inChannels; i++) {
      const s: f64 = g.inputScales == 0 ? 1 : load<f32>(g.inputScales + floatBytes(sample * inChannels + i));
      store<f32>(to, <f32>(<f64>load<f32>(w + floatBytes(i)) * s * factor));
      to += 4;
    }
    memory.fill(to, 0, padding);
    to += padding;
  }
  writeRows(1, g.bias, outChannels, g.toBias, outChannels, 0, g.gain, 1);
}
