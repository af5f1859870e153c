/** Steps of StyleGAN2 training with their phases timed, on the networks of the benchmark. */
import { readFileSync } from "node:fs";
import { readSafetensors } from "../../dist/formats/safetensors.js";
import { init, RandomState, scope, Tensor } from "../../dist/index.js";
import { noGrad } from "../../dist/nn/autograd/record.js";
import { activeKernels, setKernels } from "../../dist/nn/backend.js";
import { initialContents } from "../../dist/nn/layers/module.js";
import { augmentPipelines } from "../../dist/stylegan/augment/pipeline.js";
import { Discriminator } from "../../dist/stylegan/discriminator.js";
import { Generator } from "../../dist/stylegan/generator.js";
import { networkGeometry } from "../../dist/stylegan/geometry.js";
import { TrainingSampler } from "../../dist/stylegan/training/sampler.js";
import { TrainingState, trainingStep } from "../../dist/stylegan/training/step.js";
import { measuredKernels } from "./kernelTimes.mjs";
import { median } from "./table.mjs";

/** The networks by their resolution: numbers of parameters [generator, discriminator] beside the geometry. */
export const TRAINING_NETWORKS = {
  32: {
    geometry: { resolution: 32, channelBase: 2048, channelMax: 64, zDim: 512, wDim: 512, mappingLayers: 8 },
    parameters: [2722707, 337281],
  },
  64: {
    geometry: { resolution: 64, channelBase: 2048, channelMax: 64, zDim: 128, wDim: 128, mappingLayers: 2 },
    parameters: [428472, 366945],
  },
};
export const R1_GAMMA = 1;

/** Milliseconds of one step out of those of its phases: path length is due every 4th step, R1 every 16th. */
export const stepOf = ({ draws = 0, Gmain, Greg, Dmain, Dreg, between }) =>
  draws + Gmain + Greg / 4 + Dmain + Dreg / 16 + between;

/** Typical milliseconds of each phase over some steps (each the phases that ran). */
export function phasesOf(steps) {
  const names = [...new Set(steps.flatMap((step) => Object.keys(step)))];
  return Object.fromEntries(names.map((name) => [name, median(steps.flatMap((step) => step[name] ?? []))]));
}

export class TrainingRun {
  /** With `profile`: each kernel with the time it took so far. */
  kernelTimes;
  #sampler;
  #networks;
  #state;
  #size;
  #batch;
  #now;

  /**
   * @param {object} options
   * @param {number} options.size     32 or 64
   * @param {number} options.threads
   * @param {boolean | "auto"} [options.wide]  256-bit vectors, where the engine has them
   * @param {number} [options.batch]  default 16
   * @param {string} [options.file]   weights in safetensors, as trainingFile.mjs writes them; random ones without
   * @param {string} [options.aug]    an augmentation pipeline by its name, with p = 0.5
   * @param {() => number} [options.now]  milliseconds, default the clock
   * @param {{ shapes?: boolean }} [options.profile]  adds up the time of each kernel; `shapes` keeps calls of different
   *   shapes apart
   */
  static async start(options) {
    await init({ threads: options.threads, wide: options.wide ?? false });
    const { profile, now = () => performance.now() } = options;
    const kernelTimes = new Map();
    // Before the networks are made: fused layers ask whether weights live in the kernels in use.
    if (profile !== undefined) setKernels(measuredKernels(activeKernels(), kernelTimes, { now, ...profile }));
    return new TrainingRun({ ...options, now, kernelTimes });
  }

  constructor({ size, batch = 16, file, aug, now, kernelTimes }) {
    this.kernelTimes = kernelTimes;
    const { geometry, parameters } = TRAINING_NETWORKS[size];
    const { generator, discriminator } = networkGeometry(geometry);
    const contents = file === undefined ? () => initialContents(new RandomState(0)) : contentsOf(file);
    this.#networks = {
      generator: new Generator(generator, contents("generator")),
      discriminator: new Discriminator(discriminator, contents("discriminator")),
    };
    const counts = Object.values(this.#networks).map(countParameters);
    if (String(counts) !== String(parameters)) throw new Error(`expected ${parameters} parameters, got ${counts}`);
    const augment = aug === undefined ? {} : { augment: augmentPipelines[aug], augmentP: 0.5 };
    this.#state = new TrainingState(this.#networks, { r1Gamma: R1_GAMMA, emaKimg: 0.5, ...augment });
    this.#sampler = new TrainingSampler(1, { batchSize: batch });
    this.#size = size;
    this.#batch = batch;
    this.#now = now;
  }

  /** Milliseconds of each phase that was due, of drawing its random numbers, and of what comes after the phases. */
  step() {
    const side = this.#size;
    const { steps } = this.#state.progress;
    const images = new RandomState(steps).randn(this.#batch * 3 * side * side);
    const real = Tensor.from(images, [this.#batch, 3, side, side]);
    const times = {};
    let mark = this.#now();
    const lap = (name) => {
      const then = mark;
      mark = this.#now();
      times[name] = mark - then;
    };
    const draws = this.#sampler.draw(this.#state);
    lap("draws");
    // A phase ends when its gradients are there; its update counts with what follows.
    trainingStep(this.#state, { ...draws, real, realC: null }, lap);
    lap("between");
    return times;
  }

  /** Some steps of which the first has every phase. */
  turn(count) {
    const { progress } = this.#state;
    const interval = this.#state.settings.dRegInterval;
    progress.steps = Math.ceil(progress.steps / interval) * interval;
    return Array.from({ length: count }, () => this.step());
  }

  /**
   * What another implementation must agree with, on the inputs of the file: images and logits, and of each phase its loss
   * and the Euclidean norm of its gradient. Moves no weight.
   */
  check(file, { cutoff }) {
    const { tensors } = readSafetensors(readFileSync(file));
    const input = (name, count) => {
      const { shape, size, toFloat } = tensors.get(`inputs.${name}`);
      const [n, ...rest] = shape;
      const length = (size / n) * (count ?? n);
      return Tensor.from(toFloat().subarray(0, length), [count ?? n, ...rest]);
    };
    const frozen = { generatorLearningRate: 0, discriminatorLearningRate: 0 };
    const state = new TrainingState(this.#networks, { r1Gamma: R1_GAMMA, ...frozen });
    const real = input("real");
    const latents = (count) => {
      const mixing = { z: input("mixing", count), cutoff };
      return { z: input("z", count), c: null, mixing, noiseSeed: null, augment: null };
    };
    const { generator, discriminator } = this.#networks;
    const [images, logits] = noGrad(() =>
      scope(() => {
        const ws = generator.mapping.forward(input("z"), null);
        const made = generator.synthesis.forward(ws, { noiseMode: "const" });
        return [made.toArray(), discriminator.forward(real, null).toArray()];
      }),
    );
    const gradients = {};
    const { losses } = trainingStep(
      state,
      {
        real,
        realC: null,
        Gmain: latents(),
        Greg: { ...latents(real.shape[0] / 2), plNoise: input("plNoise") },
        Dmain: { ...latents(), augmentFake: null, augmentReal: null, interpolation: null },
        Dreg: { augmentReal: null },
      },
      (phase, list) => {
        gradients[phase] = Math.sqrt(list.reduce((sum, gradient) => sum + squareSum(gradient.toArray()), 0));
      },
    );
    return { images: Array.from(images), logits: Array.from(logits), losses, gradients };
  }
}

const squareSum = (values) => values.reduce((sum, value) => sum + value * value, 0);

const countParameters = ({ parameters }) => [...parameters.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

const sizeOf = (shape) => shape.reduce((size, extent) => size * extent, 1);

/** Fills the network of that name from a file. */
function contentsOf(file) {
  const { tensors } = readSafetensors(readFileSync(file));
  return (network) => (name, _shape, data) => tensors.get(`${network}.${name}`).copyTo(data);
}
