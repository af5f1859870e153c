/**
 * How far two images are from each other, as the projector sees it. Each distance turns an image into features and compares
 * those, so that the target's are computed once.
 *
 *   pixels    mean squared difference of the pixels
 *   pyramid   the same at all scales: sum over k of mse(avg_2^k(a), avg_2^k(b)), down to 4x4
 *   disc      mean |f_k(a) - f_k(b)|, summed over the blocks k of the checkpoint's own discriminator (the "deep
 *             generative prior" of Pan et al. 2020)
 *   lpips     LPIPS (evaluation/lpips.ts): VGG16 with learned weights, from files that people have
 *
 * Tests: tests/networks/perception.test.ts, tests/goldens/projection.test.ts.
 */
import { abs, add, square, sub } from "../../../nn/ops/arith.js";
import { reshape, sum } from "../../../nn/ops/reduce.js";
import { mean } from "../../../nn/ops/statistics.js";
import { inScope, Tensor } from "../../../nn/tensor.js";
import type { Lpips } from "../../evaluation/lpips.js";
import type { AnyDiscriminator } from "../../networks.js";

export interface Perception {
  /** For people: "lpips". */
  readonly name: string;
  /** It wants images at the generator's resolution; the others get them averaged down to 256x256. */
  readonly fullSize: boolean;
  /** What an image [1, C, H, W] is turned into. */
  features(image: Tensor): readonly Tensor[];
  /** The distance between the features of two images, of shape []. */
  between(a: readonly Tensor[], b: readonly Tensor[]): Tensor;
}

/** Images [1, C, H, W], values from -1 to 1, H and W at most 256 -> features of any shape, compared by squares. */
export type FeatureFunction = (images: Tensor) => Tensor;

/** The squared distance between features. */
export function squaredDistance(name: string, features: FeatureFunction): Perception {
  return {
    name,
    fullSize: false,
    features: (image) => [features(image)],
    between: ([a], [b]) => inScope(() => sum(square(sub(a, b)))),
  };
}

export function pixelPerception(): Perception {
  return {
    name: "pixels",
    fullSize: false,
    features: (image) => [image],
    between: ([a], [b]) => inScope(() => mean(square(sub(a, b)))),
  };
}

export function pyramidPerception(): Perception {
  return {
    name: "pyramid",
    fullSize: false,
    features: (image) => {
      const levels = [image];
      while (levels[levels.length - 1].shape[2] > 4) levels.push(areaAverage(levels[levels.length - 1], 2));
      return levels;
    },
    between: (a, b) => inScope(() => a.map((level, k) => mean(square(sub(level, b[k])))).reduce(add)),
  };
}

/** @param c the label [1, cDim] of a conditional discriminator; null for others */
export function discriminatorPerception(discriminator: AnyDiscriminator, c: Tensor | null = null): Perception {
  return {
    name: "disc",
    fullSize: true,
    features: (image) => {
      // What is not recorded is freed when its block is done, so its numbers are copied.
      const seen: (Tensor | { readonly data: Float64Array; readonly shape: readonly number[] })[] = [];
      discriminator.forward(image, c, {
        onBlock: (_, x) => seen.push(x.internals.node === null ? { data: x.toFloat64Array(), shape: x.shape } : x),
      });
      return seen.map((x) => (x instanceof Tensor ? x : Tensor.from(x.data, x.shape)));
    },
    between: (a, b) => inScope(() => a.map((x, k) => mean(abs(sub(x, b[k])))).reduce(add)),
  };
}

export function lpipsPerception(lpips: Lpips): Perception {
  return {
    name: "lpips",
    fullSize: false,
    features: (image) => lpips.features(image),
    between: (a, b) => inScope(() => sum(lpips.layersBetween(a, b))),
  };
}

/** Averages squares of factor x factor pixels, [N, C, H, W] -> [N, C, H / factor, W / factor]. */
export function areaAverage(x: Tensor, factor: number): Tensor {
  if (factor === 1) return x;
  const [n, c, h, w] = x.shape;
  return inScope(() => mean(reshape(x, [n, c, h / factor, factor, w / factor, factor]), { axes: [3, 5] }));
}
