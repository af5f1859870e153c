/**
 * Learning rates, losses and penalties as laws: identities 35 to 38. Closed forms are compared in float64; what holds
 * exactly is compared bit for bit.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { DenseLayer } from "../../src/nn/layers/dense.js";
import { initialContents, ParameterTree } from "../../src/nn/layers/module.js";
import { add, mul, neg, scale, square } from "../../src/nn/ops/arith.js";
import { biasAct } from "../../src/nn/ops/biasAct.js";
import { slice } from "../../src/nn/ops/layout.js";
import { matmul } from "../../src/nn/ops/matmul.js";
import { reshape, sum } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { Adam } from "../../src/nn/optim.js";
import { RandomState } from "../../src/nn/random.js";
import { persistentTensor, scope, Tensor } from "../../src/nn/tensor.js";
import { adversarialLosses } from "../../src/stylegan/training/losses.js";
import { gradientPenalty, pathLengthPenalty, r1Penalty } from "../../src/stylegan/training/regularizers.js";
import { dot, equal, identical, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const named = (tensor: Tensor): ReadonlyMap<string, Tensor> => new Map([["p", tensor]]);

describe("35: equalised learning rate", () => {
  const sizes = {
    inFeatures: fc.integer({ min: 1, max: 6 }),
    outFeatures: fc.integer({ min: 1, max: 5 }),
    lrMultiplier: fc.constantFrom(1, 0.01, 0.5),
  };

  law("dL/dŵ = g dL/dw for w = g ŵ, and Adam(lr) on ŵ is Adam(g lr) on w", sizes, (size, draw) => {
    const { inFeatures, outFeatures, lrMultiplier } = size;
    const tree = new ParameterTree(initialContents(new RandomState(draw.integer(0, 1000))));
    const layer = new DenseLayer(tree, inFeatures, outFeatures, { lrMultiplier, biasInit: null });
    const g = lrMultiplier / Math.sqrt(inFeatures);
    const stored = layer.weight;
    const effective = persistentTensor(stored.shape, (data) => {
      data.set(stored.toFloat64Array().map((value) => g * value));
    });
    variable(effective);
    const ofStored = new Adam(named(stored), { learningRate: 0.01, epsilon: 0 });
    const ofEffective = new Adam(named(effective), { learningRate: g * 0.01, epsilon: 0 });
    for (let step = 0; step < 3; step++) {
      const x = draw.normals([4, inFeatures]);
      const u = draw.normals([4, outFeatures]);
      const [dStored] = grad([sum(mul(layer.forward(x), u))], [stored]);
      const [dEffective] = grad([sum(mul(matmul(x, effective, { transposeB: true }), u))], [effective]);
      equal(dStored, scale(dEffective, g));
      ofStored.step([dStored]);
      ofEffective.step([dEffective]);
      equal(scale(stored, g), effective, { tolerance: 1e-11 });
    }
  });

  test("the variance of effective weights is 1 / fan in, whatever the multiplier", () => {
    for (const lrMultiplier of [1, 0.01]) {
      const tree = new ParameterTree(initialContents(new RandomState(1)));
      const { weight } = new DenseLayer(tree, 64, 128, { lrMultiplier });
      const gain = lrMultiplier / Math.sqrt(64);
      const variance = (dot(weight, weight) / weight.size) * gain * gain;
      // The variance of n normals has standard error sqrt(2 / n).
      expect(Math.abs(variance * 64 - 1)).toBeLessThan(5 * Math.sqrt(2 / weight.size));
    }
  });
});

describe("36: adversarial losses", () => {
  const { logistic, wgan, hinge } = adversarialLosses;
  const column = (...values: number[]): Tensor => Tensor.from(Float64Array.from(values), [values.length, 1]);

  law(
    "softplus(t) - softplus(-t) = t: L_D(t, -t) = 2 L_G(-t)",
    { n: fc.integer({ min: 1, max: 6 }) },
    ({ n }, draw) => {
      const t = draw.normals([n, 1], 5);
      const [up, down] = [logistic.generator(neg(t)), logistic.generator(t)];
      equal(up.item() - down.item(), mean(t), { scale: up.item() });
      equal(logistic.discriminator(t, neg(t)), scale(up, 2));
    },
  );

  law("dL_G/dt = -sigmoid(-t) / N, between -1 and 0", { n: fc.integer({ min: 1, max: 6 }) }, ({ n }, draw) => {
    const t = variable(draw.normals([n, 1], 3));
    const [dt] = grad([logistic.generator(t)], [t]);
    const expected = t.toFloat64Array().map((value) => -1 / (1 + Math.exp(value)) / n);
    equal(dt, Tensor.from(expected, [n, 1]));
  });

  test("at t = 0, L_G = ln 2 and L_D = 2 ln 2; finite and right at t = +-1000", () => {
    equal(logistic.generator(column(0)), Math.LN2);
    equal(logistic.discriminator(column(0), column(0)), 2 * Math.LN2);
    equal(logistic.generator(column(-1000)), 1000);
    expect(logistic.generator(column(1000)).item()).toBe(0);
    equal(logistic.discriminator(column(1000), column(-1000)), 2000);
  });

  test("wgan and hinge by hand", () => {
    equal(wgan.generator(column(1, 3)), -2);
    equal(wgan.discriminator(column(1, 3), column(4, 6)), 2 - 5 + 0.001 * 26);
    equal(hinge.generator(column(1, 3)), -2);
    // (max(0, 1 + 1) + max(0, 1 - 3)) / 2 + (max(0, 1 - 4) + max(0, 1 + 2)) / 2
    equal(hinge.discriminator(column(1, -3), column(4, -2)), 1 + 1.5);
  });
});

describe("37: R1 and the gradient penalty, in closed form", () => {
  const sizes = { n: fc.integer({ min: 1, max: 3 }), side: fc.integer({ min: 1, max: 3 }) };
  const flat = (x: Tensor): Tensor => reshape(x, [x.shape[0], -1]);

  law("D = <a, x> + b: R1 = gamma / 2 |a|^2, and WGAN-GP = lambda (|a| - 1)^2", sizes, ({ n, side }, draw) => {
    const x = draw.normals([n, 2, side, side]);
    const a = draw.normals([2 * side * side, 1]);
    const critic = (images: Tensor): Tensor => matmul(flat(images), a);
    equal(r1Penalty(critic, x, 3).penalty, 1.5 * dot(a, a));
    const penalty = gradientPenalty(critic, x, draw.normals(x.shape), draw.uniforms([n, 1, 1, 1], 0, 1));
    const excess = Math.sqrt(dot(a, a)) - 1;
    equal(penalty, 10 * excess * excess, { scale: 10 * dot(a, a) });
  });

  law("D = 1/2 x^T A x: R1 = gamma / 2 E|A x|^2 and dR1/dx = gamma A^2 x / N", sizes, ({ n, side }, draw) => {
    const size = 2 * side * side;
    const x = variable(draw.normals([n, 2, side, side]));
    const half = draw.normals([size, size]);
    const a = matmul(half, half, { transposeB: true }); // symmetric
    const critic = (images: Tensor): Tensor =>
      scale(sum(mul(matmul(flat(images), a), flat(images)), { axes: [1], keepDims: true }), 0.5);
    const { penalty } = r1Penalty(critic, x, 3);
    const ax = matmul(flat(x), a);
    equal(penalty, (1.5 * dot(ax, ax)) / n);
    const [dx] = grad([penalty], [x]);
    equal(flat(dx), scale(matmul(ax, a), 3 / n));
  });

  law("D piecewise linear: dR1/dx = 0 although dR1/dweights is not", sizes, ({ n, side }, draw) => {
    const x = variable(draw.normals([n, 2, side, side]));
    const first = variable(draw.normals([2 * side * side, 8]));
    const second = variable(draw.normals([8, 1]));
    const critic = (images: Tensor): Tensor =>
      matmul(biasAct(matmul(flat(images), first), null, { activation: "lrelu" }), second);
    const { penalty } = r1Penalty(critic, x, 3);
    const [dx, dFirst, dSecond] = grad([penalty], [x, first, second]);
    identical(dx, new Float64Array(x.size));
    // The penalty is quadratic in each weight: <w, dR1/dw> = 2 R1 (Euler).
    equal(dot(first, dFirst), 2 * penalty.item());
    equal(dot(second, dSecond), 2 * penalty.item());
  });
});

describe("38: path length", () => {
  const sizes = {
    n: fc.integer({ min: 1, max: 4 }),
    l: fc.integer({ min: 1, max: 3 }),
    side: fc.constantFrom(1, 2, 4),
    wDim: fc.integer({ min: 1, max: 4 }),
  };
  /** g(w) = sum over l of w_l A_l, an image of 3 x side x side. */
  const linear =
    (layers: readonly Tensor[], side: number) =>
    (ws: Tensor): Tensor => {
      const [n, , wDim] = ws.shape;
      const parts = layers.map((a, k) => matmul(reshape(slice(ws, 1, k, k + 1), [n, wDim]), a));
      return reshape(parts.reduce(add), [n, 3, side, side]);
    };

  law("g linear: length = sqrt(mean_l |A_l y|^2), y = noise / sqrt(HW), for every w", sizes, (size, draw) => {
    const { n, l, side, wDim } = size;
    const layers = Array.from({ length: l }, () => draw.normals([wDim, 3 * side * side]));
    const noise = draw.normals([n, 3, side, side]);
    const ws = variable(draw.normals([n, l, wDim]));
    const plMean = draw.uniform(0, 3);
    const result = pathLengthPenalty(linear(layers, side), ws, noise, { plMean, decay: 0.1, weight: 5 });
    const y = reshape(scale(noise, 1 / side), [n, -1]);
    const squares = layers
      .map((a) => sum(square(matmul(y, a, { transposeB: true })), { axes: [1] }))
      .reduce(add)
      .toFloat64Array();
    const lengths = squares.map((value) => Math.sqrt(value / l));
    equal(result.lengths, lengths);
    const average = 0.9 * plMean + (0.1 * lengths.reduce((a, b) => a + b, 0)) / n;
    equal(result.plMean, average);
    equal(
      result.penalty,
      lengths.reduce((total, length) => total + (5 * (length - average) ** 2) / n, 0),
    );
  });

  law(
    "the penalty is 0 where every length is the average, and its gradient takes the average along",
    sizes,
    (size, draw) => {
      const { l, side, wDim } = size;
      const layers = Array.from({ length: l }, () => draw.normals([wDim, 3 * side * side]));
      const gain = variable(Tensor.from([1.7]));
      const ws = variable(draw.normals([1, l, wDim]));
      const noise = draw.normals([1, 3, side, side]);
      const g = linear(layers, side);
      const run = (plMean: number) =>
        pathLengthPenalty((w) => mul(g(w), gain), ws, noise, { plMean, decay: 0.2, weight: 3 });
      const length = run(0).lengths.item();
      equal(run(length).penalty, 0, { scale: length * length });
      // One sample: length - average = 0.8 (length - plMean), so penalty = 3 * 0.64 (gain l0 - plMean)^2.
      const plMean = length / 2;
      const [dGain] = grad([run(plMean).penalty], [gain]);
      equal(dGain, 2 * 3 * 0.64 * (length - plMean) * (length / 1.7));
    },
  );

  test("E|J^T y|^2 = |J|_F^2 / (HW)", () => {
    scope(() => {
      const random = new RandomState(5);
      const [n, side, wDim] = [4000, 2, 3];
      const a = Tensor.from(random.randn(wDim * 3 * side * side), [wDim, 3 * side * side]);
      const noise = Tensor.from(random.randn(n * 3 * side * side), [n, 3, side, side]);
      const ws = variable(Tensor.zeros([n, 1, wDim]));
      const { lengths } = pathLengthPenalty(linear([a], side), ws, noise, { plMean: 0 });
      const squares = lengths.toFloat64Array().map((length) => length * length);
      const average = squares.reduce((x, y) => x + y, 0) / n;
      const deviation = Math.sqrt(squares.reduce((x, y) => x + (y - average) ** 2, 0) / n);
      expect(Math.abs(average - dot(a, a) / side ** 2)).toBeLessThan((5 * deviation) / Math.sqrt(n));
    });
  });
});
