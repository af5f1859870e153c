/**
 * This project's own format: safetensors with the official parameter names after "g_ema.", "g." or "d.", and in the
 * metadata `format: "stylegan"`, `version: "1"` and the geometry of each network as JSON. No code, no guessing, and any
 * tensor can be read alone. The state of a training run, `format: "stylegan-training"`, holds the same of its three
 * networks, beside the optimisers, which readers of networks leave alone. Tested by tests/checkpoints/native.test.ts.
 */
import type { ByteSource } from "../../formats/byteSource.js";
import { asCheckpoint, CheckpointError, describe } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import {
  readSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  safetensorsChunks,
} from "../../formats/safetensors.js";
import { isDiscriminatorConfig, isGeneratorConfig, type NetworkConfig } from "../config.js";
import type { CheckpointFormat, CheckpointWriter, WriteOptions } from "./format.js";
import { parseConfig } from "./geometry.js";
import { guarded } from "./guard.js";
import {
  type CheckpointData,
  checkedNetwork,
  collectNetworks,
  type NetworkName,
  type Networks,
  networkNames,
  type ReadCheckpointOptions,
} from "./networkData.js";

const FORMAT = "stylegan";
/** The state of a run of `stylegan train`. */
export const TRAINING_FORMAT = "stylegan-training";
const VERSION = "1";
const prefixes: Readonly<Record<NetworkName, string>> = { gEma: "g_ema", g: "g", d: "d" };
const optimizerPrefixes: readonly string[] = ["g_opt", "d_opt"];

/** The metadata that tells a reader which networks the tensors g_ema.*, g.* and d.* build. */
export function nativeGeometry(networks: { readonly [Name in NetworkName]?: { readonly config: NetworkConfig } }) {
  return networkNames.flatMap((name): [string, string][] => {
    const network = networks[name];
    return network === undefined ? [] : [[prefixes[name], JSON.stringify(network.config)]];
  });
}

/** The file in pieces, tensor by tensor, so that it never is in memory as a whole. With "f16", vectors stay f32: they weigh little. */
export function* writeNative(networks: Networks, options: WriteOptions = {}): Generator<Uint8Array> {
  const { dtype = "f32" } = options;
  const metadata = new Map([["format", FORMAT], ["version", VERSION], ...nativeGeometry(networks)]);
  const entries: SafetensorsEntry[] = [];
  for (const name of networkNames) {
    const network = networks[name];
    if (!network) continue;
    checkedNetwork(`writeNative, ${name}`, network.config, network.tensors);
    for (const [key, tensor] of network.tensors) {
      entries.push({ name: `${prefixes[name]}.${key}`, dtype: tensor.shape.length < 2 ? "f32" : dtype, tensor });
    }
  }
  if (entries.length === 0) throw new RangeError("writeNative: expected at least one network, got none");
  yield* safetensorsChunks(entries, metadata);
}

const FORMATS = [FORMAT, TRAINING_FORMAT];

/** By what it says it is, or because it says the geometry of a network. */
const isOurs = (metadata: ReadonlyMap<string, string>): boolean =>
  FORMATS.includes(metadata.get("format") ?? "") || Object.values(prefixes).some((prefix) => metadata.has(prefix));

export const nativeWriter: CheckpointWriter = {
  name: "native",
  ending: ".safetensors",
  dtypes: ["f32", "f16"],
  chunks: writeNative,
};

export const native: CheckpointFormat = {
  name: "native safetensors",
  recognises: (file) => file.container === "safetensors" && isOurs(file.metadata),
  reads: (file, options) => readOpened(file as SafetensorsFile, options),
  writer: nativeWriter,
};

/** Whether a file is one of this format, as far as its header says. */
export function isNative(source: ByteSource): boolean {
  const JSON_BEGINS = 8;
  if (source.size <= JSON_BEGINS || source.read(JSON_BEGINS, 1)[0] !== "{".charCodeAt(0)) return false;
  try {
    return isOurs(readSafetensors(source).metadata);
  } catch {
    return false; // Whoever reads it next says what is wrong.
  }
}

/** For those who need no other format, and its reader not in their bundle. */
export function readNative(file: Uint8Array | ByteSource, options: ReadCheckpointOptions = {}): CheckpointData {
  return guarded(asCheckpoint(() => readOpened(readSafetensors(file), options)));
}

function readOpened({ tensors, metadata }: SafetensorsFile, options: ReadCheckpointOptions): CheckpointData {
  const isTraining = metadata.get("format") === TRAINING_FORMAT;
  if (!FORMATS.includes(metadata.get("format") ?? "")) {
    throw new CheckpointError(
      `native safetensors: expected metadata format "${FORMAT}", found ${describe(metadata.get("format"))}`,
    );
  }
  if (metadata.get("version") !== VERSION) {
    throw new CheckpointError(
      `native safetensors: expected version ${VERSION}, found ${describe(metadata.get("version"))}; a newer release may read it`,
    );
  }
  const byPrefix = splitByPrefix(tensors, isTraining ? optimizerPrefixes : []);
  for (const prefix of byPrefix.keys()) {
    if (!metadata.has(prefix)) throw new CheckpointError(`native safetensors: no geometry for the tensors ${prefix}.*`);
  }
  const read = <Config extends NetworkConfig>(
    name: NetworkName,
    role: string,
    is: (c: NetworkConfig) => c is Config,
  ) => {
    const json = metadata.get(prefixes[name]) ?? "";
    const where = `native safetensors, ${prefixes[name]}`;
    const config = parseConfig(parseJson(json, where), where);
    if (!is(config)) throw new CheckpointError(`${where}: expected a ${role}, found a ${config.kind}`);
    return checkedNetwork(where, config, byPrefix.get(prefixes[name]) ?? new Map());
  };
  const has = (name: NetworkName): boolean => metadata.has(prefixes[name]);
  const generator = (name: "gEma" | "g") => ({
    name: prefixes[name],
    read: () => read(name, "generator", isGeneratorConfig),
  });
  const discriminator = { name: prefixes.d, read: () => read("d", "discriminator", isDiscriminatorConfig) };
  return collectNetworks(isTraining ? "state of a training run" : "native safetensors", prefixes, options, {
    ...(has("gEma") && { gEma: generator("gEma") }),
    ...(has("g") && { g: generator("g") }),
    ...(has("d") && { d: discriminator }),
  });
}

function splitByPrefix(tensors: ReadonlyMap<string, PlainTensor>, ignored: readonly string[]) {
  const known: readonly string[] = Object.values(prefixes);
  const split = new Map<string, Map<string, PlainTensor>>();
  for (const [name, tensor] of tensors) {
    const prefix = name.slice(0, name.indexOf("."));
    if (ignored.includes(prefix)) continue;
    if (!known.includes(prefix)) throw new CheckpointError(`native safetensors: unexpected tensor ${describe(name)}`);
    const group = split.get(prefix) ?? new Map<string, PlainTensor>();
    group.set(name.slice(prefix.length + 1), tensor);
    split.set(prefix, group);
  }
  return split;
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CheckpointError(`${where}: the geometry is not JSON (${(error as Error).message.slice(0, 100)})`);
  }
}
