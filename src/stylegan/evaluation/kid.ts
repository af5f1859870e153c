/**
 * KID as it is told (Binkowski et al. 2018): the kernel distance of `metrics.ts`, averaged over pairs of random subsets,
 * with inner products in one matrix product a subset. Tests: tests/goldens/featureSets.test.ts.
 */
import { noGrad } from "../../nn/autograd/record.js";
import { matmul } from "../../nn/ops/matmul.js";
import type { RandomState } from "../../nn/random.js";
import { scope, Tensor } from "../../nn/tensor.js";
import { checkFeatures, checkSameDims, type Features } from "./metrics.js";

export interface SubsetDistanceOptions {
  /** Pairs of subsets. Default 100. */
  readonly subsets?: number;
  /** Rows of a subset; fewer where a set is smaller. Default 1000. */
  readonly subsetSize?: number;
  /** Chooses the rows: for each pair those of `fake`, then those of `real`. */
  readonly random: RandomState;
}

/** KID of sets with Inception features. Throws RangeError when either has fewer than two rows, or dims differ. */
export function subsetKernelDistance(real: Features, fake: Features, options: SubsetDistanceOptions): number {
  const { subsets = 100, subsetSize = 1000, random } = options;
  checkFeatures("subsetKernelDistance", real, 2);
  checkFeatures("subsetKernelDistance", fake, 2);
  checkSameDims("subsetKernelDistance", real.dims, fake.dims);
  const m = Math.min(real.count, fake.count, subsetSize);
  let total = 0;
  for (let k = 0; k < subsets; k++) {
    const x = random.permutation(fake.count).slice(0, m);
    const y = random.permutation(real.count).slice(0, m);
    total += noGrad(() =>
      scope(() => {
        const [ofFake, ofReal] = [chosenRows(fake, x), chosenRows(real, y)];
        const within = kernelSum(ofFake, ofFake, fake.dims, true) + kernelSum(ofReal, ofReal, fake.dims, true);
        return within / (m * (m - 1)) - (2 * kernelSum(ofFake, ofReal, fake.dims, false)) / (m * m);
      }),
    );
  }
  return total / subsets;
}

function chosenRows({ data, dims }: Features, rows: readonly number[]): Tensor {
  return Tensor.filled([rows.length, dims], (out) => {
    for (const [k, row] of rows.entries()) out.set(data.subarray(row * dims, (row + 1) * dims), k * dims);
  });
}

/** Sum of (<a_i, b_j> / dims + 1)^3, without equal positions where `distinct`. */
function kernelSum(a: Tensor, b: Tensor, dims: number, distinct: boolean): number {
  const m = a.shape[0];
  const products = matmul(a, b, { transposeB: true }).internals.block.data;
  let sum = 0;
  for (let i = 0; i < m; i++) {
    let row = 0;
    for (let j = 0; j < m; j++) if (!distinct || i !== j) row += (products[i * m + j] / dims + 1) ** 3;
    sum += row;
  }
  return sum;
}
