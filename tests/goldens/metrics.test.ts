/** Metrics against the official definitions (fixtures/metrics), in closed form, and as laws. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RandomState } from "../../src/nn/random.js";
import { symmetricEigen } from "../../src/stylegan/evaluation/eigen.js";
import {
  type Features,
  featureStatistics,
  frechetDistance,
  kernelDistance,
  perceptualPathLength,
  precisionRecall,
} from "../../src/stylegan/evaluation/metrics.js";
import { soleGolden } from "../support/goldens.js";

const golden = soleGolden("metrics");
const values = JSON.parse(golden.metadata.values) as Record<"fid" | "kid" | "precision" | "recall", number>;

function features(name: string): Features {
  const [count, dims] = golden.shape(name);
  return { data: golden.data(name), count, dims };
}

const [real, fake] = [features("real"), features("fake")];
const normals = (seed: number, count: number, dims: number, scale = 1, shift = 0): Features => ({
  data: new RandomState(seed).randn(count * dims).map((value) => scale * value + shift),
  count,
  dims,
});

describe("goldens", () => {
  test("Frechet distance", () => {
    const distance = frechetDistance(featureStatistics(real), featureStatistics(fake));
    expect(Math.abs(distance - values.fid)).toBeLessThan(1e-9 * values.fid);
  });

  test("kernel distance", () => {
    expect(Math.abs(kernelDistance(real, fake) - values.kid)).toBeLessThan(1e-10 * values.kid);
  });

  test("precision and recall", () => {
    const { precision, recall } = precisionRecall(real, fake);
    expect({ precision, recall }).toEqual({ precision: values.precision, recall: values.recall });
  });
});

describe("symmetric eigenvalues", () => {
  const sizes = fc.integer({ min: 1, max: 24 });
  const seeds = fc.integer({ min: 0, max: 1000 });

  test("A = V diag(d) V^T with orthonormal V, degenerate and singular matrices included", () => {
    fc.assert(
      fc.property(sizes, sizes, seeds, (n, rank, seed) => {
        const factor = new RandomState(seed).randn(rank * n);
        const a = new Float64Array(n * n);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            for (let k = 0; k < rank; k++)
              a[i * n + j] += (k % 2 === 0 ? 1 : -1) * factor[k * n + i] * factor[k * n + j];
          }
        }
        const { values: d, vectors } = symmetricEigen(a);
        const scale = Math.max(...d.map(Math.abs), 1);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            let [rebuilt, product] = [0, 0];
            for (let k = 0; k < n; k++) {
              rebuilt += d[k] * vectors[k * n + i] * vectors[k * n + j];
              product += vectors[i * n + k] * vectors[j * n + k];
            }
            expect(Math.abs(rebuilt - a[i * n + j])).toBeLessThan(1e-13 * n * scale);
            expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(1e-13 * n);
          }
        }
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  test("a diagonal matrix keeps its diagonal; the second difference matrix has 2 - 2 cos(k pi / (n + 1))", () => {
    expect([...symmetricEigen(Float64Array.of(3, 0, 0, -1)).values].sort()).toEqual([-1, 3]);
    const n = 9;
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      matrix[i * n + i] = 2;
      if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = -1;
    }
    symmetricEigen(matrix)
      .values.sort()
      .forEach((value, k) => {
        expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 12);
      });
  });

  test("refuses what is not a finite square matrix", () => {
    expect(() => symmetricEigen(new Float64Array(3))).toThrow(RangeError);
    expect(() => symmetricEigen(Float64Array.of(Number.NaN))).toThrow(RangeError);
  });
});

describe("laws", () => {
  test("Frechet distance of a set to itself is 0; to its shift by t, |t|^2; of N(0, a^2) to N(0, b^2), dims (a - b)^2", () => {
    const a = normals(1, 200, 5);
    const statistics = featureStatistics(a);
    expect(frechetDistance(statistics, statistics)).toBeLessThan(1e-12);
    const shifted = featureStatistics({ ...a, data: a.data.map((value) => value + 0.5) });
    expect(frechetDistance(statistics, shifted)).toBeCloseTo(5 * 0.25, 10);
    const scaled = featureStatistics({ ...a, data: a.data.map((value) => 3 * value) });
    const { mean, covariance } = statistics;
    const trace = [0, 1, 2, 3, 4].reduce((sum, i) => sum + covariance[i * 6], 0);
    const expected = 4 * mean.reduce((sum, value) => sum + value * value, 0) + 4 * trace;
    expect(frechetDistance(statistics, scaled)).toBeCloseTo(expected, 10);
  });

  test("Frechet distance is symmetric, also when covariances are singular", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 0, max: 99 }), (count, seed) => {
        const a = featureStatistics(normals(seed, count, 8));
        const b = featureStatistics(normals(seed + 100, 20, 8, 2, 1));
        const [there, back] = [frechetDistance(a, b), frechetDistance(b, a)];
        expect(Math.abs(there - back)).toBeLessThan(1e-6 * there);
      }),
      { seed: 4, numRuns: 30 },
    );
  });

  test("kernel distance is unbiased: around 0 for samples of one distribution, either sign; large for others", () => {
    const distances = Array.from({ length: 30 }, (_, k) =>
      kernelDistance(normals(2 * k, 50, 4), normals(2 * k + 1, 50, 4)),
    );
    expect(Math.min(...distances)).toBeLessThan(0);
    expect(Math.max(...distances)).toBeGreaterThan(0);
    expect(kernelDistance(normals(1, 50, 4), normals(2, 50, 4, 1, 2))).toBeGreaterThan(10 * Math.max(...distances));
  });

  test("a set covers itself; sets far apart cover nothing of each other", () => {
    const a = normals(1, 40, 3);
    expect(precisionRecall(a, a)).toEqual({ precision: 1, recall: 1 });
    expect(precisionRecall(a, normals(2, 40, 3, 1, 100))).toEqual({ precision: 0, recall: 0 });
    // Fakes on one real point: precise, but they cover at most that neighbourhood.
    const collapsed = { ...a, data: a.data.map((_, k) => a.data[k % 3] + 1e-9 * k) };
    expect(precisionRecall(a, collapsed).precision).toBe(1);
    expect(precisionRecall(a, collapsed).recall).toBeLessThan(0.1);
  });

  test("path length is the mean of d / eps^2 without the outermost hundredths", () => {
    const distances = Float64Array.from({ length: 101 }, (_, k) => (k === 100 ? 1e9 : k) * 1e-8);
    // Position 1 and position 99 of 0..100 are the cuts: 1 to 99 remain.
    expect(perceptualPathLength(distances)).toBeCloseTo(50, 9);
    expect(perceptualPathLength([4], { epsilon: 2 })).toBe(1);
  });

  test("sizes that do not fit are refused", () => {
    expect(() => featureStatistics({ data: new Float64Array(5), count: 2, dims: 3 })).toThrow(RangeError);
    expect(() => kernelDistance(normals(1, 4, 2), normals(1, 4, 3))).toThrow(RangeError);
    expect(() => precisionRecall(normals(1, 3, 2), normals(1, 3, 2))).toThrow(RangeError);
  });
});
