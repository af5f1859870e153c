/**
 * The gradient of a 3x3 convolution in its weights, from the points of its input (V) and of the gradient of its output (W),
 * points.ts: for every matrix the product V^T W over all tiles of all images, then the transform back to nine taps.
 */
import { tile4x8 } from "../gemm/tile";
import { WeightGradF4 } from "../transforms/f4";
import { transformWeights } from "../transforms/lines";
import { WeightGradS4 } from "../transforms/t4";
import { STEP, WIDE, add, floatBytes, high, madd, put, splatAt, transpose4 } from "../vector";
import { GRAD_F4, GRAD_S4, INPUT_F4, INPUT_S4, scalesOf, transformRows } from "./points";

/**
 * c [6, 8] (+)= sum over tiles of v[tile] (outer) w[tile, 0..7], tiles 32 bytes apart, and the same for the next block of output
 * channels, `block` bytes after w, whose sums lie `uBlock` bytes after c. The six input channels are three pairs, which begin at v0,
 * v1 and v2: six divide no block of eight. One accumulator each.
 */
// @ts-ignore: decorator
@inline
function tile6x16(
  v0: usize, v1: usize, v2: usize, w: usize, block: usize, c: usize, uBlock: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0), c52 = f32x4.splat(0), c53 = f32x4.splat(0);
  const end = w + block, d = c + uBlock;
  let other = end;
  while (w < end) {
    const b0 = v128.load(w), b1 = v128.load(w, 16), b2 = v128.load(other), b3 = v128.load(other, 16);
    const a0 = splatAt(v0);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01); c02 = madd(a0, b2, c02); c03 = madd(a0, b3, c03);
    const a1 = v128.load32_splat(v0, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); c12 = madd(a1, b2, c12); c13 = madd(a1, b3, c13);
    const a2 = splatAt(v1);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); c22 = madd(a2, b2, c22); c23 = madd(a2, b3, c23);
    const a3 = v128.load32_splat(v1, 4);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); c32 = madd(a3, b2, c32); c33 = madd(a3, b3, c33);
    const a4 = splatAt(v2);
    c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41); c42 = madd(a4, b2, c42); c43 = madd(a4, b3, c43);
    const a5 = v128.load32_splat(v2, 4);
    c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51); c52 = madd(a5, b2, c52); c53 = madd(a5, b3, c53);
    v0 += 32; v1 += 32; v2 += 32; w += 32; other += 32;
  }
  if (accumulate) {
    c00 = add(c00, v128.load(c)); c01 = add(c01, v128.load(c, 16));
    c10 = add(c10, v128.load(c, 32)); c11 = add(c11, v128.load(c, 48));
    c20 = add(c20, v128.load(c, 64)); c21 = add(c21, v128.load(c, 80));
    c30 = add(c30, v128.load(c, 96)); c31 = add(c31, v128.load(c, 112));
    c40 = add(c40, v128.load(c, 128)); c41 = add(c41, v128.load(c, 144));
    c50 = add(c50, v128.load(c, 160)); c51 = add(c51, v128.load(c, 176));
    c02 = add(c02, v128.load(d)); c03 = add(c03, v128.load(d, 16));
    c12 = add(c12, v128.load(d, 32)); c13 = add(c13, v128.load(d, 48));
    c22 = add(c22, v128.load(d, 64)); c23 = add(c23, v128.load(d, 80));
    c32 = add(c32, v128.load(d, 96)); c33 = add(c33, v128.load(d, 112));
    c42 = add(c42, v128.load(d, 128)); c43 = add(c43, v128.load(d, 144));
    c52 = add(c52, v128.load(d, 160)); c53 = add(c53, v128.load(d, 176));
  }
  v128.store(c, c01, 16); v128.store(c, c00);
  v128.store(c, c11, 48); v128.store(c, c10, 32);
  v128.store(c, c21, 80); v128.store(c, c20, 64);
  v128.store(c, c31, 112); v128.store(c, c30, 96);
  v128.store(c, c41, 144); v128.store(c, c40, 128);
  v128.store(c, c51, 176); v128.store(c, c50, 160);
  v128.store(d, c03, 16); v128.store(d, c02);
  v128.store(d, c13, 48); v128.store(d, c12, 32);
  v128.store(d, c23, 80); v128.store(d, c22, 64);
  v128.store(d, c33, 112); v128.store(d, c32, 96);
  v128.store(d, c43, 144); v128.store(d, c42, 128);
  v128.store(d, c53, 176); v128.store(d, c52, 160);
}

/** c [4, 8] likewise, of four input channels of one block. */
// @ts-ignore: decorator
@inline
function tile4x16(
  v: usize, w: usize, block: usize, c: usize, uBlock: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  const end = w + block, d = c + uBlock;
  let other = end;
  while (w < end) {
    const b0 = v128.load(w), b1 = v128.load(w, 16), b2 = v128.load(other), b3 = v128.load(other, 16);
    const a0 = splatAt(v);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01); c02 = madd(a0, b2, c02); c03 = madd(a0, b3, c03);
    const a1 = v128.load32_splat(v, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); c12 = madd(a1, b2, c12); c13 = madd(a1, b3, c13);
    const a2 = v128.load32_splat(v, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); c22 = madd(a2, b2, c22); c23 = madd(a2, b3, c23);
    const a3 = v128.load32_splat(v, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); c32 = madd(a3, b2, c32); c33 = madd(a3, b3, c33);
    v += 32; w += 32; other += 32;
  }
  if (accumulate) {
    c00 = add(c00, v128.load(c)); c01 = add(c01, v128.load(c, 16));
    c10 = add(c10, v128.load(c, 32)); c11 = add(c11, v128.load(c, 48));
    c20 = add(c20, v128.load(c, 64)); c21 = add(c21, v128.load(c, 80));
    c30 = add(c30, v128.load(c, 96)); c31 = add(c31, v128.load(c, 112));
    c02 = add(c02, v128.load(d)); c03 = add(c03, v128.load(d, 16));
    c12 = add(c12, v128.load(d, 32)); c13 = add(c13, v128.load(d, 48));
    c22 = add(c22, v128.load(d, 64)); c23 = add(c23, v128.load(d, 80));
    c32 = add(c32, v128.load(d, 96)); c33 = add(c33, v128.load(d, 112));
  }
  v128.store(c, c01, 16); v128.store(c, c00);
  v128.store(c, c11, 48); v128.store(c, c10, 32);
  v128.store(c, c21, 80); v128.store(c, c20, 64);
  v128.store(c, c31, 112); v128.store(c, c30, 96);
  v128.store(d, c03, 16); v128.store(d, c02);
  v128.store(d, c13, 48); v128.store(d, c12, 32);
  v128.store(d, c23, 80); v128.store(d, c22, 64);
  v128.store(d, c33, 112); v128.store(d, c32, 96);
}

/** Where pair `pair` of input channels begins. */
// @ts-ignore: decorator
@inline
function pairAt(v: usize, block: usize, pair: usize): usize {
  return v + (pair >> 2) * block + ((pair & 3) << 3);
}

/** One point for two blocks of output channels: six input channels at a time, and four where there are two or four left. */
function multiplyTwoBlocks(v: usize, w: usize, u: usize, inBlocks: i32, tiles: i32, accumulate: bool): void {
  const block = <usize>tiles * 32, uBlock = <usize>inBlocks * 256, pairs = <usize>inBlocks * 4;
  const inSixes = pairs % 3 == 1 ? pairs - 4 : pairs - pairs % 3;
  let pair: usize = 0;
  for (; pair < inSixes; pair += 3) {
    const v0 = pairAt(v, block, pair), v1 = pairAt(v, block, pair + 1), v2 = pairAt(v, block, pair + 2);
    tile6x16(v0, v1, v2, w, block, u, uBlock, accumulate);
    u += 192;
  }
  for (; pair < pairs; pair += 2) {
    tile4x16(pairAt(v, block, pair), w, block, u, uBlock, accumulate);
    u += 128;
  }
}

/** One point. A function of its own, called often: V8 replaces baseline code only at calls. */
function multiplyPairs(v: usize, w: usize, u: usize, inBlocks: i32, outBlocks: i32, tiles: i32, accumulate: bool): void {
  const block = <usize>tiles * 32;
  for (let o = 0; o < outBlocks; o++) {
    let from = v;
    for (let i = 0; i < inBlocks; i++) {
      tile4x8(from, 32, from + block, w, 32, u, false, accumulate);
      tile4x8(from + 16, 32, from + 16 + block, w, 32, u + 128, false, accumulate);
      from += block;
      u += 256;
    }
    w += block;
  }
}

/**
 * One matrix of u for `outBlocks` blocks of output channels: (+)= the sum over tiles of V [points, inBlocks, tiles, 8] and
 * W [points, outBlocks, tiles, 8]. With stride 2 the last row and column of matrices have 4 of the 9 rows and columns of points.
 */
function sumOfMatrix(
  stride: i32, matrix: i32, v: usize, vPointStride: usize, w: usize, wPointStride: usize, u: usize, inBlocks: i32,
  outBlocks: i32, tiles: i32, first: bool,
): void {
  const points = stride == 1 ? 6 : 9, row = matrix / 6, column = matrix % 6;
  const endRow = stride == 2 && row == 5 ? 9 : row + 1, endColumn = stride == 2 && column == 5 ? 9 : column + 1;
  const wBlock = <usize>tiles * 32, uBlock = <usize>inBlocks * 256;
  // Two at a time where the engine joins pairs of vectors; elsewhere that would spill.
  const paired = WIDE ? outBlocks & ~1 : 0;
  let accumulate = !first;
  for (let i = row; i < endRow; i++) {
    for (let j = column; j < endColumn; j++) {
      const point = <usize>(i * points + j), vAt = v + point * vPointStride, wAt = w + point * wPointStride;
      for (let o: usize = 0; o < <usize>paired; o += 2) {
        multiplyTwoBlocks(vAt, wAt + o * wBlock, u + o * uBlock, inBlocks, tiles, accumulate);
      }
      const done = <usize>paired;
      multiplyPairs(vAt, wAt + done * wBlock, u + done * uBlock, inBlocks, outBlocks - paired, tiles, accumulate);
      accumulate = true;
    }
  }
}

@unmanaged
class SumsArguments {
  /** 1: the 6x6 points of F4, each a matrix. 2: the 9x9 points of S4, of which rows (columns) 5 to 8 share a matrix. */
  stride: i32; x: usize; inChannels: i32; height: i32; width: i32; padY: i32; padX: i32; dy: usize; outChannels: i32;
  outHeight: i32; outWidth: i32; n: i32; tilesY: i32; tilesX: i32;
  /** A group is so many images, or so many rows of tiles of one image. */
  groupImages: i32; groupRows: i32;
  /** Parts of the groups, one after the other, each with its own u. */
  parts: i32; u: usize; matrixStride: usize; partStride: usize;
  /** Output channels of a chunk, in blocks of eight. */
  sliceBlocks: i32;
  /** From one point to the next (bytes). */
  vPointStride: usize; wPointStride: usize;
  /** Of each thread: V, then W, then the scratch of the transforms. */
  scratch: usize; scratchStride: usize; wOffset: usize; tileOffset: usize;
  /** [n, inChannels] that x is multiplied by, [n, outChannels] that dy is multiplied by, or 0. */
  xScales: usize; dyScales: usize;
  /** 1: with stride 2, x goes through a filter first, whose paddings are those above. */
  filtered: i32;
  // Then its taps, of filter.ts, if it does.
}
const TAPS: usize = offsetof<SumsArguments>();

/**
 * u [parts, 36 matrices, outBlocks, inBlocks, 8 inputs, 8 outputs] = of every part the sum over its groups of tiles. A thread transforms a
 * group and multiplies it while it is in its cache; what a part sums, and in which order, does not depend on the threads. Chunk =
 * part + parts * slice of the output channels; slices transform the input again. 2 flops per term; one accumulator for
 * the tiles of one point of a group, then one sum: long sums are taken in steps. Reads x and dy inside their extent only.
 */
export function weightGradSums(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<SumsArguments>(args);
  const part = chunk % g.parts, inBlocks = (g.inChannels + 7) >> 3, outBlocks = (g.outChannels + 7) >> 3;
  const firstBlock = chunk / g.parts * g.sliceBlocks, blocks = min(g.sliceBlocks, outBlocks - firstBlock);
  const v = g.scratch + <usize>worker * g.scratchStride, w = v + g.wOffset, tile = v + g.tileOffset;
  const inputKind = g.stride == 1 ? INPUT_F4 : INPUT_S4, gradKind = g.stride == 1 ? GRAD_F4 : GRAD_S4;
  const bands = (g.tilesY + g.groupRows - 1) / g.groupRows;
  const groups = (g.n + g.groupImages - 1) / g.groupImages * bands;
  const start = part * groups / g.parts, end = (part + 1) * groups / g.parts;
  const matrixStride = g.matrixStride;
  const u = g.u + <usize>part * g.partStride + <usize>(firstBlock * inBlocks) * 256;
  for (let group = start; group < end; group++) {
    const image = group / bands * g.groupImages, row = group % bands * g.groupRows;
    const images = min(g.groupImages, g.n - image), rows = min(g.groupRows, g.tilesY - row);
    const imageTiles = rows * g.tilesX, tiles = images * imageTiles, block = <usize>tiles * 32;
    for (let k = 0; k < images; k++) {
      for (let b = 0; b < inBlocks; b++) {
        const planes = g.x + floatBytes((image + k) * g.inChannels + b * 8) * <usize>(g.height * g.width);
        transformRows(
          inputKind, planes, scalesOf(g.xScales, image + k, g.inChannels, b * 8), g.height, g.width, min(8, g.inChannels - b * 8), g.padY, g.padX, row, rows, g.tilesX,
          v + <usize>b * block, 1, g.vPointStride, 32, k * imageTiles, tile, g.filtered ? args + TAPS : 0,
        );
      }
      for (let b = 0; b < blocks; b++) {
        const channel = (firstBlock + b) * 8;
        const planes = g.dy + floatBytes((image + k) * g.outChannels + channel) * <usize>(g.outHeight * g.outWidth);
        transformRows(
          gradKind, planes, scalesOf(g.dyScales, image + k, g.outChannels, channel), g.outHeight, g.outWidth, min(8, g.outChannels - channel), 0, 0, row, rows, g.tilesX,
          w + <usize>b * block, 1, g.wPointStride, 32, k * imageTiles, tile, 0,
        );
      }
    }
    for (let matrix = 0; matrix < 36; matrix++) {
      sumOfMatrix(
        g.stride, matrix, v, g.vPointStride, w, g.wPointStride, u + <usize>matrix * matrixStride, inBlocks, blocks, tiles,
        group == start,
      );
    }
  }
}

@unmanaged
class WeightsArguments {
  stride: i32; u: usize; matrixStride: usize; parts: i32; partStride: usize; dw: usize; inChannels: i32; outChannels: i32; scratch: usize;
  scratchStride: usize;
}

/** Adds `length` bytes of every part to those of the first, one part after the other; the four that there mostly are in one pass. */
function addParts(u: usize, length: usize, parts: i32, partStride: usize): void {
  const end = u + length, last = u + <usize>parts * partStride;
  if (parts == 4) {
    for (let at = u; at < end; at += STEP) {
      const p1 = at + partStride, p2 = p1 + partStride, p3 = p2 + partStride;
      const l0 = v128.load(at), h0 = high(at), l1 = v128.load(p1), h1 = high(p1);
      const l2 = v128.load(p2), h2 = high(p2), l3 = v128.load(p3), h3 = high(p3);
      put(at, add(add(add(l0, l1), l2), l3), add(add(add(h0, h1), h2), h3));
    }
    return;
  }
  for (let part = u + partStride; part < last; part += partStride) {
    for (let at = u, from = part; at < end; at += STEP, from += STEP) {
      const l0 = v128.load(at), h0 = high(at), l1 = v128.load(from), h1 = high(from);
      put(at, add(l0, l1), add(h0, h1));
    }
  }
}

/** Input channels that are transformed before their taps are written, as they are read in fused/weights.ts. */
const GATHERED: usize = 8;

/** dw [outChannels, inChannels, 9] = G^T (sum of the parts of u) G. Chunk = eight output channels. Scratch: 2304 + 576 bytes. */
export function weightsFromPoints(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<WeightsArguments>(args);
  const matrixStride = g.matrixStride, blockBytes = <usize>((g.inChannels + 7) >> 3) * 256;
  const taps = g.scratch + <usize>worker * g.scratchStride, tile = taps + GATHERED * 288;
  let u = g.u + <usize>chunk * blockBytes;
  for (let matrix: usize = 0; matrix < 36; matrix++) addParts(u + matrix * matrixStride, blockBytes, g.parts, g.partStride);
  for (let i = 0; i < g.inChannels; i += <i32>GATHERED) {
    if (g.stride == 1) transformBack<WeightGradF4>(u, matrixStride, taps, tile);
    else transformBack<WeightGradS4>(u, matrixStride, taps, tile);
    for (let lane = 0; lane < 8; lane += 4) putTaps(g, chunk * 8 + lane, i, taps + (<usize>lane << 2));
    u += GATHERED * 32;
  }
}

/** The taps of eight output and GATHERED input channels, [input][tap][8], by line L. */
function transformBack<L>(u: usize, matrixStride: usize, taps: usize, tile: usize): void {
  for (let end = taps + GATHERED * 288; taps < end; taps += 288) {
    for (let lane: usize = 0; lane < 32; lane += STEP) {
      transformWeights<L>(u + lane, matrixStride, 6 * matrixStride, taps + lane, 32, 96, tile, STEP);
    }
    u += 32;
  }
}

/** Those of output channels [o, o + 4) and of the input channels from i on to dw, as far as they exist. */
function putTaps(g: WeightsArguments, o: i32, i: i32, taps: usize): void {
  const rowBytes = <usize>g.inChannels * 36, lanes = min(4, g.outChannels - o);
  const bytes = <usize>min(<i32>GATHERED, g.inChannels - i) * 36;
  let row = g.dw + <usize>o * rowBytes + <usize>i * 36, at: usize = 0;
  if (lanes == 4) {
    for (; at + 16 <= bytes; at += 16) transpose4(taps + (at << 3), 32, row + at, rowBytes);
  }
  for (let lane = 0; lane < lanes; lane++) {
    for (let byte = at; byte < bytes; byte += 4) store<f32>(row + byte, load<f32>(taps + (byte << 3) + (<usize>lane << 2)));
    row += rowBytes;
  }
}
