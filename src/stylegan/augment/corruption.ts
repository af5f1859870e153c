/**
 * Image-space filtering, additive noise and cutout (ADA, appendix B).
 *
 * The filter amplifies or attenuates four octaves of frequency. With H the symlet sym2 and L = H(z) H(1/z) / 2, the
 * bank is built from the highest octave down: a band is the high-pass H(-z) H(-1/z) / 2 at its own scale, and all
 * lower bands are stretched by two and low-passed. The bands sum to the identity. Gains t are normalised so that the
 * power of an image with a 1/f spectrum stays the same.
 *
 * Tests: tests/goldens/augment.test.ts.
 */
import { add, mul } from "../../nn/ops/arith.js";
import { conv2d } from "../../nn/ops/conv2d.js";
import { reshape } from "../../nn/ops/reduce.js";
import { Tensor } from "../../nn/tensor.js";
import { type AugmentDraws, type AugmentPipeline, amountsIfActive, type SampleDraw } from "./draws.js";
import { reflectPad } from "./geometry.js";

const ROOT_3 = Math.sqrt(3);
/** Low-pass filter of sym2, which is Daubechies' wavelet with four taps, mirrored. */
const SYM2: readonly number[] = [1 - ROOT_3, 3 - ROOT_3, 3 + ROOT_3, 1 + ROOT_3].map((tap) => tap / (4 * Math.SQRT2));
const BANDS = 4;
/** Expected power of each band in natural images, from low to high; sums to 1. */
const EXPECTED_POWER: readonly number[] = [10, 1, 1, 1].map((power) => power / 13);

/** Full convolution of two filters. */
function convolve(a: readonly number[], b: readonly number[]): number[] {
  const result = new Array<number>(a.length + b.length - 1).fill(0);
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      result[i + j] += x * y;
    });
  });
  return result;
}

/** f(z) f(1/z) / 2 */
const autocorrelation = (f: readonly number[]): number[] => convolve(f, f.toReversed()).map((tap) => tap / 2);

/** Zeros between the taps: f(z^2). */
const stretch = (f: readonly number[]): number[] => f.flatMap((tap) => [tap, 0]).slice(0, -1);

/** The filters of the four bands, from low to high, 43 taps each. */
export const FILTER_BANK: readonly (readonly number[])[] = buildFilterBank();

function buildFilterBank(): number[][] {
  const low = autocorrelation(SYM2);
  const high = autocorrelation(SYM2.map((tap, k) => (k % 2 === 0 ? tap : -tap)));
  let bank = Array.from({ length: BANDS }, (_, band) => [band === 0 ? 1 : 0]);
  for (let octave = 1; octave < BANDS; octave++) {
    bank = bank.map((filter) => convolve(stretch(filter), low));
    const begin = (bank[octave].length - high.length) / 2;
    high.forEach((tap, k) => {
      bank[octave][begin + k] += tap;
    });
  }
  return bank;
}

/** The filter of one image, 43 taps, or null when no band is changed. */
function imageFilter(draw: SampleDraw, p: number, pipeline: AugmentPipeline): number[] | null {
  const { imgfilter = 0, imgfilterStd = 1, imgfilterBands = [1, 1, 1, 1] } = pipeline;
  const { gates, amounts } = draw.imgfilter;
  const active = gates.map((gate, band) => gate < imgfilter * p * imgfilterBands[band]);
  if (!active.includes(true)) return null;
  const gains = new Array<number>(BANDS).fill(1);
  active.forEach((isActive, band) => {
    if (!isActive) return;
    const t = gains.map((_, k) => (k === band ? 2 ** (amounts[band] * imgfilterStd) : 1));
    const power = Math.sqrt(t.reduce((sum, gain, k) => sum + EXPECTED_POWER[k] * gain * gain, 0));
    t.forEach((gain, k) => {
      gains[k] *= gain / power;
    });
  });
  return FILTER_BANK[0].map((_, tap) => gains.reduce((sum, gain, band) => sum + gain * FILTER_BANK[band][tap], 0));
}

/** Filters each image [N, C, H, W] with its own filter, in both directions. */
export function applyFilter(
  images: Tensor,
  samples: readonly SampleDraw[],
  p: number,
  pipeline: AugmentPipeline,
): Tensor {
  const filters = samples.map((draw) => imageFilter(draw, p, pipeline));
  if (filters.every((filter) => filter === null)) return images;
  const taps = FILTER_BANK[0].length;
  const unchanged = FILTER_BANK[0].map((_, tap) => (tap === (taps - 1) / 2 ? 1 : 0));
  const [n, channels, height, width] = images.shape;
  const weights = filters.flatMap((filter) => Array.from({ length: channels }, () => filter ?? unchanged).flat());
  const reach = (taps - 1) / 2;
  const groups = n * channels;
  const padded = reflectPadFar(reflectPadFar(images, 3, reach), 2, reach);
  const side = reshape(padded, [1, groups, height + 2 * reach, width + 2 * reach]);
  // PyTorch's convolution does not flip the filter, and neither does ours; the bank is symmetric.
  const rows = conv2d(side, Tensor.from(weights, [groups, 1, 1, taps]), { groups });
  return reshape(conv2d(rows, Tensor.from(weights, [groups, 1, taps, 1]), { groups }), images.shape);
}

/** Reflects by `reach` on both sides, in several steps where the image is smaller than that. */
function reflectPadFar(x: Tensor, axis: number, reach: number): Tensor {
  let padded = x;
  for (let left = reach; left > 0; ) {
    const now = Math.min(left, padded.shape[axis] - 1);
    if (now === 0) throw new RangeError("augment: the image filter needs images of at least 2x2 pixels");
    padded = reflectPad(padded, axis, now, now);
    left -= now;
  }
  return padded;
}

/** images + |normal| noiseStd noise */
export function applyNoise(images: Tensor, draws: AugmentDraws, p: number, pipeline: AugmentPipeline): Tensor {
  const { noise = 0, noiseStd = 0.1 } = pipeline;
  if (noise <= 0) return images;
  if (draws.noise === null) throw new RangeError("augment: this pipeline adds noise, but none was drawn");
  const strengths = draws.samples.map((draw) => {
    const amounts = amountsIfActive(draw.noise, noise * p);
    return amounts === null ? 0 : Math.abs(amounts[0]) * noiseStd;
  });
  if (strengths.every((strength) => strength === 0)) return images;
  return add(images, mul(draws.noise, Tensor.from(strengths, [images.shape[0], 1, 1, 1])));
}

/** Blanks a square with a random centre; what of it lies outside of the image is lost. */
export function applyCutout(
  images: Tensor,
  samples: readonly SampleDraw[],
  p: number,
  pipeline: AugmentPipeline,
): Tensor {
  const { cutout = 0, cutoutSize = 0.5 } = pipeline;
  const centres = samples.map((draw) => amountsIfActive(draw.cutout, cutout * p));
  if (centres.every((centre) => centre === null)) return images;
  const [n, , height, width] = images.shape;
  const isOutside = (index: number, extent: number, centre: number): boolean =>
    Math.abs((index + 0.5) / extent - centre) >= cutoutSize / 2;
  const mask = centres.flatMap((centre) =>
    Array.from({ length: height * width }, (_, pixel) => {
      if (centre === null) return 1;
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      return isOutside(x, width, centre[0]) || isOutside(y, height, centre[1]) ? 1 : 0;
    }),
  );
  return mul(images, Tensor.from(mask, [n, 1, height, width]));
}
