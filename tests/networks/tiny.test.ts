/** Smoke: the whole of the library in two seconds. An 8x8 network trains three steps and generates an image. */
import { beforeAll, expect, test } from "vitest";
import { init } from "../../src/index.js";
import { noGrad } from "../../src/nn/autograd/record.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { TrainingSampler } from "../../src/stylegan/training/sampler.js";
import { TrainingState, trainingStep } from "../../src/stylegan/training/step.js";

beforeAll(() => init());

test("an 8x8 network trains three steps and generates an image", () => {
  const geometry = networkGeometry({ resolution: 8, zDim: 8, wDim: 8, mappingLayers: 2, channelMax: 8 });
  const state = new TrainingState(createNetworks(geometry, 0), { r1Gamma: 1, gRegInterval: 1, dRegInterval: 2 });
  const sampler = new TrainingSampler(1, { batchSize: 4 });
  const pixels = () => {
    const z = Tensor.from(new RandomState(3).randn(8), [1, 8]);
    return scope(() => noGrad(() => state.average.forward(z, null, { noiseMode: "const" }).toFloat64Array()));
  };
  const before = pixels();
  for (let step = 0; step < 3; step++) {
    const real = Tensor.from(new RandomState(10 + step).randn(4 * 3 * 64), [4, 3, 8, 8]);
    const { losses } = trainingStep(state, { ...sampler.draw(state), real, realC: null });
    expect(Object.keys(losses)).toEqual(step === 1 ? ["Gmain", "Greg", "Dmain"] : ["Gmain", "Greg", "Dmain", "Dreg"]);
    for (const [phase, loss] of Object.entries(losses)) expect(Number.isFinite(loss), phase).toBe(true);
  }
  const after = pixels();
  expect(after.length).toBe(3 * 64);
  expect(after.every(Number.isFinite)).toBe(true);
  expect(after).not.toEqual(before);
  expect(state.progress).toMatchObject({ steps: 3, images: 12 });
});
