/** Curves and walks as laws: they pass their keys bit for bit, close, keep their variance, go there and back. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { RandomState } from "../../src/nn/random.js";
import { Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { growthImages } from "../../src/stylegan/latents/growthImages.js";
import { interpolate, interpolationKinds, slerpUnit } from "../../src/stylegan/latents/interpolation.js";
import { circle, crossOver, ease, easings, sweep, swing } from "../../src/stylegan/latents/walks.js";

const normals = (seed: number, count: number): Float64Array => new RandomState(seed).randn(count);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.hypot(...Array.from(a, (value, k) => value - b[k]));
const options = { seed: 5, numRuns: 40 };

describe("interpolation", () => {
  const cases = fc.record({
    kind: fc.constantFrom(...interpolationKinds),
    count: fc.integer({ min: 1, max: 7 }),
    dims: fc.integer({ min: 1, max: 6 }),
    loop: fc.boolean(),
    seed: fc.integer({ min: 0, max: 99 }),
  });

  test("every curve passes its keys bit for bit, open or closed", () => {
    fc.assert(
      fc.property(cases, ({ kind, count, dims, loop, seed }) => {
        const data = normals(seed, count * dims);
        const curve = interpolate({ data, count, dims }, { kind, loop });
        for (let k = 0; k < count; k++) expect([...curve(k)]).toEqual([...data.subarray(k * dims, (k + 1) * dims)]);
        const end = curve(loop ? count : count + 3);
        expect([...end]).toEqual([...(loop ? data.subarray(0, dims) : data.subarray((count - 1) * dims))]);
      }),
      options,
    );
  });

  test("the step from the last frame to the first is no larger than the others", () => {
    for (const kind of interpolationKinds) {
      const [count, dims, frames] = [4, 8, 30];
      const curve = interpolate({ data: normals(3, count * dims), count, dims }, { kind });
      const at = Array.from({ length: count * frames }, (_, frame) => curve(frame / frames));
      const steps = at.map((y, frame) => distance(y, at[(frame + 1) % at.length]));
      expect(steps.at(-1)!).toBeLessThanOrEqual(Math.max(...steps.slice(0, -1)));
    }
  });

  test("an open spline through two keys is the line, through three the parabola, through a cubic's values the cubic", () => {
    const through = (f: (x: number) => number, count: number): void => {
      const data = Array.from({ length: count }, (_, k) => f(k));
      const curve = interpolate({ data, count, dims: 1 }, { loop: false });
      for (let x = 0; x <= count - 1; x += 0.125) expect(curve(x)[0]).toBeCloseTo(f(x), 11);
    };
    through((x) => 3 - 2 * x, 2);
    through((x) => 1 + x - 0.5 * x * x, 3);
    through((x) => 1 - x + 0.25 * x ** 3, 4);
    through((x) => 2 * x - x * x + 0.1 * x ** 3, 9);
  });

  test("slerp keeps the length of vectors of one length, and turns evenly; each vector by itself", () => {
    const [a, b] = [slerpUnit(normals(1, 6), normals(1, 6), 0), slerpUnit(normals(2, 6), normals(2, 6), 0)];
    const data = [...a, ...b, ...b, ...a]; // two keys of two vectors
    const curve = interpolate({ data, count: 2, dims: 12 }, { kind: "slerp", vectorDims: 6, loop: false });
    for (const t of [0.2, 0.5, 0.9]) {
      const y = curve(t);
      expect(Math.hypot(...y.subarray(0, 6))).toBeCloseTo(1, 12);
      expect(distance(y.subarray(0, 6), curve(1 - t).subarray(6))).toBeLessThan(1e-12);
    }
    const steps = [0, 1, 2, 3].map((k) => distance(curve(k / 4).subarray(0, 6), curve((k + 1) / 4).subarray(0, 6)));
    for (const step of steps) expect(step).toBeCloseTo(steps[0], 12);
  });

  test("sizes that do not fit are refused", () => {
    expect(() => interpolate({ data: [1, 2, 3], count: 2, dims: 2 })).toThrow("2 keys of 2 need 4 numbers, got 3");
    expect(() => interpolate({ data: [], count: 0, dims: 2 })).toThrow(RangeError);
    expect(() => interpolate({ data: [1, 2, 3], count: 1, dims: 3 }, { vectorDims: 2 })).toThrow(RangeError);
  });
});

describe("walks", () => {
  test("sweeps begin and end where they say; loops come back; easing keeps 0, a half and 1", () => {
    for (const easing of easings) {
      expect([ease(0, easing), ease(0.5, easing), ease(1, easing)]).toEqual([0, 0.5, 1]);
      expect(sweep(0, [1, -2], false, easing)).toBe(1);
      expect(sweep(1, [1, -2], false, easing)).toBe(-2);
      expect([sweep(0, [1, 3], true, easing), sweep(0.5, [1, 3], true, easing)]).toEqual([1, 3]);
      expect(sweep(0.25, [1, 3], true, easing)).toBeCloseTo(sweep(0.75, [1, 3], true, easing), 12);
      expect(swing(0, [-3, 3], true, easing)).toBe(0);
    }
    const path = [0, 0.25, 0.5, 0.75].map((t) => swing(t, [-3, 3], true));
    expect(path).toEqual([0, 3, 0, -3]);
    expect([swing(0, [1, 3], true), swing(0.5, [1, 3], true)]).toEqual([1, 3]);
    expect([swing(0, [-3, 3], false), swing(1, [-3, 3], false)]).toEqual([-3, 3]);
    expect(swing(0.3, [2, 2], true)).toBe(2);
  });

  test("a circle through independent normals keeps their variance, where a line loses half of it", () => {
    const [a, b] = [normals(1, 20000), normals(2, 20000)];
    const variance = (x: ArrayLike<number>) => Array.from(x).reduce((sum, value) => sum + value * value, 0) / x.length;
    for (const t of [0, 0.125, 0.4, 0.77]) expect(variance(circle(a, b, t))).toBeCloseTo(1, 1);
    expect([...circle(a, b, 0)]).toEqual([...a]);
    expect(variance(a.map((value, k) => (value + b[k]) / 2))).toBeCloseTo(0.5, 1);
  });

  test("layers pass over from the coarsest on", () => {
    const [a, b] = [
      [1, 1, 1, 1, 1, 1],
      [9, 9, 9, 9, 9, 9],
    ];
    expect([...crossOver(a, b, 2, 0)]).toEqual(a);
    expect([...crossOver(a, b, 2, 3)]).toEqual(b);
    expect([...crossOver(a, b, 2, 1.5)]).toEqual([9, 9, 5, 5, 1, 1]);
  });
});

describe("an image as it grows", () => {
  beforeAll(() => setKernels(createReferenceKernels("float64")));

  test("skip generators and those that grow end at their image; others have none before it", () => {
    const geometry = { resolution: 16, zDim: 4, wDim: 4, mappingLayers: 1, channelMax: 4 };
    const { generator } = createNetworks(networkGeometry(geometry), 1);
    const ws = Tensor.from(normals(4, generator.numWs * 4), [1, generator.numWs, 4]);
    const images = growthImages(generator, ws);
    expect(images.map(({ shape }) => shape)).toEqual([16, 16, 16].map((r) => [1, 3, r, r]));
    const whole = generator.synthesis.forward(ws, { noiseMode: "const" }).toFloat64Array();
    expect(distance(images[2].toFloat64Array(), whole)).toBeLessThan(1e-12);
    const coarse = images[0].toFloat64Array(); // 4x4 pixels, each 4x4 times
    expect(new Set(coarse).size).toBe(3 * 16);
    const resnet = createNetworks(networkGeometry({ ...geometry, generatorArchitecture: "resnet" }), 1).generator;
    expect(() => growthImages(resnet, ws)).toThrow("a resnet generator makes one image");
  });
});
