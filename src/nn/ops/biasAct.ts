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
import type { Activation, BiasActGeometry } from "../kernels/types.js";
import { assertShape, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";
import { add, addScalar, exp, mul, neg, scale, sigmoid, softplus, step, tanh } from "./arith.js";
import { reshape, sum } from "./reduce.js";

export type { Activation } from "../kernels/types.js";

/** The gain that keeps the second moment of a normal input near 1 (He et al. 2015). */
export function defaultGain(activation: Activation): number {
  return activation === "lrelu" || activation === "relu" || activation === "swish" ? Math.SQRT2 : 1;
}

/** The slope of lrelu below zero, unless another is asked for. */
export const LRELU_SLOPE = 0.2;

type BiasActInputs = { x: Tensor; b: Tensor | null };

const biasActOp: Op<BiasActInputs, BiasActGeometry> = defineOp<BiasActInputs, BiasActGeometry>("biasAct", {
  forward: ({ x, b }, g) => {
    const y = Tensor.allocate(x.shape);
    activeKernels().biasAct(x.block, b?.block ?? null, y.block, g);
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
      const dx = Tensor.allocate(x.shape);
      activeKernels().biasActGrad(dy.block, x.block, b?.block ?? null, dx.block, g);
      return dx;
    },
    vjp: { dy: (ddx, { x, b }, g) => biasActGradOp({ dy: ddx, x, b }, g), x: null, b: null },
  },
);

function biasGradient(dx: Tensor, { outer, channels, inner, inputGain, biasGain }: BiasActGeometry): Tensor {
  return sum(reshape(dx, [outer, channels, inner]), { axes: [0, 2], gain: biasGain / inputGain });
}

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/** alpha (exp(x) - 1) below zero, x above. */
function elu(x: Tensor, alpha: number): Tensor {
  const positive = mul(x, step(x));
  const negative = mul(x, step(neg(x)));
  return add(positive, scale(addScalar(exp(negative), -1), alpha));
}

const smooth: { readonly [A in Activation]?: (x: Tensor) => Tensor } = {
  tanh,
  sigmoid,
  softplus,
  swish: (x) => mul(x, sigmoid(x)),
  elu: (x) => elu(x, 1),
  selu: (x) => scale(elu(x, SELU_ALPHA), SELU_SCALE),
};

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
  const act = smooth[activation];
  if (act === undefined || !isRecorded([x, b])) return biasActOp({ x, b }, geometry);
  const biased = biasActOp({ x, b }, { ...geometry, activation: "linear", gain: 1, clamp: null });
  return biasActOp({ x: act(biased), b: null }, { ...geometry, inputGain: 1, activation: "linear" });
}
