/**
 * Reference upfirdn2d: insert zeros, pad or crop, filter, decimate (the contract is in ../types.ts). Nothing is really
 * inserted or padded: output q meets tap j where q * down + j - pad0 is a multiple of `up` inside the upsampled
 * signal, and those q are an arithmetic progression, one per tap.
 */

import type { Upfirdn2dGeometry } from "../types.js";
import type { Numbers } from "./elementwise.js";

/** The outputs that one tap reaches along one axis: q = first + t * qStep reads x at index + t * xStep, t < count. */
export interface TapReach {
  readonly first: number;
  readonly qStep: number;
  readonly index: number;
  readonly xStep: number;
  readonly count: number;
}

export function referenceUpfirdn2d(x: Numbers, y: Numbers, geometry: Upfirdn2dGeometry): void {
  const { planes, height, width, outHeight, outWidth, filter, flipFilter, gain } = geometry;
  const { tapsY, tapsX, taps } = filter;
  const { upY, upX, downY, downX, padY0, padX0 } = geometry;
  // A convolution meets the taps in reverse order, a correlation as they stand.
  const correlation = (flipFilter ? [...taps] : [...taps].reverse()).map((tap) => tap * gain);
  const reachY = Array.from({ length: tapsY }, (_, j) => tapReach(j - padY0, upY, downY, height, outHeight));
  const reachX = Array.from({ length: tapsX }, (_, j) => tapReach(j - padX0, upX, downX, width, outWidth));
  const plane = new Float64Array(outHeight * outWidth);
  for (let item = 0; item < planes; item++) {
    plane.fill(0);
    for (let jy = 0; jy < tapsY; jy++) {
      const rows = reachY[jy];
      for (let jx = 0; jx < tapsX; jx++) {
        const tap = correlation[jy * tapsX + jx];
        const { first, qStep, index, xStep, count } = reachX[jx];
        for (let t = 0; t < rows.count; t++) {
          const xRow = (item * height + rows.index + t * rows.xStep) * width + index;
          const yRow = (rows.first + t * rows.qStep) * outWidth + first;
          for (let u = 0; u < count; u++) plane[yRow + u * qStep] += tap * x[xRow + u * xStep];
        }
      }
    }
    y.set(plane, item * outHeight * outWidth);
  }
}

/** Solves q * down + shift = up * index with 0 <= q < outExtent and 0 <= index < extent. */
export function tapReach(shift: number, up: number, down: number, extent: number, outExtent: number): TapReach {
  const divisor = greatestCommonDivisor(up, down);
  const qStep = up / divisor;
  const xStep = down / divisor;
  let first = Math.max(0, Math.ceil(-shift / down));
  for (let tries = 0; tries < qStep && (first * down + shift) % up !== 0; tries++) first++;
  const index = (first * down + shift) / up;
  if (!Number.isInteger(index)) return { first: 0, qStep, index: 0, xStep, count: 0 };
  const inOutput = Math.ceil((outExtent - first) / qStep);
  const inInput = Math.ceil((extent - index) / xStep);
  return { first, qStep, index, xStep, count: Math.max(0, Math.min(inOutput, inInput)) };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
