/** The noise generator: its bits by the published answers, its numbers by what standard normals must do. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { philox } from "../../src/nn/kernels/reference/normal.js";
import { createWasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { drawNoise, NoiseGenerator } from "../../src/nn/noise.js";
import { RandomState } from "../../src/nn/random.js";

const reference = createReferenceKernels("float64");
const simd = await createWasmKernels();

describe("Philox4x32-10", () => {
  test("known answers (Salmon et al. 2011, Random123)", () => {
    const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");
    const ones = 0xffffffff;
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe("408f276d 41c83b0e a20bc7c6 6d5451fd");
    const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;
    expect(hex(philox(pi, [0xa4093822, 0x299f31d0]))).toBe("d16cfe09 94fdcceb 5001e420 24126ea1");
  });
});

describe.each([
  { name: "reference", kernels: reference },
  { name: "simd", kernels: simd },
])("noise of the $name kernels", ({ kernels }) => {
  const numbers = (generator: NoiseGenerator, shape: readonly number[]): Float64Array => {
    setKernels(kernels);
    return generator.normal(shape).toFloat64Array();
  };

  test("moments and tails of a standard normal, within five standard errors", () => {
    const n = 2 ** 16;
    const x = numbers(new NoiseGenerator(5), [n]);
    const moment = (power: number): number => x.reduce((sum, value) => sum + value ** power, 0) / n;
    const fifth = 5 / Math.sqrt(n);
    expect(Math.abs(moment(1))).toBeLessThan(fifth);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(fifth * Math.sqrt(2));
    expect(Math.abs(moment(3))).toBeLessThan(fifth * Math.sqrt(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(fifth * Math.sqrt(96));
    const beyond = (limit: number): number => x.filter((value) => Math.abs(value) > limit).length / n;
    for (const [limit, probability] of [
      [1, 0.317310508],
      [2, 0.0455002639],
      [3, 0.0026997961],
    ]) {
      expect(Math.abs(beyond(limit) - probability)).toBeLessThan(fifth * Math.sqrt(probability));
    }
    expect(x.every((value) => Math.abs(value) < 5.8)).toBe(true);
  });

  test("neighbours at any of the distances of its layout, and other streams and seeds, are independent", () => {
    const n = 2 ** 14;
    const generator = new NoiseGenerator(9);
    const [x, later] = [numbers(generator, [n]), numbers(generator, [n])];
    const other = numbers(new NoiseGenerator(10), [n]);
    const correlation = (a: Float64Array, b: Float64Array, distance: number): number => {
      let sum = 0;
      for (let k = 0; k + distance < n; k++) sum += a[k] * b[k + distance];
      return (sum / (n - distance)) * Math.sqrt(n);
    };
    for (const distance of [1, 4, 8, 16, 64]) {
      expect(Math.abs(correlation(x, x, distance)), `distance ${distance}`).toBeLessThan(5);
    }
    const energy = Float64Array.from(x, (value) => (value * value - 1) / Math.SQRT2);
    for (const distance of [1, 4, 8, 16]) expect(Math.abs(correlation(energy, energy, distance))).toBeLessThan(5);
    expect(Math.abs(correlation(x, later, 0))).toBeLessThan(5);
    expect(Math.abs(correlation(x, other, 0))).toBeLessThan(5);
  });

  test("a seed repeats its numbers, call by call; a shorter tensor has the beginning of a longer one", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.integer({ min: 1, max: 100 }), (seed, length) => {
        const [a, b] = [new NoiseGenerator(seed), new NoiseGenerator(seed)];
        for (let call = 0; call < 3; call++) {
          expect(numbers(b, [100]).subarray(0, length)).toEqual(numbers(a, [length]));
        }
      }),
      { numRuns: 20 },
    );
  });
});

test("drawNoise takes the numbers of numpy in their order, or those of the generator", () => {
  setKernels(reference);
  const drawn = drawNoise(new RandomState(3), [2, 3]);
  expect(drawn.shape).toEqual([2, 3]);
  expect([...drawn.toFloat64Array()]).toEqual([...new RandomState(3).randn(6)]);
  const noise = drawNoise(new NoiseGenerator(3), [2, 3]).toFloat64Array();
  expect(noise).toEqual(new NoiseGenerator(3).normal([6]).toFloat64Array());
});

test("seeds are whole numbers of 32 bits, shapes are shapes", () => {
  for (const seed of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => new NoiseGenerator(seed)).toThrow(/32 - 1, got/);
  setKernels(reference);
  expect(() => new NoiseGenerator(1).normal([-1])).toThrow(/NoiseGenerator.normal/);
});
