/** Reference bias + activation + gain + clamp, in this order, and its gradient. */

import { activationRow } from "../activations.js";
import type { BiasActGeometry } from "../types.js";
import type { Numbers } from "./elementwise.js";

/** y = clamp(gain * act(inputGain * x + biasGain * b)). */
export function referenceBiasAct(x: Numbers, b: Numbers | null, y: Numbers, geometry: BiasActGeometry): void {
  const { outer, channels, inner, inputGain, biasGain, activation, alpha, gain } = geometry;
  const { value } = activationRow(activation);
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
  const { value, derivative } = activationRow(activation);
  for (let row = 0; row < outer * channels; row++) {
    const bias = b === null ? 0 : biasGain * b[row % channels];
    const end = (row + 1) * inner;
    for (let i = row * inner; i < end; i++) {
      const t = inputGain * x[i] + bias;
      const passes = clamp === null || Math.abs(gain * value(t, alpha)) < clamp;
      dx[i] = passes ? dy[i] * inputGain * gain * derivative(t, alpha) : 0;
    }
  }
}
