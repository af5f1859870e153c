/** Opens the network that a command runs: given with --network, or the model bundled with the package. */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type AnyDiscriminator,
  type AnyGenerator,
  type Checkpoint,
  CheckpointError,
  loadCheckpoint,
  Tensor,
} from "../index.js";
import { startEngine } from "./engine.js";
import { checkReadable } from "./files.js";
import type { EngineOptions } from "./options.js";
import { type Terminal, UsageError } from "./terminal.js";

/** models/ beside dist/ (and beside src/). */
const MODELS_FOLDER = fileURLToPath(new URL("../../models", import.meta.url));

/** What messages call networks, as the official files do. */
export const networkWords = { gEma: "G_ema", g: "G", d: "D" } as const;

/** Path of the bundled model (the first by name of models/*.safetensors), or null when there is none. */
export function bundledModel(folder: string = MODELS_FOLDER): string | null {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return null;
  }
  const first = names.filter((name) => name.endsWith(".safetensors")).sort()[0];
  return first === undefined ? null : join(folder, first);
}

/** Loads kernels and checkpoint, and shows what was ignored or assumed. `source` is a path or an http(s) address. */
export async function openCheckpoint(
  source: string,
  engine: EngineOptions,
  networks?: readonly ("gEma" | "g" | "d")[],
  terminal?: Terminal,
): Promise<Checkpoint> {
  const isAddress = /^https?:\/\//.test(source);
  if (!isAddress) checkReadable(source);
  await startEngine(engine, terminal);
  try {
    const options = networks === undefined ? {} : { networks };
    const checkpoint = await loadCheckpoint(isAddress ? new URL(source) : source, options);
    for (const warning of checkpoint.warnings ?? []) terminal?.err(`warning: ${basename(source)}: ${warning}\n`);
    return checkpoint;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    // What is wrong with an address has it in its sentence already.
    throw new Error(error.message.includes(source) ? error.message : `${source}: ${error.message}`, { cause: error });
  }
}

/** The generator to make images with, its short name for messages, and on demand the discriminator, if there is one. */
export async function openGenerator(
  network: string | undefined,
  engine: EngineOptions,
  terminal: Terminal,
  { discriminator = false }: { readonly discriminator?: boolean } = {},
): Promise<{
  readonly generator: AnyGenerator;
  readonly discriminator: AnyDiscriminator | null;
  readonly name: string;
}> {
  const source = network ?? bundledModel();
  if (source === null) {
    throw new UsageError(`there is no model in ${MODELS_FOLDER}: name a checkpoint with --network FILE`);
  }
  const { gEma, d, format } = await openCheckpoint(source, engine, discriminator ? undefined : ["gEma"], terminal);
  if (gEma === undefined) throw new Error(`${source} (${format}) holds no averaged generator (G_ema) to generate with`);
  return { generator: gEma, discriminator: d ?? null, name: basename(source) };
}

/**
 * The label c [1, cDim], or null for an unconditional network.
 *
 * @throws UsageError when the network needs a class and none is given, or has no such class
 */
export function labelOf(
  classNumber: number | undefined,
  { generator, name }: { readonly generator: { readonly cDim: number }; readonly name: string },
  terminal: Terminal,
): Tensor | null {
  const { cDim } = generator;
  if (cDim === 0) {
    if (classNumber !== undefined) terminal.err(`warning: --class is ignored: ${name} is unconditional\n`);
    return null;
  }
  const classes = `it has ${cDim} classes, 0 to ${cDim - 1}`;
  if (classNumber === undefined) {
    throw new UsageError(`${name} is conditional: say which class with --class NUMBER (${classes})`);
  }
  if (classNumber >= cDim) throw new UsageError(`${name} has no class ${classNumber}: ${classes}`);
  const oneHot = new Float32Array(cDim);
  oneHot[classNumber] = 1;
  return Tensor.from(oneHot, [1, cDim]);
}

/** Of everything that a network computes with, whatever file it came from. */
export function parametersHash(network: AnyGenerator | AnyDiscriminator): string {
  const hash = createHash("sha256").update(JSON.stringify(network.config));
  for (const [name, tensor] of [...network.parameters, ...network.buffers]) {
    hash.update(`${name}\0`).update(tensor.toArray());
  }
  return hash.digest("hex");
}
