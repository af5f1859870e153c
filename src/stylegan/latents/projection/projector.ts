/**
 * Projection of an image into the latent space W (StyleGAN2, appendix D), or W+, one w for each layer: finds w and the noise maps with
 * which the generator makes an image most like a given one.
 *
 *   minimise  d(target, g(w + n, noise)) + mse |target - g|^2 + 1e5 sum_levels (E[v roll_x(v)]^2 + E[v roll_y(v)]^2)
 *
 * d is a distance between images (perception.ts). n is normal noise that fades out; the last term keeps noise maps from
 * carrying the image: each map, and its averages over 2x2 pixels down to 8x8, must look uncorrelated.
 * Tests: tests/networks/projector.test.ts, tests/goldens/projection.test.ts.
 */
import { grad } from "../../../nn/autograd/grad.js";
import { noGrad, variable } from "../../../nn/autograd/record.js";
import { add, mul, scale, square, sub } from "../../../nn/ops/arith.js";
import { slice } from "../../../nn/ops/layout.js";
import { expand, sum } from "../../../nn/ops/reduce.js";
import { mean } from "../../../nn/ops/statistics.js";
import { Adam } from "../../../nn/optim.js";
import { RandomState } from "../../../nn/random.js";
import { assertShape } from "../../../nn/shape.js";
import { inScope, scope, Tensor } from "../../../nn/tensor.js";
import type { AnyGenerator } from "../../networks.js";
import { copyGenerator } from "../../training/state.js";
import { noiseLayers, noiseMap } from "../latentFile.js";
import { correlationGradient, standardize } from "./noiseTerm.js";
import { areaAverage, type FeatureFunction, type Perception, pixelPerception, squaredDistance } from "./perception.js";
import type { ProjectionState } from "./state.js";

export interface ProjectorOptions {
  /** Default 1000. */
  readonly steps?: number;
  /** The distance, or features whose squared distance it is. Default: the mean squared error of the pixels. */
  readonly features?: Perception | FeatureFunction;
  /** "w": one w for all layers; "w+": one for each. Default "w". */
  readonly space?: "w" | "w+";
  /**
   * In W+: the part of the steps in which all layers still move together, as in W. Left to themselves from the start some
   * images end farther away than in W. Default 0.5.
   */
  readonly partFrom?: number;
  /** Where it starts: [wDim] or [numWs, wDim] numbers. Default null: the mean of w. */
  readonly start?: ArrayLike<number> | null;
  /** Noise maps to start from, by layer. Default null: normal numbers from the seed. */
  readonly startNoise?: ReadonlyMap<string, ArrayLike<number>> | null;
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
  /** Weight of the mean squared error of the pixels, beside the distance. Default 0. */
  readonly mse?: number;
  /** [H, W] from 0 to 1: where the image counts. Default null: everywhere. */
  readonly mask?: ArrayLike<number> | null;
  /** Seed of the noise. Default 0. */
  readonly seed?: number;
  /** The normal numbers that are added to w, in place of those of the seed: the step, and how many. */
  readonly perturbation?: ((step: number, count: number) => ArrayLike<number>) | null;
}

const DEFAULTS = {
  steps: 1000,
  space: "w",
  partFrom: 0.5,
  start: null,
  startNoise: null,
  c: null,
  wAvgSamples: 10000,
  learningRate: 0.1,
  initialNoiseFactor: 0.05,
  noiseRampLength: 0.75,
  rampupLength: 0.05,
  rampdownLength: 0.25,
  noiseWeight: 1e5,
  mse: 0,
  mask: null,
  seed: 0,
  perturbation: null,
} as const satisfies Omit<Required<ProjectorOptions>, "features">;

/** The seed of the latents that the official tool takes its statistics from. */
const STATISTICS_SEED = 123;
const STATISTICS_BATCH = 500;

export interface ProjectionReport {
  /** Distance between the images, the weighed mean squared error included. */
  readonly distance: number;
  /** What the noise maps are kept from, before its weight. */
  readonly correlation: number;
  /** Distance and noise term: what is minimised. */
  readonly loss: number;
}

export class Projector {
  /** A copy of the generator, whose noise maps are being fitted. */
  readonly generator: AnyGenerator;
  /** [1, 1, wDim], in W+ [1, numWs, wDim] */
  readonly w: Tensor;
  /** Mean of w in the generator's distribution, [wDim]. */
  readonly wAvg: Float64Array;
  /** Deviation of w in the generator's distribution: one number. */
  readonly wStd: number;
  /** The distance that is minimised. */
  readonly perception: Perception;
  /** Steps done. */
  stepsDone = 0;
  readonly #options: Omit<Required<ProjectorOptions>, "features">;
  readonly #target: Tensor;
  readonly #mask: Tensor | null;
  readonly #targetFeatures: readonly Tensor[];
  readonly #noise: ReadonlyMap<string, Tensor>;
  readonly #optimizer: Adam;
  readonly #random: RandomState;

  /**
   * @param target [1, C, H, W] at the generator's resolution, values from -1 to 1
   * @throws RangeError when the target, the start or the mask has another shape
   */
  constructor(generator: AnyGenerator, target: Tensor, options: ProjectorOptions = {}) {
    const { imgChannels, imgResolution, wDim, numWs } = generator;
    assertShape("Projector", "target", target.shape, [1, imgChannels, imgResolution, imgResolution], "1, C, H, W");
    const { features = pixelPerception(), ...given } = options;
    this.#options = { ...DEFAULTS, ...given };
    this.perception = typeof features === "function" ? squaredDistance("features", features) : features;
    this.#random = new RandomState(this.#options.seed);
    this.generator = copyGenerator(generator);
    const { mean: centre, deviation } = wStatistics(generator, this.#options.c, this.#options.wAvgSamples);
    this.wAvg = centre;
    this.wStd = deviation;
    const rows = this.#options.space === "w" ? 1 : numWs;
    const start = startRows(this.#options.start ?? centre, rows, generator);
    this.w = variable(Tensor.persistent([1, rows, wDim], (data) => data.set(start)));
    const layers = noiseLayers(this.generator);
    this.#noise = new Map(layers.map((layer) => [layer, noiseMap(this.generator, layer)]));
    for (const [layer, map] of this.#noise) {
      const numbers = this.#options.startNoise?.get(layer) ?? this.#random.randn(map.size);
      map.update(({ data }) => data.set(numbers));
      variable(map);
    }
    this.#optimizer = new Adam(new Map([["w", this.w], ...this.#noise]), { betas: [0.9, 0.999] });
    const { mask } = this.#options;
    this.#mask = mask === null ? null : Tensor.from(mask, [1, 1, imgResolution, imgResolution]);
    this.#target = scope(() => noGrad(() => Tensor.from(this.#masked(target).toFloat64Array(), target.shape)));
    this.#targetFeatures = scope(() => noGrad(() => this.#features(this.#target)));
  }

  /** One step of the optimisation. */
  step(): ProjectionReport {
    const { steps, noiseWeight, mse, perturbation, space, partFrom } = this.#options;
    const partStep = space === "w+" ? Math.ceil(steps * partFrom) : 0;
    if (partStep > 0 && this.stepsDone === partStep) this.#part();
    const noiseScale = this.wStd * wNoiseFactorAt(this.stepsDone / steps, this.#options);
    this.#optimizer.learningRate = learningRateAt(this.stepsDone / steps, this.#options);
    const report = scope(() => {
      const { wDim } = this.generator;
      const numbers = perturbation?.(this.stepsDone, wDim) ?? this.#random.randn(wDim);
      const noise = expand(scale(Tensor.from(numbers, [1, 1, wDim]), noiseScale), this.w.shape);
      const image = this.#masked(this.#synthesize(add(this.w, noise)));
      let distance = this.perception.between(this.#features(image), this.#targetFeatures);
      if (mse > 0) distance = add(distance, scale(mean(square(sub(image, this.#target))), mse));
      const maps = [...this.#noise.values()];
      const [dw, ...seen] = grad([distance], [this.w, ...maps]);
      // The noise term knows of the maps alone: its gradient comes in closed form, beside what the image asks of them.
      let correlation = 0;
      const dMaps = maps.map((map, k) => {
        const [height, width] = map.shape;
        const term = correlationGradient(map.toFloat64Array(), height, width);
        correlation += term.value;
        return noiseWeight === 0 ? seen[k] : add(seen[k], scale(Tensor.from(term.gradient, map.shape), noiseWeight));
      });
      const together = expand(sum(dw, { axes: [1], keepDims: true }), dw.shape);
      this.#optimizer.step([this.stepsDone < partStep ? together : dw, ...dMaps]);
      const value = distance.item();
      return { distance: value, correlation, loss: value + noiseWeight * correlation };
    });
    for (const map of this.#noise.values()) map.update(({ data }) => standardize(data));
    this.stepsDone++;
    if (!Number.isFinite(report.loss))
      throw new RangeError(`projection: the loss is ${report.loss} in step ${this.stepsDone}`);
    return report;
  }

  /** From now on each layer has its own gradient, a share of the sum that Adam has seen so far. */
  #part(): void {
    const share = 1 / this.generator.numWs;
    this.#optimizer.m.get("w")!.update(({ data }) => data.set(data.map((value) => value * share)));
    this.#optimizer.v.get("w")!.update(({ data }) => data.set(data.map((value) => value * share ** 2)));
  }

  /** The image so far, [1, C, H, W]. */
  image(): Tensor {
    return inScope(() => noGrad(() => this.#synthesize(this.w)));
  }

  /** The w's so far, [1, numWs, wDim]: what `stylegan generate --projected-w` shows. */
  ws(): Tensor {
    return inScope(() => noGrad(() => this.#broadcast(this.w)));
  }

  /** The noise maps so far, by layer. */
  noise(): Map<string, Float64Array> {
    return new Map([...this.#noise].map(([layer, map]) => [layer, map.toFloat64Array()]));
  }

  /** All that the projector remembers. */
  state(): ProjectionState {
    const tensors = new Map<string, Float64Array>();
    for (const [name, tensor] of this.#tensors()) tensors.set(name, tensor.toFloat64Array());
    return { stepsDone: this.stepsDone, updates: this.#optimizer.steps, random: this.#random.getState(), tensors };
  }

  /**
   * Goes on where `state` was called, bit for bit, given the same target and options.
   *
   * @throws RangeError when the state is of another network or space
   */
  restore(state: ProjectionState): void {
    for (const [name, tensor] of this.#tensors()) {
      const numbers = state.tensors.get(name);
      if (numbers?.length !== tensor.size) {
        throw new RangeError(
          `projection: the state has ${numbers?.length ?? 0} numbers for ${name}, expected ${tensor.size}`,
        );
      }
      tensor.update(({ data }) => data.set(numbers));
    }
    this.stepsDone = state.stepsDone;
    this.#optimizer.steps = state.updates;
    this.#random.setState(state.random);
  }

  *#tensors(): Generator<[string, Tensor]> {
    const { m, v } = this.#optimizer;
    for (const [name, tensor] of [["w", this.w] as const, ...this.#noise]) {
      yield [name, tensor];
      yield [`m/${name}`, m.get(name)!];
      yield [`v/${name}`, v.get(name)!];
    }
  }

  #synthesize(w: Tensor): Tensor {
    return this.generator.synthesis.forward(this.#broadcast(w), { noiseMode: "const" });
  }

  #broadcast(w: Tensor): Tensor {
    return w.shape[1] === 1 ? expand(w, [1, this.generator.numWs, this.generator.wDim]) : w;
  }

  #masked(image: Tensor): Tensor {
    return this.#mask === null ? image : mul(image, this.#mask);
  }

  /** Features of an image, averaged down to at most 256x256 where the distance does not want all of it. */
  #features(image: Tensor): readonly Tensor[] {
    const factor = this.perception.fullSize ? 1 : Math.max(1, image.shape[2] / 256);
    return this.perception.features(areaAverage(image, factor));
  }
}

function startRows(start: ArrayLike<number>, rows: number, { wDim, numWs }: AnyGenerator): Float64Array {
  if (start.length !== wDim && start.length !== numWs * wDim) {
    throw new RangeError(`Projector: start must have ${wDim} or ${numWs} x ${wDim} numbers, got ${start.length}`);
  }
  // In W, of a w for each layer the mean is taken; the w of a seed is the same in all of them.
  const given = start.length / wDim;
  const out = new Float64Array(rows * wDim);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < wDim; k++) {
      const column = Array.from({ length: given }, (_, layer) => start[layer * wDim + k]);
      const own = given === rows || given === 1 ? column[row % given] : undefined;
      const isConstant = column.every((value) => value === column[0]);
      out[row * wDim + k] = own ?? (isConstant ? column[0] : column.reduce((sum, value) => sum + value, 0) / given);
    }
  }
  return out;
}

/** Linear rise over the first steps, cosine fall over the last; t from 0 to 1. */
export function learningRateAt(
  t: number,
  options: Pick<Required<ProjectorOptions>, "learningRate" | "rampupLength" | "rampdownLength">,
): number {
  const { learningRate, rampupLength, rampdownLength } = options;
  const down = Math.min(1, (1 - t) / rampdownLength);
  const up = Math.min(1, t / rampupLength);
  return learningRate * (0.5 - 0.5 * Math.cos(down * Math.PI)) * up;
}

/** Strength of the noise on w, in deviations of w; t from 0 to 1. */
export function wNoiseFactorAt(
  t: number,
  { initialNoiseFactor, noiseRampLength }: Pick<Required<ProjectorOptions>, "initialNoiseFactor" | "noiseRampLength">,
): number {
  return initialNoiseFactor * Math.max(0, 1 - t / noiseRampLength) ** 2;
}

/** Mean [wDim] of w over random latents, and the root of the summed variance of its elements. */
export function wStatistics(
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
