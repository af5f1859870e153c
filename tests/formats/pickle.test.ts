/** The pickle machine: all protocols, refusals, and bounds. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileError } from "../../src/formats/fileError.js";
import { commonNames, firstOf, numpyNames, numpyTensor } from "../../src/formats/pickle/common.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { type PickleObject, PickleTuple, type PickleValue } from "../../src/formats/pickle/values.js";
import { allTorchNames } from "../../src/formats/torch/reader.js";
import { ascii, op, pickle } from "../support/pickles/assembler.js";

const python = JSON.parse(readFileSync(new URL("../fixtures/formats/python.json", import.meta.url), "utf8"));
const resolve = firstOf(commonNames, numpyNames);
const read = (bytes: Uint8Array, limits = {}) => readPickle(bytes, { resolve, ...limits }).value;

const errorOf = (run: () => unknown): FileError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    return error as FileError;
  }
  throw new Error("expected a FileError, but it succeeded");
};

describe("what Python wrote", () => {
  test.each([0, 1, 2, 3, 4, 5])("protocol %d", (protocol) => {
    const dict = read(Buffer.from(python.pickles[protocol], "base64")) as Map<PickleValue, PickleValue>;
    const list = dict.get("list") as PickleValue[];
    expect(list.slice(0, 12)).toEqual([
      1,
      -2,
      300,
      70000,
      -(2 ** 31),
      2 ** 40,
      2n ** 70n,
      1.5,
      true,
      false,
      null,
      "é\n'x",
    ]);
    expect([...(list[12] as Uint8Array)]).toEqual([0, 255]);
    expect(dict.get("self")).toBe(list);
    const tuple = dict.get("tuple") as PickleTuple;
    expect(tuple.items.map((item) => (item instanceof PickleTuple ? item.items : item))).toEqual([
      1,
      [2],
      [],
      [1, 2, 3, 4],
    ]);
    expect(dict.get("set")).toEqual(new Set([1]));
    expect(dict.get("frozen")).toEqual(new Set([3]));
    expect([...(dict.get("ordered") as Map<PickleValue, PickleValue>)]).toEqual([
      ["b", 1],
      ["a", 2],
    ]);
    expect(dict.get("scalar")).toBe(0.1);
    for (const name of ["array", "fortran"]) {
      const tensor = numpyTensor(dict.get(name) as PickleObject, name);
      expect(tensor.shape).toEqual([2, 3]);
      expect([...tensor.toFloat()]).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });

  test("numbers survive the trip", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(read(pickle(op.float(value)))).toBe(value);
      }),
    );
  });
});

describe("nothing is executed", () => {
  const attacks: readonly (readonly [string, readonly number[]])[] = [
    ["os.system", [...op.global("os", "system"), ...op.tuple(op.str("touch /tmp/pwned")), 0x52]],
    ["posix.system", [0x28, ...op.str("touch /tmp/pwned"), 0x69, ...ascii("posix\nsystem\n")]],
    ["builtins.eval", [...op.str("builtins"), ...op.str("eval"), 0x93, ...op.tuple(op.str("1")), 0x52]],
    ["builtins.getattr", op.call(op.global("builtins", "getattr"), op.none, op.str("x"))],
    ["torch.load", op.call(op.global("torch", "load"), op.str("x"))],
    ["numpy.f2py.crackfortran.getlincoef", op.call(op.global("numpy.f2py.crackfortran", "getlincoef"), op.str("1"))],
    ["os.system", [0x28, ...op.global("os", "system"), ...op.str("x"), 0x6f]],
  ];
  test.each(attacks)("%s is refused by name", (name, program) => {
    const error = errorOf(() => readPickle(pickle(program), { resolve: allTorchNames() }));
    expect(error.message).toContain(`refused the name "${name}"`);
    expect(error.message).toContain("nothing was executed");
    expect(error.position).toBeGreaterThan(0);
  });

  test("names inherited from objects are no names", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      expect(errorOf(() => read(pickle(op.global(name, name)))).message).toContain("refused");
    }
  });

  test("dict keys cannot reach prototypes", () => {
    const dict = read(pickle(op.dict({ __proto__x: op.none, constructor: op.int(1) }))) as Map<string, unknown>;
    expect(dict.get("constructor")).toBe(1);
    expect({}.constructor).toBe(Object);
  });

  test("calling a value that is no class", () => {
    expect(errorOf(() => read(pickle(op.call(op.str("os.system"))))).message).toContain("expected a class");
  });
});

describe("malformed programs end in an error that says where", () => {
  const cases: readonly (readonly [string, readonly number[], RegExp])[] = [
    ["no value", [], /expected a value on the stack.*at byte 2/],
    ["empty", [0x4e, 0x30], /expected a value on the stack/],
    ["no mark", [0x4e, 0x74], /expected a MARK/],
    ["values below the mark are out of reach", [0x4e, 0x28, 0x85], /expected 1 values/],
    ["append to a dict", [0x7d, 0x4e, 0x61], /expected a list to append to, found a dict/],
    ["item of a list", [0x5d, 0x4e, 0x4e, 0x73], /expected a dict to fill/],
    ["odd number of items", [0x7d, 0x28, 0x4e, 0x75], /odd number/],
    ["empty memo slot", [0x68, 5], /memo slot 5 is empty/],
    ["state of a number", [0x4b, 1, 0x4e, 0x62], /expected an object/],
    ["protocol 9", [0x80, 9], /protocol 9/],
    ["persistent id", op.persistent(op.str("x")), /persistent id/],
    ["extension", [0x82, 1], /unsupported opcode 0x82/],
    ["not UTF-8", [0x8c, 1, 0xff], /not UTF-8/],
    ["not a number", [0x49, ...ascii("1x\n")], /expected an integer, found "1x"/],
    ["a float of dots", [0x46, ...ascii("1.2.3\n")], /expected a float/],
    ["unquoted", [0x53, ...ascii("abc\n")], /quoted/],
    [
      "scalar of the wrong length",
      op.call(op.global("numpy.core.multiarray", "scalar"), op.none, op.none),
      /numpy dtype/,
    ],
  ];
  test.each(cases)("%s", (_name, program, message) => {
    const error = errorOf(() => read(pickle(program)));
    expect(error.message).toMatch(message);
    expect(error.position).toBeGreaterThanOrEqual(2);
  });

  test("every truncation is an error, never a value", () => {
    const bytes = Buffer.from(python.pickles[4], "base64");
    for (let length = 0; length < bytes.length; length++) errorOf(() => read(bytes.subarray(0, length)));
  });
});

describe("bombs", () => {
  const lengths = [
    [0x8b, 255, 255, 255, 127],
    [0x8b, 0, 0, 0, 128],
    [0x8e, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x8e, 255, 255, 255, 255, 255, 255, 255, 255],
    [0x8d, 0, 0, 0, 0, 1, 0, 0, 0],
    [0x42, 255, 255, 255, 255],
    [0x58, 255, 255, 255, 255],
    [0x95, 255, 255, 255, 255, 255, 255, 255, 255],
  ];
  test.each(lengths)("claimed lengths are not believed: %d %d", (...program) => {
    errorOf(() => read(pickle(program)));
  });

  test("a billion laughs: sharing is cheap, and messages do not unfold it", () => {
    let program: number[] = [0x5d];
    for (let i = 0; i < 2000; i++) program = program.concat([0x32, 0x86]); // x -> (x, x)
    const value = read(pickle(program));
    expect(value).toBeInstanceOf(PickleTuple);
    expect(errorOf(() => read(pickle([...program, 0x4e, 0x61]))).message.length).toBeLessThan(200);
  });

  test("many containers and many operations hit their limits", () => {
    const containers = new Uint8Array(3000).fill(0x7d);
    expect(errorOf(() => read(containers, { maxContainers: 1000 })).message).toContain("more lists, dicts and objects");
    const operations = new Uint8Array(3000).fill(0x4e);
    expect(errorOf(() => read(operations, { maxOperations: 1000 })).message).toContain("more operations");
  });

  test("constructors that copy pay for what they copy", () => {
    // One list of 1000 numbers, made into a set again and again.
    const list = op.list(...Array.from({ length: 1000 }, (_, i) => op.int(i)));
    const again = [0x68, 0, ...op.tuple([0x68, 1]), 0x52, 0x30];
    const set = [...op.global("builtins", "set"), 0x71, 0, 0x30, ...list, 0x71, 1];
    const program = pickle([...set, ...Array.from({ length: 200 }, () => again).flat()]);
    expect(errorOf(() => read(program, { maxOperations: 100_000 })).message).toContain("more operations");
    expect(read(program)).toHaveLength(1000);
  });

  test("deep nesting needs no stack", () => {
    const depth = 200_000;
    const program = new Uint8Array(depth * 2 + 1).fill(0x5d, 0, depth).fill(0x61, depth);
    program[depth * 2 - 1] = 0x2e;
    expect(read(program.subarray(0, depth * 2))).toHaveLength(1);
  });

  test("random bytes end in a value or in FileError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          read(Uint8Array.of(...bytes, 0x2e));
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
