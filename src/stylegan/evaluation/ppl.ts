/**
 * Perceptual path length (StyleGAN, section 4.1): how much an image changes, as eyes see it, along a short step between two
 * random latents,
 *
 *   d(g(path(t)), g(path(t + eps))) / eps^2,   path = lerp of w's or slerp of z's,   d = LPIPS
 *
 * This file makes the distances d of pairs; `perceptualPathLength` (metrics.ts) makes one number of them.
 * Tests: tests/goldens/ppl.test.ts.
 */
import { noGrad } from "../../nn/autograd/record.js";
import { NoiseGenerator } from "../../nn/noise.js";
import { lerp } from "../../nn/ops/arith.js";
import { slice } from "../../nn/ops/layout.js";
import { averagePool2d } from "../../nn/ops/pool.js";
import { assertShape } from "../../nn/shape.js";
import { scope, Tensor } from "../../nn/tensor.js";
import type { AnyGenerator } from "../networks.js";
import type { Lpips } from "./lpips.js";

/** Larger images are averaged down to this side. */
const LARGEST_SIDE = 256;

export interface PathOptions {
  /** Ends of the paths, [N, zDim]. */
  readonly z0: Tensor;
  readonly z1: Tensor;
  /** Where on its path each step begins, from 0 to 1. */
  readonly t: ArrayLike<number>;
  /** What the path runs in. Default "w". */
  readonly space?: "w" | "z";
  /** Length of the step. Default 1e-4. */
  readonly epsilon?: number;
  /** Keep rows 3/8 to 7/8 and columns 2/8 to 6/8: the middle of a portrait. Default false. */
  readonly crop?: boolean;
  /** Labels [N, cDim] of conditional generators. Default null. */
  readonly c?: Tensor | null;
  /** Seed of the noise maps, the same for both ends of a step; null for the maps of the network. Default null. */
  readonly noiseSeed?: number | null;
}

/**
 * Distances along one step of each path; no truncation.
 *
 * @returns [N]: LPIPS, not yet divided by epsilon^2
 */
export function pathDistances(generator: AnyGenerator, lpips: Lpips, options: PathOptions): Float64Array {
  const { z0, z1, t, space = "w", epsilon = 1e-4, crop = false, c = null, noiseSeed = null } = options;
  const n = z0.shape[0];
  assertShape("pathDistances", "z0", z0.shape, [null, generator.zDim], "N, zDim");
  assertShape("pathDistances", "z1", z1.shape, z0.shape, "N, zDim");
  assertShape("pathDistances", "the number of positions t", [t.length], [n], "N");
  return noGrad(() =>
    scope(() => {
      const map = (z: Tensor): Tensor => generator.mapping.forward(z, c); // [N, numWs, wDim]
      const [w0, w1] = space === "w" ? [map(z0), map(z1)] : [null, null];
      const images = [0, epsilon].map((further) => {
        const ws =
          w0 !== null && w1 !== null ? along(w0, w1, t, further) : map(slerpUnit(z0, z1, (k) => t[k] + further));
        const noise =
          noiseSeed === null
            ? ({ noiseMode: "const" } as const)
            : ({ noiseMode: "random", random: new NoiseGenerator(noiseSeed) } as const);
        return forComparison(generator.synthesis.forward(ws, noise), crop);
      });
      return lpips.distance(images[0], images[1]).toFloat64Array();
    }),
  );
}

/** Each pair at its own t + further; a, b [N, numWs, wDim]. */
function along(a: Tensor, b: Tensor, t: ArrayLike<number>, further: number): Tensor {
  const first = t[0];
  let isOne = true;
  for (let k = 1; k < t.length; k++) isOne &&= t[k] === first;
  if (isOne) return lerp(a, b, first + further);
  const [from, to] = [a.internals.block.data, b.internals.block.data];
  const row = a.size / t.length;
  return Tensor.filled(a.shape, (out) => {
    for (let k = 0; k < out.length; k++) out[k] = from[k] + (to[k] - from[k]) * (t[Math.floor(k / row)] + further);
  });
}

/** Along great circles between the directions of a and b, [N, zDim]. */
function slerpUnit(a: Tensor, b: Tensor, t: (k: number) => number): Tensor {
  const [n, dims] = a.shape;
  const [from, to] = [a.toFloat64Array(), b.toFloat64Array()];
  return Tensor.filled(a.shape, (out) => {
    for (let k = 0; k < n; k++) {
      const u = unit(from.subarray(k * dims, (k + 1) * dims));
      const v = unit(to.subarray(k * dims, (k + 1) * dims));
      const cosine = u.reduce((sum, value, i) => sum + value * v[i], 0);
      const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
      const sine = Math.sin(angle);
      const [p, q] =
        sine < 1e-9 ? [1 - t(k), t(k)] : [Math.sin((1 - t(k)) * angle) / sine, Math.sin(t(k) * angle) / sine];
      for (let i = 0; i < dims; i++) out[k * dims + i] = p * u[i] + q * v[i];
    }
  });
}

function unit(vector: Float64Array): Float64Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}

/** The part that is compared, at most 256 pixels a side of the whole image. */
function forComparison(images: Tensor, crop: boolean): Tensor {
  const side = images.shape[2];
  const eighth = Math.floor(side / 8);
  const part = crop ? slice(slice(images, 2, 3 * eighth, 7 * eighth), 3, 2 * eighth, 6 * eighth) : images;
  const factor = Math.floor(side / LARGEST_SIDE);
  return factor > 1 ? averagePool2d(part, { kernel: factor }) : part;
}
