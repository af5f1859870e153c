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
import { inputPointStride, multiplyBlock, productPointStride } from "./conv";
import { writeRows } from "./epilogue";
import { inputF4 } from "./inputTiles";
import { Job, rangeStart } from "./job";
import { outputF4 } from "./outputTiles";

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
  const x = g.x + <usize>n * <usize>g.blocks * plane, first = <usize>(n * g.outChannels);
  toImage(x, plane, g.w + first * row, row, g.y + first * g.yPlane, g.yPlane, g.outChannels, g.bias, g.clamp, begin, end);
}

/** Pixels [begin, end) of one image. */
function toImage(
  x: usize, plane: usize, w: usize, row: usize, y: usize, yPlane: usize, outChannels: i32, bias: usize, clamp: f32, begin: i32,
  end: i32,
): void {
  let o = 0;
  for (; o + 3 <= outChannels; o += 3) {
    threeChannels(x, plane, w, row, y, yPlane, bias, clamp, begin, end);
    w += 3 * row;
    y += 3 * yPlane;
    bias += 12;
  }
  for (; o < outChannels; o++) {
    oneChannel(x, plane, w, row, y, load<f32>(bias), clamp, begin, end);
    w += row;
    y += yPlane;
    bias += 4;
  }
}

/**
 * The last convolution of a network, F4, and the image that is made of its result, which exists a block of tiles at a time, in scratch
 * that stays in the cache: the bits of convBlocked and blockedToImage. x and the image apart.
 *
 * Chunk: some rows of tiles of one image, from row `firstRow` of tiles on, which is row 0 of the image. Scratch: V, M and a tile as
 * convBlocked, then the features [outBlocks, 4, blockTiles * 4, 8], rows `stripRowStride` and blocks `stripPlaneStride` apart.
 */
export function convToImage(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args), outBlocks = job.outBlocks, tilesX = job.tilesX;
  const ranges = job.rowRanges, rows = job.tilesY - job.firstRow, n = chunk / ranges, range = chunk % ranges;
  const begin = job.firstRow + rangeStart(rows, ranges, range), end = job.firstRow + rangeStart(rows, ranges, range + 1);
  const depth = job.inBlocks * 8, row = job.stripRowStride, plane = job.stripPlaneStride;
  const v = job.scratch + <usize>worker * job.scratchStride, m = v + job.productOffset, tile = v + job.tileOffset;
  const features = v + job.stripOffset, channel = <usize>(n * job.imageChannels), wRow = <usize>outBlocks * 32;
  for (let ty = begin; ty < end; ty++) {
    for (let tx = 0; tx < tilesX; tx += job.blockTiles) {
      const count = min(job.blockTiles, tilesX - tx), first = ty * tilesX + tx;
      const tilePanels = (count + job.tileRows - 1) / job.tileRows, tiles = tilePanels * job.tileRows;
      const vStride = inputPointStride(tiles, depth), mStride = productPointStride(job, tiles);
      inputF4(job, n, first, count, 0, v, vStride, tile);
      multiplyBlock(job, v, vStride, job.weights, m, mStride, depth, tilePanels, job.panels, false, false);
      // outputF4 writes a tile at its place in a whole image: the one whose pixel (4 ty, 4 tx) is the first of the features.
      const y = features - <usize>(ty * 4) * row - <usize>(tx * 4) * 32;
      outputF4(job, n, first, count, 0, m, mStride, tiles, 0, outBlocks, y, plane, row, tile);
      const height = min(4, job.outHeight - ty * 4), pixels = min(count * 4, job.outWidth - tx * 4);
      for (let r = 0; r < height; r++) {
        const pixel = ((ty - job.firstRow) * 4 + r) * job.outWidth + tx * 4;
        toImage(
          features + <usize>r * row, plane, job.imageWeights + channel * wRow, wRow,
          job.image + channel * job.imagePlane + floatBytes(pixel), job.imagePlane, job.imageChannels, job.imageBias,
          job.imageClamp, 0, pixels,
        );
      }
    }
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
