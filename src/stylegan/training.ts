/**
 * One step of training, as StyleGAN2 trains: four phases, each a loss, its gradients and an update.
 *
 *   Gmain  E[softplus(-D(G(z)))]                                 every step
 *   Greg   path length, times its interval                       every 4th
 *   Dmain  E[softplus(D(G(z)))] + E[softplus(-D(x))]             every step
 *   Dreg   R1, times its interval                                every 16th (StyleGAN2, appendix B: lazy regularisation)
 *
 * then the moving average of the generator, and, with augmentation, its probability. A step is a function of the
 * state and of `StepInputs`, which holds every random number it uses; `trainingSampler.ts` draws them. It reads no clock
 * and no other generator, so goldens replay and a resumed run repeats the uninterrupted one.
 *
 * Everything a phase computes lives in one scope: memory stays flat. Tests: tests/golden.training.test.ts.
 */
import { grad, noGrad } from "../nn/autograd.js";
import { add, scale, sign } from "../nn/ops/arith.js";
import { mean } from "../nn/ops/statistics.js";
import { Adam, emaBeta, updateEma } from "../nn/optim.js";
import { RandomState } from "../nn/random.js";
import { scope, type Tensor } from "../nn/tensor.js";
import { type AugmentDraws, type AugmentPipeline, adjustP, augment } from "./augment.js";
import { adversarialLosses, type LossName } from "./losses.js";
import { type AnyDiscriminator, type AnyGenerator, makeGenerator } from "./networks.js";
import {
  gradientPenalty,
  lazyRegularization,
  mixStyles,
  pathLengthPenalty,
  r1Penalty,
  trackWAvg,
} from "./regularizers.js";

export type Phase = "Gmain" | "Greg" | "Dmain" | "Dreg";

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
  /** Steps from one Greg to the next. Default 4. */
  readonly gRegInterval?: number;
  /** Steps from one Dreg to the next. Default 16. */
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
  gRegInterval: 4,
  dRegInterval: 16,
  emaKimg: 10,
  emaRampup: null,
  augment: null,
  augmentP: 0,
  ada: null,
};

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

  /** `average` starts as a copy of the generator unless it is given. */
  constructor(
    networks: {
      readonly generator: AnyGenerator;
      readonly discriminator: AnyDiscriminator;
      readonly average?: AnyGenerator;
    },
    settings: TrainingSettings = {},
  ) {
    const { generator, discriminator } = networks;
    this.settings = { ...DEFAULTS, ...settings };
    const { betas, epsilon, gRegInterval, dRegInterval } = this.settings;
    const { generatorLearningRate, discriminatorLearningRate } = this.settings;
    const adam = (network: AnyGenerator | AnyDiscriminator, learningRate: number, interval: number): Adam =>
      new Adam(network.parameters, { ...lazyRegularization(interval, learningRate, betas), epsilon });
    this.generator = generator;
    this.discriminator = discriminator;
    this.average = networks.average ?? copyOf(generator);
    this.generatorOptimizer = adam(generator, generatorLearningRate, gRegInterval);
    this.discriminatorOptimizer = adam(discriminator, discriminatorLearningRate, dRegInterval);
    this.progress = { steps: 0, images: 0, plMean: 0, augmentP: this.settings.augmentP, signSum: 0, signCount: 0 };
  }

  /** Whether a regularisation phase is due in the next step. */
  isDue(phase: "Greg" | "Dreg"): boolean {
    const { plWeight, gRegInterval, r1Gamma, dRegInterval } = this.settings;
    const [weight, interval] = phase === "Greg" ? [plWeight, gRegInterval] : [r1Gamma, dRegInterval];
    return weight > 0 && this.progress.steps % interval === 0;
  }
}

function copyOf(generator: AnyGenerator): AnyGenerator {
  const source = new Map([...generator.parameters, ...generator.buffers]);
  return makeGenerator(generator.config, (name, _shape, data) => data.set(source.get(name)!.block.data));
}

/** What one use of the generator draws. */
export interface LatentDraws {
  /** [N, zDim] */
  readonly z: Tensor;
  /** [N, cDim], or null for unconditional networks. */
  readonly c: Tensor | null;
  /** A second latent [N, zDim] for the layers from `cutoff` on; null for none. */
  readonly mixing: { readonly z: Tensor; readonly cutoff: number } | null;
  /** Seed of the noise of the layers; null takes the constant noise. */
  readonly noiseSeed: number | null;
}

/** Every random number of a step, and its real images. */
export interface StepInputs {
  /** [N, C, H, W], values from -1 to 1 */
  readonly real: Tensor;
  /** [N, cDim], or null for unconditional networks. */
  readonly realC: Tensor | null;
  readonly Gmain: LatentDraws & { readonly augment: AugmentDraws | null };
  /** Where due: usually of half the batch, for memory. `plNoise` is standard normal, of the images' shape. */
  readonly Greg: (LatentDraws & { readonly plNoise: Tensor }) | null;
  readonly Dmain: LatentDraws & {
    readonly augmentFake: AugmentDraws | null;
    readonly augmentReal: AugmentDraws | null;
    /** Uniform [N, 1, 1, 1], for the gradient penalty of the loss "wgan". */
    readonly interpolation: Tensor | null;
  };
  /** Where due. */
  readonly Dreg: { readonly augmentReal: AugmentDraws | null } | null;
}

/** The loss of each phase that ran, and what the discriminator said. */
export interface StepReport {
  readonly losses: Readonly<Partial<Record<Phase, number>>>;
  /** Mean logit of real images, and of generated ones, in Dmain. */
  readonly realScore: number;
  readonly fakeScore: number;
  readonly augmentP: number;
  readonly plMean: number;
}

/** The gradients of a phase, in the order of the network's parameters, before they are applied. */
export type OnGradients = (phase: Phase, gradients: readonly Tensor[]) => void;

/** A loss became infinite or not a number. The parameters are those before the phase. */
export class NonFiniteLossError extends Error {
  override readonly name = "NonFiniteLossError";
  readonly phase: Phase;
  readonly step: number;

  constructor(phase: Phase, step: number, value: number) {
    super(
      `trainingStep: the loss of ${phase} at step ${step} must be finite, got ${value}; ` +
        "continue from the last snapshot with a smaller learning rate or a larger r1Gamma",
    );
    this.phase = phase;
    this.step = step;
  }
}

/**
 * One training step, in place.
 *
 * @throws NonFiniteLossError at the first loss that is not finite, before anything is updated with it
 * @throws RangeError when an input has the wrong shape
 * @example
 * const report = trainingStep(state, { ...sampler.draw(state), real, realC: null });
 */
export function trainingStep(state: TrainingState, inputs: StepInputs, onGradients?: OnGradients): StepReport {
  const { settings, progress, generator, discriminator } = state;
  const losses: Partial<Record<Phase, number>> = {};
  const update = (phase: Phase, loss: () => Tensor): void => {
    scope(() => {
      const value = loss();
      losses[phase] = value.item();
      if (!Number.isFinite(losses[phase])) throw new NonFiniteLossError(phase, progress.steps, losses[phase]);
      const [network, optimizer] = phase.startsWith("G")
        ? [generator, state.generatorOptimizer]
        : [discriminator, state.discriminatorOptimizer];
      const gradients = grad([value], [...network.parameters.values()]);
      onGradients?.(phase, gradients);
      optimizer.step(gradients);
    });
  };

  const scores = { real: 0, fake: 0 };
  update("Gmain", () => generatorLoss(state, inputs));
  if (inputs.Greg !== null) {
    const draws = inputs.Greg;
    update("Greg", () => scale(pathLengthLoss(state, draws), settings.gRegInterval));
  }
  update("Dmain", () => discriminatorLoss(state, inputs, scores));
  if (inputs.Dreg !== null) {
    const { augmentReal } = inputs.Dreg;
    update("Dreg", () => scale(r1Loss(state, inputs, augmentReal), settings.dRegInterval));
  }

  finishStep(state, inputs.real.shape[0]);
  const { augmentP, plMean } = progress;
  return { losses, realScore: scores.real, fakeScore: scores.fake, augmentP, plMean };
}

/** z -> images; moves the average w. Only the first latent counts towards it. */
function generate(state: TrainingState, draws: LatentDraws): { readonly ws: Tensor; readonly images: Tensor } {
  const ws = latents(state, draws);
  return { ws, images: synthesize(state, ws, draws.noiseSeed) };
}

function latents({ generator }: TrainingState, { z, c, mixing }: LatentDraws): Tensor {
  const { mapping } = generator;
  const ws = mapping.forward(z, c); // [N, L, wDim]
  if (mapping.wAvg !== null) trackWAvg(mapping.wAvg, ws, mapping.config.wAvgBeta!);
  return mixing === null ? ws : mixStyles(ws, mapping.forward(mixing.z, c), mixing.cutoff);
}

function synthesize({ generator }: TrainingState, ws: Tensor, noiseSeed: number | null): Tensor {
  if (noiseSeed === null) return generator.synthesis.forward(ws, { noiseMode: "const" });
  return generator.synthesis.forward(ws, { noiseMode: "random", random: new RandomState(noiseSeed) });
}

/** images [N, C, H, W] -> logits [N, 1], through the augmentation. */
function discriminate(state: TrainingState, images: Tensor, c: Tensor | null, draws: AugmentDraws | null): Tensor {
  const { discriminator, settings, progress } = state;
  const pipeline = settings.augment;
  if (pipeline === null) return discriminator.forward(images, c);
  if (draws === null) throw new RangeError("trainingStep: these settings augment images, but no draws were given");
  return discriminator.forward(augment(images, { pipeline, p: progress.augmentP, draws }), c);
}

/** Gmain */
function generatorLoss(state: TrainingState, { Gmain: draws }: StepInputs): Tensor {
  const { images } = generate(state, draws);
  return adversarialLosses[state.settings.loss].generator(discriminate(state, images, draws.c, draws.augment));
}

/** Greg, without its interval. */
function pathLengthLoss(state: TrainingState, draws: NonNullable<StepInputs["Greg"]>): Tensor {
  const { plWeight: weight, plDecay: decay } = state.settings;
  const ws = latents(state, draws);
  const { penalty, plMean } = pathLengthPenalty((w) => synthesize(state, w, draws.noiseSeed), ws, draws.plNoise, {
    plMean: state.progress.plMean,
    decay,
    weight,
  });
  if (Number.isFinite(plMean)) state.progress.plMean = plMean; // otherwise the penalty is not finite either
  return penalty;
}

/** Dmain. The generated and the real images are separate batches: minibatch stddev must not mix them. */
function discriminatorLoss(
  state: TrainingState,
  { real, realC, Dmain: draws }: StepInputs,
  scores: { real: number; fake: number },
): Tensor {
  const { loss } = state.settings;
  const fake = noGrad(() => generate(state, draws).images);
  const fakeLogits = discriminate(state, fake, draws.c, draws.augmentFake);
  const realLogits = discriminate(state, real, realC, draws.augmentReal);
  scores.fake = mean(fakeLogits).item();
  scores.real = mean(realLogits).item();
  countSigns(state, realLogits);
  const value = adversarialLosses[loss].discriminator(fakeLogits, realLogits);
  if (loss !== "wgan") return value;
  if (draws.interpolation === null) throw new RangeError('trainingStep: the loss "wgan" needs draws of interpolation');
  const critic = (images: Tensor): Tensor => discriminate(state, images, realC, draws.augmentReal);
  return add(value, gradientPenalty(critic, real, fake, draws.interpolation));
}

/** Dreg, without its interval. */
function r1Loss(state: TrainingState, { real, realC }: StepInputs, augmentReal: AugmentDraws | null): Tensor {
  const critic = (images: Tensor): Tensor => discriminate(state, images, realC, augmentReal);
  const { penalty, logits } = r1Penalty(critic, real, state.settings.r1Gamma);
  countSigns(state, logits);
  return penalty;
}

/** Remembers how many real images the discriminator takes for real. */
function countSigns({ progress }: TrainingState, realLogits: Tensor): void {
  const count = realLogits.shape[0];
  progress.signSum += noGrad(() => mean(sign(realLogits)).item()) * count;
  progress.signCount += count;
}

/** After the phases: the average of the generator, the counters, the probability of augmentation. */
function finishStep(state: TrainingState, batchSize: number): void {
  const { settings, progress, average, generator } = state;
  const { emaKimg, emaRampup: rampup, ada } = settings;
  updateEma(average, generator, emaBeta({ batchSize, emaKimg, images: progress.images, rampup }));
  progress.images += batchSize;
  progress.steps++;
  if (ada === null) return;
  const { interval = 4 } = ada;
  if (progress.steps % interval !== 0) return;
  const signMean = progress.signSum / progress.signCount;
  progress.augmentP = adjustP(progress.augmentP, signMean, batchSize * interval, ada);
  progress.signSum = 0;
  progress.signCount = 0;
}
