/**
 * Writing of PNG images and of what APNG has in common with them: chunks, and rows as differences (PNG specification, third edition,
 * sections 5.3 and 9). By itself, since pages save pictures and few of them read any. Tested by tests/formats/images.test.ts.
 */
import { zlibSync } from "fflate";
import { viewOf } from "../byteSource.js";
import { concatBytes, crc32 } from "../bytes.js";

export interface PixelImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  /** Row by row from the top, width * height * channels bytes. */
  readonly data: Uint8Array;
}

/** What every PNG begins with. */
export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** @throws RangeError for a side of 0, or when there are more or fewer pixels than the image has */
export function encodePixels(image: PixelImage): Uint8Array<ArrayBuffer> {
  const { width, height, channels, data } = image;
  if (!(width >= 1 && height >= 1))
    throw new RangeError(`PNG: an image has at least one pixel, got ${width}x${height}`);
  if (data.length !== width * height * channels) {
    throw new RangeError(
      `PNG: ${width}x${height}x${channels} needs ${width * height * channels} bytes, got ${data.length}`,
    );
  }
  const packed = packPixels(image);
  return concatBytes([
    SIGNATURE,
    headerChunk(image),
    chunk("IDAT", packed.length, (_, bytes) => bytes.set(packed)),
    endChunk(),
  ]);
}

/** PNG's colour types by the number of channels: grey, grey and alpha, RGB, RGB and alpha. */
const COLOUR_TYPES = [0, 4, 2, 6] as const;

export function headerChunk({ width, height, channels }: Omit<PixelImage, "data">): Uint8Array {
  return chunk("IHDR", 13, (view) => {
    view.setUint32(0, width);
    view.setUint32(4, height);
    view.setUint8(8, 8);
    view.setUint8(9, COLOUR_TYPES[channels - 1]);
  });
}

export const endChunk = (): Uint8Array => chunk("IEND", 0, () => {});

/** A chunk of `length` bytes, which `fill` writes: its length, its type, they themselves and their checksum. */
export function chunk(type: string, length: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(12 + length);
  const view = viewOf(bytes);
  view.setUint32(0, length);
  bytes.set(new TextEncoder().encode(type), 4);
  const body = bytes.subarray(8, 8 + length);
  fill(viewOf(body), body);
  view.setUint32(8 + length, crc32(bytes.subarray(4, 8 + length)));
  return bytes;
}

/** Pixels as the bodies of IDAT and fdAT have them. Level 6 takes twice the time for 7 % fewer bytes of a picture of 1024 pixels. */
export function packPixels({ width, channels, data }: PixelImage): Uint8Array {
  return zlibSync(filterRows(data, width * channels, channels), { level: 3 });
}

/** PNG's filters that are used here: bytes as differences to what is left of them, above them, or to paeth's guess from both. */
const SUB = 1;
const UP = 2;
const PAETH = 4;

/** Whichever of left, above and the corner between them is nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** The size of a difference of bytes, as PNG sees it: modulo 256, then signed. */
const size = (difference: number): number => Math.abs((difference << 24) >> 24);

/** Each row by the filter that leaves the smallest differences, as the specification advises; its first byte says which. */
function filterRows(data: Uint8Array, rowBytes: number, channels: number): Uint8Array {
  const rows = data.length / rowBytes;
  const out = new Uint8Array(rows * (rowBytes + 1));
  // With a pixel of zeros on the left, where nothing is.
  let above = new Uint8Array(channels + rowBytes);
  let row = new Uint8Array(channels + rowBytes);
  for (let k = 0; k < rows; k++) {
    row.set(data.subarray(k * rowBytes, (k + 1) * rowBytes), channels);
    const at = k * (rowBytes + 1);
    out[at] = bestFilter(row, above, channels);
    filterRow(out[at], row, above, channels, out.subarray(at + 1, at + 1 + rowBytes));
    [above, row] = [row, above];
  }
  return out;
}

function bestFilter(row: Uint8Array, above: Uint8Array, channels: number): number {
  let [sub, up, guess] = [0, 0, 0];
  for (let k = channels; k < row.length; k++) {
    const left = row[k - channels];
    sub += size(row[k] - left);
    up += size(row[k] - above[k]);
    guess += size(row[k] - paeth(left, above[k], above[k - channels]));
  }
  if (sub <= up && sub <= guess) return SUB;
  return up <= guess ? UP : PAETH;
}

function filterRow(filter: number, row: Uint8Array, above: Uint8Array, channels: number, to: Uint8Array): void {
  for (let k = channels; k < row.length; k++) {
    const left = row[k - channels];
    const guess = filter === SUB ? left : filter === UP ? above[k] : paeth(left, above[k], above[k - channels]);
    to[k - channels] = row[k] - guess;
  }
}
