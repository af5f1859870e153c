/** The protobuf writer against a reader of the wire format written here, and against its limits. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../../src/formats/byteSource.js";
import { FileError } from "../../src/formats/fileError.js";
import { MAX_MESSAGE_BYTES, Message } from "../../src/formats/protobuf/message.js";
import { fieldsOf, textOf } from "../../src/formats/protobuf/reader.js";

type Field = { readonly field: number; readonly value: number | Uint8Array };

/** Reads varints, four-byte and length-delimited fields. */
function read(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag % 8 === 0) fields.push({ field, value: varint() });
    else if (tag % 8 === 5) {
      fields.push({ field, value: view.getFloat32(at, true) });
      at += 4;
    } else {
      const length = varint();
      fields.push({ field, value: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  expect(at).toBe(bytes.length);
  return fields;
}

const text = (value: number | Uint8Array): string => new TextDecoder().decode(value as Uint8Array);
const fieldNumber = fc.integer({ min: 1, max: 2 ** 29 - 1 });

describe("protobuf", () => {
  test("the example of the encoding guide: field 1 = 150 is 08 96 01", () => {
    expect([...new Message().integer(1, 150).finish()]).toEqual([0x08, 0x96, 0x01]);
  });

  test("what is written is what is read", () => {
    const content = fc.oneof(
      fc.record({ kind: fc.constant("integer" as const), field: fieldNumber, value: fc.maxSafeNat() }),
      fc.record({ kind: fc.constant("float" as const), field: fieldNumber, value: fc.float() }),
      fc.record({ kind: fc.constant("string" as const), field: fieldNumber, value: fc.string({ unit: "grapheme" }) }),
    );
    fc.assert(
      fc.property(fc.array(content), (contents) => {
        const message = new Message();
        for (const { kind, field, value } of contents) {
          if (kind === "integer") message.integer(field, value);
          else if (kind === "float") message.float(field, value);
          else message.string(field, value);
        }
        const fields = read(message.finish());
        expect(message.length).toBe(message.finish().length);
        expect(fields.map(({ field }) => field)).toEqual(contents.map(({ field }) => field));
        fields.forEach(({ value }, index) => {
          const { kind, value: expected } = contents[index];
          expect(kind === "string" ? text(value) : value).toEqual(expected);
        });
      }),
    );
  });

  test("messages nest, and lists of numbers are packed", () => {
    const inner = new Message().integers(3, [1, 300, 2 ** 40]);
    const [{ field, value }] = read(new Message().message(7, inner).finish());
    expect(field).toBe(7);
    const [list] = read(value as Uint8Array);
    expect(list.field).toBe(3);
    expect([...(list.value as Uint8Array)]).toEqual([1, 0xac, 0x02, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
  });

  test("negative and broken numbers are refused", () => {
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => new Message().integer(1, value)).toThrow(/whole number of at least 0/);
    }
  });

  test("a message past 2 GiB is refused before memory is asked for", () => {
    const quarter = new Uint8Array(2 ** 29);
    const message = new Message().bytes(1, quarter).bytes(1, quarter).bytes(1, quarter).bytes(1, quarter);
    expect(message.length).toBeGreaterThan(MAX_MESSAGE_BYTES);
    expect(() => message.finish()).toThrow(RangeError);
    expect(() => message.finish()).toThrow(/2147483647 bytes, this one needs 21474836/);
  });
});

describe("the reader", () => {
  test("gives numbers, and says where everything else is", () => {
    const inner = new Message().string(2, "\u00e4b");
    const bytes = new Message()
      .integer(1, 2 ** 40 + 5)
      .float(3, 0.5)
      .message(4, inner)
      .string(5, "")
      .finish();
    const source = bytesSource(bytes);
    const fields = [...fieldsOf(source)];
    expect(fields.map(({ field, value }) => [field, value])).toEqual([
      [1, 2 ** 40 + 5],
      [3, undefined],
      [4, undefined],
      [5, undefined],
    ]);
    const [text] = fieldsOf(source, fields[2].range);
    expect(textOf(source, text)).toBe("\u00e4b");
    expect(textOf(source, fields[3])).toBe("");
    const [begin, end] = fields[1].range!;
    expect(new DataView(bytes.buffer, bytes.byteOffset + begin, end - begin).getFloat32(0, true)).toBe(0.5);
  });

  test("whatever the bytes are, it ends, or says so with a FileError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const source = bytesSource(bytes);
        try {
          for (const field of fieldsOf(source)) if (field.range !== undefined) textOf(source, field);
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
