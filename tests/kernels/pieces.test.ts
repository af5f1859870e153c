/**
 * Work in pieces: nothing is written past the end of any allocation, scratch among them, and problems of many chunks give what
 * their definition gives.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Block } from "../../src/nn/kernels/block.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import type { Kernels } from "../../src/nn/kernels/types.js";
import { createSerialDispatcher } from "../../src/nn/kernels/wasm/engine.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import type { LinearMemory } from "../../src/nn/kernels/wasm/memory.js";
import { Draw, SEED } from "../support/draw.js";
import { arbitraryLayer, runLayer } from "../support/fusedCases.js";
import { kernelCases } from "../support/kernelCases/all.js";

const reference = createReferenceKernels("float64");
const guardBytes = 256;
let guarded: WasmKernels;
let plain: WasmKernels;
/** What was found behind an allocation when it was released. */
let broken = 0;

/** Every allocation with a guard behind it, which is looked at when it is released. */
function guard(memory: LinearMemory): void {
  const allocate = memory.allocate.bind(memory);
  const release = memory.release.bind(memory);
  const guards = new Map<number, number>();
  const bytesAt = (at: number): Uint8Array => new Uint8Array(memory.buffer, at, guardBytes);
  const { get: used } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(memory), "usedBytes")!;
  Object.defineProperty(memory, "usedBytes", { get: () => used!.call(memory) - guards.size * guardBytes });
  memory.allocate = (bytes, options) => {
    const pointer = allocate(bytes + guardBytes, options);
    guards.set(pointer, pointer + bytes);
    bytesAt(pointer + bytes).fill(0x5a);
    return pointer;
  };
  memory.release = (pointer) => {
    const at = guards.get(pointer);
    if (at !== undefined && !bytesAt(at).every((byte) => byte === 0x5a)) broken++;
    guards.delete(pointer);
    release(pointer);
  };
}

beforeAll(async () => {
  plain = await createWasmKernels();
  guarded = await createWasmKernels({
    createDispatcher: (loaded) => {
      guard(loaded.memory);
      return createSerialDispatcher(loaded);
    },
  });
});

function filled(kernels: Kernels, draw: Draw, length: number): Block {
  const block = kernels.allocate(length);
  for (let k = 0; k < length; k++) block.data[k] = Math.fround(Math.abs(draw.normal()) + 0.01);
  return block;
}

describe("nothing is written past the end of an allocation", () => {
  test.each(kernelCases)("$name", ({ problem }) => {
    broken = 0;
    fc.assert(
      fc.property(problem, fc.nat(), (drawn, seed) => {
        const draw = new Draw(seed);
        const blocks = [...drawn.inputs, drawn.output].map((length) => filled(guarded, draw, length));
        drawn.run(guarded, blocks.slice(0, -1), blocks.at(-1)!, false);
        for (const block of blocks) guarded.release(block);
        expect(broken).toBe(0);
      }),
      { numRuns: 8, seed: SEED },
    );
  });

  test("products of no terms, of many chunks: zeros, in their own scratch only", () => {
    broken = 0;
    const geometry = { batch: 1, m: 70, n: 140, k: 0, transposeA: false, transposeB: true, strideA: 0, strideB: 0 };
    const [a, b, y] = [0, 0, 70 * 140].map((length) => filled(guarded, new Draw(1), length));
    guarded.matmul(a, b, y, geometry);
    expect(y.data.every((value) => value === 0)).toBe(true);
    for (const block of [a, b, y]) guarded.release(block);
    expect(broken).toBe(0);
  });

  test("fused layers", () => {
    broken = 0;
    fc.assert(
      fc.property(arbitraryLayer, (c) => {
        runLayer(guarded, c);
        expect(broken).toBe(0);
      }),
      { numRuns: 40, seed: SEED },
    );
  });
});

/** Whether a call gives the same bits as its definition. */
function sameOnBoth(lengths: readonly number[], run: (kernels: Kernels, blocks: readonly Block[]) => void): boolean {
  const [ours, theirs] = [plain, reference].map((kernels) => {
    const draw = new Draw(5);
    const blocks = lengths.map((length) => filled(kernels, draw, length));
    run(kernels, blocks);
    const result = Float32Array.from(blocks.at(-1)!.data);
    for (const block of blocks) kernels.release(block);
    return Buffer.from(result.buffer);
  });
  return ours.equals(theirs);
}

describe("many chunks", () => {
  // Rows of exactly one chunk, of a little more, and of less: the last chunk of each is another one.
  test.each([
    [3, 16384],
    [3, 16389],
    [700, 67],
    [5, 16383],
  ])("%i rows of %i: binary and its copy", (rows, inner) => {
    const shape = [rows, inner];
    const length = rows * inner;
    const dense = [inner, 1];
    const add = sameOnBoth([length, inner, length], (kernels, [a, b, y]) =>
      kernels.binary("add", a, b, y, { shape, strides: [dense, [0, 1]] }),
    );
    const multiply = sameOnBoth([length, rows, length], (kernels, [a, b, y]) =>
      kernels.binary("mul", b, a, y, { shape, strides: [[1, 0], dense] }),
    );
    const transposed = [dense, [1, rows]];
    const copy = sameOnBoth([length, length], (kernels, [x, y]) =>
      kernels.stridedCopy(x, y, { shape, strides: transposed, offsets: [0, 0] }),
    );
    expect({ add, multiply, copy }).toEqual({ add: true, multiply: true, copy: true });
  });
});
