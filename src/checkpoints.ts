/** Checkpoints from files and addresses to networks. What is in them is read as bytes, elsewhere. */
import { checkChoice, checkOptions, kindOf } from "./check.js";
import { ensureKernels, withRoom } from "./nn/loading.js";
import { Refills } from "./refills.js";
import { openSource, type Source } from "./sources.js";
import { isNative, readNative } from "./stylegan/checkpoint/native.js";
import { type AnyDiscriminator, type AnyGenerator, loadDiscriminator, loadGenerator } from "./stylegan/networks.js";

/** The networks of a checkpoint file; a file may hold some of them only. */
export interface Checkpoint {
  /** What kind of file it was, for people: "official PyTorch pickle", for example. */
  readonly format: string;
  /** The generator with averaged weights: the one to use. */
  readonly gEma?: AnyGenerator;
  /** The generator as trained. */
  readonly g?: AnyGenerator;
  readonly d?: AnyDiscriminator;
  /** What the file calls each of the networks: "G_ema", "g_ema", "Gs", "state_dict". */
  readonly names?: { readonly gEma?: string; readonly g?: string; readonly d?: string };
  /** What of the file was ignored and what was assumed, a sentence each; they are worth showing. Not enumerated, as names. */
  readonly warnings?: readonly string[];
}

export type NetworksOnly = Pick<Checkpoint, "gEma" | "g" | "d">;
type NetworkNames = readonly (keyof NetworksOnly)[];

export interface LoadOptions<Names extends NetworkNames = NetworkNames> {
  /** Networks to keep; the others are not built. One that the file lacks is an error. Default: all that the file has. */
  readonly networks?: Names;
  /** Bytes that compressed entries of a .pt may unpack to, together. Default 1 GiB. */
  readonly maxInflatedBytes?: number;
  /** Bytes that an address or a Response may send. Default 2 GiB; paths, Blobs and bytes have no limit. */
  readonly maxSourceBytes?: number;
  /** Seconds in which an address or a Response may send less than 1 kB. Default 60. */
  readonly maxIdleSeconds?: number;
}

/** The networks that were asked for are there; without asking, those that the file has. */
export type LoadedCheckpoint<Names extends NetworkNames> = number extends Names["length"]
  ? Checkpoint
  : Checkpoint & { readonly [Name in Names[number]]: NonNullable<Checkpoint[Name]> };

const LIMITS = new Map([
  ["maxInflatedBytes", "bytes"],
  ["maxSourceBytes", "bytes"],
  ["maxIdleSeconds", "seconds"],
] as const);

/**
 * Reads a checkpoint: an official PyTorch or TensorFlow pickle, a rosinality .pt, or the native safetensors. The format
 * is recognised from the bytes. Nothing in the file is ever executed. The networks come frozen: no gradients are
 * recorded with respect to their parameters (mark those with `variable` to have them).
 *
 * @param source a path or address, a URL, bytes, a Blob, or a Response; "bundled" is the model that comes with the package
 * @throws CheckpointError when the file is not a checkpoint, is damaged, or holds something else than it claims
 * @throws RangeError for an option that there is not, TypeError for something else than a source
 * @example
 * const { gEma } = await loadCheckpoint("ffhq.pkl", { networks: ["gEma"] });
 */
export async function loadCheckpoint<const Names extends NetworkNames = NetworkNames>(
  source: Source,
  options: LoadOptions<Names> = {},
): Promise<LoadedCheckpoint<Names>> {
  checkOptions("loadCheckpoint", options, ["networks", ...LIMITS.keys()]);
  checkNetworkNames(options.networks);
  for (const [limit, unit] of LIMITS) {
    const { [limit]: value = 0 } = options;
    if (typeof value !== "number" || !(value >= 0)) {
      throw new RangeError(`loadCheckpoint: ${limit} must be a number of ${unit}, got ${kindOf(value)}`);
    }
  }
  await ensureKernels();
  const opened = await openSource(source, options);
  try {
    // The readers of foreign files are loaded when one comes: a page that shows its own model never needs them.
    const read = isNative(opened) ? readNative : (await import("./stylegan/checkpoint/read.js")).readCheckpoint;
    const data = read(opened, options);
    const { format, networks, names, warnings } = data;
    const again = opened.reopen && new Refills(opened, String(source), data, (file) => read(file, options));
    const checkpoint: Checkpoint = await withRoom(async () => ({
      format,
      ...(networks.gEma && { gEma: await loadGenerator(networks.gEma, again?.of("gEma")) }),
      ...(networks.g && { g: await loadGenerator(networks.g, again?.of("g")) }),
      ...(networks.d && { d: await loadDiscriminator(networks.d, again?.of("d")) }),
    }));
    again?.loaded();
    // Not enumerated: what is left of a checkpoint without its format are its networks.
    Object.defineProperties(checkpoint, { names: { value: names }, warnings: { value: warnings } });
    return checkpoint as LoadedCheckpoint<Names>;
  } finally {
    opened.close();
  }
}

function checkNetworkNames(names: unknown): void {
  if (names === undefined) return;
  if (!Array.isArray(names)) {
    throw new TypeError(`loadCheckpoint: networks must be an array of names, got ${kindOf(names)}`);
  }
  for (const name of names) checkChoice("loadCheckpoint", "each of networks", name, ["gEma", "g", "d"]);
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
