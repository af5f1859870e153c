/** What keeps the noise maps of a projection noise: uncorrelated at all scales, mean 0, mean square 1. */
import { add, mul, square } from "../../../nn/ops/arith.js";
import { concat, slice } from "../../../nn/ops/layout.js";
import { reshape } from "../../../nn/ops/reduce.js";
import { mean } from "../../../nn/ops/statistics.js";
import { inScope, type Tensor } from "../../../nn/tensor.js";
import { areaAverage } from "./perception.js";

/** v shifted by one pixel around an axis. */
function roll(v: Tensor, axis: number): Tensor {
  const extent = v.shape[axis];
  return concat([slice(v, axis, extent - 1, extent), slice(v, axis, 0, extent - 1)], axis);
}

/** sum over levels of E[v roll_x(v)]^2 + E[v roll_y(v)]^2; v [H, W], averaged over 2x2 until it is at most 8x8. */
export function noiseCorrelation(noise: Tensor): Tensor {
  return inScope(() => {
    const [height, width] = noise.shape;
    let v = reshape(noise, [1, 1, height, width]);
    const terms: Tensor[] = [];
    for (;;) {
      for (const axis of [2, 3]) terms.push(square(mean(mul(v, roll(v, axis)))));
      if (v.shape[2] <= 8) return terms.reduce(add);
      v = areaAverage(v, 2);
    }
  });
}

/** Mean 0, mean square 1, in place. */
export function standardize(data: Float32Array | Float64Array): void {
  let total = 0;
  for (const value of data) total += value;
  const centre = total / data.length;
  let energy = 0;
  for (let k = 0; k < data.length; k++) {
    data[k] -= centre;
    energy += data[k] * data[k];
  }
  const factor = 1 / Math.sqrt(energy / data.length);
  if (Number.isFinite(factor)) for (let k = 0; k < data.length; k++) data[k] *= factor;
}
