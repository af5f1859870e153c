/**
 * Early images of networks that have none: generators whose only toRgb is behind the last block. The first finished images teach a linear
 * map, from the features of one pixel at 64x64 to the colours that the image has there on average (ridge regression), and later images are
 * guessed with it while they are unfinished.
 *
 *   W = Y A^T (A A^T + lambda I)^(-1)      A [C + 1, pixels]: features and a one, Y [channels, pixels]
 *
 * Every image is guessed before it teaches. Guesses are shown once they have been nearer to those images than the average of the
 * images before, which needs no features (bench/guess.mjs: how near they are on trained networks).
 */
import { matmul, noGrad, scope, Tensor } from "./library.js";
import { shrink } from "./pictures.js";
import type { FloatImage } from "./render.js";

/** More images do not make the guesses better. */
const ENOUGH = 8;
/** Lambda, as a part of the mean of A A^T's diagonal. */
const RIDGE = 1e-2;

export class Readout {
  #images = 0;
  #gram: Float64Array = new Float64Array(0); // [C + 1, C + 1]
  #cross: Float64Array = new Float64Array(0); // [channels, C + 1]
  /** [channels, C + 1]; null until an image was learned. */
  #weights: Float64Array | null = null;
  /** Of the images so far. */
  #sum: Float64Array = new Float64Array(0);
  /** Squared errors of guesses, and of averages, over the images that came after them. */
  #missed = { byGuess: 0, byAverage: 0 };

  get isLearning(): boolean {
    return this.#images < ENOUGH;
  }

  /** features [1, C, S, S] of a finished image [channels, R, R] */
  learn(features: FloatImage, image: FloatImage): void {
    const { rows, count, pixels } = withOnes(features);
    const colours = shrink(image, features.shape[3]);
    const channels = colours.shape[0];
    this.#try(features, colours.data);
    const [gram, cross] = noGrad(() =>
      scope(() => {
        const a = Tensor.from(rows, [count, pixels]);
        const y = Tensor.from(colours.data, [channels, pixels]);
        return [a, y].map((left) => matmul(left, a, { transposeB: true }).toFloat64Array());
      }),
    );
    if (this.#images === 0) [this.#gram, this.#cross] = [gram, cross];
    else {
      for (const [k, value] of gram.entries()) this.#gram[k] += value;
      for (const [k, value] of cross.entries()) this.#cross[k] += value;
    }
    this.#images++;
    this.#weights = solve(this.#gram, this.#cross, count, channels);
  }

  /** The guess, [channels, S, S]; null while it is not known to be worth anything. */
  image(features: FloatImage): FloatImage | null {
    const { byGuess, byAverage } = this.#missed;
    return this.#weights !== null && byGuess < byAverage ? this.#guess(features, this.#weights) : null;
  }

  /** How near a guess and the average come to an image that has taught nothing yet. */
  #try(features: FloatImage, colours: Float32Array): void {
    if (this.#weights === null) this.#sum = new Float64Array(colours.length);
    else {
      const guess = this.#guess(features, this.#weights).data;
      const n = this.#images;
      for (const [k, value] of colours.entries()) {
        this.#missed.byGuess += (value - guess[k]) ** 2;
        // The average of all images would miss by n / (n + 1) of what that of n does.
        this.#missed.byAverage += (n / (n + 1)) * (value - this.#sum[k] / n) ** 2;
      }
    }
    for (const [k, value] of colours.entries()) this.#sum[k] += value;
  }

  #guess(features: FloatImage, weights: Float64Array): FloatImage {
    const { rows, count, pixels } = withOnes(features);
    const channels = weights.length / count;
    const side = features.shape[3];
    return noGrad(() =>
      scope(() => {
        const guess = matmul(Tensor.from(weights, [channels, count]), Tensor.from(rows, [count, pixels]));
        return { data: guess.toArray(), shape: [channels, side, side] };
      }),
    );
  }
}

/** [1, C, S, S] -> [C + 1, S S], the last row ones. */
function withOnes({ data, shape }: FloatImage): { rows: Float32Array; count: number; pixels: number } {
  const [, features, height, width] = shape;
  const pixels = height * width;
  const rows = new Float32Array((features + 1) * pixels).fill(1);
  rows.set(data);
  return { rows, count: features + 1, pixels };
}

/** Rows w of the result solve w (G + lambda I) = cross row; by the Cholesky factor, L L^T. */
function solve(gram: Float64Array, cross: Float64Array, n: number, rows: number): Float64Array {
  let trace = 0;
  for (let k = 0; k < n; k++) trace += gram[k * n + k];
  const factor = gram.slice();
  for (let k = 0; k < n; k++) factor[k * n + k] += (RIDGE * trace) / n;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = factor[i * n + j];
      for (let k = 0; k < j; k++) sum -= factor[i * n + k] * factor[j * n + k];
      factor[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / factor[j * n + j];
    }
  }
  const out = cross.slice();
  for (let row = 0; row < rows; row++) {
    const x = out.subarray(row * n, (row + 1) * n);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) x[i] -= factor[i * n + k] * x[k];
      x[i] /= factor[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      x[i] /= factor[i * n + i];
      for (let k = 0; k < i; k++) x[k] -= factor[i * n + k] * x[i];
    }
  }
  return out;
}
