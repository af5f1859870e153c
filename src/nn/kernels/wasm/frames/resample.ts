/** Written by scripts/build/frames.mjs from assembly/resample/: change it there. */
import type { FrameViews } from "./views.js";

/** Lines filtered along one axis before the other begins: a vector that straddles two fresh stores would wait for both. */
export const LINES = 8;

/** Arguments of upfirdn2dSeparable. */
export interface SeparableFrame {
  readonly x: number;
  readonly y: number;
  readonly scratch: number;
  readonly scratchStride: number;
  /** From one line of scratch to the next. */
  readonly lineBytes: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly planes: number;
  /** A chunk is some rows of a plane, or some whole planes. */
  readonly rowsPerChunk: number;
  readonly planesPerChunk: number;
  /** Output rows filtered at a time by fourTaps.ts; 0 where the filter or the rates are others. */
  readonly stripRows: number;
  readonly upY: number;
  readonly downY: number;
  readonly padY: number;
  readonly tapsY: number;
  readonly upX: number;
  readonly downX: number;
  readonly padX: number;
  readonly tapsX: number;
  /** Zeros kept before and after the filtered row in scratch (elements). */
  readonly marginLeft: number;
  readonly marginRight: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeSeparable({ words }: Pick<FrameViews, "words">, at: number, frame: SeparableFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.y;
  words[at + 2] = frame.scratch;
  words[at + 3] = frame.scratchStride;
  words[at + 4] = frame.lineBytes;
  words[at + 5] = frame.height;
  words[at + 6] = frame.width;
  words[at + 7] = frame.outHeight;
  words[at + 8] = frame.outWidth;
  words[at + 9] = frame.planes;
  words[at + 10] = frame.rowsPerChunk;
  words[at + 11] = frame.planesPerChunk;
  words[at + 12] = frame.stripRows;
  words[at + 13] = frame.upY;
  words[at + 14] = frame.downY;
  words[at + 15] = frame.padY;
  words[at + 16] = frame.tapsY;
  words[at + 17] = frame.upX;
  words[at + 18] = frame.downX;
  words[at + 19] = frame.padX;
  words[at + 20] = frame.tapsX;
  words[at + 21] = frame.marginLeft;
  words[at + 22] = frame.marginRight;
  return at + 23;
}

/** Arguments of upfirdn2dAny. */
export interface AnyFilterFrame {
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly tapsY: number;
  readonly tapsX: number;
  readonly outStepY: number;
  readonly inStepY: number;
  readonly outStepX: number;
  readonly inStepX: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeAnyFilter({ words }: Pick<FrameViews, "words">, at: number, frame: AnyFilterFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.y;
  words[at + 2] = frame.height;
  words[at + 3] = frame.width;
  words[at + 4] = frame.outHeight;
  words[at + 5] = frame.outWidth;
  words[at + 6] = frame.tapsY;
  words[at + 7] = frame.tapsX;
  words[at + 8] = frame.outStepY;
  words[at + 9] = frame.inStepY;
  words[at + 10] = frame.outStepX;
  words[at + 11] = frame.inStepX;
  return at + 12;
}
