/**
 * Zip archives of stored entries, written as they grow: any number of entries of any total size, in the memory of one.
 * The 64-bit forms (APPNOTE.TXT 6.3, 4.3.14 and 4.5.3) appear only where sizes need them. Tested by
 * tests/formats/formats.test.ts and tests/training/dataset.test.ts.
 */
import { viewOf } from "./byteSource.js";
import { concatBytes, crc32 } from "./bytes.js";
import {
  CENTRAL_HEADER,
  END_OF_DIRECTORY,
  END_OF_DIRECTORY_64,
  LOCAL_HEADER,
  LOCATOR_64,
  UNKNOWN_16,
  UNKNOWN_32,
  UTF8_NAME,
} from "./zip.js";

const VERSION = 20;
const VERSION_64 = 45;
const DATE_1980 = 0x21;
const PADDING_FIELD = 0x4246;

export interface ZipWriteOptions {
  /** Contents begin at multiples of this many bytes, so that they can be mapped into memory. Default 1. */
  readonly alignment?: number;
}

interface Entry {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/** Makes the bytes of an archive: `add` gives those of an entry, `finish` those of the directory at its end. */
export class ZipEncoder {
  readonly #alignment: number;
  readonly #entries: Entry[] = [];
  #offset = 0;

  constructor({ alignment = 1 }: ZipWriteOptions = {}) {
    this.#alignment = alignment;
  }

  /** @throws RangeError for contents of 4 GiB or more */
  add(path: string, data: Uint8Array): readonly Uint8Array[] {
    if (data.length >= UNKNOWN_32) throw new RangeError(`zip: ${path} must be below 4 GiB, has ${data.length} bytes`);
    const entry = { name: new TextEncoder().encode(path), crc: crc32(data), size: data.length, offset: this.#offset };
    const padding = paddingField(this.#offset + 30 + entry.name.length, this.#alignment);
    const header = new Uint8Array(30);
    const view = viewOf(header);
    view.setUint32(0, LOCAL_HEADER, true);
    writeEntryFields(view, 4, entry, VERSION, padding.length);
    this.#entries.push(entry);
    this.#offset += header.length + entry.name.length + padding.length + data.length;
    return [concatBytes([header, entry.name, padding]), data];
  }

  finish(): Uint8Array {
    const entries = this.#entries.map(directoryEntry);
    const length = entries.reduce((sum, entry) => sum + entry.length, 0);
    return concatBytes([...entries, directoryEnd(this.#offset, length, entries.length)]);
  }
}

/** A file to be stored; `read` is called when its turn comes. */
export interface ZipFile {
  readonly name: string;
  readonly read: () => Uint8Array;
}

/** An archive piece by piece, so that only one file's contents are in memory at a time. */
export function* zipChunks(files: Iterable<ZipFile>, options: ZipWriteOptions = {}): Generator<Uint8Array> {
  const encoder = new ZipEncoder(options);
  for (const { name, read } of files) yield* encoder.add(name, read());
  yield encoder.finish();
}

/** An archive of stored entries, as .npz files are. */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return concatBytes([...zipChunks([...files].map(([name, data]) => ({ name, read: () => data })))]);
}

/** An extra field that ends at a multiple of `alignment`: the identifier that torch uses, a length, zeros. */
function paddingField(begin: number, alignment: number): Uint8Array {
  if (begin % alignment === 0) return new Uint8Array(0);
  const field = new Uint8Array(4 + ((alignment - ((begin + 4) % alignment)) % alignment));
  viewOf(field).setUint16(0, PADDING_FIELD, true);
  viewOf(field).setUint16(2, field.length - 4, true);
  return field;
}

/** Version, flags, method, time, date, checksum, sizes, lengths of name and extra field: alike in both headers. */
function writeEntryFields(view: DataView, at: number, entry: Entry, version: number, extraLength: number): void {
  view.setUint16(at, version, true);
  view.setUint16(at + 2, UTF8_NAME, true);
  view.setUint16(at + 8, DATE_1980, true);
  view.setUint32(at + 10, entry.crc, true);
  view.setUint32(at + 14, entry.size, true);
  view.setUint32(at + 18, entry.size, true);
  view.setUint16(at + 22, entry.name.length, true);
  view.setUint16(at + 24, extraLength, true);
}

function directoryEntry(entry: Entry): Uint8Array {
  const { name, offset } = entry;
  const isFar = offset >= UNKNOWN_32;
  const extraLength = isFar ? 12 : 0;
  const bytes = new Uint8Array(46 + name.length + extraLength);
  const view = viewOf(bytes);
  view.setUint32(0, CENTRAL_HEADER, true);
  view.setUint16(4, isFar ? VERSION_64 : VERSION, true);
  writeEntryFields(view, 6, entry, isFar ? VERSION_64 : VERSION, extraLength);
  view.setUint32(42, isFar ? UNKNOWN_32 : offset, true);
  bytes.set(name, 46);
  if (isFar) {
    view.setUint16(46 + name.length, 1, true); // the 64-bit extra field
    view.setUint16(48 + name.length, 8, true);
    view.setBigUint64(50 + name.length, BigInt(offset), true);
  }
  return bytes;
}

/** The end of the directory, with its 64-bit form before it where a number does not fit. */
export function directoryEnd(offset: number, length: number, count: number): Uint8Array {
  const isLarge = count >= UNKNOWN_16 || offset >= UNKNOWN_32 || length >= UNKNOWN_32;
  const bytes = new Uint8Array((isLarge ? 76 : 0) + 22);
  const view = viewOf(bytes);
  if (isLarge) {
    view.setUint32(0, END_OF_DIRECTORY_64, true);
    view.setBigUint64(4, 44n, true); // bytes that follow
    view.setUint16(12, VERSION_64, true);
    view.setUint16(14, VERSION_64, true);
    view.setBigUint64(24, BigInt(count), true);
    view.setBigUint64(32, BigInt(count), true);
    view.setBigUint64(40, BigInt(length), true);
    view.setBigUint64(48, BigInt(offset), true);
    view.setUint32(56, LOCATOR_64, true);
    view.setBigUint64(64, BigInt(offset + length), true);
    view.setUint32(72, 1, true);
  }
  const end = bytes.length - 22;
  view.setUint32(end, END_OF_DIRECTORY, true);
  view.setUint16(end + 8, Math.min(count, UNKNOWN_16), true);
  view.setUint16(end + 10, Math.min(count, UNKNOWN_16), true);
  view.setUint32(end + 12, Math.min(length, UNKNOWN_32), true);
  view.setUint32(end + 16, Math.min(offset, UNKNOWN_32), true);
  return bytes;
}
