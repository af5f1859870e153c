/**
 * Zip archives: the container of `torch.save` and of .npz. Reads stored and deflated entries, with 64-bit sizes, through
 * random access; `zipEncoder.ts` writes them. Layout after APPNOTE.TXT 6.3; tested by tests/formats/formats.test.ts.
 */
import { Inflate, inflateSync } from "fflate";
import { type ByteSource, PartOfSource, readRange, viewOf } from "./byteSource.js";
import { concatBytes, crc32, MAX_DEFLATE_RATIO } from "./bytes.js";
import { describe, FileError } from "./fileError.js";

export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated; entries of other methods are listed, but cannot be read. */
  readonly method: number;
  readonly isEncrypted: boolean;
  /** Whether another entry has the same name, so that nobody knows which is meant. */
  readonly isAmbiguous: boolean;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes once unpacked. */
  readonly size: number;
  readonly crc: number;
  /** Where the entry's own header begins. */
  readonly headerOffset: number;
}

export const LOCAL_HEADER = 0x04034b50;
export const CENTRAL_HEADER = 0x02014b50;
export const END_OF_DIRECTORY = 0x06054b50;
export const END_OF_DIRECTORY_64 = 0x06064b50;
export const LOCATOR_64 = 0x07064b50;
export const UNKNOWN_16 = 0xffff;
export const UNKNOWN_32 = 0xffffffff;
export const UTF8_NAME = 0x800;
const MAX_COMMENT = 0xffff;
const MAX_UNPACKED_BYTES = 2 ** 31;

/**
 * The entries by name, from the directory at the end of the archive. An entry that cannot be read is no error until somebody
 * wants to read it.
 */
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
    const name = entryName(bytes.subarray(at + 46, at + 46 + nameLength), (flags & UTF8_NAME) !== 0);
    const extra = viewOf(bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength));
    const [size, compressedSize, headerOffset] = wideFields(extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    const crc = view.getUint32(at + 16, true);
    const isAmbiguous = entries.has(name);
    const isEncrypted = (flags & 1) !== 0;
    entries.set(name, { name, method, isEncrypted, isAmbiguous, compressedSize, size, crc, headerOffset });
    at = next;
  }
  return entries;
}

/**
 * The name as its writer meant it: UTF-8 where the entry says so or the bytes are; else in the code page of the format's first
 * days, IBM 437 (APPNOTE.TXT 6.3, appendix D).
 */
function entryName(bytes: Uint8Array, isUtf8: boolean): string {
  try {
    return new TextDecoder("utf-8", { fatal: !isUtf8 }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : CODE_PAGE_437[byte - 128])).join("");
  }
}

const CODE_PAGE_437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/** The contents of an entry: a view of the source when it is stored. */
export function readZipEntry(source: ByteSource, entry: ZipEntry): Uint8Array {
  const what = `zip: entry ${describe(entry.name)}`;
  const packed = packedBytes(source, entry, what);
  if (entry.method === 0) return packed;
  const bytes = inflate(packed, entry.size, what);
  if (crc32(bytes) !== entry.crc) throw new FileError(`${what}: the checksum does not match; the file is damaged`);
  return bytes;
}

/** Where the bytes of a stored entry lie. */
export function storedEntry(source: ByteSource, entry: ZipEntry): PartOfSource {
  const what = `zip: entry ${describe(entry.name)}`;
  const begin = packedBegin(source, entry, what);
  if (begin + entry.size > source.size) readRange(source, begin, entry.size, what);
  return new PartOfSource(source, begin, entry.size);
}

/** The first `length` bytes of an entry, or all that it has: no more than these are unpacked, and nothing is checked. */
export function readZipEntryHead(source: ByteSource, entry: ZipEntry, length: number): Uint8Array {
  const what = `zip: entry ${describe(entry.name)}`;
  const packed = packedBytes(source, entry, what);
  if (entry.method === 0) return packed.subarray(0, length);
  const pieces: Uint8Array[] = [];
  let done = 0;
  const stream = new Inflate((piece) => {
    pieces.push(piece);
    done += piece.length;
  });
  try {
    for (let at = 0; at < packed.length && done < length; at += HEAD_STEP) {
      stream.push(packed.subarray(at, at + HEAD_STEP), at + HEAD_STEP >= packed.length);
    }
  } catch (error) {
    throw new FileError(`${what}: damaged compressed data (${String((error as Error).message)})`);
  }
  return concatBytes(pieces).subarray(0, length);
}

/** Of packed bytes at a time: unpacks to half a megabyte at most. */
const HEAD_STEP = 512;

/** The bytes of an entry as they lie in the archive; they can be what the directory says of them. */
function packedBytes(source: ByteSource, entry: ZipEntry, what: string): Uint8Array {
  const packed = readRange(source, packedBegin(source, entry, what), entry.compressedSize, what);
  if (entry.method === 8 && entry.size > Math.min(MAX_UNPACKED_BYTES, MAX_DEFLATE_RATIO * (packed.length + 1))) {
    throw new FileError(`${what}: ${packed.length} bytes cannot unpack to ${entry.size}`);
  }
  return packed;
}

/** Where the bytes of an entry begin; what the directory says of it can be. */
function packedBegin(source: ByteSource, entry: ZipEntry, what: string): number {
  if (entry.isAmbiguous) throw new FileError(`${what} is in the archive twice`);
  if (entry.isEncrypted) throw new FileError(`${what} is encrypted`);
  if (entry.method !== 0 && entry.method !== 8) {
    throw new FileError(`${what} uses compression method ${entry.method}, expected 0 (stored) or 8 (deflated)`);
  }
  const header = viewOf(readRange(source, entry.headerOffset, 30, what));
  if (header.getUint32(0, true) !== LOCAL_HEADER) {
    throw new FileError(`${what}: expected its header`, entry.headerOffset);
  }
  // Lengths of name and extra field are read here: writers pad them differently than in the directory.
  const begin = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (entry.method === 0 && entry.size !== entry.compressedSize) {
    throw new FileError(`${what}: stored in ${entry.compressedSize} bytes, yet said to have ${entry.size}`);
  }
  return begin;
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
