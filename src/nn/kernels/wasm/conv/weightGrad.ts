/**
 * Plans the gradient of 3x3 convolutions in their weights by transform points (assembly/transforms/f4.ts for stride 1, S4 in t4.ts
 * for stride 2):
 *
 *   dw = G^T [ sum over tiles of (B^T x B) . (A dy A^T) ] G
 *
 * Tiles of all images are taken in groups whose points fit the cache, the groups in a few parts. Each part has a sum of its own,
 * which one thread builds group after group; the parts are added at the end. So sums have one order, whatever the number of threads.
 */

import type { Conv2dGeometry } from "../../types.js";
import type { Engine } from "../engine.js";
import { REACH } from "../frames/conv.js";
import { SKEW } from "../frames/fused.js";
import type { Around, Conv2dAlgorithm } from "./direct.js";
import { filtersStrips, type StripFilter, stripFilter } from "./filtered.js";

/** Points of a tile; the window that it reads of x, and from one window to the next. */
const forms = { 1: { points: 36, window: 6, step: 4 }, 2: { points: 81, window: 9, step: 8 } } as const;

/**
 * With less work, transforming the weights costs more than it saves; and small networks, whose gradients through the
 * minibatch standard deviation feel every rounding, get the accuracy of the direct form.
 */
const leastProducts = 2 ** 18;
const fewestChannels = 8;
/** Points of a group: about half of what a second-level cache holds; but sums of fewer tiles would spend their time on loading and storing. */
const groupBytes = 1280 * 1024;
const fewestTiles = 32;
/** Sums that are added at the end; one where they would take more memory than this. */
const mostParts = 4;
const mostPartBytes = 10e6;
/** Output channels that are worth transforming the input once more for another thread. */
const fewestSliceBlocks = 4;
const pixelBytes = 32;
/** Scratch of weightsFromPoints: the taps of eight input and eight output channels, and one transform. */
const backBytes = 8 * 9 * 32 + 576;

/** Whether a convolution, or one of its adjoints, is computed by transform points. */
export function isPointsProblem(g: Conv2dGeometry): boolean {
  return (
    g.kernelHeight === 3 &&
    g.kernelWidth === 3 &&
    (g.stride === 1 || g.stride === 2) &&
    g.groups === 1 &&
    Math.min(g.inChannels, g.outChannels) >= fewestChannels &&
    g.n * g.outHeight * g.outWidth * g.inChannels * g.outChannels >= leastProducts
  );
}

export const pointsConv2dWeightGrad: Conv2dAlgorithm = {
  name: "points",
  applies: isPointsProblem,
  filters: filtersStrips,
  run: (engine, x, dy, dw, geometry) => runPoints(engine, x, dy, dw, geometry, {}),
  joins: ["scales"],
  runWith: runPoints,
};

function runPoints(
  engine: Engine,
  x: number,
  dy: number,
  dw: number,
  geometry: Conv2dGeometry,
  { scales = [null, null] }: Around,
): void {
  const { n, inChannels, outChannels, outHeight, outWidth } = geometry;
  const { height, width } = geometry.filter ?? geometry;
  const strips: Omit<StripFilter, "tail"> & Partial<StripFilter> = geometry.filter
    ? stripFilter(geometry.filter)
    : geometry;
  const { padY, padX, tail } = strips;
  const reach = tail === undefined ? 0 : REACH;
  const stride = geometry.stride as 1 | 2;
  const { points, window, step } = forms[stride];
  const tilesY = Math.ceil(outHeight / 4);
  const tilesX = Math.ceil(outWidth / 4);
  const inBlocks = Math.ceil(inChannels / 8);
  const outBlocks = Math.ceil(outChannels / 8);
  const matrixBytes = inBlocks * outBlocks * 256;
  const wantedParts = 36 * matrixBytes > mostPartBytes ? 1 : mostParts;
  const matrixStride = matrixBytes + SKEW;
  const partStride = 36 * matrixStride;
  // A group is some images, or some rows of tiles of one image.
  const mostTiles = Math.max(fewestTiles, Math.floor(groupBytes / (points * (inBlocks + outBlocks) * pixelBytes)));
  const groupRows = Math.max(1, Math.min(tilesY, Math.floor(mostTiles / tilesX)));
  const partImages = Math.ceil(n / wantedParts);
  const wholeImages = Math.max(1, Math.min(partImages, Math.floor(mostTiles / (tilesY * tilesX))));
  const groupImages = groupRows < tilesY ? 1 : wholeImages;
  const groups = Math.ceil(n / groupImages) * Math.ceil(tilesY / groupRows);
  // One thread sums parts of one group each in that order where they would be added: the same sums, and one part to write. (Not
  // with stride 2, whose groups sum several points of a matrix before.)
  const inOrder = engine.workers === 1 && stride === 1 && groups <= wantedParts;
  const parts = inOrder ? 1 : Math.min(wantedParts, groups);
  const slices = Math.ceil(engine.workers / parts);
  const sliceBlocks = Math.min(outBlocks, Math.max(fewestSliceBlocks, Math.ceil(outBlocks / slices)));

  const groupTiles = groupImages * groupRows * tilesX;
  const vPointStride = inBlocks * groupTiles * pixelBytes + SKEW;
  const wPointStride = sliceBlocks * groupTiles * pixelBytes + SKEW;
  const columns = (tilesX - 1) * step + window + reach;
  const wOffset = points * vPointStride;
  const tileOffset = wOffset + points * wPointStride;
  const tileBytes = Math.max((81 + (window + reach) * columns) * pixelBytes, backBytes);
  const scratchStride = Math.ceil((tileOffset + tileBytes) / 64) * 64;
  engine.withScratch(parts * partStride + engine.workers * scratchStride, (u) => {
    const scratch = u + parts * partStride;
    const sums = { stride, u, matrixStride, parts, partStride, inChannels, outChannels, scratch, scratchStride };
    const frame = {
      ...sums,
      x,
      height,
      width,
      padY,
      padX,
      dy,
      outHeight,
      outWidth,
      n,
      tilesY,
      tilesX,
      groupImages,
      groupRows,
      sliceBlocks,
      vPointStride,
      wPointStride,
      wOffset,
      tileOffset,
      xScales: scales[0] ?? 0,
      dyScales: scales[1] ?? 0,
      filtered: tail === undefined ? 0 : 1,
    };
    engine.run("weightGradSums", parts * Math.ceil(outBlocks / sliceBlocks), frame, tail);
    engine.run("weightsFromPoints", outBlocks, { ...sums, dw });
  });
}
