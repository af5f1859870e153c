/** Plans what follows a convolution, and its gradient, for `assembly/elementwise/layerEnd.ts`. */
import { activationRow } from "../activations.js";
import type { LayerEndGeometry } from "../types.js";
import { elementsPerChunk } from "./elementwise.js";
import type { Engine } from "./engine.js";
import { constants } from "./memory.js";

/** Pointers to the operands; null for one that is not there. */
export interface LayerEndPointers {
  readonly scale: number | null;
  readonly noise: number | null;
  readonly b: number | null;
}

/** y = biasAct(x * scale + noise). */
export function wasmLayerEnd(
  engine: Engine,
  x: number,
  operands: LayerEndPointers,
  y: number,
  geometry: LayerEndGeometry,
): void {
  runRows(engine, "layerEnd", { dy: x, x, dt: y, dx: y }, operands, geometry);
}

/** dt, the gradient of biasAct in what it is of, and dx = dt * scale. */
export function wasmLayerEndGrad(
  engine: Engine,
  at: { readonly dy: number; readonly x: number; readonly dt: number; readonly dx: number },
  operands: LayerEndPointers,
  geometry: LayerEndGeometry,
): void {
  runRows(engine, "layerEndGrad", at, operands, geometry);
}

function runRows(
  engine: Engine,
  name: "layerEnd" | "layerEndGrad",
  { dy, x, dt, dx }: { readonly dy: number; readonly x: number; readonly dt: number; readonly dx: number },
  { scale, noise, b }: LayerEndPointers,
  geometry: LayerEndGeometry,
): void {
  const { outer, channels, inner, inputGain, biasGain, activation, alpha, gain, clamp, noiseMaps } = geometry;
  const slope = activationRow(activation).slope?.(alpha);
  if (slope === undefined) throw new RangeError(`${name}: expected a piecewise linear activation, got ${activation}`);
  const rows = outer * channels;
  if (rows * inner === 0) return;
  const perChunk = Math.max(1, Math.ceil(elementsPerChunk / inner));
  const fall = slope * gain;
  // What is not there: times 1, plus 0 times the gain, plus -0, which changes no sum.
  engine.run(name, Math.ceil(rows / perChunk), {
    ...{ dy, x, y: dx, dt, outer, channels, inner, perChunk },
    scale: scale ?? constants.one,
    scaleStep: scale === null ? 0 : 1,
    noise: noise ?? constants.minusZeros,
    noiseRow: noise === null || noiseMaps === 1 ? 0 : inner,
    noiseStep: noise === null ? 0 : 1,
    b: b ?? constants.zero,
    biasStep: b === null ? 0 : 1,
    dead: activation === "relu" ? 1 : 0,
    ...{ inputGain, biasGain, fall, gain },
    fallOfDy: inputGain * slope * gain,
    gainOfDy: inputGain * gain,
    clamp: clamp ?? Number.POSITIVE_INFINITY,
    ...(name === "layerEnd" || clamp === null ? unclamped : clampedOutside(fall, gain, clamp)),
  });
}

/** Only the gradient asks where t is clamped. */
const unclamped = { clamped: 0, bottom: 0, top: 0 };

const clampedOutside = (fall: number, gain: number, clamp: number): typeof unclamped => ({
  clamped: 1,
  bottom: -clampedFrom(fall, clamp),
  top: clampedFrom(gain, clamp),
});

/** The least float32 t > 0 whose product with `factor`, rounded, has at least the size of `clamp` (> 0); Infinity if there is none. */
function clampedFrom(factor: number, clamp: number): number {
  const [rate, most] = [Math.abs(Math.fround(factor)), Math.fround(clamp)];
  // Numbers above zero are ordered as their bits are.
  const bits = new Uint32Array(1);
  const number = new Float32Array(bits.buffer);
  let [low, high] = [0, 0x7f800000];
  while (high - low > 1) {
    bits[0] = (low + high) >>> 1;
    if (Math.fround(rate * number[0]) >= most) high = bits[0];
    else low = bits[0];
  }
  bits[0] = high;
  return number[0];
}
