/**
 * Automatic differentiation: every operation and every input against differences, to the second order; then the
 * algebra that any engine of vector-Jacobian products obeys (identities 15-19), recording, and errors.
 */
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type GradOptions, grad } from "../../src/nn/autograd/grad.js";
import { checkGradients } from "../../src/nn/autograd/gradcheck.js";
import { defineOp, isRecording, noGrad, variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { add, exp, mul, scale, square, sub, tanh } from "../../src/nn/ops/arith.js";
import { activationNames, biasAct, isHomogeneous } from "../../src/nn/ops/biasAct.js";
import { conv2d, convTranspose2d } from "../../src/nn/ops/conv2d.js";
import { conv2dBiasAct } from "../../src/nn/ops/conv2dBiasAct.js";
import { concat, pad, permute, slice } from "../../src/nn/ops/layout.js";
import { expand, reshape, sum } from "../../src/nn/ops/reduce.js";
import { scaledConv2d } from "../../src/nn/ops/scaledConv2d.js";
import { filter2d, setupFilter, upfirdn2d } from "../../src/nn/ops/upfirdn2d.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { Draw, SEED } from "../support/draw.js";
import { dot, dotSize, equal, identical, law } from "../support/laws.js";
import { NOT_OPERATIONS, OP_CASES } from "../support/opCases.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

describe("15, 16: <u, J v> by differences = <J^T u, v> by rules, orders one and two", () => {
  test.each(OP_CASES.map((operation) => [`${operation.op}: ${operation.detail}`, operation] as const))(
    "%s",
    (_, { inputs, f }) => {
      const checks = scope(() => checkGradients(f, inputs(new Draw(SEED)), { seed: SEED }));
      const k = Object.keys(scope(() => inputs(new Draw(SEED)))).length;
      expect(checks.length).toBe(k + k * (k + 1)); // each input; each gradient along each input and along dy
      for (const { allowed } of checks) expect(Number.isFinite(allowed)).toBe(true);
    },
  );

  test.each(OP_CASES.map((operation) => [`${operation.op}: ${operation.detail}`, operation] as const))(
    "rules read no more than they say: %s",
    (_, { inputs, f }) => {
      // A scope around the operation gives up what it made and no rule reads, here the inputs and the result.
      const gradients = (around: <T>(body: () => T) => T, retainGraph: boolean): Float64Array[] =>
        scope(() => {
          const variables = Object.entries(inputs(new Draw(SEED))).map(
            ([name, x]) => [name, variable(x.detach())] as const,
          );
          const of = variables.map(([, x]) => x);
          const given = () => Object.fromEntries(variables.map(([name, x]) => [name, scale(x, 2)]));
          const y = around(() => scale(f(given()), 0.5));
          const first = grad([sum(mul(y, y))], of, { createGraph: true });
          const found = first.map((dx) => dx.toFloat64Array());
          const second = grad([first.map((dx) => sum(square(dx))).reduce(add)], of, { retainGraph });
          return [...found, ...second.map((dx) => dx.toFloat64Array())];
        });
      const expected = gradients((body) => body(), true);
      expect(gradients(scope, true)).toEqual(expected);
      expect(gradients(scope, false)).toEqual(expected);
    },
  );

  test("every operation that src/nn/ops exports is in the table", async () => {
    const exported = new Set<string>();
    for (const file of readdirSync(new URL("../../src/nn/ops/", import.meta.url))) {
      const module = (await import(`../../src/nn/ops/${file.replace(".ts", "")}.ts`)) as Record<string, unknown>;
      for (const [name, value] of Object.entries(module)) if (typeof value === "function") exported.add(name);
    }
    for (const name of NOT_OPERATIONS) expect(exported.delete(name), name).toBe(true);
    expect([...exported].sort()).toEqual([...new Set(OP_CASES.map(({ op }) => op))].sort());
  });
});

describe("the check itself", () => {
  const x = (): Tensor => Tensor.from(Float64Array.of(0.5, -1, 2));
  const cube = (rule: (dy: Tensor, x: Tensor) => Tensor) => {
    const op = defineOp<{ x: Tensor }, null>("cube", {
      forward: ({ x }) => noGrad(() => mul(x, square(x))),
      vjp: { x: (dy, { x }) => rule(dy, x) },
    });
    return ({ x }: Readonly<Record<string, Tensor>>): Tensor => op({ x }, null);
  };

  test("passes d(x^3) = 3 x^2 dy", () => {
    expect(
      checkGradients(
        cube((dy, x) => mul(dy, scale(square(x), 3))),
        { x: x() },
      ),
    ).toHaveLength(3);
  });
  test("catches a rule that is wrong by one part in a million", () => {
    const wrong = cube((dy, x) => mul(dy, scale(square(x), 3.000003)));
    expect(() => checkGradients(wrong, { x: x() })).toThrow(/derivative of y in the direction of x/);
  });
  test("catches a rule that is right itself, but cannot be differentiated", () => {
    const cut = cube((dy, x) => mul(dy, scale(square(x.detach()), 3)));
    expect(checkGradients(cut, { x: x() }, { order: 1 })).toHaveLength(1);
    expect(() => checkGradients(cut, { x: x() })).toThrow(/derivative of dx in the direction of x/);
  });
  test("says what it compared: by hand, for x^2 at a negative x", () => {
    const [random, h, at] = [new RandomState(3), 4 * 1e-5, -4];
    const [v, u] = [random.randn(1)[0], random.randn(1)[0]];
    const [before, after] = [(at - h * v) ** 2, (at + h * v) ** 2];
    const jv = (after - before) / (2 * h);
    const [check] = checkGradients(({ x }) => square(x), { x: Tensor.from([at]) }, { seed: 3 });
    expect(check).toMatchObject({ of: "y", input: "x", analytic: u * 2 * at * v });
    expect(check.numeric).toBeCloseTo(u * jv, 6);
    const rounding = (8 * Number.EPSILON * (before + after)) / (2 * h);
    expect(check.allowed / (Math.abs(u) * (1e-7 * Math.abs(jv) + rounding))).toBeCloseTo(1, 9);
  });
  test("needs float64", () => {
    setKernels(createReferenceKernels("float32"));
    expect(() =>
      checkGradients(
        cube((dy) => dy),
        { x: x() },
      ),
    ).toThrow(TypeError);
    setKernels(createReferenceKernels("float64"));
  });
});

/** A function with curvature in x and w, for the algebra: sum-free, so that its Jacobian has more than one row. */
const curved = (x: Tensor, w: Tensor): Tensor => tanh(conv2d(mul(x, exp(scale(x, 0.3))), w, { padding: 1 }));

const sizes = { n: fc.integer({ min: 1, max: 3 }), side: fc.integer({ min: 1, max: 5 }) };
const point = ({ n, side }: { n: number; side: number }, draw: Draw) => ({
  x: variable(draw.normals([n, 2, side, side])),
  w: variable(draw.normals([2, 2, 3, 3], 0.3)),
});

/** Nine numbers of a map as a kernel [3, 3, 1, 1]. */
const weightOf = (map: Tensor): Tensor => reshape(slice(reshape(map, [24]), 0, 0, 9), [3, 3, 1, 1]);

/** 3 a + 2 b + 3 c, whose rule of c takes what that of a has found. */
const sharing = defineOp<{ a: Tensor; b: Tensor; c: Tensor }, null>("sharing", {
  forward: ({ a, b, c }) => noGrad(() => add(scale(add(a, c), 3), scale(b, 2))),
  vjp: { a: (dy) => scale(dy, 3), b: (dy) => scale(dy, 2), c: (dy, _, __, ___, found) => found.a ?? scale(dy, 3) },
});

/** Of any two maps [2, 3, 2, 2] one more: sums hand a gradient on as it is, products and activations write over it. */
const makers: readonly ((a: Tensor, b: Tensor, bias: Tensor) => Tensor)[] = [
  add,
  sub,
  mul,
  (a) => scale(a, -0.5),
  (a, b) => sharing({ a, b: a, c: b }, null),
  (a, b) => mul(a, sum(b, { axes: [2, 3], keepDims: true })),
  (a) => filter2d(a, setupFilter([1, 2, 4])),
  (a) => reshape(add(reshape(a, [6, 4]), reshape(a, [6, 4])), a.shape),
  (a, _, bias) => biasAct(a, bias, { activation: "lrelu" }),
  (a, b, bias) =>
    biasAct(a, bias, {
      activation: "lrelu",
      scale: sum(b, { axes: [2, 3], keepDims: true }),
      noise: slice(b, 1, 0, 1),
    }),
  (a, b, bias) => conv2dBiasAct(a, weightOf(b), bias, {}, { activation: "lrelu" }),
  (a, b) => scaledConv2d(a, sum(b, { axes: [2, 3], keepDims: true }), weightOf(a)),
  (a, b) => scaledConv2d(a, sum(b, { axes: [2, 3], keepDims: true }), weightOf(b), { transposed: true }),
];

describe("the algebra of vector-Jacobian products", () => {
  test("gradients that lie in each other's place are those of a walk that is recorded, where none does", () => {
    const step = fc.tuple(fc.nat(makers.length - 1), fc.nat(), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), fc.nat(), (steps, middle, seed) =>
        scope(() => {
          const draw = new Draw(seed);
          const bias = variable(draw.normals([3]));
          const maps = [0, 1].map(() => variable(draw.normals([2, 3, 2, 2])));
          for (const [maker, i, j] of steps)
            maps.push(makers[maker](maps[i % maps.length], maps[j % maps.length], bias));
          const outputs = [maps.at(-1)!, maps[middle % maps.length]];
          const gradOutputs = outputs.map(({ shape }) => draw.normals(shape));
          const inputs = [maps[0], maps[1], bias, maps[(middle + 1) % maps.length]];
          const walk = (options: GradOptions): Float64Array[] =>
            grad(outputs, inputs, { ...options, gradOutputs }).map((dx) => dx.toFloat64Array());
          const [given, expected] = [gradOutputs.map((dy) => dy.toFloat64Array()), walk({ createGraph: true })];
          expect(walk({})).toEqual(expected);
          expect(walk({ retainGraph: false })).toEqual(expected);
          expect(gradOutputs.map((dy) => dy.toFloat64Array())).toEqual(given);
        }),
      ),
      { seed: SEED, numRuns: 300 },
    );
  });

  law("17: F*(a u + b v) = a F*u + b F*v", sizes, (shape, draw) => {
    const { x, w } = point(shape, draw);
    const y = curved(x, w);
    const [u, v] = [draw.normals(y.shape), draw.normals(y.shape)];
    const [a, b] = [draw.normal(), draw.normal()];
    const pull = (dy: Tensor): Tensor[] => grad([y], [x, w], { gradOutputs: [dy] });
    const [ofU, ofV, ofSum] = [pull(u), pull(v), pull(add(scale(u, a), scale(v, b)))];
    for (const k of [0, 1]) {
      const expected = add(scale(ofU[k], a), scale(ofV[k], b));
      equal(ofSum[k], expected);
    }
  });

  law("18: <v, H u> = <u, H v>, the Hessian through double backward", sizes, (shape, draw) => {
    const { x, w } = point(shape, draw);
    const loss = sum(square(curved(x, w)));
    const [dx] = grad([loss], [x], { createGraph: true });
    const [u, v] = [draw.normals(x.shape), draw.normals(x.shape)];
    const [hu] = grad([dx], [x], { gradOutputs: [u] });
    const [hv] = grad([dx], [x], { gradOutputs: [v] });
    equal(dot(v, hu), dot(u, hv), { scale: dotSize(v, hu) });
  });

  law("19: d/du <F*u, v> = J v, hence <u, J v> = <F*u, v>", sizes, (shape, draw) => {
    const { x, w } = point(shape, draw);
    const y = curved(x, w);
    const u = variable(draw.normals(y.shape));
    const v = draw.normals(x.shape);
    const [pulled] = grad([y], [x], { gradOutputs: [u], createGraph: true });
    const [jv] = grad([pulled], [u], { gradOutputs: [v] });
    equal(dot(u, jv), dot(pulled, v), { scale: dotSize(u, jv) });
    // J v is a derivative along v, so differences must find it too.
    const h = 1e-5;
    const ahead = noGrad(() => curved(add(x, scale(v, h)), w));
    const behind = noGrad(() => curved(add(x, scale(v, -h)), w));
    equal(scale(add(ahead, scale(behind, -1)), 0.5 / h), jv, { tolerance: 1e-7 });
  });

  law("smooth activations: the kernel (nothing recorded) = the composition (recorded)", sizes, ({ n, side }, draw) => {
    const [x, b] = [variable(draw.normals([n, 3, side])), draw.normals([3])];
    for (const activation of activationNames.filter((name) => !isHomogeneous(name))) {
      for (const clamp of [null, 0.7]) {
        const options = { activation, gain: 1.3, clamp };
        equal(
          noGrad(() => biasAct(x, b, options)),
          biasAct(x, b, options),
        );
      }
    }
  });
});

describe("recording", () => {
  const x = (): Tensor => variable(Tensor.from(Float64Array.of(1, 2, 3)));

  test("noGrad records nothing, nests, and recovers from errors", () => {
    const a = x();
    const y = noGrad(() => {
      expect(isRecording()).toBe(false);
      noGrad(() => undefined);
      expect(isRecording()).toBe(false);
      return square(a);
    });
    expect(y.internals.node).toBeNull();
    expect(() =>
      noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(isRecording()).toBe(true);
    expect(square(a).internals.node).not.toBeNull();
  });

  test("without createGraph a gradient is a constant; with it, it can be differentiated again and again", () => {
    const a = x();
    const [plain] = grad([sum(mul(a, square(a)))], [a]);
    expect(plain.requiresGrad).toBe(false);
    let y = sum(mul(a, mul(a, square(a)))); // x^4
    for (const [power, factor] of [
      [3, 4],
      [2, 12],
      [1, 24],
    ] as const) {
      const [dy] = grad([y], [a], { createGraph: true });
      identical(
        dy,
        [1, 2, 3].map((value) => factor * value ** power),
      );
      y = sum(dy);
    }
  });

  test("a tensor that is cut off, or has no influence, receives zeros", () => {
    const [a, b] = [x(), x()];
    identical(grad([sum(square(a.detach()))], [a])[0], [0, 0, 0]);
    identical(grad([sum(square(a))], [b])[0], [0, 0, 0]);
  });

  test("several outputs and inputs; an input that is on the way to another", () => {
    const a = x();
    const b = square(a);
    const [da, db] = grad([sum(mul(b, b)), sum(a)], [a, b]);
    identical(db, [2, 8, 18]); // 2 b
    identical(da, [5, 33, 109]); // 4 a^3 + 1
  });

  test("a gradient that a rule hands to two inputs lives as long as either needs it", () => {
    const twice = defineOp<{ a: Tensor; b: Tensor }, null>("twice", {
      forward: ({ a, b }) => scale(add(a, b), 2),
      vjp: { a: (dy) => scale(dy, 2), b: (dy, _, __, ___, found) => found.a ?? scale(dy, 2) },
    });
    const [a, b] = [x(), x()];
    const y = sum(twice({ a, b }, null));
    const later = sum(square(a)); // its node comes first on the way back: a has a gradient that twice's is added to
    const [da, db] = grad([y, later], [a, b]);
    identical(da, [4, 6, 8]); // 2 + 2 a
    identical(db, [2, 2, 2]);
  });
});

describe("errors", () => {
  test("an output with several elements needs a given dy", () => {
    const x = variable(Tensor.from([1, 2]));
    expect(() => grad([square(x)], [x])).toThrow(/one element, got 2; sum it first/);
  });
  test("a dy of another shape than its output is refused", () => {
    const x = variable(Tensor.from([1, 2]));
    expect(() => grad([square(x)], [x], { gradOutputs: [Tensor.from([1])] })).toThrow(RangeError);
  });
  test("a rule whose result has the wrong shape is named", () => {
    const wrong = defineOp<{ x: Tensor }, null>("wrong", {
      forward: ({ x }) => square(x),
      vjp: { x: (dy) => sum(dy) },
    });
    const x = variable(Tensor.from([1, 2]));
    expect(() => grad([sum(wrong({ x }, null))], [x])).toThrow(/gradient of wrong: x must be \[2\], got \[\]/);
  });
  test("data movement never reads or writes outside its tensors", () => {
    const x = Tensor.from([1, 2, 3]);
    expect(() => pad(x, 0, -1, 0)).toThrow(/whole numbers of zeros/);
    expect(() => slice(x, 0, 0.5, 2)).toThrow(/range 0.5..2/);
    expect(() => slice(x, 0, 2, 4)).toThrow(RangeError);
    expect(() => expand(x, [4])).toThrow(/expand: shapes \[3\] and \[4\]/);
    expect(() => expand(x, [1])).toThrow(/expand: \[3\] stretched must be \[1\]/);
    expect(() => reshape(x, [-1, 2])).toThrow(/reshape of \[3\] to \[-1, 2\]/);
    expect(() => concat([], 0)).toThrow(/at least one/);
    expect(() => permute(x, [1])).toThrow(RangeError);
  });
  test("resampling by less than 1, and a transposed convolution that leaves nothing, are refused", () => {
    const x = Tensor.from([1, 2, 3, 4], [1, 1, 2, 2]);
    expect(() => upfirdn2d(x, setupFilter([1, 1]), { up: 0 })).toThrow(/up and down must be whole numbers/);
    expect(() => upfirdn2d(x, setupFilter([1, 1]), { down: [1, 1.5] })).toThrow(/down 1x1.5/);
    expect(() => convTranspose2d(x, x, { padding: 2 })).toThrow(/leaves nothing of an input of 2x2/);
  });
  test("shapes that do not broadcast are refused with the operation's name", () => {
    expect(() => add(Tensor.from([1, 2]), Tensor.from([1, 2, 3]))).toThrow(/add: shapes \[2\] and \[3\]/);
  });
});
