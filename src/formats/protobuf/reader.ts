/**
 * Protocol buffers, reading only as much as is asked for: the fields of a message, of which long ones are ranges of the file and
 * not read. Tested by tests/formats/protobuf.test.ts.
 */
import { type ByteSource, readRange } from "../byteSource.js";
import { FileError } from "../fileError.js";

/** A field: its number, and its value, or where in the file its bytes are. */
export interface Field {
  readonly field: number;
  /** Of whole numbers. */
  readonly value?: number;
  /** Of strings, bytes and messages: [begin, end). */
  readonly range?: readonly [begin: number, end: number];
}

const MAX_VARINT_BYTES = 10;
const WIDTHS: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/**
 * The fields of the message in [begin, end), the whole file by default, in their order.
 *
 * @throws FileError where the bytes are no message
 */
export function* fieldsOf(
  source: ByteSource,
  [begin, end]: readonly [number, number] = [0, source.size],
): Iterable<Field> {
  let at = begin;
  const fail = (): never => {
    throw new FileError("protobuf: expected a field of a message", at);
  };
  const varint = (): number => {
    const bytes = readRange(source, at, Math.min(MAX_VARINT_BYTES, end - at), "protobuf");
    let value = 0;
    for (let k = 0; k < bytes.length; k++) {
      value += (bytes[k] & 127) * 2 ** (7 * k);
      if (bytes[k] > 127) continue;
      at += k + 1;
      return value;
    }
    return fail();
  };
  while (at < end) {
    const tag = varint();
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    if (field === 0) fail();
    if (type === 0) {
      yield { field, value: varint() };
      continue;
    }
    const length = type === 2 ? varint() : (WIDTHS[type] ?? fail());
    if (length > end - at) fail();
    const range = [at, at + length] as const;
    at += length;
    yield { field, range };
  }
}

/** The text of a field. @throws FileError when it is not UTF-8 */
export function textOf(source: ByteSource, { range }: Field): string {
  if (range === undefined) throw new FileError("protobuf: expected a text, found a number");
  const bytes = readRange(source, range[0], range[1] - range[0], "protobuf");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FileError("protobuf: expected a text in UTF-8", range[0]);
  }
}
