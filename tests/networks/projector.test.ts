/** The projector: its schedules in closed form, its noise term as a law, and an image that it finds again. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { noGrad, variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import type { Generator } from "../../src/stylegan/generator.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { correlationGradient, noiseCorrelation } from "../../src/stylegan/latents/projection/noiseTerm.js";
import { learningRateAt, Projector } from "../../src/stylegan/latents/projection/projector.js";

let generator: Generator;

beforeAll(() => {
  setKernels(createReferenceKernels("float64"));
  const geometry = networkGeometry({ resolution: 8, zDim: 4, wDim: 4, mappingLayers: 2, channelMax: 6 });
  generator = createNetworks(geometry, 3).generator;
});

describe("schedules and terms", () => {
  test("the learning rate rises over 5 %, holds, and falls along a cosine over the last 25 %", () => {
    const options = { learningRate: 0.1, rampupLength: 0.05, rampdownLength: 0.25 };
    expect(learningRateAt(0, options)).toBe(0);
    expect(learningRateAt(0.025, options)).toBeCloseTo(0.05, 14);
    expect(learningRateAt(0.5, options)).toBeCloseTo(0.1, 14);
    expect(learningRateAt(0.875, options)).toBeCloseTo(0.05, 14);
    expect(learningRateAt(1, options)).toBeCloseTo(0, 14);
  });

  test("noise correlation: 1 for each direction and level of a constant map, near 0 for white noise", () => {
    const constant = Tensor.from(new Float64Array(32 * 32).fill(1), [32, 32]);
    expect(noiseCorrelation(constant).item()).toBeCloseTo(2 * 3, 12); // 32, 16 and 8 pixels
    const stripes = Tensor.from(
      Float64Array.from({ length: 64 }, (_, k) => (k % 2 === 0 ? 1 : -1)),
      [8, 8],
    );
    expect(noiseCorrelation(stripes).item()).toBeCloseTo(2, 12); // squared: rows -1, columns +1
    const white = Tensor.from(new RandomState(1).randn(32 * 32), [32, 32]);
    expect(noiseCorrelation(white).item()).toBeLessThan(0.1);
  });

  test.each([
    [4, 4],
    [8, 16],
    [16, 8],
    [32, 32],
    [64, 32],
  ])("the closed form of the noise term is its definition: %d x %d", (height, width) => {
    const smooth = new RandomState(height + width).randn(height * width).map((value, k) => value + Math.sin(k / 3));
    const map = variable(Tensor.from(smooth, [height, width]));
    const definition = noiseCorrelation(map);
    const [slope] = grad([definition], [map]);
    const { value, gradient } = correlationGradient(smooth, height, width);
    expect(value).toBeCloseTo(definition.item(), 12);
    const expected = slope.toFloat64Array();
    const largest = Math.max(...expected.map(Math.abs));
    expect(Math.max(...gradient.map((number, k) => Math.abs(number - expected[k])))).toBeLessThan(1e-12 * largest);
  });

  test("the closed form refuses what cannot be halved", () => {
    expect(() => correlationGradient(new Float64Array(18 * 9), 18, 9)).toThrow("got 18 x 9");
  });
});

describe("projection", () => {
  const target = (): Tensor =>
    scope(() =>
      noGrad(() => generator.forward(Tensor.from(new RandomState(9).randn(4), [1, 4]), null, { noiseMode: "const" })),
    );

  test("finds an image of the generator again, and leaves the generator as it was", () => {
    const before = generator.buffers.get("synthesis.b8.conv0.noise_const")!.toFloat64Array();
    const projector = new Projector(generator, target(), { steps: 100, wAvgSamples: 600 });
    const first = projector.step();
    let last = first;
    while (projector.stepsDone < 100) last = projector.step();
    expect(last.distance).toBeLessThan(first.distance / 20);
    expect(projector.ws().shape).toEqual([1, generator.numWs, 4]);
    expect(projector.image().shape).toEqual([1, 3, 8, 8]);
    for (const [name, map] of projector.generator.buffers) {
      if (!name.endsWith("noise_const")) continue;
      const values = map.toFloat64Array();
      expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0, 12);
      expect(values.reduce((sum, value) => sum + value * value, 0) / values.length).toBeCloseTo(1, 12);
    }
    expect(generator.buffers.get("synthesis.b8.conv0.noise_const")!.toFloat64Array()).toEqual(before);
  });

  test("wStd is the root of E|w - E w|^2", () => {
    const { wStd, w } = new Projector(generator, target(), { wAvgSamples: 700 });
    const ws = scope(() =>
      noGrad(() => generator.mapping.forward(Tensor.from(new RandomState(123).randn(700 * 4), [700, 4]), null)),
    ).toFloat64Array();
    const stride = generator.numWs * 4;
    const rows = Array.from({ length: 700 }, (_, n) => [...ws.subarray(n * stride, n * stride + 4)]);
    const centre = [0, 1, 2, 3].map((k) => rows.reduce((sum, row) => sum + row[k], 0) / 700);
    const variance = rows.reduce((sum, row) => sum + row.reduce((s, x, k) => s + (x - centre[k]) ** 2, 0), 0) / 700;
    expect(wStd).toBeCloseTo(Math.sqrt(variance), 10);
    w.toFloat64Array().forEach((value, k) => {
      expect(value).toBeCloseTo(centre[k], 10);
    });
  });

  test("a target of another size is refused", () => {
    expect(() => new Projector(generator, Tensor.zeros([1, 3, 4, 4]))).toThrow("[1, 3, 8, 8]");
  });
});
