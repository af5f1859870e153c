/** Plans bias + activation for `assembly/elementwise/biasAct.ts`; smooth activations run in JavaScript on the same memory. */
import { activationRow } from "../activations.js";
import { referenceBiasAct, referenceBiasActGrad } from "../reference/activations.js";
import type { BiasActGeometry } from "../types.js";
import { elementsPerChunk } from "./elementwise.js";
import type { Engine } from "./engine.js";
import type { PlanarFrame } from "./frames/conv.js";
import { constants } from "./memory.js";

/** y = clamp(gain * act(inputGain * x + biasGain * b)); b is a pointer or null. */
export function wasmBiasAct(engine: Engine, x: number, b: number | null, y: number, geometry: BiasActGeometry): void {
  if (runPiecewiseLinear(engine, "biasAct", x, x, b, y, geometry)) return;
  const length = geometry.outer * geometry.channels * geometry.inner;
  const bias = b === null ? null : engine.floats(b, geometry.channels);
  referenceBiasAct(engine.floats(x, length), bias, engine.floats(y, length), geometry);
}

/** y = x > 0 ? gain x : fall x of x = inputGain conv + biasGain bias, where `bias` points to a number for each output channel, or is null. */
export interface LeakyEnd {
  readonly bias: number | null;
  readonly inputGain: number;
  readonly biasGain: number;
  readonly fall: number;
  readonly gain: number;
}

/** As the last words of a kernel's frame. */
export function endFrame(
  end?: LeakyEnd,
): Pick<PlanarFrame, "activated" | "bias" | "inputGain" | "biasGain" | "fall" | "gain"> {
  const { bias, inputGain, biasGain, fall, gain } = end ?? { bias: null, inputGain: 1, biasGain: 1, fall: 1, gain: 1 };
  return { activated: end === undefined ? 0 : 1, bias: bias ?? 0, inputGain, biasGain, fall, gain };
}

/** An activation that passes something for negative numbers, without a clamp, as factors; null for others. */
export function leakyEnd(bias: number | null, geometry: BiasActGeometry): LeakyEnd | null {
  const { inputGain, biasGain, activation, alpha, gain, clamp } = geometry;
  const slope = activationRow(activation).slope?.(alpha);
  if (slope === undefined || activation === "relu" || clamp !== null) return null;
  return { bias, inputGain, biasGain, fall: slope * gain, gain };
}

/** dx = dy * inputGain * gain * act'(inputGain * x + biasGain * b) where not clamped. */
export function wasmBiasActGrad(
  engine: Engine,
  dy: number,
  x: number,
  b: number | null,
  dx: number,
  geometry: BiasActGeometry,
): void {
  if (runPiecewiseLinear(engine, "biasActGrad", dy, x, b, dx, geometry)) return;
  const length = geometry.outer * geometry.channels * geometry.inner;
  const bias = b === null ? null : engine.floats(b, geometry.channels);
  const [gradient, input, output] = [dy, x, dx].map((pointer) => engine.floats(pointer, length));
  referenceBiasActGrad(gradient, input, bias, output, geometry);
}

/** False, and nothing done, if the activation is not piecewise linear. */
function runPiecewiseLinear(
  engine: Engine,
  name: "biasAct" | "biasActGrad",
  dy: number,
  x: number,
  b: number | null,
  y: number,
  geometry: BiasActGeometry,
): boolean {
  const { outer, channels, inner, inputGain, biasGain, activation, alpha, gain, clamp } = geometry;
  const slope = activationRow(activation).slope?.(alpha);
  if (slope === undefined) return false;
  // Feature maps: a row for each channel, one bias a row. Dense layers: a row for each sample, the biases along it.
  const dense = inner === 1;
  const rows = dense ? outer : outer * channels;
  const length = dense ? channels : inner;
  if (rows * length === 0) return true;
  const rowsPerChunk = Math.max(1, Math.ceil(elementsPerChunk / length));
  const biasRow = b === null || dense ? 0 : 1;
  const biasStep = b !== null && dense ? 1 : 0;
  engine.run(name, Math.ceil(rows / rowsPerChunk), {
    dy,
    x,
    b: b ?? constants.zero,
    y,
    rows,
    rowsPerChunk,
    length,
    period: channels,
    biasRow,
    biasStep,
    dead: activation === "relu" ? 1 : 0,
    clamped: clamp === null ? 0 : 1,
    inputGain,
    biasGain,
    fall: slope * gain,
    gain,
    fallOfDy: inputGain * slope * gain,
    gainOfDy: inputGain * gain,
    clamp: clamp ?? Number.POSITIVE_INFINITY,
  });
  return true;
}
