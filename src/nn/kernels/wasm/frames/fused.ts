/** Written by scripts/build/frames.mjs from assembly/fused/: change it there. */
import type { FrameViews } from "./views.js";

/** Keeps the streams of the transform points out of each other's cache sets. */
export const SKEW = 64;
export const DIRECT = 0;
export const F2 = 1;
export const F4 = 2;
export const T2 = 3;
export const T4 = 4;

/** Arguments of blockedFir. */
export interface FirFrame {
  readonly x: number;
  readonly y: number;
  readonly scratch: number;
  readonly scratchStride: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly up: number;
  readonly down: number;
  readonly padY: number;
  readonly padX: number;
  readonly tapsY: number;
  readonly tapsX: number;
  /** tapsY, then tapsX numbers. */
  readonly filter: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeFir({ words }: Pick<FrameViews, "words">, at: number, frame: FirFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.y;
  words[at + 2] = frame.scratch;
  words[at + 3] = frame.scratchStride;
  words[at + 4] = frame.height;
  words[at + 5] = frame.width;
  words[at + 6] = frame.outHeight;
  words[at + 7] = frame.outWidth;
  words[at + 8] = frame.up;
  words[at + 9] = frame.down;
  words[at + 10] = frame.padY;
  words[at + 11] = frame.padX;
  words[at + 12] = frame.tapsY;
  words[at + 13] = frame.tapsX;
  words[at + 14] = frame.filter;
  return at + 15;
}

/** Arguments of blockedToImage. */
export interface ImageFrame {
  readonly x: number;
  readonly w: number;
  readonly bias: number;
  readonly y: number;
  readonly blocks: number;
  readonly outChannels: number;
  readonly pixels: number;
  /** A multiple of 4. */
  readonly pixelsPerChunk: number;
  readonly clamp: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeImage({ words, reals }: FrameViews, at: number, frame: ImageFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.w;
  words[at + 2] = frame.bias;
  words[at + 3] = frame.y;
  words[at + 4] = frame.blocks;
  words[at + 5] = frame.outChannels;
  words[at + 6] = frame.pixels;
  words[at + 7] = frame.pixelsPerChunk;
  reals[at + 8] = frame.clamp;
  return at + 9;
}

/** Arguments of convBlocked, convInPlace, inPlaceSeams, transposedBlocked, transposedSeams. */
export interface JobFrame {
  /** 0 direct, 1 F(2x2,3x3), 2 F(4x4,3x3), 3 T2, 4 T4. */
  readonly algorithm: number;
  readonly n: number;
  readonly inBlocks: number;
  readonly height: number;
  readonly width: number;
  readonly outBlocks: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Tiles in one image. */
  readonly tilesY: number;
  readonly tilesX: number;
  /** Direct convolution only: kernel size, stride, zero padding. */
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  /** Micro-kernel: tiles by output channels. */
  readonly tileRows: number;
  readonly tileCols: number;
  /** Tiles transformed together. */
  readonly blockTiles: number;
  /** Output panels: in all, per chunk, and per pass over the transformed input. */
  readonly panels: number;
  readonly chunkPanels: number;
  readonly groupPanels: number;
  /** T2, T4 and in place: tile rows per chunk. T2 and T4: per strip. */
  readonly chunkRows: number;
  readonly stripRows: number;
  readonly x: number;
  readonly y: number;
  /** [points, panels, depth, tileCols]; `weightStride` from one point to the next. */
  readonly weights: number;
  readonly weightStride: number;
  /** [n, inBlocks * 8]; `inputScalesStride` is 0 where all samples share one row. */
  readonly inputScales: number;
  readonly inputScalesStride: number;
  /** [n, panels * tileCols]: the scales of the output channels, weight gain and gain. */
  readonly scale: number;
  readonly scaleStride: number;
  /** [panels * tileCols], gain included, zero past the last channel. */
  readonly bias: number;
  /** [1 or n, outHeight, outWidth], or zeros with a row stride of 0. */
  readonly noise: number;
  readonly noiseRowStride: number;
  readonly noiseImageStride: number;
  /** [panels * tileCols]: strength times gain, zero past the last channel. */
  readonly noiseGain: number;
  /** Scratch of worker k begins at scratch + k * scratchStride: V, then the other parts at these offsets. */
  readonly scratch: number;
  readonly scratchStride: number;
  readonly productOffset: number;
  readonly tileOffset: number;
  readonly stripOffset: number;
  /** T2 and T4: rows of the strip; with in place: rows on the seams. See upConv.ts and inPlace.ts. */
  readonly stripRowStride: number;
  readonly stripPlaneStride: number;
  readonly seams: number;
  /** y = min(max(z, slope * z, -clamp), clamp). */
  readonly slope: number;
  readonly clamp: number;
  /** The filter after the transposed convolution, gain included: four taps per axis, in the order they meet the rows. */
  readonly firY0: number;
  readonly firY1: number;
  readonly firY2: number;
  readonly firY3: number;
  readonly firX0: number;
  readonly firX1: number;
  readonly firX2: number;
  readonly firX3: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeJob({ words, reals }: FrameViews, at: number, frame: JobFrame): number {
  words[at] = frame.algorithm;
  words[at + 1] = frame.n;
  words[at + 2] = frame.inBlocks;
  words[at + 3] = frame.height;
  words[at + 4] = frame.width;
  words[at + 5] = frame.outBlocks;
  words[at + 6] = frame.outHeight;
  words[at + 7] = frame.outWidth;
  words[at + 8] = frame.tilesY;
  words[at + 9] = frame.tilesX;
  words[at + 10] = frame.kernel;
  words[at + 11] = frame.stride;
  words[at + 12] = frame.pad;
  words[at + 13] = frame.tileRows;
  words[at + 14] = frame.tileCols;
  words[at + 15] = frame.blockTiles;
  words[at + 16] = frame.panels;
  words[at + 17] = frame.chunkPanels;
  words[at + 18] = frame.groupPanels;
  words[at + 19] = frame.chunkRows;
  words[at + 20] = frame.stripRows;
  words[at + 21] = frame.x;
  words[at + 22] = frame.y;
  words[at + 23] = frame.weights;
  words[at + 24] = frame.weightStride;
  words[at + 25] = frame.inputScales;
  words[at + 26] = frame.inputScalesStride;
  words[at + 27] = frame.scale;
  words[at + 28] = frame.scaleStride;
  words[at + 29] = frame.bias;
  words[at + 30] = frame.noise;
  words[at + 31] = frame.noiseRowStride;
  words[at + 32] = frame.noiseImageStride;
  words[at + 33] = frame.noiseGain;
  words[at + 34] = frame.scratch;
  words[at + 35] = frame.scratchStride;
  words[at + 36] = frame.productOffset;
  words[at + 37] = frame.tileOffset;
  words[at + 38] = frame.stripOffset;
  words[at + 39] = frame.stripRowStride;
  words[at + 40] = frame.stripPlaneStride;
  words[at + 41] = frame.seams;
  reals[at + 42] = frame.slope;
  reals[at + 43] = frame.clamp;
  reals[at + 44] = frame.firY0;
  reals[at + 45] = frame.firY1;
  reals[at + 46] = frame.firY2;
  reals[at + 47] = frame.firY3;
  reals[at + 48] = frame.firX0;
  reals[at + 49] = frame.firX1;
  reals[at + 50] = frame.firX2;
  reals[at + 51] = frame.firX3;
  return at + 52;
}

/** Arguments of blockedToPlanar, planarToBlocked. */
export interface LayoutFrame {
  readonly x: number;
  readonly y: number;
  readonly channels: number;
  readonly pixels: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeLayout({ words }: Pick<FrameViews, "words">, at: number, frame: LayoutFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.y;
  words[at + 2] = frame.channels;
  words[at + 3] = frame.pixels;
  return at + 4;
}

/** Arguments of prepareWeights. */
export interface WeightFrame {
  readonly w: number;
  readonly u: number;
  readonly algorithm: number;
  readonly outChannels: number;
  readonly inChannels: number;
  readonly outStride: number;
  readonly inStride: number;
  readonly taps: number;
  readonly flip: number;
  readonly matrixStride: number;
  readonly inPadded: number;
  readonly tileCols: number;
  readonly scratch: number;
  readonly scratchStride: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeWeight({ words }: Pick<FrameViews, "words">, at: number, frame: WeightFrame): number {
  words[at] = frame.w;
  words[at + 1] = frame.u;
  words[at + 2] = frame.algorithm;
  words[at + 3] = frame.outChannels;
  words[at + 4] = frame.inChannels;
  words[at + 5] = frame.outStride;
  words[at + 6] = frame.inStride;
  words[at + 7] = frame.taps;
  words[at + 8] = frame.flip;
  words[at + 9] = frame.matrixStride;
  words[at + 10] = frame.inPadded;
  words[at + 11] = frame.tileCols;
  words[at + 12] = frame.scratch;
  words[at + 13] = frame.scratchStride;
  return at + 14;
}

/** Arguments of sumOfSquares. */
export interface SquaresFrame {
  readonly w: number;
  readonly q: number;
  readonly outChannels: number;
  readonly inChannels: number;
  readonly taps: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeSquares({ words }: Pick<FrameViews, "words">, at: number, frame: SquaresFrame): number {
  words[at] = frame.w;
  words[at + 1] = frame.q;
  words[at + 2] = frame.outChannels;
  words[at + 3] = frame.inChannels;
  words[at + 4] = frame.taps;
  return at + 5;
}

/** Arguments of inverseNorms. */
export interface InverseNormsFrame {
  readonly q: number;
  readonly s: number;
  readonly d: number;
  readonly outChannels: number;
  readonly inChannels: number;
  readonly gain: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeInverseNorms({ words, reals }: FrameViews, at: number, frame: InverseNormsFrame): number {
  words[at] = frame.q;
  words[at + 1] = frame.s;
  words[at + 2] = frame.d;
  words[at + 3] = frame.outChannels;
  words[at + 4] = frame.inChannels;
  reals[at + 5] = frame.gain;
  return at + 6;
}
