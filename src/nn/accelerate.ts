/**
 * The seam between definition and kernel. A layer is written once, in differentiable operations; `accelerated` lets
 * the kernels in use run the whole of it as one, when they can and when no gradient is recorded. The layer's code
 * does not know which of the two will run. tests/fast*.test.ts hold them together.
 */
import { isRecorded } from "./autograd/record.js";
import { activeKernels } from "./backend.js";
import { inScope, Tensor } from "./tensor.js";

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
      const mayRun = activeKernels().name !== "reference" && !isRecorded(tensorsAmong(args));
      return (mayRun ? fastPath(...args) : null) ?? definition(...args);
    });
}

/** The tensors among arguments, and among the fields of options. */
function tensorsAmong(args: readonly unknown[]): Tensor[] {
  const fields = (value: unknown): unknown[] =>
    value !== null && typeof value === "object" && !(value instanceof Tensor) ? Object.values(value) : [value];
  return args.flatMap(fields).filter((value) => value instanceof Tensor);
}
