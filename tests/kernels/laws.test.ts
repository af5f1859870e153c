/** What the kernels obey, whoever computes them: adjoints, sizes, separability, and the algebra of biasAct. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Activation } from "../../src/nn/kernels/activations.js";
import { adjointFilter, unfiltered } from "../../src/nn/kernels/filters.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { createKernels, hasSimd } from "../../src/nn/kernels/select.js";
import type { BiasActGeometry, Block, Kernels, Upfirdn2dGeometry } from "../../src/nn/kernels/types.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import { unitRoundoff } from "../support/bounds.js";
import { Draw, SEED } from "../support/draw.js";
import type { KernelProblem } from "../support/kernelCases/case.js";
import {
  convGeometry,
  convProblems,
  filteredGeometry,
  pointsGeometry,
  pointwiseGeometry,
} from "../support/kernelCases/conv.js";
import { filterOf, fourTapGeometry, upfirdn2dGeometry, upfirdn2dProblem } from "../support/kernelCases/resample.js";

type Numbers = Float32Array | Float64Array;
const options = { seed: SEED, numRuns: 40 };
let simd: Kernels;
beforeAll(async () => {
  simd = await createKernels({ kernels: "simd" });
});

/** Both kernels, and the relative error that each may make in a sum of products of rounded numbers. */
const pair: readonly [string, () => Kernels, number][] = [
  ["reference", () => createReferenceKernels("float64"), 1e-12],
  ["simd", () => simd, 64 * unitRoundoff],
];

function run(kernels: Kernels, problem: KernelProblem, inputs: readonly Numbers[]): Float64Array {
  const output = { length: problem.output, data: new Float64Array(problem.output).fill(Number.NaN) };
  problem.run(
    kernels,
    inputs.map((data) => ({ length: data.length, data })),
    output,
    false,
  );
  return output.data;
}

/** <a, b>, and sum|terms| to judge it by. */
function product(a: Numbers, b: Numbers): { sum: number; terms: number } {
  let sum = 0;
  let terms = 0;
  for (let i = 0; i < a.length; i++) {
    sum += a[i] * b[i];
    terms += Math.abs(a[i] * b[i]);
  }
  return { sum, terms };
}

function expectClose(a: Float64Array, b: Float64Array, relative: number): void {
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => {
    expect(Math.abs(value - b[i])).toBeLessThanOrEqual(relative * largest);
  });
}

describe.each(pair)("%s", (_, kernels, relative) => {
  test("<conv(x, w), dy> = <x, convInputGrad(dy, w)> = <w, convWeightGrad(x, dy)>", () => {
    fc.assert(
      fc.property(convGeometry, fc.nat(), (geometry, seed) => {
        const draw = new Draw(seed);
        const forward = convProblems.conv2d(geometry);
        const [x, w, dy] = [...forward.inputs, forward.output].map((n) =>
          Float64Array.from({ length: n }, () => Math.fround(draw.normal())),
        );
        const y = run(kernels(), forward, [x, w]);
        const dx = run(kernels(), convProblems.conv2dInputGrad(geometry), [dy, w]);
        const dw = run(kernels(), convProblems.conv2dWeightGrad(geometry), [x, dy]);
        const [byY, byX, byW] = [product(y, dy), product(x, dx), product(w, dw)];
        const scale = Math.max(byY.terms, byX.terms, byW.terms);
        expect(Math.abs(byY.sum - byX.sum)).toBeLessThanOrEqual(relative * scale);
        expect(Math.abs(byY.sum - byW.sum)).toBeLessThanOrEqual(relative * scale);
      }),
      options,
    );
  });

  test("<U x, y> = <x, U' y>: upfirdn2d's adjoint swaps up and down and flips the filter", () => {
    fc.assert(
      fc.property(upfirdn2dGeometry, fc.nat(), (g, seed) => {
        const draw = new Draw(seed);
        const adjoint: Upfirdn2dGeometry = {
          ...g,
          height: g.outHeight,
          width: g.outWidth,
          outHeight: g.height,
          outWidth: g.width,
          upX: g.downX,
          upY: g.downY,
          downX: g.upX,
          downY: g.upY,
          padX0: g.filter.tapsX - g.padX0 - 1,
          padX1: g.width * g.upX - g.outWidth * g.downX + g.padX0 - g.upX + 1,
          padY0: g.filter.tapsY - g.padY0 - 1,
          padY1: g.height * g.upY - g.outHeight * g.downY + g.padY0 - g.upY + 1,
          flipFilter: !g.flipFilter,
        };
        const forward = upfirdn2dProblem(g);
        const [x, u] = [forward.inputs[0], forward.output].map((n) =>
          Float64Array.from({ length: n }, () => Math.fround(draw.normal())),
        );
        const left = product(run(kernels(), forward, [x]), u);
        const right = product(x, run(kernels(), upfirdn2dProblem(adjoint), [u]));
        expect(Math.abs(left.sum - right.sum)).toBeLessThanOrEqual(relative * Math.max(left.terms, right.terms));
        // The size formula sends the adjoint back to where it came from.
        expect(Math.floor((g.outWidth * g.downX + adjoint.padX0 + adjoint.padX1 - g.filter.tapsX) / g.upX) + 1).toBe(
          g.width,
        );
      }),
      options,
    );
  });

  test("separability: filtering with y (outer) x = filtering with x, then with y", () => {
    const one = [1];
    fc.assert(
      fc.property(upfirdn2dGeometry, fc.nat(), (g, seed) => {
        fc.pre(g.filter.separable !== null);
        const draw = new Draw(seed);
        const { y, x } = g.filter.separable ?? { y: one, x: one };
        const whole = upfirdn2dProblem(g);
        const alongX: Upfirdn2dGeometry = {
          ...g,
          filter: filterOf(one, x, true),
          ...{ upY: 1, downY: 1, padY0: 0, padY1: 0, outHeight: g.height, gain: 1 },
        };
        const alongY: Upfirdn2dGeometry = {
          ...g,
          filter: filterOf(y, one, true),
          ...{ upX: 1, downX: 1, padX0: 0, padX1: 0, width: g.outWidth },
        };
        const input = Float64Array.from({ length: whole.inputs[0] }, () => Math.fround(draw.normal()));
        const inSteps = run(kernels(), upfirdn2dProblem(alongY), [run(kernels(), upfirdn2dProblem(alongX), [input])]);
        const scale = [...y, ...x].reduce((sum, tap) => sum + Math.abs(tap), 1);
        expectClose(run(kernels(), whole, [input]), inSteps, relative * scale);
        // The full matrix of taps gives the same as its two factors.
        const matrix = upfirdn2dProblem({ ...g, filter: { ...g.filter, separable: null } });
        expectClose(run(kernels(), matrix, [input]), inSteps, relative * scale);
      }),
      options,
    );
  });

  test("biasAct: phi(c t) = c phi(t) for c > 0 under lrelu; its gradient is readable from the output's sign", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 67 }),
        fc.integer({ min: -5, max: 5 }),
        fc.nat(),
        (inner, exponent, seed) => {
          const draw = new Draw(seed);
          const geometry = lrelu({ outer: 2, channels: 3, inner, clamp: 1.5 });
          const unclamped = { ...geometry, clamp: null };
          const [x, dy] = [0, 1].map(() => Float32Array.from({ length: 6 * inner }, () => draw.normal()));
          const scaled = x.map((value) => value * 2 ** exponent);
          const plain = act(kernels(), x, unclamped);
          expect(act(kernels(), scaled, unclamped)).toEqual(plain.map((value) => value * 2 ** exponent));
          const y = act(kernels(), x, geometry);
          const expected = Float64Array.from(dy, (value, i) =>
            Math.abs(y[i]) < 1.5 ? value * Math.SQRT2 * (y[i] > 0 ? 1 : 0.2) : 0,
          );
          const dx = run(kernels(), { ...biasActProblem(geometry, true), output: dy.length }, [dy, x]);
          expectClose(dx, expected, 4 * unitRoundoff);
        },
      ),
      options,
    );
  });

  test("conv2dBiasAct is biasAct of conv2d, bit for bit", () => {
    const activation = fc.constantFrom("lrelu", "linear", "relu") satisfies fc.Arbitrary<Activation>;
    fc.assert(
      fc.property(
        fc.oneof(convGeometry, pointsGeometry(), pointwiseGeometry()),
        activation,
        fc.boolean(),
        fc.nat(),
        (g, act, hasBias, seed) => {
          const draw = new Draw(seed);
          const [x, w, y] = [...convProblems.conv2d(g).inputs, convProblems.conv2d(g).output].map((length) => ({
            length,
            data: Float32Array.from({ length }, () => draw.normal()),
          }));
          const b = { length: g.outChannels, data: Float32Array.from({ length: g.outChannels }, () => draw.normal()) };
          const maps = { outer: g.n, channels: g.outChannels, inner: g.outHeight * g.outWidth };
          const end = { ...lrelu({ ...maps, clamp: null }), inputGain: 0.3, biasGain: -2, activation: act };
          const bias = hasBias ? b : null;
          kernels().conv2d(x, w, y, g);
          kernels().biasAct(y, bias, y, end);
          const expected = y.data.slice();
          kernels().conv2dBiasAct(x, w, bias, { length: y.length, data: y.data.fill(Number.NaN) }, g, end);
          expect(Buffer.from(y.data.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
        },
      ),
      { ...options, numRuns: 24 },
    );
  });

  test("convolutions of scaled maps are those of the products, bit for bit", () => {
    const random = (draw: Draw, length: number) => ({
      length,
      data: Float32Array.from({ length }, () => draw.normal()),
    });
    fc.assert(
      fc.property(fc.oneof(convGeometry, pointsGeometry(), pointwiseGeometry()), fc.nat(), (g, seed) => {
        const draw = new Draw(seed);
        const k = kernels();
        const [x, w, y] = [...convProblems.conv2d(g).inputs, convProblems.conv2d(g).output].map((n) => random(draw, n));
        const [ofX, ofY] = [g.n * g.inChannels, g.n * g.outChannels].map((n) => random(draw, n));
        const times = (maps: Block, scales: Block): Block => {
          const shape = [scales.length, maps.length / scales.length];
          const product = random(draw, maps.length);
          k.binary("mul", maps, scales, product, {
            shape,
            strides: [
              [shape[1], 1],
              [1, 0],
            ],
          });
          return product;
        };
        const expectSame = (length: number, direct: (to: Block) => void, inSteps: (to: Block) => void): void => {
          const [a, b] = [random(draw, length), random(draw, length)];
          direct(a);
          inSteps(b);
          expect(Buffer.from(a.data.buffer).equals(Buffer.from(b.data.buffer))).toBe(true);
        };
        const [sx, sy] = [times(x, ofX), times(y, ofY)];
        expectSame(
          y.length,
          (to) => k.conv2d(x, w, to, g, ofX),
          (to) => k.conv2d(sx, w, to, g),
        );
        expectSame(
          x.length,
          (to) => k.conv2dInputGrad(y, w, to, g, ofY),
          (to) => k.conv2dInputGrad(sy, w, to, g),
        );
        for (const [scales, a, b] of [
          [{ x: ofX }, sx, y],
          [{ dy: ofY }, x, sy],
          [{ x: ofX, dy: ofY }, sx, sy],
        ] as const) {
          const direct = (to: Block): void => k.conv2dWeightGrad(x, y, to, g, scales);
          expectSame(w.length, direct, (to) => k.conv2dWeightGrad(a, b, to, g));
        }
      }),
      { ...options, numRuns: 20 },
    );
  });

  test("infinities and NaN keep their meaning (the sign of zero is free)", () => {
    const x = Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0.5, 0.5);
    const geometry = lrelu({ outer: 1, channels: 1, inner: 5, clamp: null });
    const relu = act(kernels(), x, { ...geometry, gain: 1, activation: "relu" });
    expect([...relu].map((value) => value + 0)).toEqual([Number.POSITIVE_INFINITY, 0, Number.NaN, 0, 0.5]);
    expect([...act(kernels(), x, { ...geometry, gain: 1, clamp: 2 })].slice(0, 3)).toEqual([2, -2, Number.NaN]);
    const sign = { length: 5, data: new Float64Array(5) };
    kernels().unary("sign", { length: 5, data: x }, sign);
    expect([...sign.data]).toEqual([1, -1, Number.NaN, -1, 1]);
  });
});

test("E[(sqrt(2) lrelu(n))^2] = 1 + 0.2^2 for normal n", () => {
  const draw = new Draw(3);
  const count = 40_000;
  const x = Float32Array.from({ length: count }, () => draw.normal());
  const y = act(simd, x, lrelu({ outer: 1, channels: 1, inner: count, clamp: null }));
  const squares = y.map((value) => value * value);
  const mean = squares.reduce((sum, value) => sum + value, 0) / count;
  const deviation = Math.sqrt(squares.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count / count);
  expect(Math.abs(mean - 1.04)).toBeLessThan(5 * deviation);
  expect(deviation).toBeLessThan(0.02);
});

test("select: the reference computes in float64, auto takes SIMD where it is, relaxed where that is", async () => {
  expect((await createKernels({ kernels: "reference" })).precision).toBe("float64");
  const simd = (await hasRelaxedSimd()) ? "relaxed-simd" : "simd";
  expect((await createKernels({ wide: false })).name).toBe(hasSimd() ? simd : "reference");
});

function lrelu(rest: Pick<BiasActGeometry, "outer" | "channels" | "inner" | "clamp">): BiasActGeometry {
  const activation: Activation = "lrelu";
  return { ...rest, activation, inputGain: 1, biasGain: 1, alpha: 0.2, gain: Math.SQRT2 };
}

function biasActProblem(g: BiasActGeometry, gradient: boolean): Pick<KernelProblem, "inputs" | "flops" | "run"> {
  return {
    inputs: [],
    flops: 0,
    run: (kernels, [a, b], y) => (gradient ? kernels.biasActGrad(a, b, null, y, g) : kernels.biasAct(a, null, y, g)),
  };
}

function act(kernels: Kernels, x: Float32Array, geometry: BiasActGeometry): Float64Array {
  return run(kernels, { ...biasActProblem(geometry, false), output: x.length }, [x]);
}

test("a filter that adds gives the sum of what is there and what it makes, bit for bit", () => {
  fc.assert(
    fc.property(fc.oneof(upfirdn2dGeometry, fourTapGeometry), fc.nat(), (g, seed) => {
      const draw = new Draw(seed);
      const random = (length: number) => ({ length, data: Float32Array.from({ length }, () => draw.normal()) });
      const length = g.planes * g.outHeight * g.outWidth;
      const [x, made, y] = [random(g.planes * g.height * g.width), random(length), random(length)];
      simd.upfirdn2d(x, made, g);
      const expected = y.data.map((value, k) => value + made.data[k]);
      simd.upfirdn2d(x, y, g, { adds: true });
      expect(Buffer.from(y.data.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    }),
    { ...options, numRuns: 100 },
  );
});

test("convolutions behind a filter are those of what it makes, bit for bit, and their adjoints", () => {
  const random = (draw: Draw, length: number) => ({
    length,
    data: Float32Array.from({ length }, () => draw.normal()),
  });
  const isSame = (a: Block, b: Block): boolean => Buffer.from(a.data.buffer).equals(Buffer.from(b.data.buffer));
  fc.assert(
    fc.property(filteredGeometry(), fc.nat(), (g, seed) => {
      const [draw, k, filter, apart] = [new Draw(seed), simd, g.filter!, unfiltered(g)];
      const [x, w, y] = [...convProblems.conv2d(g).inputs, convProblems.conv2d(g).output].map((n) => random(draw, n));
      const s = random(draw, g.n * g.outChannels);
      const [maps, spread] = [0, 1].map(() => random(draw, filter.planes * g.height * g.width));
      const results = (length: number) => [random(draw, length), random(draw, length)] as const;
      k.upfirdn2d(x, maps, filter);

      const [y0, y1] = results(y.length);
      k.conv2d(x, w, y0, g);
      k.conv2d(maps, w, y1, apart);
      expect(isSame(y0, y1)).toBe(true);

      const [dw0, dw1] = results(w.length);
      k.conv2dWeightGrad(x, y, dw0, g, { dy: s });
      k.conv2dWeightGrad(maps, y, dw1, apart, { dy: s });
      expect(isSame(dw0, dw1)).toBe(true);

      const [dx0, dx1] = results(x.length);
      k.conv2dInputGrad(y, w, dx0, g, s);
      k.conv2dInputGrad(y, w, spread, apart, s);
      k.upfirdn2d(spread, dx1, adjointFilter(filter));
      expect(isSame(dx0, dx1)).toBe(true);
    }),
    { ...options, numRuns: 30 },
  );
});
