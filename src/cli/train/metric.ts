/** The Frechet distance between generated and real images, on the features of a small classifier. */

import { readFile } from "../../files.js";
import { type AnyGenerator, FileError, noGrad, RandomState, scope, Tensor, toPixels } from "../../index.js";
import { initialContents } from "../../nn/index.js";
import {
  Classifier,
  decodeClassifier,
  type FeatureStatistics,
  featureStatistics,
  frechetDistance,
} from "../../stylegan/evaluation/index.js";
import type { ImageDataset } from "../../stylegan/training/index.js";
import { generateImages } from "./images.js";

const CHUNK = 32;
const RANDOM_SEED = 2018;

/**
 * The classifier that `--metric` names: a file, or "random" for one that nobody trained, whose features still tell
 * sets of images apart.
 */
export function openClassifier(source: string, dataset: ImageDataset): Classifier {
  const { resolution: imgResolution, channels: imgChannels } = dataset;
  if (source === "random") {
    return new Classifier({ imgResolution, imgChannels, groups: [] }, initialContents(new RandomState(RANDOM_SEED)));
  }
  const bytes = readFile(source);
  let classifier: Classifier;
  try {
    classifier = decodeClassifier(bytes);
  } catch (error) {
    if (error instanceof FileError) throw new Error(`${source}: ${error.message}`, { cause: error });
    throw error;
  }
  const { config } = classifier;
  if (config.imgResolution !== imgResolution || config.imgChannels !== imgChannels) {
    throw new Error(
      `${source} is for images of ${config.imgResolution}x${config.imgResolution}x${config.imgChannels}, ` +
        `these have ${imgResolution}x${imgResolution}x${imgChannels}`,
    );
  }
  return classifier;
}

/** Measures a generator again and again against the same real images, with the same latents. */
export class FrechetMetric {
  readonly #classifier: Classifier;
  readonly #dataset: ImageDataset;
  readonly #count: number;
  readonly #seed: number;
  #real: FeatureStatistics | null = null;

  /** `count` images of each kind; fewer real ones where there are fewer. */
  constructor(
    classifier: Classifier,
    dataset: ImageDataset,
    options: { readonly count: number; readonly seed: number },
  ) {
    this.#classifier = classifier;
    this.#dataset = dataset;
    this.#count = options.count;
    this.#seed = options.seed;
  }

  measure(generator: AnyGenerator): number {
    this.#real ??= this.#statistics(Math.min(this.#count, this.#dataset.count), this.#realImages());
    return frechetDistance(this.#real, this.#statistics(this.#count, this.#generated(generator)));
  }

  /** Images of the data set from `begin` on, in an order of the seed's. */
  #realImages(): (begin: number, n: number) => Tensor {
    const order = new RandomState(this.#seed).permutation(this.#dataset.count);
    return (begin, n) => this.#dataset.images(order.slice(begin, begin + n));
  }

  #generated(generator: AnyGenerator): (begin: number, n: number) => Tensor {
    const random = new RandomState(this.#seed);
    const { labels } = this.#dataset;
    return (_, n) => {
      const z = Float32Array.from(random.randn(n * generator.zDim));
      const drawn = Array.from({ length: generator.cDim > 0 ? n : 0 }, () => [
        ...labels[random.randint(0, labels.length)],
      ]);
      const images = generateImages(generator, z, generator.cDim > 0 ? Float32Array.from(drawn.flat()) : null);
      return asPixels(images);
    };
  }

  #statistics(count: number, images: (begin: number, n: number) => Tensor): FeatureStatistics {
    const dims = this.#classifier.featureDims;
    const data = new Float32Array(count * dims);
    for (let begin = 0; begin < count; begin += CHUNK) {
      const n = Math.min(CHUNK, count - begin);
      const features = noGrad(() => scope(() => this.#classifier.features(images(begin, n)).toArray()));
      data.set(features, begin * dims);
    }
    return featureStatistics({ data, count, dims });
  }
}

/** What a file of the images would hold, as the data set reads it: [N, C, H, W]. */
function asPixels(images: Tensor): Tensor {
  const [n, c, h, w] = images.shape;
  const pixels = toPixels(images); // [N, H, W, C]
  const data = new Float32Array(pixels.length);
  const plane = h * w;
  for (let image = 0; image < n; image++) {
    for (let at = 0; at < plane; at++) {
      for (let channel = 0; channel < c; channel++) {
        data[(image * c + channel) * plane + at] = pixels[(image * plane + at) * c + channel] / 127.5 - 1;
      }
    }
  }
  return Tensor.from(data, images.shape);
}
