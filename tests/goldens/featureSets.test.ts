/** Distances of large sets of features: the fast forms against the definitions of metrics.ts, and their parts. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { RandomState } from "../../src/nn/random.js";
import { symmetricEigen, symmetricEigenvalues } from "../../src/stylegan/evaluation/eigen.js";
import { subsetKernelDistance } from "../../src/stylegan/evaluation/kid.js";
import { addRowProducts, choleskyFactor, mirrorLower } from "../../src/stylegan/evaluation/matrix.js";
import {
  type Features,
  featureStatistics,
  frechetDistance,
  kernelDistance,
  precisionRecall,
} from "../../src/stylegan/evaluation/metrics.js";
import { manifoldPrecisionRecall } from "../../src/stylegan/evaluation/precisionRecall.js";
import { SEED } from "../support/draw.js";
import { soleGolden } from "../support/goldens.js";

beforeAll(async () => setKernels(await createKernels()));

const normals = (seed: number, count: number, dims: number, shift = 0): Features => ({
  data: Float32Array.from(new RandomState(seed).randn(count * dims), (value) => value + shift),
  count,
  dims,
});
const golden = soleGolden("metrics");
const features = (name: string): Features => {
  const [count, dims] = golden.shape(name);
  return { data: golden.data(name), count, dims };
};
const values = JSON.parse(golden.metadata.values) as Record<"precision" | "recall", number>;

describe("sets", () => {
  test("precision and recall of the golden, and of sets of several blocks", () => {
    const found = manifoldPrecisionRecall(features("real"), features("fake"));
    expect(found).toEqual({ precision: values.precision, recall: values.recall });
    const [a, b] = [normals(1, 1100, 6), normals(2, 1030, 6, 1.5)];
    expect(manifoldPrecisionRecall(a, b, { k: 2 })).toEqual(precisionRecall(a, b, { k: 2 }));
    // Far from the origin the same, although there float32 products have no digits left for small distances.
    const far = manifoldPrecisionRecall(normals(1, 400, 6, 300), normals(2, 400, 6, 301.5));
    expect(far).toEqual(precisionRecall(normals(1, 400, 6, 300), normals(2, 400, 6, 301.5)));
  });

  test("progress goes from 0 to 1", () => {
    const seen: number[] = [];
    manifoldPrecisionRecall(normals(1, 1030, 2), normals(2, 20, 2), { onProgress: (done) => seen.push(done) });
    expect(seen.at(-1)).toBeCloseTo(1, 12);
    expect([...seen].sort((x, y) => x - y)).toEqual(seen);
  });

  test("KID over subsets is the mean of kernel distances of those subsets; of whole sets, their kernel distance", () => {
    const [real, fake] = [normals(1, 90, 7), normals(2, 60, 7, 0.3)];
    const random = new RandomState(5);
    const pairs = Array.from({ length: 4 }, () => {
      const chosen = random.permutation(60).slice(0, 25);
      return { fake: chosen, real: random.permutation(90).slice(0, 25) };
    });
    const expected = kernelDistance(real, fake, pairs);
    const options = { subsets: 4, subsetSize: 25, random: new RandomState(5) };
    expect(subsetKernelDistance(real, fake, options)).toBeCloseTo(expected, 5);
    const whole = subsetKernelDistance(fake, fake, { subsets: 1, random: new RandomState(0) });
    expect(whole).toBeCloseTo(kernelDistance(fake, fake), 4);
    expect(() => subsetKernelDistance(real, normals(3, 1, 7), options)).toThrow(/at least 2/);
  });

  test("statistics of many rows are those of the definition", () => {
    const { data, count, dims } = normals(3, 530, 9, 2);
    const { mean, covariance } = featureStatistics({ data, count, dims });
    for (let i = 0; i < dims; i++) {
      for (let j = 0; j < dims; j++) {
        let sum = 0;
        for (let n = 0; n < count; n++) sum += (data[n * dims + i] - mean[i]) * (data[n * dims + j] - mean[j]);
        expect(covariance[i * dims + j]).toBeCloseTo(sum / count, 12);
      }
    }
  });

  test("a Frechet distance of 300 dimensions from fewer images than dimensions", () => {
    const [a, b] = [featureStatistics(normals(1, 200, 300)), featureStatistics(normals(2, 250, 300, 0.1))];
    const there = frechetDistance(a, b);
    expect(Math.abs(frechetDistance(b, a) - there)).toBeLessThan(1e-6 * there);
    expect(frechetDistance(a, a)).toBeLessThan(1e-4);
    const broken = { ...a, mean: a.mean.map(() => Number.NaN) };
    expect(() => frechetDistance(broken, b)).toThrow(/finite/);
  });
});

describe("matrices", () => {
  const sizes = { m: fc.integer({ min: 1, max: 150 }), n: fc.integer({ min: 1, max: 150 }) };
  const shapes = fc.record({ ...sizes, depth: fc.integer({ min: 0, max: 600 }), seed: fc.nat(99) });

  test("row products are added, whole or below the diagonal", () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), ({ m, n: columns, depth, seed }, lower) => {
        const n = lower ? m : columns;
        const random = new RandomState(seed);
        const [a, b] = [random.randn(m * depth), random.randn(n * depth)];
        const out = new Float64Array(m * n).fill(1);
        addRowProducts({ a, b, out, m, n, depth, lower });
        if (lower) mirrorLower(out, n);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < (lower ? i + 1 : n); j++) {
            let sum = 1;
            for (let k = 0; k < depth; k++) sum += a[i * depth + k] * b[j * depth + k];
            if (!(Math.abs(out[i * n + j] - sum) < 1e-11)) throw new Error(`${i}, ${j}: ${out[i * n + j]}, not ${sum}`);
            if (lower && out[j * n + i] !== out[i * n + j]) throw new Error(`${j}, ${i} is not mirrored`);
          }
        }
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  const symmetric = fc.record({
    n: fc.integer({ min: 1, max: 30 }),
    rank: fc.integer({ min: 0, max: 30 }),
    seed: fc.nat(99),
  });
  const gram = (n: number, rank: number, seed: number): Float64Array => {
    const a = new RandomState(seed).randn(n * rank);
    const out = new Float64Array(n * n);
    addRowProducts({ a, b: a, out, m: n, n, depth: rank });
    return out;
  };

  test("R^T R = A for the Cholesky factor, of the rank of A", () => {
    fc.assert(
      fc.property(symmetric, ({ n, rank, seed }) => {
        const a = gram(n, rank, seed);
        const { rows, rank: found } = choleskyFactor(a, n);
        expect(found).toBe(Math.min(n, rank));
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let k = 0; k < found; k++) sum += rows[k * n + i] * rows[k * n + j];
            expect(Math.abs(sum - a[i * n + j])).toBeLessThan(1e-10);
          }
        }
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  test("eigenvalues alone are those that come with vectors", () => {
    fc.assert(
      fc.property(symmetric, ({ n, rank, seed }) => {
        const [positive, other] = [gram(n, rank, seed), gram(n, 3, seed + 1)];
        const a = positive.map((value, k) => value - other[k]);
        const [alone, full] = [symmetricEigenvalues(a).sort(), symmetricEigen(a).values.sort()];
        for (let k = 0; k < n; k++) expect(Math.abs(alone[k] - full[k])).toBeLessThan(1e-10);
      }),
      { seed: SEED, numRuns: 60 },
    );
    expect([...symmetricEigenvalues(Float64Array.of(2, 99, 0, 3))].sort()).toEqual([2, 3]); // reads below the diagonal
    expect(() => symmetricEigenvalues(Float64Array.of(Number.NaN))).toThrow(RangeError);
  });
});
