/**
 * Networks to checkpoints. Apart from reading them: bundlers split programs by files, and who only reads needs no writer.
 */
import { checkChoice, checkOptions } from "./check.js";
import type { NetworksOnly } from "./checkpoints.js";
import { writeFile } from "./files.js";
import { isNode } from "./host.js";
import type { WrittenFormat } from "./stylegan/checkpoint/format.js";
import { writers } from "./stylegan/checkpoint/writers.js";
import { networkData } from "./stylegan/networks.js";

export interface SaveOptions {
  /**
   * "native" (default): safetensors with the official parameter names and the geometry in the metadata.
   * "rosinality": what rosinality's stylegan2-pytorch loads (a .pt file); StyleGAN2 networks of its kind only.
   */
  readonly format?: WrittenFormat;
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
  networks: NetworksOnly,
  options: SaveOptions = {},
): Promise<void> {
  if (!isNode()) throw new Error("saveCheckpoint: there is no file system here; encodeCheckpoint gives the bytes");
  writeFile(path, encodeCheckpoint(networks, options), { flush: true });
}

/** The formats that `saveCheckpoint` writes: the ending that their files have, and the number types of weights. */
export const writtenFormats: readonly {
  readonly name: WrittenFormat;
  readonly ending: string;
  readonly dtypes: readonly ("f32" | "f16")[];
}[] = writers;

/** The bytes that `saveCheckpoint` writes, piece by piece: for browsers, and for other places to put them. */
export function encodeCheckpoint(networks: NetworksOnly, options: SaveOptions = {}): Iterable<Uint8Array> {
  checkOptions("encodeCheckpoint", options, ["format", "dtype", "ignoreClamp"]);
  const { format = "native", dtype = "f32", ignoreClamp } = options;
  checkChoice(
    "encodeCheckpoint",
    "format",
    format,
    writers.map(({ name }) => name),
  );
  checkChoice("encodeCheckpoint", "dtype", dtype, ["f32", "f16"]);
  const { gEma, g, d } = networks;
  // What loadCheckpoint gave may be passed on as it is, with the name of its format.
  const unknown = Object.keys(networks).find((name) => !["gEma", "g", "d", "format"].includes(name));
  if (unknown !== undefined || !(gEma || g || d)) {
    const found = unknown === undefined ? "none" : JSON.stringify(unknown);
    throw new RangeError(`encodeCheckpoint: networks must be some of gEma, g and d, got ${found}`);
  }
  const data = {
    ...(gEma && { gEma: networkData(gEma) }),
    ...(g && { g: networkData(g) }),
    ...(d && { d: networkData(d) }),
  };
  const writer = writers.find(({ name }) => name === format)!;
  return writer.chunks(data, { dtype, ignoreClamp });
}
