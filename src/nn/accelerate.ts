/**
 * The seam between definition and kernel. A layer is written once, in differentiable operations; `accelerated` lets
 * the kernels in use run the whole of it as one, when they can and when no gradient is recorded. The layer's code
 * does not know which of the two will run. tests/fast*.test.ts hold them together.
 */
import { isRecording } from "./autograd.js";
import { activeKernels } from "./backend.js";
import { inScope, type Tensor } from "./tensor.js";

/** Runs a whole layer on the fast kernels, or returns null when it has no form for these arguments. */
export type FastPath<A extends readonly unknown[]> = (...args: A) => Tensor | null;

/**
 * `definition`, with a fast form that is tried first whenever nothing is recorded and the kernels are not the
 * reference.
 */
export function accelerated<A extends readonly unknown[]>(
  fastPath: FastPath<A>,
  definition: (...args: A) => Tensor,
): (...args: A) => Tensor {
  return (...args) =>
    inScope(() => {
      const mayRun = !isRecording() && activeKernels().name !== "reference";
      return (mayRun ? fastPath(...args) : null) ?? definition(...args);
    });
}
