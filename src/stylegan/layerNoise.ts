/** The noise of a layer (StyleGAN, section 3.2): one map, which every feature map adds with a strength of its own. */
import { drawNoise, type NoiseSource } from "../nn/noise.js";
import { reshape } from "../nn/ops/reduce.js";
import type { Tensor } from "../nn/tensor.js";

/** Where the noise comes from: the maps stored with the network, a random generator, or nowhere. */
export const noiseModes = ["const", "random", "none"] as const;
export type NoiseMode = (typeof noiseModes)[number];

/** Options with everything decided, as the layers see them. */
export interface Noise {
  readonly noiseMode: NoiseMode;
  readonly random: NoiseSource;
}

/** The map for n samples: [1 or N, 1, H, W], or null; `stored` [H, W] is null in a layer without noise. */
export function layerNoise(stored: Tensor | null, n: number, { noiseMode, random }: Noise): Tensor | null {
  if (stored === null || noiseMode === "none") return null;
  const [h, w] = stored.shape;
  return noiseMode === "const" ? reshape(stored, [1, 1, h, w]) : drawNoise(random, [n, 1, h, w]);
}
