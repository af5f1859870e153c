/**
 * Colour augmentation (ADA, appendix B): brightness, contrast, luma flip, hue and saturation compose to one affine map
 * of the colour (r, g, b, 1) of every pixel. Grey images take the mean of the map over the channels.
 *
 * Tests: tests/goldens/augment.test.ts.
 */
import { add, mul } from "../../nn/ops/arith.js";
import { conv2d } from "../../nn/ops/conv2d.js";
import { reshape } from "../../nn/ops/reduce.js";
import { Tensor } from "../../nn/tensor.js";
import { type AugmentPipeline, amountsIfActive, type SampleDraw } from "./draws.js";
import {
  IDENTITY_4,
  type Matrix,
  multiply,
  rotateAboutGrey,
  scale3d,
  scaleAboutGrey,
  translate3d,
} from "./matrices.js";

/** The map of colours, 4x4; each transformation comes in on the left. Hue and saturation need more than one channel. */
export function colourMap(draw: SampleDraw, p: number, pipeline: AugmentPipeline, channels: number): Matrix {
  const { brightness = 0, contrast = 0, lumaflip = 0, hue = 0, saturation = 0 } = pipeline;
  const { brightnessStd = 0.2, contrastStd = 0.5, hueMax = 1, saturationStd = 1 } = pipeline;
  const hasColour = channels > 1;
  const steps: readonly (readonly [readonly number[] | null, (amount: number) => Matrix])[] = [
    [amountsIfActive(draw.brightness, brightness * p), (n) => translate3d(n * brightnessStd)],
    [amountsIfActive(draw.contrast, contrast * p), (n) => scale3d(2 ** (n * contrastStd))],
    [amountsIfActive(draw.lumaflip, lumaflip * p), (u) => scaleAboutGrey(1 - 2 * Math.floor(2 * u), 1)],
    [hasColour ? amountsIfActive(draw.hue, hue * p) : null, (u) => rotateAboutGrey((2 * u - 1) * Math.PI * hueMax)],
    [
      hasColour ? amountsIfActive(draw.saturation, saturation * p) : null,
      (n) => scaleAboutGrey(1, 2 ** (n * saturationStd)),
    ],
  ];
  let map = IDENTITY_4;
  for (const [amounts, matrix] of steps) {
    if (amounts !== null) map = multiply(matrix(amounts[0]), map);
  }
  return map;
}

/** Applies one colour map to each of images [N, C, H, W], C = 1 or 3. */
export function applyColour(images: Tensor, maps: readonly Matrix[]): Tensor {
  if (maps.every((map) => map === IDENTITY_4)) return images;
  const [n, channels, height, width] = images.shape;
  if (channels === 3) {
    // A 1x1 convolution with a group for each image.
    const weights = maps.flatMap((map) => [map.slice(0, 3), map.slice(4, 7), map.slice(8, 11)].flat());
    const offsets = maps.flatMap((map) => [map[3], map[7], map[11]]);
    const side = reshape(images, [1, n * 3, height, width]);
    const mixed = conv2d(side, Tensor.from(weights, [n * 3, 3, 1, 1]), { groups: n });
    return add(reshape(mixed, images.shape), Tensor.from(offsets, [n, 3, 1, 1]));
  }
  if (channels === 1) {
    const ofRows = (map: Matrix, columns: readonly number[]): number =>
      [0, 4, 8].reduce((sum, row) => sum + columns.reduce((total, column) => total + map[row + column], 0), 0) / 3;
    const factors = Tensor.from(
      maps.map((map) => ofRows(map, [0, 1, 2])),
      [n, 1, 1, 1],
    );
    const offsets = Tensor.from(
      maps.map((map) => ofRows(map, [3])),
      [n, 1, 1, 1],
    );
    return add(mul(images, factors), offsets);
  }
  throw new RangeError(`augment: colour transformations need 1 or 3 channels, got ${channels}`);
}
