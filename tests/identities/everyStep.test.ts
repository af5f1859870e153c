/** Penalties in every step, as StyleGAN and configs A and B have them: one update with the gradient of loss and penalty. */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { TrainingSampler } from "../../src/stylegan/training/sampler.js";
import { type TrainingSettings, TrainingState, trainingStep } from "../../src/stylegan/training/step.js";
import { equal, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const SIZE = { resolution: 8, zDim: 3, wDim: 3, mappingLayers: 1, channelMax: 2 } as const;

/** The gradients of one step, by phase, and its losses. Nothing moves: the learning rate is 0. */
function gradientsOf(settings: TrainingSettings, real: Tensor) {
  const still = { generatorLearningRate: 0, discriminatorLearningRate: 0, r1Gamma: 5, plWeight: 2 };
  const state = new TrainingState(createNetworks(networkGeometry(SIZE), 1), { ...still, ...settings });
  const sampler = new TrainingSampler(2, { batchSize: 4 });
  const gradients = new Map<string, Float64Array[]>();
  const { losses } = trainingStep(state, { ...sampler.draw(state), real, realC: null }, (phase, tensors) =>
    gradients.set(
      phase,
      tensors.map((tensor) => tensor.toFloat64Array()),
    ),
  );
  const { generatorOptimizer, discriminatorOptimizer } = state;
  return { gradients, losses, updates: [generatorOptimizer.steps, discriminatorOptimizer.steps] };
}

describe("without lazy regularisation", () => {
  law("a step is one update of each network, with the gradient of its loss plus that of its penalty", {}, (_, draw) => {
    const real = draw.normals([4, 3, 8, 8]);
    const apart = gradientsOf({ gRegInterval: 1, dRegInterval: 1 }, real);
    const together = gradientsOf({ lazyRegularization: false }, real);
    expect([apart.updates, together.updates]).toEqual([
      [2, 2],
      [1, 1],
    ]);
    expect([...together.gradients.keys()]).toEqual(["Gmain", "Dmain"]);
    expect(together.losses).toEqual(apart.losses);
    for (const network of ["G", "D"]) {
      const [main, penalty] = ["main", "reg"].map((phase) => apart.gradients.get(network + phase)!);
      const sums = main.map((gradient, at) => gradient.map((value, k) => value + penalty[at][k]));
      together.gradients.get(`${network}main`)!.forEach((gradient, at) => {
        equal(gradient, sums[at]);
      });
    }
  });

  test("an interval contradicts it; without a penalty nothing joins", () => {
    const networks = () => createNetworks(networkGeometry(SIZE), 1);
    expect(() => new TrainingState(networks(), { lazyRegularization: false, dRegInterval: 16 })).toThrow(
      "TrainingState: without lazyRegularization penalties run in every step, so dRegInterval must be 1, got 16",
    );
    const { losses } = gradientsOf(
      { lazyRegularization: false, plWeight: 0 },
      Tensor.from(new Float32Array(768), [4, 3, 8, 8]),
    );
    expect(Object.keys(losses)).toEqual(["Gmain", "Dmain", "Dreg"]);
  });
});
