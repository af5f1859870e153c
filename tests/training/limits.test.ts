/** Where training ends or refuses: shapes, labels, phases without length, and what it counts. */
import { beforeAll, describe, expect, test } from "vitest";
import { encodePixels } from "../../src/formats/image/pngEncoding.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { square } from "../../src/nn/ops/arith.js";
import { expand, reshape, sum } from "../../src/nn/ops/reduce.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { ImageDataset } from "../../src/stylegan/training/dataset.js";
import { parseLabels } from "../../src/stylegan/training/labels.js";
import { gradientPenalty, pathLengthPenalty } from "../../src/stylegan/training/regularizers.js";
import { TrainingSampler } from "../../src/stylegan/training/sampler.js";
import { momentAt } from "../../src/stylegan/training/schedule.js";
import { TrainingState, trainingStep } from "../../src/stylegan/training/step.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const BATCH = 2;

function state(): TrainingState {
  const geometry = networkGeometry({ resolution: 8, zDim: 4, wDim: 4, mappingLayers: 1, channelMax: 4 });
  const networks = createNetworks(geometry, 1);
  return new TrainingState(
    { ...networks, average: createNetworks(geometry, 1).generator },
    { r1Gamma: 1, dRegInterval: 1 },
  );
}
const draws = (of: TrainingState) => new TrainingSampler(3, { batchSize: BATCH }).draw(of);

describe("a step", () => {
  test("refuses images of another shape than the generator's", () => {
    const one = state();
    expect(() =>
      scope(() => trainingStep(one, { ...draws(one), real: Tensor.zeros([BATCH, 3, 16, 16]), realC: null })),
    ).toThrow(/trainingStep: real must be \[N, C, H, W\]/);
  });

  test("counts the real images that the discriminator takes for real, in Dmain and in Dreg", () => {
    const one = state();
    const out = one.discriminator.parameters.get("b4.out.bias")!;
    for (const sign of [1, -1]) {
      // So large a bias decides every logit.
      out.update(({ data }) => data.fill(1e6 * sign));
      Object.assign(one.progress, { signSum: 0, signCount: 0 });
      scope(() => trainingStep(one, { ...draws(one), real: Tensor.zeros([BATCH, 3, 8, 8]), realC: null }));
      expect([one.progress.signSum, one.progress.signCount]).toEqual([2 * BATCH * sign, 2 * BATCH]);
    }
  });

  test("the gradient penalty takes one point between each pair", () => {
    const images = Tensor.zeros([BATCH, 3, 4, 4]);
    const t = Tensor.zeros([1, 1, 1, 1]);
    expect(() => gradientPenalty((x) => sum(x, { axes: [1, 2, 3] }), images, images, t)).toThrow(
      /gradientPenalty: t must be/,
    );
  });
});

test("path length: the average goes a hundredth of the way to each batch, and the penalty weighs 2", () => {
  const w = Tensor.from([1, -2, 3, 0.5], [2, 1, 2]);
  const noise = Tensor.from([1, 2, -1, 0.5, 1, 1, -2, 1], [2, 1, 2, 2]);
  const synthesize = (ws: Tensor): Tensor => expand(sum(square(ws), { axes: [2], keepDims: true }), [2, 2, 2]);
  const asImages = (ws: Tensor): Tensor => reshape(synthesize(ws), [2, 1, 2, 2]);
  const { lengths, plMean, penalty } = pathLengthPenalty(asImages, variable(w), noise, { plMean: 3 });
  const each = lengths.toFloat64Array();
  const mean = (each[0] + each[1]) / 2;
  expect(plMean).toBeCloseTo(3 + 0.01 * (mean - 3), 12);
  expect(penalty.item()).toBeCloseTo((each[0] - plMean) ** 2 + (each[1] - plMean) ** 2, 10);
});

describe("phases", () => {
  const schedule = { imgResolution: 32, batch: { base: 4, at: {} }, learningRate: { base: 1, at: {} } };
  test("fades without length: resolutions change at once", () => {
    const lods = [0, 999, 1000, 1999, 2000, 9000].map(
      (images) => momentAt({ ...schedule, stableKimg: 1, fadeKimg: 0 }, images).lod,
    );
    expect(lods).toEqual([2, 2, 1, 1, 0, 0]);
  });
  test("fades alone: always between two", () => {
    const lods = [0, 500, 1000, 1500].map(
      (images) => momentAt({ ...schedule, stableKimg: 0, fadeKimg: 1 }, images).lod,
    );
    expect(lods).toEqual([2, 1.5, 1, 0.5]);
  });
});

describe("labels", () => {
  test.each([[[["a.png"]]], [[[7, 1]]], [["a.png"]], [[{ name: "a.png", label: 1 }]], [[["a.png", 0], "b.png"]]])(
    "rows that are no pairs of a name and a label are told: %j",
    (labels) => {
      expect(() => parseLabels({ labels }, ["a.png"])).toThrow(/labels must be a list of \[name, label\], found/);
    },
  );

  const labelled = (last: number) => ({
    labels: [
      ["a.png", 0],
      ["b.png", last],
    ],
  });
  test("65536 classes are the most", () => {
    const vectors = parseLabels(labelled(65535), ["a.png", "b.png"])!;
    expect(vectors.map(({ length }) => length)).toEqual([65536, 65536]);
    expect(() => parseLabels(labelled(65536), ["a.png", "b.png"])).toThrow(
      /at most 65536 classes, b.png has class 65536/,
    );
  });

  test("a set without labels has none of any width", () => {
    const bytes = encodePixels({ width: 4, height: 4, channels: 1, data: new Uint8Array(16) });
    const dataset = new ImageDataset([{ name: "a.png", read: () => bytes }]);
    expect([dataset.labelSize, dataset.labels, dataset.count, dataset.channels]).toEqual([0, [], 1, 1]);
  });
});
