/**
 * The bytes of a pickle, read front to back: lengths, numbers and strings, each checked against what is left. Of a file on the disk a
 * window is in memory, which moves; long runs of bytes, the numbers of tensors, are stepped over and stay where they are.
 */
import { type ByteSource, PartOfSource, readRange, viewOf } from "../byteSource.js";
import { FileError } from "../fileError.js";
import { exactNumber, latin1Text, parseIntegerText } from "./text.js";

const MAX_INTEGER_BYTES = 256;
const MAX_STRING_BYTES = 1 << 26;

/** Between two tensors there is little, but many of them make a long pickle: a window that follows another is twice as large. */
const FIRST_WINDOW = 1024;
const LARGEST_WINDOW = 1 << 16;
/** So many bytes of a file on the disk are left there. */
const FAR_BYTES = 4096;

export class PickleScanner {
  protected readonly size: number;
  protected position: number;
  /** Where the opcode being executed begins, for messages. */
  protected opcodeAt: number;
  readonly #source: ByteSource;
  /** What is in memory, and where it begins. */
  #window: Uint8Array;
  #view: DataView;
  #windowAt = 0;
  readonly #name: string;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(source: ByteSource, start: number, name: string) {
    this.size = source.size;
    this.#source = source;
    this.#window = source.bytes ?? new Uint8Array(0);
    this.#view = viewOf(this.#window);
    this.position = start;
    this.opcodeAt = start;
    this.#name = name;
  }

  protected fail(message: string): never {
    throw new FileError(`${this.#name}: ${message}`, this.opcodeAt);
  }

  protected failTruncated(wanted: number): never {
    const left = this.size - this.position;
    this.fail(`expected ${wanted} more bytes, found ${left}; the file is truncated or damaged`);
  }

  /** Advances over `length` bytes and returns where they begin in the window. */
  #take(length: number): number {
    const at = this.#skip(length);
    return this.#look(at, length);
  }

  /** Advances over `length` bytes and returns where they begin. */
  #skip(length: number): number {
    const at = this.position;
    if (at + length > this.size) this.failTruncated(length);
    this.position = at + length;
    return at;
  }

  /** Has the window hold bytes [at, at + length), which the file has; returns where they begin in it. */
  #look(at: number, length: number): number {
    const end = this.#windowAt + this.#window.length;
    if (at >= this.#windowAt && at + length <= end) return at - this.#windowAt;
    const follows = at >= this.#windowAt && at <= end && this.#window.length > 0;
    const wanted = follows ? Math.min(2 * this.#window.length, LARGEST_WINDOW) : FIRST_WINDOW;
    this.#window = readRange(this.#source, at, Math.min(Math.max(wanted, length), this.size - at), this.#name);
    this.#view = viewOf(this.#window);
    this.#windowAt = at;
    return 0;
  }

  #at(position: number): number {
    const at = this.#look(position, 1);
    return this.#window[at];
  }

  protected byte(): number {
    const at = this.#take(1);
    return this.#window[at];
  }

  protected uint16(): number {
    const at = this.#take(2);
    return this.#view.getUint16(at, true);
  }

  protected uint32(): number {
    const at = this.#take(4);
    return this.#view.getUint32(at, true);
  }

  protected int32(): number {
    const at = this.#take(4);
    return this.#view.getInt32(at, true);
  }

  /** Big-endian, as pickles have it. */
  protected float64(): number {
    const at = this.#take(8);
    return this.#view.getFloat64(at, false);
  }

  /** To be looked at before the next bytes are. */
  #slice(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#window.subarray(at, at + length);
  }

  /** Bytes that become a value: a view of a file that is in memory, else a copy of few, or where many lie. */
  protected data(length: number): Uint8Array | PartOfSource {
    if (this.#source.bytes !== undefined) return this.#slice(length);
    if (length < FAR_BYTES) return this.#slice(length).slice();
    return new PartOfSource(this.#source, this.#skip(length), length);
  }

  protected length8(): number {
    const at = this.#take(8);
    const length = Number(this.#view.getBigUint64(at, true));
    if (this.position + length > this.size) this.failTruncated(length);
    return length;
  }

  protected line(): string {
    const limit = Math.min(this.size, this.position + MAX_STRING_BYTES);
    let end = this.position;
    while (end < limit && this.#at(end) !== 10) end++;
    if (end === limit) this.fail("expected a line of text, found no end of line; the file is truncated or damaged");
    const text = this.latin1(end - this.position);
    this.position++;
    return text;
  }

  protected text(length: number): string {
    if (length > MAX_STRING_BYTES) this.fail(`a string of ${length} bytes, expected at most ${MAX_STRING_BYTES}`);
    try {
      return this.#utf8.decode(this.#slice(length));
    } catch (error) {
      if (error instanceof FileError) throw error;
      return this.fail("a string that is not UTF-8; the file is damaged");
    }
  }

  protected latin1(length: number): string {
    if (length > MAX_STRING_BYTES) this.fail(`a string of ${length} bytes, expected at most ${MAX_STRING_BYTES}`);
    return latin1Text(this.#slice(length));
  }

  /** Little-endian two's complement, as a number where it is exact. */
  protected integer(length: number): number | bigint {
    if (length < 0 || length > MAX_INTEGER_BYTES) {
      this.fail(`an integer of ${length} bytes, expected at most ${MAX_INTEGER_BYTES}`);
    }
    const digits = this.#slice(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]);
    return exactNumber(BigInt.asIntN(8 * length, value));
  }

  /** A decimal integer on a line of its own; INT writes booleans as 00 and 01. */
  protected integerLine(options: { booleans?: boolean } = {}): number | bigint | boolean {
    const line = this.line();
    if (options.booleans && (line === "00" || line === "01")) return line === "01";
    return this.located(() => parseIntegerText(line));
  }

  /** Says where in the file a constructor's complaint arose. */
  protected located<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof FileError && error.position === undefined) this.fail(error.message);
      throw error;
    }
  }
}
