/**
 * The fused layers against their definition, over random geometries: |y - definition| <= c * 2^-24 * sum of |terms|, with
 * c = 128 for the transforms of four (F4, T4) and 16 for the others, and the bounds far below the signal.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { planConv, planWeights } from "../../src/nn/kernels/wasm/fused/plan.js";
import { layerShape } from "../../src/nn/kernels/wasm/fused/shape.js";
import { algorithmOf } from "../../src/nn/kernels/wasm/fused/stages.js";
import type { FusedKernels, LayerTensors, Operand } from "../../src/nn/kernels/wasm/fused/types.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import {
  arbitraryLayer,
  type LayerCase,
  normals,
  PLANAR,
  plainLayer,
  planOf,
  runLayer,
  sameNumbers,
  toBlock,
} from "../support/fusedCases.js";
import { layerDefinition, layerTerms } from "../support/fusedReference.js";

let kernels: WasmKernels;
let fused: FusedKernels;

beforeAll(async () => {
  kernels = await createWasmKernels();
  fused = kernels.fused!;
});

/** Holds random layers on `subject` to their definition. */
function checkAgainstDefinition(
  subject: WasmKernels,
  numRuns: number,
  layers: fc.Arbitrary<LayerCase> = arbitraryLayer,
  most = 5e-5,
): void {
  const ratios: number[] = [];
  fc.assert(
    fc.property(layers, (c) => {
      const { y, data, layer } = runLayer(subject, c);
      const expected = layerDefinition(data, layer);
      const terms = layerTerms(data, layer);
      const algorithm = algorithmOf(layer, layerShape(layer)!);
      const factor = (algorithm === "f4" || algorithm === "t4" ? 128 : 16) * 2 ** -24;
      let [worst, signal, bounds] = [0, 0, 0];
      for (let i = 0; i < expected.length; i++) {
        worst = Math.max(worst, Math.abs(y[i] - expected[i]) / (factor * terms[i] + 1e-30));
        signal += expected[i] ** 2;
        bounds += (factor * terms[i]) ** 2;
      }
      ratios.push(Math.sqrt(bounds / signal));
      expect(y.length).toBe(expected.length);
      expect(worst, `${algorithm}: error over bound`).toBeLessThanOrEqual(1);
    }),
    { numRuns },
  );
  // And a bound says something: of most layers it is far below their results (of one that is clamped, or cancels, it need not be).
  ratios.sort((a, b) => a - b);
  expect(ratios[Math.floor(ratios.length / 2)]).toBeLessThan(most);
}

/** No other tensors than x and the weight. */
const NOTHING_ELSE: Omit<LayerTensors<Operand>, "x" | "weight"> = {
  inputScales: null,
  outputScales: null,
  noise: null,
  noiseStrength: null,
  bias: null,
};

describe("convLayer", () => {
  test("equals its definition, for any geometry and any epilogue", () => checkAgainstDefinition(kernels, 150));

  test("small images that read large weights together", () => {
    const [tile, sizes] = [{ rows: 4, cols: 8 }, { inChannels: 288, outChannels: 288, kernel: 3 } as const];
    const weights = planWeights({ ...sizes, algorithm: "t2" }, tile);
    const side = fc.integer({ min: 3, max: 6 });
    const layers = fc.tuple(arbitraryLayer, fc.integer({ min: 2, max: 4 }), side, side).map(([c, n, height, width]) => {
      const shape = {
        ...sizes,
        algorithm: "t2",
        n,
        height,
        width,
        outHeight: 2 * height,
        outWidth: 2 * width,
      } as const;
      expect(planConv(shape, weights, tile, 1).chunkImages).toBe(n);
      return { ...c, ...sizes, n, height, width, resample: "up", filter: "official" } satisfies LayerCase;
    });
    checkAgainstDefinition(kernels, 4, layers, 5e-3);
  });

  test("as images too: 1x1 to a few planar channels", () => {
    const images = fc.record({ layer: arbitraryLayer, outChannels: fc.integer({ min: 1, max: 7 }) }).map((drawn) => ({
      ...{ ...drawn.layer, outChannels: drawn.outChannels, kernel: 1 as const, resample: "none" as const },
      ...{ noise: "none" as const, activation: "linear" as const, outputLayout: "planar" as const },
    }));
    checkAgainstDefinition(kernels, 40, images);
  });

  test("also in its other builds and with its other micro-kernels", async () => {
    const variants = (await hasRelaxedSimd()) ? (["simd", "relaxed-simd"] as const) : (["simd"] as const);
    for (const variant of variants) {
      for (const tile of [
        { rows: 6, cols: 8 },
        { rows: 6, cols: 16 },
      ]) {
        checkAgainstDefinition(await createWasmKernels({ variant, tile }), 25);
      }
    }
  });

  test("does not change a bit with the micro-kernel", async () => {
    const others = [await createWasmKernels({ tile: { rows: 6, cols: 8 } })];
    others.push(await createWasmKernels({ tile: { rows: 6, cols: 16 } }));
    fc.assert(
      fc.property(arbitraryLayer, (c) => {
        const { y } = runLayer(kernels, c);
        for (const other of others) expect(sameNumbers(runLayer(other, c).y, y)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test("prepares weights anew when their version changes, and frees them on request, or with the weights", () => {
    const random = normals(7);
    const layer = plainLayer({ inChannels: 8, outChannels: 16, height: 8, width: 8 });
    const weight = toBlock(kernels, random(16 * 8 * 9));
    const x = toBlock(kernels, random(8 * 64));
    const run = (version: number) => {
      return planOf(kernels, layer).run({
        ...NOTHING_ELSE,
        x: { ...layer.x, block: x },
        weight: { ...layer.weight, block: weight, version },
      });
    };
    const before = fused.memory().preparedBytes;
    const first = run(0);
    weight.data.fill(0);
    const kept = run(0);
    const changed = run(1);
    expect([...kept.block.data]).toEqual([...first.block.data]);
    expect(changed.block.data.every((value) => value === 0)).toBe(true);
    expect(fused.memory().preparedBytes).toBeGreaterThan(before);
    fused.releaseWeights(weight);
    expect(fused.memory().preparedBytes).toBe(before);

    const again = run(1);
    expect(fused.memory().preparedBytes).toBeGreaterThan(before);
    kernels.release(weight); // as when a network is collected
    expect(fused.memory().preparedBytes).toBe(before);
    for (const block of [x, first.block, kept.block, changed.block, again.block]) kernels.release(block);
  });

  test("says what is wrong with its tensors", () => {
    const layer = plainLayer({ inChannels: 8, outChannels: 16, height: 8, width: 8 });
    const x = { ...layer.x, block: toBlock(kernels, new Float32Array(8 * 64)) };
    const weight = { ...layer.weight, block: toBlock(kernels, new Float32Array(16 * 8 * 9)) };
    const inputScales = { shape: [1, 7], block: toBlock(kernels, new Float32Array(7)) };
    const tensors = { ...NOTHING_ELSE, x, weight };
    const wider = plainLayer({ inChannels: 9, outChannels: 16, height: 8, width: 8 });
    expect(() => planOf(kernels, wider).run(tensors)).toThrow("convLayer: x must be [1, 9, 8, 8], got [1, 8, 8, 8]");
    const fewer = plainLayer({ inChannels: 8, outChannels: 15, height: 8, width: 8 });
    expect(() => planOf(kernels, fewer).run(tensors)).toThrow(
      "convLayer: weight must be [15, 8, 3, 3], got [16, 8, 3, 3]",
    );
    const scaled = planOf(kernels, { ...layer, inputScales: { shape: [1, 8] } });
    expect(() => scaled.run({ ...tensors, inputScales })).toThrow("convLayer: inputScales must be [1, 8], got [1, 7]");
    expect(() => scaled.run(tensors)).toThrow("convLayer: inputScales must be [1, 8], got null");
    expect(() => fused.unitScales(weight, inputScales, 1)).toThrow(/need input scales \[n, 8\], got \[1, 7\]/);
    const heap = { shape: x.shape, block: { length: 512, data: new Float32Array(512) } };
    expect(() => planOf(kernels, layer).run({ ...tensors, x: heap })).toThrow(TypeError);
    fused.releaseWeights(weight.block);
    for (const { block } of [weight, x, inputScales]) kernels.release(block);
  });

  test("has no plan for what has no fused form, nor where shapes do not fit", () => {
    const layer = plainLayer({ inChannels: 8, outChannels: 16, height: 8, width: 8 });
    expect(fused.plan(layer, PLANAR)).not.toBeNull();
    for (const other of [
      { gain: -1 },
      { clamp: 0 },
      { up: 2 },
      { activation: "tanh" },
      { inputScales: { shape: [1, 7] } },
      { outputScales: "unit" },
      { bias: { shape: [8] } },
      { noise: { shape: [1, 1, 7, 8] } },
      { weight: { shape: [16, 9, 3, 3] } },
      { weight: { shape: [16, 8, 5, 5] } },
    ] as const) {
      expect(fused.plan({ ...layer, ...other }, PLANAR), JSON.stringify(other)).toBeNull();
    }
  });
});

describe("unitScales", () => {
  test("equal 1 / sqrt(sum of (weightGain * w * s)^2 + 1e-8)", () => {
    const size = fc.integer({ min: 1, max: 70 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        size,
        size,
        fc.constantFrom(1, 9),
        fc.integer(),
        (n, i, o, taps, seed) => {
          const random = normals(seed);
          const [w, s] = [random(o * i * taps), random(n * i)];
          const [weight, scales] = [toBlock(kernels, w), toBlock(kernels, s)];
          const side = Math.sqrt(taps);
          const kernel = { block: weight, shape: [o, i, side, side] };
          const { block: d, shape } = fused.unitScales(kernel, { block: scales, shape: [n, i] }, 0.5);
          expect(shape).toEqual([n, o]);
          for (let row = 0; row < n * o; row++) {
            let sum = 0;
            for (let k = 0; k < i * taps; k++) {
              sum += (0.5 * w[(row % o) * i * taps + k] * s[Math.floor(row / o) * i + Math.floor(k / taps)]) ** 2;
            }
            const expected = 1 / Math.sqrt(sum + 1e-8);
            // Each term carries a few roundings, the sum fewer than its length; the root halves them.
            expect(Math.abs(d.data[row] - expected)).toBeLessThanOrEqual((8 + i / 4) * 2 ** -24 * expected);
          }
          fused.releaseWeights(weight);
          for (const block of [weight, scales, d]) kernels.release(block);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("toLayout", () => {
  test("there and back is the identity, and the lanes past the last channel are zero", () => {
    const side = fc.integer({ min: 1, max: 13 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 20 }), side, side, (n, channels, h, w) => {
        const numbers = normals(n + channels)(n * channels * h * w);
        const x = { block: toBlock(kernels, numbers), shape: [n, channels, h, w] };
        const blocked = fused.toLayout(x, "blocked");
        const back = fused.toLayout(blocked, "planar");
        expect(back.block.data).toEqual(numbers);
        const lanes = Math.ceil(channels / 8) * 8;
        blocked.block.data.forEach((value, index) => {
          const channel = (Math.floor(index / (h * w * 8)) * 8 + (index % 8)) % lanes;
          if (channel >= channels) expect(value).toBe(0);
        });
        expect(fused.toLayout(x, "planar")).toBe(x);
        for (const block of [x.block, blocked.block, back.block]) kernels.release(block);
      }),
      { numRuns: 60 },
    );
  });
});
