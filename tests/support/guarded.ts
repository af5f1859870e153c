/** Operands in guarded memory: NaN around every input, sentinels around every output, any alignment. */
import { expect } from "vitest";
import type { Block } from "../../src/nn/kernels/types.js";
import type { WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { LinearBlock } from "../../src/nn/kernels/wasm/memory.js";

const margin = 16;
const sentinel = -12345.678;

/** Blocks between guards; `check` asserts that nothing was written outside of the outputs. */
export class GuardedMemory {
  readonly #kernels: WasmKernels;
  readonly #blocks: {
    readonly whole: Block;
    readonly start: number;
    readonly length: number;
    readonly guard: number;
  }[] = [];

  constructor(kernels: WasmKernels) {
    this.#kernels = kernels;
  }

  /** An input, `offset` elements off alignment, in poison: reading past it makes the result NaN. */
  input(values: ArrayLike<number>, offset: number): Block {
    const block = this.#guarded(values.length, offset, Number.NaN);
    block.data.set(values);
    return block;
  }

  /** An output, filled with poison and between sentinels. */
  output(length: number, offset: number): Block {
    const block = this.#guarded(length, offset, sentinel);
    block.data.fill(Number.NaN);
    return block;
  }

  check(): void {
    for (const { whole, start, length, guard } of this.#blocks) {
      const before = whole.data.subarray(0, start);
      const after = whole.data.subarray(start + length);
      const expected = Math.fround(guard);
      expect(
        before.every((value) => Object.is(value, expected)) && after.every((value) => Object.is(value, expected)),
        "guards",
      ).toBe(true);
    }
  }

  release(): void {
    for (const { whole } of this.#blocks.splice(0)) this.#kernels.release(whole);
  }

  #guarded(length: number, offset: number, guard: number): Block {
    const whole = this.#kernels.allocate(length + 2 * margin + offset) as LinearBlock;
    whole.data.fill(guard);
    const start = margin + offset;
    this.#blocks.push({ whole, start, length, guard });
    return new LinearBlock(whole.memory, whole.pointer + start * 4, length);
  }
}
