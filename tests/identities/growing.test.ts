/**
 * Progressive growing, as equations: what an image is at a level of detail, what the discriminator sees of it, and the
 * schedule that walks from coarse to fine.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { lerp } from "../../src/nn/ops/arith.js";
import { Tensor } from "../../src/nn/tensor.js";
import { downscale2d, upscale2d } from "../../src/stylegan/growing/lod.js";
import { TrainingSampler } from "../../src/stylegan/training/sampler.js";
import {
  type GrowingSchedule,
  imagesAtLod,
  layersAt,
  momentAt,
  resetsOptimizers,
  setLod,
} from "../../src/stylegan/training/schedule.js";
import { TrainingState } from "../../src/stylegan/training/step.js";
import { growing, smallNetworks } from "../support/growingNetworks.js";
import { apart, equal, identical, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const batches = { n: fc.integer({ min: 1, max: 2 }), c: fc.integer({ min: 1, max: 3 }) };

describe("levels of detail", () => {
  law(
    "at a whole lod the image consists of blocks of 2^lod pixels: up(down(image)) = image",
    growing,
    (shape, draw) => {
      const { g } = smallNetworks(shape.name, shape.resolution, draw);
      const ws = draw.normals([2, g.numWs, g.wDim]);
      for (let lod = 0; lod <= Math.log2(shape.resolution) - 2; lod++) {
        const image = g.synthesis.forward(ws, { noiseMode: "const", lod });
        expect(image.shape).toEqual([2, 3, shape.resolution, shape.resolution]);
        equal(upscale2d(downscale2d(image, 2 ** lod), 2 ** lod), image);
      }
    },
  );

  law(
    "between two levels the image fades: image(l + t) = lerp(image(l), image(l + 1), t)",
    { ...growing, sixteenths: fc.integer({ min: 1, max: 15 }) },
    ({ name, resolution, sixteenths }, draw) => {
      const { g } = smallNetworks(name, resolution, draw);
      const ws = draw.normals([1, g.numWs, g.wDim]);
      const at = (lod: number): Tensor => g.synthesis.forward(ws, { noiseMode: "const", lod });
      const t = sixteenths / 16;
      for (let level = 0; level < Math.log2(resolution) - 2; level++) {
        equal(at(level + t), lerp(at(level), at(level + 1), t));
      }
    },
  );

  law(
    "a lod that is stored and one that is told are the same",
    { ...growing, lod: fc.double({ min: 0, max: 1, noNaN: true }) },
    (shape, draw) => {
      const { g, d } = smallNetworks(shape.name, shape.resolution, draw);
      const ws = draw.normals([2, g.numWs, g.wDim]);
      const told = g.synthesis.forward(ws, { noiseMode: "const", lod: shape.lod });
      setLod(g, shape.lod);
      identical(g.synthesis.forward(ws, { noiseMode: "const" }), told);
      const toldLogits = d.forward(told, null, { lod: shape.lod });
      setLod(d, shape.lod);
      identical(d.forward(told, null), toldLogits);
    },
  );

  law(
    "at a whole lod the discriminator sees no finer detail: D(x) = D(imagesAtLod(x)); at lod 0 it does",
    growing,
    (shape, draw) => {
      const { d } = smallNetworks(shape.name, shape.resolution, draw);
      const x = draw.normals([2, 3, shape.resolution, shape.resolution]);
      for (let lod = 1; lod <= Math.log2(shape.resolution) - 2; lod++) {
        const logits = d.forward(x, null, { lod });
        equal(d.forward(imagesAtLod(x, lod), null, { lod }), logits, { tolerance: 1e-9 });
        apart(d.forward(imagesAtLod(x, lod), null, { lod: 0 }), d.forward(x, null, { lod: 0 }), 1e-6);
      }
    },
  );

  law(
    "real images fade as generated ones do, and keep their mean",
    { ...batches, t: fc.constantFrom(0.25, 0.5) },
    ({ n, c, t }, draw) => {
      const x = draw.normals([n, c, 16, 16]);
      for (const level of [0, 1]) {
        const faded = imagesAtLod(x, level + t);
        equal(faded, lerp(imagesAtLod(x, level), imagesAtLod(x, level + 1), t));
        equal(downscale2d(faded, 16), downscale2d(x, 16));
      }
      identical(imagesAtLod(x, 0), x);
    },
  );

  test("a lod that the network does not have is an error", () => {
    const x = Tensor.zeros([1, 3, 16, 16]);
    for (const lod of [-0.1, 2.1, Number.NaN]) expect(() => imagesAtLod(x, lod)).toThrow(RangeError);
  });
});

const schedules = fc.record({
  imgResolution: fc.constantFrom(8, 16, 64, 1024),
  initialResolution: fc.constantFrom(4, 8),
  stableKimg: fc.constantFrom(0, 1, 5),
  fadeKimg: fc.constantFrom(1, 4),
});
const NUMBERS = { batch: { base: 4, at: { 4: 64, 8: 32 } }, learningRate: { base: 0.001, at: { 1024: 0.003 } } };

/** The schedule sampled every 50 images until after its end. */
function walk(options: Omit<GrowingSchedule, "batch" | "learningRate">) {
  const schedule: GrowingSchedule = { ...options, ...NUMBERS };
  const { imgResolution, initialResolution = 8, stableKimg = 600, fadeKimg = 600 } = options;
  const levels = Math.log2(imgResolution / initialResolution);
  const end = levels * (stableKimg + fadeKimg) * 1000;
  const moments = [];
  for (let at = 0; at <= end + 500; at += 50) moments.push(momentAt(schedule, at));
  return { levels, moments, fadeKimg };
}

describe("the schedule", () => {
  law("lod falls from log2(R / R_0) to 0 without jumps, and stays there", { schedule: schedules }, ({ schedule }) => {
    const { levels, moments, fadeKimg } = walk(schedule);
    expect(moments[0].lod).toBe(levels);
    expect(moments.at(-1)!.lod).toBe(0);
    moments.slice(1).forEach(({ lod }, index) => {
      const step = moments[index].lod - lod;
      expect(step).toBeGreaterThanOrEqual(0);
      expect(step).toBeLessThanOrEqual(0.05 / fadeKimg + 1e-9);
    });
  });

  law("batch and learning rate follow the resolution R / 2^floor(lod)", { schedule: schedules }, ({ schedule }) => {
    for (const { lod, resolution, batch, learningRate } of walk(schedule).moments) {
      expect(resolution).toBe(schedule.imgResolution / 2 ** Math.floor(lod));
      expect(batch).toBe({ 4: 64, 8: 32 }[resolution] ?? 4);
      expect(learningRate).toBe(resolution === 1024 ? 0.003 : 0.001);
    }
  });

  law(
    "the optimisers are reset when a fade begins and when it ends: twice a level",
    { schedule: schedules },
    ({ schedule }) => {
      const { levels, moments } = walk({ ...schedule, stableKimg: 1 });
      const resets = moments.slice(1).filter(({ lod }, index) => resetsOptimizers(moments[index].lod, lod));
      expect(resets.length).toBe(2 * levels);
    },
  );

  law(
    "mixing never cuts at a layer that does not run: later w's change nothing",
    growing,
    ({ name, resolution }, draw) => {
      const { g } = smallNetworks(name, resolution, draw);
      const ws = draw.normals([1, g.numWs, g.wDim]);
      for (let lod = 0; lod <= Math.log2(resolution) - 2; lod++) {
        const used = layersAt(g.numWs, lod);
        expect(used).toBe(2 * Math.log2(resolution / 2 ** lod) - 2);
        const kept = ws.toFloat64Array().map((value, index) => (index < used * g.wDim ? value : -value));
        const options = { noiseMode: "const", lod } as const;
        identical(g.synthesis.forward(Tensor.from(kept, ws.shape), options), g.synthesis.forward(ws, options));
      }
    },
  );

  law("mixing cuts at every layer that runs, and at no other", growing, ({ name, resolution }, draw) => {
    const { g, d } = smallNetworks(name, resolution, draw);
    const state = new TrainingState({ generator: g, discriminator: d }, { plWeight: 0, r1Gamma: 0 });
    const sampler = new TrainingSampler(resolution, { batchSize: 1, styleMixingProb: 1 });
    for (let lod = 0; lod <= Math.log2(resolution) - 2; lod += 0.5) {
      setLod(g, lod);
      const cutoffs = Array.from({ length: 60 }, () => sampler.draw(state)).flatMap(({ Gmain, Dmain }) =>
        [Gmain, Dmain].map(({ mixing }) => mixing!.cutoff),
      );
      const used = 2 * Math.log2(resolution / 2 ** Math.floor(lod)) - 2;
      expect(new Set(cutoffs)).toEqual(new Set(Array.from({ length: used - 1 }, (_, index) => index + 1)));
    }
  });

  test("phases of no length, and resolutions that the network does not have, are errors", () => {
    const at = (options: Partial<GrowingSchedule>) => () => momentAt({ imgResolution: 32, ...NUMBERS, ...options }, 0);
    expect(at({ stableKimg: 0, fadeKimg: 0 })).toThrow(RangeError);
    expect(at({ initialResolution: 64 })).toThrow(RangeError);
    expect(at({ initialResolution: 2 })).toThrow(RangeError);
    expect(at({ initialResolution: 12 })).toThrow(RangeError);
    expect(at({})().resolution).toBe(8);
  });
});
