/** Output transforms of blocked layers: from the products of tiles to pixels with the epilogue, or raw to a strip (upConv.ts). */
import { OutputF2, output0F2, output1F2 } from "../transforms/f2";
import { OutputF4, output0F4, output1F4, output2F4, output3F4 } from "../transforms/f4";
import { columns, transform } from "../transforms/lines";
import { OutputT2 } from "../transforms/t2";
import { OutputT4 } from "../transforms/t4";
import { WIDE, add, high, put, splatAt, sub } from "../vector";
import { finish, shiftOf } from "./epilogue";
import { F2, F4, Job, T2, T4 } from "./job";

/**
 * The second half of F4's output transform and the epilogue: rows of 4x6 in `tile` to at most `height` x `width` pixels at y
 * (half a pixel: four channels). Noise is read for exactly those pixels.
 */
// @ts-ignore: decorator
@inline
function rowsF4(
  tile: usize, y: usize, rowStride: usize, noise: usize, noiseRowStride: usize, height: i32, width: i32,
  scale: v128, bias: v128, noiseGain: v128, slope: v128, clamp: v128,
): void {
  for (let r = 0; r < height; r++) {
    const m0 = v128.load(tile), m1 = v128.load(tile, 32), m2 = v128.load(tile, 64);
    const m3 = v128.load(tile, 96), m4 = v128.load(tile, 128), m5 = v128.load(tile, 160);
    const sumA = add(m1, m2), differenceA = sub(m1, m2), sumB = add(m3, m4), differenceB = sub(m3, m4);
    const shift0 = shiftOf(v128.load32_splat(noise), noiseGain, bias);
    v128.store(y, finish(output0F4(m0, sumA, sumB), scale, shift0, slope, clamp));
    if (width > 1) {
      const shift1 = shiftOf(v128.load32_splat(noise, 4), noiseGain, bias);
      v128.store(y, finish(output1F4(differenceA, differenceB), scale, shift1, slope, clamp), 32);
    }
    if (width > 2) {
      const shift2 = shiftOf(v128.load32_splat(noise, 8), noiseGain, bias);
      v128.store(y, finish(output2F4(sumA, sumB), scale, shift2, slope, clamp), 64);
    }
    if (width > 3) {
      const shift3 = shiftOf(v128.load32_splat(noise, 12), noiseGain, bias);
      v128.store(y, finish(output3F4(differenceA, differenceB, m5), scale, shift3, slope, clamp), 96);
    }
    tile += 192;
    y += rowStride;
    noise += noiseRowStride;
  }
}

/** rowsF4 for eight channels of a whole tile, whose epilogue reads the vectors of its block at these addresses. */
function wholeRowsF4(
  tile: usize, y: usize, rowStride: usize, noise: usize, noiseRowStride: usize, scaleAt: usize, biasAt: usize, gainAt: usize,
  slopeOf: f32, clampOf: f32,
): void {
  const slope = f32x4.splat(slopeOf), clamp = f32x4.splat(clampOf);
  const scale = v128.load(scaleAt), scaleHigh = high(scaleAt), bias = v128.load(biasAt), biasHigh = high(biasAt);
  const gain = v128.load(gainAt), gainHigh = high(gainAt);
  for (let end = tile + 768; tile < end; tile += 192) {
    const l0 = v128.load(tile), h0 = high(tile), l1 = v128.load(tile, 32), h1 = high(tile + 32);
    const l2 = v128.load(tile, 64), h2 = high(tile + 64), l3 = v128.load(tile, 96), h3 = high(tile + 96);
    const l4 = v128.load(tile, 128), h4 = high(tile + 128), l5 = v128.load(tile, 160), h5 = high(tile + 160);
    const n0 = splatAt(noise), n1 = splatAt(noise + 4), n2 = splatAt(noise + 8), n3 = splatAt(noise + 12);
    const lSumA = add(l1, l2), lA = sub(l1, l2), lSumB = add(l3, l4), lB = sub(l3, l4);
    const hSumA = add(h1, h2), hA = sub(h1, h2), hSumB = add(h3, h4), hB = sub(h3, h4);
    const l1to = output1F4(lA, lB), h1to = output1F4(hA, hB), l2to = output2F4(lSumA, lSumB), h2to = output2F4(hSumA, hSumB);
    const l3to = output3F4(lA, lB, l5), h3to = output3F4(hA, hB, h5);
    put(
      y, finish(output0F4(l0, lSumA, lSumB), scale, shiftOf(n0, gain, bias), slope, clamp),
      finish(output0F4(h0, hSumA, hSumB), scaleHigh, shiftOf(n0, gainHigh, biasHigh), slope, clamp),
    );
    put(
      y + 32, finish(l1to, scale, shiftOf(n1, gain, bias), slope, clamp),
      finish(h1to, scaleHigh, shiftOf(n1, gainHigh, biasHigh), slope, clamp),
    );
    put(
      y + 64, finish(l2to, scale, shiftOf(n2, gain, bias), slope, clamp),
      finish(h2to, scaleHigh, shiftOf(n2, gainHigh, biasHigh), slope, clamp),
    );
    put(
      y + 96, finish(l3to, scale, shiftOf(n3, gain, bias), slope, clamp),
      finish(h3to, scaleHigh, shiftOf(n3, gainHigh, biasHigh), slope, clamp),
    );
    y += rowStride;
    noise += noiseRowStride;
  }
}

/** Likewise of F2: rows of 2x4 to at most 2 x 2 pixels. */
// @ts-ignore: decorator
@inline
function rowsF2(
  tile: usize, y: usize, rowStride: usize, noise: usize, noiseRowStride: usize, height: i32, width: i32,
  scale: v128, bias: v128, noiseGain: v128, slope: v128, clamp: v128,
): void {
  for (let r = 0; r < height; r++) {
    const m0 = v128.load(tile), m1 = v128.load(tile, 32), m2 = v128.load(tile, 64), m3 = v128.load(tile, 96);
    const shift0 = shiftOf(v128.load32_splat(noise), noiseGain, bias);
    v128.store(y, finish(output0F2(m0, m1, m2), scale, shift0, slope, clamp));
    if (width > 1) {
      const shift1 = shiftOf(v128.load32_splat(noise, 4), noiseGain, bias);
      v128.store(y, finish(output1F2(m1, m2, m3), scale, shift1, slope, clamp), 32);
    }
    tile += 128;
    y += rowStride;
    noise += noiseRowStride;
  }
}

/** Where the products of output block `local` of a group begin, those of tile `index`: M is [points, panels, tiles, tileCols]. */
// @ts-ignore: decorator
@inline
export function productsOf(job: Job, m: usize, tiles: i32, local: i32, index: i32): usize {
  const panelBlocks = job.tileCols >> 3;
  return m + (<usize>(local / panelBlocks) * <usize>tiles + <usize>index) * <usize>job.tileCols * 4 +
    <usize>(local % panelBlocks) * 32;
}

/**
 * Y and the epilogue of `count` tiles of image n from tile `first` on, whose products are tiles `index`, ... of the
 * `tiles` in M [points, panels, tiles, tileCols]; output blocks [block0, block1), of which M holds the first at offset 0.
 * Writes `image` [outBlocks, outHeight, outWidth, 8] inside its extent only, blocks `plane` and rows `rowStride` bytes apart.
 * `tile` is scratch for the columns of the transform.
 */
// @ts-ignore: decorator
@inline
function outputTiles(
  algorithm: i32, job: Job, n: i32, first: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32, block0: i32,
  block1: i32, image: usize, plane: usize, rowStride: usize, tile: usize,
): void {
  const size = algorithm == F4 ? 4 : 2, noiseRow = job.noiseRowStride;
  const slope = f32x4.splat(job.slope), clamp = f32x4.splat(job.clamp);
  for (let block = block0; block < block1; block++) {
    const y = image + <usize>block * plane;
    const channel = <usize>block * 32, scale = job.scale + <usize>n * job.scaleStride + channel;
    const scaleLow = v128.load(scale), scaleHigh = v128.load(scale, 16);
    const biasLow = v128.load(job.bias + channel), biasHigh = v128.load(job.bias + channel, 16);
    const gainLow = v128.load(job.noiseGain + channel), gainHigh = v128.load(job.noiseGain + channel, 16);
    let from = productsOf(job, m, tiles, block - block0, index);
    let ty = first / job.tilesX, tx = first % job.tilesX;
    for (let t = 0; t < count; t++) {
      const top = ty * size, left = tx * size;
      const height = min(size, job.outHeight - top), width = min(size, job.outWidth - left);
      const to = y + <usize>top * rowStride + <usize>left * 32;
      const noise = job.noise + <usize>n * job.noiseImageStride + <usize>top * noiseRow + <usize>left * 4;
      if (algorithm == F4) {
        columns<OutputF4>(from, pointStride, 6 * pointStride, tile);
        // Conditions between stores keep V8 from joining pairs.
        if (WIDE && height == 4 && width == 4) {
          const bias = job.bias + channel, gain = job.noiseGain + channel;
          wholeRowsF4(tile, to, rowStride, noise, noiseRow, scale, bias, gain, job.slope, job.clamp);
        } else {
          rowsF4(tile, to, rowStride, noise, noiseRow, height, width, scaleLow, biasLow, gainLow, slope, clamp);
          rowsF4(tile + 16, to + 16, rowStride, noise, noiseRow, height, width, scaleHigh, biasHigh, gainHigh, slope, clamp);
        }
      } else {
        columns<OutputF2>(from, pointStride, 4 * pointStride, tile);
        rowsF2(tile, to, rowStride, noise, noiseRow, height, width, scaleLow, biasLow, gainLow, slope, clamp);
        rowsF2(tile + 16, to + 16, rowStride, noise, noiseRow, height, width, scaleHigh, biasHigh, gainHigh, slope, clamp);
      }
      from += <usize>job.tileCols * 4;
      if (++tx == job.tilesX) { tx = 0; ty++; }
    }
  }
}

export function outputF2(
  job: Job, n: i32, first: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32, block0: i32, block1: i32,
  y: usize, plane: usize, rowStride: usize, tile: usize,
): void {
  outputTiles(F2, job, n, first, count, index, m, pointStride, tiles, block0, block1, y, plane, rowStride, tile);
}

export function outputF4(
  job: Job, n: i32, first: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32, block0: i32, block1: i32,
  y: usize, plane: usize, rowStride: usize, tile: usize,
): void {
  outputTiles(F4, job, n, first, count, index, m, pointStride, tiles, block0, block1, y, plane, rowStride, tile);
}

/**
 * The outputs of `count` tiles of a transposed convolution, raw, to the strip: tile (row, column) goes to row
 * (row - firstRow) * size, column * size of `strip` [blocks, rows, columns, 8], size 4 (T2) or 8 (T4). Output blocks [0, blocks) of M
 * [points, panels, tiles, tileCols]. `tile` is scratch for the columns of the transform.
 */
// @ts-ignore: decorator
@inline
function stripTiles(
  algorithm: i32, job: Job, ty: i32, tx: i32, left: i32, right: i32, count: i32, index: i32, m: usize, pointStride: usize,
  tiles: i32, blocks: i32, firstRow: i32, strip: usize, tile: usize,
): void {
  const size = algorithm == T4 ? 8 : 4, rowStride = job.stripRowStride;
  for (let block = 0; block < blocks; block++) {
    let from = productsOf(job, m, tiles, block, index), row = ty, column = tx;
    for (let t = 0; t < count; t++) {
      const to = strip + <usize>block * job.stripPlaneStride + <usize>((row - firstRow) * size) * rowStride +
        <usize>(column * size) * 32;
      if (algorithm == T4) transform<OutputT4>(from, pointStride, 9 * pointStride, to, 32, rowStride, tile);
      else transform<OutputT2>(from, pointStride, 5 * pointStride, to, 32, rowStride, tile);
      from += <usize>job.tileCols * 4;
      if (++column == right) { column = left; row++; }
    }
  }
}

export function outputT2(
  job: Job, ty: i32, tx: i32, left: i32, right: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32,
  blocks: i32, firstRow: i32, strip: usize, tile: usize,
): void {
  stripTiles(T2, job, ty, tx, left, right, count, index, m, pointStride, tiles, blocks, firstRow, strip, tile);
}

export function outputT4(
  job: Job, ty: i32, tx: i32, left: i32, right: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32,
  blocks: i32, firstRow: i32, strip: usize, tile: usize,
): void {
  stripTiles(T4, job, ty, tx, left, right, count, index, m, pointStride, tiles, blocks, firstRow, strip, tile);
}
