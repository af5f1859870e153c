/** Random fused layers: their geometry, their contents, and how to run one on some kernels. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Block } from "../../src/nn/kernels/block.js";
import type { LayerShape } from "../../src/nn/kernels/wasm/fused/shape.js";
import { layerShape } from "../../src/nn/kernels/wasm/fused/shape.js";
import type {
  ConvLayer,
  FeatureLayout,
  FusedPlan,
  LayerFlow,
  Operand,
  Shaped,
} from "../../src/nn/kernels/wasm/fused/types.js";
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
export function plainLayer(sizes: {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
}): ConvLayer<Shaped> {
  const { inChannels, outChannels, height, width } = sizes;
  return {
    x: { shape: [1, inChannels, height, width] },
    weight: { shape: [outChannels, inChannels, 3, 3] },
    inputScales: null,
    outputScales: null,
    noise: null,
    noiseStrength: null,
    bias: null,
    up: 1,
    down: 1,
    filter: null,
    flipWeight: true,
    weightGain: 1,
    activation: "linear",
    gain: 1,
    clamp: null,
  };
}

/** How the feature maps of most tests come and go. */
export const PLANAR: LayerFlow = { input: "planar", output: "planar", consumeInput: false };

/** The plan of a layer that has a fused form. */
export function planOf(kernels: WasmKernels, layer: ConvLayer<Shaped>, flow = PLANAR): FusedPlan {
  const plan = kernels.fused!.plan(layer, flow);
  if (plan === null) throw new Error("expected a layer with a fused form");
  return plan;
}

export interface LayerCase extends Omit<LayerShape, "outHeight" | "outWidth"> {
  readonly resample: "none" | "up" | "down";
  readonly filter: keyof typeof filters;
  readonly flipWeight: boolean;
  readonly inputScales: boolean;
  readonly outputScales: boolean;
  readonly noise: "none" | "shared" | "each";
  readonly bias: boolean;
  readonly activation: "linear" | "lrelu" | "relu";
  readonly clamp: number | null;
  readonly outputLayout: FeatureLayout;
  readonly inputLayout: FeatureLayout;
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
    inputScales: fc.boolean(),
    outputScales: fc.boolean(),
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

/** A factor that float32 has exactly. */
const NOISE_STRENGTH = Math.fround(0.7);

/**
 * Runs a layer; returns its planar output and what the definition needs. Checks the layout of the output and that no
 * memory stays in use but scratch.
 */
export function runLayer(
  kernels: WasmKernels,
  c: LayerCase,
): { y: Float64Array; data: LayerData; layer: ConvLayer<Shaped> } {
  const fused = kernels.fused!;
  const scratchBytes = () => fused.memory().scratchBytes;
  const random = normals(c.seed);
  const { n, inChannels, outChannels, height, width, kernel } = c;
  const plain: ConvLayer<Shaped> = {
    ...plainLayer(c),
    x: { shape: [n, inChannels, height, width] },
    weight: { shape: [outChannels, inChannels, kernel, kernel] },
    up: c.resample === "up" ? 2 : 1,
    down: c.resample === "down" ? 2 : 1,
    filter: c.resample === "none" ? null : filters[c.filter],
    flipWeight: c.flipWeight,
    weightGain: 0.9,
    activation: c.activation,
    gain: 1.3,
    clamp: c.clamp,
  };
  const { outHeight, outWidth } = layerShape(plain)!;
  const layer: ConvLayer<Shaped> = {
    ...plain,
    inputScales: c.inputScales ? { shape: [n, inChannels] } : null,
    outputScales: c.outputScales ? { shape: [n, outChannels] } : null,
    noise: c.noise === "none" ? null : { shape: [c.noise === "each" ? n : 1, 1, outHeight, outWidth] },
    noiseStrength: { shape: [] },
    bias: c.bias ? { shape: [outChannels] } : null,
  };
  const data = {
    x: random(n * inChannels * height * width),
    weight: random(outChannels * inChannels * kernel * kernel).map((v) => v / Math.sqrt(inChannels * kernel * kernel)),
    inputScales: c.inputScales ? random(n * inChannels) : null,
    outputScales: c.outputScales ? random(n * outChannels) : null,
    noise: c.noise === "none" ? null : random((c.noise === "each" ? n : 1) * outHeight * outWidth),
    noiseStrength: Float32Array.of(NOISE_STRENGTH),
    bias: c.bias ? random(outChannels) : null,
  };
  const usedBefore = kernels.memory().usedBytes - scratchBytes();
  const operand = (numbers: Float32Array, shaped: Shaped): Operand => ({ ...shaped, block: toBlock(kernels, numbers) });
  const optional = (name: "inputScales" | "outputScales" | "noise" | "bias"): Operand | null => {
    const [numbers, shaped] = [data[name], layer[name]];
    return numbers === null ? null : operand(numbers, shaped as Shaped);
  };
  const tensors = {
    weight: operand(data.weight, layer.weight),
    inputScales: optional("inputScales"),
    outputScales: optional("outputScales"),
    noise: optional("noise"),
    noiseStrength: operand(data.noiseStrength, layer.noiseStrength!),
    bias: optional("bias"),
  };
  let x = operand(data.x, layer.x);
  if (c.inputLayout === "blocked") {
    const planar = x;
    x = fused.toLayout(planar, "blocked");
    kernels.release(planar.block);
  }
  const flow = { input: c.inputLayout, output: c.outputLayout, consumeInput: c.consumeInput };
  const plan = planOf(kernels, layer, flow);
  const output = plan.run({ ...tensors, x });
  expect(output.layout).toBe(c.outputLayout);
  expect(output.shape).toEqual([n, outChannels, outHeight, outWidth]);
  expect(plan.outputShape).toEqual(output.shape);
  const planar = fused.toLayout(output, "planar");
  const y = Float64Array.from(planar.block.data);
  if (planar !== output) kernels.release(output.block);
  kernels.release(planar.block);
  if (!c.consumeInput) kernels.release(x.block);
  fused.releaseWeights(tensors.weight.block);
  for (const used of Object.values(tensors)) if (used !== null) kernels.release(used.block);
  expect(kernels.memory().usedBytes - scratchBytes()).toBe(usedBefore);
  return { y, data, layer };
}

/** Whether two outputs are equal, bit for bit (but for the sign of zero). */
export function sameNumbers(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
