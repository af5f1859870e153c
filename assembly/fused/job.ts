/**
 * What one fused layer is asked to do: the arguments of its chunk functions, written by `src/nn/kernels/wasm/fused/job.ts` field by
 * field in the same order. All fields are 4 bytes; pointers are byte addresses, strides are bytes.
 *
 * Activations are [n, blocks, height, width, 8] ("blocked"): a pixel holds eight channels, 32 bytes. A *tile* is what one
 * input transform reads; tiles are numbered row by row, image after image. A *panel* is a group of `tileRows` tiles (on
 * the input side) or of `tileCols` output channels (on the weight side): what one micro-kernel multiplies.
 */
@unmanaged
export class Job {
  /** 0 direct, 1 F(2x2,3x3), 2 F(4x4,3x3), 3 T2, 4 T4. */
  algorithm: i32;
  n: i32;
  inBlocks: i32;
  height: i32;
  width: i32;
  outBlocks: i32;
  outHeight: i32;
  outWidth: i32;
  /** Tiles in one image. */
  tilesY: i32;
  tilesX: i32;
  /** Direct convolution only: kernel size, stride, zero padding. */
  kernel: i32;
  stride: i32;
  pad: i32;
  /** Micro-kernel: tiles by output channels. */
  tileRows: i32;
  tileCols: i32;
  /** Tiles transformed together. */
  blockTiles: i32;
  /** Output panels: in all, per chunk, and per pass over the transformed input. */
  panels: i32;
  chunkPanels: i32;
  groupPanels: i32;
  /**
   * T2, T4, in place and to an image: ranges of tile rows, a chunk each. T2 and T4: rows per strip, and images per chunk, several
   * only where a strip is an image.
   */
  rowRanges: i32;
  stripRows: i32;
  chunkImages: i32;

  x: usize;
  y: usize;
  /** From one channel block to the next. More than height * width * 32 where these are some rows of a larger map. */
  xPlane: usize;
  yPlane: usize;
  /** [points, panels, depth, tileCols]; `weightStride` from one point to the next. */
  weights: usize;
  weightStride: usize;
  /** [n, inBlocks * 8]; `inputScalesStride` is 0 where all samples share one row. */
  inputScales: usize;
  inputScalesStride: usize;
  /** [n, panels * tileCols]: the scales of the output channels, weight gain and gain. */
  scale: usize;
  scaleStride: usize;
  /** [panels * tileCols], gain included, zero past the last channel. */
  bias: usize;
  /** [1 or n, outHeight, outWidth], or zeros with a row stride of 0. */
  noise: usize;
  noiseRowStride: usize;
  noiseImageStride: usize;
  /** [panels * tileCols]: strength times gain, zero past the last channel. */
  noiseGain: usize;

  /** Scratch of worker k begins at scratch + k * scratchStride: V, then the other parts at these offsets. */
  scratch: usize;
  scratchStride: usize;
  productOffset: usize;
  tileOffset: usize;
  stripOffset: usize;
  /** T2 and T4: rows of the strip; with in place: rows on the seams. See upConv.ts and inPlace.ts. */
  stripRowStride: usize;
  stripPlaneStride: usize;
  seams: usize;

  /** convToImage: the first row of tiles that is wanted, and the 1x1 convolution that follows, as in image.ts. */
  firstRow: i32;
  imageChannels: i32;
  imageWeights: usize;
  imageBias: usize;
  image: usize;
  imagePlane: usize;
  imageClamp: f32;

  /** y = min(max(z, slope * z, -clamp), clamp). */
  slope: f32;
  clamp: f32;
  /** The filter after the transposed convolution, gain included: four taps per axis, in the order they meet the rows. */
  firY0: f32;
  firY1: f32;
  firY2: f32;
  firY3: f32;
  firX0: f32;
  firX1: f32;
  firX2: f32;
  firX3: f32;
}

/** @host */
export const DIRECT: i32 = 0;
/** @host */ export const F2: i32 = 1;
/** @host */ export const F4: i32 = 2;
/** @host */ export const T2: i32 = 3;
/** @host */ export const T4: i32 = 4;

/** The first of `rows` rows in range `range` of `ranges`, which differ by one row at most. */
export function rangeStart(rows: i32, ranges: i32, range: i32): i32 {
  return rows * range / ranges;
}

/** Transform points per axis: how many products a tile needs, squared. */
export function pointsOf(algorithm: i32): i32 {
  if (algorithm == F2) return 4;
  if (algorithm == F4) return 6;
  if (algorithm == T2) return 5;
  if (algorithm == T4) return 9;
  return 1;
}

/** Distinct weight matrices per axis; the points past the last one share it. */
export function matricesOf(algorithm: i32): i32 {
  if (algorithm == F2 || algorithm == T2) return 4;
  if (algorithm == F4 || algorithm == T4) return 6;
  return 1;
}
