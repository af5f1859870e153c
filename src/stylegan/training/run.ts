/**
 * A training run: networks, samplers and data from one seed, and its steps. `stylegan train` and the page of this package
 * go through here, so the same definition, data and seed give the same numbers in both.
 */
import { initialContents } from "../../nn/layers/module.js";
import { RandomState } from "../../nn/random.js";
import { scope } from "../../nn/tensor.js";
import { Discriminator } from "../discriminator.js";
import { Generator } from "../generator.js";
import { DataOrder, type ImageDataset } from "./dataset.js";
import type { Preset } from "./presets.js";
import { TrainingSampler } from "./sampler.js";
import { type GrowingMoment, imagesAtLod, lodOf, momentAt, resetsOptimizers, setLod } from "./schedule.js";
import { TrainingState } from "./state.js";
import { type StepReport, trainingStep } from "./step.js";

/** What decides the weights of a run, besides its data. */
export interface RunPlan extends Preset {
  readonly seed: number;
}

/** Everything that a step needs. */
export interface Run<Plan extends RunPlan = RunPlan> {
  readonly definition: Plan;
  readonly dataset: ImageDataset;
  readonly state: TrainingState;
  /** Draws for a batch of this size; where the batch size changes, the next sampler takes over the stream. */
  readonly samplerFor: (batchSize: number) => TrainingSampler;
  readonly order: DataOrder;
  /** Seed of the latents that the grids and the metric show. */
  readonly gridSeed: number;
}

/** The seeds of a run's parts, so that no two of them draw the same numbers. */
export function seedsOf(seed: number): { readonly init: number; readonly sampler: number; readonly grid: number } {
  const random = new RandomState(seed);
  return { init: random.nextUint32(), sampler: random.nextUint32(), grid: random.nextUint32() };
}

/** A new run's networks; kernels must have been loaded. */
export function buildRun<Plan extends RunPlan>(definition: Plan, dataset: ImageDataset): Run<Plan> {
  const { generator, discriminator, settings, seed, mixingProbability } = definition;
  const seeds = seedsOf(seed);
  const contents = initialContents(new RandomState(seeds.init));
  const networks = {
    generator: new Generator(generator, contents),
    discriminator: new Discriminator(discriminator, contents),
  };
  if (definition.schedule !== null) {
    const { lod } = momentAt(definition.schedule, 0);
    for (const network of [networks.generator, networks.discriminator]) setLod(network, lod);
  }
  const makeSampler = (batchSize: number): TrainingSampler =>
    new TrainingSampler(seeds.sampler, { batchSize, styleMixingProb: mixingProbability, labels: dataset.labels });
  let current = { batchSize: definition.batch, sampler: makeSampler(definition.batch) };
  const samplerFor = (batchSize: number): TrainingSampler => {
    if (batchSize !== current.batchSize) {
      const sampler = makeSampler(batchSize);
      sampler.setState(current.sampler.getState());
      current = { batchSize, sampler };
    }
    return current.sampler;
  };
  return {
    definition,
    dataset,
    state: new TrainingState(networks, settings),
    samplerFor,
    order: new DataOrder(dataset.count, seed),
    gridSeed: seeds.grid,
  };
}

/** What the steps after so many images have in common. */
export interface Moment {
  readonly batch: number;
  /** How many steps are made before the schedule is asked again. */
  readonly steps: number;
  /** Null for networks that do not grow. */
  readonly moment: GrowingMoment | null;
}

/** The moment after so many images. */
export function momentOf({ definition: { schedule, batch } }: Run, images: number): Moment {
  if (schedule === null) return { batch, steps: 1, moment: null };
  const moment = momentAt(schedule, images);
  return { batch: moment.batch, steps: schedule.minibatchRepeats ?? 1, moment };
}

/** One step, on the next images of the data set. */
export function runStep(run: Run, { batch, moment }: Moment): StepReport {
  const { state, dataset, order } = run;
  if (moment !== null) grow(run, moment.lod, moment.learningRate);
  const sampler = run.samplerFor(batch);
  const indices = order.next(batch);
  return scope(() => {
    const images = dataset.images(indices);
    const real = moment === null ? images : imagesAtLod(images, moment.lod);
    return trainingStep(state, { ...sampler.draw(state), real, realC: dataset.labelsOf(indices) });
  });
}

/** Sets the lod and the learning rate; Adam starts anew where the layers in training change. */
function grow({ state }: Run, lod: number, learningRate: number): void {
  const { generator, discriminator, average, generatorOptimizer, discriminatorOptimizer } = state;
  const previous = lodOf(generator);
  for (const network of [generator, discriminator, average]) setLod(network, lod);
  state.setLearningRate(learningRate);
  if (!resetsOptimizers(previous, Math.fround(lod))) return;
  for (const optimizer of [generatorOptimizer, discriminatorOptimizer]) {
    optimizer.steps = 0;
    for (const moments of [optimizer.m, optimizer.v]) {
      for (const tensor of moments.values()) tensor.update(({ data }) => data.fill(0));
    }
  }
}
