/** The bytes of a pickle, read front to back: lengths, numbers and strings, each checked against what is left. */
import { viewOf } from "../byteSource.js";
import { FileError } from "../fileError.js";
import { exactNumber, latin1Text, parseIntegerText } from "./text.js";

const MAX_INTEGER_BYTES = 256;
const MAX_STRING_BYTES = 1 << 26;

export class PickleScanner {
  protected readonly bytes: Uint8Array;
  protected readonly view: DataView;
  protected position: number;
  /** Where the opcode being executed begins, for messages. */
  protected opcodeAt: number;
  readonly #name: string;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, start: number, name: string) {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.position = start;
    this.opcodeAt = start;
    this.#name = name;
  }

  protected fail(message: string): never {
    throw new FileError(`${this.#name}: ${message}`, this.opcodeAt);
  }

  protected failTruncated(wanted: number): never {
    const left = this.bytes.length - this.position;
    this.fail(`expected ${wanted} more bytes, found ${left}; the file is truncated or damaged`);
  }

  /** Advances over `length` bytes and returns where they begin. */
  protected take(length: number): number {
    const at = this.position;
    if (at + length > this.bytes.length) this.failTruncated(length);
    this.position = at + length;
    return at;
  }

  protected slice(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  protected length8(): number {
    const length = Number(this.view.getBigUint64(this.take(8), true));
    if (this.position + length > this.bytes.length) this.failTruncated(length);
    return length;
  }

  protected line(): string {
    const limit = Math.min(this.bytes.length, this.position + MAX_STRING_BYTES);
    let end = this.position;
    while (end < limit && this.bytes[end] !== 10) end++;
    if (end === limit) this.fail("expected a line of text, found no end of line; the file is truncated or damaged");
    const text = this.latin1(end - this.position);
    this.position++;
    return text;
  }

  protected text(length: number): string {
    if (length > MAX_STRING_BYTES) this.fail(`a string of ${length} bytes, expected at most ${MAX_STRING_BYTES}`);
    try {
      return this.#utf8.decode(this.slice(length));
    } catch (error) {
      if (error instanceof FileError) throw error;
      return this.fail("a string that is not UTF-8; the file is damaged");
    }
  }

  protected latin1(length: number): string {
    if (length > MAX_STRING_BYTES) this.fail(`a string of ${length} bytes, expected at most ${MAX_STRING_BYTES}`);
    return latin1Text(this.slice(length));
  }

  /** Little-endian two's complement, as a number where it is exact. */
  protected integer(length: number): number | bigint {
    if (length < 0 || length > MAX_INTEGER_BYTES) {
      this.fail(`an integer of ${length} bytes, expected at most ${MAX_INTEGER_BYTES}`);
    }
    const digits = this.slice(length);
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
