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

/** How long a server may send less than LEAST_BYTES. */
const MAX_IDLE_SECONDS = 60;
const LEAST_BYTES = 1024;

/** What a source that is not at hand may take. */
export interface SourceLimits {
  readonly maxSourceBytes?: number;
  readonly maxIdleSeconds?: number;
}

const inMemory = (bytes: Uint8Array): OpenFile => ({ ...bytesSource(bytes), close: () => {} });

/**
 * Opens a source for reading by position. Files of Node stay on the disk, and Blobs where a worker reads them; all else is in memory.
 *
 * @param limits what an address or a Response may send, and how slowly
 * @throws CheckpointError when it cannot be opened, sends more, or next to nothing; TypeError when it is none
 */
export async function openSource(source: Source, limits: SourceLimits = {}): Promise<OpenFile> {
  if (source instanceof Uint8Array) return inMemory(source);
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source));
  // Asked before the others: Node loads all of fetch, for 40 ms, when somebody speaks of Response.
  if (typeof source === "string" || source instanceof URL) return openAddress(source, limits);
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const reader = blobReader();
    return reader === null
      ? inMemory(new Uint8Array(await source.arrayBuffer()))
      : { ...blobSource(source, reader), close: () => {} };
  }
  if (typeof Response !== "undefined" && source instanceof Response)
    return answer(source, source.url || "the response", limits);
  throw new TypeError(
    "loadCheckpoint: source must be a path, an address, a URL, bytes (Uint8Array or ArrayBuffer), a Blob or a Response, " +
      `got ${kindOf(source)}`,
  );
}

async function openAddress(source: string | URL, limits: SourceLimits): Promise<OpenFile> {
  if (source === "bundled") return openBundled();
  const isAddress = /^(https?|data|blob):/.test(String(source));
  if (!isAddress && isNode()) return asCheckpoint(() => openFile(source));
  const name = String(source);
  const { maxIdleSeconds = MAX_IDLE_SECONDS } = limits;
  const aborter = new AbortController();
  const request = reached(name, () => fetch(source, { signal: aborter.signal }));
  const response = await within(request, maxIdleSeconds, () => {
    aborter.abort();
    return new CheckpointError(`${name} does not answer within ${maxIdleSeconds} s, ${IDLE_LIMIT}`);
  });
  return answer(response, name, limits);
}

const IDLE_LIMIT = "the limit (maxIdleSeconds of loadCheckpoint; files have none)";

/** What a network may throw is said with the address. */
async function reached<T>(name: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    // fetch says only that it failed; why is in the cause.
    const { message, cause: reason } = cause as Error;
    const why = reason instanceof Error && reason.message !== "" ? reason.message : message;
    throw new CheckpointError(`cannot fetch ${name}: ${why}`, undefined, { cause });
  }
}

/** @param late called when it takes longer: what to throw */
async function within<T>(work: Promise<T>, seconds: number, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), Math.min(Math.max(seconds * 1000, 0), 2 ** 31 - 1));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function answer(response: Response, name: string, limits: SourceLimits): Promise<OpenFile> {
  if (!response.ok) throw new CheckpointError(`${name} answered ${response.status} ${response.statusText}`.trimEnd());
  if (response.bodyUsed) throw new CheckpointError(`${name}: the body has been read already; it can be read once`);
  return inMemory(await bytesOf(response, name, limits));
}

/** What it sends, unpacked: a server may send without end, a little that unpacks to a lot, or a byte now and then. */
async function bytesOf(
  response: Response,
  name: string,
  { maxSourceBytes: most = MAX_SOURCE_BYTES, maxIdleSeconds = MAX_IDLE_SECONDS }: SourceLimits,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let mark = { size, ms: performance.now() };
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const left = maxIdleSeconds - (performance.now() - mark.ms) / 1000;
    const { value } = await within(
      reached(name, () => reader.read()),
      left,
      () => {
        reader.cancel().catch(() => {});
        return new CheckpointError(
          `${name} sends less than ${LEAST_BYTES} bytes in ${maxIdleSeconds} s, ${IDLE_LIMIT}`,
        );
      },
    );
    if (value === undefined) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new CheckpointError(
        `${name} sends more than ${most} bytes, the limit (maxSourceBytes of loadCheckpoint; files have none)`,
      );
    }
    if (size - mark.size >= LEAST_BYTES) mark = { size, ms: performance.now() };
    pieces.push(value);
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
