/** Random access to bytes: a file in memory, or one that stays on disk while tensors are read from it one by one. */
import { FileError } from "./fileError.js";

export interface ByteSource {
  readonly size: number;
  /** All of it, where it is in memory. */
  readonly bytes?: Uint8Array | undefined;
  /** `length` bytes from `offset`, synchronously; a view where possible. Both have been checked against `size`. */
  read(offset: number, length: number): Uint8Array;
  /** Fills `target` from `offset` without a copy in between, where the source can; false when it came short. */
  readonly readInto?: ((offset: number, target: Uint8Array) => boolean) | undefined;
  /**
   * As `readInto`, while this thread does something else. `target` is asked anew whenever it is needed: it may lie in memory that grows
   * meanwhile. Left out where only this thread could read.
   */
  readonly readIntoLater?: ((offset: number, target: () => Uint8Array) => Promise<boolean>) | undefined;
}

/** A file that is in memory already; reads are views, not copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, bytes, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The bytes of a tensor's storage: all at once, or some of them without a copy in between. */
export interface StorageReader {
  readonly bytes: () => Uint8Array;
  readonly readInto: (begin: number, target: Uint8Array) => void;
  readonly readIntoLater: (begin: number, target: () => Uint8Array) => Promise<void>;
}

export const sourceOf = (file: Uint8Array | ByteSource): ByteSource =>
  file instanceof Uint8Array ? bytesSource(file) : file;

/** Some of the bytes of a source, which stay where they are until they are asked for. */
export class PartOfSource implements ByteSource {
  readonly size: number;
  readonly #whole: ByteSource;
  readonly #begin: number;

  /** `begin` and `size` have been checked against the source. */
  constructor(whole: ByteSource, begin: number, size: number) {
    this.#whole = whole;
    this.#begin = begin;
    this.size = size;
  }

  get summary(): string {
    return `${this.size} bytes`;
  }

  get bytes(): Uint8Array | undefined {
    return this.#whole.bytes?.subarray(this.#begin, this.#begin + this.size);
  }

  read(offset: number, length: number): Uint8Array {
    return this.#whole.read(this.#begin + offset, length);
  }

  get readInto(): ByteSource["readInto"] {
    const { readInto } = this.#whole;
    return readInto && ((offset, target) => readInto.call(this.#whole, this.#begin + offset, target));
  }

  get readIntoLater(): ByteSource["readIntoLater"] {
    const { readIntoLater } = this.#whole;
    return readIntoLater && ((offset, target) => readIntoLater.call(this.#whole, this.#begin + offset, target));
  }
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

/** How `stridedTensor` reads a storage that is all of a source; the source is asked for when elements are. */
export function readerOf(source: () => ByteSource, what: string): StorageReader {
  return {
    bytes: () => {
      const all = source();
      return all.bytes ?? readRange(all, 0, all.size, what);
    },
    readInto: (begin, target) => fillFrom(source(), begin, target, what),
    readIntoLater: async (begin, target) => {
      const all = source();
      const later = laterFrom(all, 0, what);
      if (later === undefined) fillFrom(all, begin, target(), what);
      else await later(begin, target);
    },
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
