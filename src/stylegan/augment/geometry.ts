/**
 * Geometric augmentation (ADA, appendix B, algorithm 1): flips, quarter turns, shifts, scaling and rotation compose to
 * one affine map, which is executed once: reflect the image at its borders, upsample with the wavelet sym6, sample
 * bilinearly, downsample. sym6 is orthonormal, so the identity map gives the image back.
 *
 * Tests: tests/goldens/augment.test.ts.
 */
import { type AffineMatrix, affineSample } from "../../nn/ops/gridSample.js";
import { concat, flip, slice } from "../../nn/ops/layout.js";
import { setupFilter, upfirdn2d, upsample2d } from "../../nn/ops/upfirdn2d.js";
import type { Tensor } from "../../nn/tensor.js";
import { type AugmentPipeline, amountsIfActive, type SampleDraw } from "./draws.js";
import { IDENTITY_3, type Matrix, multiply, rotate2d, scale2d, translate2d } from "./matrices.js";

/** Low-pass decomposition filter of the symlet with six vanishing moments (Daubechies 1992, table 6.3). */
export const SYM6: readonly number[] = [
  0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
  0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
  0.0017677118642428036, -0.007800708325034148,
];

/** How far the resampling filter reaches, in pixels of the image. */
const REACH = SYM6.length / 4;

/**
 * Where the pixels of the augmented image come from: its position to the position in the source, both in pixels from
 * the centre. Each transformation T contributes its inverse on the right.
 */
export function sourcePosition(
  draw: SampleDraw,
  p: number,
  pipeline: AugmentPipeline,
  width: number,
  height: number,
): Matrix {
  const { xflip = 0, rotate90 = 0, xint = 0, scale = 0, rotate = 0, aniso = 0, xfrac = 0 } = pipeline;
  const { xintMax = 0.125, scaleStd = 0.2, rotateMax = 1, anisoStd = 0.2, xfracStd = 0.125 } = pipeline;
  // Two rotations, together applied with probability p: 1 - (1 - pRotate)^2 = p.
  const pRotate = 1 - Math.sqrt(Math.max(0, 1 - rotate * p));
  const turn = (u: number): Matrix => rotate2d((2 * u - 1) * Math.PI * rotateMax);
  const steps: readonly (readonly [readonly number[] | null, (a: number, b: number) => Matrix])[] = [
    [amountsIfActive(draw.xflip, xflip * p), (u) => scale2d(1 - 2 * Math.floor(2 * u), 1)],
    [amountsIfActive(draw.rotate90, rotate90 * p), (u) => rotate2d((Math.PI / 2) * Math.floor(4 * u))],
    [
      amountsIfActive(draw.xint, xint * p),
      (u, v) => translate2d(-Math.round((2 * u - 1) * xintMax * width), -Math.round((2 * v - 1) * xintMax * height)),
    ],
    [amountsIfActive(draw.scale, scale * p), (n) => scale2d(2 ** (-n * scaleStd), 2 ** (-n * scaleStd))],
    [amountsIfActive(draw.preRotation, pRotate), turn],
    [amountsIfActive(draw.aniso, aniso * p), (n) => scale2d(2 ** (-n * anisoStd), 2 ** (n * anisoStd))],
    [amountsIfActive(draw.postRotation, pRotate), turn],
    [amountsIfActive(draw.xfrac, xfrac * p), (n, m) => translate2d(-n * xfracStd * width, -m * xfracStd * height)],
  ];
  let position = IDENTITY_3;
  for (const [amounts, inverse] of steps) {
    if (amounts !== null) position = multiply(position, inverse(amounts[0], amounts[1]));
  }
  return position;
}

/** Moves the pixels of images [N, C, H, W] as `positions` (one for each image, see `sourcePosition`) say. */
export function applyGeometry(images: Tensor, positions: readonly Matrix[]): Tensor {
  if (positions.every((position) => position === IDENTITY_3)) return images;
  const [, , height, width] = images.shape;
  const [left, top, right, bottom] = margins(positions, width, height);
  const padded = reflectPad(reflectPad(images, 3, left, right), 2, top, bottom);
  const filter = setupFilter(SYM6);
  const larger = upsample2d(padded, filter); // [N, C, 2 (H + top + bottom), 2 (W + left + right)]
  const outHeight = 2 * (height + 2 * REACH);
  const outWidth = 2 * (width + 2 * REACH);
  const [, , inHeight, inWidth] = larger.shape;
  const toCentre = translate2d(-(outWidth - 1) / 2, -(outHeight - 1) / 2);
  const fromCentre = translate2d((inWidth - 1) / 2, (inHeight - 1) / 2);
  const matrices = positions.map((position): AffineMatrix => {
    const recentred = multiply(translate2d((left - right) / 2, (top - bottom) / 2), position);
    const doubled = multiply(multiply(scale2d(2, 2), recentred), scale2d(0.5, 0.5));
    // Upsampling puts the samples half a fine pixel off the centre of the coarse one.
    const aligned = multiply(multiply(translate2d(-0.5, -0.5), doubled), translate2d(0.5, 0.5));
    const [a, b, c, d, e, f] = multiply(multiply(fromCentre, aligned), toCentre);
    return [a, b, c, d, e, f];
  });
  const sampled = affineSample(larger, { matrices, outHeight, outWidth });
  // The adjoint of the upsampling, without the border that only fed the filter.
  const crop = Math.floor((SYM6.length - 1) / 2) - 2 * REACH;
  return upfirdn2d(sampled, filter, { down: 2, padding: crop, flipFilter: true }); // [N, C, H, W]
}

/** How much of the reflection beyond each border [left, top, right, bottom] any image of the batch reads. */
function margins(positions: readonly Matrix[], width: number, height: number): readonly number[] {
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  const corners = [-cx, cx].flatMap((x) => [-cy, cy].map((y) => [x, y]));
  const xs = positions.flatMap(([a, b, c]) => corners.map(([x, y]) => a * x + b * y + c));
  const ys = positions.flatMap(([, , , d, e, f]) => corners.map(([x, y]) => d * x + e * y + f));
  const most = (values: readonly number[], centre: number, extent: number): number => {
    const beyond = Math.max(...values) + 2 * REACH - centre;
    return Math.ceil(Math.min(Math.max(beyond, 0), extent - 1)); // a reflection reaches no further than the image
  };
  const negated = (values: readonly number[]): number[] => values.map((value) => -value);
  return [most(negated(xs), cx, width), most(negated(ys), cy, height), most(xs, cx, width), most(ys, cy, height)];
}

/** Mirrors x at both ends of an axis, without repeating the last pixel: cb|abcd|cb. */
export function reflectPad(x: Tensor, axis: number, before: number, after: number): Tensor {
  const extent = x.shape[axis];
  if (Math.max(before, after) >= extent) {
    throw new RangeError(
      `reflectPad: an extent of ${extent} can be reflected by at most ${extent - 1}, got ${before}, ${after}`,
    );
  }
  const parts = [x];
  if (before > 0) parts.unshift(flip(slice(x, axis, 1, before + 1), [axis]));
  if (after > 0) parts.push(flip(slice(x, axis, extent - 1 - after, extent - 1), [axis]));
  return concat(parts, axis);
}
