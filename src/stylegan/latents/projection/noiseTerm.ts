/**
 * What keeps the noise maps of a projection noise: uncorrelated at all scales, mean 0, mean square 1.
 *
 * The term exists twice. `noiseCorrelation` is the definition, differentiable; a network of 64x64 pixels has 22 levels of maps, which are
 * a thousand small operations forwards and backwards, more than half of what a step took beside its passes. `correlationGradient` is the
 * same in closed form, in one walk over the numbers.
 * Tests: tests/networks/projector.test.ts holds the two together, tests/goldens/projection.test.ts both to float64.
 */
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

export interface CorrelationGradient {
  /** What `noiseCorrelation` gives. */
  readonly value: number;
  /** Its gradient with respect to the map, [H, W]. */
  readonly gradient: Float64Array;
}

/**
 * Value and gradient of the noise term. With n pixels and a = E[v roll(v)],
 *
 *   d a^2 / d v_i = 2 a (v_(i-1) + v_(i+1)) / n,   and an average over 2x2 hands a quarter back to each of its pixels.
 *
 * @param noise [height, width]
 * @throws RangeError where a map above 8 pixels has an odd side
 */
export function correlationGradient(noise: ArrayLike<number>, height: number, width: number): CorrelationGradient {
  let value = 0;
  const own = new Float64Array(height * width);
  for (const [axis, extent, stride] of [
    ["rows", height, width],
    ["columns", width, 1],
  ] as const) {
    const lines = axis === "rows" ? width : height;
    const lineStride = axis === "rows" ? 1 : width;
    let products = 0;
    for (let line = 0; line < lines; line++) {
      let before = noise[line * lineStride + (extent - 1) * stride];
      for (let k = 0, at = line * lineStride; k < extent; k++, at += stride) {
        products += noise[at] * before;
        before = noise[at];
      }
    }
    const mean = products / own.length;
    value += mean * mean;
    const factor = (2 * mean) / own.length;
    for (let line = 0; line < lines; line++) {
      const first = line * lineStride;
      const last = first + (extent - 1) * stride;
      for (let at = first; at <= last; at += stride) {
        own[at] += factor * (noise[at === first ? last : at - stride] + noise[at === last ? first : at + stride]);
      }
    }
  }
  if (height <= 8) return { value, gradient: own };
  if (height % 2 === 1 || width % 2 === 1) {
    throw new RangeError(`correlationGradient: sizes above 8 must be even down to there, got ${height} x ${width}`);
  }
  const [rows, columns] = [height / 2, width / 2];
  const halved = new Float64Array(rows * columns);
  for (let y = 0; y < height; y++) {
    const to = (y >> 1) * columns;
    for (let x = 0; x < width; x++) halved[to + (x >> 1)] += noise[y * width + x] / 4;
  }
  const coarse = correlationGradient(halved, rows, columns);
  for (let y = 0; y < height; y++) {
    const from = (y >> 1) * columns;
    for (let x = 0; x < width; x++) own[y * width + x] += coarse.gradient[from + (x >> 1)] / 4;
  }
  return { value: value + coarse.value, gradient: own };
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
