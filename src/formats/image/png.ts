/** PNG images of 8 bits a channel, as rows of interleaved pixels. */
import { convertIndexedToRgb, decode, encode } from "fast-png";
import { viewOf } from "../byteSource.js";
import { FileError } from "../fileError.js";

export interface PixelImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  /** Row by row from the top, width * height * channels bytes. */
  readonly data: Uint8Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const MAX_PIXELS = 1 << 28;

export function encodePixels(image: PixelImage): Uint8Array {
  const { width, height, channels, data } = image;
  if (data.length !== width * height * channels) {
    throw new RangeError(
      `PNG: ${width}x${height}x${channels} needs ${width * height * channels} bytes, got ${data.length}`,
    );
  }
  return encode({ width, height, channels, data, depth: 8 });
}

/** Palettes become RGB; of 16-bit channels the upper byte is kept. */
export function decodePixels(bytes: Uint8Array): PixelImage {
  if (bytes.length < 33 || !SIGNATURE.every((byte, i) => bytes[i] === byte)) {
    throw new FileError("PNG: expected a PNG image, found other contents", 0);
  }
  const view = viewOf(bytes);
  const pixels = view.getUint32(16) * view.getUint32(20);
  if (pixels === 0 || pixels > MAX_PIXELS) throw new FileError(`PNG: impossible size of ${pixels} pixels`, 16);
  try {
    const image = decode(bytes);
    const { width, height } = image;
    if (image.palette) {
      const data = Uint8Array.from(convertIndexedToRgb(image));
      return { width, height, channels: (data.length / (width * height)) as PixelImage["channels"], data };
    }
    const shift = image.depth - 8;
    const scale = image.depth < 8 ? 255 / (2 ** image.depth - 1) : 1;
    const samples = image.depth < 8 ? unpackBits(image.data, width * image.channels, height, image.depth) : image.data;
    const data = Uint8Array.from(samples, (sample) => (shift > 0 ? sample >> shift : sample * scale));
    return { width, height, channels: image.channels as PixelImage["channels"], data };
  } catch (error) {
    throw new FileError(`PNG: damaged image (${(error as Error).message})`);
  }
}

/** Samples of 1, 2 or 4 bits, packed from the high end of each byte; rows begin on a byte. */
function unpackBits(packed: ArrayLike<number>, samplesPerRow: number, rows: number, depth: number): Uint8Array {
  const out = new Uint8Array(samplesPerRow * rows);
  const bytesPerRow = Math.ceil((samplesPerRow * depth) / 8);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < samplesPerRow; i++) {
      const bit = i * depth;
      const byte = packed[row * bytesPerRow + (bit >> 3)];
      out[row * samplesPerRow + i] = (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
    }
  }
  return out;
}
