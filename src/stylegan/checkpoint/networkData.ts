/** What every checkpoint reader produces: geometry and named tensors, checked against each other. */
import { CheckpointError, describe } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig, NetworkConfig } from "../config.js";
import { tensorShapes } from "../tensorShapes.js";

export interface NetworkData<Config extends NetworkConfig = NetworkConfig> {
  readonly config: Config;
  /** Every parameter and buffer by its official name; exactly the names of `tensorShapes(config)`. */
  readonly tensors: ReadonlyMap<string, PlainTensor>;
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

export type CheckpointFormat =
  | "official PyTorch pickle"
  | "official TensorFlow pickle"
  | "rosinality checkpoint"
  | "native safetensors";

export interface CheckpointData {
  readonly format: CheckpointFormat;
  readonly networks: Networks;
}

export interface ReadCheckpointOptions {
  /** Which networks to read; default all that the file has. Asking for one that it lacks is an error. */
  readonly networks?: readonly NetworkName[];
}

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

/** Reads the networks asked for; `read` returns undefined for one that the file does not have. */
export function collectNetworks(
  what: string,
  options: ReadCheckpointOptions,
  readers: {
    readonly gEma: () => NetworkData<AnyGeneratorConfig> | undefined;
    readonly g: () => NetworkData<AnyGeneratorConfig> | undefined;
    readonly d: () => NetworkData<AnyDiscriminatorConfig> | undefined;
  },
): Networks {
  const wanted = options.networks ?? networkNames;
  const read = <T>(name: NetworkName, reader: () => T | undefined): T | undefined => {
    if (!wanted.includes(name)) return undefined;
    const network = reader();
    if (!network && options.networks) throw new CheckpointError(`${what}: the file has no network ${name}`);
    return network;
  };
  const gEma = read("gEma", readers.gEma);
  const g = read("g", readers.g);
  const d = read("d", readers.d);
  if (!gEma && !g && !d) throw new CheckpointError(`${what}: the file has no network`);
  return { ...(gEma && { gEma }), ...(g && { g }), ...(d && { d }) };
}
