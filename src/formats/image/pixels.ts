/** What is done to pixels before training: channels, crops, orientation, Lanczos resampling. */
import type { PixelImage } from "./pngEncoding.js";

/** Grey (1 channel) or RGB (3): alpha is blended onto white, grey repeated, RGB averaged as ITU-R BT.601 weighs it. */
export function withChannels(image: PixelImage, channels: 1 | 3): PixelImage {
  const { width, height, data } = image;
  if (image.channels === channels) return image;
  const hasAlpha = image.channels === 2 || image.channels === 4;
  const colours = hasAlpha ? image.channels - 1 : image.channels;
  const out = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * image.channels;
    const alpha = hasAlpha ? data[from + colours] / 255 : 1;
    const colour = (channel: number): number => data[from + (colours === 1 ? 0 : channel)] * alpha + 255 * (1 - alpha);
    if (channels === 1) out[pixel] = Math.round(0.299 * colour(0) + 0.587 * colour(1) + 0.114 * colour(2));
    else for (let channel = 0; channel < 3; channel++) out[pixel * 3 + channel] = Math.round(colour(channel));
  }
  return { width, height, channels, data: out };
}

/** The largest square in the middle. */
export function cropCentre(image: PixelImage): PixelImage {
  const { width, height, channels, data } = image;
  const side = Math.min(width, height);
  if (width === height) return image;
  const [left, top] = [(width - side) >> 1, (height - side) >> 1];
  const out = new Uint8Array(side * side * channels);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * width + left) * channels;
    out.set(data.subarray(from, from + side * channels), y * side * channels);
  }
  return { width: side, height: side, channels, data: out };
}

/** What each pixel of the result is made of: the first source pixel, and the weights from there on. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * Lanczos resampling with 3 lobes; the window widens with the reduction, so that every source pixel counts. Other
 * sizes than the present one only.
 */
export function resize(image: PixelImage, width: number, height: number): PixelImage {
  const { channels } = image;
  if (image.width === width && image.height === height) return image;
  const columns = lanczosTaps(image.width, width);
  const rows = lanczosTaps(image.height, height);
  const wide = new Float32Array(image.height * width * channels);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x];
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          sum += weights[k] * image.data[(y * image.width + first + k) * channels + channel];
        }
        wide[(y * width + x) * channels + channel] = sum;
      }
    }
  }
  const out = new Uint8ClampedArray(height * width * channels); // rounds and clamps
  const rowLength = width * channels;
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y];
    for (let at = 0; at < rowLength; at++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * wide[(first + k) * rowLength + at];
      out[y * rowLength + at] = sum;
    }
  }
  return { width, height, channels, data: new Uint8Array(out.buffer) };
}

function lanczosTaps(from: number, to: number): readonly Taps[] {
  const scale = Math.max(from / to, 1);
  const radius = 3 * scale;
  const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  return Array.from({ length: to }, (_, index) => {
    const centre = ((index + 0.5) * from) / to - 0.5;
    const first = Math.max(Math.ceil(centre - radius), 0);
    const last = Math.min(Math.floor(centre + radius), from - 1);
    const weights = Array.from({ length: last - first + 1 }, (_, k) => {
      const x = (first + k - centre) / scale;
      return Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/**
 * The image as people see it, from how it is stored: EXIF's orientations 1 to 8 (CIPA DC-008, tag 0x0112). From 5 on rows
 * are columns, so width and height change places.
 */
export function upright(image: PixelImage, orientation: number): PixelImage {
  if (orientation <= 1 || orientation > 8) return image;
  const { width, height, channels, data } = image;
  const isTransposed = orientation >= 5;
  const [outWidth, outHeight] = isTransposed ? [height, width] : [width, height];
  const flipsX = [2, 3, 7, 8].includes(orientation);
  const flipsY = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const [column, row] = isTransposed ? [y, x] : [x, y];
      const fromX = flipsX ? width - 1 - column : column;
      const fromY = flipsY ? height - 1 - row : row;
      const from = (fromY * width + fromX) * channels;
      const to = (y * outWidth + x) * channels;
      for (let channel = 0; channel < channels; channel++) out[to + channel] = data[from + channel];
    }
  }
  return { width: outWidth, height: outHeight, channels, data: out };
}
