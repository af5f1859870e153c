/** Any checkpoint, told apart by what is in it. */
import { type ByteSource, bytesSource } from "../../formats/byteSource.js";
import { asCheckpoint, CheckpointError, describe } from "../../formats/fileError.js";
import { firstOf } from "../../formats/pickle/common.js";
import { isForeign } from "../../formats/pickle/values.js";
import { openContainer } from "./container.js";
import type { Opened } from "./format.js";
import { formats } from "./formats.js";
import { guarded } from "./guard.js";
import type { CheckpointData, ReadCheckpointOptions } from "./networkData.js";
import { findIn } from "./search.js";

/**
 * Reads a checkpoint from bytes or from a source of them. Tensors stay views of the source until they are copied, so it
 * must stay readable as long.
 *
 * @throws CheckpointError for every file that is not a complete, supported checkpoint: it says what was found where
 */
export function readCheckpoint(file: Uint8Array | ByteSource, options: ReadCheckpointOptions = {}): CheckpointData {
  const source = file instanceof Uint8Array ? bytesSource(file) : file;
  return guarded(asCheckpoint(() => readSource(source, options)));
}

function readSource(source: ByteSource, options: ReadCheckpointOptions): CheckpointData {
  const classes = firstOf(...formats.flatMap((format) => format.classes ?? []));
  const opened = openContainer(source, classes, options);
  const format = formats.find(({ recognises }) => recognises(opened));
  if (format !== undefined) return format.reads(opened, options);
  throw new CheckpointError(`the file holds ${contentsOf(opened)}`);
}

function contentsOf(opened: Opened): string {
  const some = (names: Iterable<unknown>) => [...names].slice(0, 6).map(describe).join(", ");
  if (opened.container === "safetensors") {
    const metadata = describe(opened.metadata.get("format") ?? null);
    return (
      `tensors (${some(opened.tensors.keys()) || "none"}) that are not a network's: ` +
      `expected metadata format "stylegan" or the names of an official or rosinality's network, found ${metadata}`
    );
  }
  const { object } = opened;
  const [foreign] = findIn(object, isForeign);
  const found = object instanceof Map ? `a dict with ${some(object.keys())}` : describe(object);
  const within = foreign === undefined || foreign.value === object ? "" : `; in it is ${describe(foreign.value)}`;
  return `${found}; expected the networks of a StyleGAN checkpoint${within}`;
}
