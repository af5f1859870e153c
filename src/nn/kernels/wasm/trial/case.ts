/** What a case of the trial is. */
import type { Block, Kernels } from "../../types.js";

/** One call, on random numbers. */
export interface TrialCase {
  readonly name: string;
  /** Elements of each operand. The last is the output, of random numbers before the call, too. */
  readonly lengths: readonly number[];
  /** No negative numbers among the operands. */
  readonly positive?: boolean;
  run(kernels: Kernels, blocks: readonly Block[]): void;
  /** Large: its time, against that of the plain build, is part of the verdict. */
  readonly timed?: boolean;
}
