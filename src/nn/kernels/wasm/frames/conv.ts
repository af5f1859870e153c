/** Written by scripts/build/frames.mjs from assembly/conv/: change it there. */
import type { FrameViews } from "./views.js";

/** Scratch of a worker: the table of eight columns, the panel, the tiles. */
export const TABLE_BYTES = 128;

/** Rows and columns beyond the result that the taps reach. */
export const REACH = 3;

/** What is computed: y = conv(x) with stride 1 or 2, or dx from dy with stride 2. */
export const STRIDE_1 = 0; export const STRIDE_2 = 1; export const ADJOINT_2 = 2;

/**
 * Arguments of convTiles.
 * - rows: Output channels, and how many of them (a multiple of 4) belong to a chunk.
 * - channels: Input channels; x is [n][xImage / (height * width)][height][width].
 * - columns: n * gridHeight * gridWidth, and how many of them (a multiple of 8) belong to a chunk.
 * - yImage: Output (n, o, p, q) lies at n * yImage + o * yPlane + p * yRow + q * yColumn.
 * - exact: 1: sums in float64.
 */
export interface ConvFrame { readonly packed: number; readonly x: number; readonly y: number; readonly scratch: number; readonly scratchStride: number; readonly rows: number; readonly rowsPerChunk: number; readonly channels: number; readonly height: number; readonly width: number; readonly kernelHeight: number; readonly kernelWidth: number; readonly stride: number; readonly padY: number; readonly padX: number; readonly xImage: number; readonly columns: number; readonly columnsPerChunk: number; readonly gridHeight: number; readonly gridWidth: number; readonly yImage: number; readonly yPlane: number; readonly yRow: number; readonly yColumn: number; readonly exact: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeConv({ words }: Pick<FrameViews, "words">, at: number, f: ConvFrame): number {
  words[at] = f.packed; words[at + 1] = f.x; words[at + 2] = f.y; words[at + 3] = f.scratch; words[at + 4] = f.scratchStride; words[at + 5] = f.rows; words[at + 6] = f.rowsPerChunk; words[at + 7] = f.channels; words[at + 8] = f.height; words[at + 9] = f.width; words[at + 10] = f.kernelHeight; words[at + 11] = f.kernelWidth; words[at + 12] = f.stride; words[at + 13] = f.padY; words[at + 14] = f.padX; words[at + 15] = f.xImage; words[at + 16] = f.columns; words[at + 17] = f.columnsPerChunk; words[at + 18] = f.gridHeight; words[at + 19] = f.gridWidth; words[at + 20] = f.yImage; words[at + 21] = f.yPlane; words[at + 22] = f.yRow; words[at + 23] = f.yColumn; words[at + 24] = f.exact;
  return at + 25;
}

/**
 * Arguments of planarConv.
 * - kind: One of the three above. For the adjoint, x is dy and y is dx.
 * - padY: Of the convolution: at x, or at y for the adjoint. Of the filter, where there is one.
 * - chunkImages: Images and output panels of a chunk, panels of a pass, rows of tiles of a strip.
 * - weights: As `prepareWeights` writes them for F4, or for T4 with mirrored taps.
 * - productOffset: After the points of the input: products, 81 pixels and strips; the last rows of strips, carried
 *   over.
 * - activated: 1: the result is what biasActStrip makes of it. Bias of the output channels (0: none), and the factors.
 * - scales: [n, inChannels] that x is multiplied by, or 0.
 * - filtered: 1: with stride 2, x goes through a filter first; what the adjoint gives goes through one.
 */
export interface PlanarFrame { readonly kind: number; readonly x: number; readonly y: number; readonly n: number; readonly inChannels: number; readonly height: number; readonly width: number; readonly outChannels: number; readonly outHeight: number; readonly outWidth: number; readonly padY: number; readonly padX: number; readonly tilesY: number; readonly tilesX: number; readonly chunkImages: number; readonly panels: number; readonly chunkPanels: number; readonly groupPanels: number; readonly stripRows: number; readonly tileRows: number; readonly tileCols: number; readonly weights: number; readonly weightStride: number; readonly scratch: number; readonly scratchStride: number; readonly productOffset: number; readonly tileOffset: number; readonly carryOffset: number; readonly activated: number; readonly bias: number; readonly inputGain: number; readonly biasGain: number; readonly fall: number; readonly gain: number; readonly scales: number; readonly filtered: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writePlanar({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: PlanarFrame): number {
  words[at] = f.kind; words[at + 1] = f.x; words[at + 2] = f.y; words[at + 3] = f.n; words[at + 4] = f.inChannels; words[at + 5] = f.height; words[at + 6] = f.width; words[at + 7] = f.outChannels; words[at + 8] = f.outHeight; words[at + 9] = f.outWidth; words[at + 10] = f.padY; words[at + 11] = f.padX; words[at + 12] = f.tilesY; words[at + 13] = f.tilesX; words[at + 14] = f.chunkImages; words[at + 15] = f.panels; words[at + 16] = f.chunkPanels; words[at + 17] = f.groupPanels; words[at + 18] = f.stripRows; words[at + 19] = f.tileRows; words[at + 20] = f.tileCols; words[at + 21] = f.weights; words[at + 22] = f.weightStride; words[at + 23] = f.scratch; words[at + 24] = f.scratchStride; words[at + 25] = f.productOffset; words[at + 26] = f.tileOffset; words[at + 27] = f.carryOffset; words[at + 28] = f.activated; words[at + 29] = f.bias; reals[at + 30] = f.inputGain; reals[at + 31] = f.biasGain; reals[at + 32] = f.fall; reals[at + 33] = f.gain; words[at + 34] = f.scales; words[at + 35] = f.filtered;
  return at + 36;
}

/**
 * Arguments of weightGradSums.
 * - stride: 1: the 6x6 points of F4, each a matrix. 2: the 9x9 points of S4, of which rows (columns) 5 to 8 share a
 *   matrix.
 * - groupImages: A group is so many images, or so many rows of tiles of one image.
 * - parts: Parts of the groups, one after the other, each with its own u.
 * - sliceBlocks: Output channels of a chunk, in blocks of eight.
 * - vPointStride: From one point to the next (bytes).
 * - scratch: Of each thread: V, then W, then the scratch of the transforms.
 * - xScales: [n, inChannels] that x is multiplied by, [n, outChannels] that dy is multiplied by, or 0.
 * - filtered: 1: with stride 2, x goes through a filter first, whose paddings are those above.
 */
export interface SumsFrame { readonly stride: number; readonly x: number; readonly inChannels: number; readonly height: number; readonly width: number; readonly padY: number; readonly padX: number; readonly dy: number; readonly outChannels: number; readonly outHeight: number; readonly outWidth: number; readonly n: number; readonly tilesY: number; readonly tilesX: number; readonly groupImages: number; readonly groupRows: number; readonly parts: number; readonly u: number; readonly matrixStride: number; readonly partStride: number; readonly sliceBlocks: number; readonly vPointStride: number; readonly wPointStride: number; readonly scratch: number; readonly scratchStride: number; readonly wOffset: number; readonly tileOffset: number; readonly xScales: number; readonly dyScales: number; readonly filtered: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeSums({ words }: Pick<FrameViews, "words">, at: number, f: SumsFrame): number {
  words[at] = f.stride; words[at + 1] = f.x; words[at + 2] = f.inChannels; words[at + 3] = f.height; words[at + 4] = f.width; words[at + 5] = f.padY; words[at + 6] = f.padX; words[at + 7] = f.dy; words[at + 8] = f.outChannels; words[at + 9] = f.outHeight; words[at + 10] = f.outWidth; words[at + 11] = f.n; words[at + 12] = f.tilesY; words[at + 13] = f.tilesX; words[at + 14] = f.groupImages; words[at + 15] = f.groupRows; words[at + 16] = f.parts; words[at + 17] = f.u; words[at + 18] = f.matrixStride; words[at + 19] = f.partStride; words[at + 20] = f.sliceBlocks; words[at + 21] = f.vPointStride; words[at + 22] = f.wPointStride; words[at + 23] = f.scratch; words[at + 24] = f.scratchStride; words[at + 25] = f.wOffset; words[at + 26] = f.tileOffset; words[at + 27] = f.xScales; words[at + 28] = f.dyScales; words[at + 29] = f.filtered;
  return at + 30;
}

/** Arguments of weightsFromPoints. */
export interface WeightsFrame { readonly stride: number; readonly u: number; readonly matrixStride: number; readonly parts: number; readonly partStride: number; readonly dw: number; readonly inChannels: number; readonly outChannels: number; readonly scratch: number; readonly scratchStride: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeWeights({ words }: Pick<FrameViews, "words">, at: number, f: WeightsFrame): number {
  words[at] = f.stride; words[at + 1] = f.u; words[at + 2] = f.matrixStride; words[at + 3] = f.parts; words[at + 4] = f.partStride; words[at + 5] = f.dw; words[at + 6] = f.inChannels; words[at + 7] = f.outChannels; words[at + 8] = f.scratch; words[at + 9] = f.scratchStride;
  return at + 10;
}

/**
 * Arguments of convWeightGradTiles.
 * - rows: Output channels.
 * - columnsPerChunk: A multiple of 8.
 */
export interface WeightGradFrame { readonly packed: number; readonly x: number; readonly dw: number; readonly scratch: number; readonly scratchStride: number; readonly rows: number; readonly n: number; readonly xImage: number; readonly channels: number; readonly height: number; readonly width: number; readonly kernelHeight: number; readonly kernelWidth: number; readonly stride: number; readonly padY: number; readonly padX: number; readonly outHeight: number; readonly outWidth: number; readonly columnsPerChunk: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeWeightGrad({ words }: Pick<FrameViews, "words">, at: number, f: WeightGradFrame): number {
  words[at] = f.packed; words[at + 1] = f.x; words[at + 2] = f.dw; words[at + 3] = f.scratch; words[at + 4] = f.scratchStride; words[at + 5] = f.rows; words[at + 6] = f.n; words[at + 7] = f.xImage; words[at + 8] = f.channels; words[at + 9] = f.height; words[at + 10] = f.width; words[at + 11] = f.kernelHeight; words[at + 12] = f.kernelWidth; words[at + 13] = f.stride; words[at + 14] = f.padY; words[at + 15] = f.padX; words[at + 16] = f.outHeight; words[at + 17] = f.outWidth; words[at + 18] = f.columnsPerChunk;
  return at + 19;
}
