/** VGG16 and LPIPS against goldens (fixtures/vgg) whose weights come from seeds; the files they are read from; laws. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { FileError } from "../../src/formats/fileError.js";
import { denseTensor, type PlainTensor } from "../../src/formats/plainTensor.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import { grad } from "../../src/nn/autograd/grad.js";
import { noGrad, variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { square, sub } from "../../src/nn/ops/arith.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { Lpips } from "../../src/stylegan/evaluation/lpips.js";
import { Vgg16 } from "../../src/stylegan/evaluation/vgg.js";
import { readWeights } from "../../src/stylegan/evaluation/weights.js";
import { compare, goldensOf, readGolden } from "../support/goldens.js";
import { type DrawnImage, seededImages, seededWeights } from "../support/seededWeights.js";

const files = goldensOf("lpips").map((file) => ({ ...file, golden: readGolden(file.path) }));
const [{ golden, path }] = files;
const images = seededImages(golden);
const weights = seededWeights(golden);
let lpips: Lpips;

beforeAll(async () => {
  setKernels(await createKernels());
  lpips = new Lpips(weights, weights);
});

/** [1, 3, H, W], values from -1 to 1 */
function asTensor({ height, width, pixels }: DrawnImage): Tensor {
  const plane = height * width;
  const data = Float64Array.from({ length: 3 * plane }, (_, k) => {
    return pixels[(k % plane) * 3 + Math.floor(k / plane)] / 127.5 - 1;
  });
  return Tensor.from(data, [1, 3, height, width]);
}

const image = (name: string): Tensor => asTensor(images.get(name)!);
const length = (values: Float32Array): number => Math.sqrt(values.reduce((total, value) => total + value * value, 0));

/** [3, 8, 8] of [3, side, side] from row y and column x on */
const cropOf = (data: Float32Array, side: number, [y, x]: readonly [number, number]): Float64Array =>
  Float64Array.from({ length: 192 }, (_, k) => {
    return data[((k >> 6) * side + y + ((k >> 3) & 7)) * side + x + (k & 7)];
  });

describe.each(files)("goldens of $name", ({ golden }) => {
  const pairs = JSON.parse(golden.metadata.pairs) as readonly (readonly [string, string])[];
  const crops = JSON.parse(golden.metadata.crops) as Readonly<Record<string, readonly [number, number]>>;
  const images = seededImages(golden);
  const image = (name: string): Tensor => asTensor(images.get(name)!);
  let lpips: Lpips;

  beforeAll(() => {
    const weights = seededWeights(golden);
    lpips = new Lpips(weights, weights);
  }, 60_000);

  test("images are those that are stored", () => {
    for (const [name, { pixels }] of images) {
      if (golden.has(`image/${name}`)) expect(compare(pixels, golden.data(`image/${name}`)).difference).toBe(0);
    }
  });

  // The large pair runs once, below: a pass of its network is 20e9 multiply-adds.
  const small = pairs.filter(([first, second]) => golden.has(`${first}-${second}/f64/grad`));
  test.each(small)("distance of %s and %s as one kernel a layer", (first, second) => {
    const expected = golden.data(`${first}-${second}/f64/layers`);
    scope(() =>
      noGrad(() => {
        const layers = lpips.layers(image(first), image(second));
        const { difference, largest } = compare(layers.toArray(), expected);
        expect(difference).toBeLessThan(1e-5 * largest);
        const [total] = golden.data(`${first}-${second}/f64/distance`);
        expect(Math.abs(sum(layers).item() - total)).toBeLessThan(1e-5 * total);
      }),
    );
  });

  test.each(pairs)("distance of %s and %s, and its gradient with respect to the first", (first, second) => {
    scope(() => {
      const pair = `${first}-${second}/f64`;
      const x = variable(image(first));
      const distance = lpips.distance(x, image(second));
      const [total] = golden.data(`${pair}/distance`);
      expect(Math.abs(distance.item() - total)).toBeLessThan(1e-5 * total);

      const dx = grad([distance], [x])[0].toArray();
      const norm = golden.data(`${pair}/grad_stats`)[4];
      expect(Math.abs(length(dx) - norm)).toBeLessThan(1e-3 * norm);
      if (golden.has(`${pair}/grad`)) {
        const expected = golden.data(`${pair}/grad`);
        const { difference, largest } = compare(dx, expected);
        expect(difference).toBeLessThan(1e-4 * largest);
        expect(length(dx.map((value, k) => value - expected[k]))).toBeLessThan(1e-4 * norm);
      }
      for (const [crop, corner] of Object.entries(crops)) {
        if (!golden.has(`${pair}/grad_${crop}`)) continue;
        const { difference, largest } = compare(cropOf(dx, 256, corner), golden.data(`${pair}/grad_${crop}`));
        expect(difference).toBeLessThan(2e-3 * largest);
      }
    });
  });
});

describe("laws", () => {
  test("d(a, a) = 0, d(a, b) = d(b, a), and d = |e(a) - e(b)|^2", () => {
    scope(() =>
      noGrad(() => {
        const [a, b] = [image("a"), image("c")];
        expect(lpips.distance(a, a).item()).toBe(0);
        const d = lpips.distance(a, b).item();
        expect(lpips.distance(b, a).item()).toBe(d);
        const embedded = sum(square(sub(lpips.embedding(a), lpips.embedding(b)))).item();
        expect(Math.abs(embedded - d)).toBeLessThan(1e-5 * d);
      }),
    );
  });

  test("images of other channels, or too small, are told", () => {
    const vgg = new Vgg16(weights);
    expect(() => vgg.features(Tensor.zeros([1, 4, 32, 32]))).toThrow(/Vgg16: x must be \[N, 3, H, W\]/);
    expect(() => vgg.features(Tensor.zeros([1, 3, 32, 15]))).toThrow(/Vgg16: images must be at least 16x16, got 32x15/);
  });

  test("a batch is its images; a grey image is three equal channels", () => {
    scope(() =>
      noGrad(() => {
        const [a, b, c] = ["a", "b", "c"].map((name) => image(name).toArray());
        const first = Tensor.from([...a, ...c], [2, 3, 64, 64]);
        const second = Tensor.from([...b, ...a], [2, 3, 64, 64]);
        const both = lpips.distance(first, second).toArray();
        expect(both[0]).toBeCloseTo(golden.data("a-b/f64/distance")[0], 5);
        expect(both[1]).toBeCloseTo(golden.data("a-c/f64/distance")[0], 5);
        const grey = (data: Float32Array): Tensor => Tensor.from(data.subarray(0, 4096), [1, 1, 64, 64]);
        const spread = (data: Float32Array): Tensor =>
          Tensor.from(
            Float32Array.from({ length: 3 * 4096 }, (_, k) => data[k % 4096]),
            [1, 3, 64, 64],
          );
        expect(lpips.distance(grey(a), grey(c)).item()).toBe(lpips.distance(spread(a), spread(c)).item());
      }),
    );
  });

  test("where nothing is left of an image the gradient is finite", () => {
    const dark = new Map(weights);
    for (const [name, tensor] of weights) {
      // Biases far below zero: every feature of every layer is 0.
      if (name.endsWith("bias")) dark.set(name, denseTensor(new Float32Array(tensor.size).fill(-1e3), tensor.shape));
    }
    scope(() => {
      const x = variable(image("a"));
      const [dx] = grad([new Lpips(dark, weights).distance(x, image("c"))], [x]);
      expect(dx.toArray().every((value) => value === 0)).toBe(true);
    });
  });
});

describe("files", () => {
  const linFile = readFileSync(join(dirname(path), "lin.legacy.pth"));

  test("lin weights stored from a GPU are read as they are", () => {
    const read = readWeights(linFile, "LPIPS");
    const linNames = [...weights.keys()].filter((name) => name.startsWith("lin"));
    expect([...read.keys()]).toEqual(linNames);
    for (const name of linNames) expect(read.get(name)!.toFloat()).toEqual(weights.get(name)!.toFloat());
    scope(() =>
      noGrad(() => {
        const other = new Lpips(weights, linFile);
        expect(other.distance(image("a"), image("b")).item()).toBe(lpips.distance(image("a"), image("b")).item());
      }),
    );
  });

  test("safetensors serve too", () => {
    const entries = [...weights]
      .filter(([name]) => name.startsWith("lin"))
      .map(([name, tensor]) => ({ name, dtype: "f32" as const, tensor }));
    const read = readWeights(writeSafetensors(entries), "LPIPS");
    expect(read.get("lin4.model.1.weight")!.toFloat()).toEqual(weights.get("lin4.model.1.weight")!.toFloat());
  });

  test("what is missing or has another shape is named", () => {
    const without = (name: string, replacement?: PlainTensor): Map<string, PlainTensor> => {
      const copy = new Map(weights);
      copy.delete(name);
      if (replacement) copy.set(name, replacement);
      return copy;
    };
    expect(() => new Lpips(linFile, linFile)).toThrow(/VGG16 weights: features.0.weight is missing/);
    expect(() => new Lpips(weights, without("lin3.model.1.weight"))).toThrow(/LPIPS weights: lin3.model.1.weight/);
    const small = denseTensor(new Float32Array(3), [3]);
    expect(() => new Lpips(without("features.28.bias", small), weights)).toThrow(/\[512\], found \[3\]/);
    for (const bytes of [new Uint8Array(0), new Uint8Array(100), linFile.subarray(0, 500)]) {
      expect(() => readWeights(bytes, "VGG16")).toThrow(FileError);
    }
  });

  test("images that are too small, or have two channels, are refused", () => {
    scope(() => {
      const two = Tensor.zeros([1, 2, 32, 32]);
      expect(() => lpips.distance(two, two)).toThrow(/1 or 3 channels, got 2/);
      const small = Tensor.zeros([1, 3, 8, 32]);
      expect(() => lpips.distance(small, small)).toThrow(/at least 16x16, got 8x32/);
    });
  });
});
