/** Input transforms of blocked layers: from feature maps to the points of their tiles, each number times its style. */
import { WIDE, highTimes, lowTimes } from "../vector";
import { InputF2 } from "../transforms/f2";
import { InputF4, inputPairsF4 } from "../transforms/f4";
import { rows, styledColumns } from "../transforms/lines";
import { InputT2 } from "../transforms/t2";
import { InputT4 } from "../transforms/t4";
import { F2, F4, Job, T2, T4 } from "./job";
import { copyPatch, isInside } from "./patch";

/** Inputs of a tile, and from one tile to the next; both per axis. The first tile begins at pixel -1. */
// @ts-ignore: decorator
@inline
function windowOf(algorithm: i32): i32 {
  if (algorithm == F2) return 4;
  if (algorithm == F4) return 6;
  return algorithm == T2 ? 3 : 5;
}

// @ts-ignore: decorator
@inline
function stepOf(algorithm: i32): i32 {
  return algorithm == F2 || algorithm == T2 ? 2 : 4;
}

/** Room in the tile before a patch: what the columns of the transform fill. */
// @ts-ignore: decorator
@inline
function patchOffset(algorithm: i32): usize {
  if (algorithm == F2) return 4 * 4 * 32;
  if (algorithm == F4) return 6 * 6 * 32;
  return algorithm == T2 ? 5 * 3 * 32 : 9 * 5 * 32;
}

/**
 * One 6x6 tile of eight channels, its rows at r0 .. r5 (in place, the first and the last lie elsewhere), eight styles: products
 * to v + xi * pointStride. `tile` holds 6x6.
 */
export function inputTileF4(
  r0: usize, r1: usize, r2: usize, r3: usize, r4: usize, r5: usize, style: usize, v: usize, pointStride: usize, tile: usize,
): void {
  const s = v128.load(style), t = v128.load(style, 16);
  for (let q = tile; q < tile + 192; q += 32) {
    pairsOfColumn(r0, r1, r2, r3, r4, r5, s, t, q);
    if (!WIDE) pairsOfColumn(r0 + 16, r1 + 16, r2 + 16, r3 + 16, r4 + 16, r5 + 16, t, t, q + 16);
    r0 += 32;
    r1 += 32;
    r2 += 32;
    r3 += 32;
    r4 += 32;
    r5 += 32;
  }
  rows<InputF4>(tile, v, pointStride, 6 * pointStride);
}

// @ts-ignore: decorator
@inline
function pairsOfColumn(
  r0: usize, r1: usize, r2: usize, r3: usize, r4: usize, r5: usize, style: v128, highStyle: v128, to: usize,
): void {
  inputPairsF4(
    lowTimes(true, r0, style), lowTimes(true, r1, style), lowTimes(true, r2, style), lowTimes(true, r3, style),
    lowTimes(true, r4, style), lowTimes(true, r5, style),
    highTimes(true, r0, highStyle), highTimes(true, r1, highStyle), highTimes(true, r2, highStyle), highTimes(true, r3, highStyle),
    highTimes(true, r4, highStyle), highTimes(true, r5, highStyle), to, 192,
  );
}

/** One tile of eight channels at `from`, all algorithms but F4. */
// @ts-ignore: decorator
@inline
function inputTile<L>(from: usize, fromRow: usize, style: usize, v: usize, pointStride: usize, tile: usize): void {
  styledColumns<L>(v128.load(style), v128.load(style, 16), from, 32, fromRow, tile);
  rows<L>(tile, v, pointStride, <usize>changetype<L>(<usize>0).outputs * pointStride);
}

/**
 * V of `count` tiles of image n: from tile (ty, tx) along rows of tiles [left, right), as tiles `index`, index + 1, ... of the
 * block. Reads x [inBlocks, height, width, 8] inside its extent only (zeros outside) and writes all points; `tile` is scratch for
 * the columns of the transform and a patch. The algorithm is a literal at the call.
 */
// @ts-ignore: decorator
@inline
function inputTiles(
  algorithm: i32, job: Job, n: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, index: i32, v: usize,
  pointStride: usize, tile: usize,
): void {
  const size = windowOf(algorithm), step = stepOf(algorithm), patch = tile + patchOffset(algorithm);
  const rowStride = <usize>job.width * 32;
  const tileRows = job.tileRows, groupStride = <usize>tileRows * 32, panelStride = groupStride * <usize>job.inBlocks;
  for (let block = 0; block < job.inBlocks; block++) {
    const x = job.x + (<usize>n * <usize>job.inBlocks + <usize>block) * job.xPlane;
    const style = job.inputScales + <usize>n * job.inputScalesStride + <usize>block * 32;
    let panel = v + <usize>(index / tileRows) * panelStride + <usize>block * groupStride;
    let lane = index % tileRows, row = ty, column = tx;
    for (let t = 0; t < count; t++) {
      const y0 = row * step - 1, x0 = column * step - 1, to = panel + <usize>lane * 32;
      let from = x + <usize>y0 * rowStride + <usize>x0 * 32, stride = rowStride;
      if (!isInside(job, y0, x0, size)) {
        copyPatch(x, job.height, job.width, y0, x0, size, patch);
        from = patch;
        stride = <usize>size * 32;
      }
      if (algorithm == F2) inputTile<InputF2>(from, stride, style, to, pointStride, tile);
      else if (algorithm == T2) inputTile<InputT2>(from, stride, style, to, pointStride, tile);
      else if (algorithm == T4) inputTile<InputT4>(from, stride, style, to, pointStride, tile);
      else {
        const r1 = from + stride, r2 = r1 + stride, r3 = r2 + stride, r4 = r3 + stride;
        inputTileF4(from, r1, r2, r3, r4, r4 + stride, style, to, pointStride, tile);
      }
      if (++lane == tileRows) { lane = 0; panel += panelStride; }
      if (++column == right) { column = left; row++; }
    }
  }
}

/** The tiles of a stride-1 convolution, from tile `first` on. */
export function inputF2(job: Job, n: i32, first: i32, count: i32, index: i32, v: usize, pointStride: usize, tile: usize): void {
  const ty = first / job.tilesX, tx = first % job.tilesX;
  inputTiles(F2, job, n, ty, tx, 0, job.tilesX, count, index, v, pointStride, tile);
}

export function inputF4(job: Job, n: i32, first: i32, count: i32, index: i32, v: usize, pointStride: usize, tile: usize): void {
  const ty = first / job.tilesX, tx = first % job.tilesX;
  inputTiles(F4, job, n, ty, tx, 0, job.tilesX, count, index, v, pointStride, tile);
}

/** The tiles of a transposed convolution. */
export function inputT2(
  job: Job, n: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, index: i32, v: usize, pointStride: usize,
  tile: usize,
): void {
  inputTiles(T2, job, n, ty, tx, left, right, count, index, v, pointStride, tile);
}

export function inputT4(
  job: Job, n: i32, ty: i32, tx: i32, left: i32, right: i32, count: i32, index: i32, v: usize, pointStride: usize,
  tile: usize,
): void {
  inputTiles(T4, job, n, ty, tx, left, right, count, index, v, pointStride, tile);
}
