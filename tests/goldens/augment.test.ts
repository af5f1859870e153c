/**
 * Augmentation against the official pipeline (fixtures/augment), and the laws of its parts: the sampler and its
 * adjoint, orthonormal wavelets, a filter bank that sums to the identity, gradients of first and second order.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/index.js";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { mul, square } from "../../src/nn/ops/arith.js";
import { type AffineMatrix, affineSample } from "../../src/nn/ops/gridSample.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { FILTER_BANK } from "../../src/stylegan/augment/corruption.js";
import type { SampleDraw, Transformation } from "../../src/stylegan/augment/draws.js";
import { SYM6 } from "../../src/stylegan/augment/geometry.js";
import {
  type AugmentDraws,
  type AugmentPipeline,
  adjustP,
  augment,
  augmentPipelines,
  drawAugmentation,
} from "../../src/stylegan/augment/pipeline.js";
import { compare, soleGolden } from "../support/goldens.js";

const golden = soleGolden("augment");
const specs = JSON.parse(golden.metadata.specs) as Record<string, AugmentPipeline>;
const cases = golden.names.filter((name) => name.includes("/p"));

beforeAll(() => setKernels(createReferenceKernels("float64")));

/** The inverse of the error function, by Newton's method on its series. */
function inverseErf(y: number): number {
  const erf = (x: number): number => {
    let term = x;
    let total = x;
    for (let k = 1; k < 60; k++) {
      term *= (-x * x) / k;
      total += term / (2 * k + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  };
  let x = 0;
  for (let k = 0; k < 50; k++) x -= (erf(x) - y) / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));
  return x;
}

const NORMAL: readonly Transformation[] = [
  "scale",
  "aniso",
  "xfrac",
  "brightness",
  "contrast",
  "saturation",
  "imgfilter",
  "noise",
];

/**
 * What the official debug_percentile draws: everything applied, uniforms at the percentile, normals at erfinv(2p - 1),
 * the second rotation none at all.
 */
function percentileDraws(n: number, percentile: number): AugmentDraws {
  const { samples } = drawAugmentation(new RandomState(0), {}, [n, 3, 1, 1]);
  const fixed = samples.map((sample) => {
    const entries = Object.entries(sample).map(([name, { gates, amounts }]) => {
      const isNormal = NORMAL.includes(name as Transformation);
      const amount = name === "postRotation" ? 0.5 : isNormal ? inverseErf(2 * percentile - 1) : percentile;
      return [name, { gates: gates.map(() => 0), amounts: amounts.map(() => amount) }];
    });
    return Object.fromEntries(entries) as SampleDraw;
  });
  return { samples: fixed, noise: null };
}

describe.each(["reference", "simd"] as const)("goldens, %s kernels", (kernels) => {
  beforeAll(() => init({ kernels }));
  afterAll(() => setKernels(createReferenceKernels("float64")));

  test("there are cases for every part of the pipeline", () => {
    for (const spec of ["blit", "geom", "color", "filter", "cutout", "bgc"]) {
      expect(cases.filter((name) => name.startsWith(`${spec}/`)).length).toBeGreaterThan(0);
    }
  });

  test.each(cases)("%s", (name) => {
    const [spec, percentile] = name.split("/p");
    const shape = golden.shape("images");
    const images = Tensor.from(golden.data("images"), shape);
    const draws = percentileDraws(shape[0], Number(percentile));
    const augmented = augment(images, { pipeline: specs[spec], p: 1, draws });
    expect(augmented.shape).toEqual(shape);
    const { difference, largest } = compare(augmented.toFloat64Array(), golden.data(name));
    expect(difference).toBeLessThanOrEqual(1e-4 * largest);
    // The tolerance is far below what the transformation does.
    expect(compare(images.toFloat64Array(), golden.data(name)).difference).toBeGreaterThan(1e-2 * largest);
  });
});

describe("laws", () => {
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let total = 0;
    for (let k = 0; k < a.length; k++) total += a[k] * b[k];
    return total;
  };

  test("sym6 is orthonormal with six vanishing moments: sum_k h_k h_k+2n = delta_n", () => {
    for (let shift = 0; shift < SYM6.length / 2; shift++) {
      const product = dot(SYM6.slice(2 * shift), SYM6);
      expect(Math.abs(product - (shift === 0 ? 1 : 0))).toBeLessThan(1e-10);
    }
    for (let moment = 0; moment < 6; moment++) {
      const value = SYM6.reduce(
        (total, tap, k) => total + (k % 2 === 0 ? 1 : -1) * tap * (k / SYM6.length) ** moment,
        0,
      );
      expect(Math.abs(value)).toBeLessThan(1e-9);
    }
  });

  test("the bands of the image filter sum to the identity", () => {
    FILTER_BANK[0].forEach((_, tap) => {
      const total = FILTER_BANK.reduce((sumOfBands, band) => sumOfBands + band[tap], 0);
      expect(Math.abs(total - (tap === 21 ? 1 : 0))).toBeLessThan(1e-14);
    });
  });

  const random = new RandomState(7);
  const normals = (shape: readonly number[]): Tensor =>
    Tensor.from(random.randn(shape.reduce((a, b) => a * b, 1)), shape);
  const someMatrices = (n: number): AffineMatrix[] =>
    Array.from({ length: n }, () => {
      const [a, b, c, d, e, f] = random.randn(6);
      return [a, b, 3 + c, d, e, 2 + f];
    });

  test("affineSample with the identity copies, and shifting by whole pixels crops", () => {
    const x = normals([2, 3, 4, 5]);
    const shifted: AffineMatrix = [1, 0, 2, 0, 1, 1];
    const same = affineSample(x, { matrices: [[1, 0, 0, 0, 1, 0], shifted], outHeight: 4, outWidth: 5 });
    expect(same.toFloat64Array().slice(0, 60)).toEqual(x.toFloat64Array().slice(0, 60));
    expect(same.toFloat64Array()[60]).toBe(x.toFloat64Array()[60 + 7]);
    expect(same.toFloat64Array()[60 + 4]).toBe(0); // read outside of the image
  });

  test("<sample(x), dy> = <x, spread(dy)>", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), (height, width) => {
        const x = variable(normals([2, 2, height, width]));
        const dy = normals([2, 2, 5, 4]);
        scope(() => {
          const y = affineSample(x, { matrices: someMatrices(2), outHeight: 5, outWidth: 4 });
          const [dx] = grad([y], [x], { gradOutputs: [dy] });
          const left = dot(y.toFloat64Array(), dy.toFloat64Array());
          const right = dot(x.toFloat64Array(), dx.toFloat64Array());
          expect(Math.abs(left - right)).toBeLessThan(1e-12 * (1 + Math.abs(left)));
        });
      }),
      { seed: 11, numRuns: 50 },
    );
  });

  test("the whole pipeline is affine in the images, and its gradient and second gradient say so", () => {
    const pipeline = augmentPipelines.bgcfnc;
    const shape = [3, 3, 8, 8];
    const draws = drawAugmentation(random, pipeline, shape);
    const run = (images: Tensor): Tensor => augment(images, { pipeline, p: 0.7, draws });
    const [x, direction, u] = [variable(normals(shape)), normals(shape), variable(normals(shape))];
    scope(() => {
      // <u, A x + b - b> by the map, and by its adjoint.
      const zero = run(Tensor.zeros(shape)).toFloat64Array();
      const moved = run(direction)
        .toFloat64Array()
        .map((value, k) => value - zero[k]);
      const [dx] = grad([sum(mul(run(x), u))], [x], { createGraph: true });
      const left = dot(moved, u.toFloat64Array());
      expect(Math.abs(left - dot(direction.toFloat64Array(), dx.toFloat64Array()))).toBeLessThan(1e-9);
      // d/du 1/2 |A^T u|^2 = A A^T u
      const [du] = grad([sum(square(dx))], [u]);
      const twice = run(dx.detach())
        .toFloat64Array()
        .map((value, k) => 2 * (value - zero[k]));
      expect(compare(du.toFloat64Array(), twice).difference).toBeLessThan(1e-9);
    });
  });

  test("p = 0 leaves every image as it is, whatever is drawn", () => {
    const shape = [2, 1, 8, 8];
    const images = normals(shape);
    const draws = drawAugmentation(random, augmentPipelines.bgcfnc, shape);
    const same = augment(images, { pipeline: augmentPipelines.bgcfnc, p: 0, draws });
    expect(same.toFloat64Array()).toEqual(images.toFloat64Array());
  });

  test("each image meets its own draws: a batch is its images one by one", () => {
    const shape = [3, 3, 16, 16];
    // Without scaling: the reflected margin is as wide as any image of the batch needs, and the last taps of the
    // downsampling filter see its end when an image is zoomed out.
    const { blit, color, filter, noise, cutout } = augmentPipelines;
    const pipeline = { ...blit, ...color, ...filter, ...noise, ...cutout };
    const images = normals(shape);
    const draws = drawAugmentation(random, pipeline, shape);
    const whole = augment(images, { pipeline, p: 0.8, draws }).toFloat64Array();
    const size = 3 * 16 * 16;
    draws.samples.forEach((sample, n) => {
      const part = (data: Float64Array): Tensor => Tensor.from(data.slice(n * size, (n + 1) * size), [1, 3, 16, 16]);
      const own = { samples: [sample], noise: part(draws.noise!.toFloat64Array()) };
      const alone = augment(part(images.toFloat64Array()), { pipeline, p: 0.8, draws: own }).toFloat64Array();
      expect(compare(whole.slice(n * size, (n + 1) * size), alone).difference).toBeLessThan(1e-9);
    });
  });

  test("p rises while real images are told apart too surely, falls otherwise, and never below 0", () => {
    expect(adjustP(0.1, 0.8, 64, { target: 0.6, adaKimg: 64 })).toBeCloseTo(0.101, 12);
    expect(adjustP(0.1, 0.2, 64, { target: 0.6, adaKimg: 64 })).toBeCloseTo(0.099, 12);
    expect(adjustP(0.0005, 0.2, 64, { target: 0.6, adaKimg: 64 })).toBe(0);
    // A probability ends at 1. (The official code lets it run on, and it then takes as long to come back.)
    expect(adjustP(0.9995, 0.8, 64, { target: 0.6, adaKimg: 64 })).toBe(1);
  });
});
