/** What every checkpoint reader produces: geometry and named tensors, checked against each other. */
import { CheckpointError, describe } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig, NetworkConfig } from "../config.js";
import { tensorShapes } from "./tensorShapes.js";

export interface NetworkData<Config extends NetworkConfig = NetworkConfig> {
  readonly config: Config;
  /** Every parameter and buffer by its official name; exactly the names of `tensorShapes(config)`. */
  readonly tensors: ReadonlyMap<string, PlainTensor>;
  /** The file has no average w: whoever builds the network takes the mean of f(z) over many z. */
  readonly estimatesWAvg?: boolean;
}

export interface Networks {
  /** The generator whose weights are a moving average: the one to make images with. */
  readonly gEma?: NetworkData<AnyGeneratorConfig>;
  /** The generator in training. */
  readonly g?: NetworkData<AnyGeneratorConfig>;
  readonly d?: NetworkData<AnyDiscriminatorConfig>;
}

export type NetworkName = keyof Networks;
export const networkNames: readonly NetworkName[] = ["gEma", "g", "d"];

export interface CheckpointData {
  /** What kind of file it is, for people: "official PyTorch pickle", for example. */
  readonly format: string;
  readonly networks: Networks;
  /** What the file calls each network. */
  readonly names: Readonly<Partial<Record<NetworkName, string>>>;
  /** What was ignored and what was assumed, a sentence each. */
  readonly warnings: readonly string[];
}

export interface ReadCheckpointOptions {
  /** Which networks to read; default all that the file has. Asking for one that it lacks is an error. */
  readonly networks?: readonly NetworkName[];
  /** Bytes that compressed entries of a .pt may unpack to, together. Default 1 GiB. */
  readonly maxInflatedBytes?: number;
}

/** A network that is of another kind than those that this library runs; other networks of its file may be readable. */
export class ForeignNetworkError extends CheckpointError {}

/** Throws CheckpointError unless `tensors` has exactly the names and shapes that the geometry asks for. */
export function checkedNetwork<Config extends NetworkConfig>(
  where: string,
  config: Config,
  tensors: ReadonlyMap<string, PlainTensor>,
): NetworkData<Config> {
  const problems: string[] = [];
  const { all: expected } = tensorShapes(config);
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (!tensor) problems.push(`${name} [${shape}] is missing`);
    else if (tensor.shape.length !== shape.length || tensor.shape.some((extent, axis) => extent !== shape[axis])) {
      problems.push(`${name} must be [${shape}], found [${tensor.shape}]`);
    }
  }
  for (const name of tensors.keys()) if (!expected.has(name)) problems.push(`${describe(name)} is unexpected`);
  if (problems.length > 0) {
    const more = problems.length > 3 ? `; and ${problems.length - 3} more` : "";
    throw new CheckpointError(
      `${where}: the tensors do not fit the geometry: ${problems.slice(0, 3).join("; ")}${more}`,
    );
  }
  return { config, tensors };
}

/** A network that the file has: what it is called there, and how to read it. */
export interface NetworkReader<Config extends NetworkConfig> {
  readonly name: string;
  readonly read: () => NetworkData<Config>;
}

export interface NetworkReaders {
  readonly gEma?: NetworkReader<AnyGeneratorConfig>;
  readonly g?: NetworkReader<AnyGeneratorConfig>;
  readonly d?: NetworkReader<AnyDiscriminatorConfig>;
}

/** What files of a format call the three networks. */
export type NetworkWords = Readonly<Record<NetworkName, string>>;

/**
 * Reads the networks asked for. Where there is no averaged generator, the other one takes its place, with a warning. Of a
 * file of which nothing particular is asked, networks of kinds that are not known are left out, with a warning.
 */
export function collectNetworks(
  format: string,
  words: NetworkWords,
  options: ReadCheckpointOptions,
  found: NetworkReaders,
  notes: Iterable<string> = [],
): CheckpointData {
  const wanted = options.networks ?? networkNames;
  const warnings: string[] = [];
  const networks: { -readonly [Name in NetworkName]?: Networks[Name] } = {};
  const names: Partial<Record<NetworkName, string>> = {};
  const readers = { ...found };
  if (readers.gEma === undefined && readers.g !== undefined && options.networks?.includes("gEma")) {
    readers.gEma = readers.g;
    warnings.push(`there is no averaged generator, ${words.gEma}: ${readers.g.name} takes its place`);
  }
  const there = networkNames.flatMap((name) => found[name]?.name ?? []).join(", ") || "none";
  const read = <Name extends NetworkName>(name: Name): void => {
    if (!wanted.includes(name)) return;
    const reader = readers[name];
    if (reader === undefined) {
      if (options.networks === undefined) return;
      throw new CheckpointError(`${format}: the file has no network ${words[name]}; it has ${there}`);
    }
    try {
      networks[name] = reader.read() as Networks[Name];
      names[name] = reader.name;
    } catch (error) {
      const isNeeded = options.networks !== undefined || networks.gEma === undefined;
      if (!(error instanceof ForeignNetworkError) || isNeeded) throw error;
      const prefix = `${reader.name}: `;
      const reason = error.reason.startsWith(prefix) ? error.reason.slice(prefix.length) : error.reason;
      warnings.push(`${reader.name} is left out: ${reason}`);
    }
  };
  for (const name of networkNames) read(name);
  if (Object.keys(networks).length === 0) throw new CheckpointError(`${format}: the file has no network`);
  return { format, networks, names, warnings: [...new Set([...warnings, ...notes])] };
}
