/** Written by scripts/build/frames.mjs from assembly/gemm/: change it there. */
import type { FrameViews } from "./views.js";

/** Rows and columns of a tile, and bytes of the block that holds one: [ROWS][COLUMNS], dense. */
export const ROWS = 4;
export const COLUMNS = 8;
export const TILE_BYTES = 128;

/** How much of the sum over k is done at a time: the B panel (DEPTH * 32 bytes = 8 KiB) stays in the L1 cache. */
export const DEPTH = 256;

/** Arguments of matmulTiles. */
export interface MatmulFrame {
  readonly packed: number;
  readonly b: number;
  readonly y: number;
  readonly scratch: number;
  readonly scratchStride: number;
  readonly rows: number;
  /** A multiple of 4. */
  readonly rowsPerChunk: number;
  readonly depth: number;
  readonly columns: number;
  /** A multiple of 8. */
  readonly columnsPerChunk: number;
  readonly bDepthStep: number;
  readonly bColumnStep: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeMatmul({ words }: Pick<FrameViews, "words">, at: number, frame: MatmulFrame): number {
  words[at] = frame.packed;
  words[at + 1] = frame.b;
  words[at + 2] = frame.y;
  words[at + 3] = frame.scratch;
  words[at + 4] = frame.scratchStride;
  words[at + 5] = frame.rows;
  words[at + 6] = frame.rowsPerChunk;
  words[at + 7] = frame.depth;
  words[at + 8] = frame.columns;
  words[at + 9] = frame.columnsPerChunk;
  words[at + 10] = frame.bDepthStep;
  words[at + 11] = frame.bColumnStep;
  return at + 12;
}

/** Arguments of packPanel. */
export interface PackFrame {
  readonly a: number;
  readonly packed: number;
  readonly rows: number;
  readonly rowStep: number;
  readonly outer: number;
  readonly outerStep: number;
  readonly middle: number;
  readonly middleStep: number;
  readonly inner: number;
  readonly innerStep: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writePack({ words }: Pick<FrameViews, "words">, at: number, frame: PackFrame): number {
  words[at] = frame.a;
  words[at + 1] = frame.packed;
  words[at + 2] = frame.rows;
  words[at + 3] = frame.rowStep;
  words[at + 4] = frame.outer;
  words[at + 5] = frame.outerStep;
  words[at + 6] = frame.middle;
  words[at + 7] = frame.middleStep;
  words[at + 8] = frame.inner;
  words[at + 9] = frame.innerStep;
  return at + 10;
}

/** Arguments of multiplyPanels. */
export interface ProductFrame {
  readonly v: number;
  readonly u: number;
  readonly m: number;
  readonly tileRows: number;
  readonly tileCols: number;
  readonly depth: number;
  readonly tilePanels: number;
  readonly coPanels: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeProduct({ words }: Pick<FrameViews, "words">, at: number, frame: ProductFrame): number {
  words[at] = frame.v;
  words[at + 1] = frame.u;
  words[at + 2] = frame.m;
  words[at + 3] = frame.tileRows;
  words[at + 4] = frame.tileCols;
  words[at + 5] = frame.depth;
  words[at + 6] = frame.tilePanels;
  words[at + 7] = frame.coPanels;
  return at + 8;
}

/** Arguments of matmulDots. */
export interface DotFrame {
  readonly a: number;
  readonly b: number;
  readonly y: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly outer: number;
  readonly aRow: number;
  readonly aOuter: number;
  readonly bRow: number;
  readonly bOuter: number;
  readonly yRow: number;
  readonly yColumn: number;
  readonly columnsPerChunk: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeDot({ words }: Pick<FrameViews, "words">, at: number, frame: DotFrame): number {
  words[at] = frame.a;
  words[at + 1] = frame.b;
  words[at + 2] = frame.y;
  words[at + 3] = frame.rows;
  words[at + 4] = frame.columns;
  words[at + 5] = frame.depth;
  words[at + 6] = frame.outer;
  words[at + 7] = frame.aRow;
  words[at + 8] = frame.aOuter;
  words[at + 9] = frame.bRow;
  words[at + 10] = frame.bOuter;
  words[at + 11] = frame.yRow;
  words[at + 12] = frame.yColumn;
  words[at + 13] = frame.columnsPerChunk;
  return at + 14;
}

/** Arguments of matmulRows. */
export interface RowsFrame {
  readonly a: number;
  readonly b: number;
  readonly y: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Element (row, k) of a lies at row * aRow + k * aDepth (bytes). */
  readonly aRow: number;
  readonly aDepth: number;
  /** From one product to the next (bytes); 0 shares a matrix. */
  readonly aItem: number;
  readonly bItem: number;
  readonly yItem: number;
  /** Multiples of 4 and of 8. */
  readonly rowsPerChunk: number;
  readonly columnsPerChunk: number;
  readonly scratch: number;
  readonly scratchStride: number;
}

/** Writes it from word `at` on; returns the word behind. */
export function writeRows({ words }: Pick<FrameViews, "words">, at: number, frame: RowsFrame): number {
  words[at] = frame.a;
  words[at + 1] = frame.b;
  words[at + 2] = frame.y;
  words[at + 3] = frame.rows;
  words[at + 4] = frame.columns;
  words[at + 5] = frame.depth;
  words[at + 6] = frame.aRow;
  words[at + 7] = frame.aDepth;
  words[at + 8] = frame.aItem;
  words[at + 9] = frame.bItem;
  words[at + 10] = frame.yItem;
  words[at + 11] = frame.rowsPerChunk;
  words[at + 12] = frame.columnsPerChunk;
  words[at + 13] = frame.scratch;
  words[at + 14] = frame.scratchStride;
  return at + 15;
}
