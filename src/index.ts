/**
 * stylegan: StyleGAN and StyleGAN2 in TypeScript, with WebAssembly SIMD kernels.
 *
 * This file is the public entry.
 */
import { kindOf } from "./check.js";
import { activeKernels } from "./nn/backend.js";
import type { EngineInfo, EngineInfoOptions } from "./nn/kernels/describe.js";
import type { KernelOptions } from "./nn/kernels/select.js";
import type { Kernels } from "./nn/kernels/types.js";
import { loadKernels } from "./nn/loading.js";
import { seedsToLatents } from "./nn/random.js";
import { Tensor } from "./nn/tensor.js";

export {
  type Checkpoint,
  dispose,
  type LoadedCheckpoint,
  type LoadOptions,
  loadCheckpoint,
} from "./checkpoints.js";
export { CheckpointError, FileError } from "./formats/fileError.js";
export { grad } from "./nn/autograd/grad.js";
export { noGrad, variable } from "./nn/autograd/record.js";
export type { EngineInfo, EngineInfoOptions } from "./nn/kernels/describe.js";
export type { KernelOptions } from "./nn/kernels/select.js";
export { NoiseGenerator, type NoiseSource } from "./nn/noise.js";
export { RandomState } from "./nn/random.js";
export { scope, Tensor } from "./nn/tensor.js";
export { encodeCheckpoint, type SaveOptions, saveCheckpoint, writtenFormats } from "./saving.js";
export type { Source } from "./sources.js";
export type { Discriminator } from "./stylegan/discriminator.js";
export type { StyleEdit, SynthesisOptions, SynthesisState } from "./stylegan/forward/blocks.js";
export type { Generator, GeneratorOptions } from "./stylegan/generator.js";
export { encodePng, imageGrid, toPixels } from "./stylegan/images.js";
export { mixStyles } from "./stylegan/latents/mixing.js";
export { type NoiseMode, noiseModes } from "./stylegan/layerNoise.js";
export type { TruncationOptions } from "./stylegan/mapping.js";
export type {
  AnyDiscriminator,
  AnyGenerator,
  ProgressiveDiscriminator,
  ProgressiveGenerator,
  ProgressiveGeneratorOptions,
} from "./stylegan/networks.js";
export { describeOnnx, type OnnxDescription, type OnnxValue } from "./stylegan/onnx/describeOnnx.js";
export { type ExportOnnxOptions, exportOnnx } from "./stylegan/onnx/exportOnnx.js";

/**
 * Loads the kernels. Without a call, `loadCheckpoint` loads the default ones. Calling it again with the same options changes
 * nothing; with others, it switches the kernels, and networks that are loaded already move to the new ones.
 *
 * - `threads`: cores to use. Default: all that the machine has. Results do not depend on it, bit for bit.
 * - `kernels`: "auto" (default) takes SIMD where the engine has it, "simd" insists on it, "reference" runs the plain
 *   float64 definition.
 * - `wide`: 256-bit vectors, by an experimental switch of V8 that belongs to the whole process. "auto" takes them where a trial, made
 *   once, finds the same bits in less time (`engineInfo` says what it found); true insists on them. Default: false.
 *
 * @throws Error when "simd" or `wide` is asked for and the engine has none
 * @example
 * await init({ threads: 2 });
 */
export async function init(options: KernelOptions = {}): Promise<void> {
  await loadKernels(options);
}

/**
 * Which kernels this machine and engine get, and why; and which `wide: "auto"` would take. May make a trial, in a process of its
 * own: about a second, once, its verdict kept in the cache folder of the user.
 *
 * @example
 * const { build, wide } = await engineInfo();
 * console.log(build, wide.reason);
 */
export async function engineInfo(options: EngineInfoOptions = {}): Promise<EngineInfo> {
  return (await import("./nn/kernels/describe.js")).describeEngine(options);
}

/**
 * Which kernels run: "reference", or the build of the fast ones. "relaxed-simd" and "wide" give the same bits; the others round
 * differently.
 *
 * @throws Error before `init`
 */
export function kernelsInUse(): Kernels["name"] {
  return activeKernels().name;
}

/**
 * Latents from seeds, as the official tools draw them: one numpy RandomState a seed.
 *
 * @param seeds whole numbers from 0 to 2^32 - 1
 * @returns z [N, zDim]
 * @example
 * const z = seedsToZ([85, 265], gEma.zDim);
 */
export function seedsToZ(seeds: readonly number[], zDim: number): Tensor {
  if (!Array.isArray(seeds)) throw new TypeError(`seedsToZ: seeds must be an array of numbers, got ${kindOf(seeds)}`);
  if (!Number.isInteger(zDim) || zDim < 0) {
    throw new RangeError(`seedsToZ: zDim must be a whole number, that of the generator, got ${kindOf(zDim)}`);
  }
  return Tensor.from(seedsToLatents(seeds, zDim), [seeds.length, zDim]);
}
