/** What the lessons share: the bundled model, latents, and pictures of tensors. */
import { type AnyGenerator, noGrad, RandomState, scope, Tensor } from "../library.js";
import type { Model } from "../model.js";
import { largestOf, mapPicture } from "../pictures.js";
import type { LessonPicture, LessonView, Picture } from "../protocol.js";
import { type FloatImage, pictureOf } from "../render.js";

export type Values = Readonly<Record<string, number>>;

export interface LessonContext {
  readonly model: Model;
  /** Where the drawn faces of the Train page are. */
  readonly data: string;
  readonly goOn: () => Promise<boolean>;
  readonly partial: (view: LessonView) => void;
}

/** One section's control: from the values of its sliders to pictures, lines and a sentence. */
export type Lesson = (values: Values, context: LessonContext) => LessonView | Promise<LessonView>;

export const PSI = 0.7;

export const seedWs = (model: Model, seed: number, psi = PSI): Float32Array =>
  model.truncated(model.ofSeed(seed, 0), { psi, cutoff: null });

/** ws [N, numWs, wDim] of many, one after the other. */
export const stack = (all: readonly Float32Array[], { numWs, wDim }: AnyGenerator): Tensor =>
  Tensor.from(Float32Array.from(all.flatMap((ws) => [...ws])), [all.length, numWs, wDim]);

/** Images [N, C, H, W] as numbers. */
export function imagesOf(
  model: Model,
  all: readonly Float32Array[],
  options: object = { noiseMode: "const" },
): FloatImage[] {
  const { generator } = model;
  const { data, shape } = noGrad(() =>
    scope(() => copyFrom(generator.synthesis.forward(stack(all, generator), options))),
  );
  return parted({ data, shape });
}

export const copyFrom = (x: Tensor): FloatImage => ({ data: x.toArray(), shape: x.shape });

/** [N, C, H, W] -> N of [C, H, W] */
export function parted({ data, shape }: FloatImage): FloatImage[] {
  const [n, ...rest] = shape;
  const size = data.length / n;
  return Array.from({ length: n }, (_, k) => ({ data: data.subarray(k * size, (k + 1) * size), shape: rest }));
}

export const show = (image: FloatImage, caption: string): LessonPicture => ({ picture: pictureOf(image), caption });

/** Maps [C, H, W] as pictures of their own; `largest` is one scale for all, or each has its own. */
export function mapsOf({ data, shape }: FloatImage, count: number, largest?: number): Picture[] {
  const [, height, width] = shape.slice(-3);
  return Array.from({ length: count }, (_, map) => {
    const values = data.subarray(map * height * width, (map + 1) * height * width);
    return mapPicture(values, width, height, largest ?? largestOf(values, 0, values.length));
  });
}

export const normals = (seed: number, shape: readonly number[]): Tensor =>
  Tensor.from(new RandomState(seed).randn(shape.reduce((a, b) => a * b, 1)), shape);

/** sqrt of the mean square of the differences of two images. */
export function distance(a: FloatImage, b: FloatImage): number {
  let sum = 0;
  for (let k = 0; k < a.data.length; k++) sum += (a.data[k] - b.data[k]) ** 2;
  return Math.sqrt(sum / a.data.length);
}

export function deviationOf(values: ArrayLike<number>): number {
  const n = values.length;
  let [sum, squares] = [0, 0];
  for (let k = 0; k < n; k++) {
    sum += values[k];
    squares += values[k] ** 2;
  }
  return Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2));
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, k) => k);
