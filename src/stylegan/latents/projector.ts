/**
 * Projection of an image into the latent space W (StyleGAN2, appendix D): finds the w, one for all layers, and the
 * noise maps with which the generator makes an image most like a given one.
 *
 *   minimise  |F(target) - F(g(w + n, noise))|^2 + 1e5 sum_levels (E[v roll_x(v)]^2 + E[v roll_y(v)]^2)
 *
 * F are features of the image: perceptual ones where the caller has such a network, else its pixels. n is normal noise
 * that fades out; the second term keeps noise maps from carrying the image: each map, and its averages over 2x2 pixels
 * down to 8x8, must look uncorrelated. Tests: tests/networks/projector.test.ts.
 */
import { grad } from "../../nn/autograd/grad.js";
import { noGrad, variable } from "../../nn/autograd/record.js";
import { add, mul, scale, square, sub } from "../../nn/ops/arith.js";
import { concat, slice } from "../../nn/ops/layout.js";
import { expand, reshape, sum } from "../../nn/ops/reduce.js";
import { mean } from "../../nn/ops/statistics.js";
import { Adam } from "../../nn/optim.js";
import { RandomState } from "../../nn/random.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, scope, Tensor } from "../../nn/tensor.js";
import type { AnyGenerator } from "../networks.js";
import { copyGenerator } from "../training/state.js";

/** Images [1, C, H, W], values from -1 to 1, H and W at most 256 -> features of any shape. */
export type FeatureFunction = (images: Tensor) => Tensor;

export interface ProjectorOptions {
  /** Default 1000. */
  readonly steps?: number;
  /** Default: the pixels, scaled so that the distance is the mean squared error. */
  readonly features?: FeatureFunction;
  /** Labels [1, cDim] of conditional generators. Default null. */
  readonly c?: Tensor | null;
  /** Latents from which the mean and the deviation of w are estimated. Default 10000. */
  readonly wAvgSamples?: number;
  /** Default 0.1. */
  readonly learningRate?: number;
  /** Strength of the noise on w at the start, in deviations of w. Default 0.05. */
  readonly initialNoiseFactor?: number;
  /** Part of the steps over which that noise fades to nothing. Default 0.75. */
  readonly noiseRampLength?: number;
  /** Part of the steps at the start over which the learning rate rises. Default 0.05. */
  readonly rampupLength?: number;
  /** Part of the steps at the end over which it falls, along a cosine. Default 0.25. */
  readonly rampdownLength?: number;
  /** Weight of the term that keeps noise maps uncorrelated. Default 1e5. */
  readonly noiseWeight?: number;
  /** Seed of the noise. Default 0. */
  readonly seed?: number;
}

const DEFAULTS = {
  steps: 1000,
  features: pixels,
  c: null,
  wAvgSamples: 10000,
  learningRate: 0.1,
  initialNoiseFactor: 0.05,
  noiseRampLength: 0.75,
  rampupLength: 0.05,
  rampdownLength: 0.25,
  noiseWeight: 1e5,
  seed: 0,
} as const satisfies Required<ProjectorOptions>;

/** The seed of the latents that the official tool takes its statistics from. */
const STATISTICS_SEED = 123;
const STATISTICS_BATCH = 500;

export interface ProjectionReport {
  /** Distance between the features. */
  readonly distance: number;
  /** Distance and noise term: what is minimised. */
  readonly loss: number;
}

export class Projector {
  /** A copy of the generator, whose noise maps are being fitted. */
  readonly generator: AnyGenerator;
  /** [1, 1, wDim] */
  readonly w: Tensor;
  /** Deviation of w in the generator's distribution: one number. */
  readonly wStd: number;
  /** Steps done. */
  stepsDone = 0;
  readonly #options: Required<ProjectorOptions>;
  readonly #targetFeatures: Tensor;
  readonly #noise: readonly Tensor[];
  readonly #optimizer: Adam;
  readonly #random: RandomState;

  /**
   * @param target [1, C, H, W] at the generator's resolution, values from -1 to 1
   * @throws RangeError when the target has another shape
   */
  constructor(generator: AnyGenerator, target: Tensor, options: ProjectorOptions = {}) {
    const { imgChannels, imgResolution, wDim } = generator;
    assertShape("Projector", "target", target.shape, [1, imgChannels, imgResolution, imgResolution], "1, C, H, W");
    this.#options = { ...DEFAULTS, ...options };
    this.#random = new RandomState(this.#options.seed);
    this.generator = copyGenerator(generator);
    const { mean: centre, deviation } = wStatistics(generator, this.#options.c, this.#options.wAvgSamples);
    this.wStd = deviation;
    this.w = variable(Tensor.persistent([1, 1, wDim], (data) => data.set(centre)));
    const noise = new Map([...this.generator.buffers].filter(([name]) => name.endsWith("noise_const")));
    for (const map of noise.values()) {
      map.update(({ data }) => data.set(this.#random.randn(map.size)));
      variable(map);
    }
    this.#noise = [...noise.values()];
    this.#optimizer = new Adam(new Map([["w", this.w], ...noise]), { betas: [0.9, 0.999] });
    this.#targetFeatures = scope(() => noGrad(() => this.#features(target)));
  }

  /** One step of the optimisation. */
  step(): ProjectionReport {
    const { steps, initialNoiseFactor, noiseRampLength, noiseWeight } = this.#options;
    const t = this.stepsDone / steps;
    const noiseScale = this.wStd * initialNoiseFactor * Math.max(0, 1 - t / noiseRampLength) ** 2;
    this.#optimizer.learningRate = learningRateAt(t, this.#options);
    const report = scope(() => {
      const perturbation = Tensor.from(this.#random.randn(this.w.size), this.w.shape);
      const image = this.#synthesize(add(this.w, scale(perturbation, noiseScale)));
      const distance = sum(square(sub(this.#features(image), this.#targetFeatures)));
      const correlation = this.#noise.map(noiseCorrelation).reduce(add, Tensor.from([0], []));
      const loss = add(distance, scale(correlation, noiseWeight));
      this.#optimizer.step(grad([loss], [this.w, ...this.#noise]));
      return { distance: distance.item(), loss: loss.item() };
    });
    for (const map of this.#noise) map.update(({ data }) => standardize(data));
    this.stepsDone++;
    return report;
  }

  /** The image so far, [1, C, H, W]. */
  image(): Tensor {
    return inScope(() => noGrad(() => this.#synthesize(this.w)));
  }

  /** The w's so far, [1, numWs, wDim]: what `stylegan generate --projected-w` shows. */
  ws(): Tensor {
    return inScope(() => noGrad(() => this.#broadcast(this.w)));
  }

  #synthesize(w: Tensor): Tensor {
    return this.generator.synthesis.forward(this.#broadcast(w), { noiseMode: "const" });
  }

  #broadcast(w: Tensor): Tensor {
    return expand(w, [1, this.generator.numWs, this.generator.wDim]);
  }

  /** Features of an image averaged down to at most 256x256. */
  #features(image: Tensor): Tensor {
    const factor = Math.max(1, image.shape[2] / 256);
    return this.#options.features(areaAverage(image, factor));
  }
}

/** Linear rise over the first steps, cosine fall over the last. */
export function learningRateAt(
  t: number,
  options: Pick<Required<ProjectorOptions>, "learningRate" | "rampupLength" | "rampdownLength">,
): number {
  const { learningRate, rampupLength, rampdownLength } = options;
  const down = Math.min(1, (1 - t) / rampdownLength);
  const up = Math.min(1, t / rampupLength);
  return learningRate * (0.5 - 0.5 * Math.cos(down * Math.PI)) * up;
}

/** Mean [wDim] of w over random latents, and the root of the summed variance of its elements. */
function wStatistics(
  { mapping, zDim, wDim }: AnyGenerator,
  c: Tensor | null,
  samples: number,
): { readonly mean: Float64Array; readonly deviation: number } {
  const random = new RandomState(STATISTICS_SEED);
  const total = new Float64Array(wDim);
  let squares = 0;
  for (let done = 0; done < samples; done += STATISTICS_BATCH) {
    const n = Math.min(STATISTICS_BATCH, samples - done);
    const w = scope(() =>
      noGrad(() => {
        const z = Tensor.from(random.randn(n * zDim), [n, zDim]);
        const labels = c === null ? null : expand(c, [n, c.shape[1]]);
        return slice(mapping.forward(z, labels), 1, 0, 1).toFloat64Array(); // [n, 1, wDim]
      }),
    );
    w.forEach((value, index) => {
      total[index % wDim] += value;
      squares += value * value;
    });
  }
  const centre = total.map((value) => value / samples);
  const variance = squares / samples - centre.reduce((energy, value) => energy + value * value, 0);
  return { mean: centre, deviation: Math.sqrt(Math.max(variance, 0)) };
}

/** Averages squares of factor x factor pixels. */
function areaAverage(x: Tensor, factor: number): Tensor {
  if (factor === 1) return x;
  const [n, c, h, w] = x.shape;
  return mean(reshape(x, [n, c, h / factor, factor, w / factor, factor]), { axes: [3, 5] });
}

/** The default features: pixels / sqrt(number of pixels). */
function pixels(images: Tensor): Tensor {
  return scale(images, 1 / Math.sqrt(images.size));
}

/** v shifted by one pixel around an axis. */
function roll(v: Tensor, axis: number): Tensor {
  const extent = v.shape[axis];
  return concat([slice(v, axis, extent - 1, extent), slice(v, axis, 0, extent - 1)], axis);
}

/** sum over levels of E[v roll_x(v)]^2 + E[v roll_y(v)]^2; v [H, W], averaged over 2x2 until it is at most 8x8. */
export function noiseCorrelation(noise: Tensor): Tensor {
  return inScope(() => {
    const [height, width] = noise.shape;
    let v = reshape(noise, [1, 1, height, width]);
    const terms: Tensor[] = [];
    for (;;) {
      for (const axis of [2, 3]) terms.push(square(mean(mul(v, roll(v, axis)))));
      if (v.shape[2] <= 8) return terms.reduce(add);
      v = areaAverage(v, 2);
    }
  });
}

/** Mean 0, mean square 1, in place. */
function standardize(data: Float32Array | Float64Array): void {
  let total = 0;
  for (const value of data) total += value;
  const centre = total / data.length;
  let energy = 0;
  for (let k = 0; k < data.length; k++) {
    data[k] -= centre;
    energy += data[k] * data[k];
  }
  const factor = 1 / Math.sqrt(energy / data.length);
  if (Number.isFinite(factor)) for (let k = 0; k < data.length; k++) data[k] *= factor;
}
