/** JPEG: what its segments say, and its pixels by jpeg-js, with the colour transform that the file asks for. */
import { decode } from "jpeg-js";
import { viewOf } from "../byteSource.js";
import { FileError } from "../fileError.js";
import { orientationOf } from "./exif.js";
import { checkSamples } from "./limits.js";
import type { PixelImage } from "./pngEncoding.js";

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly isGrey: boolean;
  /** EXIF's, 1 to 8. */
  readonly orientation: number;
  /** Blocks of 8x8 coefficients, padding of subsampled components included. */
  readonly blocks: number;
  /** Whether three components are RGB as they are: Adobe's transform 0, or components called R, G, B. */
  readonly isRgb: boolean;
}

const MEGABYTE = 2 ** 20;
/** What jpeg-js keeps of a block: 64 numbers of 32 bits, and the array that holds them. */
const BYTES_PER_BLOCK = 512;

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8;

/** The segments before the pixels, without decoding. */
export function jpegHeader(bytes: Uint8Array): JpegHeader {
  const view = viewOf(bytes);
  let orientation = 1;
  let transform: number | null = null;
  let frame: Omit<JpegHeader, "orientation" | "isRgb"> | null = null;
  let ids = "";
  let hasJfif = false;
  // A marker, then a length that counts itself. The frame header is any of C0 to CF but C4, C8, CC; scans begin at DA.
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw new FileError("JPEG: expected a marker", at);
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda) break;
    const length = view.getUint16(at + 2);
    const segment = bytes.subarray(at + 4, at + 2 + length);
    const text = (from: number, to: number): string => String.fromCharCode(...segment.subarray(from, to));
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      if (segment.length < 6 + 3 * (segment[5] ?? 0)) throw new FileError("JPEG: a cut-off frame header", at);
      frame = frameOf(segment);
      ids = String.fromCharCode(...Array.from({ length: segment[5] }, (_, k) => segment[6 + 3 * k]));
    } else if (marker === 0xe0 && text(0, 4) === "JFIF") hasJfif = true;
    else if (marker === 0xe1 && text(0, 4) === "Exif") orientation = orientationOf(segment.subarray(6));
    else if (marker === 0xee && text(0, 5) === "Adobe") transform = segment[11] ?? null;
    at += 2 + length;
  }
  if (frame === null) throw new FileError("JPEG: no frame header; is the file truncated?", bytes.length);
  const isRgb = transform === null ? ids === "RGB" && !hasJfif : transform === 0;
  return { ...frame, orientation, isRgb };
}

function frameOf(segment: Uint8Array) {
  const [height, width] = [viewOf(segment).getUint16(1), viewOf(segment).getUint16(3)];
  const sampling = Array.from({ length: segment[5] }, (_, k) => segment[7 + 3 * k]);
  const [maxH, maxV] = [Math.max(...sampling.map((s) => s >> 4)), Math.max(...sampling.map((s) => s & 15))];
  const units = Math.ceil(width / (8 * maxH)) * Math.ceil(height / (8 * maxV));
  const blocks = units * sampling.reduce((sum, s) => sum + (s >> 4) * (s & 15), 0);
  if (!(blocks > 0)) throw new FileError(`JPEG: impossible size of ${width}x${height} pixels`);
  return { width, height, isGrey: sampling.length === 1, blocks };
}

/** @throws FileError when it is damaged, of a kind that is not read, or larger than limits.ts allows */
export function decodeJpeg(bytes: Uint8Array): PixelImage {
  const header = jpegHeader(bytes);
  const { width, height, isGrey, blocks, isRgb } = header;
  checkSamples("JPEG", width, height, blocks * 64);
  // Every block takes at least one bit, whichever the coding, so fewer bytes cannot hold the picture.
  if (blocks > 8 * bytes.length) {
    throw new FileError(`JPEG: ${bytes.length} bytes cannot hold ${width}x${height} pixels; is the file truncated?`);
  }
  try {
    const { data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      ...(isRgb ? { colorTransform: false } : {}),
      maxResolutionInMP: Number.POSITIVE_INFINITY,
      maxMemoryUsageInMB: (blocks * BYTES_PER_BLOCK + width * height * 8) / MEGABYTE + 64,
    });
    if (!isGrey) return { width, height, channels: 3, data };
    const grey = new Uint8Array(width * height);
    for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = data[pixel * 3];
    return { width, height, channels: 1, data: grey };
  } catch (error) {
    throw new FileError(`JPEG: damaged or unsupported image (${(error as Error).message})`);
  }
}
