/**
 * Strips: a few rows of eight channels of a planar image [channels, height, width], pixel by pixel, [rows, columns, 8], with
 * zeros where the image or its channels end. The transforms of the gradient kernels read and write strips, so that they need no
 * shuffles and no conditions at borders. A strip stays in the cache; the copies cost a tenth of a transform.
 */

import { transpose4 } from "../vector";

/**
 * strip[r, c] = the pixel (y0 + r, x0 + c) of `lanes` (1 to 8) channels from `planes` on, zeros outside the image and in the
 * other lanes. Reads only existing pixels; y0 and x0 may be negative.
 */
export function loadStrip(
  planes: usize, height: i32, width: i32, lanes: i32, y0: i32, rows: i32, x0: i32, columns: i32, strip: usize,
): void {
  const planeBytes = <usize>height * <usize>width * 4, rowBytes = <usize>columns * 32;
  const begin = min(columns, max(0, -x0)), end = max(begin, min(columns, width - x0));
  const vectorsEnd = lanes == 8 ? begin + ((end - begin) & ~3) : begin;
  for (let r = 0; r < rows; r++) {
    const y = y0 + r;
    if (y < 0 || y >= height) {
      memory.fill(strip, 0, rowBytes);
      strip += rowBytes;
      continue;
    }
    if (begin > 0) memory.fill(strip, 0, <usize>begin * 32);
    let from = planes + (<usize>(y * width + x0 + begin) << 2), to = strip + <usize>begin * 32;
    for (let c = begin; c < vectorsEnd; c += 4) {
      transpose4(from, planeBytes, to, 32);
      transpose4(from + 4 * planeBytes, planeBytes, to + 16, 32);
      from += 16;
      to += 128;
    }
    for (let c = vectorsEnd; c < end; c++) {
      if (lanes < 8) {
        v128.store(to, f32x4.splat(0));
        v128.store(to, f32x4.splat(0), 16);
      }
      let plane = from;
      for (let lane = to; lane < to + (<usize>lanes << 2); lane += 4) {
        store<f32>(lane, load<f32>(plane));
        plane += planeBytes;
      }
      from += 4;
      to += 32;
    }
    if (end < columns) memory.fill(to, 0, <usize>(columns - end) * 32);
    strip += rowBytes;
  }
}

/** Multiplies `pixels` pixels of a strip by the numbers of their channels: `lanes` float32 (1 to 8) from `scales` on. */
export function scaleStrip(strip: usize, pixels: i32, scales: usize, lanes: i32): void {
  const end = strip + <usize>pixels * 32;
  if (lanes == 8) {
    const low = v128.load(scales), upper = v128.load(scales, 16);
    for (; strip < end; strip += 32) {
      const a = f32x4.mul(v128.load(strip), low), b = f32x4.mul(v128.load(strip, 16), upper);
      v128.store(strip, b, 16);
      v128.store(strip, a);
    }
    return;
  }
  for (; strip < end; strip += 32) {
    for (let lane: usize = 0; lane < <usize>lanes << 2; lane += 4) {
      store<f32>(strip + lane, load<f32>(strip + lane) * load<f32>(scales + lane));
    }
  }
}

/** The way back: writes the pixels of the strip that lie inside the image, and nothing else. */
export function storeStrip(
  planes: usize, height: i32, width: i32, lanes: i32, y0: i32, rows: i32, x0: i32, columns: i32, strip: usize,
): void {
  const planeBytes = <usize>height * <usize>width * 4, rowBytes = <usize>columns * 32;
  const begin = min(columns, max(0, -x0)), end = max(begin, min(columns, width - x0));
  const vectorsEnd = lanes == 8 ? begin + ((end - begin) & ~3) : begin;
  for (let r = max(0, -y0); r < min(rows, height - y0); r++) {
    let from = strip + <usize>r * rowBytes + <usize>begin * 32;
    let to = planes + (<usize>((y0 + r) * width + x0 + begin) << 2);
    for (let c = begin; c < vectorsEnd; c += 4) {
      transpose4(from, 32, to, planeBytes);
      transpose4(from + 16, 32, to + 4 * planeBytes, planeBytes);
      from += 128;
      to += 16;
    }
    for (let c = vectorsEnd; c < end; c++) {
      let plane = to;
      for (let lane = from; lane < from + (<usize>lanes << 2); lane += 4) {
        store<f32>(plane, load<f32>(lane));
        plane += planeBytes;
      }
      from += 32;
      to += 4;
    }
  }
}
