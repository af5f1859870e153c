/**
 * Plans 3x3 convolutions and their adjoints in x for `assembly/conv/transformed.ts`: Winograd with stride 1, Toom-Cook with stride 2
 * (whose adjoint is the up-convolution of StyleGAN2), with weights transformed for the one call. Four, or nearly two, times
 * fewer products than the direct form pay for the transforms as soon as there is enough work to share that of the weights.
 *
 * With stride 1 the adjoint is a convolution itself: dx = conv(dy, w with channels exchanged and taps mirrored).
 */

import type { Conv2dGeometry } from "../../types.js";
import { endFrame, type LeakyEnd } from "../activations.js";
import type { Engine, FrameTail } from "../engine.js";
import { ADJOINT_2, REACH, STRIDE_1, STRIDE_2 } from "../frames/conv.js";
import { SKEW } from "../frames/fused.js";
import { type MicroTile, planWeights } from "../fused/plan.js";
import { prepareInto, type RawWeights } from "../fused/weights.js";
import type { Around, Conv2dAlgorithm } from "./direct.js";
import { adjointStripFilter, filtersStrips, stripFilter } from "./filtered.js";
import { isPointsProblem } from "./weightGrad.js";

/** Kinds of assembly/conv/transformed.ts; points per tile; the form of the weights; pixels from one tile of x (or dx) to the next. */
const forms = {
  stride1: { kind: STRIDE_1, points: 36, algorithm: "f4", step: 4 },
  stride2: { kind: STRIDE_2, points: 81, algorithm: "t4", step: 8 },
  adjoint2: { kind: ADJOINT_2, points: 81, algorithm: "t4", step: 8 },
} as const;
const taps = 9;
/** Points of the input of a strip: they share the second-level cache, of a megabyte or more, with as many products and the weights. */
const stripBytes = 256 * 1024;
/** Products of fewer tiles than this spend their time on reading weights. */
const fewestTiles = 24;
/** Output channels per pass over the points of the input. */
const groupChannels = 64;

export function pointsConv2d(tile: MicroTile): Conv2dAlgorithm {
  return {
    name: "points",
    applies: isPointsProblem,
    filters: filtersStrips,
    run: (engine, x, w, y, geometry) => runPlanar(engine, tile, forwards(x, w, y, geometry)),
    joins: ["scales", "end"],
    runWith: (engine, x, w, y, geometry, around) =>
      runPlanar(engine, tile, { ...forwards(x, w, y, geometry), ...around }),
  };
}

function forwards(x: number, w: number, y: number, geometry: Conv2dGeometry): Planar {
  const { inChannels, outChannels, outHeight, outWidth, stride, padY, padX, filter } = geometry;
  const { height, width } = filter ?? geometry;
  return {
    ...{ form: stride === 1 ? "stride1" : "stride2", geometry, padY, padX, ...(filter && stripFilter(filter)) },
    from: { pointer: x, channels: inChannels, height, width },
    to: { pointer: y, channels: outChannels, height: outHeight, width: outWidth },
    weights: { pointer: w, outStride: inChannels * taps * 4, inStride: taps * 4, flip: stride === 2 },
  };
}

/** Windows of nine pixels, eight apart, must cover dx: what no output saw, nobody would write. */
function coversInput(g: Conv2dGeometry): boolean {
  const covers = (out: number, pad: number, extent: number) => pad >= 0 && extent + pad <= 8 * Math.ceil(out / 4) + 1;
  return g.stride === 1 || (covers(g.outHeight, g.padY, g.height) && covers(g.outWidth, g.padX, g.width));
}

export function pointsConv2dInputGrad(tile: MicroTile): Conv2dAlgorithm {
  return {
    name: "points",
    applies: (geometry) => isPointsProblem(geometry) && coversInput(geometry),
    filters: filtersStrips,
    run: (engine, dy, w, dx, geometry) => runPlanar(engine, tile, backwards(dy, w, dx, geometry)),
    joins: ["scales"],
    runWith: (engine, dy, w, dx, geometry, around) =>
      runPlanar(engine, tile, { ...backwards(dy, w, dx, geometry), ...around }),
  };
}

function backwards(dy: number, w: number, dx: number, geometry: Conv2dGeometry): Planar {
  const { inChannels, outChannels, outHeight, outWidth, stride, padY, padX, filter } = geometry;
  const { height, width } = filter ?? geometry;
  return {
    ...{ form: stride === 1 ? "stride1" : "adjoint2", geometry },
    ...{ padY: stride === 1 ? 2 - padY : padY, padX: stride === 1 ? 2 - padX : padX },
    ...(filter && adjointStripFilter(filter)),
    from: { pointer: dy, channels: outChannels, height: outHeight, width: outWidth },
    to: { pointer: dx, channels: inChannels, height, width },
    weights: { pointer: w, outStride: taps * 4, inStride: inChannels * taps * 4, flip: true },
  };
}

interface Images {
  readonly pointer: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

interface Planar {
  readonly form: keyof typeof forms;
  readonly geometry: Conv2dGeometry;
  readonly from: Images;
  readonly to: Images;
  readonly padY: number;
  readonly padX: number;
  /** The taps of the filter that there is, whose paddings those above are. */
  readonly tail?: FrameTail;
  readonly weights: RawWeights;
  readonly end?: LeakyEnd;
  readonly scales?: Around["scales"];
}

/** Rows of tiles per strip, of `rowTiles` tiles each: as many as `mostTiles` allow that leave the fewest panels to compute. */
function rowsPerStrip(rows: number, rowTiles: number, mostTiles: number, tile: MicroTile): number {
  const panels = (strip: number): number => Math.ceil((strip * rowTiles) / tile.rows);
  let best = 1;
  let fewest = Infinity;
  for (let strip = 1; strip <= Math.max(1, Math.min(rows, Math.floor(mostTiles / rowTiles))); strip++) {
    const total = Math.floor(rows / strip) * panels(strip) + panels(rows % strip);
    if (total > fewest) continue;
    fewest = total;
    best = strip;
  }
  return best;
}

function runPlanar(
  engine: Engine,
  tile: MicroTile,
  { form, geometry, from, to, padY, padX, tail, weights: raw, end, scales }: Planar,
): void {
  const { kind, points, algorithm, step } = forms[form];
  const { n } = geometry;
  const shape = { algorithm, kernel: 3, inChannels: from.channels, outChannels: to.channels };
  const plan = planWeights(shape, tile);
  const { depth, panels, bytes: weightBytes } = plan;
  // Tiles of 4x4 pixels: of the result, but of dy where the result is larger.
  const tiled = form === "adjoint2" ? from : to;
  const tilesY = Math.ceil(tiled.height / 4);
  const tilesX = Math.ceil(tiled.width / 4);

  const chunkImages = Math.min(n, Math.ceil(fewestTiles / (tilesY * tilesX)));
  const ranges = Math.ceil(n / chunkImages);
  // Few ranges of images: split the output channels, too, though every part then transforms the input again.
  const wantedParts = engine.workers === 1 ? 1 : Math.max(1, Math.ceil((2 * engine.workers) / ranges));
  const chunkPanels = Math.ceil(panels / Math.min(panels, wantedParts));
  const groupPanels = Math.min(chunkPanels, groupChannels / tile.cols);
  const mostTiles = Math.max(fewestTiles, Math.floor(stripBytes / (points * depth * 4)));
  const stripRows = rowsPerStrip(tilesY, chunkImages * tilesX, mostTiles, tile);

  const tiles = Math.ceil((chunkImages * stripRows * tilesX) / tile.rows) * tile.rows;
  const productOffset = points * (tiles * depth * 4 + SKEW);
  const tileOffset = productOffset + points * (tiles * groupPanels * tile.cols * 4 + SKEW);
  // The strip holds one row of windows of x, or some rows of tiles of the result; a filter reaches further.
  const reach = tail === undefined ? 0 : REACH;
  const columns = step * tilesX + 2 + 2 * reach;
  const carryOffset = tileOffset + (81 + Math.max(9, step * stripRows + 1) * columns + 2 * reach * columns) * 32;
  const carried = form === "adjoint2" ? ((chunkPanels * tile.cols) / 8) * chunkImages * (1 + reach) : 0;
  const carryBytes = carried * columns * 32;
  const scratchStride = Math.ceil((carryOffset + carryBytes) / 64) * 64;

  engine.withScratch(weightBytes + engine.workers * scratchStride, (weights) => {
    prepareInto(engine, tile, shape, plan, raw, weights);
    const frame = {
      kind,
      x: from.pointer,
      y: to.pointer,
      n,
      inChannels: from.channels,
      height: from.height,
      width: from.width,
      outChannels: to.channels,
      outHeight: to.height,
      outWidth: to.width,
      padY,
      padX,
      tilesY,
      tilesX,
      chunkImages,
      panels,
      chunkPanels,
      groupPanels,
      stripRows,
      tileRows: tile.rows,
      tileCols: tile.cols,
      weights,
      weightStride: plan.matrixStrideBytes,
      scratch: weights + weightBytes,
      scratchStride,
      productOffset,
      tileOffset,
      carryOffset,
      ...endFrame(end),
      scales: scales?.[0] ?? 0,
      filtered: tail === undefined ? 0 : 1,
    };
    engine.run("planarConv", ranges * Math.ceil(panels / chunkPanels), frame, tail);
  });
}
