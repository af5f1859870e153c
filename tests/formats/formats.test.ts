/** Safetensors, numpy files, zips, PNG images and half floats: round trips, files of other programs, refusals. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { type ByteSource, bytesSource, viewOf } from "../../src/formats/byteSource.js";
import { concatBytes, crc32 } from "../../src/formats/bytes.js";
import { FileError } from "../../src/formats/fileError.js";
import { bfloat16ToNumber, halfToNumber, numberToHalf } from "../../src/formats/float16.js";
import { decodePixels } from "../../src/formats/image/png.js";
import { encodePixels } from "../../src/formats/image/pngEncoding.js";
import { readNpy, readNpz, writeNpy, writeNpz } from "../../src/formats/npy.js";
import { denseTensor, elementCount, rearrangedTensor } from "../../src/formats/plainTensor.js";
import { readSafetensors, type SafetensorsEntry, writeSafetensors } from "../../src/formats/safetensors.js";
import { readZipDirectory, readZipEntry } from "../../src/formats/zip.js";
import { writeZip } from "../../src/formats/zipEncoder.js";
import { RandomState } from "../../src/nn/random.js";
import { messageOf } from "../support/errors.js";

const python = JSON.parse(readFileSync(new URL("../fixtures/formats/python.json", import.meta.url), "utf8"));
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const ascii = (text: string) => new TextEncoder().encode(text);

const errorOf = (run: () => unknown): string => messageOf(run, FileError);

describe("half floats", () => {
  test("all 65536 survive the way to a number and back", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = halfToNumber(bits);
      if (Number.isNaN(value)) expect(numberToHalf(value) & 0x7fff).toBeGreaterThan(0x7c00);
      else if (numberToHalf(value) !== bits) throw new Error(`${bits} -> ${value} -> ${numberToHalf(value)}`);
    }
  });

  test("rounding goes to the nearest, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = numberToHalf(value);
        const error = Math.abs(halfToNumber(bits) - value);
        for (const neighbour of [bits - 1, bits + 1]) {
          const other = Math.abs(halfToNumber(neighbour & 0xffff) - value);
          if (Number.isNaN(other) || (neighbour & 0x7fff) === 0x7fff) continue;
          expect(error).toBeLessThanOrEqual(other);
          if (error === other && error > 0) expect(bits % 2).toBe(0);
        }
      }),
      { numRuns: 2000 },
    );
    expect([65504, 65519.99, 65520, 1e30, -1e30].map(numberToHalf)).toEqual([0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00]);
    expect([2049, 2051, -2049].map((value) => halfToNumber(numberToHalf(value)))).toEqual([2048, 2052, -2048]);
    expect([2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25].map(numberToHalf)).toEqual([0, 1, 2]);
  });

  test("bfloat16 is the upper half of a float32", () => {
    expect([0x3f80, 0xc000, 0x0001].map(bfloat16ToNumber)).toEqual([1, -2, Math.fround(2 ** -133)]);
  });
});

const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
const tensorsOf = (dtype: "f32" | "f64") =>
  shapes.chain((shape) => {
    const n = elementCount(shape);
    const items = fc.array(dtype === "f32" ? fc.float() : fc.double(), { minLength: n, maxLength: n });
    return items.map((values) => {
      const data = dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values);
      return { data, shape, tensor: denseTensor(data, shape) };
    });
  });

describe("safetensors", () => {
  test("what is written is read", () => {
    const named = fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(tensorsOf("f32"), tensorsOf("f64")), {
      maxKeys: 6,
    });
    fc.assert(
      fc.property(named, fc.dictionary(fc.string(), fc.string()), (dictionary, metadata) => {
        delete dictionary.__metadata__;
        const entries: SafetensorsEntry[] = Object.entries(dictionary).map(([name, { tensor }]) => ({
          name,
          dtype: tensor.dtype === "f64" ? "f64" : "f32",
          tensor,
        }));
        const file = readSafetensors(writeSafetensors(entries, new Map(Object.entries(metadata))));
        expect(new Map(file.metadata)).toEqual(new Map(Object.entries(metadata)));
        expect([...file.tensors.keys()].sort()).toEqual(Object.keys(dictionary).sort());
        for (const [name, { data, shape }] of Object.entries(dictionary)) {
          expect(file.tensors.get(name)?.shape).toEqual(shape);
          expect(file.tensors.get(name)?.toFloat()).toEqual(data);
        }
      }),
    );
  });

  test("half precision rounds; what it cannot hold is refused", () => {
    const tensor = denseTensor(Float32Array.of(1, 1.0001, -3), [3]);
    const file = readSafetensors(writeSafetensors([{ name: "x", dtype: "f16", tensor }]));
    expect(file.tensors.get("x")?.dtype).toBe("f16");
    expect([...(file.tensors.get("x")?.toFloat() ?? [])]).toEqual([1, 1, -3]);
    const large = denseTensor(Float32Array.of(70000), [1]);
    expect(() => writeSafetensors([{ name: "x", dtype: "f16", tensor: large }])).toThrow(RangeError);
  });

  test("reading while others work: the same numbers, and the same sentence where the file is short", async () => {
    const values = Float32Array.from({ length: 24 }, (_, k) => k / 8 - 1);
    const tensor = denseTensor(values, [4, 6]);
    const bytes = writeSafetensors((["f32", "f16", "f64"] as const).map((dtype) => ({ name: dtype, dtype, tensor })));
    let size = bytes.length;
    const source: ByteSource = {
      ...bytesSource(bytes),
      readInto: (offset, target) => {
        if (offset + target.length > size) return false;
        target.set(bytes.subarray(offset, offset + target.length));
        return true;
      },
      readIntoLater: async (offset, target) => {
        await null;
        return source.readInto!(offset, target());
      },
    };
    const { tensors } = readSafetensors(source);
    for (const [name, found] of tensors) {
      for (const room of [new Float32Array(24), new Float64Array(24)]) {
        await found.copyLater!(() => room);
        expect([name, ...room]).toEqual([name, ...values]);
      }
      await expect(found.copyLater!(() => new Float32Array(23))).rejects.toThrow(RangeError);
    }
    const last = tensors.get("f32")!;
    size -= 4 * 24 + 2 * 24 + 8 * 24 + 1; // all tensors, and the end of the header
    const said = errorOf(() => last.copyTo(new Float32Array(24)));
    await expect(last.copyLater!(() => new Float32Array(24))).rejects.toThrow(said);
    await expect(last.copyLater!(() => new Float32Array(24))).rejects.toThrow(FileError);
  });

  test("tensors are read one at a time from random access", () => {
    const data = new Float32Array(10_000).fill(3);
    const entries = ["a", "b"].map((name) => ({ name, dtype: "f32" as const, tensor: denseTensor(data, [100, 100]) }));
    const memory = bytesSource(writeSafetensors(entries));
    const reads: number[] = [];
    const source = {
      size: memory.size,
      read: (offset: number, length: number) => {
        reads.push(length);
        return memory.read(offset, length);
      },
    };
    const { tensors } = readSafetensors(source);
    expect(Math.max(...reads)).toBeLessThan(1000);
    expect(tensors.get("b")?.toFloat()).toEqual(data);
    expect(reads.filter((n) => n === 40_000)).toHaveLength(1);
  });

  const withHeader = (header: unknown, dataLength: number) => {
    const json = ascii(typeof header === "string" ? header : JSON.stringify(header));
    const head = new Uint8Array(8);
    viewOf(head).setBigUint64(0, BigInt(json.length), true);
    return concatBytes([head, json, new Uint8Array(dataLength)]);
  };
  const one = (over: Record<string, unknown>) => ({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...over } });
  test.each([
    ["not JSON", "{x", 0, /not JSON/],
    ["deep JSON", "[".repeat(100_000), 0, /not JSON/],
    ["a list", "[]", 0, /JSON object/],
    ["unknown type", one({ dtype: "F8_E4M3" }), 8, /unsupported dtype "F8_E4M3"/],
    ["negative extent", one({ shape: [-2] }), 8, /no proper shape/],
    ["wrong length", one({ shape: [3] }), 8, /needs 12 bytes, its offsets span 8/],
    ["backwards", one({ data_offsets: [8, 0] }), 8, /its offsets span -8/],
    ["a hole", one({ data_offsets: [4, 12] }), 12, /begins at 4 of the data, expected 0/],
    ["an overlap", { ...one({}), y: one({}).x }, 8, /hole or an overlap/],
    ["too short", one({}), 7, /expected 8 bytes of data, found 7/],
    ["too long", one({}), 9, /expected 8 bytes of data, found 9/],
    ["metadata that is no text", { __metadata__: { a: 1 } }, 0, /not a string/],
  ])("%s", (_name, header, dataLength, message) => {
    expect(errorOf(() => readSafetensors(withHeader(header, dataLength as number)))).toMatch(message as RegExp);
  });

  test("absurd header lengths", () => {
    expect(errorOf(() => readSafetensors(new Uint8Array(8).fill(255)))).toContain("a header of");
    expect(errorOf(() => readSafetensors(Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 0x7b)))).toContain("truncated");
    expect(errorOf(() => readSafetensors(new Uint8Array(3)))).toContain("truncated");
  });
});

describe("numpy files", () => {
  test.each(python.npy as { bytes: string; shape: number[]; values: number[] }[])(
    "written by numpy: $values",
    (file) => {
      const tensor = readNpy(fromBase64(file.bytes));
      expect(tensor.shape).toEqual(file.shape);
      expect([...tensor.toFloat()]).toEqual(file.values);
    },
  );

  test("a compressed archive written by numpy", () => {
    const arrays = readNpz(fromBase64(python.npz));
    expect(arrays.get("w")?.shape).toEqual([1, 8, 512]);
    expect(arrays.get("w")?.toFloat()).toEqual(new Float32Array(4096).fill(0.25));
    expect([...(arrays.get("b")?.toFloat() ?? [])]).toEqual([0, 1, 2]);
  });

  test("what is written is read", () => {
    fc.assert(
      fc.property(fc.oneof(tensorsOf("f32"), tensorsOf("f64")), ({ data, shape }) => {
        const bytes = writeNpy({ data, shape });
        expect((bytes.length - data.byteLength) % 64).toBe(0);
        for (const tensor of [readNpy(bytes), readNpz(writeNpz(new Map([["x", { data, shape }]]))).get("x")]) {
          expect(tensor?.shape).toEqual(shape);
          expect(tensor?.toFloat()).toEqual(data);
        }
      }),
    );
    const bytes = Uint8Array.of(0, 128, 255);
    expect([...readNpy(writeNpy({ data: bytes, shape: [3, 1] })).toFloat()]).toEqual([0, 128, 255]);
  });

  test("refusals", () => {
    const file = writeNpy({ data: Float32Array.of(1, 2), shape: [2] });
    expect(errorOf(() => readNpy(ascii("not an array")))).toContain("magic");
    expect(errorOf(() => readNpy(file.subarray(0, file.length - 1)).toFloat())).toContain("expected 8 bytes");
    expect(errorOf(() => readNpy(file.subarray(0, 40)))).toContain("does not fit");
    const objects = Uint8Array.from(file);
    objects.set(ascii("'|O8'"), 10 + "{'descr': ".length);
    expect(errorOf(() => readNpy(objects))).toContain("unsupported array header");
    expect(() => writeNpy({ data: Float32Array.of(1), shape: [2] })).toThrow(RangeError);
  });
});

describe("zips", () => {
  test("what is written is read", () => {
    const file = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1, unit: "grapheme" }), file, { maxKeys: 5 }), (dictionary) => {
        const source = bytesSource(writeZip(new Map(Object.entries(dictionary))));
        const entries = readZipDirectory(source);
        expect([...entries.keys()].sort()).toEqual(Object.keys(dictionary).sort());
        for (const [name, entry] of entries) expect(readZipEntry(source, entry)).toEqual(dictionary[name]);
      }),
      { numRuns: 40 },
    );
  });

  test("sizes in 64-bit fields, and a directory found through its 64-bit end", () => {
    const bytes = fromBase64(python.zip64);
    const endAt = bytes.length - 22;
    for (const file of [bytes, Uint8Array.from(bytes).fill(255, endAt + 8, endAt + 20)]) {
      const source = bytesSource(file);
      const entries = readZipDirectory(source);
      expect([...entries.keys()]).toEqual(["a/b.txt", "c"]);
      expect(new TextDecoder().decode(readZipEntry(source, [...entries.values()][0]))).toBe("hello");
    }
  });

  test("damaged contents are noticed where they were compressed", () => {
    const random = new RandomState(3);
    const original = Uint8Array.from({ length: 2000 }, () => 48 + random.randint(0, 48));
    const packed = zipSync({ x: original });
    const read = (bytes: Uint8Array) => {
      const source = bytesSource(bytes);
      return [...readZipDirectory(source).values()].map((entry) => readZipEntry(source, entry))[0];
    };
    expect(read(packed)).toEqual(original);
    for (let at = 40; at < packed.length - 100; at += 7) {
      const damaged = Uint8Array.from(packed);
      damaged[at] ^= 1 << random.randint(0, 8);
      expect(errorOf(() => read(damaged))).toMatch(/checksum|damaged|expected 2000 bytes/);
    }
    expect(crc32(ascii("123456789"))).toBe(0xcbf43926);
  });

  test("a claim to unpack to gigabytes is not believed", () => {
    const bytes = fromBase64(python.npz);
    const directory = bytes.length - 22 - viewOf(bytes).getUint32(bytes.length - 10, true);
    viewOf(bytes).setUint32(directory + 24, 0x7fffffff, true);
    expect(errorOf(() => readNpz(bytes))).toContain("cannot unpack");
  });
});

describe("PNG images", () => {
  test("what is encoded is decoded", () => {
    const size = fc.integer({ min: 1, max: 9 });
    const images = fc.tuple(size, size, fc.constantFrom(1 as const, 3 as const)).chain(([width, height, channels]) => {
      const n = width * height * channels;
      return fc.uint8Array({ minLength: n, maxLength: n }).map((data) => ({ width, height, channels, data }));
    });
    fc.assert(
      fc.property(images, (image) => {
        expect(decodePixels(encodePixels(image))).toEqual(image);
      }),
      { numRuns: 50 },
    );
  });

  test("refusals", () => {
    expect(errorOf(() => decodePixels(ascii("GIF89a")))).toContain("expected a PNG image");
    const image = encodePixels({ width: 4, height: 4, channels: 3, data: new Uint8Array(48).fill(9) });
    expect(errorOf(() => decodePixels(image.subarray(0, 45)))).toContain("damaged");
    viewOf(image).setUint32(16, 0x7fffffff);
    expect(errorOf(() => decodePixels(image))).toContain("impossible size");
    expect(() => encodePixels({ width: 4, height: 4, channels: 3, data: new Uint8Array(47) })).toThrow(RangeError);
  });
});

test("rearranged tensors: axes moved, mirrored, scaled, shifted", () => {
  const tensor = denseTensor(Float32Array.of(0, 1, 2, 3, 4, 5), [2, 3]);
  expect([...rearrangedTensor(tensor, { axes: [1, 0] }).toFloat()]).toEqual([0, 3, 1, 4, 2, 5]);
  expect([...rearrangedTensor(tensor, { flipped: [1] }).toFloat()]).toEqual([2, 1, 0, 5, 4, 3]);
  expect([...rearrangedTensor(tensor, { axes: [1, 0], flipped: [0, 1] }).toFloat()]).toEqual([5, 2, 4, 1, 3, 0]);
  expect([...rearrangedTensor(tensor, { scale: 2, add: 1 }).toFloat()]).toEqual([1, 3, 5, 7, 9, 11]);
});

test("axes reordered and mirrored, against the definition, element by element", () => {
  const axes = fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 16, 17, 35), fc.nat(), fc.boolean()), { maxLength: 4 });
  fc.assert(
    fc.property(axes, fc.constantFrom(1, -2), fc.constantFrom(0, 0.5), (drawn, scale, add) => {
      const shape = drawn.map(([extent]) => extent);
      const order = shape.map((_, axis) => axis).sort((a, b) => drawn[a][1] - drawn[b][1]);
      const flipped = order.filter((axis) => drawn[axis][2]);
      const values = Float64Array.from({ length: elementCount(shape) }, (_, k) => (k % 1009) - 500);
      const tensor = rearrangedTensor(denseTensor(values, shape), { axes: order, flipped, scale, add });
      const found = tensor.toFloat();
      const wanted = Float64Array.from(values, (_, k) => {
        // Of element k of the result, the place on each axis of the source.
        let rest = k;
        const place = new Array<number>(shape.length);
        for (const axis of order.toReversed()) {
          const at = rest % shape[axis];
          rest = Math.floor(rest / shape[axis]);
          place[axis] = flipped.includes(axis) ? shape[axis] - 1 - at : at;
        }
        return scale * values[place.reduce((index, at, axis) => index * shape[axis] + at, 0)] + add;
      });
      expect(found).toEqual(wanted);
      expect(() => tensor.copyTo(new Float32Array(values.length + 1))).toThrow(RangeError);
    }),
    { numRuns: 60 },
  );
});
