/**
 * The functions that are applied element by element: their names, and what they are. SIMD has the ones for which assembly/ exports
 * a kernel (`sqrt`: unarySqrt; `add`: binaryAdd); the others run in JavaScript on the same memory.
 */
import { sigmoid, softplus } from "./activations.js";

/** y = f(x), element by element. `step` is 1 where x > 0, else 0. */
export const unaryFunctions = {
  neg: (x: number) => -x,
  abs: Math.abs,
  sign: Math.sign,
  step: (x: number) => (x > 0 ? 1 : 0),
  square: (x: number) => x * x,
  sqrt: Math.sqrt,
  rsqrt: (x: number) => 1 / Math.sqrt(x),
  reciprocal: (x: number) => 1 / x,
  exp: Math.exp,
  log: Math.log,
  sigmoid,
  tanh: Math.tanh,
  softplus,
} satisfies Record<string, (x: number) => number>;

/** y = f(a, b), element by element, with broadcasting. */
export const binaryFunctions = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
} satisfies Record<string, (a: number, b: number) => number>;

export type UnaryOp = keyof typeof unaryFunctions;
export type BinaryOp = keyof typeof binaryFunctions;
