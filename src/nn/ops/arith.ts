/**
 * Elementwise arithmetic with broadcasting. Each derivative is written with the same operations.
 * Tests: tests/nn/autograd.test.ts (gradient checks of order one and two for every operation).
 */
import { defineOp, isRecording, overGradient } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import type { BinaryOp, UnaryOp } from "../kernels/functions.js";
import { broadcastShapes, broadcastStrides, type Shape, sameShape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";
import { scale } from "./affine.js";
import { sumTo } from "./reduce.js";

export { addScalar, scale } from "./affine.js";

type Pair = { a: Tensor; b: Tensor };
type Single = { x: Tensor };

/** Into `y`, which may have the place of an operand of its shape. */
function runBinary(op: BinaryOp, a: Tensor, b: Tensor, into?: Tensor): Tensor {
  if (sameShape(a.shape, b.shape)) {
    const y = into ?? allocateTensor(a.shape);
    activeKernels().binary(op, a.internals.block, b.internals.block, y.internals.block, {
      shape: [a.size],
      strides: [[1], [1]],
    });
    return y;
  }
  const shape = broadcastShapes(op, a.shape, b.shape);
  const y = into ?? allocateTensor(shape);
  const strides = [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)];
  activeKernels().binary(op, a.internals.block, b.internals.block, y.internals.block, { shape, strides });
  return y;
}

function runUnary(op: UnaryOp, x: Tensor): Tensor {
  const y = allocateTensor(x.shape);
  activeKernels().unary(op, x.internals.block, y.internals.block);
  return y;
}

const addOp = defineOp<Pair, null>("add", {
  forward: ({ a, b }) => runBinary("add", a, b),
  vjp: { a: (dy, { a }) => sumTo(dy, a.shape), b: (dy, { b }) => sumTo(dy, b.shape) },
  reads: {},
});
const subOp = defineOp<Pair, null>("sub", {
  forward: ({ a, b }) => runBinary("sub", a, b),
  vjp: { a: (dy, { a }) => sumTo(dy, a.shape), b: (dy, { b }) => sumTo(neg(dy), b.shape) },
  reads: {},
});
const mulOp = defineOp<Pair, null>("mul", {
  forward: ({ a, b }) => runBinary("mul", a, b),
  vjp: (dy, { a, b }, _, wanted) => {
    // That of b first: the product for a may take the place of dy.
    const ofB = wanted("b") ? sumOfProducts(dy, a, b.shape) : null;
    return { b: ofB, a: wanted("a") ? productWithGradient(dy, b, a.shape) : null };
  },
  reads: { a: ["b"], b: ["a"] },
});
/** The sum of a * b over the axes that `shape` has as 1: its trailing ones. As one kernel, without the products in memory. */
const dotOp = defineOp<Pair, Shape>("dot", {
  forward: ({ a, b }, shape) => {
    const y = allocateTensor(shape);
    const k = a.size / y.size;
    const rows = { batch: y.size, m: 1, n: 1, k, transposeA: false, transposeB: false, strideA: k, strideB: k };
    activeKernels().matmul(a.internals.block, b.internals.block, y.internals.block, rows);
    return y;
  },
  vjp: { a: (dy, { b }) => mul(dy, b), b: (dy, { a }) => mul(dy, a) },
  reads: { a: ["b"], b: ["a"] },
});
const divOp = defineOp<Pair, null>("div", {
  forward: ({ a, b }) => runBinary("div", a, b),
  vjp: {
    a: (dy, { a, b }) => sumTo(div(dy, b), a.shape),
    b: (dy, { b }, _, y) => sumTo(neg(div(mul(dy, y), b)), b.shape),
  },
});
/** a * b summed to `shape`, which broadcasts to theirs: what a factor of a product gets back that was broadcast over feature maps. */
export function sumOfProducts(a: Tensor, b: Tensor, shape: Shape): Tensor {
  const kept = shape.findLastIndex((extent) => extent !== 1) + 1;
  const isPrefix = shape.length === a.shape.length && sameShape(shape.slice(0, kept), a.shape.slice(0, kept));
  const sums = isPrefix && sameShape(a.shape, b.shape) && !sameShape(a.shape, shape);
  return sums ? dotOp({ a, b }, shape) : sumTo(mul(a, b), shape);
}

/** dy * b, or its sum to `shape`; nobody reads dy after it. */
export function productWithGradient(dy: Tensor, b: Tensor, shape: Shape): Tensor {
  if (isRecording() || !sameShape(dy.shape, shape)) return sumOfProducts(dy, b, shape);
  return runBinary("mul", dy, b, overGradient(dy));
}

type UnaryRule = (dy: Tensor, inputs: Single, options: null, y: Tensor) => Tensor;

/** `reads`: whether the rule reads x or the result. */
function defineUnary(op: UnaryOp, reads: readonly ("x" | "y")[], rule: UnaryRule | null): (x: Tensor) => Tensor {
  const run = defineOp<Single, null>(op, {
    forward: ({ x }) => runUnary(op, x),
    vjp: { x: rule },
    reads: { x: reads },
  });
  return (x) => run({ x }, null);
}

export const add = (a: Tensor, b: Tensor): Tensor => addOp({ a, b }, null);
/** a += b, where nothing is recorded and nobody else has the memory of a. The shapes are the same. */
export function addTo(a: Tensor, b: Tensor): void {
  runBinary("add", a, b, a);
}
export const sub = (a: Tensor, b: Tensor): Tensor => subOp({ a, b }, null);
export const mul = (a: Tensor, b: Tensor): Tensor => mulOp({ a, b }, null);
export const div = (a: Tensor, b: Tensor): Tensor => divOp({ a, b }, null);
export const neg: (x: Tensor) => Tensor = defineUnary("neg", [], (dy) => neg(dy));
/** 1 where x > 0, else 0; its derivative is zero. */
export const step: (x: Tensor) => Tensor = defineUnary("step", [], null);
/** -1, 0 or 1; its derivative is zero. */
export const sign: (x: Tensor) => Tensor = defineUnary("sign", [], null);
export const abs: (x: Tensor) => Tensor = defineUnary("abs", ["x"], (dy, { x }) => mul(dy, sign(x)));
export const square: (x: Tensor) => Tensor = defineUnary("square", ["x"], (dy, { x }) => mul(dy, scale(x, 2)));
export const sqrt: (x: Tensor) => Tensor = defineUnary("sqrt", ["y"], (dy, _, __, y) => div(scale(dy, 0.5), y));
/** 1 / sqrt(x) */
export const rsqrt: (x: Tensor) => Tensor = defineUnary("rsqrt", ["y"], (dy, _, __, y) =>
  mul(scale(dy, -0.5), mul(y, square(y))),
);
export const reciprocal: (x: Tensor) => Tensor = defineUnary("reciprocal", ["y"], (dy, _, __, y) =>
  neg(mul(dy, square(y))),
);
export const exp: (x: Tensor) => Tensor = defineUnary("exp", ["y"], (dy, _, __, y) => mul(dy, y));
export const log: (x: Tensor) => Tensor = defineUnary("log", ["x"], (dy, { x }) => div(dy, x));
export const sigmoid: (x: Tensor) => Tensor = defineUnary("sigmoid", ["y"], (dy, _, __, y) =>
  mul(dy, sub(y, square(y))),
);
export const tanh: (x: Tensor) => Tensor = defineUnary("tanh", ["y"], (dy, _, __, y) => sub(dy, mul(dy, square(y))));
/** log(1 + exp(x)) */
export const softplus: (x: Tensor) => Tensor = defineUnary("softplus", ["x"], (dy, { x }) => mul(dy, sigmoid(x)));

/** a + t (b - a), t a number: a at t = 0, b at t = 1. */
export const lerp = (a: Tensor, b: Tensor, t: number): Tensor => add(a, scale(sub(b, a), t));
