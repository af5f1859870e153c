/** What augmentation does where nothing is said: defaults, by hand and as the same numbers said aloud. */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { RandomState } from "../../src/nn/random.js";
import { Tensor } from "../../src/nn/tensor.js";
import { type AugmentPipeline, augmentPipelines, drawAugmentation } from "../../src/stylegan/augment/draws.js";
import { rotateAboutGrey, scaleAboutGrey } from "../../src/stylegan/augment/matrices.js";
import { adjustP, augment } from "../../src/stylegan/augment/pipeline.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const SHAPE = [6, 3, 12, 12];
const images = (): Tensor => Tensor.from(new RandomState(1).randn(6 * 3 * 144), SHAPE);

function augmented(pipeline: AugmentPipeline, p = 0.45): Float64Array {
  return augment(images(), {
    pipeline,
    p,
    draws: drawAugmentation(new RandomState(2), pipeline, SHAPE),
  }).toFloat64Array();
}

describe("defaults", () => {
  test.each<[AugmentPipeline, AugmentPipeline]>([
    [{ imgfilter: 1 }, { imgfilterStd: 1, imgfilterBands: [1, 1, 1, 1] }],
    [{ noise: 1 }, { noiseStd: 0.1 }],
    [{ cutout: 1 }, { cutoutSize: 0.5 }],
  ])("%j is with %j", (pipeline, said) => {
    const result = augmented(pipeline);
    expect(result).toEqual(augmented({ ...pipeline, ...said }));
    expect(result).not.toEqual(images().toFloat64Array());
    const other = Object.fromEntries(
      Object.entries(said).map(([name, value]) => [name, Array.isArray(value) ? [1, 0, 1, 0] : (value as number) / 2]),
    );
    expect(result).not.toEqual(augmented({ ...pipeline, ...other }));
  });

  test("every transformation of the named pipelines has the probability p itself", () => {
    for (const [name, pipeline] of Object.entries(augmentPipelines)) {
      expect(new Set(Object.values(pipeline)), name).toEqual(new Set([1]));
    }
    expect(Object.keys(augmentPipelines.bgcfnc)).toHaveLength(15);
  });

  test("p goes from 0 to 1 in 500 kimg, towards signs of 0.6", () => {
    expect(adjustP(0.1, 0.61, 64)).toBeCloseTo(0.1 + 64 / 500_000, 15);
    expect(adjustP(0.1, 0.59, 64)).toBeCloseTo(0.1 - 64 / 500_000, 15);
  });
});

describe("noise", () => {
  test("is |normal| times noiseStd times noise, image by image", () => {
    const pipeline = { noise: 1, noiseStd: 0.3 };
    const draws = drawAugmentation(new RandomState(2), pipeline, SHAPE);
    const [before, after] = [images().toFloat64Array(), augmented(pipeline, 0.5)];
    const noise = draws.noise!.toFloat64Array();
    const size = before.length / SHAPE[0];
    const gates = draws.samples.map(
      ({
        noise: {
          gates: [gate],
        },
      }) => gate < 0.5,
    );
    expect(new Set(gates).size).toBe(2);
    for (let k = 0; k < before.length; k++) {
      const n = Math.floor(k / size);
      const strength = gates[n] ? Math.abs(draws.samples[n].noise.amounts[0]) * 0.3 : 0;
      expect(after[k]).toBeCloseTo(before[k] + strength * noise[k], 12);
    }
  });
});

test("maps of colours leave the fourth coordinate alone", () => {
  for (const map of [scaleAboutGrey(2, 3), rotateAboutGrey(0.7)]) {
    expect([3, 7, 11, 12, 13, 14, 15].map((k) => map[k])).toEqual([0, 0, 0, 0, 0, 0, 1]);
    // Grey stays grey.
    const rows = [0, 4, 8].map((k) => map[k] + map[k + 1] + map[k + 2]);
    for (const row of rows) expect(row).toBeCloseTo(rows[0], 12);
  }
});
