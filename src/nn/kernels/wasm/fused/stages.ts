/**
 * A layer in stages: what the blocked kernels are to do one after the other, and on what sizes.
 *
 *   3x3, down 2   filter (H + 1), convolution of stride 2
 *   1x1, down 2   filter and every second pixel, product
 *   1x1, up 2     product, upsampling
 *   others        one convolution; a 1x1 convolution to few channels writes the planar image by itself
 */

import { type Algorithm, chooseAlgorithm } from "./algorithms.js";
import { type ConvJob, planJob } from "./job.js";
import { fitsInPlace, type MicroTile } from "./plan.js";
import { fusedSlope, type LayerShape } from "./shape.js";
import type { ConvLayer, LayerFlow, Shaped } from "./types.js";

/** The layer's filter on blocked feature maps: insert zeros (`up`), pad, filter, keep every `down`-th pixel. */
export interface FilterStage {
  readonly up: 1 | 2;
  readonly down: 1 | 2;
  readonly pad: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Taps per axis in the order in which they meet the pixels, gain included. */
  readonly tapsY: readonly number[];
  readonly tapsX: readonly number[];
}

export interface LayerStages {
  readonly before: FilterStage | null;
  /** null: the 1x1 convolution to an image. */
  readonly conv: ConvJob | null;
  readonly after: FilterStage | null;
}

/** Up to this many output channels, a 1x1 convolution to planar output reads its input once per three channels. */
const mostImageChannels = 6;
const noFilter = [0, 0, 0, 0];

export function planStages(
  layer: ConvLayer<Shaped>,
  shape: LayerShape,
  flow: LayerFlow,
  tile: MicroTile,
  workers: number,
): LayerStages {
  const { up, down, filter, clamp } = layer;
  const { n, inChannels, outChannels, kernel } = shape;
  const algorithm = algorithmOf(layer, shape);
  const [taps, wide] = [filter?.separable ?? { y: noFilter, x: noFilter }, kernel === 3];
  const before = down === 1 ? null : downFilter(shape, wide ? 1 : 2, wide ? 2 : 1, taps);
  const { height, width } = before === null ? shape : { height: before.outHeight, width: before.outWidth };
  if (isImage(layer, shape, flow)) return { before, conv: null, after: null };

  const transposed = up === 2 && wide;
  const outExtent = (extent: number) => (transposed ? 2 * extent : down === 2 && wide ? (extent - 1) >> 1 : extent);
  const [outHeight, outWidth] = [outExtent(height), outExtent(width)];
  const sizes = { algorithm, n, inChannels, outChannels, height, width, outHeight, outWidth, kernel };
  // The convolution may overwrite x when the caller allows it, and whatever stands between x and itself.
  const expendable = flow.consumeInput || flow.input === "planar" || before !== null;
  const conv = planJob({ ...sizes, inPlace: expendable && fitsInPlace(sizes) }, tile, workers, {
    stride: down === 2 && wide ? 2 : 1,
    pad: wide && down === 1 ? 1 : 0,
    slope: fusedSlope(layer)!,
    clamp: clamp ?? Infinity,
    firY: transposed ? reversed(taps.y, 2) : noFilter,
    firX: transposed ? reversed(taps.x, 2) : noFilter,
  });
  const after = up === 2 && !wide ? upFilter(outHeight, outWidth, taps) : null;
  return { before, conv, after };
}

/** The algorithm of a layer's convolution. */
export function algorithmOf({ up, down }: ConvLayer<Shaped>, shape: LayerShape): Algorithm {
  return chooseAlgorithm({ ...shape, up, down });
}

/** Few output channels and an epilogue of bias and clamp only. */
function isImage(layer: ConvLayer<Shaped>, { kernel, outChannels }: LayerShape, { output }: LayerFlow): boolean {
  const pointwise = kernel === 1 && layer.up === 1 && layer.down === 1 && output === "planar";
  return pointwise && outChannels <= mostImageChannels && layer.noise === null && fusedSlope(layer) === 1;
}

type Taps = { readonly y: readonly number[]; readonly x: readonly number[] };

function downFilter({ height, width }: LayerShape, down: 1 | 2, pad: number, taps: Taps): FilterStage {
  const outExtent = (extent: number) => Math.floor((extent + 2 * pad - 4) / down) + 1;
  const [outHeight, outWidth] = [outExtent(height), outExtent(width)];
  return { up: 1, down, pad, outHeight, outWidth, tapsY: reversed(taps.y, 1), tapsX: reversed(taps.x, 1) };
}

/** Gain 4: 2 for each axis. */
function upFilter(height: number, width: number, taps: Taps): FilterStage {
  const size = { outHeight: 2 * height, outWidth: 2 * width };
  return { up: 2, down: 1, pad: 2, ...size, tapsY: reversed(taps.y, 2), tapsX: reversed(taps.x, 2) };
}

/** Taps in the order in which a true convolution meets the pixels, times a gain. */
function reversed(taps: readonly number[], gain: number): number[] {
  return taps.map((_, k) => taps[taps.length - 1 - k] * gain);
}
