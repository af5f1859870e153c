/** What checkpoints are read from: paths, addresses, bytes, and the model that comes with the package. */
import { kindOf } from "./check.js";
import { type OpenFile, openFile } from "./files.js";
import { blobReader, blobSource } from "./formats/blobSource.js";
import { bytesSource } from "./formats/byteSource.js";
import { asCheckpoint, CheckpointError } from "./formats/fileError.js";
import { isNode } from "./host.js";

/** A path or address, a URL, bytes, a Blob or a Response; "bundled" is the model that comes with the package. */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | Response;

const inMemory = (bytes: Uint8Array): OpenFile => ({ ...bytesSource(bytes), close: () => {} });

/**
 * Opens a source for reading by position. Files of Node stay on the disk, and Blobs where a worker reads them; all else is in memory.
 *
 * @throws CheckpointError when it cannot be opened, TypeError when it is none
 */
export async function openSource(source: Source): Promise<OpenFile> {
  if (source instanceof Uint8Array) return inMemory(source);
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source));
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const reader = blobReader();
    return reader === null ? inMemory(await bytesOf(source)) : { ...blobSource(source, reader), close: () => {} };
  }
  if (typeof Response !== "undefined" && source instanceof Response)
    return answer(source, source.url || "the response");
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new TypeError(
      "loadCheckpoint: source must be a path, an address, a URL, bytes (Uint8Array or ArrayBuffer), a Blob or a Response, " +
        `got ${kindOf(source)}`,
    );
  }
  if (source === "bundled") return openBundled();
  const isAddress = /^(https?|data|blob):/.test(String(source));
  if (!isAddress && isNode()) return asCheckpoint(() => openFile(source));
  return answer(await fetch(source), String(source));
}

async function answer(response: Response, name: string): Promise<OpenFile> {
  if (!response.ok) throw new CheckpointError(`${name} answered ${response.status} ${response.statusText}`.trimEnd());
  if (response.bodyUsed) throw new CheckpointError(`${name}: the body has been read already; it can be read once`);
  return inMemory(await bytesOf(response));
}

const bytesOf = async (body: Blob | Response): Promise<Uint8Array> => new Uint8Array(await body.arrayBuffer());

/** Beside dist/ (and beside src/). Bundlers that know of such addresses put the file beside the program. */
function bundledAddress(): URL {
  return new URL("../models/faces64.safetensors", import.meta.url);
}

async function openBundled(): Promise<OpenFile> {
  try {
    const address = bundledAddress();
    if (address.protocol === "file:" && isNode()) return openFile(address);
    const response = await fetch(address);
    const bytes = response.ok ? await bytesOf(response) : new Uint8Array();
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
