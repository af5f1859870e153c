/**
 * Distances between sets of images, on features that the caller supplies (the official numbers use Inception and VGG
 * networks, which are not part of this library): Frechet distance, kernel distance, precision and recall, perceptual
 * path length. All in float64, on plain arrays.
 *
 * Tests: tests/goldens/metrics.test.ts.
 */
import { symmetricEigenvalues } from "./eigen.js";
import { addRowProducts, choleskyFactor, mirrorLower } from "./matrix.js";

/** Feature vectors, one a row. */
export interface Features {
  /** [count, dims], row-major. */
  readonly data: Float32Array | Float64Array;
  readonly count: number;
  readonly dims: number;
}

/** A normal distribution fitted to features. */
export interface FeatureStatistics {
  /** [dims] */
  readonly mean: Float64Array;
  /** [dims, dims], divided by the count (not count - 1), as the official metric does. */
  readonly covariance: Float64Array;
}

/** Throws RangeError when the numbers do not fill the rows, or there are too few rows. */
export function checkFeatures(operation: string, features: Features, atLeast: number): void {
  const { data, count, dims } = features;
  if (data.length !== count * dims || dims < 1) {
    throw new RangeError(
      `${operation}: features [count, dims] = [${count}, ${dims}] need ${count * dims} numbers, got ${data.length}`,
    );
  }
  if (count < atLeast) throw new RangeError(`${operation}: needs at least ${atLeast} feature vectors, got ${count}`);
}

/** Throws RangeError when they differ. */
export function checkSameDims(operation: string, a: number, b: number): void {
  if (a !== b) throw new RangeError(`${operation}: both sets must have the same dims, got ${a} and ${b}`);
}

/** Rows whose products are summed at once. */
const STATISTICS_ROWS = 256;

/** Mean and covariance of features. */
export function featureStatistics(features: Features): FeatureStatistics {
  checkFeatures("featureStatistics", features, 1);
  const { data, count, dims } = features;
  const mean = new Float64Array(dims);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < dims; i++) mean[i] += data[n * dims + i] / count;
  }
  const covariance = new Float64Array(dims * dims);
  for (let begin = 0; begin < count; begin += STATISTICS_ROWS) {
    const rows = Math.min(STATISTICS_ROWS, count - begin);
    const centred = new Float64Array(dims * rows); // [dims, rows]
    for (let n = 0; n < rows; n++) {
      for (let i = 0; i < dims; i++) centred[i * rows + n] = data[(begin + n) * dims + i] - mean[i];
    }
    addRowProducts({ a: centred, b: centred, out: covariance, m: dims, n: dims, depth: rows, lower: true });
  }
  mirrorLower(covariance, dims);
  for (let k = 0; k < covariance.length; k++) covariance[k] /= count;
  return { mean, covariance };
}

/**
 * Frechet distance between two normal distributions (Heusel et al. 2017, equation 6; with Inception features, FID):
 *
 *   |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))
 *
 * With S1 = R^T R, the eigenvalues of S1 S2 are those of the symmetric R S2 R^T (and zeros), so the trace of its root is
 * the sum of their roots. Distributions of 2048 dimensions take seconds.
 */
export function frechetDistance(a: FeatureStatistics, b: FeatureStatistics): number {
  const n = a.mean.length;
  checkSameDims("frechetDistance", n, b.mean.length);
  let distance = 0;
  for (let i = 0; i < n; i++) {
    distance += (a.mean[i] - b.mean[i]) ** 2 + a.covariance[i * n + i] + b.covariance[i * n + i];
  }
  if (!Number.isFinite(distance)) throw new RangeError("frechetDistance: expected finite means and covariances");
  const { rows, rank } = choleskyFactor(a.covariance, n);
  const product = new Float64Array(rank * n); // R S2
  addRowProducts({ a: rows, b: b.covariance, out: product, m: rank, n, depth: n });
  const inner = new Float64Array(rank * rank); // R S2 R^T
  addRowProducts({ a: product, b: rows, out: inner, m: rank, n: rank, depth: n, lower: true });
  // Eigenvalues of positive semidefinite matrices come out slightly negative at worst.
  for (const value of symmetricEigenvalues(inner)) distance -= 2 * Math.sqrt(Math.max(value, 0));
  return Math.max(distance, 0);
}

/**
 * Kernel distance (Binkowski et al. 2018; with Inception features, KID): the unbiased squared maximum mean discrepancy
 * with the kernel (<x, y> / dims + 1)^3, averaged over pairs of subsets of equal size.
 *
 * @param subsets which rows of each set to compare; each pair of equal length, at least 2. Default: one pair, the first
 *   min(count) rows of both
 */
export function kernelDistance(
  real: Features,
  fake: Features,
  subsets?: readonly { readonly real: readonly number[]; readonly fake: readonly number[] }[],
): number {
  checkFeatures("kernelDistance", real, 2);
  checkFeatures("kernelDistance", fake, 2);
  checkSameDims("kernelDistance", real.dims, fake.dims);
  const first = Array.from({ length: Math.min(real.count, fake.count) }, (_, n) => n);
  const pairs = subsets ?? [{ real: first, fake: first }];
  let total = 0;
  for (const pair of pairs) {
    const m = pair.real.length;
    if (m < 2 || pair.fake.length !== m) {
      throw new RangeError(`kernelDistance: subsets must be of equal size >= 2, got ${m} and ${pair.fake.length}`);
    }
    const within =
      kernelSum(real, pair.real, real, pair.real, true) + kernelSum(fake, pair.fake, fake, pair.fake, true);
    const between = kernelSum(real, pair.real, fake, pair.fake, false);
    total += within / (m * (m - 1)) - (2 * between) / (m * m);
  }
  return total / pairs.length;
}

/** Sum of the kernel over pairs of rows, without equal positions where `distinct`. */
function kernelSum(
  a: Features,
  rowsA: readonly number[],
  b: Features,
  rowsB: readonly number[],
  distinct: boolean,
): number {
  let sum = 0;
  rowsA.forEach((rowA, i) => {
    rowsB.forEach((rowB, j) => {
      if (distinct && i === j) return;
      let dot = 0;
      for (let k = 0; k < a.dims; k++) dot += a.data[rowA * a.dims + k] * b.data[rowB * b.dims + k];
      sum += (dot / a.dims + 1) ** 3;
    });
  });
  return sum;
}

/**
 * Precision and recall (Kynkaanniemi et al. 2019, equations 1 and 2): the part of one set that lies within the manifold
 * of the other, which is the union of balls around its points that reach to their k-th nearest neighbour.
 */
export function precisionRecall(
  real: Features,
  fake: Features,
  options: { readonly k?: number } = {},
): { readonly precision: number; readonly recall: number } {
  const { k = 3 } = options;
  checkFeatures("precisionRecall", real, k + 1);
  checkFeatures("precisionRecall", fake, k + 1);
  checkSameDims("precisionRecall", real.dims, fake.dims);
  return { precision: coverage(real, fake, k), recall: coverage(fake, real, k) };
}

/** The part of `points` in the manifold of `centres`. */
function coverage(centres: Features, points: Features, k: number): number {
  const radii = Float64Array.from({ length: centres.count }, (_, i) => {
    const distances = Float64Array.from({ length: centres.count }, (_, j) => squaredDistance(centres, i, centres, j));
    return distances.sort()[k]; // the nearest is the point itself
  });
  let covered = 0;
  for (let n = 0; n < points.count; n++) {
    if (radii.some((radius, i) => squaredDistance(points, n, centres, i) <= radius)) covered++;
  }
  return covered / points.count;
}

function squaredDistance(a: Features, i: number, b: Features, j: number): number {
  let sum = 0;
  for (let k = 0; k < a.dims; k++) sum += (a.data[i * a.dims + k] - b.data[j * b.dims + k]) ** 2;
  return sum;
}

/**
 * Perceptual path length in W (StyleGAN, section 4.1; StyleGAN2's variant at the ends of the paths, t = 0): the mean
 * of d(g(w), g(w + eps (w' - w))) / eps^2 over random pairs, without the lowest and the highest hundredth.
 *
 * @param distances for each pair, the perceptual distance between the images at w and at lerp(w, w', epsilon)
 */
export function perceptualPathLength(
  distances: ArrayLike<number>,
  options: { readonly epsilon?: number } = {},
): number {
  const { epsilon = 1e-4 } = options;
  if (distances.length === 0) throw new RangeError("perceptualPathLength: needs at least one distance, got none");
  const sorted = Float64Array.from(distances, (distance) => distance / epsilon ** 2).sort();
  const low = sorted[Math.floor(0.01 * (sorted.length - 1))];
  const high = sorted[Math.ceil(0.99 * (sorted.length - 1))];
  const kept = sorted.filter((value) => value >= low && value <= high);
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}
