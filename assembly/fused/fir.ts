/**
 * Separable resampling of blocked feature maps: insert zeros (`up`), pad, filter, keep every `down`-th pixel; per axis
 *
 *   y[q] = sum over k of f[k] * xPadded[q * down + k],   xPadded[j] = x[(j - pad) / up] where that is a pixel, else 0
 *
 * f is in the order in which it meets the pixels, gain included. x [blocks of all images, height, width, 8], y likewise with
 * (outHeight, outWidth); apart. One chunk is one block of one image. Scratch: one row of the input, 32 bytes a pixel.
 */
import { madd, splatAt } from "../vector";

@unmanaged
class FirArguments {
  x: usize;
  y: usize;
  scratch: usize;
  scratchStride: usize;
  height: i32;
  width: i32;
  outHeight: i32;
  outWidth: i32;
  up: i32;
  down: i32;
  padY: i32;
  padX: i32;
  tapsY: i32;
  tapsX: i32;
  /** tapsY, then tapsX numbers. */
  filter: usize;
}

export function blockedFir(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<FirArguments>(args);
  const row = <usize>g.width * 32;
  const x = g.x + <usize>chunk * <usize>g.height * row, filterX = g.filter + <usize>g.tapsY * 4;
  const scratch = g.scratch + <usize>worker * g.scratchStride;
  let y = g.y + <usize>chunk * <usize>(g.outHeight * g.outWidth) * 32;
  for (let p = 0; p < g.outHeight; p++) {
    filterColumns(g, x, p * g.down - g.padY, scratch);
    for (let q = 0; q < g.outWidth; q++) {
      const start = q * g.down - g.padX;
      let low = f32x4.splat(0), high = f32x4.splat(0);
      for (let k = firstTap(start, g.up); k < g.tapsX; k += g.up) {
        const column = (start + k) / g.up;
        if (column >= g.width) break;
        const tap = splatAt(filterX + <usize>k * 4), from = scratch + <usize>column * 32;
        low = madd(v128.load(from), tap, low);
        high = madd(v128.load(from, 16), tap, high);
      }
      v128.store(y, low);
      v128.store(y, high, 16);
      y += 32;
    }
  }
}

/** The first k >= 0 for which start + k is a multiple of `up` and not negative. */
// @ts-ignore: decorator
@inline
function firstTap(start: i32, up: i32): i32 {
  if (start < 0) return -start;
  return (up - start % up) % up;
}

/** to [width, 8] = sum over k of filterY[k] * (row (start + k) / up of x). */
function filterColumns(g: FirArguments, x: usize, start: i32, to: usize): void {
  const row = <usize>g.width * 32;
  memory.fill(to, 0, row);
  for (let k = firstTap(start, g.up); k < g.tapsY; k += g.up) {
    const line = (start + k) / g.up;
    if (line >= g.height) break;
    const tap = splatAt(g.filter + <usize>k * 4), from = x + <usize>line * row;
    for (let c: usize = 0; c < row; c += 16) {
      v128.store(to + c, madd(v128.load(from + c), tap, v128.load(to + c)));
    }
  }
}
