/** Inception-v3, its input and its score against goldens (fixtures/inception) whose weights come from seeds. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { concat } from "../../src/nn/ops/layout.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, type Tensor } from "../../src/nn/tensor.js";
import { INCEPTION_SIDE, InceptionV3 } from "../../src/stylegan/evaluation/inception.js";
import { inceptionScore } from "../../src/stylegan/evaluation/inceptionScore.js";
import { inceptionInput, type ResizeMode, resizeModes } from "../../src/stylegan/evaluation/resize.js";
import { type NamedTensors, readWeights } from "../../src/stylegan/evaluation/weights.js";
import { compare, goldensOf, readGolden } from "../support/goldens.js";
import { seededImages, seededWeights } from "../support/seededWeights.js";

beforeAll(async () => setKernels(await createKernels()));

/** What the goldens call a mode, and how far float32 positions may be from float64 ones. */
const MODES: Readonly<Record<ResizeMode, { readonly golden: string; readonly tolerance: number }>> = {
  tf: { golden: "tf", tolerance: 5e-5 },
  pytorch: { golden: "pytorch-fid", tolerance: 3e-5 },
  clean: { golden: "clean", tolerance: 5e-7 },
};

const files = goldensOf("inception").map((file) => ({ ...file, golden: readGolden(file.path) }));

describe.each(files)("goldens of $name", ({ golden, path }) => {
  const images = seededImages(golden);
  const crops = JSON.parse(golden.metadata.crops) as Readonly<Record<string, readonly [number, number]>>;
  const cases = [...images.keys()].flatMap((name) => resizeModes.map((mode) => [name, mode] as const));
  let weights: NamedTensors;
  let inception: InceptionV3;

  beforeAll(() => {
    weights = seededWeights(golden);
    inception = new InceptionV3(weights);
  }, 60_000);

  const inputOf = (name: string, mode: ResizeMode): Tensor => {
    const { height, width, pixels } = images.get(name)!;
    return inceptionInput([{ height, width, channels: 3, data: pixels }], mode);
  };

  test.each(cases)("input from image %s, resized as %s", (name, mode) => {
    const x = inputOf(name, mode).toArray();
    const { golden: goldenMode, tolerance } = MODES[mode];
    for (const [crop, [top, left]] of Object.entries(crops)) {
      const part = Float64Array.from({ length: 192 }, (_, k) => {
        const [c, y, column] = [k >> 6, top + ((k >> 3) & 7), left + (k & 7)];
        return x[(c * INCEPTION_SIDE + y) * INCEPTION_SIDE + column];
      });
      expect(compare(part, golden.data(`${name}/${goldenMode}/f64/input_${crop}`)).difference).toBeLessThan(tolerance);
    }
    const average = x.reduce((sum, value) => sum + value, 0) / x.length;
    const spread = Math.sqrt(x.reduce((sum, value) => sum + (value - average) ** 2, 0) / x.length);
    const statistics = [average, spread, x.reduce((a, b) => Math.min(a, b)), x.reduce((a, b) => Math.max(a, b))];
    expect(compare(statistics, golden.data(`${name}/${goldenMode}/f64/input_stats`)).difference).toBeLessThan(
      tolerance,
    );
  });

  // 5.7e9 multiply-adds an image: each image once, each mode once.
  test("features and logits, without biases and with", () => {
    const batch = [...images.keys()].map((name, k) => [name, resizeModes[k % resizeModes.length]] as const);
    scope(() =>
      noGrad(() => {
        const x = concat(
          batch.map(([name, mode]) => inputOf(name, mode)),
          0,
        );
        const features = inception.features(x);
        const results = {
          pool3: features.toArray(),
          logits_unbiased: inception.logits(features).toArray(),
          logits: inception.logits(features, { biased: true }).toArray(),
        };
        // The same bits alone as in a batch: what lets shards be of any size.
        const [name, mode] = batch[1];
        const alone = inception.features(inputOf(name, mode)).toArray();
        expect(compare(alone, results.pool3.subarray(2048, 2 * 2048)).difference).toBe(0);
        for (const [k, [name, mode]] of batch.entries()) {
          for (const [what, rows] of Object.entries(results)) {
            const tensor = `${name}/${MODES[mode].golden}/f64/${what}`;
            const width = rows.length / batch.length;
            const { difference, largest } = compare(rows.subarray(k * width, (k + 1) * width), golden.data(tensor));
            expect(difference, tensor).toBeLessThan(5e-6 * largest);
          }
        }
      }),
    );
  });

  test("one channel is three equal ones", () => {
    const { height, width, pixels } = images.get("b")!;
    const grey = pixels.filter((_, k) => k % 3 === 1);
    const repeated = pixels.map((_, k) => grey[Math.floor(k / 3)]);
    const inputs = [
      { height, width, channels: 1, data: grey } as const,
      { height, width, channels: 3, data: repeated } as const,
    ].map((image) => inceptionInput([image], "clean").toArray());
    expect(compare(inputs[0], inputs[1]).difference).toBe(0);
  });

  test.each(["layer1.zip.pth", "layer1.legacy.pth"])("%s holds the first layer", (file) => {
    const read = readWeights(readFileSync(join(dirname(path), file)), "Inception");
    for (const part of ["conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]) {
      const name = `Conv2d_1a_3x3.${part}`;
      expect(read.get(name)!.toFloat()).toEqual(weights.get(name)!.toFloat());
    }
    expect(() => new InceptionV3(read)).toThrow(/Inception weights: Conv2d_2a_3x3.conv.weight is missing/);
  });
});

describe.each(goldensOf("inceptionScore"))("scores of $name", ({ path }) => {
  const scores = JSON.parse(readGolden(path).metadata.scores) as readonly {
    readonly seed: number;
    readonly count: number;
    readonly scale: number;
    readonly splits: number;
    readonly mean: number;
    readonly std: number;
  }[];

  test.each(scores)("seed $seed, $count images in $splits splits", ({ seed, count, scale, splits, mean, std }) => {
    const logits = new RandomState(seed).randn(count * 1008).map((value) => value * scale);
    const score = inceptionScore(logits, count, { splits });
    expect(score.mean).toBeCloseTo(mean, 9);
    expect(score.std).toBeCloseTo(std, 9);
  });

  test("certain and all different: as many as there are; all the same: 1; too few: refused", () => {
    const certain = Float64Array.from({ length: 25 }, (_, k) => (k % 6 === 0 ? 1000 : 0));
    expect(inceptionScore(certain, 5, { splits: 1 }).mean).toBeCloseTo(5, 9);
    expect(inceptionScore(new Float64Array(50), 10)).toEqual({ mean: 1, std: 0 });
    expect(() => inceptionScore(certain, 5)).toThrow(/at least one image a split/);
    expect(() => inceptionScore(certain, 4, { splits: 1 })).toThrow(RangeError);
  });
});
