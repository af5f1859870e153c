/** One convolution on blocked feature maps: from its shape to a plan and the argument frame of assembly/fused/job.ts, then to work. */

import type { Engine } from "../engine.js";
import type { JobFrame } from "../frames/fused.js";
import { LinearBlock } from "../memory.js";
import { algorithms, isTransposed } from "./algorithms.js";
import { type ConvPlan, type ConvShape, type MicroTile, planConv, planWeights, type WeightPlan } from "./plan.js";
import type { Operand } from "./types.js";

/** What a job reads and writes, all in the form that assembly/fused/job.ts describes. */
export type JobOperands = Pick<
  JobFrame,
  | "x"
  | "y"
  | "weights"
  | "inputScales"
  | "inputScalesStride"
  | "scale"
  | "scaleStride"
  | "bias"
  | "noise"
  | "noiseRowStride"
  | "noiseImageStride"
  | "noiseGain"
> &
  Partial<Pick<JobFrame, "xPlane" | "yPlane" | keyof ImageOperands>>;

/** Of the image that is made of a convolution. */
export type ImageOperands = Pick<
  JobFrame,
  "image" | "imagePlane" | "imageChannels" | "imageWeights" | "imageBias" | "imageClamp"
>;

const noImage: ImageOperands = {
  ...{ image: 0, imagePlane: 0, imageChannels: 0, imageWeights: 0, imageBias: 0, imageClamp: 0 },
};

/** What else a job needs: the direct algorithm its stride and padding, the transposed ones their filter. */
export interface JobSettings {
  readonly stride: number;
  readonly pad: number;
  /** Negative slope of the activation: 1 for linear, 0 for relu. */
  readonly slope: number;
  /** Infinity for none. */
  readonly clamp: number;
  /** Four taps per axis, gain included, in the order in which they meet the rows and columns. */
  readonly firY: readonly number[];
  readonly firX: readonly number[];
}

type JobKernel =
  | "convBlocked"
  | "convInPlace"
  | "convToImage"
  | "inPlaceSeams"
  | "transposedBlocked"
  | "transposedSeams";

/** A convolution, planned: ready to run on any operands of its shape. */
export interface ConvJob {
  readonly shape: ConvShape;
  readonly plan: ConvPlan;
  readonly weights: WeightPlan;
  readonly frame: Omit<
    JobFrame,
    Exclude<keyof JobOperands, "xPlane" | "yPlane" | keyof ImageOperands> | "scratch" | "seams"
  >;
  readonly settings: JobSettings;
}

/** Scratch memory that is kept from call to call and grows to what the largest layer needs. */
export class Scratch {
  readonly #engine: Engine;
  #pointer = 0;
  #bytes = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** At least `bytes` bytes; their former contents are lost when they do not suffice. */
  reserve(bytes: number): number {
    if (bytes > this.#bytes) {
      this.release();
      const whole = Math.ceil(bytes / 64) * 64;
      this.#pointer = this.#engine.memory.allocate(whole);
      this.#bytes = whole;
    }
    return this.#pointer;
  }

  /** Gives the memory back; the next `reserve` starts afresh. */
  release(): void {
    if (this.#bytes === 0) return;
    this.#engine.captures.clear();
    this.#engine.memory.release(this.#pointer);
    this.#bytes = 0;
  }
}

/** @throws TypeError for a block of other kernels */
function linearBlock(what: string, { block }: Operand): LinearBlock {
  if (block instanceof LinearBlock) return block;
  throw new TypeError(`${what}: expected a block of the WASM kernels, got one of others; allocate it with them`);
}

/** @throws TypeError for a block of other kernels */
export const pointerOf = (what: string, operand: Operand): number => linearBlock(what, operand).pointer;

/** Of weights, which are read to prepare others and then put away, see `putAway`. @throws TypeError for a block of other kernels */
export const weightPointer = (weight: Operand): number => linearBlock("weight", weight).peek();

/** Weights that have been prepared are not read again, by these kernels: their memory may go, if somebody can bring them back. */
export const putAway = (weight: Operand): void => linearBlock("weight", weight).giveUp();

export function planJob(shape: ConvShape, tile: MicroTile, workers: number, settings: JobSettings): ConvJob {
  const weights = planWeights(shape, tile);
  const plan = planConv(shape, weights, tile, workers);
  const [firY0, firY1, firY2, firY3] = settings.firY;
  const [firX0, firX1, firX2, firX3] = settings.firX;
  const frame = {
    algorithm: algorithms[shape.algorithm].code,
    n: shape.n,
    inBlocks: Math.ceil(shape.inChannels / 8),
    height: shape.height,
    width: shape.width,
    xPlane: shape.height * shape.width * 32,
    outBlocks: Math.ceil(shape.outChannels / 8),
    yPlane: shape.outHeight * shape.outWidth * 32,
    outHeight: shape.outHeight,
    outWidth: shape.outWidth,
    tilesY: plan.tilesY,
    tilesX: plan.tilesX,
    kernel: shape.kernel,
    stride: settings.stride,
    pad: settings.pad,
    tileRows: tile.rows,
    tileCols: tile.cols,
    blockTiles: plan.blockTiles,
    panels: weights.panels,
    chunkPanels: plan.chunkPanels,
    groupPanels: plan.groupPanels,
    rowRanges: plan.rowRanges,
    stripRows: plan.stripRows,
    chunkImages: plan.chunkImages,
    weightStride: weights.matrixStrideBytes,
    scratchStride: Math.ceil(plan.scratchBytes / 64) * 64,
    productOffset: plan.productOffset,
    tileOffset: plan.tileOffset,
    stripOffset: plan.stripOffset,
    stripRowStride: plan.stripRowStride,
    stripPlaneStride: plan.stripPlaneStride,
    firstRow: shape.imageFrom ?? 0,
    ...noImage,
    slope: settings.slope,
    clamp: settings.clamp,
    ...{ firY0, firY1, firY2, firY3, firX0, firX1, firX2, firX3 },
  };
  return { shape, plan, weights, frame, settings };
}

/** What runs before the convolution, the convolution, and what runs after it. */
function kernelsOf({
  inPlace,
  imageFrom,
  algorithm,
}: ConvShape): readonly [JobKernel | null, JobKernel, JobKernel | null] {
  if (imageFrom !== undefined) return [null, "convToImage", null];
  if (inPlace) return ["inPlaceSeams", "convInPlace", null];
  if (isTransposed(algorithm)) return [null, "transposedBlocked", "transposedSeams"];
  return [null, "convBlocked", null];
}

export function runJob(engine: Engine, job: ConvJob, operands: JobOperands): void {
  const { shape, plan, frame } = job;
  const seamChunks = plan.seams * frame.outBlocks;
  const [before, main, after] = kernelsOf(shape);
  // Given back after each layer: large maps have small tiles, and so may lie where the scratch of others was.
  engine.withScratch(engine.workers * frame.scratchStride + plan.seamBytes, (scratch) => {
    const whole = { ...frame, ...operands, scratch, seams: scratch + engine.workers * frame.scratchStride };
    const run = (name: JobKernel, chunks: number) => engine.run(name, chunks, whole);
    if (before !== null) run(before, seamChunks);
    run(main, plan.chunks);
    if (after !== null) run(after, seamChunks);
  });
}
