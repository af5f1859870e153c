/** Reference of what follows a convolution, and of its gradient: each operation by itself, rounded where it is stored. */
import type { Block } from "../block.js";
import type { LayerEnd, LayerEndGeometry } from "../types.js";
import { referenceBiasAct, referenceBiasActGrad } from "./activations.js";
import type { Numbers } from "./elementwise.js";

/** x * scale + noise, of the precision of `like`. */
function scaledAndDisturbed(x: Numbers, { scale, noise }: LayerEnd, like: Numbers, g: LayerEndGeometry): Numbers {
  const u = like instanceof Float64Array ? Float64Array.from(x) : Float32Array.from(x);
  const { outer, channels, inner, noiseMaps } = g;
  for (let row = 0; row < outer * channels; row++) {
    const map = noiseMaps === 1 ? 0 : Math.floor(row / channels) * inner;
    for (let i = 0; i < inner; i++) {
      if (scale !== null) u[row * inner + i] *= scale.data[row];
      if (noise !== null) u[row * inner + i] += noise.data[map + i];
    }
  }
  return u;
}

export function referenceLayerEnd(x: Block, operands: LayerEnd, y: Block, geometry: LayerEndGeometry): void {
  const u = scaledAndDisturbed(x.data, operands, y.data, geometry);
  referenceBiasAct(u, operands.b?.data ?? null, y.data, geometry);
}

export function referenceLayerEndGrad(
  dy: Block,
  x: Block,
  operands: LayerEnd,
  dt: Block,
  dx: Block,
  geometry: LayerEndGeometry,
): void {
  const u = scaledAndDisturbed(x.data, operands, dt.data, geometry);
  referenceBiasActGrad(dy.data, u, operands.b?.data ?? null, dt.data, geometry);
  for (let i = 0; i < dx.length; i++) {
    dx.data[i] =
      operands.scale === null ? dt.data[i] : dt.data[i] * operands.scale.data[Math.floor(i / geometry.inner)];
  }
}
