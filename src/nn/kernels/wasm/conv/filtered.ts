/**
 * Filters that convolutions by transform points take care of (assembly/conv/filter.ts): those of StyleGAN2 before a convolution with
 * stride 2, and after its adjoint.
 */
import { adjointFilter, hasFourTaps } from "../../filters.js";
import type { Conv2dGeometry, Upfirdn2dGeometry } from "../../types.js";
import type { FrameTail } from "../engine.js";
import { REACH } from "../frames/conv.js";
import { tapsInOrder } from "../upfirdn2d.js";

/**
 * Whether strips can be filtered on the way: four taps, and windows that end where the filtered map does, for beyond it there are zeros, and
 * not what the filter makes of the border.
 */
export function filtersStrips({
  filter,
  stride,
  padY,
  padX,
  height,
  width,
  outHeight,
  outWidth,
}: Conv2dGeometry): boolean {
  if (!filter) return true;
  const { upX, upY, downX, downY, padX0, padX1, padY0, padY1 } = filter;
  const isSameRate = [upX, upY, downX, downY].every((rate) => rate === 1);
  const reaches = [padX0, padX1, padY0, padY1].every((pad) => pad >= 0 && pad <= REACH);
  const ends = height === 8 * Math.ceil(outHeight / 4) + 1 && width === 8 * Math.ceil(outWidth / 4) + 1;
  return stride === 2 && padY === 0 && padX === 0 && ends && isSameRate && reaches && hasFourTaps(filter.filter);
}

/** What a kernel is told of the filter that it reads maps through, or of its adjoint: paddings, and the end of its frame. */
export interface StripFilter {
  readonly padY: number;
  readonly padX: number;
  readonly tail: FrameTail;
}

export function stripFilter(filter: Upfirdn2dGeometry): StripFilter {
  const [tapsY, tapsX] = tapsInOrder(filter.filter.separable!, filter);
  return { padY: filter.padY0, padX: filter.padX0, tail: { reals: [...tapsY, ...tapsX] } };
}

export const adjointStripFilter = (filter: Upfirdn2dGeometry): StripFilter => stripFilter(adjointFilter(filter));
