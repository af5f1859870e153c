/**
 * Directions in W that change images much, without labels:
 *
 *   SeFa (Shen and Zhou 2021, equation 6)   eigenvectors of A^T A, A the affine maps of the layers one below the other,
 *                                           each row scaled to length 1: where styles change most for a step in w
 *   PCA of w (Haerkoenen et al. 2020)       eigenvectors of the covariance of w: where w itself varies most
 *
 * Sorted by eigenvalue, largest first; each of length 1, with its element of largest magnitude positive.
 * Tests: tests/goldens/directions.test.ts.
 */
import { noGrad } from "../../nn/autograd/record.js";
import { sub } from "../../nn/ops/arith.js";
import { slice } from "../../nn/ops/layout.js";
import { matmul } from "../../nn/ops/matmul.js";
import { expand, reshape, sum } from "../../nn/ops/reduce.js";
import { mean } from "../../nn/ops/statistics.js";
import { RandomState } from "../../nn/random.js";
import { scope, Tensor } from "../../nn/tensor.js";
import { symmetricEigen } from "../evaluation/eigen.js";
import type { AnyGenerator } from "../networks.js";
import type { Directions } from "./directionFile.js";
import { styleLayers } from "./edits.js";

/** The layer that each w is for, by name: `b4.conv1`, `b8.conv0`, ..., and the last toRgb. */
export function layersOfWs(generator: AnyGenerator): string[] {
  const last = `b${generator.imgResolution}.torgb`;
  const layers = [...styleLayers(generator).keys()].filter((name) => !name.endsWith(".torgb") || name === last);
  if (layers.length !== generator.numWs) {
    throw new RangeError(`expected a layer with styles for each of ${generator.numWs} w's, found ${layers.join(", ")}`);
  }
  return layers;
}

export interface SefaOptions {
  /** Layers whose styles shall change, counted as w's; null for all. Default null. */
  readonly layers?: readonly number[] | null;
  /** How many directions at most. Default 80. */
  readonly count?: number;
  /** Each row of the affine maps scaled to length 1. Default true. */
  readonly normalize?: boolean;
}

/**
 * Closed-form factorisation of the affine maps.
 *
 * @throws RangeError for layers that are not there
 * @example
 * const { directions } = sefaDirections(gEma, { layers: [0, 1, 2, 3] });
 */
export function sefaDirections(generator: AnyGenerator, options: SefaOptions = {}): Directions {
  const { wDim, numWs } = generator;
  const { count = 80, normalize = true } = options;
  const layers = options.layers ?? Array.from({ length: numWs }, (_, layer) => layer);
  const names = layersOfWs(generator);
  const gram = new Float64Array(wDim * wDim);
  for (const layer of layers) {
    if (names[layer] === undefined) {
      throw new RangeError(`sefaDirections: this network has layers 0 to ${numWs - 1}, got ${layer}`);
    }
    const rows = generator.parameters.get(`synthesis.${names[layer]}.affine.weight`)!.toFloat64Array(); // [rows, wDim]
    if (normalize) normalizeRows(rows, wDim);
    const products = scope(() => {
      const a = Tensor.from(rows, [rows.length / wDim, wDim]);
      return matmul(a, a, { transposeA: true }).toFloat64Array();
    });
    for (let k = 0; k < gram.length; k++) gram[k] += products[k];
  }
  return { ...principal(gram, wDim, count), layers };
}

export interface PcaOptions {
  /** Latents to draw. Default 100,000. */
  readonly samples?: number;
  /** Of the latents: float32 of RandomState(seed).randn(samples, zDim). Default 0. */
  readonly seed?: number;
  /** How many directions at most. Default 80. */
  readonly count?: number;
  /** Label [1, cDim] of a conditional network. Default null. */
  readonly c?: Tensor | null;
  /** Told how many latents are done. */
  readonly onProgress?: (done: number) => void;
}

export interface PcaDirections extends Directions {
  readonly eigenvalues: Float64Array;
  /** Mean of w, [wDim]. */
  readonly mean: Float64Array;
}

const BATCH = 1000;

/** Principal components of w without truncation; eigenvalues are variances (of the samples, divided by their number). */
export function pcaDirections(generator: AnyGenerator, options: PcaOptions = {}): PcaDirections {
  const { samples = 100_000, seed = 0, count = 80, c = null, onProgress } = options;
  const { mapping, zDim, wDim, numWs } = generator;
  if (!(samples >= 2)) throw new RangeError(`pcaDirections: samples must be at least 2, got ${samples}`);
  const random = new RandomState(seed);
  const total = new Float64Array(wDim);
  const squares = new Float64Array(wDim * wDim);
  // Products are taken around the first batch's mean, where float32 has digits to spare.
  let centre: Float64Array | null = null;
  for (let done = 0; done < samples; ) {
    const n = Math.min(BATCH, samples - done);
    const { sums, products } = noGrad(() =>
      scope(() => {
        const z = Tensor.filled([n, zDim], (data) => random.fillNormal(data));
        const labels = c === null ? null : expand(c, [n, c.shape[1]]);
        const w = reshape(slice(mapping.forward(z, labels), 1, 0, 1), [n, wDim]);
        centre ??= Float64Array.from(mean(w, { axes: [0] }).toArray());
        const shifted = sub(w, expand(Tensor.from(centre, [1, wDim]), [n, wDim]));
        const products = matmul(shifted, shifted, { transposeA: true }).toFloat64Array();
        return { sums: sum(shifted, { axes: [0] }).toFloat64Array(), products };
      }),
    );
    for (let k = 0; k < wDim; k++) total[k] += sums[k];
    for (let k = 0; k < squares.length; k++) squares[k] += products[k];
    done += n;
    onProgress?.(done);
  }
  const shift = total.map((value) => value / samples);
  const covariance = squares.map((value, k) => value / samples - shift[Math.floor(k / wDim)] * shift[k % wDim]);
  const layers = Array.from({ length: numWs }, (_, layer) => layer);
  return { ...principal(covariance, wDim, count), layers, mean: shift.map((value, k) => value + centre![k]) };
}

/** Eigenvectors of a symmetric matrix [n, n], those of the largest eigenvalues. */
function principal(
  matrix: Float64Array,
  n: number,
  count: number,
): { readonly directions: Float64Array[]; readonly eigenvalues: Float64Array } {
  const { values, vectors } = symmetricEigen(matrix);
  const order = Array.from(values.keys())
    .sort((a, b) => values[b] - values[a])
    .slice(0, count);
  return {
    directions: order.map((k) => withFixedSign(vectors.slice(k * n, (k + 1) * n))),
    eigenvalues: Float64Array.from(order, (k) => values[k]),
  };
}

function withFixedSign(vector: Float64Array): Float64Array {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}

function normalizeRows(rows: Float64Array, width: number): void {
  for (let at = 0; at < rows.length; at += width) {
    const row = rows.subarray(at, at + width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let k = 0; k < width; k++) row[k] /= length;
  }
}
