/** Written by scripts/build/frames.mjs from assembly/resample/: change it there. */
import type { FrameViews } from "./views.js";

/** Lines filtered along one axis before the other begins: a vector that straddles two fresh stores would wait for both. */
export const LINES = 8;

/**
 * Arguments of upfirdn2dSeparable.
 * - lineBytes: From one line of scratch to the next.
 * - rowsPerChunk: A chunk is some rows of a plane, or some whole planes.
 * - stripRows: Output rows filtered at a time by fourTaps.ts; 0 where the filter or the rates are others.
 * - stageOffset: Of each thread's scratch, where a strip of outputs is made before it is copied to y; 0 where it is
 *   made in y.
 * - adds: 1: it is added to what is in y.
 * - marginLeft: Zeros kept before and after the filtered row in scratch (elements).
 */
export interface SeparableFrame { readonly x: number; readonly y: number; readonly scratch: number; readonly scratchStride: number; readonly lineBytes: number; readonly height: number; readonly width: number; readonly outHeight: number; readonly outWidth: number; readonly planes: number; readonly rowsPerChunk: number; readonly planesPerChunk: number; readonly stripRows: number; readonly stageOffset: number; readonly adds: number; readonly upY: number; readonly downY: number; readonly padY: number; readonly tapsY: number; readonly upX: number; readonly downX: number; readonly padX: number; readonly tapsX: number; readonly marginLeft: number; readonly marginRight: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeSeparable({ words }: Pick<FrameViews, "words">, at: number, f: SeparableFrame): number {
  words[at] = f.x; words[at + 1] = f.y; words[at + 2] = f.scratch; words[at + 3] = f.scratchStride; words[at + 4] = f.lineBytes; words[at + 5] = f.height; words[at + 6] = f.width; words[at + 7] = f.outHeight; words[at + 8] = f.outWidth; words[at + 9] = f.planes; words[at + 10] = f.rowsPerChunk; words[at + 11] = f.planesPerChunk; words[at + 12] = f.stripRows; words[at + 13] = f.stageOffset; words[at + 14] = f.adds; words[at + 15] = f.upY; words[at + 16] = f.downY; words[at + 17] = f.padY; words[at + 18] = f.tapsY; words[at + 19] = f.upX; words[at + 20] = f.downX; words[at + 21] = f.padX; words[at + 22] = f.tapsX; words[at + 23] = f.marginLeft; words[at + 24] = f.marginRight;
  return at + 25;
}

/** Arguments of upfirdn2dAny. */
export interface AnyFilterFrame { readonly x: number; readonly y: number; readonly height: number; readonly width: number; readonly outHeight: number; readonly outWidth: number; readonly tapsY: number; readonly tapsX: number; readonly outStepY: number; readonly inStepY: number; readonly outStepX: number; readonly inStepX: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeAnyFilter({ words }: Pick<FrameViews, "words">, at: number, f: AnyFilterFrame): number {
  words[at] = f.x; words[at + 1] = f.y; words[at + 2] = f.height; words[at + 3] = f.width; words[at + 4] = f.outHeight; words[at + 5] = f.outWidth; words[at + 6] = f.tapsY; words[at + 7] = f.tapsX; words[at + 8] = f.outStepY; words[at + 9] = f.inStepY; words[at + 10] = f.outStepX; words[at + 11] = f.inStepX;
  return at + 12;
}
