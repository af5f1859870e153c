/** Random access to bytes: a file in memory, or one that stays on disk while tensors are read from it one by one. */
import { FileError } from "./fileError.js";

export interface ByteSource {
  readonly size: number;
  /** `length` bytes from `offset`, synchronously; a view where possible. Both have been checked against `size`. */
  read(offset: number, length: number): Uint8Array;
  /** Fills `target` from `offset` without a copy in between, where the source can; false when it came short. */
  readInto?(offset: number, target: Uint8Array): boolean;
  /**
   * As `readInto`, while this thread does something else. `target` is asked anew whenever it is needed: it may lie in memory that grows
   * meanwhile. Left out where only this thread could read.
   */
  readIntoLater?(offset: number, target: () => Uint8Array): Promise<boolean>;
}

/** A file that is in memory already; reads are views, not copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Bytes [offset, offset + length), or the error that names what is missing. */
export function readRange(source: ByteSource, offset: number, length: number, what: string): Uint8Array {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw new FileError(
      `${what}: expected ${length} bytes at offset ${offset}, but the file has ${source.size}; is it truncated?`,
    );
  }
  const bytes = source.read(offset, length);
  if (bytes.length !== length) {
    throw new FileError(`${what}: asked for ${length} bytes at offset ${offset}, got ${bytes.length}`);
  }
  return bytes;
}

/** Fills `target` with the bytes from `offset` on, or throws the error that names what is missing. */
export function fillFrom(source: ByteSource, offset: number, target: Uint8Array, what: string): void {
  if (source.readInto === undefined) target.set(readRange(source, offset, target.length, what));
  else if (!source.readInto(offset, target)) throw shortOf(source, offset, target.length, what);
}

/** `fillFrom` while this thread does something else; undefined where the source cannot. */
export function laterFrom(
  source: ByteSource,
  offset: number,
  what: string,
): ((begin: number, target: () => Uint8Array) => Promise<void>) | undefined {
  if (source.readIntoLater === undefined) return undefined;
  return async (begin, target) => {
    const isWhole = await source.readIntoLater!(offset + begin, target);
    if (!isWhole) throw shortOf(source, offset + begin, target().length, what);
  };
}

function shortOf({ size }: ByteSource, offset: number, length: number, what: string): FileError {
  return new FileError(
    `${what}: expected ${length} bytes at offset ${offset}, but the file has ${size}; is it truncated?`,
  );
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
