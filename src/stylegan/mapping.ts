/**
 * The mapping network f: Z -> W (StyleGAN, section 2): normalise z, eight dense layers, the same w for every layer.
 * With labels, an embedding of c is concatenated to z. Its moving average w_avg is the centre of truncation.
 *
 * Tests: tests/goldens/checkpoints.test.ts, tests/identities/mapping.test.ts (identities 21, 23).
 */
import { noGrad } from "../nn/autograd/record.js";
import { DenseLayer } from "../nn/layers/dense.js";
import { constant, type ParameterTree } from "../nn/layers/module.js";
import { addScalar, lerp, mul, rsqrt, square } from "../nn/ops/arith.js";
import { concat, slice } from "../nn/ops/layout.js";
import { expand, reshape } from "../nn/ops/reduce.js";
import { mean } from "../nn/ops/statistics.js";
import { copyInto } from "../nn/optim.js";
import { RandomState } from "../nn/random.js";
import { type Repeatable, repeatable } from "../nn/repeatable.js";
import { assertShape } from "../nn/shape.js";
import { inScope, scope, Tensor } from "../nn/tensor.js";
import type { MappingConfig } from "./config.js";
import { checkForwardOptions, checkTensor } from "./forward/options.js";

/** x / sqrt(mean over features of x^2 + 1e-8), [N, F] -> [N, F] (ProGAN's pixel norm, on a vector). */
export function normalize2ndMoment(x: Tensor): Tensor {
  return mul(x, rsqrt(addScalar(mean(square(x), { axes: [1], keepDims: true }), 1e-8)));
}

export interface TruncationOptions {
  /**
   * The truncation trick (StyleGAN, appendix B): w = w_avg + psi (w - w_avg). Less variety, better images below 1.
   * Default 1: no truncation.
   */
  readonly truncationPsi?: number;
  /** Truncate only the first so many w's, the coarse layers. Default null: all. */
  readonly truncationCutoff?: number | null;
}

export class MappingNetwork {
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly numWs: number | null;
  readonly config: MappingConfig;
  readonly wAvg: Tensor | null; // [wDim]
  readonly #embed: DenseLayer | null;
  readonly #layers: readonly DenseLayer[];
  readonly #tensors: Repeatable;

  constructor(tree: ParameterTree, config: MappingConfig) {
    this.#tensors = tree;
    const { zDim, cDim, wDim, numWs, embedFeatures, embedBias, layerFeatures, activation, lrMultiplier } = config;
    this.zDim = zDim;
    this.cDim = cDim;
    this.wDim = wDim;
    this.numWs = numWs;
    this.config = config;
    const biasInit = embedBias ? 0 : null;
    this.#embed = cDim > 0 ? new DenseLayer(tree.child("embed"), cDim, embedFeatures, { biasInit }) : null;
    const dense = { activation, lrMultiplier, heGain: config.heGain };
    const widths = [zDim + (cDim > 0 ? embedFeatures : 0), ...layerFeatures];
    this.#layers = layerFeatures.map(
      (outFeatures, k) => new DenseLayer(tree.child(`fc${k}`), widths[k], outFeatures, dense),
    );
    this.wAvg = config.wAvgBeta === null ? null : tree.buffer("w_avg", [wDim], constant(0));
  }

  /**
   * @param z [N, zDim], normally distributed; null when zDim is 0
   * @param c [N, cDim], one-hot labels; null when cDim is 0
   * @returns ws [N, numWs, wDim], or [N, wDim] when numWs is null
   * @throws RangeError when the shapes do not fit, or when a truncation has no average to pull towards
   */
  forward(z: Tensor | null, c: Tensor | null = null, options: TruncationOptions = {}): Tensor {
    checkForwardOptions("mapping", options);
    if (z !== null) checkTensor("mapping", "z", z);
    if (c !== null) checkTensor("mapping", "c", c);
    const { truncationPsi, truncationCutoff } = options;
    const settings = `psi ${truncationPsi}, cutoff ${truncationCutoff}`;
    return repeatable(this.#tensors, settings, [z, c], (z, c) => {
      let x = this.#input(z, c); // [N, zDim + embedFeatures]
      for (const layer of this.#layers) x = layer.forward(x);
      if (this.numWs === null) return x; // [N, wDim]
      const n = x.shape[0];
      const ws = expand(reshape(x, [n, 1, this.wDim]), [n, this.numWs, this.wDim]); // [N, L, wDim]
      return this.truncate(ws, options);
    });
  }

  /** Labels and latents, normalised: each on its own, or together after the concatenation (TensorFlow). */
  #input(z: Tensor | null, c: Tensor | null): Tensor {
    const separate = this.config.inputNormalization === "separate";
    const parts: Tensor[] = [];
    if (this.zDim > 0) {
      if (z === null) throw new RangeError(`mapping: z must be [N, ${this.zDim}], got null`);
      assertShape("mapping", "z", z.shape, [null, this.zDim], "N, zDim");
      parts.push(separate ? normalize2ndMoment(z) : z);
    }
    if (this.#embed !== null) {
      if (c === null)
        throw new RangeError(`mapping: this network is conditional; c must be [N, ${this.cDim}], got null`);
      assertShape("mapping", "c", c.shape, [z?.shape[0] ?? null, this.cDim], "N, cDim");
      const embedded = this.#embed.forward(c); // [N, embedFeatures]
      parts.push(separate ? normalize2ndMoment(embedded) : embedded);
    } else if (c !== null && c.shape[1] !== 0) {
      throw new RangeError(`mapping: this network is unconditional; c must be null, got [${c.shape.join(", ")}]`);
    }
    const x = concat(parts, 1);
    return separate ? x : normalize2ndMoment(x);
  }

  /** Pulls ws [N, L, wDim] towards the average w. psi = 1 returns them as they are. */
  truncate(ws: Tensor, options: TruncationOptions): Tensor {
    const { truncationPsi = 1, truncationCutoff = null } = options;
    if (truncationPsi === 1) return ws;
    const { wAvg } = this;
    if (wAvg === null)
      throw new RangeError("mapping: truncation needs the average w, which this network does not track");
    return inScope(() => {
      const [, l] = ws.shape;
      const cutoff = truncationCutoff ?? l;
      if (!Number.isInteger(cutoff) || cutoff < 0) {
        throw new RangeError(`mapping: truncationCutoff must be a whole number of at least 0, got ${cutoff}`);
      }
      if (cutoff === 0) return ws;
      const first = slice(ws, 1, 0, Math.min(cutoff, l)); // [N, cutoff, wDim]
      const centre = expand(reshape(wAvg, [1, 1, this.wDim]), first.shape);
      const truncated = lerp(centre, first, truncationPsi);
      return cutoff >= l ? truncated : concat([truncated, slice(ws, 1, cutoff, l)], 1);
    });
  }
}

/**
 * Moves the average w towards a batch: w_avg <- m + beta (w_avg - m), m the mean of the batch (StyleGAN, appendix B).
 *
 * @param wAvg [wDim], updated in place
 * @param ws [N, L, wDim], the same w for every layer
 */
export function trackWAvg(wAvg: Tensor, ws: Tensor, beta: number): void {
  inScope(() =>
    noGrad(() => {
      const w = reshape(slice(ws, 1, 0, 1), [ws.shape[0], -1]); // [N, wDim]
      const centre = mean(w, { axes: [0] }); // [wDim]
      copyInto(wAvg, lerp(centre, wAvg, beta));
    }),
  );
}

/** z that the average w is taken over where a file has none, as in rosinality's program; and how many at once. */
const AVERAGE_SAMPLES = 4096;
const AVERAGE_BATCH = 256;

/** w_avg <- the mean of f(z) over many z of one seed; with labels, over all classes alike. */
export function estimateWAvg(mapping: MappingNetwork): void {
  const { zDim, cDim, wDim, wAvg } = mapping;
  const random = new RandomState(0);
  const total = new Float64Array(wDim);
  for (let first = 0; first < AVERAGE_SAMPLES; first += AVERAGE_BATCH) {
    const means = scope(() =>
      noGrad(() => {
        const z = Tensor.from(random.randn(AVERAGE_BATCH * zDim), [AVERAGE_BATCH, zDim]);
        const labels = new Float32Array(AVERAGE_BATCH * cDim);
        for (let n = 0; n < AVERAGE_BATCH && cDim > 0; n++) labels[n * cDim + ((first + n) % cDim)] = 1;
        const ws = mapping.forward(z, cDim > 0 ? Tensor.from(labels, [AVERAGE_BATCH, cDim]) : null); // [N, L, wDim]
        return mean(slice(ws, 1, 0, 1), { axes: [0, 1] }).toFloat64Array();
      }),
    );
    for (let i = 0; i < wDim; i++) total[i] += means[i] * (AVERAGE_BATCH / AVERAGE_SAMPLES);
  }
  scope(() => wAvg!.update(({ data }) => data.set(total)));
}
