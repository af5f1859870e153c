/**
 * Precision and recall (Kynkaanniemi et al. 2019) of large sets: those of `metrics.ts`, with distances from products of
 * matrices, |a - b|^2 = |a|^2 + |b|^2 - 2 <a, b>, block after block. 50,000 x 2048 features of each kind take
 * some 1.5e13 multiply-adds and no memory to speak of besides the features.
 * Tests: tests/goldens/featureSets.test.ts.
 */
import { noGrad } from "../../nn/autograd/record.js";
import { matmul } from "../../nn/ops/matmul.js";
import { scope, Tensor } from "../../nn/tensor.js";
import { checkFeatures, checkSameDims, type Features } from "./metrics.js";

/** Rows of one set, and of the other, whose distances are computed at once. */
const BLOCK = 1024;

export interface ManifoldOptions {
  /** Balls reach to the k-th nearest neighbour. Default 3. */
  readonly k?: number;
  /** Called after each part of the work with the part that is done, from 0 to 1. */
  readonly onProgress?: (done: number) => void;
}

/** @throws RangeError when a set has no k neighbours, or dims differ */
export function manifoldPrecisionRecall(
  real: Features,
  fake: Features,
  options: ManifoldOptions = {},
): { readonly precision: number; readonly recall: number } {
  const { k = 3, onProgress = () => {} } = options;
  checkFeatures("manifoldPrecisionRecall", real, k + 1);
  checkFeatures("manifoldPrecisionRecall", fake, k + 1);
  checkSameDims("manifoldPrecisionRecall", real.dims, fake.dims);
  const centre = meanOf(real);
  const [r, f] = [new RowBlocks(real, centre), new RowBlocks(fake, centre)];
  const work = r.count ** 2 + f.count ** 2 + r.count * f.count;
  let done = 0;
  const step = (rows: number, columns: number): void => {
    done += rows * columns;
    onProgress(done / work);
  };
  const realRadii = radii(r, k, step);
  const fakeRadii = radii(f, k, step);
  // One pass over all pairs serves both directions.
  const isPrecise = new Uint8Array(f.count);
  const isRecalled = new Uint8Array(r.count);
  forEachBlock(r, f, step, (i0, rows, j0, columns, squared) => {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const distance = squared[i * columns + j];
        if (distance <= realRadii[i0 + i]) isPrecise[j0 + j] = 1;
        if (distance <= fakeRadii[j0 + j]) isRecalled[i0 + i] = 1;
      }
    }
  });
  const part = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
  return { precision: part(isPrecise), recall: part(isRecalled) };
}

/** Distances do not change when both sets move; near the origin fewer digits cancel. */
function meanOf({ data, count, dims }: Features): Float64Array {
  const mean = new Float64Array(dims);
  for (let n = 0; n < count; n++) for (let i = 0; i < dims; i++) mean[i] += data[n * dims + i] / count;
  return mean;
}

/** Rows of a set about a centre, a block at a time. */
class RowBlocks {
  readonly count: number;
  /** Squared lengths of the rows. */
  readonly squares: Float64Array;
  readonly #features: Features;
  readonly #centre: Float64Array;

  constructor(features: Features, centre: Float64Array) {
    this.#features = features;
    this.#centre = centre;
    this.count = features.count;
    this.squares = new Float64Array(features.count);
    const { data, dims } = features;
    for (let n = 0; n < features.count; n++) {
      let sum = 0;
      for (let i = 0; i < dims; i++) sum += (data[n * dims + i] - centre[i]) ** 2;
      this.squares[n] = sum;
    }
  }

  /** [rows, dims] */
  rows(begin: number, rows: number): Tensor {
    const { data, dims } = this.#features;
    const centre = this.#centre;
    return Tensor.filled([rows, dims], (out) => {
      for (let n = 0; n < rows; n++) {
        for (let i = 0; i < dims; i++) out[n * dims + i] = data[(begin + n) * dims + i] - centre[i];
      }
    });
  }
}

type Numbers = Float32Array | Float64Array;

/** Squared distances of all rows of a to all rows of b, [rows, columns] at a time. */
function forEachBlock(
  a: RowBlocks,
  b: RowBlocks,
  step: (rows: number, columns: number) => void,
  visit: (i0: number, rows: number, j0: number, columns: number, squared: Numbers) => void,
): void {
  for (let i0 = 0; i0 < a.count; i0 += BLOCK) {
    const rows = Math.min(BLOCK, a.count - i0);
    scope(() =>
      noGrad(() => {
        const left = a.rows(i0, rows);
        for (let j0 = 0; j0 < b.count; j0 += BLOCK) {
          const columns = Math.min(BLOCK, b.count - j0);
          scope(() => {
            const squared = matmul(left, b.rows(j0, columns), { transposeB: true }).internals.block.data;
            for (let i = 0; i < rows; i++) {
              for (let j = 0; j < columns; j++) {
                const distance = a.squares[i0 + i] + b.squares[j0 + j] - 2 * squared[i * columns + j];
                squared[i * columns + j] = distance > 0 ? distance : 0;
              }
            }
            visit(i0, rows, j0, columns, squared);
          });
          step(rows, columns);
        }
      }),
    );
  }
}

/** For each row the squared distance to its k-th nearest neighbour, itself not counted. */
function radii(set: RowBlocks, k: number, step: (rows: number, columns: number) => void): Float64Array {
  const nearest = new Float64Array(set.count * k).fill(Number.POSITIVE_INFINITY); // ascending, k a row
  forEachBlock(set, set, step, (i0, rows, j0, columns, squared) => {
    for (let i = 0; i < rows; i++) {
      const last = (i0 + i) * k + k - 1;
      for (let j = 0; j < columns; j++) {
        const distance = squared[i * columns + j];
        if (distance >= nearest[last] || i0 + i === j0 + j) continue;
        let at = last;
        for (; at > last - k + 1 && nearest[at - 1] > distance; at--) nearest[at] = nearest[at - 1];
        nearest[at] = distance;
      }
    }
  });
  return Float64Array.from({ length: set.count }, (_, i) => nearest[i * k + k - 1]);
}
