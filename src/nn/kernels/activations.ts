/**
 * The activations: everything that is known about each, in one row. All who apply, differentiate, name, save or export one read
 * it here. Second derivatives of those that are not piecewise linear come with the composition in ops/biasAct.ts, which must have
 * one for each row without a slope.
 */

/** An activation as nodes of an ONNX graph: operators that are there in operator set 13, the oldest that is written. */
export interface OnnxActivation {
  /** The first takes t, each other what the one before made. */
  readonly nodes: readonly { readonly operator: string; readonly attributes: Readonly<Record<string, number>> }[];
  /** Whether they make a factor of t rather than the result: act(t) = t * nodes(t). */
  readonly gates: boolean;
}

export interface ActivationRow {
  /** act(t). `alpha` is the slope of lrelu below zero. */
  readonly value: (t: number, alpha: number) => number;
  /** act'(t); at a kink, that of the side t <= 0. */
  readonly derivative: (t: number, alpha: number) => number;
  /**
   * The slope below zero of one that is act(t) = t above, and so homogeneous: act(a t) = a act(t) for a > 0, and act''(t) = 0 but at
   * the kink. Null for the others.
   */
  readonly slope: ((alpha: number) => number) | null;
  /** The gain that keeps the second moment of a normal input near 1 (He et al. 2015), for those that are used with one. */
  readonly gain: number;
  /** Null for the identity. */
  readonly onnx: OnnxActivation | null;
}

/** The slope of lrelu below zero, unless another is asked for. */
export const LRELU_SLOPE = 0.2;

/** Constants of selu (Klambauer et al. 2017): the fixed point of mean 0 and variance 1. */
export const SELU_SCALE = 1.0507009873554805;
export const SELU_ALPHA = 1.6732632423543772;

/** 1 / (1 + e^-x). For very negative x, e^-x overflows to infinity and the quotient is the correct 0. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** log(1 + e^x), written so that e^x never overflows and small values keep their digits. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function node(operator: string, attributes: Readonly<Record<string, number>> = {}): OnnxActivation {
  return { nodes: [{ operator, attributes }], gates: false };
}

function gate(...operators: readonly string[]): OnnxActivation {
  return { nodes: operators.map((operator) => ({ operator, attributes: {} })), gates: true };
}

export const activations = {
  linear: { value: (t) => t, derivative: () => 1, slope: () => 1, gain: 1, onnx: null },
  relu: {
    value: (t) => Math.max(t, 0),
    derivative: (t) => (t > 0 ? 1 : 0),
    slope: () => 0,
    gain: Math.SQRT2,
    onnx: node("Relu"),
  },
  lrelu: {
    value: (t, alpha) => (t > 0 ? t : alpha * t),
    derivative: (t, alpha) => (t > 0 ? 1 : alpha),
    slope: (alpha) => alpha,
    gain: Math.SQRT2,
    onnx: node("LeakyRelu", { alpha: LRELU_SLOPE }),
  },
  tanh: { value: Math.tanh, derivative: (t) => 1 - Math.tanh(t) ** 2, slope: null, gain: 1, onnx: node("Tanh") },
  sigmoid: {
    value: sigmoid,
    derivative: (t) => sigmoid(t) * sigmoid(-t),
    slope: null,
    gain: 1,
    onnx: node("Sigmoid"),
  },
  elu: {
    value: (t) => (t > 0 ? t : Math.expm1(t)),
    derivative: (t) => (t > 0 ? 1 : Math.exp(t)),
    slope: null,
    gain: 1,
    onnx: node("Elu", { alpha: 1 }),
  },
  selu: {
    value: (t) => SELU_SCALE * (t > 0 ? t : SELU_ALPHA * Math.expm1(t)),
    derivative: (t) => SELU_SCALE * (t > 0 ? 1 : SELU_ALPHA * Math.exp(t)),
    slope: null,
    gain: 1,
    onnx: node("Selu", { alpha: SELU_ALPHA, gamma: SELU_SCALE }),
  },
  softplus: { value: softplus, derivative: sigmoid, slope: null, gain: 1, onnx: node("Softplus") },
  swish: {
    value: (t) => t * sigmoid(t),
    derivative: (t) => sigmoid(t) * (1 + t * sigmoid(-t)),
    slope: null,
    gain: Math.SQRT2,
    onnx: gate("Sigmoid"),
  },
} satisfies Record<string, ActivationRow>;

export type Activation = keyof typeof activations;

/** Those without a slope: their second derivative is not zero. */
export type SmoothActivation = {
  [A in Activation]: (typeof activations)[A]["slope"] extends null ? A : never;
}[Activation];

export function activationRow(activation: Activation): ActivationRow {
  return activations[activation];
}
