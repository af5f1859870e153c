/**
 * Reference convolution and its two adjoints. All three walk the same triples (output pixel, tap, input pixel):
 *
 *   y[n, o, p, q] pairs with x[n, i, p * stride + r - padY, q * stride + s - padX] through w[o, i, r, s]
 *
 * and differ only in which of the three is summed into. Zero padding is never touched: loop bounds leave it out, and
 * that covers negative padding (a crop) and padding wider than the kernel as well.
 */

import { adjointFilter, unfiltered } from "../filters.js";
import type { Block, Conv2dGeometry } from "../types.js";
import type { Numbers } from "./elementwise.js";
import { referenceUpfirdn2d } from "./upfirdn2d.js";

/** The half-open range of outputs p in [0, outExtent) for which p * stride + shift lies in [0, extent). */
function outputRange(shift: number, stride: number, extent: number, outExtent: number): readonly [number, number] {
  const from = Math.max(0, Math.ceil(-shift / stride));
  const to = Math.min(outExtent, Math.floor((extent - 1 - shift) / stride) + 1);
  return [from, to];
}

/** Feature maps times a number each, rounded to their precision; they themselves without scales. */
export function scaledMaps(maps: Numbers, scales?: Block): Numbers {
  if (scales === undefined) return maps;
  const inner = maps.length / scales.length;
  return maps.map((value, index) => value * scales.data[Math.floor(index / inner)]);
}

/** As many numbers of the same precision. */
const numbersLike = (numbers: Numbers, length: number): Numbers =>
  numbers instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);

/** What the convolution reads: x after its filter. */
function filteredMaps(x: Numbers, { filter, n, inChannels, height, width }: Conv2dGeometry): Numbers {
  if (!filter) return x;
  const maps = numbersLike(x, n * inChannels * height * width);
  referenceUpfirdn2d(x, maps, filter);
  return maps;
}

/** y[n, o, p, q] = sum over i, r, s of x[n, i, p * stride + r - padY, q * stride + s - padX] * w[o, i, r, s]. */
export function referenceConv2d(given: Numbers, w: Numbers, y: Numbers, geometry: Conv2dGeometry): void {
  const x = filteredMaps(given, geometry);
  const { n: batch, inChannels, outChannels, height, width, kernelHeight, kernelWidth } = geometry;
  const { stride, padY, padX, outHeight, outWidth, groups } = geometry;
  const groupIn = inChannels / groups;
  const groupOut = outChannels / groups;
  const plane = new Float64Array(outHeight * outWidth);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outChannels; o++) {
      plane.fill(0);
      const firstIn = Math.floor(o / groupOut) * groupIn;
      for (let i = 0; i < groupIn; i++) {
        const xPlane = (n * inChannels + firstIn + i) * height * width;
        for (let r = 0; r < kernelHeight; r++) {
          const [pFrom, pTo] = outputRange(r - padY, stride, height, outHeight);
          for (let s = 0; s < kernelWidth; s++) {
            const [qFrom, qTo] = outputRange(s - padX, stride, width, outWidth);
            const weight = w[((o * groupIn + i) * kernelHeight + r) * kernelWidth + s];
            for (let p = pFrom; p < pTo; p++) {
              const xRow = xPlane + (p * stride + r - padY) * width + s - padX;
              const yRow = p * outWidth;
              for (let q = qFrom; q < qTo; q++) plane[yRow + q] += weight * x[xRow + q * stride];
            }
          }
        }
      }
      y.set(plane, (n * outChannels + o) * outHeight * outWidth);
    }
  }
}

/** dx[n, i, p * stride + r - padY, q * stride + s - padX] += dy[n, o, p, q] * w[o, i, r, s], from zero. */
export function referenceConv2dInputGrad(dy: Numbers, w: Numbers, dx: Numbers, geometry: Conv2dGeometry): void {
  const { filter } = geometry;
  if (filter) {
    const maps = numbersLike(dx, filter.planes * filter.outHeight * filter.outWidth);
    referenceConv2dInputGrad(dy, w, maps, unfiltered(geometry));
    referenceUpfirdn2d(maps, dx, adjointFilter(filter));
    return;
  }
  const { n: batch, inChannels, outChannels, height, width, kernelHeight, kernelWidth } = geometry;
  const { stride, padY, padX, outHeight, outWidth, groups } = geometry;
  const groupIn = inChannels / groups;
  const groupOut = outChannels / groups;
  const plane = new Float64Array(height * width);
  for (let n = 0; n < batch; n++) {
    for (let channel = 0; channel < inChannels; channel++) {
      plane.fill(0);
      const firstOut = Math.floor(channel / groupIn) * groupOut;
      const i = channel % groupIn;
      for (let o = firstOut; o < firstOut + groupOut; o++) {
        const yPlane = (n * outChannels + o) * outHeight * outWidth;
        for (let r = 0; r < kernelHeight; r++) {
          const [pFrom, pTo] = outputRange(r - padY, stride, height, outHeight);
          for (let s = 0; s < kernelWidth; s++) {
            const [qFrom, qTo] = outputRange(s - padX, stride, width, outWidth);
            const weight = w[((o * groupIn + i) * kernelHeight + r) * kernelWidth + s];
            for (let p = pFrom; p < pTo; p++) {
              const xRow = (p * stride + r - padY) * width + s - padX;
              const yRow = yPlane + p * outWidth;
              for (let q = qFrom; q < qTo; q++) plane[xRow + q * stride] += weight * dy[yRow + q];
            }
          }
        }
      }
      dx.set(plane, (n * inChannels + channel) * height * width);
    }
  }
}

/** dw[o, i, r, s] = sum over n, p, q of x[n, i, p * stride + r - padY, q * stride + s - padX] * dy[n, o, p, q]. */
export function referenceConv2dWeightGrad(given: Numbers, dy: Numbers, dw: Numbers, geometry: Conv2dGeometry): void {
  const x = filteredMaps(given, geometry);
  const { n: batch, inChannels, outChannels, height, width, kernelHeight, kernelWidth } = geometry;
  const { stride, padY, padX, outHeight, outWidth, groups } = geometry;
  const groupIn = inChannels / groups;
  const groupOut = outChannels / groups;
  for (let o = 0; o < outChannels; o++) {
    const firstIn = Math.floor(o / groupOut) * groupIn;
    for (let i = 0; i < groupIn; i++) {
      for (let r = 0; r < kernelHeight; r++) {
        const [pFrom, pTo] = outputRange(r - padY, stride, height, outHeight);
        for (let s = 0; s < kernelWidth; s++) {
          const [qFrom, qTo] = outputRange(s - padX, stride, width, outWidth);
          let sum = 0;
          for (let n = 0; n < batch; n++) {
            const xPlane = (n * inChannels + firstIn + i) * height * width;
            const yPlane = (n * outChannels + o) * outHeight * outWidth;
            for (let p = pFrom; p < pTo; p++) {
              const xRow = xPlane + (p * stride + r - padY) * width + s - padX;
              const yRow = yPlane + p * outWidth;
              for (let q = qFrom; q < qTo; q++) sum += x[xRow + q * stride] * dy[yRow + q];
            }
          }
          dw[((o * groupIn + i) * kernelHeight + r) * kernelWidth + s] = sum;
        }
      }
    }
  }
}
