/**
 * Animated PNG (the third edition of the PNG specification, 2025): lossless, every colour, shown by all browsers. The file is made
 * chunk by chunk, so that a film of any length is never in memory. Tested by tests/formats/animations.test.ts.
 *
 *   signature IHDR acTL | fcTL IDAT | fcTL fdAT | fcTL fdAT ... | IEND
 */
import { zlibSync } from "fflate";
import { viewOf } from "../byteSource.js";
import { concatBytes, crc32 } from "../bytes.js";
import { type PixelImage, SIGNATURE } from "./png.js";

export interface AnimationFormat {
  readonly width: number;
  readonly height: number;
  readonly channels: PixelImage["channels"];
  /** How many frames there will be. */
  readonly frames: number;
  /** Frames a second. */
  readonly fps: number;
}

/** PNG's colour types by the number of channels: grey, grey and alpha, RGB, RGB and alpha. */
const COLOUR_TYPES = [0, 4, 2, 6] as const;

export class ApngEncoder {
  readonly #format: AnimationFormat;
  #written = 0;
  /** fcTL and fdAT are numbered together. */
  #sequence = 0;

  /** The animation repeats for ever. */
  constructor(format: AnimationFormat) {
    this.#format = format;
  }

  /** What comes before the first frame. */
  header(): Uint8Array {
    const { width, height, channels, frames } = this.#format;
    const ihdr = chunk("IHDR", 13, (view) => {
      view.setUint32(0, width);
      view.setUint32(4, height);
      view.setUint8(8, 8);
      view.setUint8(9, COLOUR_TYPES[channels - 1]);
    });
    const actl = chunk("acTL", 8, (view) => view.setUint32(0, frames)); // then 0: for ever
    return concatBytes([Uint8Array.from(SIGNATURE), ihdr, actl]);
  }

  /** The next frame: width * height * channels bytes. */
  frame(data: Uint8Array): Uint8Array {
    const { width, height, channels, frames, fps } = this.#format;
    if (data.length !== width * height * channels) {
      throw new RangeError(`APNG: a frame of ${width}x${height}x${channels} has ${width * height * channels} bytes`);
    }
    if (this.#written === frames) throw new RangeError(`APNG: more than the ${frames} frames that were announced`);
    const [numerator, denominator] = delay(fps);
    const control = chunk("fcTL", 26, (view) => {
      view.setUint32(0, this.#sequence++);
      view.setUint32(4, width);
      view.setUint32(8, height);
      view.setUint16(20, numerator);
      view.setUint16(22, denominator);
    });
    const packed = zlibSync(filterRows(data, width * channels, channels), { level: 6 });
    const isFirst = this.#written++ === 0;
    const body = isFirst
      ? chunk("IDAT", packed.length, (_, bytes) => bytes.set(packed))
      : chunk("fdAT", 4 + packed.length, (view, bytes) => {
          view.setUint32(0, this.#sequence++);
          bytes.set(packed, 4);
        });
    return concatBytes([control, body]);
  }

  /** What comes after the last frame. */
  end(): Uint8Array {
    if (this.#written !== this.#format.frames) {
      throw new RangeError(`APNG: ${this.#format.frames} frames were announced, ${this.#written} came`);
    }
    return chunk("IEND", 0, () => {});
  }
}

/** Seconds a frame, as a fraction of two 16-bit numbers. */
function delay(fps: number): [number, number] {
  if (Number.isInteger(fps) && fps <= 65535) return [1, fps];
  const scale = fps < 1 ? 1 : Math.min(1000, Math.floor(65535 / fps));
  return fps < 1 ? [Math.round(1000 / fps), 1000] : [scale, Math.round(fps * scale)];
}

function chunk(type: string, length: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(12 + length);
  const view = viewOf(bytes);
  view.setUint32(0, length);
  bytes.set(new TextEncoder().encode(type), 4);
  const body = bytes.subarray(8, 8 + length);
  fill(viewOf(body), body);
  view.setUint32(8 + length, crc32(bytes.subarray(4, 8 + length)));
  return bytes;
}

/** Each row as differences to what lies left of it or above it, whichever leaves less; its first byte says which. */
function filterRows(data: Uint8Array, rowBytes: number, channels: number): Uint8Array {
  const rows = data.length / rowBytes;
  const out = new Uint8Array(rows * (rowBytes + 1));
  for (let row = 0; row < rows; row++) {
    const at = row * rowBytes;
    const left = (k: number): number => (k < channels ? 0 : data[at + k - channels]);
    const above = (k: number): number => (row === 0 ? 0 : data[at + k - rowBytes]);
    let [sideways, upwards] = [0, 0];
    for (let k = 0; k < rowBytes; k++) {
      sideways += size(data[at + k] - left(k));
      upwards += size(data[at + k] - above(k));
    }
    const from = sideways <= upwards ? left : above;
    const to = row * (rowBytes + 1);
    out[to] = sideways <= upwards ? 1 : 2;
    for (let k = 0; k < rowBytes; k++) out[to + 1 + k] = data[at + k] - from(k);
  }
  return out;
}

/** The size of a difference of bytes, as PNG sees it: modulo 256, then signed. */
const size = (difference: number): number => Math.abs((difference << 24) >> 24);
