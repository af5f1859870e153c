/** Written by scripts/build/frames.mjs from assembly/elementwise/: change it there. */
import type { FrameViews } from "./views.js";

/** Outer axes of a walk, at most. */
export const OUTER_AXES = 5;

/** From one row to the next. */
export const ROW_BYTES = 24;

/** Arguments of biasAct, biasActGrad. */
export interface BiasActFrame {
  readonly dy: number;
  readonly x: number;
  readonly b: number;
  readonly y: number;
  readonly rows: number;
  readonly rowsPerChunk: number;
  readonly length: number;
  readonly period: number;
  readonly biasRow: number;
  readonly biasStep: number;
  /** 1 if the activation passes nothing for negative numbers, not even an infinity (relu). */
  readonly dead: number;
  /** 1 if there is a clamp; `clamp` is infinite otherwise. */
  readonly clamped: number;
  readonly inputGain: number;
  readonly biasGain: number;
  /** gain * slope, the factor of negative numbers; the slope is 1 (linear), alpha (lrelu) or 0 (relu). */
  readonly fall: number;
  readonly gain: number;
  /** The factors of dy: inputGain * fall, inputGain * gain. */
  readonly fallOfDy: number;
  readonly gainOfDy: number;
  readonly clamp: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeBiasAct({ words, reals }: FrameViews, at: number, frame: BiasActFrame): number {
  words[at] = frame.dy;
  words[at + 1] = frame.x;
  words[at + 2] = frame.b;
  words[at + 3] = frame.y;
  words[at + 4] = frame.rows;
  words[at + 5] = frame.rowsPerChunk;
  words[at + 6] = frame.length;
  words[at + 7] = frame.period;
  words[at + 8] = frame.biasRow;
  words[at + 9] = frame.biasStep;
  words[at + 10] = frame.dead;
  words[at + 11] = frame.clamped;
  reals[at + 12] = frame.inputGain;
  reals[at + 13] = frame.biasGain;
  reals[at + 14] = frame.fall;
  reals[at + 15] = frame.gain;
  reals[at + 16] = frame.fallOfDy;
  reals[at + 17] = frame.gainOfDy;
  reals[at + 18] = frame.clamp;
  return at + 19;
}

/**
 * Arguments of affine, fill, unaryAbs, unaryNeg, unaryReciprocal, unaryRsqrt, unarySign, unarySqrt, unarySquare,
 * unaryStep.
 */
export interface MapFrame {
  readonly x: number;
  readonly y: number;
  readonly length: number;
  readonly perChunk: number;
  /** Of affine and fill; absent for unary functions. */
  readonly scale: number;
  readonly offset: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeMap({ words, reals }: FrameViews, at: number, frame: MapFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.y;
  words[at + 2] = frame.length;
  words[at + 3] = frame.perChunk;
  reals[at + 4] = frame.scale;
  reals[at + 5] = frame.offset;
  return at + 6;
}

/** Arguments of normal. */
export interface NormalFrame {
  readonly y: number;
  readonly length: number;
  readonly seed: number;
  readonly stream: number;
  /** A multiple of 16. */
  readonly perChunk: number;
  /** Sixteen numbers for each thread. */
  readonly scratch: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeNormal({ words }: Pick<FrameViews, "words">, at: number, frame: NormalFrame): number {
  words[at] = frame.y;
  words[at + 1] = frame.length;
  words[at + 2] = frame.seed;
  words[at + 3] = frame.stream;
  words[at + 4] = frame.perChunk;
  words[at + 5] = frame.scratch;
  return at + 6;
}

/** Arguments of sumColumns, sumRows. */
export interface SumFrame {
  readonly x: number;
  readonly y: number;
  readonly batch: number;
  readonly outer: number;
  readonly reduce: number;
  readonly inner: number;
  readonly perChunk: number;
  readonly gain: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeSum({ words, reals }: FrameViews, at: number, frame: SumFrame): number {
  words[at] = frame.x;
  words[at + 1] = frame.y;
  words[at + 2] = frame.batch;
  words[at + 3] = frame.outer;
  words[at + 4] = frame.reduce;
  words[at + 5] = frame.inner;
  words[at + 6] = frame.perChunk;
  reals[at + 7] = frame.gain;
  return at + 8;
}

/** Arguments of rowDots. */
export interface RowDotsFrame {
  readonly a: number;
  readonly b: number;
  readonly y: number;
  readonly rows: number;
  readonly depth: number;
  readonly perChunk: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeRowDots({ words }: Pick<FrameViews, "words">, at: number, frame: RowDotsFrame): number {
  words[at] = frame.a;
  words[at + 1] = frame.b;
  words[at + 2] = frame.y;
  words[at + 3] = frame.rows;
  words[at + 4] = frame.depth;
  words[at + 5] = frame.perChunk;
  return at + 6;
}

/** Arguments of binaryAdd, binaryDiv, binaryMul, binarySub, stridedCopy. */
export interface StridedFrame {
  readonly a: number;
  readonly b: number;
  readonly y: number;
  readonly rows: number;
  readonly rowsPerChunk: number;
  readonly inner: number;
  readonly segment: number;
  readonly aStep: number;
  readonly bStep: number;
  readonly yStep: number;
  readonly axes: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeStrided({ words }: Pick<FrameViews, "words">, at: number, frame: StridedFrame): number {
  words[at] = frame.a;
  words[at + 1] = frame.b;
  words[at + 2] = frame.y;
  words[at + 3] = frame.rows;
  words[at + 4] = frame.rowsPerChunk;
  words[at + 5] = frame.inner;
  words[at + 6] = frame.segment;
  words[at + 7] = frame.aStep;
  words[at + 8] = frame.bStep;
  words[at + 9] = frame.yStep;
  words[at + 10] = frame.axes;
  return at + 11;
}

/** A row of a table. */
export interface RowFrame {
  /** Its first chunk of `perChunk` elements; rows follow each other by it. An empty tensor has none. */
  readonly firstChunk: number;
  readonly length: number;
  readonly target: number;
  readonly source: number;
  /** Of Adam only. */
  readonly m: number;
  readonly v: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeRow({ words }: Pick<FrameViews, "words">, at: number, frame: RowFrame): number {
  words[at] = frame.firstChunk;
  words[at + 1] = frame.length;
  words[at + 2] = frame.target;
  words[at + 3] = frame.source;
  words[at + 4] = frame.m;
  words[at + 5] = frame.v;
  return at + 6;
}

/** Arguments of lerp. */
export interface LerpFrame {
  readonly table: number;
  readonly rows: number;
  readonly perChunk: number;
  readonly t: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeLerp({ words, reals }: FrameViews, at: number, frame: LerpFrame): number {
  words[at] = frame.table;
  words[at + 1] = frame.rows;
  words[at + 2] = frame.perChunk;
  reals[at + 3] = frame.t;
  return at + 4;
}

/** Arguments of adam. */
export interface AdamFrame {
  readonly table: number;
  readonly rows: number;
  readonly perChunk: number;
  readonly beta1: number;
  readonly oneMinusBeta1: number;
  readonly beta2: number;
  readonly oneMinusBeta2: number;
  /** learningRate / (1 - beta1^step), 1 / (1 - beta2^step). */
  readonly rate: number;
  readonly vCorrection: number;
  readonly epsilon: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeAdam({ words, reals }: FrameViews, at: number, frame: AdamFrame): number {
  words[at] = frame.table;
  words[at + 1] = frame.rows;
  words[at + 2] = frame.perChunk;
  reals[at + 3] = frame.beta1;
  reals[at + 4] = frame.oneMinusBeta1;
  reals[at + 5] = frame.beta2;
  reals[at + 6] = frame.oneMinusBeta2;
  reals[at + 7] = frame.rate;
  reals[at + 8] = frame.vCorrection;
  reals[at + 9] = frame.epsilon;
  return at + 10;
}
