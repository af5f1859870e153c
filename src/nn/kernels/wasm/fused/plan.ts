/**
 * How the work of a fused layer is cut into chunks. The arithmetic per output is fixed by the algorithm alone; blocking and chunking only
 * say what is done when and by whom, never in which order a sum is taken.
 */

import { SKEW } from "../frames/fused.js";
import { type Algorithm, algorithms, isTransposed } from "./algorithms.js";

/** Rows (tiles, pixels) and columns (output channels) of the micro-kernel: one of those in assembly/gemm/panels.ts. */
export interface MicroTile {
  readonly rows: number;
  readonly cols: number;
}

/** A convolution on blocked activations, after the table has spoken. Sizes in pixels. */
export interface ConvShape {
  readonly algorithm: Algorithm;
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernel: number;
  /** The output takes the place of the input: see `fitsInPlace`. */
  readonly inPlace?: boolean;
  /** An image is made of the output, of its rows of tiles from this one on, and nothing else is kept: see `canMakeImage`. */
  readonly imageFrom?: number;
}

/** Prepared weights: [matrices^2, panels, depth, tile.cols]. */
export interface WeightPlan {
  readonly depth: number;
  readonly panels: number;
  readonly matrixStrideBytes: number;
  readonly bytes: number;
}

/** One tile block's worth of scratch, and how many chunks there are. */
export interface ConvPlan {
  readonly tilesY: number;
  readonly tilesX: number;
  readonly blockTiles: number;
  readonly chunkPanels: number;
  readonly groupPanels: number;
  readonly rowRanges: number;
  readonly stripRows: number;
  readonly chunkImages: number;
  readonly chunks: number;
  /** Seams between the row ranges of a transposed convolution, over all images, and bytes of their buffer. */
  readonly seams: number;
  readonly seamBytes: number;
  readonly productOffset: number;
  readonly tileOffset: number;
  readonly stripOffset: number;
  readonly stripRowStride: number;
  readonly stripPlaneStride: number;
  readonly scratchBytes: number;
}

/** Room for one tile in every transform: 9 x 5 and 5 x 5, or 8 x 9, or 6 x 6 twice. */
const tileBytes = 4096;
/** The transformed input of a block should stay in the second-level cache. */
const cacheBytes = 768 * 1024;
/**
 * Prepared weights beyond this are read from far away, once per block: then blocks must be large, for a block of few tiles does too little
 * with them. Larger ones read weights less often, but their points, which are read once per group of output channels, come from far
 * away, too.
 */
const farWeightBytes = 5 * 1024 * 1024;
interface FarBlocks {
  /** Tiles that a block must have, and may have: multiples of 12, so that they fill the panels of every micro-kernel. */
  readonly least: number;
  readonly most: number;
  /** So many blocks for each thread, where there are tiles enough. */
  readonly perThread: number;
}
const farBlocks: Readonly<Record<Algorithm, FarBlocks>> = {
  direct: { least: 192, most: 192, perThread: 0.5 },
  f2: { least: 192, most: 192, perThread: 0.5 },
  f4: { least: 96, most: 264, perThread: 0.5 },
  t2: { least: 96, most: 264, perThread: 0.5 },
  t4: { least: 72, most: 132, perThread: 2 },
};
/** Output channels per pass over the transformed input; of weights that are far, whose blocks have an input that is far, too. */
const groupChannels = { near: 128, far: 256 };

/** Strips of the images of a chunk. */
const stripsBytes = 16 * 1024 * 1024;

const isFar = (weights: WeightPlan): boolean => weights.bytes > farWeightBytes;

/** Panels of output channels per pass, at most `most`. */
function panelsPerPass(weights: WeightPlan, tile: MicroTile, most: number): number {
  return Math.min(most, groupChannels[isFar(weights) ? "far" : "near"] / tile.cols);
}

/** Of `total` tiles those that are transformed together, at most. */
function mostTiles(algorithm: Algorithm, weights: WeightPlan, total: number, workers: number): number {
  const tileBytes = algorithms[algorithm].points ** 2 * weights.depth * 4;
  const near = Math.max(12, Math.floor(cacheBytes / tileBytes / 12) * 12);
  if (!isFar(weights)) return Math.min(near, 192);
  const { least, most, perThread } = farBlocks[algorithm];
  const share = roundUp(Math.ceil(total / Math.max(1, perThread * workers)), 12);
  return Math.max(near, least, Math.min(most, share));
}

const roundUp = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;

export function planWeights(
  shape: Pick<ConvShape, "algorithm" | "inChannels" | "outChannels" | "kernel">,
  tile: MicroTile,
): WeightPlan {
  const { algorithm, inChannels, outChannels, kernel } = shape;
  const taps = algorithm === "direct" ? kernel * kernel : 1;
  const depth = taps * roundUp(inChannels, 8);
  const panels = Math.ceil(outChannels / tile.cols);
  const matrixStrideBytes = depth * panels * tile.cols * 4 + SKEW;
  return { depth, panels, matrixStrideBytes, bytes: algorithms[algorithm].matrices ** 2 * matrixStrideBytes };
}

/**
 * Feature maps from this size on are overwritten where they may be. Smaller ones are not worth it: a row of their tiles is a small block
 * for the weights of so many channels.
 */
const inPlaceBytes = 24 * 1024 * 1024;

/** Whether the convolution is one that assembly/fused/inPlace.ts does well. */
export function fitsInPlace(shape: ConvShape): boolean {
  const { n, inChannels, height, width } = shape;
  return canBeInPlace(shape) && n * Math.ceil(inChannels / 8) * height * width * 32 >= inPlaceBytes;
}

/** Whether assembly/fused/inPlace.ts can do it, in scratch that is not larger than caches. */
function canBeInPlace({ algorithm, inChannels, outChannels, width }: ConvShape): boolean {
  const blocks = Math.ceil(inChannels / 8);
  const rowBytes = algorithms.f4.points ** 2 * Math.ceil(width / 4) * blocks * 32;
  return algorithm === "f4" && rowBytes <= 2 * cacheBytes && blocks === Math.ceil(outChannels / 8);
}

/** Whether convToImage of assembly/fused/image.ts can do it. */
export function canMakeImage({ algorithm }: ConvShape): boolean {
  return algorithm === "f4";
}

export function planConv(shape: ConvShape, weights: WeightPlan, tile: MicroTile, workers: number): ConvPlan {
  if (shape.imageFrom !== undefined) return planToImage(shape, weights, tile, workers, shape.imageFrom);
  const plan = shape.inPlace ? planInPlace : isTransposed(shape.algorithm) ? planTransposed : planTiles;
  return plan(shape, weights, tile, workers);
}

/** Splits `total` items into equal parts of at most `most`, their number a multiple of `multiple` while that helps. */
function equalParts(total: number, most: number, multiple: number): number {
  const parts = Math.ceil(total / most);
  const even = parts < 8 * multiple ? roundUp(parts, multiple) : parts;
  return Math.ceil(total / Math.min(total, even));
}

/** The time of all workers beside that of the chunks, at most: more chunks leave less of it, but chunks of fewer channels transform inputs again. */
const mostIdle = 1.125;

/** Panels per chunk so that `others` chunks times the groups of panels keep all workers equally busy. */
function panelsPerChunk(panels: number, others: number, workers: number): number {
  for (let groups = 1; groups < panels; groups++) {
    const perChunk = Math.ceil(panels / groups);
    const chunks = others * Math.ceil(panels / perChunk);
    if (Math.ceil(chunks / workers) * workers <= mostIdle * chunks) return perChunk;
  }
  return 1;
}

function planTiles(shape: ConvShape, weights: WeightPlan, tile: MicroTile, workers: number): ConvPlan {
  const { algorithm, n, outHeight, outWidth } = shape;
  const { step, points } = algorithms[algorithm];
  const { depth, panels } = weights;
  const tilesY = Math.ceil(outHeight / step);
  const tilesX = Math.ceil(outWidth / step);
  const total = n * tilesY * tilesX;
  const most = mostTiles(algorithm, weights, total, workers);
  // Few tiles: cut the output channels instead, or every chunk would stream all the weights.
  const blocks = total <= most ? 1 : Math.ceil(total / equalParts(total, most, workers));
  const perBlock = roundUp(Math.ceil(total / blocks), tile.rows);
  const chunkPanels = panelsPerChunk(panels, Math.ceil(total / perBlock), workers);
  const groupPanels = panelsPerPass(weights, tile, chunkPanels);
  const inputBytes = points ** 2 * (perBlock * depth * 4 + SKEW);
  const productBytes = points ** 2 * (perBlock * groupPanels * tile.cols * 4 + SKEW);
  return {
    tilesY,
    tilesX,
    blockTiles: perBlock,
    chunkPanels,
    groupPanels,
    rowRanges: 1,
    stripRows: 0,
    chunkImages: 1,
    chunks: Math.ceil(total / perBlock) * Math.ceil(panels / chunkPanels),
    seams: 0,
    seamBytes: 0,
    productOffset: inputBytes,
    tileOffset: inputBytes + productBytes,
    stripOffset: 0,
    stripRowStride: 0,
    stripPlaneStride: 0,
    scratchBytes: inputBytes + productBytes + tileBytes,
  };
}

/** Bands of rows of tiles, each row transformed whole. */
function planInPlace(shape: ConvShape, weights: WeightPlan, tile: MicroTile, workers: number): ConvPlan {
  const { algorithm, n, inChannels, width, outHeight, outWidth } = shape;
  const { step, points } = algorithms[algorithm];
  const { depth, panels } = weights;
  const tilesY = Math.ceil(outHeight / step);
  const tilesX = Math.ceil(outWidth / step);
  const bands = workers === 1 ? 1 : Math.min(tilesY, 8 * workers);
  const perBlock = roundUp(Math.min(mostTiles(algorithm, weights, n * tilesY * tilesX, workers), tilesX), tile.rows);
  const groupPanels = panelsPerPass(weights, tile, panels);
  const inputBytes = points ** 2 * (roundUp(tilesX, tile.rows) * depth * 4 + SKEW);
  const productBytes = points ** 2 * (perBlock * groupPanels * tile.cols * 4 + SKEW);
  const blocks = Math.ceil(inChannels / 8);
  const stripOffset = inputBytes + productBytes + tileBytes;
  return {
    tilesY,
    tilesX,
    blockTiles: perBlock,
    chunkPanels: panels,
    groupPanels,
    rowRanges: bands,
    stripRows: 0,
    chunkImages: 1,
    chunks: n * bands,
    seams: n * (bands - 1),
    seamBytes: n * (bands - 1) * blocks * 2 * width * 32,
    productOffset: inputBytes,
    tileOffset: inputBytes + productBytes,
    stripOffset,
    stripRowStride: 0,
    stripPlaneStride: 0,
    scratchBytes: stripOffset + (blocks + 1) * width * 32,
  };
}

/** What a block of a convolution to an image has in the cache: points, products and features. */
const imageBlockBytes = 640 * 1024;

/** Ranges of rows of tiles, a block of all channels at a time. */
function planToImage(shape: ConvShape, weights: WeightPlan, tile: MicroTile, workers: number, from: number): ConvPlan {
  const { algorithm, outHeight, outWidth } = shape;
  const { step, points } = algorithms[algorithm];
  const { depth, panels } = weights;
  const tilesY = Math.ceil(outHeight / step);
  const tilesX = Math.ceil(outWidth / step);
  const outPadded = panels * tile.cols;
  const tileTotal = (points ** 2 * (depth + outPadded) + step ** 2 * outPadded) * 4;
  const most = Math.max(12, Math.floor(imageBlockBytes / tileTotal / 12) * 12);
  const perBlock = roundUp(equalParts(tilesX, most, 1), tile.rows);
  const rows = tilesY - from;
  const ranges = workers === 1 ? 1 : Math.min(rows, 8 * workers);
  const inputBytes = points ** 2 * (perBlock * depth * 4 + SKEW);
  const productBytes = points ** 2 * (perBlock * outPadded * 4 + SKEW);
  const stripOffset = inputBytes + productBytes + tileBytes;
  const stripRowStride = perBlock * step * 32 + SKEW;
  const stripPlaneStride = step * stripRowStride;
  return {
    tilesY,
    tilesX,
    blockTiles: perBlock,
    chunkPanels: panels,
    groupPanels: panels,
    rowRanges: ranges,
    stripRows: 0,
    chunkImages: 1,
    chunks: shape.n * ranges,
    seams: 0,
    seamBytes: 0,
    productOffset: inputBytes,
    tileOffset: inputBytes + productBytes,
    stripOffset,
    stripRowStride,
    stripPlaneStride,
    scratchBytes: stripOffset + Math.ceil(shape.outChannels / 8) * stripPlaneStride,
  };
}

/** Rows of tiles of a map, and the largest blocks that they are transformed in. */
interface TileRows {
  readonly mainY: number;
  readonly mainX: number;
  readonly most: number;
  readonly tileRows: number;
}

/** Ranges of rows of tiles, each a chunk, and the rows of their strips. */
interface RowPlan {
  readonly ranges: number;
  readonly stripRows: number;
}

/** Weights that are far are read once for each strip: as few as there can be. */
function farRows({ mainY, mainX, most }: TileRows, workers: number): RowPlan {
  const stripRows = Math.max(1, Math.min(mainY, Math.floor(most / mainX)));
  const ranges = Math.min(Math.ceil(mainY / stripRows), 4 * workers);
  const isSplit = workers > 1 && (ranges >= 2 * workers || ranges === workers);
  return { ranges: isSplit ? ranges : 1, stripRows };
}

/** More than the best of the choices, of a count of tiles, that is not worth larger strips or longer ranges. */
const littleMore = 1 + 1 / 32;

/**
 * Weights that are near allow thin strips, and so as many ranges as keep all workers busy; but the blocks of a strip should leave few panels
 * half empty: a row of 16 tiles in blocks of 12 takes 18, three rows take 48.
 */
function nearRows({ mainY, mainX, most, tileRows }: TileRows, workers: number): RowPlan {
  const fewest = Math.max(1, Math.floor(most / mainX));
  const panelTiles = (rows: number): number => {
    const [tiles, rest] = [rows * mainX, (rows * mainX) % most];
    return tiles - rest + roundUp(rest, tileRows);
  };
  const choices = workers === 1 ? [1] : [4 * workers, 2 * workers].map((ranges) => Math.min(ranges, mainY));
  const plans = choices.flatMap((ranges) => {
    const rangeRows = Math.ceil(mainY / ranges);
    return [1, 2, 3].map((times) => {
      const stripRows = Math.min(rangeRows, times * fewest);
      const strips = Math.floor(rangeRows / stripRows);
      const taken = strips * panelTiles(stripRows) + panelTiles(rangeRows - strips * stripRows);
      return { ranges, stripRows, share: taken / (rangeRows * mainX) };
    });
  });
  const least = Math.min(...plans.map(({ share }) => share));
  return plans.find(({ share }) => share <= least * littleMore)!;
}

function planTransposed(shape: ConvShape, weights: WeightPlan, tile: MicroTile, workers: number): ConvPlan {
  const { algorithm, n, height, width, outChannels } = shape;
  const { step, points } = algorithms[algorithm];
  const { depth, panels } = weights;
  // y has 2H + 1 rows: where tiles divide H, one more row of (edge) tiles; columns alike. See assembly/fused/upConv.ts.
  const mainY = Math.ceil(height / step);
  const mainX = Math.ceil(width / step);
  const tilesY = mainY + (height % step === 0 ? 1 : 0);
  const tilesX = mainX + (width % step === 0 ? 1 : 0);
  const perImage = mainY * mainX;
  const most = mostTiles(algorithm, weights, n * perImage, workers);
  const stripRowStride = (tilesX * 2 * step + 2) * 32 + SKEW;
  const planeOf = (rows: number): number => (rows * 2 * step + 3) * stripRowStride + SKEW;
  // Several small images at a time read weights that are far together.
  const stripImages = Math.floor(stripsBytes / (Math.ceil(outChannels / 8) * planeOf(mainY)));
  const mostImages = isFar(weights) ? Math.max(1, Math.min(Math.floor(most / perImage), stripImages)) : 1;
  const groups = Math.ceil(n / mostImages);
  const chunkImages = Math.ceil(n / groups);
  const rows = { mainY, mainX, most, tileRows: tile.rows };
  const { ranges, stripRows } = isFar(weights) ? farRows(rows, workers) : nearRows(rows, workers);
  const perBlock = roundUp(Math.min(most, chunkImages * stripRows * mainX), tile.rows);
  const chunkPanels = panelsPerChunk(panels, groups * ranges, workers);
  const groupPanels = panelsPerPass(weights, tile, chunkPanels);
  const inputBytes = points ** 2 * (perBlock * depth * 4 + SKEW);
  const productBytes = points ** 2 * (perBlock * groupPanels * tile.cols * 4 + SKEW);
  const stripPlaneStride = planeOf(stripRows);
  const blocks = Math.ceil(outChannels / 8);
  const seams = n * (ranges - 1);
  const stripOffset = inputBytes + productBytes + tileBytes;
  return {
    tilesY,
    tilesX,
    blockTiles: perBlock,
    chunkPanels,
    groupPanels,
    rowRanges: ranges,
    stripRows,
    chunkImages,
    chunks: groups * ranges * Math.ceil(panels / chunkPanels),
    seams,
    seamBytes: seams * blocks * 6 * stripRowStride,
    productOffset: inputBytes,
    tileOffset: inputBytes + productBytes,
    stripOffset,
    stripRowStride,
    stripPlaneStride,
    scratchBytes: stripOffset + chunkImages * ((chunkPanels * tile.cols) / 8) * stripPlaneStride,
  };
}
