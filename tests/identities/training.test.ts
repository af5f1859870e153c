/**
 * Updates as laws: identities 39 to 42, and the average w (23). What holds exactly is compared bit for bit; losses and
 * penalties have objectives.test.ts.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { activeKernels, setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { add, scale } from "../../src/nn/ops/arith.js";
import { slice } from "../../src/nn/ops/layout.js";
import { expand, reshape } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { Adam, emaBeta, updateEma } from "../../src/nn/optim.js";
import { RandomState } from "../../src/nn/random.js";
import { persistentTensor, Tensor } from "../../src/nn/tensor.js";
import { augmentPipelines } from "../../src/stylegan/augment/pipeline.js";
import { Discriminator } from "../../src/stylegan/discriminator.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { mixStyles } from "../../src/stylegan/latents/mixing.js";
import { trackWAvg } from "../../src/stylegan/mapping.js";
import { adversarialLosses } from "../../src/stylegan/training/losses.js";
import { lazyRegularization } from "../../src/stylegan/training/regularizers.js";
import { TrainingSampler } from "../../src/stylegan/training/sampler.js";
import { restoreTraining, snapshotTraining } from "../../src/stylegan/training/snapshot.js";
import {
  NonFiniteLossError,
  type TrainingSettings,
  TrainingState,
  trainingStep,
} from "../../src/stylegan/training/step.js";
import { apart, equal, identical, largest, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const persistent = (values: ArrayLike<number>): Tensor => persistentTensor([values.length], (data) => data.set(values));
const named = (tensor: Tensor): ReadonlyMap<string, Tensor> => new Map([["p", tensor]]);

describe("mixing and averaging w", () => {
  const sizes = {
    n: fc.integer({ min: 1, max: 3 }),
    l: fc.integer({ min: 2, max: 6 }),
    wDim: fc.integer({ min: 1, max: 4 }),
  };

  law(
    "mixed w's are the first latent's before the cutoff and the second's from it on",
    sizes,
    ({ n, l, wDim }, draw) => {
      const [a, b] = [draw.normals([n, l, wDim]), draw.normals([n, l, wDim])];
      const cutoff = draw.integer(1, l - 1);
      const mixed = mixStyles(a, b, cutoff);
      identical(slice(mixed, 1, 0, cutoff), slice(a, 1, 0, cutoff));
      identical(slice(mixed, 1, cutoff, l), slice(b, 1, cutoff, l));
      identical(mixStyles(a, b, l), a);
      expect(() => mixStyles(a, b, 0)).toThrow(RangeError);
    },
  );

  law("23: after n batches, w_avg = beta^n w_0 + (1 - beta) sum_i beta^(n - i) m_i", sizes, ({ n, l, wDim }, draw) => {
    const beta = 0.9;
    const start = draw.normals([wDim]).toFloat64Array();
    const wAvg = persistent(start);
    let expected = start;
    for (let step = 0; step < 4; step++) {
      const w = draw.normals([n, wDim]);
      trackWAvg(wAvg, expand(reshape(w, [n, 1, wDim]), [n, l, wDim]), beta);
      const centre = mean(w, { axes: [0] }).toFloat64Array();
      expected = expected.map((value, k) => beta * value + (1 - beta) * centre[k]);
    }
    equal(wAvg, expected);
  });
});

describe("39: lazy regularisation", () => {
  law(
    "k + 1 corrected updates are k: (beta^c)^(k + 1) = beta^k and c lr (k + 1) = lr k",
    { interval: fc.integer({ min: 1, max: 32 }) },
    ({ interval }, draw) => {
      const [rate, beta] = [draw.uniform(0.001, 0.1), draw.uniform(0.5, 0.999)];
      const { learningRate, betas } = lazyRegularization(interval, rate, [0, beta]);
      equal(learningRate * (interval + 1), rate * interval);
      equal(betas[1] ** (interval + 1), beta ** interval);
      expect(betas[0]).toBe(0);
    },
  );

  test("penalties run every interval, from the first step on, unless their weight is 0", () => {
    const geometry = networkGeometry({ resolution: 4, zDim: 2, wDim: 2, mappingLayers: 1, channelMax: 2 });
    const state = new TrainingState(createNetworks(geometry, 0), { gRegInterval: 4, dRegInterval: 3, r1Gamma: 1 });
    const due = (phase: "Greg" | "Dreg"): number[] =>
      Array.from({ length: 9 }, (_, step) => step).filter((step) => {
        state.progress.steps = step;
        return state.isDue(phase);
      });
    expect(due("Greg")).toEqual([0, 4, 8]);
    expect(due("Dreg")).toEqual([0, 3, 6]);
    const without = new TrainingState(createNetworks(geometry, 0), { plWeight: 0, r1Gamma: 0 });
    expect([without.isDue("Greg"), without.isDue("Dreg")]).toEqual([false, false]);
  });
});

describe("40: the moving average of weights", () => {
  const network = (values: Float64Array, buffer: Float64Array) => ({
    parameters: named(persistent(values)),
    buffers: named(persistent(buffer)),
  });

  law(
    "the start weighs exactly 1/2 after emaKimg thousand images, in batches of any size",
    { batchSize: fc.constantFrom(1, 8, 25, 1000), emaKimg: fc.constantFrom(1, 2, 10) },
    ({ batchSize, emaKimg }) => {
      const beta = emaBeta({ batchSize, emaKimg, images: 0, rampup: null });
      equal(beta ** ((1000 * emaKimg) / batchSize), 0.5);
    },
  );

  law(
    "p_ema <- p + beta (p_ema - p): constants stay, two steps are one of twice the batch, buffers are copied",
    { size: fc.integer({ min: 1, max: 9 }), batchSize: fc.constantFrom(4, 16) },
    ({ size, batchSize }, draw) => {
      const numbers = (): Float64Array => draw.normals([size]).toFloat64Array();
      const [start, target, buffer] = [numbers(), numbers(), numbers()];
      const source = network(target, buffer);
      const [twice, once, still] = [start, start, target].map((values) => network(values, numbers()));
      const beta = (batch: number): number => emaBeta({ batchSize: batch, emaKimg: 1, images: 0, rampup: null });
      updateEma(twice, source, beta(batchSize));
      updateEma(twice, source, beta(batchSize));
      updateEma(once, source, beta(2 * batchSize));
      updateEma(still, source, 0.5);
      const parameter = (of: { parameters: ReadonlyMap<string, Tensor> }): Tensor => of.parameters.get("p")!;
      equal(parameter(twice), parameter(once));
      identical(parameter(still), target);
      identical(once.buffers.get("p")!, buffer);
      updateEma(once, source, 0);
      identical(parameter(once), target);
    },
  );

  test("the ramp-up caps the half-life at its part of the images seen; at the start the average is a copy", () => {
    const at = (images: number) => emaBeta({ batchSize: 32, emaKimg: 10, images, rampup: 0.05 });
    expect(at(0)).toBe(0);
    equal(at(1000), 0.5 ** (32 / 50));
    equal(at(200_000), 0.5 ** (32 / 10_000));
    expect(at(1e9)).toBe(at(200_000));
  });
});

describe("41: Adam", () => {
  const setup = {
    size: fc.integer({ min: 1, max: 9 }),
    beta1: fc.constantFrom(0, 0.5, 0.9),
    beta2: fc.constantFrom(0.9, 0.99),
  };

  law("the first step is -lr g / (|g| + eps), for any betas", setup, ({ size, beta1, beta2 }, draw) => {
    const p = persistent(new Float64Array(size));
    const g = draw.normals([size]);
    new Adam(named(p), { learningRate: 0.1, betas: [beta1, beta2], epsilon: 0.01 }).step([g]);
    equal(
      p,
      g.toFloat64Array().map((value) => (-0.1 * value) / (Math.abs(value) + 0.01)),
    );
  });

  law(
    "with eps = 0, scaling every gradient by 2^k changes nothing, to the bit",
    setup,
    ({ size, beta1, beta2 }, draw) => {
      const power = 2 ** draw.integer(-20, 20);
      const [p, q] = [persistent(new Float64Array(size)), persistent(new Float64Array(size))];
      const options = { learningRate: 0.1, betas: [beta1, beta2] as const, epsilon: 0 };
      const [small, large] = [new Adam(named(p), options), new Adam(named(q), options)];
      for (let step = 0; step < 5; step++) {
        const g = draw.normals([size]);
        large.step([scale(g, power)]);
        small.step([g]);
      }
      identical(q, p);
    },
  );

  test("gradients that are not finite: NaN counts as 0, an infinity as +-1e5", () => {
    const p = persistent([1, 1, 1]);
    const optimizer = new Adam(named(p), { learningRate: 0.5, epsilon: 0.1 });
    optimizer.step([Tensor.from([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])]);
    equal(optimizer.m.get("p")!, [0, 1e4, -1e4]);
    equal(p, [1, 0.5, 1.5], { tolerance: 1e-5 });
  });

  test("gradients of the wrong number or shape are refused before anything moves", () => {
    const optimizer = new Adam(named(persistent([1, 2])));
    expect(() => optimizer.step([])).toThrow(RangeError);
    expect(() => optimizer.step([Tensor.from([1])])).toThrow(RangeError);
    expect(optimizer.steps).toBe(0);
    expect(() => new Adam(new Map(), { betas: [0, 1] })).toThrow(RangeError);
  });

  law(
    "the mean over micro-batches is the full batch, but for the minibatch stddev across groups",
    { seed: fc.integer({ min: 0, max: 99 }) },
    ({ seed }, draw) => {
      const { discriminator: config } = networkGeometry({ resolution: 8, channelMax: 4, mbstdGroupSize: 2 });
      const images = draw.normals([4, 3, 8, 8]);
      const rows = (indices: readonly number[]): Tensor => {
        const data = images.toFloat64Array();
        const picked = indices.flatMap((index) => [...data.subarray(index * 192, (index + 1) * 192)]);
        return Tensor.from(Float64Array.from(picked), [indices.length, 3, 8, 8]);
      };
      const gradient = (network: Discriminator, batch: Tensor): Tensor => {
        const loss = adversarialLosses.logistic.generator(network.forward(batch, null));
        return grad([loss], [network.parameters.get("b8.conv0.weight")!])[0];
      };
      const inParts = (network: Discriminator, parts: readonly (readonly number[])[]): Tensor =>
        scale(parts.map((part) => gradient(network, rows(part))).reduce(add), 1 / parts.length);
      const make = (mbstdNumChannels: number): Discriminator =>
        new Discriminator({ ...config, mbstdNumChannels }, initialContents(new RandomState(seed)));
      const [plain, grouped] = [make(0), make(1)];
      const halves = [
        [0, 1],
        [2, 3],
      ];
      const groups = [
        [0, 2],
        [1, 3],
      ];
      equal(inParts(plain, halves), gradient(plain, images));
      equal(inParts(grouped, groups), gradient(grouped, images));
      apart(inParts(grouped, halves), gradient(grouped, images), 1e-6);
    },
    { runs: 5 },
  );
});

describe("42: a run is a function of its seed", () => {
  const geometry = networkGeometry({ resolution: 8, cDim: 2, zDim: 4, wDim: 4, mappingLayers: 2, channelMax: 4 });
  const settings: TrainingSettings = {
    r1Gamma: 1,
    gRegInterval: 2,
    dRegInterval: 3,
    emaKimg: 0.1,
    augment: augmentPipelines.bgcfnc,
    augmentP: 0.3,
    ada: { adaKimg: 0.1, interval: 2 },
  };
  const labels = [
    [1, 0],
    [0, 1],
  ];
  const start = (seed: number) => ({
    state: new TrainingState(createNetworks(geometry, seed), settings),
    sampler: new TrainingSampler(seed + 1, { batchSize: 4, labels }),
  });
  type Run = ReturnType<typeof start>;
  const train = ({ state, sampler }: Run, steps: number): void => {
    for (let step = 0; step < steps; step++) {
      const real = Tensor.from(new RandomState(1000 + state.progress.steps).randn(4 * 192), [4, 3, 8, 8]);
      const realC = Tensor.from([1, 0, 0, 1, 1, 0, 0, 1], [4, 2]);
      trainingStep(state, { ...sampler.draw(state), real, realC });
    }
  };
  const expectSame = (a: Run, b: Run): void => {
    const [left, right] = [snapshotTraining(a.state, a.sampler), snapshotTraining(b.state, b.sampler)];
    expect(left.numbers).toEqual(right.numbers);
    expect([...left.tensors.keys()]).toEqual([...right.tensors.keys()]);
    for (const [name, tensor] of left.tensors) identical(tensor.toFloat(), right.tensors.get(name)!.toFloat());
  };

  test("the same seed gives the same bits, another seed others; every tensor of the state takes part", () => {
    const [a, b, c] = [start(1), start(1), start(2)];
    const before = snapshotTraining(a.state, a.sampler);
    train(a, 3);
    train(b, 3);
    train(c, 3);
    expectSame(a, b);
    const after = snapshotTraining(a.state, a.sampler);
    for (const [name, tensor] of after.tensors) {
      if (!/^(g|d|g_ema)\./.test(name) || name.endsWith("noise_const")) continue;
      const moved = tensor.toFloat().map((value, k) => value - before.tensors.get(name)!.toFloat()[k]);
      expect(largest(moved), name).toBeGreaterThan(0);
    }
    expect(after.numbers.progress.augmentP).not.toBe(0.3);
    expect(() => expectSame(a, c)).toThrow();
  });

  test("a run resumed from its snapshot, through JSON, repeats the uninterrupted one", () => {
    const whole = start(1);
    train(whole, 5);
    const first = start(1);
    train(first, 2);
    const { tensors, numbers } = snapshotTraining(first.state, first.sampler);
    train(first, 1); // does not reach into the snapshot
    const resumed = start(77);
    restoreTraining(resumed.state, resumed.sampler, { tensors, numbers: JSON.parse(JSON.stringify(numbers)) });
    train(resumed, 3);
    expectSame(resumed, whole);
  });

  test("a snapshot of other networks is refused, and nothing changes", () => {
    const run = start(1);
    const before = snapshotTraining(run.state, run.sampler);
    const tensors = new Map(before.tensors);
    tensors.delete("d_opt.v.b4.out.bias");
    const restore = () => restoreTraining(run.state, run.sampler, { ...before, tensors });
    expect(restore).toThrow("d_opt.v.b4.out.bias is missing");
    expect(snapshotTraining(run.state, run.sampler).numbers).toEqual(before.numbers);
  });

  test("memory is flat: what a step makes, it frees", () => {
    const run = start(1);
    train(run, 2);
    const used = activeKernels().memory().usedBytes;
    train(run, 6);
    expect(activeKernels().memory().usedBytes).toBeLessThanOrEqual(used);
  });

  test.each(["wgan", "hinge"] as const)("trains with the loss %s", (loss) => {
    const { discriminator, generator } = createNetworks(geometry, 3);
    const state = new TrainingState({ discriminator, generator }, { ...settings, loss, r1Gamma: 0 });
    const run = { state, sampler: new TrainingSampler(4, { batchSize: 4, labels }) };
    const before = discriminator.parameters.get("b8.conv0.weight")!.toFloat64Array();
    train(run, 2);
    apart(discriminator.parameters.get("b8.conv0.weight")!, before, 1e-4);
  });

  test("the first loss that is not finite stops the step and is named; the network it belongs to is untouched", () => {
    const run = start(1);
    train(run, 1);
    const { parameters } = run.state.discriminator;
    parameters.get("b4.out.bias")!.update(({ data }) => data.fill(Number.POSITIVE_INFINITY));
    const before = run.state.generator.parameters.get("synthesis.b4.const")!.toFloat64Array();
    try {
      train(run, 1);
      expect.fail("the step went through");
    } catch (error) {
      if (!(error instanceof NonFiniteLossError)) throw error;
      expect([error.phase, error.step]).toEqual(["Gmain", 1]);
      expect(error.message).toContain("Gmain at step 1");
    }
    identical(run.state.generator.parameters.get("synthesis.b4.const")!, before);
  });
});
