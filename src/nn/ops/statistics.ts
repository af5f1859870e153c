/** Means over axes, as scaled sums. */
import type { Tensor } from "../tensor.js";
import { scale } from "./arith.js";
import { type SumOptions, sum } from "./reduce.js";

/** Mean over axes. Without options: the mean of all elements, a tensor of shape []. */
export function mean(x: Tensor, options: SumOptions = {}): Tensor {
  const total = sum(x, options);
  return scale(total, total.size / x.size);
}
