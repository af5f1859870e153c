/**
 * One step of training, as StyleGAN2 trains: four phases, each a loss, its gradients and an update.
 *
 *   Gmain  E[softplus(-D(G(z)))]                                 every step
 *   Greg   path length, times its interval                       every 4th
 *   Dmain  E[softplus(D(G(z)))] + E[softplus(-D(x))]             every step
 *   Dreg   R1, times its interval                                every 16th (StyleGAN2, appendix B: lazy regularisation)
 *
 * Without lazy regularisation (StyleGAN, configs A and B) the penalties join the losses before them, in every step and
 * with one update. Then the moving average of the generator, and, with augmentation, its probability. A step is a function of the
 * state and of `StepInputs`, which holds every random number it uses; `sampler.ts` draws them. It reads no clock
 * and no other generator, so goldens replay and a resumed run repeats the uninterrupted one.
 *
 * Everything a phase computes lives in one scope: memory stays flat. Tests: tests/goldens/training.test.ts.
 */
import { grad } from "../../nn/autograd/grad.js";
import { noGrad } from "../../nn/autograd/record.js";
import { NoiseGenerator } from "../../nn/noise.js";
import { add, scale, sign } from "../../nn/ops/arith.js";
import { concat, slice } from "../../nn/ops/layout.js";
import { mean } from "../../nn/ops/statistics.js";
import { emaBeta, updateEma } from "../../nn/optim.js";
import { assertShape } from "../../nn/shape.js";
import { scope, type Tensor } from "../../nn/tensor.js";
import { type AugmentDraws, adjustP, augment } from "../augment/pipeline.js";
import { mixStyles } from "../latents/mixing.js";
import { trackWAvg } from "../mapping.js";
import { adversarialLosses } from "./losses.js";
import { gradientPenalty, pathLengthPenalty, r1Penalty } from "./regularizers.js";
import type { TrainingState } from "./state.js";

export { type AdaSettings, type TrainingProgress, type TrainingSettings, TrainingState } from "./state.js";

export type Phase = "Gmain" | "Greg" | "Dmain" | "Dreg";

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

interface PhaseLoss {
  readonly phase: Phase;
  readonly loss: () => Tensor;
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

/** The gradients of an update, by its first phase, in the order of the network's parameters, before they are applied. */
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

export interface StepOptions {
  /** Sees the gradients of every update before they are applied. */
  readonly onGradients?: OnGradients;
  /**
   * Make only these of the phases that the inputs have, to look at one at a time: weights change, but the step does not
   * count, and the average of the generator stays. Default: all, and the step counts.
   */
  readonly only?: readonly Phase[];
}

/**
 * One training step, in place.
 *
 * @throws NonFiniteLossError at the first loss that is not finite, before anything is updated with it
 * @throws RangeError when an input has the wrong shape
 * @example
 * const report = trainingStep(state, { ...sampler.draw(state), real, realC: null });
 */
export function trainingStep(
  state: TrainingState,
  inputs: StepInputs,
  options: OnGradients | StepOptions = {},
): StepReport {
  const { onGradients, only } = typeof options === "function" ? { onGradients: options } : options;
  const { settings, progress, generator, discriminator } = state;
  const losses: Partial<Record<Phase, number>> = {};
  const evaluate = ({ phase, loss }: PhaseLoss): Tensor => {
    const value = loss();
    losses[phase] = value.item();
    if (!Number.isFinite(losses[phase])) throw new NonFiniteLossError(phase, progress.steps, losses[phase]);
    return value;
  };
  const update = (phases: readonly PhaseLoss[]): void => {
    scope(() => {
      const value = phases.map(evaluate).reduce(add);
      const [{ phase }] = phases;
      const [network, optimizer] = phase.startsWith("G")
        ? [generator, state.generatorOptimizer]
        : [discriminator, state.discriminatorOptimizer];
      const gradients = grad([value], [...network.parameters.values()], { retainGraph: false });
      onGradients?.(phase, gradients);
      optimizer.step(gradients);
    });
  };
  const updateBoth = (...both: readonly [main: PhaseLoss, penalty: PhaseLoss | null]): void => {
    const phases = both.filter((one) => one !== null).filter(({ phase }) => only?.includes(phase) ?? true);
    if (settings.lazyRegularization) for (const one of phases) update([one]);
    else if (phases.length > 0) update(phases);
  };

  const scores = { real: 0, fake: 0 };
  const { Greg, Dreg } = inputs;
  updateBoth(
    { phase: "Gmain", loss: () => generatorLoss(state, inputs) },
    Greg && { phase: "Greg", loss: () => scale(pathLengthLoss(state, Greg), settings.gRegInterval) },
  );
  updateBoth(
    { phase: "Dmain", loss: () => discriminatorLoss(state, inputs, scores) },
    Dreg && { phase: "Dreg", loss: () => scale(r1Loss(state, inputs, Dreg.augmentReal), settings.dRegInterval) },
  );

  if (only === undefined) finishStep(state, inputs.real.shape[0]);
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
  const track = (ws: Tensor): Tensor => {
    if (mapping.wAvg !== null) trackWAvg(mapping.wAvg, ws, mapping.config.wAvgBeta!);
    return ws;
  };
  if (mixing === null) return track(mapping.forward(z, c)); // [N, L, wDim]
  // Both latents at once: the weights of the mapping are read once, and their gradients summed once.
  const [n] = z.shape;
  const both = mapping.forward(concat([z, mixing.z], 0), c === null ? null : concat([c, c], 0)); // [2 N, L, wDim]
  return mixStyles(track(slice(both, 0, 0, n)), slice(both, 0, n, 2 * n), mixing.cutoff);
}

function synthesize({ generator }: TrainingState, ws: Tensor, noiseSeed: number | null): Tensor {
  if (noiseSeed === null) return generator.synthesis.forward(ws, { noiseMode: "const" });
  return generator.synthesis.forward(ws, { noiseMode: "random", random: new NoiseGenerator(noiseSeed) });
}

/** images [N, C, H, W] -> logits [N, 1], through the augmentation. */
function discriminate(state: TrainingState, images: Tensor, c: Tensor | null, draws: AugmentDraws | null): Tensor {
  return state.discriminator.forward(augmented(state, images, draws), c);
}

/** Nobody wants the gradients of its parameters: of feature maps only what those of x need is kept. */
function frozen<T>({ parameters }: TrainingState["discriminator"], body: () => T): T {
  const trained = [...parameters.values()].filter(({ requiresGrad }) => requiresGrad);
  for (const parameter of trained) parameter.requiresGrad = false;
  try {
    return body();
  } finally {
    for (const parameter of trained) parameter.requiresGrad = true;
  }
}

/** What the discriminator sees of images. */
function augmented({ settings, progress }: TrainingState, images: Tensor, draws: AugmentDraws | null): Tensor {
  const pipeline = settings.augment;
  if (pipeline === null) return images;
  if (draws === null) throw new RangeError("trainingStep: these settings augment images, but no draws were given");
  return augment(images, { pipeline, p: progress.augmentP, draws });
}

/** Gmain */
function generatorLoss(state: TrainingState, { Gmain: draws }: StepInputs): Tensor {
  const { images } = generate(state, draws);
  const logits = frozen(state.discriminator, () => discriminate(state, images, draws.c, draws.augment));
  return adversarialLosses[state.settings.loss].generator(logits);
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

/**
 * Dmain. The generated and the real images go through the discriminator at once, which reads its weights once, but as
 * separate batches: minibatch stddev must not mix them.
 */
function discriminatorLoss(
  state: TrainingState,
  { real, realC, Dmain: draws }: StepInputs,
  scores: { real: number; fake: number },
): Tensor {
  const { loss } = state.settings;
  const fake = noGrad(() => generate(state, draws).images);
  assertShape("trainingStep", "real", real.shape, fake.shape, "N, C, H, W");
  const images = concat([augmented(state, fake, draws.augmentFake), augmented(state, real, draws.augmentReal)], 0);
  const c = draws.c === null || realC === null ? null : concat([draws.c, realC], 0);
  const logits = state.discriminator.forward(images, c, { batches: 2 });
  const n = fake.shape[0];
  const fakeLogits = slice(logits, 0, 0, n);
  const realLogits = slice(logits, 0, n, 2 * n);
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
