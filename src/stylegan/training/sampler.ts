/**
 * Draws the random inputs of training steps from one seeded generator: latents, labels, style mixing, noise seeds,
 * augmentation. Its state is plain data; a run that stores it continues bit for bit.
 */
import { NoiseGenerator } from "../../nn/noise.js";
import { type RandomSnapshot, RandomState } from "../../nn/random.js";
import { Tensor } from "../../nn/tensor.js";
import { type AugmentDraws, drawAugmentation } from "../augment/pipeline.js";
import { layersAt, lodOf } from "./schedule.js";
import type { TrainingState } from "./state.js";
import type { LatentDraws, StepInputs } from "./step.js";

export interface SamplerOptions {
  /** Real images of a step. */
  readonly batchSize: number;
  /** Probability that a batch takes its w's from two latents. Default 0.9. */
  readonly styleMixingProb?: number;
  /** Path length is computed on batchSize / plBatchShrink images. Default 2. */
  readonly plBatchShrink?: number;
  /** "const" trains with the noise maps stored in the generator. Default "random". */
  readonly noise?: "random" | "const";
  /** Labels of the data set, each [cDim]: generated images take theirs from here. Required for conditional networks. */
  readonly labels?: readonly ArrayLike<number>[];
}

export class TrainingSampler {
  readonly #random: RandomState;
  readonly #options: Required<SamplerOptions>;

  /** @throws RangeError when the batch is not a whole number of at least 1 */
  constructor(seed: number, options: SamplerOptions) {
    const { batchSize, styleMixingProb = 0.9, plBatchShrink = 2, noise = "random", labels = [] } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`TrainingSampler: batchSize must be a whole number of at least 1, got ${batchSize}`);
    }
    this.#random = new RandomState(seed);
    this.#options = { batchSize, styleMixingProb, plBatchShrink, noise, labels };
  }

  getState(): RandomSnapshot {
    return this.#random.getState();
  }

  setState(state: RandomSnapshot): void {
    this.#random.setState(state);
  }

  /**
   * All that the next step of `state` needs, but for the real images. A growing generator stores the step's lod.
   *
   * @param isDue whether a penalty is to be drawn for. Default: where the state says that it is due
   */
  draw(
    state: TrainingState,
    isDue = (phase: "Greg" | "Dreg"): boolean => state.isDue(phase),
  ): Omit<StepInputs, "real" | "realC"> {
    const { batchSize, plBatchShrink } = this.#options;
    const { generator, settings } = state;
    const imageShape = (n: number): number[] => {
      const { imgChannels, imgResolution } = generator;
      return [n, imgChannels, imgResolution, imgResolution];
    };
    const augmentation = (): AugmentDraws | null =>
      settings.augment === null ? null : drawAugmentation(this.#random, settings.augment, imageShape(batchSize));
    const Gmain = { ...this.#latents(state, batchSize), augment: augmentation() };
    const shrunk = Math.max(1, Math.floor(batchSize / plBatchShrink));
    const Greg = isDue("Greg") ? { ...this.#latents(state, shrunk), plNoise: this.#normal(imageShape(shrunk)) } : null;
    const Dmain = {
      ...this.#latents(state, batchSize),
      augmentFake: augmentation(),
      augmentReal: augmentation(),
      interpolation:
        settings.loss === "wgan" ? Tensor.from(this.#random.randomSample(batchSize), [batchSize, 1, 1, 1]) : null,
    };
    const Dreg = isDue("Dreg") ? { augmentReal: augmentation() } : null;
    return { Gmain, Greg, Dmain, Dreg };
  }

  #latents({ generator }: TrainingState, n: number): LatentDraws {
    const { styleMixingProb, noise } = this.#options;
    const z = this.#normal([n, generator.zDim]);
    const c = this.#labels(n, generator.cDim);
    const layers = layersAt(generator.numWs, lodOf(generator));
    const mixes = layers > 1 && this.#random.uniform() < styleMixingProb;
    const mixing = mixes ? { cutoff: this.#random.randint(1, layers), z: this.#normal([n, generator.zDim]) } : null;
    return { z, c, mixing, noiseSeed: noise === "random" ? this.#random.nextUint32() : null };
  }

  #labels(n: number, cDim: number): Tensor | null {
    if (cDim === 0) return null;
    const { labels } = this.#options;
    if (labels.length === 0) {
      throw new RangeError(`TrainingSampler: a conditional generator needs labels of [${cDim}] to draw from, got none`);
    }
    const drawn = Array.from({ length: n }, () => Array.from(labels[this.#random.randint(0, labels.length)]));
    return Tensor.from(drawn.flat(), [n, cDim]);
  }

  #normal(shape: readonly number[]): Tensor {
    return new NoiseGenerator(this.#random.nextUint32()).normal(shape);
  }
}
