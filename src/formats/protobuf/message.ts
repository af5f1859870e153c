/**
 * Protocol buffers, writing only: a message is a list of fields, a field a tag and its value
 * (protobuf.dev, "Encoding"). Bytes are kept as pieces and copied once, at the end, so that weights are not copied
 * on the way. Tested by tests/formats/protobuf.test.ts.
 */

/** No protobuf message may be larger: lengths are signed 32-bit numbers in every implementation. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const utf8 = new TextEncoder();

/** A message under construction. Fields appear in the order in which they are added. */
export class Message {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** int32, int64, enum or bool: a whole number of at least 0, in groups of seven bits, lowest first. */
  integer(field: number, value: number): this {
    this.#varint(field * 8 + VARINT);
    return this.#varint(value);
  }

  /** float: four bytes, lowest first. */
  float(field: number, value: number): this {
    this.#varint(field * 8 + FIXED32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(bytes);
  }

  string(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  /** `value` is not copied before `finish`; it must not change until then. */
  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(value.length);
    return this.#push(value);
  }

  /** A message within the message. It must be complete. */
  message(field: number, value: Message): this {
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(value.#length);
    for (const piece of value.#pieces) this.#push(piece);
    return this;
  }

  /** A list of whole numbers, packed into one field. */
  integers(field: number, values: readonly number[]): this {
    const packed = new Message();
    for (const value of values) packed.#varint(value);
    return this.message(field, packed);
  }

  /**
   * The bytes of the message.
   *
   * @throws RangeError when there are more than protobuf allows (2 GiB - 1)
   */
  finish(): Uint8Array {
    if (this.#length > MAX_MESSAGE_BYTES) {
      throw new RangeError(
        `protobuf: a message holds at most ${MAX_MESSAGE_BYTES} bytes, this one needs ${this.#length}`,
      );
    }
    const bytes = new Uint8Array(this.#length);
    let offset = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    return bytes;
  }

  #push(piece: Uint8Array): this {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this;
  }

  #varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`protobuf: expected a whole number of at least 0, got ${value}`);
    }
    const bytes: number[] = [];
    let rest = value;
    // Division, not shifts: the value may have more than 32 bits.
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
    return this.#push(Uint8Array.from(bytes));
  }
}
