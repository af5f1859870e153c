/**
 * Bias, activation, gain, clamp, in this order: y = clamp(gain act(t)), t = inputGain x + biasGain b.
 *
 * lrelu, relu and linear are piecewise linear: dx = dy inputGain gain act'(t) where y is not clamped, which is itself
 * linear in dy and constant in x almost everywhere, so one kernel serves every order. b meets dy through the same t:
 * db = (biasGain / inputGain) sum of dx. The smooth activations run as one
 * kernel when nothing is recorded and as a composition of differentiable operations when it is.
 * Tests: tests/identities/linear.test.ts (identity 14), tests/nn/autograd.test.ts.
 */
import { defineOp, isRecorded, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import {
  type Activation,
  activationRow,
  activations,
  LRELU_SLOPE,
  type OnnxActivation,
  SELU_ALPHA,
  SELU_SCALE,
  type SmoothActivation,
} from "../kernels/activations.js";
import type { BiasActGeometry } from "../kernels/types.js";
import { assertShape, sizeOf } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";
import { add, addScalar, exp, mul, neg, scale, sigmoid, softplus, step, tanh } from "./arith.js";
import { reshape, sum } from "./reduce.js";

export type { Activation } from "../kernels/activations.js";

/** The names of all activations. */
export const activationNames = Object.keys(activations) as readonly Activation[];

/** The gain that keeps the second moment of a normal input near 1 (He et al. 2015). */
export function defaultGain(activation: Activation): number {
  return activationRow(activation).gain;
}

/** Whether act(a x) = a act(x) for a > 0: gains may move through it. */
export function isHomogeneous(activation: Activation): boolean {
  return activationRow(activation).slope !== null;
}

/** The activation as nodes of an ONNX graph; null for the identity. */
export function onnxActivation(activation: Activation): OnnxActivation | null {
  return activationRow(activation).onnx;
}

type BiasActInputs = { x: Tensor; b: Tensor | null };

const biasActOp: Op<BiasActInputs, BiasActGeometry> = defineOp<BiasActInputs, BiasActGeometry>("biasAct", {
  forward: ({ x, b }, g) => {
    const y = allocateTensor(x.shape);
    activeKernels().biasAct(x.internals.block, b?.internals.block ?? null, y.internals.block, g);
    return y;
  },
  vjp: {
    x: (dy, { x, b }, g) => biasActGradOp({ dy, x, b }, g),
    b: (dy, { x, b }, g, _, found) => biasGradient(found.x ?? biasActGradOp({ dy, x, b }, g), g),
  },
});

type BiasActGradInputs = { dy: Tensor } & BiasActInputs;

const biasActGradOp: Op<BiasActGradInputs, BiasActGeometry> = defineOp<BiasActGradInputs, BiasActGeometry>(
  "biasActGrad",
  {
    forward: ({ dy, x, b }, g) => {
      const dx = allocateTensor(x.shape);
      activeKernels().biasActGrad(
        dy.internals.block,
        x.internals.block,
        b?.internals.block ?? null,
        dx.internals.block,
        g,
      );
      return dx;
    },
    vjp: { dy: (ddx, { x, b }, g) => biasActGradOp({ dy: ddx, x, b }, g), x: null, b: null },
  },
);

function biasGradient(dx: Tensor, { outer, channels, inner, inputGain, biasGain }: BiasActGeometry): Tensor {
  return sum(reshape(dx, [outer, channels, inner]), { axes: [0, 2], gain: biasGain / inputGain });
}

/** alpha (exp(x) - 1) below zero, x above. */
function elu(x: Tensor, alpha: number): Tensor {
  const positive = mul(x, step(x));
  const negative = mul(x, step(neg(x)));
  return add(positive, scale(addScalar(exp(negative), -1), alpha));
}

/** In differentiable operations, each of those that have a second derivative: it follows from these, as every higher one does. */
const compositions: { readonly [A in SmoothActivation]: (x: Tensor) => Tensor } = {
  tanh,
  sigmoid,
  softplus,
  swish: (x) => mul(x, sigmoid(x)),
  elu: (x) => elu(x, 1),
  selu: (x) => scale(elu(x, SELU_ALPHA), SELU_SCALE),
};

const isSmooth = (activation: Activation): activation is SmoothActivation => activation in compositions;

export interface BiasActOptions {
  /** Default "linear". */
  readonly activation?: Activation;
  /** Negative slope of lrelu. Default 0.2. */
  readonly alpha?: number;
  /** Multiplies x, such as the scale of the weight that x was computed with. Default 1. */
  readonly inputGain?: number;
  /** Multiplies b. Default 1. */
  readonly biasGain?: number;
  /** After the activation. Default: `defaultGain(activation)`. */
  readonly gain?: number;
  /** Clamp the result to [-clamp, clamp]. Default null: no clamp. */
  readonly clamp?: number | null;
}

/**
 * @param x [N, C, ...]
 * @param b [C], or null
 * @returns the shape of x
 * @throws RangeError when b does not fit, or when inputGain is 0: no gradient could be read off
 */
export function biasAct(x: Tensor, b: Tensor | null, options: BiasActOptions = {}): Tensor {
  const { activation = "linear", alpha = LRELU_SLOPE, gain = defaultGain(activation), clamp = null } = options;
  const { inputGain = 1, biasGain = 1 } = options;
  const [outer, channels] = x.shape;
  if (b !== null) assertShape("biasAct", "b", b.shape, [channels], "C");
  if (inputGain === 0) throw new RangeError("biasAct: inputGain must not be 0; leave the layer out");
  const inner = sizeOf(x.shape.slice(2));
  const geometry = { outer, channels, inner, inputGain, biasGain, activation, alpha, gain, clamp };
  if (!isSmooth(activation) || !isRecorded([x, b])) return biasActOp({ x, b }, geometry);
  const biased = biasActOp({ x, b }, { ...geometry, activation: "linear", gain: 1, clamp: null });
  return biasActOp(
    { x: compositions[activation](biased), b: null },
    { ...geometry, inputGain: 1, activation: "linear" },
  );
}
