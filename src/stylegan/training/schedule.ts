/**
 * Progressive growing as a schedule (ProGAN, appendix A; StyleGAN, appendix C): what the training of a growing network
 * does after so many images, as pure functions of their number.
 *
 *   lod(kimg) = log2(R / R_0) - phase - max(kimgInPhase - stable, 0) / fade,  at least 0;  phase = floor(kimg / (stable + fade))
 *
 * Every phase trains at one resolution for a while, then fades in the next. Networks read the lod from their buffers
 * (`setLod`), so that a snapshot knows where its training had come to.
 * Tests: tests/identities/growing.test.ts.
 */
import { scope, type Tensor } from "../../nn/tensor.js";
import { imagesAtLod, splitLod } from "../growing/lod.js";

export { imagesAtLod };

/** A number for every resolution: `base` where `at` has no other. */
export interface ByResolution {
  readonly base: number;
  readonly at: Readonly<Record<number, number>>;
}

export interface GrowingSchedule {
  /** Pixels a side of the finished network. */
  readonly imgResolution: number;
  /** Where growing begins. Default 8. */
  readonly initialResolution?: number;
  /** Thousands of images at a resolution before the next fades in. Default 600. */
  readonly stableKimg?: number;
  /** Thousands of images that a fade takes; 0 switches at once. Default 600. */
  readonly fadeKimg?: number;
  /** Steps from one look at the schedule to the next. Default 1; StyleGAN has 4. */
  readonly minibatchRepeats?: number;
  /** Images in a step. */
  readonly batch: ByResolution;
  /** Of Adam, for both networks. */
  readonly learningRate: ByResolution;
}

/** What training does at one moment. */
export interface GrowingMoment {
  readonly lod: number;
  /** Pixels a side that matter: imgResolution / 2^floor(lod). */
  readonly resolution: number;
  readonly batch: number;
  readonly learningRate: number;
}

/** The pixels a side that a network at this lod computes. */
export function resolutionAt(imgResolution: number, lod: number): number {
  return imgResolution / 2 ** splitLod("resolutionAt", lod, imgResolution).level;
}

/**
 * The schedule after `images` real images.
 *
 * @throws RangeError when the initial resolution is not one of the network's, or a phase has no length
 */
export function momentAt(schedule: GrowingSchedule, images: number): GrowingMoment {
  const { imgResolution, initialResolution = 8, stableKimg = 600, fadeKimg = 600, batch, learningRate } = schedule;
  const levels = Math.log2(imgResolution / initialResolution);
  if (!Number.isInteger(levels) || levels < 0 || initialResolution < 4) {
    throw new RangeError(
      `momentAt: initialResolution must be a power of two from 4 to ${imgResolution}, got ${initialResolution}`,
    );
  }
  if (!(stableKimg >= 0 && fadeKimg >= 0 && stableKimg + fadeKimg > 0)) {
    throw new RangeError(`momentAt: phases must take some images, got ${stableKimg} and ${fadeKimg} kimg`);
  }
  const kimg = images / 1000;
  const phase = Math.floor(kimg / (stableKimg + fadeKimg));
  const faded = Math.max(kimg - phase * (stableKimg + fadeKimg) - stableKimg, 0);
  const lod = Math.max(levels - phase - (fadeKimg > 0 ? faded / fadeKimg : 0), 0);
  const resolution = resolutionAt(imgResolution, lod);
  return {
    lod,
    resolution,
    batch: batch.at[resolution] ?? batch.base,
    learningRate: learningRate.at[resolution] ?? learningRate.base,
  };
}

/** Whether Adam should forget its moments: the layers in training change when a fade begins or ends. */
export function resetsOptimizers(previousLod: number, lod: number): boolean {
  return Math.floor(previousLod) !== Math.floor(lod) || Math.ceil(previousLod) !== Math.ceil(lod);
}

/**
 * How many w's the network uses at this lod: style mixing draws its cutoff from 1 up to, not including, this number,
 * since later layers do not run yet.
 */
export function layersAt(numWs: number, lod: number): number {
  return numWs - 2 * Math.floor(lod);
}

/** A generator or discriminator that grows, as far as its lod goes. */
interface Growing {
  readonly buffers: ReadonlyMap<string, Tensor>;
}

const lodBuffer = ({ buffers }: Growing): Tensor | undefined => buffers.get("synthesis.lod") ?? buffers.get("lod");

/** The lod that a network stores; 0 for one that does not grow: all of it runs. */
export function lodOf(network: Growing): number {
  return lodBuffer(network)?.item() ?? 0;
}

/** Stores the lod in a network: the one it then uses unless told otherwise. */
export function setLod(network: Growing, lod: number): void {
  const buffer = lodBuffer(network);
  if (buffer === undefined) throw new TypeError("setLod: this network does not grow: it has no buffer for a lod");
  scope(() => buffer.update((block) => block.data.fill(lod)));
}
