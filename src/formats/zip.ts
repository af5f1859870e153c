/**
 * Zip archives: the container of `torch.save` and of .npz. Reads stored and deflated entries, with 64-bit sizes, through
 * random access; writes stored entries. Layout after APPNOTE.TXT 6.3; tested by tests/formats/formats.test.ts.
 */
import { inflateSync } from "fflate";
import { type ByteSource, readRange, viewOf } from "./byteSource.js";
import { describe, FileError } from "./fileError.js";

export interface ZipEntry {
  readonly name: string;
  readonly method: "stored" | "deflated";
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes once unpacked. */
  readonly size: number;
  readonly crc: number;
  /** Where the entry's own header begins. */
  readonly headerOffset: number;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const PADDING_FIELD = 0x4246;
const UNKNOWN_16 = 0xffff;
const UNKNOWN_32 = 0xffffffff;
const MAX_COMMENT = 0xffff;
/** Deflate cannot shrink by more than this, so a larger claim is a lie. */
const MAX_DEFLATE_RATIO = 1032;
const MAX_UNPACKED_BYTES = 2 ** 31;

/** The entries by name, from the directory at the end of the archive. */
export function readZipDirectory(source: ByteSource): Map<string, ZipEntry> {
  const { offset, length, count } = findDirectory(source);
  const bytes = readRange(source, offset, length, "zip: central directory");
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw new FileError(`zip: expected entry ${i + 1} of ${count} in the central directory`, offset + at);
    }
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > length) throw new FileError("zip: the central directory is cut off", offset + at);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (flags & 1) throw new FileError(`zip: entry ${describe(name)} is encrypted`);
    if (method !== 0 && method !== 8) {
      throw new FileError(`zip: entry ${describe(name)} uses compression method ${method}, expected 0 or 8`);
    }
    const extra = viewOf(bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength));
    const [size, compressedSize, headerOffset] = wideFields(extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    const crc = view.getUint32(at + 16, true);
    entries.set(name, { name, method: method === 0 ? "stored" : "deflated", compressedSize, size, crc, headerOffset });
    at = next;
  }
  return entries;
}

/** The contents of an entry: a view of the source when it is stored. */
export function readZipEntry(source: ByteSource, entry: ZipEntry): Uint8Array {
  const what = `zip: entry ${describe(entry.name)}`;
  const header = viewOf(readRange(source, entry.headerOffset, 30, what));
  if (header.getUint32(0, true) !== LOCAL_HEADER) {
    throw new FileError(`${what}: expected its header`, entry.headerOffset);
  }
  // Lengths of name and extra field are read here: writers pad them differently than in the directory.
  const begin = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const packed = readRange(source, begin, entry.compressedSize, what);
  if (entry.method === "stored") {
    if (entry.size !== entry.compressedSize) {
      throw new FileError(`${what}: stored in ${entry.compressedSize} bytes, yet said to have ${entry.size}`);
    }
    return packed;
  }
  if (entry.size > Math.min(MAX_UNPACKED_BYTES, MAX_DEFLATE_RATIO * (packed.length + 1))) {
    throw new FileError(`${what}: ${packed.length} bytes cannot unpack to ${entry.size}`);
  }
  const bytes = inflate(packed, entry.size, what);
  if (crc32(bytes) !== entry.crc) throw new FileError(`${what}: the checksum does not match; the file is damaged`);
  return bytes;
}

function inflate(packed: Uint8Array, size: number, what: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = inflateSync(packed, { out: new Uint8Array(size) });
  } catch (error) {
    throw new FileError(`${what}: damaged compressed data (${String((error as Error).message)})`);
  }
  if (bytes.length !== size) throw new FileError(`${what}: expected ${size} bytes, unpacked ${bytes.length}`);
  return bytes;
}

function findDirectory(source: ByteSource): { offset: number; length: number; count: number } {
  const tailLength = Math.min(source.size, 22 + MAX_COMMENT);
  const tailOffset = source.size - tailLength;
  const tail = viewOf(readRange(source, tailOffset, tailLength, "zip: end of the archive"));
  let at = tailLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END_OF_DIRECTORY) at--;
  if (at < 0) throw new FileError("zip: expected a directory at the end of the file, found none; is it truncated?");
  const count = tail.getUint16(at + 10, true);
  const length = tail.getUint32(at + 12, true);
  const offset = tail.getUint32(at + 16, true);
  if (count !== UNKNOWN_16 && length !== UNKNOWN_32 && offset !== UNKNOWN_32) return { offset, length, count };
  const locatorAt = at - 20;
  if (locatorAt < 0 || tail.getUint32(locatorAt, true) !== LOCATOR_64) return { offset, length, count };
  const end = viewOf(readRange(source, wide(tail, locatorAt + 8), 56, "zip: 64-bit end of the directory"));
  if (end.getUint32(0, true) !== END_OF_DIRECTORY_64) {
    throw new FileError("zip: expected the 64-bit end of the directory", wide(tail, locatorAt + 8));
  }
  return { count: wide(end, 32), length: wide(end, 40), offset: wide(end, 48) };
}

function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** Replaces 32-bit fields that read 0xffffffff by those of the ZIP64 extra field, which lists only these, in order. */
function wideFields(extra: DataView, fields: readonly number[]): number[] {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const end = at + 4 + extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1) {
      let next = at + 4;
      return fields.map((value) => {
        if (value !== UNKNOWN_32) return value;
        if (next + 8 > Math.min(end, extra.byteLength)) throw new FileError("zip: a 64-bit size is missing");
        next += 8;
        return wide(extra, next - 8);
      });
    }
    at = end;
  }
  return [...fields];
}

/** An archive of stored entries, as .npz files are. Sizes below 4 GiB. */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return concatBytes([...zipChunks([...files].map(([name, data]) => ({ name, read: () => data })))]);
}

/** A file to be stored; `read` is called when its turn comes. */
export interface ZipFile {
  readonly name: string;
  readonly read: () => Uint8Array;
}

export interface ZipWriteOptions {
  /** Contents begin at multiples of this many bytes, so that they can be mapped into memory. Default 1. */
  readonly alignment?: number;
}

/**
 * The same piece by piece, so that only one file's contents are in memory at a time.
 *
 * @throws RangeError once it becomes 4 GiB or 65535 files
 */
export function* zipChunks(files: Iterable<ZipFile>, options: ZipWriteOptions = {}): Generator<Uint8Array> {
  const { alignment = 1 } = options;
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, read } of files) {
    const data = read();
    const nameBytes = new TextEncoder().encode(name);
    const crc = crc32(data);
    const padding = paddingField(offset + 30 + nameBytes.length, alignment);
    const local = new Uint8Array(30);
    const localView = viewOf(local);
    localView.setUint32(0, LOCAL_HEADER, true);
    writeCommonFields(localView, 4, crc, data.length, nameBytes.length);
    localView.setUint16(28, padding.length, true);
    const central = new Uint8Array(46 + nameBytes.length);
    const centralView = viewOf(central);
    centralView.setUint32(0, CENTRAL_HEADER, true);
    centralView.setUint16(4, 20, true);
    writeCommonFields(centralView, 6, crc, data.length, nameBytes.length);
    centralView.setUint32(42, offset, true);
    central.set(nameBytes, 46);
    directory.push(central);
    offset += local.length + nameBytes.length + padding.length + data.length;
    if (offset >= UNKNOWN_32 || directory.length >= UNKNOWN_16) throw tooLarge(offset, directory.length);
    yield concatBytes([local, nameBytes, padding]);
    yield data;
  }
  const directoryLength = directory.reduce((sum, part) => sum + part.length, 0);
  if (offset + directoryLength >= UNKNOWN_32) throw tooLarge(offset, directory.length);
  const end = new Uint8Array(22);
  const endView = viewOf(end);
  endView.setUint32(0, END_OF_DIRECTORY, true);
  endView.setUint16(8, directory.length, true);
  endView.setUint16(10, directory.length, true);
  endView.setUint32(12, directoryLength, true);
  endView.setUint32(16, offset, true);
  yield concatBytes([...directory, end]);
}

const tooLarge = (bytes: number, files: number) =>
  new RangeError(`zip: expected less than 4 GiB and 65535 entries, got ${bytes} bytes in ${files}`);

/** An extra field that ends at a multiple of `alignment`: the identifier that torch uses, a length, zeros. */
function paddingField(begin: number, alignment: number): Uint8Array {
  if (begin % alignment === 0) return new Uint8Array(0);
  const field = new Uint8Array(4 + ((alignment - ((begin + 4) % alignment)) % alignment));
  viewOf(field).setUint16(0, PADDING_FIELD, true);
  viewOf(field).setUint16(2, field.length - 4, true);
  return field;
}

/** Version, flags, method, time, date, checksum, sizes, name length: the same in both headers. */
function writeCommonFields(view: DataView, at: number, crc: number, size: number, nameLength: number): void {
  view.setUint16(at, 20, true); // version 2.0
  view.setUint16(at + 2, 0x800, true); // names are UTF-8
  view.setUint16(at + 8, 0x21, true); // 1 January 1980
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, nameLength, true);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** CRC-32 of IEEE 802.3, as zip uses it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
