/**
 * Animated PNG (the third edition of the PNG specification, 2025): lossless, every colour, shown by all browsers. The file is made
 * chunk by chunk, so that a film of any length is never in memory. Tested by tests/formats/animations.test.ts.
 *
 *   signature IHDR acTL | fcTL IDAT | fcTL fdAT | fcTL fdAT ... | IEND
 */
import { concatBytes } from "../bytes.js";
import { chunk, endChunk, headerChunk, type PixelImage, packPixels, SIGNATURE } from "./pngEncoding.js";

export interface AnimationFormat {
  readonly width: number;
  readonly height: number;
  readonly channels: PixelImage["channels"];
  /** How many frames there will be. */
  readonly frames: number;
  /** Frames a second. */
  readonly fps: number;
}

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
    const frames = chunk("acTL", 8, (view) => view.setUint32(0, this.#format.frames)); // then 0: for ever
    return concatBytes([SIGNATURE, headerChunk(this.#format), frames]);
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
    const packed = packPixels({ width, height, channels, data });
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
    return endChunk();
  }
}

/** Seconds a frame, as a fraction of two 16-bit numbers. */
function delay(fps: number): [number, number] {
  if (Number.isInteger(fps) && fps <= 65535) return [1, fps];
  const scale = fps < 1 ? 1 : Math.min(1000, Math.floor(65535 / fps));
  return fps < 1 ? [Math.round(1000 / fps), 1000] : [scale, Math.round(fps * scale)];
}
