/**
 * What a finished row is measured by, all of it a function of the weights and of fixed seeds. Features are those of the
 * small classifier; nothing here is comparable with the papers' numbers, which come from Inception and VGG.
 */
import {
  FrechetMetric,
  featureStatistics,
  frechetDistance,
  generateImages,
  NoiseGenerator,
  noGrad,
  pathLengthPenalty,
  precisionRecall,
  RandomState,
  scope,
  Tensor,
} from "./library.mjs";

/** Latents that every network sees: pictures and measures of all rows are of the same z. */
export const SEED = 2019;
const CHUNK = 32;

export class Measures {
  #classifier;
  #dataset;
  #counts;
  #frechet;

  /** @param counts { curveImages, finalImages, pathLengthImages, paths, pathSteps, recallImages, contributionImages } */
  constructor(classifier, dataset, counts) {
    this.#classifier = classifier;
    this.#dataset = dataset;
    this.#counts = counts;
    const frechet = (count) => new FrechetMetric(classifier, dataset, { count, seed: SEED });
    this.#frechet = { curve: frechet(counts.curveImages), final: frechet(counts.finalImages) };
  }

  /** A point of the curve. */
  point(generator) {
    const contributions = this.#contributions(generator);
    return { distance: this.#frechet.curve.measure(generator), ...(contributions && { contributions }) };
  }

  /** All that is told of the last network. */
  final(generator) {
    return {
      distance: this.#frechet.final.measure(generator),
      pathLength: this.#pathLength(generator),
      smoothness: this.#smoothness(generator),
      ...this.#recall(this.#latents(generator, this.#counts.recallImages), generator),
    };
  }

  /** Distance, precision and recall of images whose w's were moved towards the average. */
  truncated(generator, psi) {
    const { recallImages } = this.#counts;
    const fake = this.#featuresOfWs(generator, this.#ws(generator, this.#latents(generator, recallImages), psi));
    const [real, drawn] = [this.#realFeatures(recallImages), fake].map(featureStatistics);
    return { psi, distance: frechetDistance(real, drawn), ...this.#recallOf(fake) };
  }

  #latents(generator, count, seed = SEED) {
    return Float32Array.from(new RandomState(seed).randn(count * generator.zDim));
  }

  /** [count, L, wDim] as plain numbers. */
  #ws(generator, z, psi = 1) {
    const count = z.length / generator.zDim;
    return noGrad(() =>
      scope(() =>
        generator.mapping.forward(Tensor.from(z, [count, generator.zDim]), null, { truncationPsi: psi }).toArray(),
      ),
    );
  }

  /** Features [count, dims] of images that `make(begin, n)` gives. */
  #features(count, make) {
    const { featureDims: dims } = this.#classifier;
    const data = new Float32Array(count * dims);
    for (let begin = 0; begin < count; begin += CHUNK) {
      const n = Math.min(CHUNK, count - begin);
      const features = noGrad(() => scope(() => this.#classifier.features(make(begin, n)).toArray()));
      data.set(features, begin * dims);
    }
    return { data, count, dims };
  }

  #featuresOfWs(generator, ws) {
    const size = generator.numWs * generator.wDim;
    return this.#features(ws.length / size, (begin, n) => {
      const some = Tensor.from(ws.subarray(begin * size, (begin + n) * size), [n, generator.numWs, generator.wDim]);
      return generator.synthesis.forward(some, { noiseMode: "const" });
    });
  }

  #realFeatures(count) {
    const order = new RandomState(SEED).permutation(this.#dataset.count).slice(0, count);
    return this.#features(order.length, (begin, n) => this.#dataset.images(order.slice(begin, begin + n)));
  }

  #recall(z, generator) {
    return this.#recallOf(this.#featuresOfWs(generator, this.#ws(generator, z)));
  }

  #recallOf(fake) {
    return precisionRecall(this.#realFeatures(this.#counts.recallImages), fake);
  }

  /** StyleGAN2, equation 4: |J_w^T y| over latents, its mean and its standard deviation. */
  #pathLength(generator) {
    const { pathLengthImages: count } = this.#counts;
    const { imgChannels, imgResolution, numWs, wDim } = generator;
    const ws = this.#ws(generator, this.#latents(generator, count));
    const noise = new NoiseGenerator(SEED);
    const lengths = [];
    const synthesize = (w) => generator.synthesis.forward(w, { noiseMode: "const" });
    for (let begin = 0; begin < count; begin += CHUNK) {
      const n = Math.min(CHUNK, count - begin);
      scope(() => {
        const some = ws.subarray(begin * numWs * wDim, (begin + n) * numWs * wDim);
        const w = Tensor.from(some, [n, numWs, wDim]);
        w.requiresGrad = true;
        const y = noise.normal([n, imgChannels, imgResolution, imgResolution]);
        lengths.push(...pathLengthPenalty(synthesize, w, y, { plMean: 0 }).lengths.toArray());
      });
    }
    const { mean, deviation } = moments(lengths);
    return { images: count, mean, deviation, relativeDeviation: deviation / mean };
  }

  /**
   * Straight lines in W between pairs of latents: the mean step of the features from point to point, and how much longer
   * the way is than the straight line between its ends (1: as straight as features can be).
   */
  #smoothness(generator) {
    const { paths, pathSteps: steps } = this.#counts;
    const size = generator.numWs * generator.wDim;
    const ends = this.#ws(generator, this.#latents(generator, 2 * paths, SEED + 1));
    const [way, straight] = [[], []];
    for (let path = 0; path < paths; path++) {
      const from = ends.subarray(2 * path * size, (2 * path + 1) * size);
      const to = ends.subarray((2 * path + 1) * size, (2 * path + 2) * size);
      const ws = new Float32Array((steps + 1) * size);
      for (let step = 0; step <= steps; step++) {
        for (let k = 0; k < size; k++) ws[step * size + k] = from[k] + (step / steps) * (to[k] - from[k]);
      }
      const { data, dims } = this.#featuresOfWs(generator, ws);
      const between = (a, b) => {
        let sum = 0;
        for (let k = 0; k < dims; k++) sum += (data[a * dims + k] - data[b * dims + k]) ** 2;
        return Math.sqrt(sum);
      };
      for (let step = 0; step < steps; step++) way.push(between(step, step + 1));
      straight.push(between(0, steps));
    }
    const meanStep = moments(way).mean;
    return { paths, steps, meanStep, detour: (meanStep * steps) / moments(straight).mean };
  }

  /**
   * StyleGAN2, figure 8: the standard deviation of what each resolution adds to the image, for generators with image
   * skips. What one adds is the image less that without it: the image is a sum.
   */
  #contributions(generator) {
    if (generator.config.synthesis.architecture !== "skip") return null;
    const { contributionImages: count } = this.#counts;
    const z = this.#latents(generator, count);
    const draw = () => scope(() => generateImages(generator, z, null).toArray());
    const whole = draw();
    return generator.config.synthesis.channels.map(([resolution]) => {
      const parameters = ["weight", "bias"].map((name) =>
        generator.parameters.get(`synthesis.b${resolution}.torgb.${name}`),
      );
      const kept = parameters.map((parameter) => parameter.toArray());
      for (const parameter of parameters) parameter.update(({ data }) => data.fill(0));
      const without = draw();
      parameters.forEach((parameter, at) => {
        parameter.update(({ data }) => data.set(kept[at]));
      });
      const { deviation } = moments(whole.map((value, at) => value - without[at]));
      return { resolution, deviation };
    });
  }
}

/** Mean and standard deviation, summed in float64. */
export function moments(values) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / values.length) };
}
