/** What is computed of images: rows of features, and distances along paths. */
import { noGrad, RandomState, scope, Tensor } from "../../index.js";
import {
  INCEPTION_FEATURES,
  type InceptionV3,
  inceptionInput,
  type Lpips,
  pathDistances,
  type ResizeMode,
} from "../../stylegan/evaluation/index.js";
import { parametersHash } from "../networks.js";
import { drawLabel, type GeneratedOptions, type ImageSet, imageSeed, labelsHash } from "./images.js";
import type { PathMetric } from "./names.js";
import type { RowSource } from "./rows.js";
import type { OpenWeights } from "./weights.js";

/** Images that Inception sees at once. */
const BATCH = 10;

export interface FeatureOptions {
  readonly inception: OpenWeights<InceptionV3>;
  readonly resize: ResizeMode;
}

/** Inception features of images, a row an image. */
export function inceptionRows(images: ImageSet, { inception, resize }: FeatureOptions): RowSource {
  return {
    label: images.label,
    identity: { features: "inception pool3", weights: inception.sha256, resize, ...images.identity },
    width: INCEPTION_FEATURES,
    compute(begin, end) {
      const rows = new Float32Array((end - begin) * INCEPTION_FEATURES);
      for (let first = begin; first < end; first += BATCH) {
        const batch = Array.from({ length: Math.min(BATCH, end - first) }, (_, k) => images.image(first + k));
        const features = noGrad(() => scope(() => inception.network.features(inceptionInput(batch, resize)).toArray()));
        rows.set(features, (first - begin) * INCEPTION_FEATURES);
      }
      return rows;
    },
  };
}

export interface PathRowsOptions extends Omit<GeneratedOptions, "truncationPsi"> {
  readonly lpips: OpenWeights<Lpips>;
  readonly metric: PathMetric;
}

export const EPSILON = 1e-4;

/** Distances along random paths, not yet divided by epsilon^2: one a pair of latents. */
export function pathRows(options: PathRowsOptions): RowSource {
  const { generator, label, seed, labels, lpips, metric } = options;
  const { space, sampling, crop } = metric;
  return {
    label,
    identity: {
      distances: { space, sampling, crop, epsilon: EPSILON },
      weights: lpips.sha256,
      network: parametersHash(generator),
      seed,
      labels: labelsHash(options),
    },
    width: 1,
    compute: (begin, end) =>
      Float32Array.from({ length: end - begin }, (_, k) => {
        const noiseSeed = imageSeed(seed, begin + k);
        const random = new RandomState(noiseSeed);
        return scope(() => {
          const [z0, z1] = [0, 1].map(() => Tensor.from(random.randn(generator.zDim), [1, generator.zDim]));
          const t = [sampling === "full" ? random.uniform() : 0];
          const c = drawLabel(generator, labels, seed, begin + k);
          return pathDistances(generator, lpips.network, { z0, z1, t, space, crop, c, noiseSeed, epsilon: EPSILON })[0];
        });
      }),
  };
}
