/**
 * AdaIN (StyleGAN, equation 1) as laws, identity 22. Its normalisation divides by sqrt(var + eps), so what holds "for
 * eps -> 0" is stated exactly, with eps in it, and tried where eps is as large as the variance.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { abs, add, addScalar, div, mul, scale, sqrt, square, sub } from "../../src/nn/ops/arith.js";
import { reshape, sum } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { Tensor } from "../../src/nn/tensor.js";
import { adain, instanceNorm, styleModulation } from "../../src/stylegan/adain.js";
import type { Draw } from "../support/draw.js";
import { apart, dot, dotSize, equal, identical, largest, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const overPixels = (x: Tensor): Tensor => mean(x, { axes: [2, 3] }); // [N, C]
const variance = (x: Tensor): Tensor => {
  const [n, c] = x.shape;
  return overPixels(square(sub(x, reshape(overPixels(x), [n, c, 1, 1]))));
};

const shapes = {
  n: fc.integer({ min: 1, max: 3 }),
  c: fc.constantFrom(1, 3, 4, 5),
  side: fc.integer({ min: 2, max: 5 }),
  // From negligible to as large as the variance.
  epsilon: fc.constantFrom(1e-8, 0.1, 1),
};

const draws = ({ n, c, side }: { n: number; c: number; side: number }, draw: Draw) => ({
  x: variable(add(draw.normals([n, c, side, side]), draw.normals([n, c, 1, 1]))),
  ys: draw.normals([n, c]),
  yb: draw.normals([n, c]),
});

describe("22: AdaIN(x, y) = ys (x - mean) / sqrt(var + eps) + yb", () => {
  law("mean(out) = yb and std(out) = |ys| sigma / sqrt(sigma^2 + eps)", shapes, (shape, draw) => {
    const { x, ys, yb } = draws(shape, draw);
    const { epsilon } = shape;
    const y = adain(x, ys, yb, { epsilon });
    equal(overPixels(y), yb, { scale: largest(y) });
    const sigma2 = variance(x);
    equal(sqrt(variance(y)), mul(abs(ys), sqrt(div(sigma2, addScalar(sigma2, epsilon)))));
  });

  law(
    "AdaIN(a x + b; a^2 eps) = AdaIN(x; eps) for a > 0; a < 0 turns the sign of what ys scales",
    shapes,
    (shape, draw) => {
      const { x, ys, yb } = draws(shape, draw);
      const { epsilon } = shape;
      const a = draw.uniform(0.2, 5);
      const b = draw.normals([shape.n, shape.c, 1, 1]);
      const y = adain(x, ys, yb, { epsilon });
      equal(adain(add(scale(x, a), b), ys, yb, { epsilon: a * a * epsilon }), y);
      equal(adain(scale(x, -a), scale(ys, -1), yb, { epsilon: a * a * epsilon }), y);
      // With eps left as it is the equation is false, by as much as eps counts: no tolerance would repair it.
      if (epsilon === 1) apart(adain(scale(x, 100), ys, yb, { epsilon }), y, 1e-3);
    },
  );

  law("invariance under x + b: the gradient sums to 0 over each feature map", shapes, (shape, draw) => {
    const { x, ys, yb } = draws(shape, draw);
    const y = adain(x, ys, yb, shape);
    const [dx] = grad([y], [x], { gradOutputs: [draw.normals(y.shape)] });
    equal(sum(dx, { axes: [2, 3] }), new Float64Array(shape.n * shape.c), { scale: largest(dx) * shape.side ** 2 });
  });

  law(
    "invariance under a x: <x - mean, dx> = eps / (sigma^2 + eps) <dy, out - yb>, 0 for eps -> 0",
    shapes,
    (shape, draw) => {
      const { x, ys, yb } = draws({ ...shape, n: 1, c: 1 }, draw);
      const { epsilon } = shape;
      const y = adain(x, ys, yb, { epsilon });
      const dy = draw.normals(y.shape);
      const [dx] = grad([y], [x], { gradOutputs: [dy] });
      const centred = sub(x, reshape(overPixels(x), [1, 1, 1, 1]));
      const share = epsilon / (variance(x).item() + epsilon);
      const expected = share * dot(dy, sub(y, reshape(yb, [1, 1, 1, 1])));
      equal(dot(centred, dx), expected, { scale: dotSize(x, dx) });
      if (epsilon === 1e-8) equal(dot(centred, dx), 0, { scale: dotSize(centred, dx) * 1e6 });
    },
  );

  law("d/dys <dy, AdaIN> = <dy, norm(x)> and d/dyb = the sum of dy, for each feature map", shapes, (shape, draw) => {
    const { x, ys, yb } = draws(shape, draw);
    const [s, b] = [variable(ys), variable(yb)];
    const y = adain(x, s, b, shape);
    const dy = draw.normals(y.shape);
    const [ds, db] = grad([y], [s, b], { gradOutputs: [dy] });
    equal(ds, sum(mul(dy, instanceNorm(x, shape)), { axes: [2, 3] }), { scale: dotSize(dy, instanceNorm(x, shape)) });
    equal(db, sum(dy, { axes: [2, 3] }), { scale: largest(dy) * dy.size });
  });
});

describe("the halves", () => {
  law(
    "norm is idempotent up to eps: norm(norm(x)) = norm(x) sqrt((v + eps) / (v + eps (v + eps)))",
    shapes,
    (shape, draw) => {
      const { x } = draws({ ...shape, n: 1, c: 1 }, draw);
      const { epsilon } = shape;
      const v = variance(x).item();
      const once = instanceNorm(x, { epsilon });
      equal(instanceNorm(once, { epsilon }), scale(once, Math.sqrt((v + epsilon) / (v + epsilon * (v + epsilon)))));
    },
  );

  law("mod(mod(x, s, b), t, c) = mod(x, t s, t b + c)", shapes, (shape, draw) => {
    const { x, ys, yb } = draws(shape, draw);
    const [t, c] = [draw.normals([shape.n, shape.c]), draw.normals([shape.n, shape.c])];
    equal(styleModulation(styleModulation(x, ys, yb), t, c), styleModulation(x, mul(t, ys), add(mul(t, yb), c)), {
      scale: largest(x) * largest(t) * largest(ys) + largest(c),
    });
  });

  test("a constant feature map has the style's mean, not a division by zero", () => {
    const x = Tensor.from(new Float64Array(4).fill(7), [1, 1, 2, 2]);
    identical(adain(x, Tensor.from([3], [1, 1]), Tensor.from([2], [1, 1])), [2, 2, 2, 2]);
  });

  test("a style of the wrong width is refused with a hint", () => {
    const x = Tensor.zeros([1, 3, 2, 2]);
    const w = Tensor.zeros([1, 8]);
    expect(() => adain(x, w, w)).toThrow(/scale must be \[N, C\] = \[1, 3\], got \[1, 8\]; did you pass w/);
    expect(() => instanceNorm(w)).toThrow(/instanceNorm: x must be/);
  });
});
