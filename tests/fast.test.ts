/**
 * The fused layers against their definition, over random geometries: |y - definition| <= c * 2^-24 * sum of |terms|, with
 * c = 128 for the transforms of four (F4, T4) and 16 for the others, and the bound far below the signal.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Block } from "../src/nn/kernels/block.js";
import { outputSize } from "../src/nn/kernels/fast.js";
import type { Activations, ConvLayerOptions, FastKernels } from "../src/nn/kernels/fastTypes.js";
import { chooseAlgorithm } from "../src/nn/kernels/planConv.js";
import { createWasmKernels, type WasmKernels } from "../src/nn/kernels/wasm.js";
import { type LayerData, layerDefinition, layerTerms, separableFilter } from "./support/fastReference.js";

let kernels: WasmKernels;
let fast: FastKernels;

beforeAll(async () => {
  kernels = await createWasmKernels();
  fast = kernels.fast!;
});

/** A standard normal generator (mulberry32, Box-Muller). */
function normals(seed: number): (length: number) => Float32Array {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return (length) =>
    Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

interface Case {
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: 1 | 3;
  readonly resample: "none" | "up" | "down";
  readonly flipWeight: boolean;
  readonly styles: boolean;
  readonly dcoefs: boolean;
  readonly noise: "none" | "shared" | "each";
  readonly bias: boolean;
  readonly activation: "linear" | "lrelu" | "relu";
  readonly clamp: number | null;
  readonly outputLayout: "blocked" | "planar";
  readonly inputLayout: "blocked" | "planar";
  readonly consumeInput: boolean;
  readonly seed: number;
}

const side = fc.integer({ min: 1, max: 37 });
const arbitraryCase: fc.Arbitrary<Case> = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    inChannels: fc.integer({ min: 1, max: 40 }),
    outChannels: fc.integer({ min: 1, max: 40 }),
    height: side,
    width: side,
    kernel: fc.constantFrom(1 as const, 3 as const),
    resample: fc.constantFrom("none" as const, "up" as const, "down" as const),
    flipWeight: fc.boolean(),
    styles: fc.boolean(),
    dcoefs: fc.boolean(),
    noise: fc.constantFrom("none" as const, "shared" as const, "each" as const),
    bias: fc.boolean(),
    activation: fc.constantFrom("linear" as const, "lrelu" as const, "relu" as const),
    clamp: fc.constantFrom(null, 0.5, 256),
    outputLayout: fc.constantFrom("blocked" as const, "planar" as const),
    inputLayout: fc.constantFrom("blocked" as const, "planar" as const),
    consumeInput: fc.boolean(),
    seed: fc.integer(),
  })
  .map((c) => {
    // What the contract does not offer: an epilogue behind the filter of a 1x1 up-convolution, and images below 2 x 2 halved.
    if (c.resample === "down") return { ...c, height: Math.max(2, c.height), width: Math.max(2, c.width) };
    if (c.resample === "up" && c.kernel === 1) {
      return { ...c, noise: "none" as const, bias: false, activation: "linear" as const, clamp: null };
    }
    return c;
  });

function toBlock(numbers: Float32Array): Block {
  const block = kernels.allocate(numbers.length);
  block.data.set(numbers);
  return block;
}

/** Runs a case through the fused layer; returns its planar output and what the definition needs. */
function runCase(c: Case): { y: Float64Array; data: LayerData; options: ConvLayerOptions } {
  const random = normals(c.seed);
  const { n, inChannels, outChannels, height, width, kernel } = c;
  const up = c.resample === "up" ? 2 : 1;
  const down = c.resample === "down" ? 2 : 1;
  const geometry = { n, inChannels, outChannels, height, width, kernel, up, down } as const;
  const base = {
    ...geometry,
    filter: c.resample === "none" ? null : separableFilter([0.1, 0.4, 0.3, 0.2], [0.15, 0.25, 0.5, 0.1]),
    flipWeight: c.flipWeight,
    noiseStrength: 0.7,
    activation: c.activation,
    alpha: 0.2,
    gain: 1.3,
    clamp: c.clamp,
    weightGain: 0.9,
    outputLayout: c.outputLayout,
    consumeInput: c.consumeInput,
  };
  const [outHeight, outWidth] = outputSize({ ...base, styles: null, dcoefs: null, noise: null, bias: null });
  const data = {
    x: random(n * inChannels * height * width),
    w: random(outChannels * inChannels * kernel * kernel).map((v) => v / Math.sqrt(inChannels * kernel * kernel)),
    styles: c.styles ? random(n * inChannels) : null,
    dcoefs: c.dcoefs ? random(n * outChannels) : null,
    noise: c.noise === "none" ? null : random((c.noise === "each" ? n : 1) * outHeight * outWidth),
    bias: c.bias ? random(outChannels) : null,
  };
  const usedBefore = kernels.memory().usedBytes - scratchBytes();
  const blocks = Object.fromEntries(
    Object.entries(data).map(([name, numbers]) => [name, numbers === null ? null : toBlock(numbers)]),
  ) as Record<keyof LayerData, Block | null>;
  const { styles, dcoefs, noise, bias } = blocks;
  const options: ConvLayerOptions = { ...base, styles, dcoefs, noise, bias };
  expect(fast.supports(options)).toBe(true);

  const layout = { kind: "planar", n, channels: inChannels, height, width } as const;
  let x: Activations = { block: blocks.x!, layout };
  if (c.inputLayout === "blocked") {
    x = fast.toLayout(x, "blocked");
    kernels.release(blocks.x!);
  }
  const output = fast.convLayer(x, { block: blocks.w!, version: 0 }, options);
  expect(output.layout).toEqual({
    kind: c.outputLayout,
    n,
    channels: outChannels,
    height: outHeight,
    width: outWidth,
  });
  const planar = fast.toLayout(output, "planar");
  const y = Float64Array.from(planar.block.data);
  if (planar !== output) kernels.release(output.block);
  kernels.release(planar.block);
  if (!c.consumeInput) kernels.release(x.block);
  fast.releaseWeights(blocks.w!);
  for (const name of ["w", "styles", "dcoefs", "noise", "bias"] as const) {
    if (blocks[name] !== null) kernels.release(blocks[name]);
  }
  expect(kernels.memory().usedBytes - scratchBytes()).toBe(usedBefore);
  return { y, data, options };
}

function scratchBytes(): number {
  return fast.memory().scratchBytes;
}

describe("convLayer", () => {
  test("equals its definition, for any geometry and any epilogue", () => {
    fc.assert(
      fc.property(arbitraryCase, (c) => {
        const { y, data, options } = runCase(c);
        const expected = layerDefinition(data, options);
        const terms = layerTerms(data, options);
        const algorithm = chooseAlgorithm(options);
        const factor = (algorithm === "f4" || algorithm === "t4" ? 128 : 16) * 2 ** -24;
        let worst = 0;
        for (let i = 0; i < expected.length; i++) {
          worst = Math.max(worst, Math.abs(y[i] - expected[i]) / (factor * terms[i] + 1e-30));
        }
        expect(y.length).toBe(expected.length);
        expect(worst, `${algorithm}: error over bound`).toBeLessThanOrEqual(1);
      }),
      { numRuns: 150 },
    );
  });
});
