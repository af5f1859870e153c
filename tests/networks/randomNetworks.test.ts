/**
 * Whole networks of random configurations: the fast kernels, fused layers and all, against the definition in float64. Differences
 * stay below 1e-4 of the largest value (a layer's rounding is some 1e-6). NETWORKS=338 tries so many; FC_SEED=random others.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import type { Kernels } from "../../src/nn/kernels/types.js";
import type { Contents } from "../../src/nn/layers/module.js";
import { activationNames } from "../../src/nn/ops/biasAct.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { architectures } from "../../src/stylegan/config.js";
import { Discriminator } from "../../src/stylegan/discriminator.js";
import { Generator } from "../../src/stylegan/generator.js";
import { networkGeometry } from "../../src/stylegan/geometry.js";
import { setTrainable } from "../../src/stylegan/networks.js";
import { Draw, SEED } from "../support/draw.js";

const COUNT = Number(process.env.NETWORKS ?? 24);
const TOLERANCE = 1e-4;

const reference = createReferenceKernels("float64");
let fast: Kernels;
beforeAll(async () => {
  fast = await createKernels({ kernels: "simd" });
});
afterAll(() => fast.dispose?.());

const settings = fc.record({
  seed: fc.nat(),
  resolution: fc.constantFrom(4, 8, 16, 32, 64),
  imgChannels: fc.constantFrom(1, 3, 4),
  cDim: fc.constantFrom(0, 0, 3),
  zDim: fc.integer({ min: 1, max: 20 }),
  wDim: fc.integer({ min: 1, max: 20 }),
  mappingLayers: fc.integer({ min: 1, max: 3 }),
  channelBase: fc.integer({ min: 40, max: 700 }),
  channelMax: fc.integer({ min: 1, max: 37 }),
  generatorArchitecture: fc.constantFrom(...architectures),
  discriminatorArchitecture: fc.constantFrom(...architectures),
  activation: fc.constantFrom(...activationNames),
  convClamp: fc.constantFrom(null, 256, 0.5),
  resampleFilter: fc.constantFrom([1, 3, 3, 1], [1], [1, 1], [1, 2, 1], [1, 4, 6, 4, 1]),
  useNoise: fc.boolean(),
  scaleBeforeDemodulation: fc.boolean(),
  batch: fc.integer({ min: 1, max: 4 }),
  noiseMode: fc.constantFrom("const", "none"),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

/** Numbers that float32 has, so that both compute with the same. */
function contents(seed: number): Contents {
  const draw = new Draw(seed);
  return (_, __, data) => {
    for (let k = 0; k < data.length; k++) data[k] = Math.fround(draw.normal());
  };
}

/** Images and scores of a network of these settings, on the kernels in use. */
function compute(given: Settings): { readonly img: Float64Array; readonly scores: Float64Array } {
  const { seed, batch, activation, resampleFilter, useNoise, scaleBeforeDemodulation, noiseMode } = given;
  const { generator: g, discriminator: d } = networkGeometry({ ...given, mbstdGroupSize: null });
  const synthesis = { ...g.synthesis, activation, resampleFilter, useNoise, scaleBeforeDemodulation };
  const generator = setTrainable(new Generator({ ...g, synthesis }, contents(seed)), false);
  const discriminator = setTrainable(
    new Discriminator({ ...d, activation, resampleFilter }, contents(seed + 1)),
    false,
  );
  const draw = new Draw(seed + 2);
  const numbers = (length: number, deviation = 1) => Float32Array.from({ length }, () => deviation * draw.normal());
  return noGrad(() =>
    scope(() => {
      const z = Tensor.from(numbers(batch * given.zDim), [batch, given.zDim]);
      const oneHot = Float32Array.from({ length: batch * given.cDim }, (_, k) => Number(k % given.cDim === 1));
      const c = given.cDim === 0 ? null : Tensor.from(oneHot, [batch, given.cDim]);
      const img = generator.forward(z, c, { noiseMode });
      // Images of its own: the scores are compared, not how the difference of two images grows.
      const shape = [batch, given.imgChannels, given.resolution, given.resolution];
      const other = Tensor.from(numbers(shape.reduce((a, b) => a * b)), shape);
      const judge = (): Float64Array => discriminator.forward(other, c).toFloat64Array();
      if (given.resolution === 4) expect(judge).toThrow("images must have at least 8 pixels a side");
      return { img: img.toFloat64Array(), scores: given.resolution === 4 ? new Float64Array(1) : judge() };
    }),
  );
}

test(`${COUNT} networks of random configurations`, () => {
  let worst = 0;
  fc.assert(
    fc.property(settings, (given) => {
      setKernels(reference);
      const expected = compute(given);
      setKernels(fast);
      const found = compute(given);
      for (const what of ["img", "scores"] as const) {
        const largest = expected[what].reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        const apart = expected[what].reduce((most, x, k) => Math.max(most, Math.abs(x - found[what][k])), 0);
        expect(found[what].every(Number.isFinite), what).toBe(true);
        worst = Math.max(worst, largest === 0 ? apart : apart / largest);
        expect(apart, `${what}, the largest is ${largest}`).toBeLessThanOrEqual(TOLERANCE * Math.max(largest, 1e-30));
      }
    }),
    { numRuns: COUNT, seed: SEED },
  );
  console.info(`${COUNT} networks: apart by ${worst.toExponential(1)} of the largest value, at most`);
}, 600_000);
