/** Written by scripts/build/frames.mjs from assembly/elementwise/: change it there. */
import type { FrameViews } from "./views.js";

/** Outer axes of a walk, at most. */
export const OUTER_AXES = 5;

/** From one row to the next. */
export const ROW_BYTES = 24;

/**
 * Arguments of biasAct, biasActGrad.
 * - dead: 1 if the activation passes nothing for negative numbers, not even an infinity (relu).
 * - clamped: 1 if there is a clamp; `clamp` is infinite otherwise.
 * - fall: gain * slope, the factor of negative numbers; the slope is 1 (linear), alpha (lrelu) or 0 (relu).
 * - fallOfDy: The factors of dy: inputGain * fall, inputGain * gain.
 */
export interface BiasActFrame { readonly dy: number; readonly x: number; readonly b: number; readonly y: number; readonly rows: number; readonly rowsPerChunk: number; readonly length: number; readonly period: number; readonly biasRow: number; readonly biasStep: number; readonly dead: number; readonly clamped: number; readonly inputGain: number; readonly biasGain: number; readonly fall: number; readonly gain: number; readonly fallOfDy: number; readonly gainOfDy: number; readonly clamp: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeBiasAct({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: BiasActFrame): number {
  words[at] = f.dy; words[at + 1] = f.x; words[at + 2] = f.b; words[at + 3] = f.y; words[at + 4] = f.rows; words[at + 5] = f.rowsPerChunk; words[at + 6] = f.length; words[at + 7] = f.period; words[at + 8] = f.biasRow; words[at + 9] = f.biasStep; words[at + 10] = f.dead; words[at + 11] = f.clamped; reals[at + 12] = f.inputGain; reals[at + 13] = f.biasGain; reals[at + 14] = f.fall; reals[at + 15] = f.gain; reals[at + 16] = f.fallOfDy; reals[at + 17] = f.gainOfDy; reals[at + 18] = f.clamp;
  return at + 19;
}

/**
 * Arguments of layerEnd, layerEndGrad.
 * - scale: [outer, channels]; scaleStep is 1 or 0.
 * - noise: [outer or 1, inner]: elements from one sample to the next, and from one pixel to the next (1 or 0).
 * - b: [channels]; biasStep is 1 or 0.
 * - dt: Of the gradient.
 * - dead: As in biasAct.ts.
 * - clamped: Of the gradient: 1 if there is a clamp; t is not clamped strictly between the two.
 */
export interface LayerEndFrame { readonly dy: number; readonly x: number; readonly y: number; readonly outer: number; readonly channels: number; readonly inner: number; readonly perChunk: number; readonly scale: number; readonly scaleStep: number; readonly noise: number; readonly noiseRow: number; readonly noiseStep: number; readonly b: number; readonly biasStep: number; readonly dt: number; readonly dead: number; readonly inputGain: number; readonly biasGain: number; readonly fall: number; readonly gain: number; readonly fallOfDy: number; readonly gainOfDy: number; readonly clamp: number; readonly clamped: number; readonly bottom: number; readonly top: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeLayerEnd({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: LayerEndFrame): number {
  words[at] = f.dy; words[at + 1] = f.x; words[at + 2] = f.y; words[at + 3] = f.outer; words[at + 4] = f.channels; words[at + 5] = f.inner; words[at + 6] = f.perChunk; words[at + 7] = f.scale; words[at + 8] = f.scaleStep; words[at + 9] = f.noise; words[at + 10] = f.noiseRow; words[at + 11] = f.noiseStep; words[at + 12] = f.b; words[at + 13] = f.biasStep; words[at + 14] = f.dt; words[at + 15] = f.dead; reals[at + 16] = f.inputGain; reals[at + 17] = f.biasGain; reals[at + 18] = f.fall; reals[at + 19] = f.gain; reals[at + 20] = f.fallOfDy; reals[at + 21] = f.gainOfDy; reals[at + 22] = f.clamp; words[at + 23] = f.clamped; reals[at + 24] = f.bottom; reals[at + 25] = f.top;
  return at + 26;
}

/**
 * Arguments of affine, fill, unaryAbs, unaryNeg, unaryReciprocal, unaryRsqrt, unarySign, unarySqrt, unarySquare,
 *   unaryStep.
 * - scale: Of affine and fill; absent for unary functions.
 */
export interface MapFrame { readonly x: number; readonly y: number; readonly length: number; readonly perChunk: number; readonly scale: number; readonly offset: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeMap({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: MapFrame): number {
  words[at] = f.x; words[at + 1] = f.y; words[at + 2] = f.length; words[at + 3] = f.perChunk; reals[at + 4] = f.scale; reals[at + 5] = f.offset;
  return at + 6;
}

/**
 * Arguments of normal.
 * - perChunk: A multiple of 16.
 * - scratch: Sixteen numbers for each thread.
 */
export interface NormalFrame { readonly y: number; readonly length: number; readonly seed: number; readonly stream: number; readonly perChunk: number; readonly scratch: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeNormal({ words }: Pick<FrameViews, "words">, at: number, f: NormalFrame): number {
  words[at] = f.y; words[at + 1] = f.length; words[at + 2] = f.seed; words[at + 3] = f.stream; words[at + 4] = f.perChunk; words[at + 5] = f.scratch;
  return at + 6;
}

/** Arguments of sumColumns, sumRows. */
export interface SumFrame { readonly x: number; readonly y: number; readonly batch: number; readonly outer: number; readonly reduce: number; readonly inner: number; readonly perChunk: number; readonly gain: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeSum({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: SumFrame): number {
  words[at] = f.x; words[at + 1] = f.y; words[at + 2] = f.batch; words[at + 3] = f.outer; words[at + 4] = f.reduce; words[at + 5] = f.inner; words[at + 6] = f.perChunk; reals[at + 7] = f.gain;
  return at + 8;
}

/** Arguments of rowDots. */
export interface RowDotsFrame { readonly a: number; readonly b: number; readonly y: number; readonly rows: number; readonly depth: number; readonly perChunk: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeRowDots({ words }: Pick<FrameViews, "words">, at: number, f: RowDotsFrame): number {
  words[at] = f.a; words[at + 1] = f.b; words[at + 2] = f.y; words[at + 3] = f.rows; words[at + 4] = f.depth; words[at + 5] = f.perChunk;
  return at + 6;
}

/** Arguments of binaryAdd, binaryDiv, binaryMul, binarySub, stridedCopy. */
export interface StridedFrame { readonly a: number; readonly b: number; readonly y: number; readonly rows: number; readonly rowsPerChunk: number; readonly inner: number; readonly segment: number; readonly aStep: number; readonly bStep: number; readonly yStep: number; readonly axes: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeStrided({ words }: Pick<FrameViews, "words">, at: number, f: StridedFrame): number {
  words[at] = f.a; words[at + 1] = f.b; words[at + 2] = f.y; words[at + 3] = f.rows; words[at + 4] = f.rowsPerChunk; words[at + 5] = f.inner; words[at + 6] = f.segment; words[at + 7] = f.aStep; words[at + 8] = f.bStep; words[at + 9] = f.yStep; words[at + 10] = f.axes;
  return at + 11;
}

/**
 * A row of a table.
 * - firstChunk: Its first chunk of `perChunk` elements; rows follow each other by it. An empty tensor has none.
 * - m: Of Adam only.
 */
export interface RowFrame { readonly firstChunk: number; readonly length: number; readonly target: number; readonly source: number; readonly m: number; readonly v: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeRow({ words }: Pick<FrameViews, "words">, at: number, f: RowFrame): number {
  words[at] = f.firstChunk; words[at + 1] = f.length; words[at + 2] = f.target; words[at + 3] = f.source; words[at + 4] = f.m; words[at + 5] = f.v;
  return at + 6;
}

/** Arguments of lerp. */
export interface LerpFrame { readonly table: number; readonly rows: number; readonly perChunk: number; readonly t: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeLerp({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: LerpFrame): number {
  words[at] = f.table; words[at + 1] = f.rows; words[at + 2] = f.perChunk; reals[at + 3] = f.t;
  return at + 4;
}

/**
 * Arguments of adam.
 * - rate: learningRate / (1 - beta1^step), 1 / (1 - beta2^step).
 */
export interface AdamFrame { readonly table: number; readonly rows: number; readonly perChunk: number; readonly beta1: number; readonly oneMinusBeta1: number; readonly beta2: number; readonly oneMinusBeta2: number; readonly rate: number; readonly vCorrection: number; readonly epsilon: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeAdam({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: AdamFrame): number {
  words[at] = f.table; words[at + 1] = f.rows; words[at + 2] = f.perChunk; reals[at + 3] = f.beta1; reals[at + 4] = f.oneMinusBeta1; reals[at + 5] = f.beta2; reals[at + 6] = f.oneMinusBeta2; reals[at + 7] = f.rate; reals[at + 8] = f.vCorrection; reals[at + 9] = f.epsilon;
  return at + 10;
}
