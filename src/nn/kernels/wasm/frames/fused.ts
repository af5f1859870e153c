/** Written by scripts/build/frames.mjs from assembly/fused/: change it there. */
import type { FrameViews } from "./views.js";

/** Keeps the streams of the transform points out of each other's cache sets. */
export const SKEW = 64; export const DIRECT = 0; export const F2 = 1; export const F4 = 2; export const T2 = 3;
export const T4 = 4;

/**
 * Arguments of layerVectors.
 * - inputScales: [inputRows, inChannels], [n, outChannels], [outChannels] and one number; 0 where there are none: ones,
 *   ones, zeros, 1.
 * - toInput: What is written: [inputRows, inPadded], [n, outPadded], [outPadded], [outPadded], and as many zeros as an
 *   image is wide.
 */
export interface LayerVectorsFrame { readonly inputScales: number; readonly outputScales: number; readonly bias: number; readonly noiseStrength: number; readonly inputRows: number; readonly n: number; readonly inChannels: number; readonly inPadded: number; readonly outChannels: number; readonly outPadded: number; readonly toInput: number; readonly toScale: number; readonly toBias: number; readonly toNoiseGain: number; readonly toZeros: number; readonly width: number; readonly weightGain: number; readonly gain: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeLayerVectors({ words, doubles }: Pick<FrameViews, "words" | "doubles">, at: number, f: LayerVectorsFrame): number {
  words[at] = f.inputScales; words[at + 1] = f.outputScales; words[at + 2] = f.bias; words[at + 3] = f.noiseStrength; words[at + 4] = f.inputRows; words[at + 5] = f.n; words[at + 6] = f.inChannels; words[at + 7] = f.inPadded; words[at + 8] = f.outChannels; words[at + 9] = f.outPadded; words[at + 10] = f.toInput; words[at + 11] = f.toScale; words[at + 12] = f.toBias; words[at + 13] = f.toNoiseGain; words[at + 14] = f.toZeros; words[at + 15] = f.width; doubles[(at + 16) / 2] = f.weightGain; doubles[(at + 18) / 2] = f.gain;
  return at + 20;
}

/**
 * Arguments of blockedFir.
 * - filter: tapsY, then tapsX numbers.
 */
export interface FirFrame { readonly x: number; readonly y: number; readonly scratch: number; readonly scratchStride: number; readonly height: number; readonly width: number; readonly outHeight: number; readonly outWidth: number; readonly up: number; readonly down: number; readonly padY: number; readonly padX: number; readonly tapsY: number; readonly tapsX: number; readonly filter: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeFir({ words }: Pick<FrameViews, "words">, at: number, f: FirFrame): number {
  words[at] = f.x; words[at + 1] = f.y; words[at + 2] = f.scratch; words[at + 3] = f.scratchStride; words[at + 4] = f.height; words[at + 5] = f.width; words[at + 6] = f.outHeight; words[at + 7] = f.outWidth; words[at + 8] = f.up; words[at + 9] = f.down; words[at + 10] = f.padY; words[at + 11] = f.padX; words[at + 12] = f.tapsY; words[at + 13] = f.tapsX; words[at + 14] = f.filter;
  return at + 15;
}

/**
 * Arguments of blockedToImage.
 * - pixelsPerChunk: A multiple of 4.
 */
export interface ImageFrame { readonly x: number; readonly w: number; readonly bias: number; readonly y: number; readonly blocks: number; readonly outChannels: number; readonly pixels: number; readonly xPlane: number; readonly yPlane: number; readonly pixelsPerChunk: number; readonly clamp: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeImage({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: ImageFrame): number {
  words[at] = f.x; words[at + 1] = f.w; words[at + 2] = f.bias; words[at + 3] = f.y; words[at + 4] = f.blocks; words[at + 5] = f.outChannels; words[at + 6] = f.pixels; words[at + 7] = f.xPlane; words[at + 8] = f.yPlane; words[at + 9] = f.pixelsPerChunk; reals[at + 10] = f.clamp;
  return at + 11;
}

/**
 * Arguments of imageVectors.
 * - w: [outChannels, inChannels]; [n, inChannels], [n, outChannels] and [outChannels], or 0.
 * - toW: [n, outChannels, inPadded], [outChannels]
 */
export interface ImageVectorsFrame { readonly w: number; readonly inputScales: number; readonly outputScales: number; readonly bias: number; readonly n: number; readonly inChannels: number; readonly inPadded: number; readonly outChannels: number; readonly toW: number; readonly toBias: number; readonly weightGain: number; readonly gain: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeImageVectors({ words, doubles }: Pick<FrameViews, "words" | "doubles">, at: number, f: ImageVectorsFrame): number {
  words[at] = f.w; words[at + 1] = f.inputScales; words[at + 2] = f.outputScales; words[at + 3] = f.bias; words[at + 4] = f.n; words[at + 5] = f.inChannels; words[at + 6] = f.inPadded; words[at + 7] = f.outChannels; words[at + 8] = f.toW; words[at + 9] = f.toBias; doubles[(at + 10) / 2] = f.weightGain; doubles[(at + 12) / 2] = f.gain;
  return at + 14;
}

/**
 * Arguments of convBlocked, convInPlace, convToImage, inPlaceSeams, transposedBlocked, transposedSeams.
 * - algorithm: 0 direct, 1 F(2x2,3x3), 2 F(4x4,3x3), 3 T2, 4 T4.
 * - tilesY: Tiles in one image.
 * - kernel: Direct convolution only: kernel size, stride, zero padding.
 * - tileRows: Micro-kernel: tiles by output channels.
 * - blockTiles: Tiles transformed together.
 * - panels: Output panels: in all, per chunk, and per pass over the transformed input.
 * - rowRanges: T2, T4, in place and to an image: ranges of tile rows, a chunk each. T2 and T4: rows per strip, and
 *   images per chunk, several only where a strip is an image.
 * - xPlane: From one channel block to the next. More than height * width * 32 where these are some rows of a larger
 *   map.
 * - weights: [points, panels, depth, tileCols]; `weightStride` from one point to the next.
 * - inputScales: [n, inBlocks * 8]; `inputScalesStride` is 0 where all samples share one row.
 * - scale: [n, panels * tileCols]: the scales of the output channels, weight gain and gain.
 * - bias: [panels * tileCols], gain included, zero past the last channel.
 * - noise: [1 or n, outHeight, outWidth], or zeros with a row stride of 0.
 * - noiseGain: [panels * tileCols]: strength times gain, zero past the last channel.
 * - scratch: Scratch of worker k begins at scratch + k * scratchStride: V, then the other parts at these offsets.
 * - stripRowStride: T2 and T4: rows of the strip; with in place: rows on the seams. See upConv.ts and inPlace.ts.
 * - firstRow: convToImage: the first row of tiles that is wanted, and the 1x1 convolution that follows, as in image.ts.
 * - slope: y = min(max(z, slope * z, -clamp), clamp).
 * - firY0: The filter after the transposed convolution, gain included: four taps per axis, in the order they meet the
 *   rows.
 */
export interface JobFrame { readonly algorithm: number; readonly n: number; readonly inBlocks: number; readonly height: number; readonly width: number; readonly outBlocks: number; readonly outHeight: number; readonly outWidth: number; readonly tilesY: number; readonly tilesX: number; readonly kernel: number; readonly stride: number; readonly pad: number; readonly tileRows: number; readonly tileCols: number; readonly blockTiles: number; readonly panels: number; readonly chunkPanels: number; readonly groupPanels: number; readonly rowRanges: number; readonly stripRows: number; readonly chunkImages: number; readonly x: number; readonly y: number; readonly xPlane: number; readonly yPlane: number; readonly weights: number; readonly weightStride: number; readonly inputScales: number; readonly inputScalesStride: number; readonly scale: number; readonly scaleStride: number; readonly bias: number; readonly noise: number; readonly noiseRowStride: number; readonly noiseImageStride: number; readonly noiseGain: number; readonly scratch: number; readonly scratchStride: number; readonly productOffset: number; readonly tileOffset: number; readonly stripOffset: number; readonly stripRowStride: number; readonly stripPlaneStride: number; readonly seams: number; readonly firstRow: number; readonly imageChannels: number; readonly imageWeights: number; readonly imageBias: number; readonly image: number; readonly imagePlane: number; readonly imageClamp: number; readonly slope: number; readonly clamp: number; readonly firY0: number; readonly firY1: number; readonly firY2: number; readonly firY3: number; readonly firX0: number; readonly firX1: number; readonly firX2: number; readonly firX3: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeJob({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: JobFrame): number {
  words[at] = f.algorithm; words[at + 1] = f.n; words[at + 2] = f.inBlocks; words[at + 3] = f.height; words[at + 4] = f.width; words[at + 5] = f.outBlocks; words[at + 6] = f.outHeight; words[at + 7] = f.outWidth; words[at + 8] = f.tilesY; words[at + 9] = f.tilesX; words[at + 10] = f.kernel; words[at + 11] = f.stride; words[at + 12] = f.pad; words[at + 13] = f.tileRows; words[at + 14] = f.tileCols; words[at + 15] = f.blockTiles; words[at + 16] = f.panels; words[at + 17] = f.chunkPanels; words[at + 18] = f.groupPanels; words[at + 19] = f.rowRanges; words[at + 20] = f.stripRows; words[at + 21] = f.chunkImages; words[at + 22] = f.x; words[at + 23] = f.y; words[at + 24] = f.xPlane; words[at + 25] = f.yPlane; words[at + 26] = f.weights; words[at + 27] = f.weightStride; words[at + 28] = f.inputScales; words[at + 29] = f.inputScalesStride; words[at + 30] = f.scale; words[at + 31] = f.scaleStride; words[at + 32] = f.bias; words[at + 33] = f.noise; words[at + 34] = f.noiseRowStride; words[at + 35] = f.noiseImageStride; words[at + 36] = f.noiseGain; words[at + 37] = f.scratch; words[at + 38] = f.scratchStride; words[at + 39] = f.productOffset; words[at + 40] = f.tileOffset; words[at + 41] = f.stripOffset; words[at + 42] = f.stripRowStride; words[at + 43] = f.stripPlaneStride; words[at + 44] = f.seams; words[at + 45] = f.firstRow; words[at + 46] = f.imageChannels; words[at + 47] = f.imageWeights; words[at + 48] = f.imageBias; words[at + 49] = f.image; words[at + 50] = f.imagePlane; reals[at + 51] = f.imageClamp; reals[at + 52] = f.slope; reals[at + 53] = f.clamp; reals[at + 54] = f.firY0; reals[at + 55] = f.firY1; reals[at + 56] = f.firY2; reals[at + 57] = f.firY3; reals[at + 58] = f.firX0; reals[at + 59] = f.firX1; reals[at + 60] = f.firX2; reals[at + 61] = f.firX3;
  return at + 62;
}

/** Arguments of blockedToPlanar, planarToBlocked. */
export interface LayoutFrame { readonly x: number; readonly y: number; readonly channels: number; readonly pixels: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeLayout({ words }: Pick<FrameViews, "words">, at: number, f: LayoutFrame): number {
  words[at] = f.x; words[at + 1] = f.y; words[at + 2] = f.channels; words[at + 3] = f.pixels;
  return at + 4;
}

/** Arguments of prepareWeights. */
export interface WeightFrame { readonly w: number; readonly u: number; readonly algorithm: number; readonly outChannels: number; readonly inChannels: number; readonly outStride: number; readonly inStride: number; readonly taps: number; readonly flip: number; readonly matrixStride: number; readonly inPadded: number; readonly tileCols: number; readonly scratch: number; readonly scratchStride: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeWeight({ words }: Pick<FrameViews, "words">, at: number, f: WeightFrame): number {
  words[at] = f.w; words[at + 1] = f.u; words[at + 2] = f.algorithm; words[at + 3] = f.outChannels; words[at + 4] = f.inChannels; words[at + 5] = f.outStride; words[at + 6] = f.inStride; words[at + 7] = f.taps; words[at + 8] = f.flip; words[at + 9] = f.matrixStride; words[at + 10] = f.inPadded; words[at + 11] = f.tileCols; words[at + 12] = f.scratch; words[at + 13] = f.scratchStride;
  return at + 14;
}

/** Arguments of sumOfSquares. */
export interface SquaresFrame { readonly w: number; readonly q: number; readonly outChannels: number; readonly inChannels: number; readonly taps: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeSquares({ words }: Pick<FrameViews, "words">, at: number, f: SquaresFrame): number {
  words[at] = f.w; words[at + 1] = f.q; words[at + 2] = f.outChannels; words[at + 3] = f.inChannels; words[at + 4] = f.taps;
  return at + 5;
}

/** Arguments of inverseNorms. */
export interface InverseNormsFrame { readonly q: number; readonly s: number; readonly d: number; readonly outChannels: number; readonly inChannels: number; readonly gain: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeInverseNorms({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: InverseNormsFrame): number {
  words[at] = f.q; words[at + 1] = f.s; words[at + 2] = f.d; words[at + 3] = f.outChannels; words[at + 4] = f.inChannels; reals[at + 5] = f.gain;
  return at + 6;
}
