/**
 * One chunk of a direct or Winograd layer: transform a block of tiles (all input channels), multiply and transform back one
 * group of output panels at a time, so that the products of a group stay in the second-level cache.
 *
 * Chunks are independent: chunk = tile block + blocks * (group of output panels). Tiles of a batch are numbered through, so
 * that small images share the weights that a product reads.
 */
import { multiplyPoints } from "../gemm/panels";
import { inputDirect, outputDirect } from "./direct";
import { inputF2, inputF4 } from "./inputTiles";
import { DIRECT, F4, Job, matricesOf, pointsOf } from "./job";
import { outputF2, outputF4 } from "./outputTiles";

/** Keeps the streams of the transform points out of each other's cache sets. @host */
const SKEW: usize = 64;

/** All products of a block. With `edgeY` (`edgeX`) only the points of row (column) 0 have input other than zero. */
// @ts-ignore: decorator
@inline
export function multiplyBlock(
  job: Job, v: usize, vStride: usize, u: usize, m: usize, mStride: usize, depth: i32, tilePanels: i32, panels: i32,
  edgeY: bool, edgeX: bool,
): void {
  const points = pointsOf(job.algorithm);
  multiplyPoints(
    job.tileRows, job.tileCols, points, matricesOf(job.algorithm) - 1, edgeY ? 1 : points, edgeX ? 1 : points,
    v, vStride, u, job.weightStride, m, mStride, depth, tilePanels, panels,
  );
}

/** From one transform point to the next in V, for a block of `tiles` tiles. */
export function inputPointStride(tiles: i32, depth: i32): usize {
  return <usize>tiles * <usize>depth * 4 + SKEW;
}

/** From one transform point to the next in M. */
export function productPointStride(job: Job, tiles: i32): usize {
  return <usize>tiles * <usize>(job.groupPanels * job.tileCols) * 4 + SKEW;
}

/** Where image n of the output begins. */
export function imageAt(job: Job, n: i32): usize {
  return job.y + <usize>n * <usize>job.outBlocks * job.yPlane;
}

function input(job: Job, n: i32, first: i32, count: i32, index: i32, v: usize, pointStride: usize, tile: usize): void {
  if (job.algorithm == DIRECT) inputDirect(job, n, first, count, index, v);
  else if (job.algorithm == F4) inputF4(job, n, first, count, index, v, pointStride, tile);
  else inputF2(job, n, first, count, index, v, pointStride, tile);
}

function output(
  job: Job, n: i32, first: i32, count: i32, index: i32, m: usize, pointStride: usize, tiles: i32, block0: i32, block1: i32,
  tile: usize,
): void {
  const y = imageAt(job, n), plane = job.yPlane, rowStride = <usize>job.outWidth * 32;
  if (job.algorithm == DIRECT) outputDirect(job, n, first, count, index, m, tiles, block0, block1);
  else if (job.algorithm == F4) outputF4(job, n, first, count, index, m, pointStride, tiles, block0, block1, y, plane, rowStride, tile);
  else outputF2(job, n, first, count, index, m, pointStride, tiles, block0, block1, y, plane, rowStride, tile);
}

/**
 * y [n, outBlocks, outHeight, outWidth, 8] = the layer on x [n, inBlocks, height, width, 8]; x and y apart. Scratch: V, M at
 * `productOffset`, one tile at `tileOffset`. Flops of the products: 2 * points^2 * depth per tile and output channel.
 */
export function convBlocked(args: usize, chunk: i32, worker: i32): void {
  const job = changetype<Job>(args);
  const perImage = job.tilesY * job.tilesX, total = job.n * perImage;
  const blocks = (total + job.blockTiles - 1) / job.blockTiles;
  const begin = (chunk % blocks) * job.blockTiles, end = min(total, begin + job.blockTiles);
  const panel0 = (chunk / blocks) * job.chunkPanels, panel1 = min(job.panels, panel0 + job.chunkPanels);
  const depth = job.inBlocks * 8 * (job.algorithm == DIRECT ? job.kernel * job.kernel : 1);

  const tilePanels = (end - begin + job.tileRows - 1) / job.tileRows, tiles = tilePanels * job.tileRows;
  const vStride = inputPointStride(tiles, depth), mStride = productPointStride(job, tiles);
  const v = job.scratch + <usize>worker * job.scratchStride, m = v + job.productOffset, tile = v + job.tileOffset;
  for (let t = begin; t < end; ) {
    const n = t / perImage, first = t - n * perImage, count = min(end - t, perImage - first);
    input(job, n, first, count, t - begin, v, vStride, tile);
    t += count;
  }
  const panelBytes = <usize>depth * <usize>job.tileCols * 4, panelBlocks = job.tileCols >> 3;
  for (let panel = panel0; panel < panel1; panel += job.groupPanels) {
    const panels = min(job.groupPanels, panel1 - panel);
    multiplyBlock(job, v, vStride, job.weights + <usize>panel * panelBytes, m, mStride, depth, tilePanels, panels, false, false);
    const block0 = panel * panelBlocks, block1 = min(job.outBlocks, (panel + panels) * panelBlocks);
    for (let t = begin; t < end; ) {
      const n = t / perImage, first = t - n * perImage, count = min(end - t, perImage - first);
      output(job, n, first, count, t - begin, m, mStride, tiles, block0, block1, tile);
      t += count;
    }
  }
}
