/**
 * A zip archive of stored entries, written as it grows: any number of files of any total size, in the memory of one.
 * The 64-bit forms (APPNOTE.TXT 6.3, 4.3.14 and 4.5.3) appear only where sizes need them.
 */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { crc32, viewOf } from "../formats/index.js";
import { fileError } from "./files.js";

const UNKNOWN_16 = 0xffff;
const UNKNOWN_32 = 0xffffffff;
const VERSION = 20;
const VERSION_64 = 45;
const UTF8_NAMES = 0x800;
const DATE_1980 = 0x21;

interface Entry {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

export class ZipWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: number;
  readonly #entries: Entry[] = [];
  #offset = 0;
  #isOpen = true;

  /** The archive gets its name when `finish` has written all of it. */
  constructor(path: string) {
    this.#path = path;
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`);
    this.#file = this.#guard(() => openSync(this.#temporary, "wx"));
  }

  /** Adds a file of less than 4 GiB. */
  add(path: string, data: Uint8Array): void {
    if (data.length >= UNKNOWN_32) throw new RangeError(`zip: ${path} must be below 4 GiB, has ${data.length} bytes`);
    const entry = { name: new TextEncoder().encode(path), crc: crc32(data), size: data.length, offset: this.#offset };
    const header = new Uint8Array(30 + entry.name.length);
    const view = viewOf(header);
    view.setUint32(0, 0x04034b50, true);
    writeEntryFields(view, 4, entry, VERSION, 0);
    header.set(entry.name, 30);
    this.#write(header);
    this.#write(data);
    this.#entries.push(entry);
  }

  /** Writes the directory and gives the file its name. */
  finish(): void {
    const begin = this.#offset;
    for (const entry of this.#entries) this.#write(directoryEntry(entry));
    this.#write(directoryEnd(begin, this.#offset - begin, this.#entries.length));
    this.#guard(() => {
      closeSync(this.#file);
      this.#isOpen = false;
      renameSync(this.#temporary, this.#path);
    });
  }

  /** Leaves nothing behind. */
  abandon(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
    rmSync(this.#temporary, { force: true });
  }

  #write(bytes: Uint8Array): void {
    this.#guard(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    });
    this.#offset += bytes.length;
  }

  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }
}

/** Version, flags, method, time, date, checksum, sizes, lengths of name and extra field: alike in both headers. */
function writeEntryFields(view: DataView, at: number, entry: Entry, version: number, extraLength: number): void {
  view.setUint16(at, version, true);
  view.setUint16(at + 2, UTF8_NAMES, true);
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
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, VERSION_64, true);
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
    view.setUint32(0, 0x06064b50, true);
    view.setBigUint64(4, 44n, true); // bytes that follow
    view.setUint16(12, VERSION_64, true);
    view.setUint16(14, VERSION_64, true);
    view.setBigUint64(24, BigInt(count), true);
    view.setBigUint64(32, BigInt(count), true);
    view.setBigUint64(40, BigInt(length), true);
    view.setBigUint64(48, BigInt(offset), true);
    view.setUint32(56, 0x07064b50, true); // the locator
    view.setBigUint64(64, BigInt(offset + length), true);
    view.setUint32(72, 1, true);
  }
  const end = bytes.length - 22;
  view.setUint32(end, 0x06054b50, true);
  view.setUint16(end + 8, Math.min(count, UNKNOWN_16), true);
  view.setUint16(end + 10, Math.min(count, UNKNOWN_16), true);
  view.setUint32(end + 12, Math.min(length, UNKNOWN_32), true);
  view.setUint32(end + 16, Math.min(offset, UNKNOWN_32), true);
  return bytes;
}
