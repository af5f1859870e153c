/**
 * stylegan: StyleGAN and StyleGAN2 in TypeScript, with WebAssembly SIMD kernels.
 *
 * This file is the public entry and, besides the command line, the only place that opens files and addresses;
 * everything below it works on bytes.
 */
import { type OpenFile, openFile, writeFile } from "./files.js";
import { blobReader, blobSource } from "./formats/blobSource.js";
import { bytesSource } from "./formats/byteSource.js";
import { asCheckpoint, CheckpointError } from "./formats/fileError.js";
import { isNode } from "./host.js";
import type { KernelOptions } from "./nn/kernels/select.js";
import { ensureKernels, loadKernels, withRoom } from "./nn/loading.js";
import { seedsToLatents } from "./nn/random.js";
import { Tensor } from "./nn/tensor.js";
import { writeNative } from "./stylegan/checkpoint/native.js";
import { readCheckpoint } from "./stylegan/checkpoint/read.js";
import { writeRosinality } from "./stylegan/checkpoint/rosinality/writer.js";
import {
  type AnyDiscriminator,
  type AnyGenerator,
  buildDiscriminator,
  buildGenerator,
  networkData,
} from "./stylegan/networks.js";

export { CheckpointError, FileError } from "./formats/fileError.js";
export { grad } from "./nn/autograd/grad.js";
export { noGrad, variable } from "./nn/autograd/record.js";
export type { KernelOptions } from "./nn/kernels/select.js";
export { NoiseGenerator, type NoiseSource } from "./nn/noise.js";
export { RandomState } from "./nn/random.js";
export { scope, Tensor } from "./nn/tensor.js";
export type { StyleEdit, SynthesisOptions, SynthesisState } from "./stylegan/blocks.js";
export type { Discriminator } from "./stylegan/discriminator.js";
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
export { type ExportOnnxOptions, exportOnnx } from "./stylegan/onnx/exportOnnx.js";

/**
 * Loads the kernels. Without a call, `loadCheckpoint` loads the default ones. Calling it again with the same options changes
 * nothing; with others, it switches the kernels, and networks that are loaded already move to the new ones.
 *
 * - `threads`: cores to use. Default: all that the machine has. Results do not depend on it, bit for bit.
 * - `kernels`: "auto" (default) takes SIMD where the engine has it, "simd" insists on it, "reference" runs the plain
 *   float64 definition.
 *
 * @throws Error when "simd" is asked for and the engine has none
 * @example
 * await init({ threads: 2 });
 */
export async function init(options: KernelOptions = {}): Promise<void> {
  await loadKernels(options);
}

/** The networks of a checkpoint file; a file may hold some of them only. */
export interface Checkpoint {
  /** What kind of file it was, for people: "official PyTorch pickle", for example. */
  readonly format: string;
  /** The generator with averaged weights: the one to use. */
  readonly gEma?: AnyGenerator;
  /** The generator as trained. */
  readonly g?: AnyGenerator;
  readonly d?: AnyDiscriminator;
}

export interface LoadOptions {
  /** Networks to keep; the others are not built. Default: all that the file has. */
  readonly networks?: readonly ("gEma" | "g" | "d")[];
}

/**
 * Reads a checkpoint: an official PyTorch or TensorFlow pickle, a rosinality .pt, or the native safetensors. The format
 * is recognised from the bytes. Nothing in the file is ever executed. The networks come frozen: no gradients are
 * recorded with respect to their parameters (mark those with `variable` to have them).
 *
 * @param source a path or address, a URL, bytes, or a Blob
 * @throws CheckpointError when the file is not a checkpoint, is damaged, or holds something else than it claims
 * @example
 * const { gEma } = await loadCheckpoint("ffhq.pkl", { networks: ["gEma"] });
 */
export async function loadCheckpoint(
  source: string | URL | Uint8Array | Blob,
  options: LoadOptions = {},
): Promise<Checkpoint> {
  await ensureKernels();
  const opened = await openSource(source);
  try {
    const { format, networks } = readCheckpoint(opened, options);
    return await withRoom(() => ({
      format,
      ...(networks.gEma && { gEma: buildGenerator(networks.gEma) }),
      ...(networks.g && { g: buildGenerator(networks.g) }),
      ...(networks.d && { d: buildDiscriminator(networks.d) }),
    }));
  } finally {
    opened.close();
  }
}

/**
 * Gives the memory of networks back at once, where the garbage collector would do it in its own time. They cannot be used
 * after that.
 *
 * @param networks networks, or checkpoints: then all of their networks
 * @example
 * dispose(gEma);
 */
export function dispose(...networks: readonly (AnyGenerator | AnyDiscriminator | Checkpoint)[]): void {
  for (const network of networks) {
    if ("parameters" in network) {
      for (const tensor of [...network.parameters.values(), ...network.buffers.values()]) tensor.dispose();
    } else {
      dispose(...[network.gEma, network.g, network.d].filter((held) => held !== undefined));
    }
  }
}

export interface SaveOptions {
  /**
   * "native" (default): safetensors with the official parameter names and the geometry in the metadata.
   * "rosinality": what rosinality's stylegan2-pytorch loads (a .pt file); StyleGAN2 networks of its kind only.
   */
  readonly format?: "native" | "rosinality";
  /** Number type of the stored weights. Default "f32"; "f16" in the native format only. */
  readonly dtype?: "f32" | "f16";
  /** To rosinality: write networks whose activations are clamped although it has no clamp. Default false. */
  readonly ignoreClamp?: boolean;
}

/**
 * Writes networks to a file, by default in the native format. The file appears under its name only when it is complete.
 * Needs a file system (Node.js).
 *
 * @throws RangeError for networks or a dtype that the format cannot express
 * @example
 * await saveCheckpoint("ffhq.safetensors", { gEma }, { dtype: "f16" });
 */
export async function saveCheckpoint(
  path: string | URL,
  networks: Omit<Checkpoint, "format">,
  options: SaveOptions = {},
): Promise<void> {
  if (!isNode()) throw new Error("saveCheckpoint: there is no file system here; encodeCheckpoint gives the bytes");
  writeFile(path, encodeCheckpoint(networks, options), { flush: true });
}

/** The bytes that `saveCheckpoint` writes, piece by piece: for browsers, and for other places to put them. */
export function encodeCheckpoint(
  networks: Omit<Checkpoint, "format">,
  options: SaveOptions = {},
): Iterable<Uint8Array> {
  const { format = "native", dtype = "f32", ignoreClamp } = options;
  const { gEma, g, d } = networks;
  const data = {
    ...(gEma && { gEma: networkData(gEma) }),
    ...(g && { g: networkData(g) }),
    ...(d && { d: networkData(d) }),
  };
  if (format === "native") return writeNative(data, { dtype });
  if (dtype !== "f32") throw new RangeError(`encodeCheckpoint: format "${format}" has dtype f32 only, got ${dtype}`);
  return writeRosinality(data, { ignoreClamp });
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
  return Tensor.from(seedsToLatents(seeds, zDim), [seeds.length, zDim]);
}

const inMemory = (bytes: Uint8Array): OpenFile => ({ ...bytesSource(bytes), close: () => {} });

async function openSource(source: string | URL | Uint8Array | Blob): Promise<OpenFile> {
  if (source instanceof Uint8Array) return inMemory(source);
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const reader = blobReader();
    if (reader !== null) return { ...blobSource(source, reader), close: () => {} };
    return inMemory(new Uint8Array(await source.arrayBuffer()));
  }
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new TypeError(`loadCheckpoint: source must be a path, URL, Uint8Array or Blob, got ${typeof source}`);
  }
  const isAddress = /^(https?|data|blob):/.test(String(source));
  if (!isAddress && isNode()) return asCheckpoint(() => openFile(source));
  const response = await fetch(source);
  if (!response.ok) throw new CheckpointError(`${source} answered ${response.status} ${response.statusText}`);
  return inMemory(new Uint8Array(await response.arrayBuffer()));
}
