/** Random fused layers: their geometry, their contents, and how to run one on some kernels. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Block } from "../../src/nn/kernels/block.js";
import { outputSize } from "../../src/nn/kernels/wasm/fused/geometry.js";
import type { Activations, ConvLayerOptions } from "../../src/nn/kernels/wasm/fused/types.js";
import type { WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { type LayerData, separableFilter } from "./fusedReference.js";

/** A standard normal generator (mulberry32, Box-Muller). */
export function normals(seed: number): (length: number) => Float32Array {
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

/** One image through a 3x3 convolution, and nothing else. */
export function plainLayer(
  sizes: Pick<ConvLayerOptions, "inChannels" | "outChannels" | "height" | "width">,
): ConvLayerOptions {
  return {
    ...sizes,
    n: 1,
    kernel: 3,
    up: 1,
    down: 1,
    filter: null,
    styles: null,
    dcoefs: null,
    noise: null,
    noiseStrength: 0,
    bias: null,
    activation: "linear",
    alpha: 0.2,
    gain: 1,
    clamp: null,
    weightGain: 1,
    outputLayout: "planar",
  };
}

export interface LayerCase {
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: 1 | 3;
  readonly resample: "none" | "up" | "down";
  readonly filter: keyof typeof filters;
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

/** The filter of the official networks; one that tells its ends and its axes apart; one without a first tap. */
const filters = {
  official: separableFilter([0.125, 0.375, 0.375, 0.125], [0.125, 0.375, 0.375, 0.125]),
  lopsided: separableFilter([0.1, 0.4, 0.3, 0.2], [0.15, 0.25, 0.5, 0.1]),
  antisymmetric: separableFilter([0, 0.5, 0.5, 0], [-0.5, -0.5, 0.5, 0.5]),
};

const side = fc.integer({ min: 1, max: 37 });
export const arbitraryLayer: fc.Arbitrary<LayerCase> = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    inChannels: fc.integer({ min: 1, max: 40 }),
    outChannels: fc.integer({ min: 1, max: 40 }),
    height: side,
    width: side,
    kernel: fc.constantFrom(1 as const, 3 as const),
    resample: fc.constantFrom("none" as const, "up" as const, "down" as const),
    filter: fc.constantFrom("official" as const, "lopsided" as const, "antisymmetric" as const),
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

export function toBlock(kernels: WasmKernels, numbers: Float32Array): Block {
  const block = kernels.allocate(numbers.length);
  block.data.set(numbers);
  return block;
}

/**
 * Runs a layer; returns its planar output and what the definition needs. Checks the layout of the output and that no
 * memory stays in use but scratch.
 */
export function runLayer(
  kernels: WasmKernels,
  c: LayerCase,
): { y: Float64Array; data: LayerData; options: ConvLayerOptions } {
  const fast = kernels.fast!;
  const scratchBytes = () => fast.memory().scratchBytes;
  const random = normals(c.seed);
  const { n, inChannels, outChannels, height, width, kernel } = c;
  const up = c.resample === "up" ? 2 : 1;
  const down = c.resample === "down" ? 2 : 1;
  const geometry = { n, inChannels, outChannels, height, width, kernel, up, down } as const;
  const base = {
    ...geometry,
    filter: c.resample === "none" ? null : filters[c.filter],
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
    Object.entries(data).map(([name, numbers]) => [name, numbers === null ? null : toBlock(kernels, numbers)]),
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

/** Whether two outputs are equal, bit for bit (but for the sign of zero). */
export function sameNumbers(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
