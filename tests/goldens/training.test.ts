/**
 * Whole training steps against the official loss and training loop, in float64: every golden
 * of training steps under FIXTURES, with its checkpoint beside it. New fixtures need no new code.
 */
import { afterAll, describe, expect, test } from "vitest";
import { init, loadCheckpoint } from "../../src/index.js";
import { emaBeta } from "../../src/nn/optim.js";
import { Tensor } from "../../src/nn/tensor.js";
import { type LatentDraws, type StepInputs, TrainingState, trainingStep } from "../../src/stylegan/training/step.js";
import { checkpointBeside, compare, type Golden, type GoldenFile, goldensOf, readGolden } from "../support/goldens.js";

const goldens = goldensOf("training");

interface Run {
  readonly golden: Golden;
  readonly state: TrainingState;
  /** Parameters and buffers before the first step, by network and name. */
  readonly start: ReadonlyMap<string, Float64Array>;
  /** Gradients of step 0 by their golden names. */
  readonly gradients: ReadonlyMap<string, Float64Array>;
  readonly plMean: number;
  readonly betas: readonly number[];
}

function latentDraws(golden: Golden, prefix: string, rows: number): LatentDraws {
  const head = (name: string): Tensor => {
    const [, features] = golden.shape(name);
    return Tensor.from(golden.data(name).subarray(0, rows * features), [rows, features]);
  };
  const c = golden.has(`${prefix}/c`) ? head(`${prefix}/c`) : null;
  return { z: head(`${prefix}/z`), c, mixing: null, noiseSeed: null };
}

/** The inputs of a step, as the official loop was given them. */
function stepInputs(golden: Golden, step: number): StepInputs {
  const tensor = (name: string): Tensor => Tensor.from(golden.data(name), golden.shape(name));
  const at = `step${step}`;
  const [batch] = golden.shape(`${at}/real`);
  const plBatch = batch / Number(golden.metadata.pl_batch_shrink);
  return {
    real: tensor(`${at}/real`),
    realC: golden.has(`${at}/real_c`) ? tensor(`${at}/real_c`) : null,
    Gmain: { ...latentDraws(golden, `${at}/Gmain`, batch), augment: null },
    Greg: golden.has(`${at}/Greg/z`)
      ? { ...latentDraws(golden, `${at}/Greg`, plBatch), plNoise: tensor(`${at}/Greg/pl_noise`) }
      : null,
    Dmain: {
      ...latentDraws(golden, `${at}/Dmain`, batch),
      augmentFake: null,
      augmentReal: null,
      interpolation: null,
    },
    Dreg: golden.has(`${at}/Dreg/z`) ? { augmentReal: null } : null,
  };
}

const networksOf = (state: TrainingState) =>
  [
    ["G", state.generator],
    ["D", state.discriminator],
    ["G_ema", state.average],
  ] as const;

/** Trains as many steps as the golden file has. */
async function train(file: GoldenFile): Promise<Run> {
  const golden = readGolden(file.path);
  const { g, d, gEma } = await loadCheckpoint(checkpointBeside(file));
  const meta = (name: string): number => Number(golden.metadata[name]);
  const state = new TrainingState(
    { generator: g!, discriminator: d!, average: gEma! },
    {
      generatorLearningRate: meta("lr"),
      discriminatorLearningRate: meta("lr"),
      betas: JSON.parse(golden.metadata.betas) as [number, number],
      epsilon: meta("eps"),
      r1Gamma: meta("r1_gamma"),
      plWeight: meta("pl_weight"),
      plDecay: meta("pl_decay"),
      gRegInterval: meta("g_reg_interval"),
      dRegInterval: meta("d_reg_interval"),
      emaKimg: meta("ema_kimg"),
      emaRampup: meta("ema_rampup"),
    },
  );
  const start = new Map<string, Float64Array>();
  for (const [prefix, network] of networksOf(state)) {
    for (const [name, tensor] of [...network.parameters, ...network.buffers]) {
      start.set(`final/${prefix}/${name}`, tensor.toFloat64Array());
    }
  }
  const gradients = new Map<string, Float64Array>();
  const betas: number[] = [];
  let plMean = Number.NaN;
  for (let step = 0; step < meta("steps"); step++) {
    const { emaKimg, emaRampup: rampup } = state.settings;
    betas.push(emaBeta({ batchSize: meta("batch"), emaKimg, images: state.progress.images, rampup }));
    const report = trainingStep(state, stepInputs(golden, step), (phase, tensors) => {
      if (step > 0) return;
      const network = phase.startsWith("G") ? state.generator : state.discriminator;
      [...network.parameters.keys()].forEach((name, index) => {
        gradients.set(`step0/${phase}/grad/${name}`, tensors[index].toFloat64Array());
      });
    });
    if (step === 0) plMean = report.plMean;
  }
  return { golden, state, start, gradients, plMean, betas };
}

/** Every golden tensor after all steps, with ours. */
function finals({ golden, state }: Run): { name: string; actual: Float64Array; expected: Float64Array }[] {
  const networks = Object.fromEntries(networksOf(state));
  return golden.names
    .filter((name) => name.startsWith("final/"))
    .map((name) => {
      const [, prefix, ...rest] = name.split("/");
      const network = networks[prefix];
      const tensor = network.parameters.get(rest.join("/")) ?? network.buffers.get(rest.join("/"));
      if (tensor === undefined) throw new Error(`no ${name} in our network`);
      return { name, actual: tensor.toFloat64Array(), expected: golden.data(name) };
    });
}

describe.each(goldens)("$name", (file) => {
  afterAll(() => init());

  test("float64 reference: gradients, path length, average and parameters within 1e-8", async () => {
    await init({ kernels: "reference" });
    const run = await train(file);
    const { golden } = run;
    const names = golden.names.filter((name) => name.includes("/grad/"));
    expect(names.length).toBeGreaterThan(0);
    expect([...run.gradients.keys()].sort()).toEqual([...names].sort());
    for (const name of names) {
      const { difference, largest } = compare(run.gradients.get(name)!, golden.data(name));
      expect(difference, name).toBeLessThanOrEqual(1e-8 * largest);
    }
    const [expectedMean] = golden.data("step0/pl_mean");
    expect(Math.abs(run.plMean - expectedMean)).toBeLessThanOrEqual(1e-8 * expectedMean);
    run.betas.forEach((beta, step) => {
      const [expected] = golden.data(`step${step}/ema_beta`); // stored as float32
      expect(Math.abs(beta - expected)).toBeLessThanOrEqual(2 ** -24 * expected);
    });
    for (const { name, actual, expected } of finals(run)) {
      const { difference, largest } = compare(actual, expected);
      expect(difference, name).toBeLessThanOrEqual(1e-8 * largest);
      // Training moved it by far more than the tolerance.
      expect(compare(run.start.get(name)!, expected).difference, name).toBeGreaterThan(1e-5 * largest);
    }
  });

  test("SIMD: gradients within 1e-3 of the largest, changes of parameters within 2 %", async () => {
    await init({ kernels: "simd" });
    const run = await train(file);
    for (const [name, gradient] of run.gradients) {
      const { difference, largest } = compare(gradient, run.golden.data(name));
      expect(difference, name).toBeLessThanOrEqual(1e-3 * largest);
    }
    for (const { name, actual, expected } of finals(run)) {
      const start = run.start.get(name)!;
      const change = (data: Float64Array): Float64Array => data.map((value, index) => value - start[index]);
      const { difference, largest } = compare(change(actual), change(expected));
      expect(difference, name).toBeLessThanOrEqual(0.02 * largest);
    }
  });
});
