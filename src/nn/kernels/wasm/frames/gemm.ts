/** Written by scripts/build/frames.mjs from assembly/gemm/: change it there. */
import type { FrameViews } from "./views.js";

/** Of a sum whose rows of b are packed first, PACKED_COLUMNS at most: 32 KB. */
export const PACKED_STEPS = 64; export const PACKED_COLUMNS = 128;

/** Rows that are packed together where engines join pairs, bytes of six columns of as many, and of all that a thread keeps. */
export const PANEL = 16; export const PANEL_TILES_BYTES = 2304;

/** Rows and columns of a tile, and bytes of the block that holds one: [ROWS][COLUMNS], dense. */
export const ROWS = 4; export const COLUMNS = 8; export const TILE_BYTES = 128;

/** How much of the sum over k is done at a time: the B panel (DEPTH * 32 bytes = 8 KiB) stays in the L1 cache. */
export const DEPTH = 256;

/**
 * Arguments of matmulTiles.
 * - rowsPerChunk: A multiple of 4.
 * - columnsPerChunk: A multiple of 8.
 */
export interface MatmulFrame { readonly packed: number; readonly b: number; readonly y: number; readonly scratch: number; readonly scratchStride: number; readonly rows: number; readonly rowsPerChunk: number; readonly depth: number; readonly columns: number; readonly columnsPerChunk: number; readonly bDepthStep: number; readonly bColumnStep: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeMatmul({ words }: Pick<FrameViews, "words">, at: number, f: MatmulFrame): number {
  words[at] = f.packed; words[at + 1] = f.b; words[at + 2] = f.y; words[at + 3] = f.scratch; words[at + 4] = f.scratchStride; words[at + 5] = f.rows; words[at + 6] = f.rowsPerChunk; words[at + 7] = f.depth; words[at + 8] = f.columns; words[at + 9] = f.columnsPerChunk; words[at + 10] = f.bDepthStep; words[at + 11] = f.bColumnStep;
  return at + 12;
}

/** Arguments of packPanel. */
export interface PackFrame { readonly a: number; readonly packed: number; readonly rows: number; readonly rowStep: number; readonly outer: number; readonly outerStep: number; readonly middle: number; readonly middleStep: number; readonly inner: number; readonly innerStep: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writePack({ words }: Pick<FrameViews, "words">, at: number, f: PackFrame): number {
  words[at] = f.a; words[at + 1] = f.packed; words[at + 2] = f.rows; words[at + 3] = f.rowStep; words[at + 4] = f.outer; words[at + 5] = f.outerStep; words[at + 6] = f.middle; words[at + 7] = f.middleStep; words[at + 8] = f.inner; words[at + 9] = f.innerStep;
  return at + 10;
}

/** Arguments of multiplyPanels. */
export interface ProductFrame { readonly v: number; readonly u: number; readonly m: number; readonly tileRows: number; readonly tileCols: number; readonly depth: number; readonly tilePanels: number; readonly coPanels: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeProduct({ words }: Pick<FrameViews, "words">, at: number, f: ProductFrame): number {
  words[at] = f.v; words[at + 1] = f.u; words[at + 2] = f.m; words[at + 3] = f.tileRows; words[at + 4] = f.tileCols; words[at + 5] = f.depth; words[at + 6] = f.tilePanels; words[at + 7] = f.coPanels;
  return at + 8;
}

/**
 * Arguments of matmulRows.
 * - aRow: Element (row, k) of a lies at row * aRow + k * aDepth (bytes).
 * - aItem: From one product to the next (bytes); 0 shares a matrix.
 * - rowsPerChunk: Multiples of 4 and of 8.
 * - activated: 1: y is what biasActRow makes of it. Bias of each row (0: none), and the factors.
 */
export interface RowsFrame { readonly a: number; readonly b: number; readonly y: number; readonly rows: number; readonly columns: number; readonly depth: number; readonly aRow: number; readonly aDepth: number; readonly aItem: number; readonly bItem: number; readonly yItem: number; readonly rowsPerChunk: number; readonly columnsPerChunk: number; readonly scratch: number; readonly scratchStride: number; readonly activated: number; readonly bias: number; readonly inputGain: number; readonly biasGain: number; readonly fall: number; readonly gain: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeRows({ words, reals }: Pick<FrameViews, "words" | "reals">, at: number, f: RowsFrame): number {
  words[at] = f.a; words[at + 1] = f.b; words[at + 2] = f.y; words[at + 3] = f.rows; words[at + 4] = f.columns; words[at + 5] = f.depth; words[at + 6] = f.aRow; words[at + 7] = f.aDepth; words[at + 8] = f.aItem; words[at + 9] = f.bItem; words[at + 10] = f.yItem; words[at + 11] = f.rowsPerChunk; words[at + 12] = f.columnsPerChunk; words[at + 13] = f.scratch; words[at + 14] = f.scratchStride; words[at + 15] = f.activated; words[at + 16] = f.bias; reals[at + 17] = f.inputGain; reals[at + 18] = f.biasGain; reals[at + 19] = f.fall; reals[at + 20] = f.gain;
  return at + 21;
}

/**
 * Arguments of matmulDots.
 * - columnsPerChunk: A multiple of 4.
 * - scratch: `depth` times PANEL numbers and PANEL_TILES_BYTES for each thread.
 */
export interface DotFrame { readonly a: number; readonly b: number; readonly y: number; readonly rows: number; readonly columns: number; readonly depth: number; readonly outer: number; readonly aRow: number; readonly aOuter: number; readonly bRow: number; readonly bOuter: number; readonly yRow: number; readonly yColumn: number; readonly columnsPerChunk: number; readonly scratch: number; readonly scratchStride: number; }

/** Writes it from word `at` on; returns the word behind. */
export function writeDot({ words }: Pick<FrameViews, "words">, at: number, f: DotFrame): number {
  words[at] = f.a; words[at + 1] = f.b; words[at + 2] = f.y; words[at + 3] = f.rows; words[at + 4] = f.columns; words[at + 5] = f.depth; words[at + 6] = f.outer; words[at + 7] = f.aRow; words[at + 8] = f.aOuter; words[at + 9] = f.bRow; words[at + 10] = f.bOuter; words[at + 11] = f.yRow; words[at + 12] = f.yColumn; words[at + 13] = f.columnsPerChunk; words[at + 14] = f.scratch; words[at + 15] = f.scratchStride;
  return at + 16;
}
