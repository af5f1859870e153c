/** What a training run is made of: its settings, and all that it remembers from step to step. */
import { Adam } from "../../nn/optim.js";
import type { AugmentPipeline } from "../augment/pipeline.js";
import { Generator } from "../generator.js";
import { type AnyDiscriminator, type AnyGenerator, setTrainable } from "../networks.js";
import type { LossName } from "./losses.js";
import { lazyRegularization } from "./regularizers.js";

export interface AdaSettings {
  /** Default 0.6. */
  readonly target?: number;
  /** Thousands of images in which p can go from 0 to 1. Default 500. */
  readonly adaKimg?: number;
  /** Steps between adjustments. Default 4. */
  readonly interval?: number;
}

export interface TrainingSettings {
  /** Default "logistic". With "wgan" the gradient penalty of WGAN-GP joins Dmain. */
  readonly loss?: LossName;
  /** Default 0.002. */
  readonly generatorLearningRate?: number;
  /** Default 0.002. */
  readonly discriminatorLearningRate?: number;
  /** Of Adam. Default [0, 0.99]. */
  readonly betas?: readonly [number, number];
  /** Of Adam. Default 1e-8. */
  readonly epsilon?: number;
  /** Weight of R1; 0 leaves Dreg out. Default 10. */
  readonly r1Gamma?: number;
  /** Weight of path length; 0 leaves Greg out. Default 2. */
  readonly plWeight?: number;
  /** How far the average path length moves towards each batch. Default 0.01. */
  readonly plDecay?: number;
  /**
   * Whether penalties are updates of their own, every few steps, with Adam corrected for them (StyleGAN2, appendix B).
   * False adds them to the losses of every step, as StyleGAN did: one update of each network, at the rate asked for,
   * and no intervals. Default true.
   */
  readonly lazyRegularization?: boolean;
  /** Steps from one Greg to the next. Default 4; 1 without lazy regularisation. */
  readonly gRegInterval?: number;
  /** Steps from one Dreg to the next. Default 16; 1 without lazy regularisation. */
  readonly dRegInterval?: number;
  /** Half-life of the average of the generator, in thousands of images. Default 10. */
  readonly emaKimg?: number;
  /** Half-life as a part of the images seen so far, while that is less; null for no ramp-up. Default null. */
  readonly emaRampup?: number | null;
  /** What is done to every image that the discriminator sees; null for nothing. Default null. */
  readonly augment?: AugmentPipeline | null;
  /** Probability of augmentation at the start. Default 0. */
  readonly augmentP?: number;
  /** Controls the probability; null leaves it fixed. Default null. */
  readonly ada?: AdaSettings | null;
}

const DEFAULTS: Required<TrainingSettings> = {
  loss: "logistic",
  generatorLearningRate: 0.002,
  discriminatorLearningRate: 0.002,
  betas: [0, 0.99],
  epsilon: 1e-8,
  r1Gamma: 10,
  plWeight: 2,
  plDecay: 0.01,
  lazyRegularization: true,
  gRegInterval: 4,
  dRegInterval: 16,
  emaKimg: 10,
  emaRampup: null,
  augment: null,
  augmentP: 0,
  ada: null,
};

/** @throws RangeError for an interval without lazy regularisation */
function withDefaults(given: TrainingSettings): Required<TrainingSettings> {
  const settings = { ...DEFAULTS, ...given };
  if (settings.lazyRegularization) return settings;
  for (const name of ["gRegInterval", "dRegInterval"] as const) {
    const interval = given[name] ?? 1;
    if (interval === 1) continue;
    throw new RangeError(
      `TrainingState: without lazyRegularization penalties run in every step, so ${name} must be 1, got ${interval}`,
    );
  }
  return { ...settings, gRegInterval: 1, dRegInterval: 1 };
}

/** The numbers of a state that are not tensors; plain data, safe to store as JSON. */
export interface TrainingProgress {
  /** Steps done. */
  steps: number;
  /** Real images seen. */
  images: number;
  /** Moving average of path lengths. */
  plMean: number;
  /** Probability of augmentation. */
  augmentP: number;
  /** Sum of sign(D(x)) over real images since the last adjustment of the probability, and how many there were. */
  signSum: number;
  signCount: number;
}

/** All that a training run remembers: networks, their optimisers, the average, and a few numbers. */
export class TrainingState {
  readonly generator: AnyGenerator;
  readonly discriminator: AnyDiscriminator;
  /** The moving average of the generator: the one that makes the images. */
  readonly average: AnyGenerator;
  readonly generatorOptimizer: Adam;
  readonly discriminatorOptimizer: Adam;
  readonly settings: Required<TrainingSettings>;
  readonly progress: TrainingProgress;

  /**
   * `average` starts as a copy of the generator unless it is given.
   *
   * @throws RangeError for an interval other than 1 without lazy regularisation
   */
  constructor(
    networks: {
      readonly generator: AnyGenerator;
      readonly discriminator: AnyDiscriminator;
      readonly average?: AnyGenerator;
    },
    settings: TrainingSettings = {},
  ) {
    const generator = setTrainable(networks.generator, true);
    const discriminator = setTrainable(networks.discriminator, true);
    this.settings = withDefaults(settings);
    const { epsilon, gRegInterval, dRegInterval, generatorLearningRate, discriminatorLearningRate } = this.settings;
    const adam = (network: AnyGenerator | AnyDiscriminator, learningRate: number, interval: number): Adam =>
      new Adam(network.parameters, { ...this.#corrected(interval, learningRate), epsilon });
    this.generator = generator;
    this.discriminator = discriminator;
    this.average = networks.average ?? copyGenerator(generator);
    this.generatorOptimizer = adam(generator, generatorLearningRate, gRegInterval);
    this.discriminatorOptimizer = adam(discriminator, discriminatorLearningRate, dRegInterval);
    this.progress = { steps: 0, images: 0, plMean: 0, augmentP: this.settings.augmentP, signSum: 0, signCount: 0 };
  }

  /** The learning rate of both networks from now on, as it is asked for: lazy regularisation corrects it. */
  setLearningRate(learningRate: number): void {
    const { gRegInterval, dRegInterval } = this.settings;
    this.generatorOptimizer.learningRate = this.#corrected(gRegInterval, learningRate).learningRate;
    this.discriminatorOptimizer.learningRate = this.#corrected(dRegInterval, learningRate).learningRate;
  }

  /** What Adam gets for a rate that is asked for. A network whose penalty has weight 0 is corrected all the same. */
  #corrected(interval: number, learningRate: number): Pick<Adam, "learningRate" | "betas"> {
    const { betas, lazyRegularization: isLazy } = this.settings;
    return isLazy ? lazyRegularization(interval, learningRate, betas) : { learningRate, betas };
  }

  /** Whether a regularisation phase is due in the next step. */
  isDue(phase: "Greg" | "Dreg"): boolean {
    const { plWeight, gRegInterval, r1Gamma, dRegInterval } = this.settings;
    const [weight, interval] = phase === "Greg" ? [plWeight, gRegInterval] : [r1Gamma, dRegInterval];
    return weight > 0 && this.progress.steps % interval === 0;
  }
}

/** A generator of its own with the same geometry and numbers, frozen. */
export function copyGenerator(generator: AnyGenerator): AnyGenerator {
  const source = new Map([...generator.parameters, ...generator.buffers]);
  const copy = new Generator(generator.config, (name, _shape, data) => data.set(source.get(name)!.internals.numbers));
  return setTrainable(copy, false);
}
