/** What a format of checkpoints is to the others: one row of the table in formats.ts. */
import type { PickleResolver } from "../../formats/pickle/common.js";
import type { PickleValue } from "../../formats/pickle/values.js";
import type { SafetensorsFile } from "../../formats/safetensors.js";
import type { CheckpointData, Networks, ReadCheckpointOptions } from "./networkData.js";

/** A file as far as its container says: tensors by name with metadata, or the object of a pickle. */
export type Opened =
  | ({ readonly container: "safetensors" } & SafetensorsFile)
  | { readonly container: "torch zip" | "torch stream" | "pickle"; readonly object: PickleValue };

export interface WriteOptions {
  /** Number type of the stored weights. Default "f32". */
  readonly dtype?: "f32" | "f16";
  /** Write networks whose activations are clamped although the format has no clamp. Default false. */
  readonly ignoreClamp?: boolean;
}

/** The formats that are written, as `saveCheckpoint` and its options call them. */
export type WrittenFormat = "native" | "rosinality";

export interface CheckpointWriter {
  readonly name: WrittenFormat;
  /** The ending of its files, by which the command line knows it. */
  readonly ending: string;
  /** Number types of weights that it has. */
  readonly dtypes: readonly ("f32" | "f16")[];
  /** The file in pieces. RangeError for networks or options that the format cannot express. */
  readonly chunks: (networks: Networks, options: WriteOptions) => Iterable<Uint8Array>;
}

export interface CheckpointFormat {
  /** For people: "official PyTorch pickle". */
  readonly name: string;
  /** The classes that its pickles name, and what they become. */
  readonly classes?: PickleResolver;
  readonly recognises: (file: Opened) => boolean;
  /** CheckpointError when the file is not what it claims to be. */
  readonly reads: (file: Opened, options: ReadCheckpointOptions) => CheckpointData;
  readonly writer?: CheckpointWriter;
}
