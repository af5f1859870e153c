/**
 * The fused layers against their definition, over random geometries: |y - definition| <= c * 2^-24 * sum of |terms|, with
 * c = 128 for the transforms of four (F4, T4) and 16 for the others, and the bounds far below the signal.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { chooseAlgorithm } from "../../src/nn/kernels/wasm/fused/plan.js";
import type { FastKernels } from "../../src/nn/kernels/wasm/fused/types.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import { arbitraryLayer, normals, plainLayer, runLayer, sameNumbers, toBlock } from "../support/fusedCases.js";
import { layerDefinition, layerTerms } from "../support/fusedReference.js";

let kernels: WasmKernels;
let fast: FastKernels;

beforeAll(async () => {
  kernels = await createWasmKernels();
  fast = kernels.fast!;
});

/** Holds random layers on `subject` to their definition. */
function checkAgainstDefinition(subject: WasmKernels, numRuns: number): void {
  let signal = 0;
  let bounds = 0;
  fc.assert(
    fc.property(arbitraryLayer, (c) => {
      const { y, data, options } = runLayer(subject, c);
      const expected = layerDefinition(data, options);
      const terms = layerTerms(data, options);
      const algorithm = chooseAlgorithm(options);
      const factor = (algorithm === "f4" || algorithm === "t4" ? 128 : 16) * 2 ** -24;
      let worst = 0;
      for (let i = 0; i < expected.length; i++) {
        worst = Math.max(worst, Math.abs(y[i] - expected[i]) / (factor * terms[i] + 1e-30));
        signal += expected[i] ** 2;
        bounds += (factor * terms[i]) ** 2;
      }
      expect(y.length).toBe(expected.length);
      expect(worst, `${algorithm}: error over bound`).toBeLessThanOrEqual(1);
    }),
    { numRuns },
  );
  expect(Math.sqrt(bounds / signal)).toBeLessThan(2e-3);
}

describe("convLayer", () => {
  test("equals its definition, for any geometry and any epilogue", () => checkAgainstDefinition(kernels, 150));

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
    const weight = toBlock(kernels, random(16 * 8 * 9));
    const x = { block: toBlock(kernels, random(8 * 64)), layout: planar(1, 8, 8, 8) };
    const options = plainLayer({ inChannels: 8, outChannels: 16, height: 8, width: 8 });
    const before = fast.memory().preparedBytes;
    const first = fast.convLayer(x, { block: weight, version: 0 }, options);
    weight.data.fill(0);
    const kept = fast.convLayer(x, { block: weight, version: 0 }, options);
    const changed = fast.convLayer(x, { block: weight, version: 1 }, options);
    expect([...kept.block.data]).toEqual([...first.block.data]);
    expect(changed.block.data.every((value) => value === 0)).toBe(true);
    expect(fast.memory().preparedBytes).toBeGreaterThan(before);
    fast.releaseWeights(weight);
    expect(fast.memory().preparedBytes).toBe(before);

    const again = fast.convLayer(x, { block: weight, version: 1 }, options);
    expect(fast.memory().preparedBytes).toBeGreaterThan(before);
    kernels.release(weight); // as when a network is collected
    expect(fast.memory().preparedBytes).toBe(before);
    for (const block of [x.block, first.block, kept.block, changed.block, again.block]) kernels.release(block);
  });

  test("says what is wrong with its arguments", () => {
    const weight = { block: toBlock(kernels, new Float32Array(16 * 8 * 9)), version: 0 };
    const x = { block: toBlock(kernels, new Float32Array(8 * 64)), layout: planar(1, 8, 8, 8) };
    const options = plainLayer({ inChannels: 8, outChannels: 16, height: 8, width: 8 });
    const styles = toBlock(kernels, new Float32Array(7));
    expect(() => fast.convLayer(x, weight, { ...options, inChannels: 9 })).toThrow(
      "convLayer: x must be [1, 9, 8, 8], got [1, 8, 8, 8]",
    );
    expect(() => fast.convLayer(x, weight, { ...options, outChannels: 15 })).toThrow(
      "convLayer: weight must be [15, 8, 3, 3], got 1152 numbers",
    );
    expect(() => fast.convLayer(x, weight, { ...options, styles })).toThrow(
      "convLayer: styles must be [1, 8], got 7 numbers",
    );
    expect(() => fast.convLayer(x, weight, { ...options, gain: -1 })).toThrow(/no fused form/);
    expect(fast.supports({ ...options, up: 2 })).toBe(false);
    expect(() => fast.dcoefs(weight, styles, dcoefsOptions(1, 8, 16))).toThrow(/need 1152 and 8 numbers/);
    const heap = { length: 512, data: new Float32Array(512) };
    expect(() => fast.convLayer({ ...x, block: heap }, weight, options)).toThrow(TypeError);
    fast.releaseWeights(weight.block);
    for (const block of [weight.block, x.block, styles]) kernels.release(block);
  });
});

describe("dcoefs", () => {
  test("equals 1 / sqrt(sum of (weightGain * w * s)^2 + 1e-8)", () => {
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
          const [weight, styles] = [toBlock(kernels, w), toBlock(kernels, s)];
          const d = fast.dcoefs({ block: weight, version: 0 }, styles, dcoefsOptions(n, i, o, taps));
          for (let row = 0; row < n * o; row++) {
            let sum = 0;
            for (let k = 0; k < i * taps; k++) {
              sum += (0.5 * w[(row % o) * i * taps + k] * s[Math.floor(row / o) * i + Math.floor(k / taps)]) ** 2;
            }
            const expected = 1 / Math.sqrt(sum + 1e-8);
            // Each term carries a few roundings, the sum fewer than its length; the root halves them.
            expect(Math.abs(d.data[row] - expected)).toBeLessThanOrEqual((8 + i / 4) * 2 ** -24 * expected);
          }
          fast.releaseWeights(weight);
          for (const block of [weight, styles, d]) kernels.release(block);
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
        const x = { block: toBlock(kernels, numbers), layout: planar(n, channels, h, w) };
        const blocked = fast.toLayout(x, "blocked");
        const back = fast.toLayout(blocked, "planar");
        expect(back.block.data).toEqual(numbers);
        const lanes = Math.ceil(channels / 8) * 8;
        blocked.block.data.forEach((value, index) => {
          const channel = (Math.floor(index / (h * w * 8)) * 8 + (index % 8)) % lanes;
          if (channel >= channels) expect(value).toBe(0);
        });
        expect(fast.toLayout(x, "planar")).toBe(x);
        for (const block of [x.block, blocked.block, back.block]) kernels.release(block);
      }),
      { numRuns: 60 },
    );
  });
});

function planar(n: number, channels: number, height: number, width: number) {
  return { kind: "planar", n, channels, height, width } as const;
}

function dcoefsOptions(n: number, inChannels: number, outChannels: number, taps = 9) {
  return { n, inChannels, outChannels, taps, weightGain: 0.5 };
}
