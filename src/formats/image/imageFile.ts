/** Image files of data sets, PNG or JPEG, told apart by their bytes; and what is done to pixels before training. */
import { decode } from "jpeg-js";
import { viewOf } from "../byteSource.js";
import { FileError } from "../fileError.js";
import { decodePixels, type PixelImage } from "./png.js";

export interface ImageHeader {
  readonly width: number;
  readonly height: number;
  /** Grey images have one channel, or two with alpha. */
  readonly isGrey: boolean;
}

const MAX_JPEG_MEGAPIXELS = 256;
const MAX_JPEG_MEBIBYTES = 4096;

const isPng = (bytes: Uint8Array): boolean => bytes[0] === 0x89 && bytes[1] === 0x50;
const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8;

/** Names that a data set takes for images. */
export function isImageName(name: string): boolean {
  return /\.(png|jpe?g)$/i.test(name);
}

/**
 * All pixels of a PNG or JPEG.
 *
 * @throws FileError when the bytes are neither, or are damaged
 */
export function decodeImage(bytes: Uint8Array): PixelImage {
  if (!isJpeg(bytes)) return decodePixels(bytes);
  const { isGrey } = imageHeader(bytes);
  try {
    const { width, height, data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MAX_JPEG_MEGAPIXELS,
      maxMemoryUsageInMB: MAX_JPEG_MEBIBYTES,
    });
    if (!isGrey) return { width, height, channels: 3, data };
    return { width, height, channels: 1, data: data.filter((_, index) => index % 3 === 0) };
  } catch (error) {
    throw new FileError(`JPEG: damaged or unsupported image (${(error as Error).message})`);
  }
}

/** Size and colour from the first bytes of a file, without decoding it. */
export function imageHeader(bytes: Uint8Array): ImageHeader {
  const view = viewOf(bytes);
  if (isPng(bytes) && bytes.length >= 33) {
    const colourType = bytes[25];
    return {
      width: view.getUint32(16),
      height: view.getUint32(20),
      isGrey: colourType === 0 || colourType === 4,
    };
  }
  if (!isJpeg(bytes)) throw new FileError("image: expected a PNG or a JPEG, found other contents", 0);
  // Segments: a marker, then a length that counts itself. The frame header is any of C0 to CF but C4, C8, CC.
  for (let at = 2; at + 10 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw new FileError("JPEG: expected a marker", at);
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), isGrey: bytes[at + 9] === 1 };
    }
    at += 2 + view.getUint16(at + 2);
  }
  throw new FileError("JPEG: no frame header; is the file truncated?", bytes.length);
}

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
