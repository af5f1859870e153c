/**
 * The droplet of StyleGAN2, section 2, as laws: what a normalisation by actual statistics forgets, how a spike at one
 * pixel gets signal strength past it, why it is one pixel, and that demodulation, which normalises by expected
 * statistics, neither forgets nor rewards a spike. The story with pictures: docs/droplets.md (scripts/docs/droplet.mjs).
 *
 * A map has P pixels, mean mu and variance v over them; eps is what instanceNorm adds to the variance.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { add, addScalar, mul, scale, sqrt, square, sub } from "../../src/nn/ops/arith.js";
import { conv2d } from "../../src/nn/ops/conv2d.js";
import { slice } from "../../src/nn/ops/layout.js";
import { reshape } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { setupFilter } from "../../src/nn/ops/upfirdn2d.js";
import { Adam } from "../../src/nn/optim.js";
import { persistentTensor, scope, Tensor } from "../../src/nn/tensor.js";
import { instanceNorm } from "../../src/stylegan/adain.js";
import { demodulation, modulatedConv2d } from "../../src/stylegan/modulatedConv2d.js";
import { Draw } from "../support/draw.js";
import { apart, equal, identical, largest, law, numbersOf } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const filter = setupFilter([1]);
const EPSILON = 1e-8;

const total = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((a, b) => a + b, 0);

function statistics(map: ArrayLike<number>): { readonly mu: number; readonly v: number } {
  const mu = total(map) / map.length;
  return { mu, v: total(Array.from(map, (value) => (value - mu) ** 2)) / map.length };
}

/** The part of the energy of a map, its mean removed, that is in its strongest pixel. */
function strongestShare(map: ArrayLike<number>): number {
  const { mu, v } = statistics(map);
  return Math.max(...Array.from(map, (value) => (value - mu) ** 2)) / (v * map.length);
}

const norm = (map: Float64Array, side: number, epsilon = EPSILON): Float64Array =>
  numbersOf(instanceNorm(Tensor.from(map, [1, 1, side, side]), { epsilon }));

const sides = fc.integer({ min: 3, max: 9 });

/** A map whose first k pixels are at its mean: where a spot of any height adds its own variance and no covariance. */
function quietMap(draw: Draw, side: number, k: number): Float64Array {
  const map = numbersOf(draw.normals([side * side]));
  const { mu } = statistics(map.subarray(k));
  return map.fill(mu, 0, k);
}

/** The map with h added to its first k pixels. */
const withSpot = (map: Float64Array, h: number, k = 1): Float64Array =>
  map.map((value, at) => value + (at < k ? h : 0));

describe("AdaIN's normalisation forgets how strong a map was", () => {
  const shape = { c: fc.constantFrom(2, 3, 5), side: sides };

  law(
    "norm(a_c x_c; a_c^2 eps) = norm(x_c; eps): the ratio of two maps' strengths is not in the result",
    shape,
    ({ c, side }, draw) => {
      const x = draw.normals([1, c, side, side]);
      const a = draw.uniforms([1, c, 1, 1], 0.01, 100);
      for (const epsilon of [EPSILON, 0.5]) {
        const factors = numbersOf(a);
        const parts = Array.from({ length: c }, (_, map) =>
          numbersOf(instanceNorm(slice(mul(x, a), 1, map, map + 1), { epsilon: factors[map] ** 2 * epsilon })),
        );
        equal(
          parts.flatMap((part) => [...part]),
          instanceNorm(x, { epsilon }),
        );
      }
      // Whatever the strengths, every deviation comes out as 1.
      const y = instanceNorm(mul(x, a));
      equal(mean(square(y), { axes: [2, 3] }), new Float64Array(c).fill(1), { tolerance: 1e-2 });
    },
  );

  law(
    "(1/P) sum y^2 = v / (v + eps): the energy of a map is fixed, so what one pixel takes others lose",
    { side: sides },
    ({ side }, draw) => {
      const map = numbersOf(draw.normals([side * side], draw.uniform(0.01, 10)));
      const { v } = statistics(map);
      for (const epsilon of [EPSILON, 1]) {
        const y = norm(map, side, epsilon);
        equal(total(y.map((value) => value * value)) / y.length, v / (v + epsilon));
      }
    },
  );

  law("|y| <= sqrt(P - 1), which a lone spike reaches", { side: sides }, ({ side }, draw) => {
    const p = side * side;
    const map = numbersOf(draw.normals([p]));
    expect(largest(norm(map, side))).toBeLessThanOrEqual(Math.sqrt(p - 1));
    const lone = norm(new Float64Array(p).fill(1, 0, 1), side, 0);
    equal(lone[0], Math.sqrt(p - 1));
  });
});

describe("a spike gets signal strength past it", () => {
  const spike = { side: sides, h: fc.constantFrom(-300, -8, -1, 0, 0.5, 3, 20, 1e3) };

  law(
    "the rest of the map is scaled by gain(h) = sqrt((v + eps) / (v + eps + h^2 (P - 1) / P^2))",
    spike,
    ({ side, h }, draw) => {
      const p = side * side;
      const map = quietMap(draw, side, 1);
      const { v } = statistics(map);
      for (const epsilon of [EPSILON, 0.3]) {
        const gain = Math.sqrt((v + epsilon) / (v + epsilon + (h * h * (p - 1)) / (p * p)));
        const [without, spiked] = [norm(map, side, epsilon), norm(withSpot(map, h), side, epsilon)];
        // Differences between pixels: the mean has moved for all of them alike.
        const rest = (y: Float64Array): Float64Array => y.subarray(1).map((value) => value - y[1]);
        equal(
          rest(spiked),
          rest(without).map((value) => gain * value),
          { scale: largest(without) },
        );
      }
    },
  );

  law(
    "gain(h) -> sigma P / (sqrt(P - 1) h): for a large spike the rest scales as 1 / h",
    { side: sides },
    ({ side }, draw) => {
      const p = side * side;
      const map = quietMap(draw, side, 1);
      const { v } = statistics(map);
      const gain = (h: number): number => {
        const [y, before] = [norm(withSpot(map, h), side), norm(map, side)];
        return (y[1] - y[2]) / (before[1] - before[2]);
      };
      const limit = (h: number): number => (Math.sqrt(v) * p) / Math.sqrt(p - 1) / h;
      const h = 1000 * Math.sqrt(v) * side;
      // 1 / sqrt(1 + x) is within x / 2 of 1.
      equal(gain(h), limit(h), { tolerance: limit(h) ** 2 / 2 + 1e-6 });
      equal(gain(2 * h), gain(h) / 2, { tolerance: limit(h) ** 2 + 1e-6 });
      // A small spike changes next to nothing: it has to dominate the statistics.
      expect(gain(0.1 * Math.sqrt(v))).toBeGreaterThan(0.99);
    },
  );

  law(
    "h(t) = sigma P / sqrt(P - 1) sqrt(1 / t^2 - 1) scales the rest by any t, and takes the part 1 - t^2 of the energy",
    { side: sides, t: fc.constantFrom(0.99, 0.8, 0.5, 0.2, 0.05) },
    ({ side, t }, draw) => {
      const p = side * side;
      const map = quietMap(draw, side, 1);
      const { v } = statistics(map);
      const h = Math.sqrt(v) * (p / Math.sqrt(p - 1)) * Math.sqrt(1 / t ** 2 - 1);
      const spiked = withSpot(map, h);
      const [before, y] = [norm(map, side, 0), norm(spiked, side, 0)];
      equal(y[1] - y[2], t * (before[1] - before[2]), { scale: largest(before) });
      equal(statistics(map).v / statistics(spiked).v, t * t);
      equal(y[0] ** 2 / p, ((1 - t * t) * (p - 1)) / p);
    },
  );

  law(
    "spots of k pixels: the squares they add are (1 - t^2) P for every k, the sum of |.| is 2 sqrt((1 - t^2) k (P - k)): least for one pixel",
    { side: fc.integer({ min: 4, max: 8 }), t: fc.constantFrom(0.8, 0.5, 0.1) },
    ({ side, t }, draw) => {
      const p = side * side;
      const costs = [1, 2, 3, Math.floor(p / 2)].map((k) => {
        const map = quietMap(draw, side, k);
        const { v } = statistics(map);
        const h = (Math.sqrt(v) * p * Math.sqrt(1 / t ** 2 - 1)) / Math.sqrt(k * (p - k));
        const [signal, y] = [norm(map, side, 0), norm(withSpot(map, h, k), side, 0)];
        const added = y.map((value, at) => value - t * signal[at]); // what is there beside the scaled signal
        equal(total(added.map((value) => value * value)), (1 - t * t) * p);
        const cost = total(added.map(Math.abs));
        equal(cost, 2 * Math.sqrt((1 - t * t) * k * (p - k)));
        return cost;
      });
      expect(costs).toEqual([...costs].sort((a, b) => a - b));
      expect(new Set(costs).size).toBe(4);
    },
  );
});

describe("demodulation neither forgets nor rewards a spike", () => {
  const shapes = {
    n: fc.integer({ min: 1, max: 2 }),
    i: fc.constantFrom(1, 3, 4),
    o: fc.constantFrom(1, 2, 5),
    side: fc.integer({ min: 6, max: 9 }),
  };

  law("y(a x) = a y(x): strength passes", shapes, ({ n, i, o, side }, draw) => {
    const [x, w, s] = [draw.normals([n, i, side, side]), draw.normals([o, i, 3, 3]), draw.awayFrom([n, i], [0], 0.3)];
    const a = draw.uniform(0.01, 100);
    equal(modulatedConv2d(scale(x, a), w, s, { filter }), scale(modulatedConv2d(x, w, s, { filter }), a));
    identical(modulatedConv2d(scale(x, 8), w, s, { filter }), scale(modulatedConv2d(x, w, s, { filter }), 8));
  });

  law(
    "maps of deviations sigma_i: E[y_o^2] = sum_i sigma_i^2 s_i^2 Q_oi / (sum_i s_i^2 Q_oi + eps) inside: relative strengths count",
    shapes,
    ({ i, o, side }, draw) => {
      const [w, s] = [draw.normals([o, i, 3, 3]), draw.awayFrom([1, i], [0], 0.3)];
      const sigma = numbersOf(draw.uniforms([i], 0.1, 10));
      // White maps: the variance of a sum is the sum of the variances, that is a convolution of them with w^2.
      const own = mul(w, reshape(demodulation(w, s), [o, 1, 1, 1]));
      const weights = mul(own, reshape(s, [1, i, 1, 1]));
      const variances = Tensor.from(
        Float64Array.from({ length: i * side * side }, (_, at) => sigma[Math.floor(at / side ** 2)] ** 2),
        [1, i, side, side],
      );
      const expected = slice(slice(conv2d(variances, square(weights), { padding: 1 }), 2, 2, 3), 3, 2, 3); // [1, O, 1, 1]
      const Q = numbersOf(mean(square(w), { axes: [2, 3] })).map((value) => 9 * value); // [O, I]
      const styles = numbersOf(s);
      /** sum_i f_i s_i^2 Q_oi */
      const weighted = (at: number, f: (map: number) => number): number =>
        total(styles.map((style, map) => f(map) * style ** 2 * Q[at * i + map]));
      const formula = Array.from(
        { length: o },
        (_, at) => weighted(at, (map) => sigma[map] ** 2) / (weighted(at, () => 1) + EPSILON),
      );
      equal(expected, formula);
    },
  );

  law(
    "y(x + h spike) - y(x) = h y(spike), and beyond the kernel's reach nothing changes, bit for bit",
    shapes,
    ({ n, i, o, side }, draw) => {
      const [x, w, s] = [draw.normals([n, i, side, side]), draw.normals([o, i, 3, 3]), draw.awayFrom([n, i], [0], 0.3)];
      const spike = Tensor.from(
        Float64Array.from({ length: i * side * side }, (_, at) => (at % side ** 2 === 0 ? 1 : 0)),
        [1, i, side, side],
      );
      const y = (of: Tensor): Tensor => modulatedConv2d(of, w, s, { filter });
      const h = 1000;
      const spiked = y(add(x, scale(spike, h)));
      equal(sub(spiked, y(x)), scale(y(add(scale(x, 0), spike)), h));
      const beyond = (of: Tensor): Tensor => slice(of, 2, 2, side);
      identical(beyond(spiked), beyond(y(x)));
      // AdaIN's normalisation changes everywhere.
      const normalised = (of: Tensor): Tensor => beyond(instanceNorm(of));
      apart(normalised(add(x, scale(spike, h))), normalised(x), 0.5);
    },
  );
});

describe("gradient descent finds the spike by itself", () => {
  const side = 10;
  const p = side * side;
  const STRENGTHS = [1, 0.6, 0.3];

  /** Adam on the features before `layer`, so that layer(x) + bias is the pattern at each strength. |error|, 900 steps. */
  function optimise(pattern: Float64Array, layer: (x: Tensor) => Tensor): readonly Float64Array[] {
    const draw = new Draw(5);
    const c = STRENGTHS.length;
    const x = variable(
      persistentTensor([1, c, side, side], (data) => {
        for (let at = 0; at < data.length; at++) data[at] = pattern[at % p] + 0.01 * draw.normal();
      }),
    );
    const bias = variable(persistentTensor([c], (data) => data.fill(0)));
    const target = STRENGTHS.flatMap((strength) => Array.from(pattern, (value) => strength * value));
    const steps = 900;
    const adam = new Adam(new Map(Object.entries({ x, bias })), { betas: [0.9, 0.99] });
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const y = add(layer(x), reshape(bias, [1, c, 1, 1]));
        const error = sub(y, Tensor.from(Float64Array.from(target), [1, c, side, side]));
        adam.learningRate = 0.05 * Math.min(1, 2 * (1 - step / steps));
        adam.step(grad([mean(sqrt(addScalar(square(error), 0.02 ** 2)))], [x, bias]));
      });
    }
    const features = x.toFloat64Array();
    return STRENGTHS.map((_, map) => features.slice(map * p, (map + 1) * p));
  }

  const pattern = (): Float64Array => {
    const raw = Float64Array.from(
      { length: p },
      (_, at) => Math.sin(at % side) + Math.cos(Math.floor(at / side) * 1.3),
    );
    const { mu, v } = statistics(raw);
    return raw.map((value) => (value - mu) / Math.sqrt(v));
  };

  test("before a normalisation one pixel takes the energy 1 - t^2; before demodulation none does", () => {
    const start = pattern();
    const normalised = optimise(start, instanceNorm);
    const w = new Float64Array(9 * 9);
    for (let map = 0; map < 3; map++) w[(map * 3 + map) * 9 + 4] = 1;
    const demodulated = optimise(start, (x) =>
      modulatedConv2d(x, Tensor.from(w, [3, 3, 3, 3]), Tensor.from([1, 1, 1], [1, 3]), { filter }),
    );
    const share = strongestShare(start);
    STRENGTHS.forEach((t, map) => {
      const expected = Math.max(((1 - t * t) * (p - 1)) / p, share);
      expect(Math.abs(strongestShare(normalised[map]) - expected), `strength ${t}`).toBeLessThan(0.05);
      expect(Math.abs(strongestShare(demodulated[map]) - share), `strength ${t}`).toBeLessThan(0.01);
      expect(Math.sqrt(statistics(demodulated[map]).v)).toBeCloseTo(t, 2);
    });
  });
});
