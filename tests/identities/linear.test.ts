/**
 * Laws of the linear operations: convolution and its adjoints, resampling by filters, and the bias-activation that is
 * linear by parts. Identities 4 and 8-14; the kernels below them are held to these laws in tests/kernels/.
 */
import fc from "fast-check";
import { beforeAll, describe, expect } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { mul, scale } from "../../src/nn/ops/arith.js";
import { biasAct } from "../../src/nn/ops/biasAct.js";
import { conv2d, convTranspose2d } from "../../src/nn/ops/conv2d.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { flip, pad, slice } from "../../src/nn/ops/layout.js";
import { sum } from "../../src/nn/ops/reduce.js";
import {
  downsample2d,
  filter2d,
  setupFilter,
  type Upfirdn2dOptions,
  upfirdn2d,
  upsample2d,
} from "../../src/nn/ops/upfirdn2d.js";
import { Tensor } from "../../src/nn/tensor.js";
import type { Draw } from "../support/draw.js";
import { apart, dot, dotSize, equal, identical, largest, law, numbersOf } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const upTo = (max: number, min = 1) => fc.integer({ min, max });

describe("convolution", () => {
  const geometry = {
    n: upTo(3),
    inChannels: fc.constantFrom(1, 3, 4, 5),
    outChannels: fc.constantFrom(1, 3, 4, 5),
    height: upTo(7),
    width: upTo(7),
    kernel: fc.constantFrom(1, 2, 3),
    stride: upTo(3),
    padding: upTo(2, 0),
    groups: fc.constantFrom(1, 1, 2),
  };

  law(
    "4: <conv(x, w), dy> = <x, convT(dy, w)> = <w, convW(x, dy)>",
    geometry,
    ({ n, inChannels, outChannels, height, width, kernel, stride, padding, groups }, draw) => {
      const x = variable(draw.normals([n, inChannels * groups, height + 3, width + 3]));
      const w = variable(draw.normals([outChannels * groups, inChannels, kernel, kernel]));
      const y = conv2d(x, w, { stride, padding, groups });
      const dy = draw.normals(y.shape);
      const [dx, dw] = grad([y], [x, w], { gradOutputs: [dy] });
      const size = { scale: dotSize(y, dy) };
      equal(dot(dx, x), dot(y, dy), size);
      equal(dot(dw, w), dot(y, dy), size);
    },
    { runs: 60 },
  );

  law(
    "4: convTranspose2d(dy, w) = the gradient of conv2d, where every pixel of x was read",
    geometry,
    ({ n, inChannels, outChannels, height, width, kernel, stride, groups }, draw) => {
      const w = draw.normals([outChannels * groups, inChannels, kernel, kernel]);
      const dy = draw.normals([n, outChannels * groups, height, width]);
      const spread = convTranspose2d(dy, w, { stride, groups });
      const x = variable(draw.normals(spread.shape));
      equal(spread, grad([conv2d(x, w, { stride, groups })], [x], { gradOutputs: [dy] })[0]);
    },
  );

  law(
    "conv(T x, w) = T conv(x, w) for a translation T, away from the border",
    { channels: upTo(4), side: fc.integer({ min: 5, max: 8 }) },
    ({ channels, side }, draw) => {
      const x = draw.integers([1, channels, side, side]);
      const w = draw.integers([2, channels, 3, 3]);
      const moved = pad(slice(x, 3, 0, side - 1), 3, 1, 0);
      identical(slice(conv2d(moved, w), 3, 1, side - 2), slice(conv2d(x, w), 3, 0, side - 3));
    },
  );
});

const taps = fc.constantFrom<readonly number[]>([1], [1, 1], [1, 2, 1], [1, 3, 3, 1], [4, -1, 2], [1, 2, 3, 4, 5]);

describe("upfirdn2d: up, filter, down", () => {
  const factor = upTo(3);
  const padding = fc.integer({ min: -2, max: 4 });
  const geometry = {
    height: fc.integer({ min: 5, max: 9 }),
    width: fc.integer({ min: 5, max: 9 }),
    up: fc.tuple(factor, factor),
    down: fc.tuple(factor, factor),
    padding: fc.tuple(padding, padding, padding, padding),
    tapsX: taps,
    tapsY: taps,
    flipFilter: fc.boolean(),
  };

  law(
    "8: out = floor((in up + p0 + p1 - k) / down) + 1; y[q] = gain sum_m xPadded[q down + m] f[k - 1 - m]",
    geometry,
    ({ height, width, up, down, padding, tapsX, tapsY, flipFilter }, draw) => {
      const filter = setupFilter(tapsY.map((a) => tapsX.map((b) => a * b)));
      const x = draw.normals([1, 1, height, width]);
      const extent = (size: number, axis: 0 | 1, k: number): number =>
        Math.floor((size * up[axis] + padding[2 * axis] + padding[2 * axis + 1] - k) / down[axis]) + 1;
      const expected = [1, 1, extent(height, 1, tapsY.length), extent(width, 0, tapsX.length)];
      const options: Upfirdn2dOptions = { up, down, padding, flipFilter, gain: 2 };
      if (expected[2] < 1 || expected[3] < 1) {
        expect(() => upfirdn2d(x, filter, options)).toThrow(RangeError);
        return;
      }
      const y = upfirdn2d(x, filter, options);
      expect(y.shape).toEqual(expected);

      // One output pixel from the definition: zero insertion, padding, correlation with the flipped filter.
      const [p, q] = [draw.integer(0, expected[2] - 1), draw.integer(0, expected[3] - 1)];
      const numbers = numbersOf(x);
      let value = 0;
      let size = 0;
      for (let r = 0; r < tapsY.length; r++) {
        for (let s = 0; s < tapsX.length; s++) {
          const row = (p * down[1] + r - padding[2]) / up[1];
          const column = (q * down[0] + s - padding[0]) / up[0];
          const inside = row >= 0 && row < height && column >= 0 && column < width;
          if (!inside || !Number.isInteger(row) || !Number.isInteger(column)) continue;
          const [i, j] = flipFilter ? [r, s] : [tapsY.length - 1 - r, tapsX.length - 1 - s];
          const term = 2 * numbers[row * width + column] * filter.taps[i * tapsX.length + j];
          value += term;
          size += Math.abs(term);
        }
      }
      equal(numbersOf(y)[p * expected[3] + q], value, { scale: size });
    },
    { runs: 100 },
  );

  law(
    "9: <U x, y> = <x, U' y>, up and down exchanged, f flipped, p' = (k - p0 - 1, in up - out down + p0 - up + 1)",
    { ...geometry, height: fc.integer({ min: 9, max: 11 }), width: fc.integer({ min: 9, max: 11 }) },
    ({ height, width, up, down, padding, tapsX, tapsY, flipFilter }, draw) => {
      const filter = setupFilter(tapsY.map((a) => tapsX.map((b) => a * b)));
      const x = variable(draw.normals([2, 1, height, width]));
      const y = upfirdn2d(x, filter, { up, down, padding, flipFilter, gain: 3 });
      const dy = draw.normals(y.shape);
      const [, , outHeight, outWidth] = y.shape;
      const around = (axis: 0 | 1, size: number, out: number, k: number): readonly [number, number] => {
        const before = padding[2 * axis];
        return [k - before - 1, size * up[axis] - out * down[axis] + before - up[axis] + 1];
      };
      const adjoint = upfirdn2d(dy, filter, {
        up: down,
        down: up,
        padding: [...around(0, width, outWidth, tapsX.length), ...around(1, height, outHeight, tapsY.length)],
        flipFilter: !flipFilter,
        gain: 3,
      });
      expect(adjoint.shape).toEqual(x.shape);
      // Absolutely: on a degenerate grid (up 2, down 2, one tap between the samples) both sides may be 0.
      equal(dot(adjoint, x), dot(y, dy), { scale: dotSize(y, dy) });
      identical(grad([y], [x], { gradOutputs: [dy] })[0], adjoint);
    },
    { runs: 100 },
  );

  law(
    "10: U with f (x) f and gain g = U along x with f and sqrt(g), then along y",
    { taps, up: factor, down: factor, side: fc.integer({ min: 6, max: 9 }) },
    ({ taps, up, down, side }, draw) => {
      const x = draw.normals([1, 2, side, side]);
      const along = (axis: 0 | 1): Upfirdn2dOptions => ({
        up: axis === 0 ? [up, 1] : [1, up],
        down: axis === 0 ? [down, 1] : [1, down],
        padding: axis === 0 ? [2, 1, 0, 0] : [0, 0, 2, 1],
        gain: Math.sqrt(5),
      });
      const line = upfirdn2d(x, setupFilter([taps]), along(0));
      const both = upfirdn2d(line, setupFilter(taps.map((tap) => [tap])), along(1));
      equal(upfirdn2d(x, setupFilter(taps), { up, down, padding: [2, 1, 2, 1], gain: 5 }), both, {
        scale: largest(x),
      });
    },
    { runs: 40 },
  );

  law(
    "11: upsample2d(1) = 1 and downsample2d(1) = 1 inside; a corner of the upsampled is 0.5625 for [1, 3, 3, 1]",
    { side: fc.integer({ min: 4, max: 9 }) },
    ({ side }) => {
      const filter = setupFilter([1, 3, 3, 1]);
      const inside = (x: Tensor): Tensor => {
        const [, , h, w] = x.shape;
        return slice(slice(x, 2, 1, h - 1), 3, 1, w - 1);
      };
      const ones = Tensor.from(new Float64Array(4 * side * side).fill(1), [1, 1, 2 * side, 2 * side]);
      for (const y of [upsample2d(ones, filter), downsample2d(ones, filter), inside(filter2d(ones, filter))]) {
        const middle = inside(y);
        equal(middle, new Float64Array(middle.size).fill(1));
      }
      equal(numbersOf(upsample2d(ones, filter))[0], 0.5625);
    },
  );

  law(
    "12: upsample2d is 4 times the adjoint of downsample2d, for a symmetric filter",
    { side: upTo(5), taps: fc.constantFrom<readonly number[]>([1, 1], [1, 3, 3, 1], [1, 5, 10, 10, 5, 1]) },
    ({ side, taps }, draw) => {
      const filter = setupFilter(taps);
      const x = draw.normals([1, 2, 2 * side, 2 * side]);
      const y = draw.normals([1, 2, side, side]);
      const size = { scale: dotSize(x, upsample2d(y, filter)) };
      equal(dot(downsample2d(x, filter), scale(y, 4)), dot(x, upsample2d(y, filter)), size);
    },
  );
});

describe("13: convolution with resampling", () => {
  type Kernel = readonly [height: number, width: number];
  const geometry = {
    kernel: fc.constantFrom<Kernel>([1, 1], [3, 3], [5, 5], [3, 1], [1, 3]),
    taps: fc.constantFrom<readonly number[]>([1, 1], [1, 3, 3, 1], [1, 2, 3, 5]),
    side: fc.integer({ min: 2, max: 5 }),
    flipWeight: fc.boolean(),
  };
  const operands = ({ kernel, side }: { kernel: Kernel; side: number }, draw: Draw) => ({
    x: draw.normals([2, 2, 2 * side, 2 * side]),
    w: draw.normals([3, 2, ...kernel]),
    padding: (Math.min(...kernel) - 1) / 2,
  });
  const stored = (w: Tensor, flipWeight: boolean): Tensor => (flipWeight ? w : flip(w, [2, 3]));

  law("up: FIR(convT_2(x, w)) = conv(up_f(x), w), where up_f(x) goes on beyond its border", geometry, (shape, draw) => {
    const { flipWeight, taps } = shape;
    const { x, w, padding } = operands(shape, draw);
    const filter = setupFilter(taps);
    const fused = conv2dResample(x, w, filter, { up: 2, padding, flipWeight });
    const [before, after] = [Math.floor((taps.length + 1) / 2) + padding, Math.floor((taps.length - 2) / 2) + padding];
    const enlarged = upfirdn2d(x, filter, { up: 2, padding: [before, after, before, after], gain: 4 });
    equal(fused, conv2d(enlarged, stored(w, flipWeight)));
  });

  law(
    "up: cropping up_f(x) before the convolution changes the border, and nothing else",
    geometry,
    ({ side, flipWeight }, draw) => {
      const { x, w } = operands({ kernel: [3, 3], side }, draw);
      const filter = setupFilter([1, 3, 3, 1]);
      const fused = conv2dResample(x, w, filter, { up: 2, padding: 1, flipWeight });
      const cropped = conv2d(upsample2d(x, filter), stored(w, flipWeight), { padding: 1 });
      const inside = (y: Tensor): Tensor => slice(slice(y, 2, 1, 4 * side - 1), 3, 1, 4 * side - 1);
      equal(inside(fused), inside(cropped));
      apart(fused, cropped, 0.01);
    },
  );

  law(
    "down: conv_2(FIR(x), w) = every second pixel of FIR, then conv, with the padding applied once",
    geometry,
    (shape, draw) => {
      const { flipWeight, taps, kernel } = shape;
      const { x, w, padding } = operands(shape, draw);
      const filter = setupFilter(taps);
      const fused = conv2dResample(x, w, filter, { down: 2, padding, flipWeight });
      // The other order: convolve everything that is reached, then filter and decimate.
      const [before, after] = [Math.floor((taps.length - 1) / 2), Math.floor((taps.length - 2) / 2)];
      const reach = Math.max(...kernel) - 1 + taps.length;
      const full = conv2d(x, stored(w, flipWeight), { padding: reach });
      const crop = padding - reach;
      const edges = [crop + before, crop + after, crop + before, crop + after] as const;
      equal(fused, upfirdn2d(full, filter, { down: 2, padding: edges }));
    },
  );

  law("1x1: convolution and resampling commute", geometry, ({ taps, side, flipWeight }, draw) => {
    const { x, w } = operands({ kernel: [1, 1], side }, draw);
    const filter = setupFilter(taps);
    equal(conv2dResample(x, w, filter, { up: 2, flipWeight }), upsample2d(conv2d(x, w), filter));
    equal(conv2dResample(x, w, filter, { down: 2, flipWeight }), downsample2d(conv2d(x, w), filter));
    equal(upsample2d(conv2d(x, w), filter), conv2d(upsample2d(x, filter), w));
  });

  law("flipWeight = false is the mirrored kernel, and it matters", geometry, (shape, draw) => {
    const { x, w, padding } = operands({ ...shape, kernel: [3, 3] }, draw);
    const filter = setupFilter(shape.taps);
    for (const factors of [{}, { up: 2 }, { down: 2 }]) {
      const convolved = conv2dResample(x, w, filter, { ...factors, padding, flipWeight: false });
      equal(convolved, conv2dResample(x, flip(w, [2, 3]), filter, { ...factors, padding }));
      apart(convolved, conv2dResample(x, w, filter, { ...factors, padding }), 0.01);
    }
  });
});

describe("14: y = clamp(gain lrelu(x + b))", () => {
  const shape = { n: upTo(3), channels: fc.constantFrom(1, 3, 4, 5), side: upTo(4) };

  law("lrelu(c t) = c lrelu(t) for c > 0, bit for bit when c is a power of 2", shape, ({ n, channels, side }, draw) => {
    const x = draw.normals([n, channels, side, side]);
    const phi = (t: Tensor): Tensor => biasAct(t, null, { activation: "lrelu" });
    identical(phi(scale(x, 8)), scale(phi(x), 8));
    const c = draw.uniform(0.1, 10);
    equal(phi(scale(x, c)), scale(phi(x), c));
    apart(phi(scale(x, -1)), scale(phi(x), -1), 1e-3);
  });

  law(
    "act(inputGain x + biasGain b): the gains inside are those of x and b before",
    shape,
    ({ n, channels, side }, draw) => {
      const [x, b] = [draw.normals([n, channels, side, side]), draw.normals([channels])];
      const [inputGain, biasGain] = [draw.uniform(0.01, 2), draw.uniform(0.01, 2)];
      for (const activation of ["linear", "lrelu", "swish"] as const) {
        const outside = biasAct(scale(x, inputGain), scale(b, biasGain), { activation });
        const size = { scale: 2 * (largest(x) + largest(b)) };
        equal(biasAct(x, b, { activation, inputGain, biasGain }), outside, size);
      }
      expect(() => biasAct(x, b, { inputGain: 0 })).toThrow("biasAct: inputGain must not be 0");
    },
  );

  law(
    "dx = gain (y > 0 ? 1 : alpha) dy, and 0 where |y| reached the clamp: the output knows",
    shape,
    ({ n, channels, side }, draw) => {
      const [alpha, gain, clamp] = [0.2, 1.5, 1];
      const x = variable(draw.normals([n, channels, side, side]));
      const b = variable(draw.normals([channels]));
      const y = biasAct(x, b, { activation: "lrelu", alpha, gain, clamp });
      const dy = draw.normals(y.shape);
      const [dx, db] = grad([y], [x, b], { gradOutputs: [dy] });
      const [values, incoming] = [numbersOf(y), numbersOf(dy)];
      const slopes = values.map((value) => (Math.abs(value) >= clamp ? 0 : gain * (value > 0 ? 1 : alpha)));
      equal(
        dx,
        slopes.map((slope, index) => slope * incoming[index]),
        { scale: largest(dy) },
      );
      equal(db, sum(dx, { axes: [0, 2, 3] }), { scale: dotSize(dx, new Float64Array(dx.size).fill(1)) });
    },
  );

  law(
    "E[(sqrt(2) lrelu(n))^2] = 1 + alpha^2 = 1.04 for n ~ N(0, 1), within 5 standard errors",
    {},
    (_, draw) => {
      const count = 20_000;
      const y = biasAct(draw.normals([1, 1, count]), null, { activation: "lrelu" });
      const mean = dot(y, y) / count;
      // Var(y^2) = E[y^4] - 1.04^2 = 4 * 3 (1 + 0.2^4) / 2 - 1.04^2
      const standardError = Math.sqrt((6 * (1 + 0.2 ** 4) - 1.04 ** 2) / count);
      expect(Math.abs(mean - 1.04)).toBeLessThanOrEqual(5 * standardError);
      expect(5 * standardError).toBeLessThan(0.1);
    },
    { runs: 3 },
  );

  law(
    "relu and lrelu pass dy through unchanged in scale: <dx, x + b> = <dy, y> without a clamp",
    shape,
    ({ n, channels, side }, draw) => {
      const x = variable(draw.normals([n, channels, side, side]));
      for (const activation of ["relu", "lrelu", "linear"] as const) {
        const y = biasAct(x, null, { activation });
        const dy = draw.normals(y.shape);
        const [dx] = grad([y], [x], { gradOutputs: [dy] });
        equal(dot(dx, x), dot(dy, y), { scale: dotSize(x, mul(dy, scale(x, 2))) });
      }
    },
  );
});
