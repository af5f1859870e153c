/** What all sides know of filters at the same rate: their adjoint, and of which ones convolutions take care themselves. */
import type { Conv2dGeometry, Filter2d, Upfirdn2dGeometry } from "./types.js";

/**
 * The adjoint of upfirdn2d: up and down exchanged, f flipped. Per axis, with k taps, p0' = k - p0 - 1 and
 * p1' = in up - out down + p0 - up + 1 (src/nn/ops/upfirdn2d.ts).
 */
export function adjointFilter(g: Upfirdn2dGeometry): Upfirdn2dGeometry {
  const { tapsX, tapsY } = g.filter;
  return {
    planes: g.planes,
    height: g.outHeight,
    width: g.outWidth,
    upX: g.downX,
    upY: g.downY,
    downX: g.upX,
    downY: g.upY,
    padX0: tapsX - g.padX0 - 1,
    padX1: g.width * g.upX - g.outWidth * g.downX + g.padX0 - g.upX + 1,
    padY0: tapsY - g.padY0 - 1,
    padY1: g.height * g.upY - g.outHeight * g.downY + g.padY0 - g.upY + 1,
    filter: g.filter,
    flipFilter: !g.flipFilter,
    gain: g.gain,
    outHeight: g.height,
    outWidth: g.width,
  };
}

/** Whether a filter has four taps along each axis, one after the other: that of all official networks. */
export function hasFourTaps({ separable }: Filter2d): boolean {
  return separable !== null && separable.y.length === 4 && separable.x.length === 4;
}

/** The convolution without the filter that x goes through first. */
export function unfiltered(geometry: Conv2dGeometry): Conv2dGeometry {
  return { ...geometry, filter: null };
}
