/** Reading of PNG images, as rows of interleaved pixels of 8 bits a channel. */
import { convertIndexedToRgb, decode } from "fast-png";
import { Unzlib } from "fflate";
import { viewOf } from "../byteSource.js";
import { concatBytes, crc32, MAX_DEFLATE_RATIO } from "../bytes.js";
import { FileError } from "../fileError.js";
import { orientationOf } from "./exif.js";
import { checkSamples } from "./limits.js";
import { type PixelImage, SIGNATURE } from "./pngEncoding.js";

/**
 * Palettes become RGB; of 16-bit channels the upper byte is kept.
 *
 * @throws FileError when it is no PNG, a checksum of a chunk or of the pixels does not match, or limits.ts forbids its size
 */
export function decodePixels(bytes: Uint8Array): PixelImage {
  const chunks = [...chunkHeads(bytes)];
  const header = headerOf(chunks);
  checkChecksums(chunks);
  checkPixels(chunks, header);
  try {
    const image = decode(essential(chunks));
    const { width, height } = image;
    if (image.palette) {
      const indexed = convertIndexedToRgb(image);
      const channels = (indexed.length / (width * height)) as PixelImage["channels"];
      return { width, height, channels, data: new Uint8Array(indexed) };
    }
    const channels = image.channels as PixelImage["channels"];
    return { width, height, channels, data: toBytes(image.data, header.depth, width * channels, height) };
  } catch (error) {
    throw new FileError(`PNG: damaged image (${(error as Error).message})`);
  }
}

/** EXIF's orientation, 1 to 8: of an eXIf chunk before the pixels, where there is one. */
export function pngOrientation(bytes: Uint8Array): number {
  for (const { type, data } of chunkHeads(bytes)) {
    if (type === "eXIf") return orientationOf(data);
    if (type === "IDAT") break;
  }
  return 1;
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Length, type, data and checksum. */
  readonly whole: Uint8Array;
}

/** The chunks in order (PNG, third edition, section 5), up to IEND or to where the file is cut off. */
function* chunkHeads(bytes: Uint8Array): Generator<Chunk> {
  if (bytes.length < 33 || !SIGNATURE.every((byte, i) => bytes[i] === byte)) {
    throw new FileError("PNG: expected a PNG image, found other contents", 0);
  }
  const view = viewOf(bytes);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (end > bytes.length)
      throw new FileError(`PNG: chunk ${JSON.stringify(type)} is cut off; the file is damaged`, at);
    yield { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) };
    if (type === "IEND") return;
    at = end;
  }
  throw new FileError("PNG: the file ends before its end chunk; it is damaged", bytes.length);
}

function checkChecksums(chunks: readonly Chunk[]): void {
  for (const { type, whole } of chunks) {
    if (crc32(whole.subarray(4, -4)) !== viewOf(whole).getUint32(whole.length - 4)) {
      throw new FileError(`PNG: the checksum of chunk ${JSON.stringify(type)} does not match; the file is damaged`);
    }
  }
}

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Bytes that the pixels take once unpacked, at most. */
  readonly unpackedBytes: number;
}

/** The header, the first chunk and the only one of its kind; its size is one that the file can hold. */
function headerOf(chunks: readonly Chunk[]): PngHeader {
  const headers = chunks.filter(({ type }) => type === "IHDR");
  if (headers.length !== 1 || chunks[0] !== headers[0] || headers[0].data.length !== 13) {
    throw new FileError("PNG: expected one header, at the start of the file", 8);
  }
  const { data } = chunks[0];
  const [width, height] = [viewOf(data).getUint32(0), viewOf(data).getUint32(4)];
  const [depth, colourType] = [data[8], data[9]];
  const channels = CHANNELS[colourType];
  if (channels === undefined) throw new FileError(`PNG: unknown colour type ${colourType}`, 25);
  // A byte of the filter before each row. Interlaced images have up to seven rows for one, each a part of it.
  const filters = data[12] === 1 ? 8 * (height + width) : height;
  const unpackedBytes = height * Math.ceil((width * channels * depth) / 8) + filters;
  const packed = pixelData(chunks).reduce((sum, part) => sum + part.length, 0);
  if (width === 0 || height === 0 || unpackedBytes > MAX_DEFLATE_RATIO * (packed + 16) + 8 * (width + height)) {
    throw new FileError(`PNG: impossible size of ${width}x${height} pixels in ${packed} bytes`, 16);
  }
  checkSamples("PNG", width, height, width * height * (colourType === 3 ? 3 : channels * Math.ceil(depth / 8)));
  return { width, height, depth, unpackedBytes };
}

const pixelData = (chunks: readonly Chunk[]): Uint8Array[] =>
  chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);

/** Of packed pixels at a time: they unpack to 16 MiB at most. */
const STEP_BYTES = 1 << 14;

/** Unpacks the pixels once, keeping none: no more bytes than the header says, and their checksum (Adler-32). */
function checkPixels(chunks: readonly Chunk[], { width, height, unpackedBytes }: PngHeader): void {
  const parts = pixelData(chunks);
  const adler = { a: 1, b: 0, length: 0 };
  const inflator = new Unzlib((piece) => {
    adler.length += piece.length;
    if (adler.length > unpackedBytes) throw new FileError(`PNG: more pixels than ${width}x${height}`);
    for (let begin = 0; begin < piece.length; begin += 3800) {
      const end = Math.min(begin + 3800, piece.length); // both sums stay below 2^32
      for (let i = begin; i < end; i++) {
        adler.a += piece[i];
        adler.b += adler.a;
      }
      adler.a %= 65521;
      adler.b %= 65521;
    }
  });
  try {
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      for (let at = 0; at < part.length || at === 0; at += STEP_BYTES) {
        inflator.push(part.subarray(at, at + STEP_BYTES), isLast && at + STEP_BYTES >= part.length);
      }
    }
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(`PNG: damaged compressed data (${(error as Error).message})`);
  }
  const tail = concatBytes(parts.slice(-4)).subarray(-4);
  if (tail.length < 4 || viewOf(tail).getUint32(0) !== adler.b * 65536 + adler.a) {
    throw new FileError("PNG: the checksum of the pixels does not match; the file is damaged");
  }
}

/** The file without chunks that say nothing of the pixels: texts and colour profiles may unpack to any size. */
function essential(chunks: readonly Chunk[]): Uint8Array {
  const kept = chunks.filter(({ type }) => ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"].includes(type));
  return concatBytes([SIGNATURE, ...kept.map(({ whole }) => whole)]);
}

/** Samples of 8 bits, of any depth. */
function toBytes(samples: ArrayLike<number>, depth: number, samplesPerRow: number, rows: number): Uint8Array {
  if (depth === 8 && samples instanceof Uint8Array) return samples;
  const whole = depth < 8 ? unpackBits(samples, samplesPerRow, rows, depth) : samples;
  const out = new Uint8Array(samplesPerRow * rows);
  const scale = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  for (let i = 0; i < out.length; i++) out[i] = depth > 8 ? whole[i] >> (depth - 8) : whole[i] * scale;
  return out;
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
