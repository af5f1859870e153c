/**
 * What follows a convolution, in one pass: the bits of one operation after the other, forwards, backwards, and on the way back of the
 * way back. A training run gives the same whichever computes it.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import type { Kernels } from "../../src/nn/kernels/types.js";
import { createWasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import { add, mul, square } from "../../src/nn/ops/arith.js";
import { biasAct } from "../../src/nn/ops/biasAct.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { Draw, SEED } from "../support/draw.js";

const arbitraryLayerEnd = fc.record({
  n: fc.integer({ min: 1, max: 3 }),
  channels: fc.integer({ min: 1, max: 9 }),
  height: fc.integer({ min: 1, max: 9 }),
  width: fc.integer({ min: 1, max: 9 }),
  activation: fc.constantFrom("linear" as const, "relu" as const, "lrelu" as const),
  inputGain: fc.constantFrom(1, 0.3),
  biasGain: fc.constantFrom(1, 0.01),
  gain: fc.constantFrom(1, Math.SQRT2, -0.7, 0),
  clamp: fc.constantFrom(null, 0.5, 256, 0),
  scaled: fc.boolean(),
  noiseMaps: fc.constantFrom("none" as const, "one" as const, "all" as const),
  biased: fc.boolean(),
  seed: fc.nat(),
});

type LayerEnd = typeof arbitraryLayerEnd extends fc.Arbitrary<infer T> ? T : never;

/** The result, its gradients, and the gradients of the length of those, each as an array. */
function all(c: LayerEnd, joined: boolean): number[][] {
  const draw = new Draw(c.seed);
  const { n, channels, height, width, scaled, noiseMaps, biased, seed: _, ...options } = c;
  // Some numbers are where a clamp begins, or next to it; some are zeros of either sign.
  const element = (): number => {
    const kind = draw.uniform();
    if (kind < 0.1) return 0 * draw.normal();
    return kind < 0.3 ? (0.5 / Math.SQRT2) * (1 + draw.integer(-2, 2) * 2 ** -24) : draw.normal();
  };
  const tensor = (shape: number[], constant?: number): Tensor =>
    variable(
      Tensor.from(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => constant ?? element()),
        shape,
      ),
    );
  return scope(() => {
    const x = tensor([n, channels, height, width]);
    const scale = scaled ? tensor([n, channels, 1, 1], draw.uniform() < 0.5 ? 1 : undefined) : null;
    const noise = noiseMaps === "none" ? null : tensor([noiseMaps === "one" ? 1 : n, 1, height, width]);
    const b = biased ? tensor([channels]) : null;
    const dy = tensor(x.shape as number[]);
    const u = joined ? x : ((v: Tensor) => (noise === null ? v : add(v, noise)))(scale === null ? x : mul(x, scale));
    const y = biasAct(u, b, { ...options, ...(joined ? { scale, noise } : {}) });
    const inputs = [x, scale, noise, b].filter((input) => input !== null);
    const gradients = grad([y], inputs, { gradOutputs: [dy] });
    const recorded = grad([y], inputs, { gradOutputs: [dy], createGraph: true });
    const length = recorded.map((gradient) => sum(square(gradient))).reduce(add);
    const second = grad([length], [...inputs, dy]);
    return [y, ...gradients, ...recorded, ...second].map((result) => Array.from(result.toFloat64Array()));
  });
}

const builds: readonly [string, () => Promise<Kernels> | Kernels][] = [
  ["reference", () => createReferenceKernels("float64")],
  ["reference, float32", () => createReferenceKernels("float32")],
  ["simd", () => createWasmKernels()],
  ["relaxed", async () => createWasmKernels({ variant: (await hasRelaxedSimd()) ? "relaxed-simd" : "simd" })],
];

describe.each(builds)("%s", (_, create) => {
  beforeAll(async () => setKernels(await create()));

  test("one pass = scale, then noise, then biasAct, bit for bit, to second order", () => {
    fc.assert(
      fc.property(arbitraryLayerEnd, (c) => {
        expect(all(c, true)).toEqual(all(c, false));
      }),
      { numRuns: 100, seed: SEED },
    );
  });
});

test("a scale, or noise, of another shape is an error", () => {
  const x = Tensor.from(new Float32Array(24), [2, 3, 2, 2]);
  const [wrongScale, wrongNoise] = [Tensor.from([1, 2, 3], [3, 1, 1]), Tensor.from(new Float32Array(8), [2, 1, 4, 1])];
  expect(() => scope(() => biasAct(x, null, { scale: wrongScale }))).toThrow("biasAct: scale");
  expect(() => scope(() => biasAct(x, null, { noise: wrongNoise }))).toThrow("biasAct: noise");
});
