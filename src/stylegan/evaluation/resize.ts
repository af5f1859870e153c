/**
 * Images as Inception wants them: 299x299, in one of three ways, whose numbers differ enough to matter (Parmar et al. 2022).
 *
 * | mode    | resize                                            | then          | used by                        |
 * |---------|---------------------------------------------------|---------------|--------------------------------|
 * | tf      | bilinear, corners not aligned, no half-pixel shift | (x - 128)/128 | the official FID of TensorFlow |
 * | pytorch | bilinear with half-pixel centres                   | 2 x/255 - 1   | pytorch-fid                    |
 * | clean   | bicubic with antialiasing, clipped                 | (x - 128)/128 | clean-fid                      |
 *
 * Every resize is separable: a short list of weighted neighbours for each row, and one for each column; first along x,
 * then along y. Tests: tests/goldens/inception.test.ts.
 */
import { Tensor } from "../../nn/tensor.js";
import { INCEPTION_SIDE } from "./inception.js";

export const resizeModes = ["tf", "clean", "pytorch"] as const;
export type ResizeMode = (typeof resizeModes)[number];

/** Pixels of an image, [H, W, C] with one or three channels. */
export interface ImagePixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** For output i: inputs first[i] ... with weights[begin[i]] to weights[begin[i + 1]]. */
interface Taps {
  readonly first: Int32Array;
  readonly begin: Int32Array;
  readonly weights: Float64Array;
}

function collect(outputs: number, tapsOf: (i: number) => { first: number; weights: readonly number[] }): Taps {
  const first = new Int32Array(outputs);
  const begin = new Int32Array(outputs + 1);
  const weights: number[] = [];
  for (let i = 0; i < outputs; i++) {
    const taps = tapsOf(i);
    first[i] = taps.first;
    weights.push(...taps.weights);
    begin[i + 1] = weights.length;
  }
  return { first, begin, weights: Float64Array.from(weights) };
}

/** Two neighbours of a position; the upper one is the last pixel at most. */
function linear(position: number, inputs: number): { first: number; weights: readonly number[] } {
  const first = Math.min(Math.floor(position), inputs - 1);
  const t = position - first;
  return first === inputs - 1 ? { first, weights: [1] } : { first, weights: [1 - t, t] };
}

/** TensorFlow 1 computes ratio and positions in float32. */
const tensorflowTaps = (inputs: number, outputs: number): Taps => {
  const ratio = Math.fround(inputs / outputs);
  return collect(outputs, (i) => linear(Math.fround(i * ratio), inputs));
};

const halfPixelTaps = (inputs: number, outputs: number): Taps =>
  collect(outputs, (i) => linear(Math.max(0, ((i + 0.5) * inputs) / outputs - 0.5), inputs));

/** Keys' cubic with a = -0.5 (Keys 1981, equation 15). */
function cubic(t: number): number {
  const x = Math.abs(t);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

const antialiasedTaps = (inputs: number, outputs: number): Taps =>
  collect(outputs, (i) => {
    const step = inputs / outputs;
    const stretch = Math.max(step, 1);
    const centre = (i + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5));
    const end = Math.min(inputs, Math.trunc(centre + 2 * stretch + 0.5));
    const raw = Array.from({ length: end - first }, (_, j) => cubic((first + j - centre + 0.5) / stretch));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: raw.map((weight) => weight / total) };
  });

interface Mode {
  readonly taps: (inputs: number, outputs: number) => Taps;
  /** Of a resized value from 0 to 255. */
  readonly finish: (value: number) => number;
}

const centred = (value: number): number => (value - 128) / 128;
const MODES: Readonly<Record<ResizeMode, Mode>> = {
  tf: { taps: tensorflowTaps, finish: centred },
  pytorch: { taps: halfPixelTaps, finish: (value) => (2 * value) / 255 - 1 },
  clean: { taps: antialiasedTaps, finish: (value) => centred(Math.min(Math.max(value, 0), 255)) },
};

/** Tables for the sizes seen so far: images of a set have few. */
const tables = new Map<string, Taps>();
const MAX_TABLES = 64;

function tableOf(mode: ResizeMode, inputs: number): Taps {
  const key = `${mode} ${inputs}`;
  let taps = tables.get(key);
  if (taps === undefined) {
    if (tables.size >= MAX_TABLES) tables.clear();
    taps = MODES[mode].taps(inputs, INCEPTION_SIDE);
    tables.set(key, taps);
  }
  return taps;
}

/**
 * A batch for Inception.
 *
 * @param images of any sizes; one channel counts as three equal ones
 * @param mode default "tf", which the official numbers mean
 * @returns [N, 3, 299, 299]
 */
export function inceptionInput(images: readonly ImagePixels[], mode: ResizeMode = "tf"): Tensor {
  const plane = INCEPTION_SIDE * INCEPTION_SIDE;
  return Tensor.filled([images.length, 3, INCEPTION_SIDE, INCEPTION_SIDE], (data) => {
    for (const [n, image] of images.entries()) {
      for (let channel = 0; channel < 3; channel++) {
        const from = (n * 3 + channel) * plane;
        if (image.channels === 1 && channel > 0) data.copyWithin(from, from - plane, from);
        else resizeChannel(image, channel, mode, data.subarray(from, from + plane));
      }
    }
  });
}

function resizeChannel(
  { width, height, channels, data }: ImagePixels,
  channel: number,
  mode: ResizeMode,
  out: Float32Array | Float64Array,
): void {
  const side = INCEPTION_SIDE;
  const columns = tableOf(mode, width);
  const rows = tableOf(mode, height);
  const { finish } = MODES[mode];
  const lines = new Float32Array(height * side); // rounded once between the passes, as the originals do
  for (let y = 0; y < height; y++) {
    for (let q = 0; q < side; q++) {
      let sum = 0;
      let at = (y * width + columns.first[q]) * channels + channel;
      for (let k = columns.begin[q]; k < columns.begin[q + 1]; k++, at += channels)
        sum += columns.weights[k] * data[at];
      lines[y * side + q] = sum;
    }
  }
  for (let p = 0; p < side; p++) {
    for (let q = 0; q < side; q++) {
      let sum = 0;
      let at = rows.first[p] * side + q;
      for (let k = rows.begin[p]; k < rows.begin[p + 1]; k++, at += side) sum += rows.weights[k] * lines[at];
      out[p * side + q] = finish(sum);
    }
  }
}
