/**
 * Every differentiable operation of src/nn/ops, with inputs that are away from its kinks: what the gradient checks run
 * over. A test asserts that no exported operation is missing.
 */
import type { TensorFunction } from "../../src/nn/autograd/gradcheck.js";
import {
  abs,
  add,
  addScalar,
  div,
  exp,
  lerp,
  log,
  mul,
  neg,
  reciprocal,
  rsqrt,
  scale,
  sigmoid,
  sign,
  softplus,
  sqrt,
  square,
  step,
  sub,
  sumOfProducts,
  tanh,
} from "../../src/nn/ops/arith.js";
import { type Activation, activationNames, biasAct, isHomogeneous } from "../../src/nn/ops/biasAct.js";
import { conv2d, convTranspose2d } from "../../src/nn/ops/conv2d.js";
import { conv2dBiasAct } from "../../src/nn/ops/conv2dBiasAct.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { type AffineMatrix, affineSample } from "../../src/nn/ops/gridSample.js";
import { concat, flip, pad, permute, slice, unstack } from "../../src/nn/ops/layout.js";
import { matmul } from "../../src/nn/ops/matmul.js";
import { averagePool2d, maxPool2d } from "../../src/nn/ops/pool.js";
import { expand, reshape, sum, sumTo } from "../../src/nn/ops/reduce.js";
import { scaledConv2d } from "../../src/nn/ops/scaledConv2d.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { downsample2d, filter2d, setupFilter, upfirdn2d, upsample2d } from "../../src/nn/ops/upfirdn2d.js";
import type { Tensor } from "../../src/nn/tensor.js";
import type { Draw } from "./draw.js";

export interface OpCase {
  /** The exported name. */
  readonly op: string;
  /** What distinguishes the case from others of the same operation. */
  readonly detail: string;
  readonly inputs: (draw: Draw) => Record<string, Tensor>;
  readonly f: TensorFunction;
}

const cases: OpCase[] = [];

function check(op: string, detail: string, inputs: OpCase["inputs"], f: TensorFunction): void {
  cases.push({ op, detail, inputs, f });
}

/** One operand, of standard normal numbers. */
const x = (shape: readonly number[]) => (draw: Draw) => ({ x: draw.normals(shape) });

// Elementwise, with and without broadcasting. Divisors stay away from zero.
const PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [2, 3],
    [2, 3],
  ],
  [
    [2, 3, 2],
    [3, 1],
  ],
  [
    [1, 3],
    [4, 1, 1],
  ],
];
for (const [a, b] of PAIRS) {
  const detail = `[${a}] with [${b}]`;
  const pair = (draw: Draw) => ({ a: draw.normals(a), b: draw.uniforms(b, 0.5, 2) });
  for (const [op, f] of Object.entries({ add, sub, mul, div })) check(op, detail, pair, ({ a, b }) => f(a, b));
  const same = (draw: Draw) => ({ a: draw.normals(a), b: draw.normals(a) });
  check("lerp", `[${a}]`, same, ({ a, b }) => lerp(a, b, 0.3));
}
for (const shape of [
  [2, 3, 1, 1],
  [1, 3, 1, 2],
  [2, 3, 2, 2],
]) {
  const pair = (draw: Draw) => ({ a: draw.normals([2, 3, 2, 2]), b: draw.normals([2, 3, 2, 2]) });
  check("sumOfProducts", `to [${shape}]`, pair, ({ a, b }) => sumOfProducts(a, b, shape));
}
check("scale", "by -1.5", x([5]), ({ x }) => scale(x, -1.5));
check("addScalar", "2.5", x([5]), ({ x }) => addScalar(x, 2.5));

for (const [op, f] of Object.entries({ neg, square, exp, sigmoid, tanh, softplus }))
  check(
    op,
    "[2, 4]",
    (draw) => ({ x: draw.normals([2, 4]) }),
    ({ x }) => f(x),
  );
for (const [op, f] of Object.entries({ abs, sign, step })) {
  check(
    op,
    "[2, 4], away from 0",
    (draw) => ({ x: draw.awayFrom([2, 4], [0]) }),
    ({ x }) => f(x),
  );
}
for (const [op, f] of Object.entries({ sqrt, rsqrt, reciprocal, log })) {
  check(
    op,
    "[2, 4], positive",
    (draw) => ({ x: draw.uniforms([2, 4], 0.5, 2) }),
    ({ x }) => f(x),
  );
}

// Bias and activation. Kinks lie at x + b = 0 and where the clamp begins.
const PIECEWISE: readonly { activation: Activation; clamp: number | null; kinks: readonly number[] }[] = [
  { activation: "linear", clamp: null, kinks: [] },
  { activation: "linear", clamp: 0.8, kinks: [-0.4, 0.4] },
  { activation: "relu", clamp: null, kinks: [0] },
  { activation: "lrelu", clamp: null, kinks: [0] },
  { activation: "lrelu", clamp: 0.8, kinks: [-2, 0, 0.4] },
];
for (const { activation, clamp, kinks } of PIECEWISE) {
  const inputs = (draw: Draw) => {
    const t = draw.awayFrom([2, 3, 2, 2], kinks);
    const b = draw.normals([3]);
    return { x: sub(t, reshape(b, [3, 1, 1])), b };
  };
  const detail = `${activation}, gain 2, ${clamp === null ? "no clamp" : `clamp ${clamp}`}`;
  check("biasAct", detail, inputs, ({ x, b }) => biasAct(x, b, { activation, gain: 2, clamp }));
  // The same t = inputGain x + biasGain b, so the same kinks.
  const gains = { inputGain: 0.5, biasGain: 3 };
  const stretched = (draw: Draw) => {
    const { x, b } = inputs(draw);
    return { x: scale(x, 1 / gains.inputGain), b: scale(b, 1 / gains.biasGain) };
  };
  check("biasAct", `${detail}, gains`, stretched, ({ x, b }) =>
    biasAct(x, b, { activation, gain: 2, clamp, ...gains }),
  );
}
// A scale for each map and noise before all of it. The same u = x scale + noise, so the same kinks.
for (const { activation, clamp, kinks } of [...PIECEWISE, { activation: "tanh", clamp: null, kinks: [] } as const]) {
  for (const maps of [1, 2]) {
    const inputs = (draw: Draw) => {
      const [b, noise] = [draw.normals([3]), draw.normals([maps, 1, 2, 2])];
      const factor = draw.uniforms([2, 3, 1, 1], 0.5, 2);
      const u = sub(draw.awayFrom([2, 3, 2, 2], kinks), reshape(b, [3, 1, 1]));
      return { x: div(sub(u, noise), factor), factor, noise, b };
    };
    const detail = `${activation}, ${clamp === null ? "no clamp" : `clamp ${clamp}`}, scale and noise [${maps}, 1, 2, 2]`;
    check("biasAct", detail, inputs, ({ x, factor, noise, b }) =>
      biasAct(x, b, { activation, gain: 2, clamp, scale: factor, noise }),
    );
  }
}
/** Their second derivatives jump at 0. */
const WITH_KINK: readonly Activation[] = ["elu", "selu"];
for (const activation of activationNames.filter((name) => !isHomogeneous(name) && !WITH_KINK.includes(name))) {
  const inputs = (draw: Draw) => ({ x: draw.normals([2, 3, 2]), b: draw.normals([3]) });
  const gains = { inputGain: 0.7, biasGain: 2 };
  check("biasAct", activation, inputs, ({ x, b }) => biasAct(x, b, { activation, ...gains }));
}
for (const activation of WITH_KINK) {
  check(
    "biasAct",
    `${activation}, no bias`,
    (draw) => ({ x: draw.awayFrom([2, 3], [0]) }),
    ({ x }) => biasAct(x, null, { activation }),
  );
}

// Of those that leak only the result is kept; the others are the two operations.
for (const [activation, clamp, stride] of [
  ["lrelu", null, 1],
  ["lrelu", null, 2],
  ["linear", null, 1],
  ["relu", null, 1],
  ["lrelu", 0.6, 1],
  ["tanh", null, 2],
] as const) {
  const inputs = (draw: Draw) => ({ x: draw.normals([2, 2, 4, 3]), w: draw.normals([3, 2, 3, 3], 0.3) });
  const end = { activation, clamp, inputGain: 0.5, biasGain: 3, gain: 2 };
  const detail = `${activation}, stride ${stride}, ${clamp === null ? "no clamp" : `clamp ${clamp}`}`;
  const withBias = (draw: Draw) => ({ ...inputs(draw), b: draw.normals([3], 0.2) });
  check("conv2dBiasAct", detail, withBias, ({ x, w, b }) => conv2dBiasAct(x, w, b, { stride, padding: 1 }, end));
  check("conv2dBiasAct", `${detail}, no bias`, inputs, ({ x, w }) => conv2dBiasAct(x, w, null, { stride }, end));
}

for (const options of [{ padding: 1 }, { stride: 2 }, { stride: 2, padding: 1, transposed: true }]) {
  const w = options.transposed ? [3, 2, 3, 3] : [2, 3, 3, 3];
  const inputs = (draw: Draw) => ({ x: draw.normals([2, 3, 3, 4]), s: draw.normals([2, 3, 1, 1]), w: draw.normals(w) });
  check("scaledConv2d", JSON.stringify(options), inputs, ({ x, s, w }) => scaledConv2d(x, s, w, options));
}

// Data movement.
check("permute", "[2, 3, 4] by 2, 0, 1", x([2, 3, 4]), ({ x }) => permute(x, [2, 0, 1]));
check("slice", "the middle of axis 1", x([2, 4, 2]), ({ x }) => slice(x, 1, 1, 3));
check(
  "unstack",
  "[2, 3, 2] along axis 1",
  (draw) => ({ x: draw.normals([2, 3, 2]) }),
  ({ x }) => {
    const [a, b, c] = unstack(x, 1);
    return sub(mul(a, b), c);
  },
);
check(
  "pad",
  "axis 0 by 1 and 2",
  (draw) => ({ x: draw.normals([2, 3]) }),
  ({ x }) => pad(x, 0, 1, 2),
);
check(
  "concat",
  "three parts, one of them twice",
  (draw) => ({ x: draw.normals([2, 3]), y: draw.normals([2, 1]) }),
  ({ x, y }) => concat([x, y, x], 1),
);
check(
  "flip",
  "axes 0 and 2",
  (draw) => ({ x: draw.normals([2, 3, 4]) }),
  ({ x }) => flip(x, [0, 2]),
);
check(
  "reshape",
  "[2, 6] to [3, -1]",
  (draw) => ({ x: draw.normals([2, 6]) }),
  ({ x }) => reshape(x, [3, -1]),
);

// Sums.
check(
  "sum",
  "all",
  (draw) => ({ x: draw.normals([2, 3]) }),
  ({ x }) => sum(x),
);
check(
  "sum",
  "axes 0 and 2",
  (draw) => ({ x: draw.normals([2, 3, 4, 2]) }),
  ({ x }) => sum(x, { axes: [0, 2] }),
);
check(
  "sum",
  "axes 1 and 3 of [2, 3, 2, 1, 2], times 3",
  (draw) => ({ x: draw.normals([2, 3, 2, 1, 2]) }),
  ({ x }) => sum(x, { axes: [1, 3, 4], gain: 3 }),
);
check(
  "sum",
  "axis 1, kept",
  (draw) => ({ x: draw.normals([2, 3, 2]) }),
  ({ x }) => sum(x, { axes: [1], keepDims: true }),
);
check(
  "mean",
  "axes 1 and 2",
  (draw) => ({ x: draw.normals([2, 3, 4]) }),
  ({ x }) => mean(x, { axes: [1, 2] }),
);
check(
  "expand",
  "[3, 1] to [2, 3, 4]",
  (draw) => ({ x: draw.normals([3, 1]) }),
  ({ x }) => expand(x, [2, 3, 4]),
);
check(
  "sumTo",
  "[2, 3, 4] to [3, 1]",
  (draw) => ({ x: draw.normals([2, 3, 4]) }),
  ({ x }) => sumTo(x, [3, 1]),
);

// Products and convolutions: bilinear, so the second order mixes the inputs.
for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const inputs = (draw: Draw) => ({
      a: draw.normals(transposeA ? [3, 2] : [2, 3]),
      b: draw.normals(transposeB ? [4, 3] : [3, 4]),
    });
    const detail = `${transposeA ? "a^T" : "a"} ${transposeB ? "b^T" : "b"}`;
    check("matmul", detail, inputs, ({ a, b }) => matmul(a, b, { transposeA, transposeB }));
  }
}
for (const options of [
  {},
  { stride: 2, padding: 1 },
  { padding: 1, groups: 2 },
  { padding: -1 },
  { padding: [0, 1] },
] as const) {
  const groups = options.groups ?? 1;
  const inputs = (draw: Draw) => ({ x: draw.normals([2, 2, 5, 6]), w: draw.normals([4, 2 / groups, 3, 2]) });
  check("conv2d", JSON.stringify(options), inputs, ({ x, w }) => conv2d(x, w, options));
}
for (const options of [{}, { stride: 2, padding: 1 }, { stride: 2, groups: 2 }]) {
  const inputs = (draw: Draw) => ({ x: draw.normals([2, 4, 3, 2]), w: draw.normals([4, 2, 3, 3]) });
  check("convTranspose2d", JSON.stringify(options), inputs, ({ x, w }) => convTranspose2d(x, w, options));
}

const filter = setupFilter([1, 3, 3, 1]);
const uneven = setupFilter([
  [1, 2, 4],
  [0, 3, 1],
]);
// Behind a filter, and before one.
for (const [detail, taps] of Object.entries({ "four taps": filter, "a matrix of taps": uneven })) {
  const before = { stride: 2, filter: { taps, padding: [2, 1, 2, 2], gain: 2 } } as const;
  const after = { stride: 2, filter: { taps, padding: 1, gain: 4 } };
  const end = { inputGain: 0.5, gain: 2, activation: "lrelu" } as const;
  const large = (draw: Draw) => ({ x: draw.normals([2, 2, 6, 5]), w: draw.normals([3, 2, 3, 3]) });
  const small = (draw: Draw) => ({ x: draw.normals([2, 3, 3, 2]), w: draw.normals([3, 2, 3, 3]) });
  const scaled = (draw: Draw) => ({ ...small(draw), s: draw.normals([2, 3, 1, 1]) });
  const transposed = { ...after, transposed: true };
  check("conv2d", detail, large, ({ x, w }) => conv2d(x, w, before));
  check("conv2dBiasAct", detail, large, ({ x, w }) => conv2dBiasAct(x, w, null, before, end));
  check("convTranspose2d", detail, small, ({ x, w }) => convTranspose2d(x, w, after));
  check("scaledConv2d", detail, scaled, ({ x, s, w }) => scaledConv2d(x, s, w, transposed));
}

for (const options of [
  { up: 2, padding: 2 },
  { down: 2, padding: 1, flipFilter: true },
  { up: [2, 3], down: [3, 1], padding: [1, 0, -1, 3], gain: 3 },
] as const) {
  check(
    "upfirdn2d",
    JSON.stringify(options),
    (draw) => ({ x: draw.normals([1, 2, 4, 5]) }),
    ({ x }) => upfirdn2d(x, uneven, options),
  );
}
const image = (draw: Draw) => ({ x: draw.normals([1, 2, 4, 4]) });
check("upsample2d", "[1, 3, 3, 1]", image, ({ x }) => upsample2d(x, filter));
check("downsample2d", "[1, 3, 3, 1]", image, ({ x }) => downsample2d(x, filter));
check("filter2d", "[1, 3, 3, 1]", image, ({ x }) => filter2d(x, filter, { gain: 2 }));
for (const kernel of [1, 3]) {
  for (const factors of [{ up: 2 }, { down: 2 }, { up: 2, down: 2 }, { flipWeight: false }]) {
    const inputs = (draw: Draw) => ({ x: draw.normals([1, 2, 4, 4]), w: draw.normals([3, 2, kernel, kernel]) });
    check("conv2dResample", `${kernel}x${kernel}, ${JSON.stringify(factors)}`, inputs, ({ x, w }) =>
      conv2dResample(x, w, filter, { ...factors, padding: (kernel - 1) / 2 }),
    );
  }
}

// Linear in x for fixed matrices: a turn, a shear, and a shift partly out of the image.
const matrices: readonly AffineMatrix[] = [
  [0.8, -0.6, 1.3, 0.6, 0.8, -0.7],
  [1, 0.4, -1.2, 0, 1.5, 0.3],
];
check(
  "affineSample",
  "a turn and a shear, to 3x4",
  (draw) => ({ x: draw.normals([2, 2, 4, 3]) }),
  ({ x }) => affineSample(x, { matrices, outHeight: 3, outWidth: 4 }),
);

// Pools. Elements of a window lie apart, so that no difference quotient changes which of them is largest.
for (const options of [{ kernel: 2 }, { kernel: 3, stride: 2 }, { kernel: 3, stride: 1, padding: 1 }]) {
  const detail = JSON.stringify(options);
  const distinct = (draw: Draw) => {
    const order = Array.from({ length: 60 }, (_, k) => ({ k, key: draw.uniform() })).sort((a, b) => a.key - b.key);
    let next = 0;
    return { x: draw.tensor([1, 2, 6, 5], () => order[next++].k / 10 - 3) };
  };
  check("maxPool2d", detail, distinct, ({ x }) => maxPool2d(x, options));
  check(
    "averagePool2d",
    detail,
    (draw) => ({ x: draw.normals([2, 2, 5, 4]) }),
    ({ x }) => averagePool2d(x, options),
  );
}

export const OP_CASES: readonly OpCase[] = cases;

/** Exports of src/nn/ops that take no tensor. */
export const NOT_OPERATIONS: readonly string[] = [
  ...["upfirdn2dGeometry", "setupFilter", "defaultGain", "isHomogeneous", "onnxActivation"],
  "addTo",
  // For conv2dBiasAct and scaledConv2d: what the operations are made of that they join.
  "productWithGradient",
  ...["conv", "conv2dGeometry", "convTranspose2dGeometry", "xShape", "wShape", "yShape", "inputGrad", "weightGrad"],
  ...["biasActGeometry", "biasActGradOp", "biasGradient", "blockOf"],
];
