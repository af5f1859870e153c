/**
 * Checks gradients against differences: for a function F of tensors, random u of the shape of its value and v of the
 * shape of an input x,
 *
 *   order 1   <u, (F(x + h v) - F(x - h v)) / 2h>  =  <F*u, v>                F* = the vector-Jacobian product at x
 *   order 2   the same statement for the maps  x -> F*u  (every pair of inputs)  and  u -> F*u
 *
 * The second order is the first order of another function, so one procedure serves both. Random directions test whole
 * Jacobians by two evaluations each: a wrong entry is missed with probability zero (Griewank and Walther 2008).
 * Tests: tests/nn/autograd.test.ts, which runs it over every operation and shows that it catches wrong rules.
 */

import { activeKernels } from "../backend.js";
import { RandomState } from "../random.js";
import type { Shape } from "../shape.js";
import { scope, Tensor } from "../tensor.js";
import { grad } from "./grad.js";
import { variable } from "./record.js";

/** A differentiable function of named tensors. */
export type TensorFunction = (inputs: Readonly<Record<string, Tensor>>) => Tensor;

export interface GradientCheckOptions {
  /** Highest order to check: 2 also differentiates the gradients. Default 2. */
  readonly order?: 1 | 2;
  /** Step h, relative to the largest element of the input (to 1 where that is 0). Default 1e-5. */
  readonly step?: number;
  /** Largest error, relative to the norms |u| |J v|. Default 1e-7. */
  readonly tolerance?: number;
  /** Seed of the directions u and v. Default 0. */
  readonly seed?: number;
}

/** One comparison: the derivative of `of` in the direction of one input. */
export interface GradientCheck {
  /** "y" for order 1; for order 2 the gradient that was differentiated, such as "dx". */
  readonly of: string;
  /** The input that was moved; "dy" is the u of order 2. */
  readonly input: string;
  readonly analytic: number;
  readonly numeric: number;
  /** |analytic - numeric| must not be larger. */
  readonly allowed: number;
}

/**
 * Compares the gradients of `f` with central differences, for every input, and the gradients of its gradients.
 *
 * Move the inputs away from kinks (lrelu, abs, clamp) by some 100 steps first: a difference across one is no
 * derivative. The inputs are copied, never changed.
 *
 * @param f a function made of differentiable operations; called some ten times for each input
 * @param inputs the point; every tensor in it is checked
 * @returns every comparison made, all of them passed
 * @throws TypeError unless the kernels compute in float64: float32 has no room for a step
 * @throws Error naming the input, both numbers and the bound, at the first comparison that fails
 * @example
 * setKernels(createReferenceKernels("float64"));
 * checkGradients(({ x }) => sum(square(x)), { x: Tensor.from([1, 2, 3]) });
 */
export function checkGradients(
  f: TensorFunction,
  inputs: Readonly<Record<string, Tensor>>,
  options: GradientCheckOptions = {},
): GradientCheck[] {
  const { order = 2, step = 1e-5, tolerance = 1e-7, seed = 0 } = options;
  if (activeKernels().precision !== "float64") {
    throw new TypeError("checkGradients: needs kernels in float64; call setKernels(createReferenceKernels('float64'))");
  }
  const random = new RandomState(seed);
  const checks = Object.keys(inputs).map((name) => compare("y", f, inputs, name, { step, tolerance, random }));
  if (order === 1) return checks;
  for (const name of Object.keys(inputs)) {
    const extended = { ...inputs, dy: normals(shapeOf(f, inputs), random) };
    for (const moved of Object.keys(extended)) {
      checks.push(compare(`d${name}`, pulledBack(f, name), extended, moved, { step, tolerance, random }));
    }
  }
  return checks;
}

/** (x, dy) -> F*dy for one input: itself a differentiable function. */
function pulledBack(f: TensorFunction, name: string): TensorFunction {
  return ({ dy, ...inputs }) => {
    if (!inputs[name].requiresGrad) variable(inputs[name]);
    return grad([f(inputs)], [inputs[name]], { gradOutputs: [dy], createGraph: true })[0];
  };
}

interface Procedure {
  readonly step: number;
  readonly tolerance: number;
  readonly random: RandomState;
}

/** <u, J v> by central differences against <J^T u, v> by autograd, for one input. */
function compare(
  of: string,
  f: TensorFunction,
  point: Readonly<Record<string, Tensor>>,
  input: string,
  { step, tolerance, random }: Procedure,
): GradientCheck {
  return scope(() => {
    const x = point[input].toFloat64Array();
    const h = step * (x.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1);
    const v = random.randn(x.length);
    const along = (distance: number): Float64Array => {
      const moved = x.map((value, index) => value + distance * v[index]);
      return f(copies({ ...point, [input]: Tensor.from(moved, point[input].shape) })).toFloat64Array();
    };
    const [before, after] = [along(-h), along(h)];
    const jv = after.map((value, index) => (value - before[index]) / (2 * h));

    const variables = copies(point);
    variable(variables[input]);
    const y = f(variables);
    const u = normals(y.shape, random);
    const [ju] = grad([y], [variables[input]], { gradOutputs: [u] });

    const numeric = dot(u.toFloat64Array(), jv);
    const analytic = dot(ju.toFloat64Array(), v);
    // What rounding in F leaves of a difference of two values, after the division by 2h.
    const rounding = (8 * Number.EPSILON * (norm(before) + norm(after))) / (2 * h);
    const allowed = norm(u.toFloat64Array()) * (tolerance * norm(jv) + rounding);
    if (!(Math.abs(analytic - numeric) <= allowed)) {
      throw new Error(
        `checkGradients: the derivative of ${of} in the direction of ${input} should be ${numeric} by differences, ` +
          `got ${analytic} from its rule; allowed difference ${allowed}. Is the point near a kink?`,
      );
    }
    return { of, input, analytic, numeric, allowed };
  });
}

/** Fresh tensors with the same numbers, so that nothing is recorded on the caller's. */
function copies(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, Tensor.from(tensor.toFloat64Array(), tensor.shape)]),
  );
}

function normals(shape: Shape, random: RandomState): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Tensor.from(random.randn(size), shape);
}

function shapeOf(f: TensorFunction, inputs: Readonly<Record<string, Tensor>>): Shape {
  return scope(() => f(copies(inputs)).shape);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index], 0);
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
