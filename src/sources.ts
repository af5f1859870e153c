/** What checkpoints are read from: paths, addresses, bytes, and the model that comes with the package. */
import { kindOf } from "./check.js";
import { type OpenFile, openFile } from "./files.js";
import { blobReader, blobSource } from "./formats/blobSource.js";
import { bytesSource } from "./formats/byteSource.js";
import { asCheckpoint, CheckpointError } from "./formats/fileError.js";
import { isNode } from "./host.js";

/** A path or address, a URL, bytes, a Blob or a Response; "bundled" is the model that comes with the package. */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | Response;

/** More than any checkpoint that is in use, with the states of its optimisers. */
const MAX_SOURCE_BYTES = 2 ** 31;

const inMemory = (bytes: Uint8Array): OpenFile => ({ ...bytesSource(bytes), close: () => {} });

/**
 * Opens a source for reading by position. Files of Node stay on the disk, and Blobs where a worker reads them; all else is in memory.
 *
 * @param maxSourceBytes the most that an address or a Response may send
 * @throws CheckpointError when it cannot be opened, or sends more; TypeError when it is none
 */
export async function openSource(source: Source, maxSourceBytes = MAX_SOURCE_BYTES): Promise<OpenFile> {
  if (source instanceof Uint8Array) return inMemory(source);
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source));
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const reader = blobReader();
    return reader === null
      ? inMemory(new Uint8Array(await source.arrayBuffer()))
      : { ...blobSource(source, reader), close: () => {} };
  }
  if (typeof Response !== "undefined" && source instanceof Response)
    return answer(source, source.url || "the response", maxSourceBytes);
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new TypeError(
      "loadCheckpoint: source must be a path, an address, a URL, bytes (Uint8Array or ArrayBuffer), a Blob or a Response, " +
        `got ${kindOf(source)}`,
    );
  }
  if (source === "bundled") return openBundled();
  const isAddress = /^(https?|data|blob):/.test(String(source));
  if (!isAddress && isNode()) return asCheckpoint(() => openFile(source));
  return answer(await fetch(source), String(source), maxSourceBytes);
}

async function answer(response: Response, name: string, most: number): Promise<OpenFile> {
  if (!response.ok) throw new CheckpointError(`${name} answered ${response.status} ${response.statusText}`.trimEnd());
  if (response.bodyUsed) throw new CheckpointError(`${name}: the body has been read already; it can be read once`);
  return inMemory(await bytesOf(response, name, most));
}

/** What it sends, unpacked: a server may send without end, and a little that unpacks to a lot. */
async function bytesOf(response: Response, name: string, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    size += read.value.length;
    if (size > most) {
      await reader?.cancel();
      throw new CheckpointError(
        `${name} sends more than ${most} bytes, the limit (maxSourceBytes of loadCheckpoint; files have none)`,
      );
    }
    pieces.push(read.value);
  }
  const bytes = new Uint8Array(size);
  for (const piece of pieces.reverse()) {
    size -= piece.length;
    bytes.set(piece, size);
  }
  return bytes;
}

/** Beside dist/ (and beside src/). Bundlers that know of such addresses put the file beside the program. */
function bundledAddress(): URL {
  return new URL("../models/faces64.safetensors", import.meta.url);
}

async function openBundled(): Promise<OpenFile> {
  try {
    const address = bundledAddress();
    if (address.protocol === "file:" && isNode()) return openFile(address);
    const response = await fetch(address);
    const bytes = response.ok ? new Uint8Array(await response.arrayBuffer()) : new Uint8Array();
    if (bytes[8] !== 0x7b) throw new Error(`${address} answered ${response.status}`); // {, where safetensors begin
    return inMemory(bytes);
  } catch (cause) {
    throw new CheckpointError(
      `the bundled model is not beside the program (${(cause as Error).message}): put models/faces64.safetensors of the ` +
        "package stylegan where it can be read, and pass its address to loadCheckpoint",
      undefined,
      { cause },
    );
  }
}
