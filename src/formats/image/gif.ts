/**
 * Animated GIF, frame by frame, each with the 256 colours that suit it best (gifenc). GIF counts time in hundredths of a second
 * and browsers take anything under two of them for ten, so 50 frames a second is the most it has. Tested by
 * tests/formats/animations.test.ts.
 */
import * as gifencModule from "gifenc";
import type { AnimationFormat } from "./apng.js";
import { withChannels } from "./pixels.js";

export const MAX_GIF_FPS = 50;

const COLOURS = 256;

// gifenc is CommonJS: for Node all of it is the default export, for bundlers its parts are named exports.
const gifenc = gifencModule.GIFEncoder === undefined ? gifencModule.default : gifencModule;

export class GifEncoder {
  readonly #format: Omit<AnimationFormat, "frames">;
  readonly #encoder = gifenc.GIFEncoder();
  #written = 0;

  /** The animation repeats for ever. */
  constructor(format: Omit<AnimationFormat, "frames">) {
    this.#format = { ...format, fps: Math.min(format.fps, MAX_GIF_FPS) };
  }

  /** The next frame: width * height * channels bytes. */
  frame(data: Uint8Array): Uint8Array {
    const { width, height, channels, fps } = this.#format;
    const { data: rgb } = withChannels({ width, height, channels, data }, 3);
    const rgba = new Uint8Array(width * height * 4).fill(255);
    for (let pixel = 0; pixel < width * height; pixel++) {
      rgba.set(rgb.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
    }
    const palette = gifenc.quantize(rgba, COLOURS);
    // Whole hundredths that come to the right length in the long run.
    const until = (frame: number): number => Math.round((100 * frame) / fps);
    const delay = (until(this.#written + 1) - until(this.#written)) * 10;
    this.#encoder.writeFrame(gifenc.applyPalette(rgba, palette), width, height, { palette, delay, repeat: 0 });
    this.#written++;
    return this.#take();
  }

  /** What comes after the last frame. */
  end(): Uint8Array {
    this.#encoder.finish();
    return this.#take();
  }

  #take(): Uint8Array {
    const bytes = this.#encoder.stream.bytes();
    this.#encoder.stream.reset();
    return bytes;
  }
}
