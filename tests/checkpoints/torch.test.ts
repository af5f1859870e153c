/** Torch streams and zips made by hand: types, strides, offsets, shared storages, and what is refused. */

import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { type ByteSource, bytesSource } from "../../src/formats/byteSource.js";
import { FileError } from "../../src/formats/fileError.js";
import { isNumpyArray, numpyTensor } from "../../src/formats/pickle/common.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { type PickleValue, sequence } from "../../src/formats/pickle/values.js";
import { allTorchNames, readTorch, TorchStorage, TorchTensor } from "../../src/formats/torch/reader.js";
import { writeZip } from "../../src/formats/zipEncoder.js";
import { messageOf } from "../support/errors.js";
import {
  type Bytes,
  legacyStream,
  op,
  pickle,
  type StorageSpec,
  storageId,
  tensorOf,
} from "../support/pickles/assembler.js";
import { onDisk } from "../support/pickles/onDisk.js";

const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const floats = (key: string, ...values: number[]): StorageSpec => ({
  key,
  type: "FloatStorage",
  count: values.length,
  bytes: f32(...values),
});
const values = (value: PickleValue | undefined): number[] => [...(value as TorchTensor).toPlain("t").toFloat()];
const tensors = (value: PickleValue) => (value as PickleValue[]).map(values);

/** The same object in both containers. */
function bothForms(object: Bytes, storages: readonly StorageSpec[]): Uint8Array[] {
  const entries = storages.map(({ key, bytes }) => [`archive/data/${key}`, bytes] as const);
  const files = new Map([["archive/data.pkl", pickle(object)], ...entries, ["archive/version", Uint8Array.of(51)]]);
  return [legacyStream(object, storages), writeZip(files), zipSync(Object.fromEntries(files))];
}

const errorOf = (run: () => unknown): string => messageOf(run, FileError);

describe("tensors are views of storages", () => {
  test("two tensors share a storage; strides and offsets are honoured", () => {
    const storage = floats("0", 0, 1, 2, 3, 4, 5, 6, 7);
    const object = op.list(
      tensorOf(storageId(storage), 0, [2, 4], [4, 1]),
      tensorOf(storageId(storage), 1, [2, 3], [1, 2]), // transposed
      tensorOf(storageId(storage), 7, [], []),
      tensorOf(storageId(storage), 2, [2, 2], [0, 1]), // repeated
      tensorOf(storageId(storage), 8, [0, 3], [3, 1]),
    );
    for (const file of bothForms(object, [storage])) {
      const value = readTorch(file) as TorchTensor[];
      expect(tensors(value)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], [1, 3, 5, 2, 4, 6], [7], [2, 3, 2, 3], []]);
      expect(value[0].storage).toBe(value[1].storage);
      expect(value[1].shape).toEqual([2, 3]);
    }
  });

  test("any permutation of axes reads like the formula", () => {
    const extents = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    const cases = extents.chain((shape) =>
      fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }), fc.nat(3)),
    );
    fc.assert(
      fc.property(cases, ([shape, order, offset]) => {
        // Memory runs fastest along the last axis of `order`.
        const strides = new Array<number>(shape.length);
        let step = 1;
        for (const axis of [...order].reverse()) {
          strides[axis] = step;
          step *= shape[axis];
        }
        const storage = floats("0", ...Array.from({ length: step + offset }, (_, i) => i * i));
        const file = legacyStream(tensorOf(storageId(storage), offset, shape, strides), [storage]);
        const expected: number[] = [];
        const walk = (axis: number, at: number): void => {
          if (axis === shape.length) expected.push(at * at);
          else for (let i = 0; i < shape[axis]; i++) walk(axis + 1, at + i * strides[axis]);
        };
        walk(0, offset);
        expect(values(readTorch(file))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["DoubleStorage", new Float64Array([1.5, -2, 1e300]), [1.5, -2, 1e300]],
    ["FloatStorage", new Float32Array([1.5, -2, 3]), [1.5, -2, 3]],
    ["HalfStorage", new Uint16Array([0x3e00, 0xc000, 0x0001]), [1.5, -2, 2 ** -24]],
    ["BFloat16Storage", new Uint16Array([0x3fc0, 0xc000, 0x7f80]), [1.5, -2, Infinity]],
    ["LongStorage", new BigInt64Array([1n, -2n, 2n ** 40n]), [1, -2, 2 ** 40]],
    ["IntStorage", new Int32Array([1, -2, 70000]), [1, -2, 70000]],
    ["ShortStorage", new Int16Array([1, -2, 700]), [1, -2, 700]],
    ["CharStorage", new Int8Array([1, -2, 7]), [1, -2, 7]],
    ["ByteStorage", new Uint8Array([1, 254, 7]), [1, 254, 7]],
    ["BoolStorage", new Uint8Array([1, 0, 1]), [1, 0, 1]],
  ])("%s", (type, data, expected) => {
    const storage = { key: "7", type, count: 3, bytes: new Uint8Array(data.buffer) };
    for (const file of bothForms(tensorOf(storageId(storage), 0, [3], [1]), [storage])) {
      expect(values(readTorch(file))).toEqual(expected);
    }
  });

  test("untyped storages take the type of the tensor", () => {
    const storage = { key: "0", type: "UntypedStorage", count: 8, bytes: f32(0.5, 4) };
    const args = [op.int(0), op.tuple(op.int(2)), op.tuple(op.int(1)), op.bool(false), op.none];
    const tensor = op.call(
      op.global("torch._utils", "_rebuild_tensor_v3"),
      storageId(storage),
      ...args,
      op.global("torch", "float32"),
    );
    for (const file of bothForms(tensor, [storage])) expect(values(readTorch(file))).toEqual([0.5, 4]);
  });

  test("a storage may be a window of another (old torch)", () => {
    const storage = floats("0", 0, 1, 2, 3, 4, 5);
    const window = op.tuple(op.str("view"), op.int(2), op.int(3));
    const file = legacyStream(tensorOf(storageId(storage, window), 0, [3], [1]), [storage]);
    expect(values(readTorch(file))).toEqual([2, 3, 4]);
    const beyond = op.tuple(op.str("view"), op.int(4), op.int(3));
    expect(errorOf(() => readTorch(legacyStream(storageId(storage, beyond), [storage])))).toContain("beyond its end");
  });

  test("storages embedded in an ordinary pickle, one of them twice", () => {
    const storage = floats("5", 3, 1, 4);
    const embedded = op.bytes([...legacyStream(storageId(storage), [storage])]);
    const loaded = op.call(op.global("torch.storage", "_load_from_bytes"), [...embedded, 0x71, 9]);
    const again = op.call(op.global("torch.storage", "_load_from_bytes"), [0x68, 9]);
    const bytes = pickle(op.list(tensorOf(loaded, 0, [3], [1]), tensorOf(again, 1, [2], [1])));
    const value = readPickle(bytes, { resolve: allTorchNames() }).value as TorchTensor[];
    expect(tensors(value)).toEqual([
      [3, 1, 4],
      [1, 4],
    ]);
    expect(value[0].storage).toBe(value[1].storage);
    expect(value[0].storage).toBeInstanceOf(TorchStorage);
    // No copy: the elements are read where they lie in the file.
    const raw = value[0].storage.readBytes();
    expect(raw.buffer).toBe(bytes.buffer);
  });

  test("embedded streams cannot nest", () => {
    const storage = floats("5", 1);
    const inner = op.bytes([...legacyStream(storageId(storage), [storage])]);
    const nested = op.call(op.global("torch.storage", "_load_from_bytes"), inner);
    const outer = op.bytes([...legacyStream(nested, [])]);
    const bytes = pickle(op.call(op.global("torch.storage", "_load_from_bytes"), outer));
    expect(errorOf(() => readPickle(bytes, { resolve: allTorchNames() }))).toContain("refused the name");
  });
});

describe("what does not fit is refused", () => {
  const storage = floats("0", 0, 1, 2, 3);
  test.each([
    ["past the end", 1, [2, 2], [2, 1]],
    ["stride too long", 0, [2, 2], [3, 1]],
    ["shape without strides", 0, [2, 2], [2]],
    ["a repetition beyond reason", 0, [100000, 100000], [0, 0]],
  ])("%s", (_name, offset, shape, strides) => {
    for (const file of bothForms(tensorOf(storageId(storage), offset, shape, strides), [storage])) {
      expect(errorOf(() => readTorch(file))).toMatch(/does not fit|impossible shape/);
    }
  });

  test("negative extents and offsets", () => {
    const tensor = op.call(
      op.global("torch._utils", "_rebuild_tensor_v2"),
      storageId(storage),
      op.int(-1),
      op.tuple(op.int(1)),
      op.tuple(op.int(1)),
    );
    expect(errorOf(() => readTorch(legacyStream(tensor, [storage])))).toMatch(/impossible|does not fit/);
  });

  test("storages that are missing, short, foreign or of two sizes", () => {
    const tensor = tensorOf(storageId(storage), 0, [4], [1]);
    expect(errorOf(() => readTorch(legacyStream(tensor, [])))).toContain("is missing");
    const file = legacyStream(tensor, [storage]);
    expect(errorOf(() => readTorch(file.subarray(0, file.length - 1)))).toContain("expected 4 elements");
    expect(errorOf(() => readTorch(legacyStream(tensor, [storage, floats("9", 1)])))).toContain("unexpected storage");
    const twice = op.list(storageId(storage), storageId({ ...storage, count: 3 }));
    expect(errorOf(() => readTorch(legacyStream(twice, [storage])))).toContain("is both");
    const zip = writeZip(new Map([["a/data.pkl", pickle(tensor)]]));
    expect(errorOf(() => readTorch(zip))).toContain("no such entry");
    const short = new Map([
      ["a/data.pkl", pickle(tensor)],
      ["a/data/0", f32(1)],
    ]);
    expect(errorOf(() => readTorch(writeZip(short)))).toContain("expected 16 bytes");
  });

  test("big-endian files and zips of other things", () => {
    const big = new Map([
      ["a/data.pkl", pickle(op.none)],
      ["a/byteorder", Uint8Array.from("big", (character) => character.charCodeAt(0))],
    ]);
    expect(errorOf(() => readTorch(writeZip(big)))).toContain("big-endian");
    expect(errorOf(() => readTorch(writeZip(new Map([["x.txt", f32(1)]]))))).toContain("expected an entry data.pkl");
  });
});

test("numbers of a file on the disk stay there until they are asked for", () => {
  const numbers = Array.from({ length: 60_000 }, (_, k) => k % 251);
  const storage = floats("0", ...numbers);
  const whole = tensorOf(storageId(storage), 0, [60_000], [1]);
  const embedded = op.bytes([...legacyStream(storageId(storage), [storage])]);
  const loaded = op.call(op.global("torch.storage", "_load_from_bytes"), embedded);
  const numpy = op.build(
    op.call(op.global("numpy.core.multiarray", "_reconstruct")),
    op.tuple(
      op.int(1),
      op.tuple(op.int(60_000)),
      op.call(op.global("numpy", "dtype"), op.str("f4")),
      op.bool(false),
      op.bytes([...storage.bytes]),
    ),
  );
  const text = op.str("words ".repeat(500));
  const [legacy, zip] = bothForms(op.list(text, whole, text), [storage]);
  const object = op.list(text, tensorOf(loaded, 0, [60_000], [1]), text, numpy, text);
  const read = (source: ByteSource) => readPickle(source, { resolve: allTorchNames() }).value;
  const files: [Uint8Array, (source: ByteSource) => PickleValue, number][] = [
    [legacy, readTorch, 1],
    [zip, readTorch, 1],
    [pickle(object), read, 2],
  ];
  for (const [bytes, readIt, tensorCount] of files) {
    const { source, bytesRead } = onDisk(bytes);
    const found = sequence(readIt(source))!.flatMap((item) =>
      item instanceof TorchTensor ? item.toPlain("torch") : isNumpyArray(item) ? numpyTensor(item, "numpy") : [],
    );
    expect(found.length).toBe(tensorCount);
    expect(bytesRead()).toBeLessThan(bytes.length / 2);
    for (const tensor of found) expect([...tensor.toFloat()]).toEqual(numbers);
  }
});

test("the zip form is read through random access, a storage at a time", () => {
  const first = floats("0", 1, 2);
  const second = floats("1", ...new Array<number>(5000).fill(7));
  const object = op.list(tensorOf(storageId(first), 0, [2], [1]), tensorOf(storageId(second), 0, [5000], [1]));
  const [, file] = bothForms(object, [first, second]);
  let bytesRead = 0;
  const memory = bytesSource(file);
  const source = {
    size: file.length,
    read: (offset: number, length: number) => {
      bytesRead += length;
      return memory.read(offset, length);
    },
  };
  const value = readTorch(source) as PickleValue[];
  const before = bytesRead;
  expect(values(value[0])).toEqual([1, 2]);
  expect(bytesRead - before).toBeLessThan(100);
});
