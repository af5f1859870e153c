/** Written by scripts/build/frames.mjs from assembly/conv/: change it there. */
import type { FrameViews } from "./views.js";

/** Scratch of a worker: the table of eight columns, the panel, the tiles. */
export const TABLE_BYTES = 128;

/** What is computed: y = conv(x) with stride 1 or 2, or dx from dy with stride 2. */
export const STRIDE_1 = 0;
export const STRIDE_2 = 1;
export const ADJOINT_2 = 2;

/** Arguments of convTiles. */
export interface ConvFrame {
  readonly packed: number;
  readonly x: number;
  readonly y: number;
  readonly scratch: number;
  readonly scratchStride: number;
  /** Output channels, and how many of them (a multiple of 4) belong to a chunk. */
  readonly rows: number;
  readonly rowsPerChunk: number;
  /** Input channels; x is [n][xImage / (height * width)][height][width]. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padY: number;
  readonly padX: number;
  readonly xImage: number;
  /** n * gridHeight * gridWidth, and how many of them (a multiple of 8) belong to a chunk. */
  readonly columns: number;
  readonly columnsPerChunk: number;
  readonly gridHeight: number;
  readonly gridWidth: number;
  /** Output (n, o, p, q) lies at n * yImage + o * yPlane + p * yRow + q * yColumn. */
  readonly yImage: number;
  readonly yPlane: number;
  readonly yRow: number;
  readonly yColumn: number;
  /** 1: sums in float64. */
  readonly exact: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeConv({ words }: Pick<FrameViews, "words">, at: number, frame: ConvFrame): number {
  words[at] = frame.packed;
  words[at + 1] = frame.x;
  words[at + 2] = frame.y;
  words[at + 3] = frame.scratch;
  words[at + 4] = frame.scratchStride;
  words[at + 5] = frame.rows;
  words[at + 6] = frame.rowsPerChunk;
  words[at + 7] = frame.channels;
  words[at + 8] = frame.height;
  words[at + 9] = frame.width;
  words[at + 10] = frame.kernelHeight;
  words[at + 11] = frame.kernelWidth;
  words[at + 12] = frame.stride;
  words[at + 13] = frame.padY;
  words[at + 14] = frame.padX;
  words[at + 15] = frame.xImage;
  words[at + 16] = frame.columns;
  words[at + 17] = frame.columnsPerChunk;
  words[at + 18] = frame.gridHeight;
  words[at + 19] = frame.gridWidth;
  words[at + 20] = frame.yImage;
  words[at + 21] = frame.yPlane;
  words[at + 22] = frame.yRow;
  words[at + 23] = frame.yColumn;
  words[at + 24] = frame.exact;
  return at + 25;
}

/** Arguments of planarConv. */
export interface PlanarFrame {
  /** One of the three above. For the adjoint, x is dy and y is dx. */
  readonly kind: number;
  readonly x: number;
  readonly y: number;
  readonly n: number;
  readonly inChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Of the convolution: at x, or at y for the adjoint. */
  readonly padY: number;
  readonly padX: number;
  readonly tilesY: number;
  readonly tilesX: number;
  /** Images and output panels of a chunk, panels of a pass, rows of tiles of a strip. */
  readonly chunkImages: number;
  readonly panels: number;
  readonly chunkPanels: number;
  readonly groupPanels: number;
  readonly stripRows: number;
  readonly tileRows: number;
  readonly tileCols: number;
  /** As `prepareWeights` writes them for F4, or for T4 with mirrored taps. */
  readonly weights: number;
  readonly weightStride: number;
  readonly scratch: number;
  readonly scratchStride: number;
  /** After the points of the input: products, 81 pixels and strips; the last rows of strips, carried over. */
  readonly productOffset: number;
  readonly tileOffset: number;
  readonly carryOffset: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writePlanar({ words }: Pick<FrameViews, "words">, at: number, frame: PlanarFrame): number {
  words[at] = frame.kind;
  words[at + 1] = frame.x;
  words[at + 2] = frame.y;
  words[at + 3] = frame.n;
  words[at + 4] = frame.inChannels;
  words[at + 5] = frame.height;
  words[at + 6] = frame.width;
  words[at + 7] = frame.outChannels;
  words[at + 8] = frame.outHeight;
  words[at + 9] = frame.outWidth;
  words[at + 10] = frame.padY;
  words[at + 11] = frame.padX;
  words[at + 12] = frame.tilesY;
  words[at + 13] = frame.tilesX;
  words[at + 14] = frame.chunkImages;
  words[at + 15] = frame.panels;
  words[at + 16] = frame.chunkPanels;
  words[at + 17] = frame.groupPanels;
  words[at + 18] = frame.stripRows;
  words[at + 19] = frame.tileRows;
  words[at + 20] = frame.tileCols;
  words[at + 21] = frame.weights;
  words[at + 22] = frame.weightStride;
  words[at + 23] = frame.scratch;
  words[at + 24] = frame.scratchStride;
  words[at + 25] = frame.productOffset;
  words[at + 26] = frame.tileOffset;
  words[at + 27] = frame.carryOffset;
  return at + 28;
}

/** Arguments of weightGradSums. */
export interface SumsFrame {
  /** 1: the 6x6 points of F4, each a matrix. 2: the 9x9 points of S4, of which rows (columns) 5 to 8 share a matrix. */
  readonly stride: number;
  readonly x: number;
  readonly inChannels: number;
  readonly height: number;
  readonly width: number;
  readonly padY: number;
  readonly padX: number;
  readonly dy: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly n: number;
  readonly tilesY: number;
  readonly tilesX: number;
  /** A group is so many images, or so many rows of tiles of one image. */
  readonly groupImages: number;
  readonly groupRows: number;
  /** Parts of the groups, one after the other, each with its own u. */
  readonly parts: number;
  readonly u: number;
  readonly partStride: number;
  /** Output channels of a chunk, in blocks of eight. */
  readonly sliceBlocks: number;
  /** Output channels of the micro-kernel: 8, or 16 for engines that join vector pairs (panels.ts). */
  readonly tileCols: number;
  /** From one point to the next (bytes). */
  readonly vPointStride: number;
  readonly wPointStride: number;
  /** Of each thread: V, then W, then the scratch of the transforms. */
  readonly scratch: number;
  readonly scratchStride: number;
  readonly wOffset: number;
  readonly tileOffset: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeSums({ words }: Pick<FrameViews, "words">, at: number, frame: SumsFrame): number {
  words[at] = frame.stride;
  words[at + 1] = frame.x;
  words[at + 2] = frame.inChannels;
  words[at + 3] = frame.height;
  words[at + 4] = frame.width;
  words[at + 5] = frame.padY;
  words[at + 6] = frame.padX;
  words[at + 7] = frame.dy;
  words[at + 8] = frame.outChannels;
  words[at + 9] = frame.outHeight;
  words[at + 10] = frame.outWidth;
  words[at + 11] = frame.n;
  words[at + 12] = frame.tilesY;
  words[at + 13] = frame.tilesX;
  words[at + 14] = frame.groupImages;
  words[at + 15] = frame.groupRows;
  words[at + 16] = frame.parts;
  words[at + 17] = frame.u;
  words[at + 18] = frame.partStride;
  words[at + 19] = frame.sliceBlocks;
  words[at + 20] = frame.tileCols;
  words[at + 21] = frame.vPointStride;
  words[at + 22] = frame.wPointStride;
  words[at + 23] = frame.scratch;
  words[at + 24] = frame.scratchStride;
  words[at + 25] = frame.wOffset;
  words[at + 26] = frame.tileOffset;
  return at + 27;
}

/** Arguments of weightsFromPoints. */
export interface WeightsFrame {
  readonly stride: number;
  readonly u: number;
  readonly parts: number;
  readonly partStride: number;
  readonly dw: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly scratch: number;
  readonly scratchStride: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeWeights({ words }: Pick<FrameViews, "words">, at: number, frame: WeightsFrame): number {
  words[at] = frame.stride;
  words[at + 1] = frame.u;
  words[at + 2] = frame.parts;
  words[at + 3] = frame.partStride;
  words[at + 4] = frame.dw;
  words[at + 5] = frame.inChannels;
  words[at + 6] = frame.outChannels;
  words[at + 7] = frame.scratch;
  words[at + 8] = frame.scratchStride;
  return at + 9;
}

/** Arguments of convWeightGradTiles. */
export interface WeightGradFrame {
  readonly packed: number;
  readonly x: number;
  readonly dw: number;
  readonly scratch: number;
  readonly scratchStride: number;
  /** Output channels. */
  readonly rows: number;
  readonly n: number;
  readonly xImage: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padY: number;
  readonly padX: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** A multiple of 8. */
  readonly columnsPerChunk: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeWeightGrad({ words }: Pick<FrameViews, "words">, at: number, frame: WeightGradFrame): number {
  words[at] = frame.packed;
  words[at + 1] = frame.x;
  words[at + 2] = frame.dw;
  words[at + 3] = frame.scratch;
  words[at + 4] = frame.scratchStride;
  words[at + 5] = frame.rows;
  words[at + 6] = frame.n;
  words[at + 7] = frame.xImage;
  words[at + 8] = frame.channels;
  words[at + 9] = frame.height;
  words[at + 10] = frame.width;
  words[at + 11] = frame.kernelHeight;
  words[at + 12] = frame.kernelWidth;
  words[at + 13] = frame.stride;
  words[at + 14] = frame.padY;
  words[at + 15] = frame.padX;
  words[at + 16] = frame.outHeight;
  words[at + 17] = frame.outWidth;
  words[at + 18] = frame.columnsPerChunk;
  return at + 19;
}
