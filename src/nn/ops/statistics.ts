/** Means over axes, as sums with a gain. */
import { sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type SumOptions, sum } from "./reduce.js";

export type MeanOptions = Omit<SumOptions, "gain">;

/** Mean over axes. Without options: the mean of all elements, a tensor of shape []. */
export function mean(x: Tensor, options: MeanOptions = {}): Tensor {
  const { axes = x.shape.map((_, axis) => axis) } = options;
  const count = sizeOf(axes.map((axis) => x.shape.at(axis) ?? 1));
  return sum(x, { ...options, gain: 1 / count });
}
