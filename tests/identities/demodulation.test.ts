/**
 * From AdaIN to weight demodulation: StyleGAN2, section 2 and figure 2, as tests. Read from top to bottom.
 *
 * StyleGAN controls a layer by replacing the mean and deviation of every feature map (AdaIN). Its images carry
 * droplets: the generator sneaks a huge value past the normalisation, to keep control of signal strength. StyleGAN2
 * arrives in four steps at a layer that normalises weights, by what they let one *expect*, and not data:
 *
 *   (a)  StyleGAN      conv, + bias, + noise, AdaIN
 *   (b)  in detail     AdaIN = normalise, then modulate; a style block now runs from one modulation to the next norm
 *   (c)  revised       no means, no style bias; bias and noise move out of the style block; normalise by deviation
 *   (d)  demodulation  the deviation is computed from the weights, as if the input were white noise
 *
 * Each step is one of three kinds, and is tested as what it is: an exact identity; a conditional one, with the failure
 * asserted where the condition is dropped; or a statistical one, with its standard error.
 *
 *   (a) = (b)    exact           24
 *   (b) -> (c)   conditional     25      no means, no style bias, no noise: the same. Otherwise not, on purpose
 *   (c) = conv with modulated weights, = scaled inputs    exact   26
 *   (c) -> (d)   statistical     28      the same for white inputs; not for correlated ones, on purpose
 *   (d) = conv with demodulated weights, = scaled outputs exact   27
 *   and what (d) cannot change: unit norm 29, scale of styles and weights 30, hence two conservation laws 31
 *
 * x [N, I, H, W] features, w [O, I, 3, 3] weights, s = ys [N, I] styles, eps = 1e-8 unless a law varies it.
 */
import fc from "fast-check";
import { beforeAll, describe, expect } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { add, addScalar, mul, reciprocal, rsqrt, scale, sqrt, square, sub } from "../../src/nn/ops/arith.js";
import { biasAct } from "../../src/nn/ops/biasAct.js";
import { conv2d } from "../../src/nn/ops/conv2d.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { flip, slice } from "../../src/nn/ops/layout.js";
import { reshape, sum } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { setupFilter } from "../../src/nn/ops/upfirdn2d.js";
import { Tensor } from "../../src/nn/tensor.js";
import { adain, instanceNorm, styleModulation } from "../../src/stylegan/adain.js";
import { demodulation, modulatedConv2d, modulatedLayer } from "../../src/stylegan/modulatedConv2d.js";
import type { Draw } from "../support/draw.js";
import { apart, dot, dotSize, equal, identical, largest, law, numbersOf } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const EPSILON = 1e-8;
const filter = setupFilter([1, 3, 3, 1]);

// The vocabulary of figure 2, one line each. Norm and AdaIN are the library's own (src/stylegan/adain.ts).

/** 3x3, zeros outside. */
const conv = (x: Tensor, w: Tensor): Tensor => conv2d(x, w, { padding: 1 });
/** One number for each sample and feature map, spread over its pixels: [N, C] -> [N, C, 1, 1] */
const perMap = (numbers: Tensor): Tensor => reshape(numbers, [...numbers.shape, 1, 1]);
/** Mod std: each feature map times its style. */
const mod = (x: Tensor, s: Tensor): Tensor => mul(x, perMap(s));
/** Norm std: each feature map divided by its deviation; its mean is not removed. */
function normStd(x: Tensor, epsilon: number): Tensor {
  const overPixels = { axes: [2, 3], keepDims: true };
  const variance = mean(square(sub(x, mean(x, overPixels))), overPixels);
  return mul(x, rsqrt(addScalar(variance, epsilon)));
}
/** w' = s w, equation 1: a weight for each sample. [O, I, 3, 3], [N, I] -> [N, O, I, 3, 3] */
const modulatedWeight = (w: Tensor, s: Tensor): Tensor =>
  mul(reshape(w, [1, ...w.shape]), reshape(s, [s.shape[0], 1, s.shape[1], 1, 1]));
/** S = sum over I, 3, 3 of w'^2: [N, O, I, 3, 3] -> [N, O, 1, 1, 1] */
const energy = (weights: Tensor): Tensor => sum(square(weights), { axes: [2, 3, 4], keepDims: true });
/** w'' = w' / sqrt(S + eps), equation 3. */
const demodulatedWeight = (weights: Tensor, epsilon: number): Tensor =>
  mul(weights, rsqrt(addScalar(energy(weights), epsilon)));
/** Convolves every sample with a weight of its own, as one convolution in N groups. */
function convEach(x: Tensor, weights: Tensor): Tensor {
  const [n, o, i, k] = weights.shape;
  const [, , h, w] = x.shape;
  const y = conv2d(reshape(x, [1, n * i, h, w]), reshape(weights, [n * o, i, k, k]), { padding: 1, groups: n });
  return reshape(y, [n, o, h, w]);
}

const shapes = {
  n: fc.integer({ min: 1, max: 3 }),
  i: fc.constantFrom(1, 3, 4, 5),
  o: fc.constantFrom(1, 2, 4, 5),
  side: fc.integer({ min: 3, max: 6 }),
};
interface Shapes {
  readonly n: number;
  readonly i: number;
  readonly o: number;
  readonly side: number;
}

const draws = ({ n, i, o, side }: Shapes, draw: Draw) => ({
  x: draw.normals([n, i, side, side]),
  w: draw.normals([o, i, 3, 3]),
  // Both signs, for an affine layer promises nothing else; away from 0, where eps = 1e-8 would be seen.
  s: draw.awayFrom([n, i], [0], 0.3),
  noise: draw.normals([1, 1, side, side]),
  bias: draw.normals([o]),
});

describe("(a) = (b): AdaIN is a normalisation and a modulation, and blocks may begin between the two", () => {
  law(
    "24: AdaIN_L conv ... AdaIN_1 conv AdaIN_0 = mod_L (norm conv mod_{L-1}) ... (norm conv mod_0) norm",
    shapes,
    (shape, draw) => {
      const { n, i: channels, side } = shape;
      const start = draw.normals([n, channels, side, side]);
      const style = () => ({ ys: draw.normals([n, channels]), yb: draw.normals([n, channels]) });
      const first = style();
      const layers = [1, 2, 3].map(() => ({
        ...style(),
        w: draw.normals([channels, channels, 3, 3]),
        bias: draw.normals([channels]),
        noise: draw.normals([1, 1, side, side]),
      }));
      const convolve = (x: Tensor, { w, bias, noise }: (typeof layers)[number]): Tensor =>
        biasAct(add(conv(x, w), noise), bias, { activation: "lrelu", gain: 1 });

      let a = adain(start, first.ys, first.yb);
      for (const layer of layers) a = adain(convolve(a, layer), layer.ys, layer.yb);

      let b = instanceNorm(start);
      let { ys, yb } = first;
      for (const layer of layers) {
        // The gray box of figure 2 (b): it begins with the style and ends with the normalisation...
        b = instanceNorm(convolve(styleModulation(b, ys, yb), layer));
        // ...so what leaves it has mean 0 and deviation 1, whatever the style: a style acts on one convolution only.
        equal(mean(b, { axes: [2, 3] }), new Float64Array(n * channels), { scale: 1 });
        equal(mean(square(b), { axes: [2, 3] }), new Float64Array(n * channels).fill(1), { tolerance: 1e-6 });
        ({ ys, yb } = layer);
      }
      equal(styleModulation(b, ys, yb), a);
    },
  );
});

describe("(b) -> (c): without means, style bias, and noise inside the block", () => {
  interface Block {
    readonly x: Tensor;
    readonly w: Tensor;
    readonly s: Tensor;
    readonly yb: Tensor | null;
    readonly bias: Tensor | null;
    readonly noise: Tensor | null;
    readonly epsilon: number;
  }
  const plus = (y: Tensor, { bias, noise }: Block): Tensor => {
    const withBias = bias === null ? y : biasAct(y, bias);
    return noise === null ? withBias : add(withBias, noise);
  };
  /** norm(conv(ys x + yb) + bias + noise) */
  const blockB = (block: Block): Tensor => {
    const modulated = block.yb === null ? mod(block.x, block.s) : styleModulation(block.x, block.s, block.yb);
    return instanceNorm(plus(conv(modulated, block.w), block), block);
  };
  /** normStd(conv(ys x)) + bias + noise */
  const blockC = (block: Block): Tensor => plus(normStd(conv(mod(block.x, block.s), block.w), block.epsilon), block);

  /**
   * Feature maps that are odd under half a turn, and weights that are even: then the convolved maps are odd too, and
   * every mean in the block is 0. This is the condition "feature means are 0".
   */
  const withoutMeans = (shape: Shapes, draw: Draw): Block => {
    const { x, w, s } = draws(shape, draw);
    const odd = sub(x, flip(x, [2, 3]));
    const even = add(w, flip(w, [2, 3]));
    return { x: odd, w: even, s, yb: null, bias: null, noise: null, epsilon: EPSILON };
  };

  law("25: (b) = (c) where yb = 0, bias = 0, noise = 0 and all means are 0", shapes, (shape, draw) => {
    const block = withoutMeans(shape, draw);
    equal(blockB(block), blockC(block));
  });

  law("25: means other than 0 are removed in (b) and kept in (c)", shapes, (shape, draw) => {
    const block = { ...withoutMeans(shape, draw), x: addScalar(draws(shape, draw).x, 1) };
    apart(blockB(block), blockC(block), 0.01);
    equal(mean(blockB(block), { axes: [2, 3] }), new Float64Array(shape.n * shape.o), { scale: 1 });
  });

  law("25: a style bias has no counterpart in (c)", shapes, (shape, draw) => {
    const block = { ...withoutMeans(shape, draw), yb: draw.normals([shape.n, shape.i]) };
    apart(blockB(block), blockC(block), 0.01);
  });

  law(
    "25: a bias before Norm is lost, (b)(bias) = (b)(0); after it, it stays: (c)(bias) = (c)(0) + bias",
    shapes,
    (shape, draw) => {
      const block = withoutMeans(shape, draw);
      const bias = draw.normals([shape.o]);
      equal(blockB({ ...block, bias }), blockB(block), { scale: 1 + largest(bias) });
      equal(blockC({ ...block, bias }), biasAct(blockC(block), bias), { scale: 1 + largest(bias) });
      apart(blockC({ ...block, bias }), blockC(block), 1e-3);
    },
  );

  law(
    "25: in (b) a style c times as strong is a noise c times as weak; in (c) noise has its own strength",
    shapes,
    (shape, draw) => {
      const { x, w, s, noise } = draws(shape, draw);
      const c = 10;
      const block = { x, w, s, noise, yb: null, bias: null, epsilon: EPSILON };
      const stronger = { ...block, s: scale(s, c), epsilon: c * c * EPSILON };
      equal(blockB(stronger), blockB({ ...block, noise: scale(noise, 1 / c) }));
      apart(blockB(stronger), blockB(block), 0.01); // what figure 2 (c) was drawn to end
      equal(blockC(stronger), blockC(block));
    },
  );
});

describe("(c): modulation is a scale of the input channels, or of the weights", () => {
  law("26: conv(s x, w) = conv(x, w'), w'_oik = s_i w_oik", shapes, (shape, draw) => {
    const { x, w, s } = draws(shape, draw);
    equal(convEach(x, modulatedWeight(w, s)), conv(mod(x, s), w));
    equal(modulatedConv2d(x, w, s, { filter, demodulate: false }), conv(mod(x, s), w));
  });

  law("26: the same with upsampling: up(s x) = s up(x), per channel", shapes, (shape, draw) => {
    const { x, w, s } = draws({ ...shape, n: 1 }, draw);
    const own = reshape(modulatedWeight(w, s), w.shape);
    const up = { up: 2, padding: 1 } as const;
    equal(modulatedConv2d(x, w, s, { filter, up: 2, demodulate: false }), conv2dResample(x, own, filter, up));
  });

  law("26: for one sample only: samples with different styles have different weights", shapes, (shape, draw) => {
    const { x, w, s } = draws({ ...shape, n: 2 }, draw);
    const firstStyle = slice(s, 0, 0, 1);
    const ofFirst = conv(mul(x, perMap(firstStyle)), w);
    equal(slice(ofFirst, 0, 0, 1), slice(conv(mod(x, s), w), 0, 0, 1));
    apart(slice(ofFirst, 0, 1, 2), slice(conv(mod(x, s), w), 0, 1, 2), 1e-3);
  });
});

describe("(c) -> (d): the deviation one expects, in place of the one that is there", () => {
  law(
    "28: white x of unit variance: E[conv(x, w'')^2] = conv(1, w''^2), which is 1 but on the border",
    shapes,
    (shape, draw) => {
      const { w, s } = draws(shape, draw);
      const { n, i, o, side } = shape;
      const weights = demodulatedWeight(modulatedWeight(w, s), EPSILON);
      const ones = Tensor.from(new Float64Array(n * i * side * side).fill(1), [n, i, side, side]);
      const variance = convEach(ones, square(weights)); // [N, O, H, W]
      const inside = slice(slice(variance, 2, 1, side - 1), 3, 1, side - 1);
      equal(inside, new Float64Array(inside.size).fill(1), { tolerance: 1e-5 }); // eps / S, see 29
      // Zero padding: a border pixel sees fewer inputs. The paper's assumption fails there, by a fraction of the energy.
      const border = numbersOf(slice(variance, 2, 0, 1));
      for (const value of border) expect(value).toBeLessThan(0.9999);
      expect(border.length).toBe(n * o * side);
    },
  );

  law(
    "28: white x: deviation of conv(x, w'') = 1 +- sqrt(sum_tau rho(tau)^2 / 2HW), (c) = (d) within 5 of those",
    {},
    (_, draw) => {
      const [i, o, side] = [6, 4, 48];
      const { x, w, s } = draws({ n: 1, i, o, side }, draw);
      const y = modulatedConv2d(x, w, s, { filter });
      const inside = slice(slice(y, 2, 1, side - 1), 3, 1, side - 1);
      const deviations = numbersOf(sqrt(mean(square(inside), { axes: [2, 3] })));
      const weights = reshape(demodulatedWeight(modulatedWeight(w, s), EPSILON), w.shape);
      for (let at = 0; at < o; at++) {
        const own = slice(weights, 0, at, at + 1); // [1, I, 3, 3]
        // rho: the correlation of output pixels tau apart is that of the weight with itself, shifted by tau.
        const rho = conv2d(own, own, { padding: 2 }); // [1, 1, 5, 5]
        equal(largest(rho), 1, { tolerance: 1e-5 });
        const standardError = Math.sqrt(dot(rho, rho) / (2 * (side - 2) ** 2));
        expect(standardError).toBeLessThan(0.05);
        expect(Math.abs(deviations[at] - 1), `output ${at}`).toBeLessThanOrEqual(5 * standardError);
      }
      // So (c) divides by a number that differs from (d)'s by the same few percent.
      const relative = sub(normStd(conv(mod(x, s), w), EPSILON), y);
      expect(largest(relative) / largest(y)).toBeLessThan(0.25);
    },
    { runs: 5 },
  );

  law(
    "28: correlated x: (c) still gives deviation 1, (d) does not. It leaves the data's own scale alone",
    {},
    (_, draw) => {
      const [i, o, side] = [6, 4, 24];
      // All channels alike, and weights and styles of one sign: terms that were to be independent now add up.
      const [w, s] = [draw.uniforms([o, i, 3, 3], 0.5, 1.5), draw.uniforms([1, i], 0.5, 1.5)];
      const x = mul(draw.normals([1, 1, side, side]), Tensor.from(new Float64Array(i).fill(1), [1, i, 1, 1]));
      const deviation = (y: Tensor): Float64Array =>
        numbersOf(sqrt(mean(square(sub(y, mean(y, { axes: [2, 3], keepDims: true }))), { axes: [2, 3] })));
      equal(deviation(normStd(conv(mod(x, s), w), EPSILON)), new Float64Array(o).fill(1), { tolerance: 1e-6 });
      for (const value of deviation(modulatedConv2d(x, w, s, { filter }))) expect(value).toBeGreaterThan(1.5);
    },
    { runs: 5 },
  );
});

describe("(d): demodulation is a scale of the weights, or of the output channels", () => {
  law(
    "27: conv(x, w'') = d conv(s x, w), d_no = 1 / sqrt(S_no + eps): N weights, or one weight and two scales",
    shapes,
    (shape, draw) => {
      const { x, w, s } = draws(shape, draw);
      const fused = convEach(x, demodulatedWeight(modulatedWeight(w, s), EPSILON));
      equal(mod(conv(mod(x, s), w), demodulation(w, s)), fused);
      equal(modulatedConv2d(x, w, s, { filter }), fused);
    },
  );

  law("27: d needs no weights per sample: S_no = sum_i s_ni^2 sum_k w_oik^2", shapes, (shape, draw) => {
    const { w, s } = draws(shape, draw);
    const expected = rsqrt(addScalar(energy(modulatedWeight(w, s)), EPSILON));
    equal(demodulation(w, s), reshape(expected, [shape.n, shape.o]));
  });

  law("27: with upsampling d is the same: it knows the weights, not the filter", shapes, (shape, draw) => {
    const { x, w, s } = draws(shape, draw);
    const plain = modulatedConv2d(x, w, s, { filter, up: 2, demodulate: false });
    equal(modulatedConv2d(x, w, s, { filter, up: 2 }), mod(plain, demodulation(w, s)));
  });

  law("27: the layer = demodulated conv, then noise, then bias, then activation", shapes, (shape, draw) => {
    const { x, w, s, noise, bias } = draws(shape, draw);
    const noiseStrength = draw.normals([]);
    const act = { activation: "lrelu", gain: 1.3, clamp: 2 } as const;
    const y = modulatedLayer(x, w, s, { filter, noise, noiseStrength, bias, ...act });
    const demodulated = modulatedConv2d(x, w, s, { filter });
    equal(y, biasAct(add(demodulated, mul(noise, noiseStrength)), bias, act));
    // Noise that went in before would be scaled by d, and the strength of the weights would matter again, as in (b).
    const before = mod(add(conv(mod(x, s), w), noise), demodulation(w, s));
    apart(before, add(demodulated, noise), 1e-3);
    const linear = { filter, noise, noiseStrength, bias, activation: "linear", gain: 1, clamp: null } as const;
    equal(modulatedLayer(x, scale(w, 7), s, linear), modulatedLayer(x, w, s, linear), { tolerance: 1e-6 });
  });
});

describe("what demodulation makes impossible to change", () => {
  /** As drawn, or so small that eps is as large as the energy: a law must hold in both, or it hides eps. */
  const size = fc.constantFrom(1, 1e-4);

  law("29: sum over i, k of w''^2 = S / (S + eps)", { ...shapes, size }, ({ size, ...shape }, draw) => {
    const { w, s } = draws(shape, draw);
    const small = scale(w, size);
    const S = energy(modulatedWeight(small, s)); // [N, O, 1, 1, 1]
    const unit = mul(S, reciprocal(addScalar(S, EPSILON)));
    equal(energy(demodulatedWeight(modulatedWeight(small, s), EPSILON)), unit);
    equal(mul(square(demodulation(small, s)), reshape(S, [shape.n, shape.o])), reshape(unit, [shape.n, shape.o]));
    if (size === 1) return;
    expect(Math.max(...numbersOf(unit))).toBeLessThan(0.9999999); // eps is seen
  });

  law(
    "30: w''(c s; c^2 eps) = sign(c) w''(s; eps), and the same for each w_o",
    { ...shapes, size },
    ({ size, ...shape }, draw) => {
      const { w, s } = draws(shape, draw);
      const small = scale(w, size);
      const expected = demodulatedWeight(modulatedWeight(small, s), EPSILON);
      for (const c of [3, -3, 1e-3]) {
        const scaled = { styles: modulatedWeight(small, scale(s, c)), weights: modulatedWeight(scale(small, c), s) };
        for (const weights of Object.values(scaled)) {
          equal(scale(demodulatedWeight(weights, c * c * EPSILON), Math.sign(c)), expected);
        }
      }
    },
  );

  law(
    "30: in the library eps is fixed: 1/d(c s)^2 - eps = c^2 (1/d(s)^2 - eps), so d(c s) is not d(s) / c",
    shapes,
    (shape, draw) => {
      const { w, s } = draws(shape, draw);
      const energyOf = (d: Tensor): Tensor => addScalar(reciprocal(square(d)), -EPSILON);
      const c = 0.5;
      equal(energyOf(demodulation(w, scale(s, c))), scale(energyOf(demodulation(w, s)), c * c), { tolerance: 1e-11 });
      // A naive test of scale invariance would need a tolerance wider than this, and would then hide a missing eps.
      const tiny = scale(s, 1e-4);
      apart(scale(demodulation(w, tiny), 1e-4), demodulation(w, s), 1e-6);
    },
  );

  law(
    "30: scaling w_o by 1 / max|w_o| and s_n by 1 / max|s_n|, as half precision needs, is this identity",
    shapes,
    (shape, draw) => {
      const { x, w, s } = draws(shape, draw);
      const inverses = (t: Tensor): Tensor => {
        const rows = t.shape[0];
        const numbers = numbersOf(t);
        const row = numbers.length / rows;
        const factors = Array.from({ length: rows }, (_, at) => 1 / largest(numbers.slice(at * row, (at + 1) * row)));
        return Tensor.from(Float64Array.from(factors), [rows, ...t.shape.slice(1).map(() => 1)]);
      };
      const [a, c] = [inverses(s), inverses(w)];
      const scaled = modulatedWeight(mul(w, c), mul(s, a));
      const epsilon = scale(mul(square(reshape(a, [shape.n, 1])), square(reshape(c, [1, shape.o]))), EPSILON); // [N, O]
      const d = rsqrt(add(reshape(energy(scaled), [shape.n, shape.o]), epsilon));
      equal(mod(convEach(x, scaled), d), modulatedConv2d(x, w, s, { filter }));
    },
  );

  law(
    "31: <s_n, dL/ds_n> = sum_o <dy_no, y_no> eps / (S_no + eps), 0 for eps -> 0",
    { ...shapes, size },
    ({ size, ...shape }, draw) => {
      const { x, w, s } = draws(shape, draw);
      const small = scale(w, size);
      const styles = variable(s);
      const y = modulatedConv2d(x, small, styles, { filter });
      const dy = draw.normals(y.shape);
      const [ds] = grad([y], [styles], { gradOutputs: [dy] });
      const share = scale(square(demodulation(small, s)), EPSILON); // eps / (S + eps), [N, O]
      const work = sum(mul(dy, y), { axes: [2, 3] }); // <dy_no, y_no>
      const expected = sum(mul(work, share), { axes: [1] }); // [N]
      equal(sum(mul(s, ds), { axes: [1] }), expected, { scale: dotSize(s, ds) + dotSize(dy, y) });
      if (size === 1) equal(dot(s, ds), 0, { scale: dotSize(dy, y), tolerance: 1e-6 });
      else expect(largest(expected)).toBeGreaterThan(1e-9 * dotSize(dy, y)); // the term with eps is not noise
    },
  );

  law(
    "31: <w_o, dL/dw_o> = sum_n <dy_no, y_no> eps / (S_no + eps): weights neither grow nor shrink",
    { ...shapes, size },
    ({ size, ...shape }, draw) => {
      const { x, w, s } = draws(shape, draw);
      const weight = variable(scale(w, size));
      const y = modulatedConv2d(x, weight, s, { filter });
      const dy = draw.normals(y.shape);
      const [dw] = grad([y], [weight], { gradOutputs: [dy] });
      const share = scale(square(demodulation(weight, s)), EPSILON);
      const expected = sum(mul(sum(mul(dy, y), { axes: [2, 3] }), share), { axes: [0] }); // [O]
      equal(sum(mul(weight, dw), { axes: [1, 2, 3] }), expected, { scale: dotSize(weight, dw) + dotSize(dy, y) });
    },
  );

  law(
    "without demodulation neither holds: <s_n, dL/ds_n> = <dy_n, y_n>, for y is linear in s (toRgb, 32)",
    shapes,
    (shape, draw) => {
      const { x, w, s } = draws(shape, draw);
      const styles = variable(s);
      const y = modulatedConv2d(x, w, styles, { filter, demodulate: false });
      const dy = draw.normals(y.shape);
      const [ds] = grad([y], [styles], { gradOutputs: [dy] });
      equal(dot(s, ds), dot(dy, y), { scale: dotSize(dy, y) });
      identical(modulatedConv2d(x, w, scale(s, 4), { filter, demodulate: false }), scale(y, 4));
    },
  );
});
