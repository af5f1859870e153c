/** Numbers as colours. */
import type { Picture } from "./protocol.js";
import type { FloatImage } from "./render.js";

/** The mean over equal boxes: [channels, height, width] at no more than `side` pixels a side. */
export function shrink({ data, shape }: FloatImage, side: number): FloatImage {
  const [channels, height, width] = shape.slice(-3);
  const factor = Math.max(1, Math.ceil(Math.max(width, height) / side));
  if (factor === 1) return { data, shape: [channels, height, width] };
  const [h, w] = [Math.floor(height / factor), Math.floor(width / factor)];
  const small = new Float32Array(channels * h * w);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < h * factor; y++) {
      const row = (c * height + y) * width;
      const to = (c * h + Math.floor(y / factor)) * w;
      for (let x = 0; x < w * factor; x++) small[to + Math.floor(x / factor)] += data[row + x];
    }
  }
  const share = 1 / (factor * factor);
  for (let k = 0; k < small.length; k++) small[k] *= share;
  return { data: small, shape: [channels, h, w] };
}

/** From -1 (blue) over 0 (nearly white) to 1 (red), into four bytes of `rgba`. */
export function diverging(rgba: Uint8ClampedArray, at: number, value: number): void {
  const t = Math.min(1, Math.abs(value));
  const [r, g, b] = value < 0 ? [33, 102, 172] : [178, 50, 40];
  rgba[at] = 247 + t * (r - 247);
  rgba[at + 1] = 245 + t * (g - 245);
  rgba[at + 2] = 242 + t * (b - 242);
  rgba[at + 3] = 255;
}

/** One map in diverging colours, scaled by its largest size. */
export function mapPicture(values: ArrayLike<number>, width: number, height: number, largest: number): Picture {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let k = 0; k < width * height; k++) diverging(data, 4 * k, largest > 0 ? values[k] / largest : 0);
  return { width, height, data };
}

/** One map from black (0) to white (its largest). */
export function greyPicture(values: ArrayLike<number>, width: number, height: number): Picture {
  let largest = 1e-12;
  for (let k = 0; k < values.length; k++) largest = Math.max(largest, values[k]);
  const data = new Uint8ClampedArray(4 * width * height);
  for (let k = 0; k < width * height; k++) {
    data.fill((255 * values[k]) / largest, 4 * k, 4 * k + 3);
    data[4 * k + 3] = 255;
  }
  return { width, height, data };
}

/** Maps [count, height, width] on one sheet, each scaled by its own largest size, with a gap of one clear pixel. */
export function sheetPicture({ data, shape }: FloatImage, columns: number): Picture {
  const [count, height, width] = shape.slice(-3);
  const rows = Math.ceil(count / columns);
  const sheetWidth = columns * (width + 1) - 1;
  const sheetHeight = rows * (height + 1) - 1;
  const pixels = new Uint8ClampedArray(4 * sheetWidth * sheetHeight);
  for (let map = 0; map < count; map++) {
    const from = map * width * height;
    const largest = largestOf(data, from, width * height) || 1;
    const left = (map % columns) * (width + 1);
    const top = Math.floor(map / columns) * (height + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        diverging(pixels, 4 * ((top + y) * sheetWidth + left + x), data[from + y * width + x] / largest);
      }
    }
  }
  return { width: sheetWidth, height: sheetHeight, data: pixels };
}

export function largestOf(data: ArrayLike<number>, from: number, count: number): number {
  let largest = 0;
  for (let k = from; k < from + count; k++) largest = Math.max(largest, Math.abs(data[k]));
  return largest;
}
