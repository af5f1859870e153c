/** Reference bias + activation + gain + clamp, and its gradient (CONVENTIONS 1.1, items 3 and 4). */

import type { Activation, BiasActGeometry } from "../types.js";
import { type Numbers, sigmoid, softplus } from "./elementwise.js";

/** Constants of selu (Klambauer et al. 2017): the fixed point of mean 0 and variance 1. */
const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

interface ActivationRule {
  /** act(t). */
  readonly value: (t: number, alpha: number) => number;
  /** act'(t); at a kink, the slope of the side t <= 0. */
  readonly slope: (t: number, alpha: number) => number;
}

/** Every activation with its derivative. */
export const activationRules: Record<Activation, ActivationRule> = {
  linear: { value: (t) => t, slope: () => 1 },
  relu: { value: (t) => Math.max(t, 0), slope: (t) => (t > 0 ? 1 : 0) },
  lrelu: { value: (t, alpha) => (t > 0 ? t : alpha * t), slope: (t, alpha) => (t > 0 ? 1 : alpha) },
  tanh: { value: Math.tanh, slope: (t) => 1 - Math.tanh(t) ** 2 },
  sigmoid: { value: sigmoid, slope: (t) => sigmoid(t) * sigmoid(-t) },
  elu: { value: (t) => (t > 0 ? t : Math.expm1(t)), slope: (t) => (t > 0 ? 1 : Math.exp(t)) },
  selu: {
    value: (t) => seluScale * (t > 0 ? t : seluAlpha * Math.expm1(t)),
    slope: (t) => seluScale * (t > 0 ? 1 : seluAlpha * Math.exp(t)),
  },
  softplus: { value: softplus, slope: sigmoid },
  swish: { value: (t) => t * sigmoid(t), slope: (t) => sigmoid(t) * (1 + t * sigmoid(-t)) },
};

/** y = clamp(gain * act(inputGain * x + biasGain * b)). */
export function referenceBiasAct(x: Numbers, b: Numbers | null, y: Numbers, geometry: BiasActGeometry): void {
  const { outer, channels, inner, inputGain, biasGain, activation, alpha, gain } = geometry;
  const { value } = activationRules[activation];
  const clamp = geometry.clamp ?? Number.POSITIVE_INFINITY;
  for (let row = 0; row < outer * channels; row++) {
    const bias = b === null ? 0 : biasGain * b[row % channels];
    const end = (row + 1) * inner;
    for (let i = row * inner; i < end; i++) {
      y[i] = Math.max(-clamp, Math.min(clamp, gain * value(inputGain * x[i] + bias, alpha)));
    }
  }
}

/** dx = dy * inputGain * gain * act'(t) where |gain * act(t)| < clamp, else 0; t = inputGain * x + biasGain * b. */
export function referenceBiasActGrad(
  dy: Numbers,
  x: Numbers,
  b: Numbers | null,
  dx: Numbers,
  geometry: BiasActGeometry,
): void {
  const { outer, channels, inner, inputGain, biasGain, activation, alpha, gain, clamp } = geometry;
  const { value, slope } = activationRules[activation];
  for (let row = 0; row < outer * channels; row++) {
    const bias = b === null ? 0 : biasGain * b[row % channels];
    const end = (row + 1) * inner;
    for (let i = row * inner; i < end; i++) {
      const t = inputGain * x[i] + bias;
      const passes = clamp === null || Math.abs(gain * value(t, alpha)) < clamp;
      dx[i] = passes ? dy[i] * inputGain * gain * slope(t, alpha) : 0;
    }
  }
}
