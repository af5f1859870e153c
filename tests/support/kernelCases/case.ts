/**
 * What a case of a kernel is: how to draw a problem, how many flops it takes, and how exact the answer must be.
 *
 * A problem states the same call twice: as it is, and with all its constants made positive. Run by the reference on |x|, |w|
 * the latter gives sum|terms|, from which the tolerance is computed (../bounds.ts).
 */
import fc from "fast-check";
import type { Block, Kernels } from "../../../src/nn/kernels/types.js";

/** One call of one kernel, with everything but the numbers in the operands. */
export interface KernelProblem {
  /** Elements of each input, and of the output. */
  readonly inputs: readonly number[];
  readonly output: number;
  readonly flops: number;
  /** `positive`: with the absolute values of all constants, so that non-negative inputs give sum|terms|. */
  run(kernels: Kernels, inputs: readonly Block[], output: Block, positive: boolean): void;
}

export interface KernelCase {
  readonly name: string;
  /** In |y^ - y| <= c * 2^-24 * sum|terms|. */
  readonly c: number;
  /** linear: in each input, so that integers give exact results and powers of two pass through. positive: inputs must be. */
  readonly kind: "linear" | "positive" | "other";
  /** What the error is relative to. inputs: sum|terms|, as above. output: |y|, where there is one rounding at the end. */
  readonly terms: "inputs" | "output";
  readonly problem: fc.Arbitrary<KernelProblem>;
}

export const upTo67 = fc.integer({ min: 0, max: 67 });
export const small = (max: number, min = 1) => fc.integer({ min, max });
/** Lengths around the borders of vectors, tiles and panels. */
export const around = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 33, 63, 64, 65);
