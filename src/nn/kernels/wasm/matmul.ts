/** Plans matrix products for `assembly/gemm/matmul.ts`: what to pack, where to cut, which form to use. */
import type { MatmulGeometry } from "../types.js";
import { endFrame, type LeakyEnd } from "./activations.js";
import type { Engine } from "./engine.js";
import {
  COLUMNS,
  DEPTH,
  PACKED_COLUMNS,
  PACKED_STEPS,
  PANEL,
  PANEL_TILES_BYTES,
  ROWS,
  TILE_BYTES,
} from "./frames/gemm.js";

/** Rows and columns of a register tile, and the depth of a panel (assembly/gemm/tile.ts). */
export const tile = { rows: ROWS, columns: COLUMNS, bytes: TILE_BYTES } as const;
export const panelBytes = DEPTH * COLUMNS * 4;

/** How the output [rows, columns] of a product is cut into chunks. */
export interface Cut {
  readonly rowsPerChunk: number;
  readonly columnsPerChunk: number;
  readonly chunks: number;
  /** Bytes of tiles that a chunk fills. */
  readonly tileBytes: number;
}

/** Fewer chunks than this and large products cannot be shared out evenly. Fixed, whatever the number of threads. */
const wantedChunks = 16;
/** A panel of b is gathered once for all the rows of a chunk; with fewer rows than this, gathering would dominate. */
const fewestRows = 64;
const mostRows = 512;
const columnsPerChunk = 64;

export function cutProduct(rows: number, columns: number): Cut {
  const columnBlocks = Math.ceil(columns / columnsPerChunk);
  const wantedRowBlocks = Math.max(Math.ceil(wantedChunks / columnBlocks), Math.ceil(rows / mostRows));
  const evenRows = Math.ceil(rows / wantedRowBlocks / tile.rows) * tile.rows;
  const rowsPerChunk = Math.min(mostRows, Math.max(evenRows, fewestRows));
  return {
    rowsPerChunk,
    columnsPerChunk,
    chunks: columnBlocks * Math.ceil(rows / rowsPerChunk),
    tileBytes: (Math.min(columnsPerChunk, columns + tile.columns) / tile.columns + 1) * rowsPerChunk * tile.columns * 4,
  };
}

/** A matrix [rows, depth], depth = (outer, middle, inner), by the steps between neighbours (in elements). */
export interface MatrixLayout {
  readonly pointer: number;
  readonly rows: number;
  readonly rowStep: number;
  readonly outer: number;
  readonly outerStep: number;
  readonly middle: number;
  readonly middleStep: number;
  readonly inner: number;
  readonly innerStep: number;
}

/** Bytes of a packed matrix. */
export function packedBytes({ rows, outer, middle, inner }: MatrixLayout): number {
  return Math.ceil(rows / tile.rows) * tile.rows * outer * middle * inner * 4;
}

export function packMatrix(engine: Engine, a: MatrixLayout, packed: number): void {
  const { pointer, rows, rowStep, outer, outerStep, middle, middleStep, inner, innerStep } = a;
  const frame = { a: pointer, packed, rows, rowStep, outer, outerStep, middle, middleStep, inner, innerStep };
  engine.run("packPanel", Math.ceil(rows / tile.rows), frame);
}

/** Pointers and extents of a product: y [rows, columns], sums over `depth`. */
interface Product {
  readonly a: number;
  readonly b: number;
  readonly y: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Dot products of rows, where they lie: y[row, column] = sum over o, k of a[o, row, k] b[o, column, k]. Steps in elements. */
export interface DotProducts extends Product {
  readonly outer: number;
  readonly aRow: number;
  readonly aOuter: number;
  readonly bRow: number;
  readonly bOuter: number;
  readonly yRow: number;
  readonly yColumn: number;
}

/** A thread's share of so many columns of dot products is not cut again. */
const narrowDots = 128;

export function runDots(engine: Engine, dots: DotProducts): void {
  const { a, b, y, rows, columns, depth, outer } = dots;
  if (rows === 0 || columns === 0) return;
  // Packed rows serve all columns of a chunk: few chunks, and never narrow ones for their own sake.
  const share = Math.ceil(columns / engine.workers);
  const columnsPerChunk = Math.ceil(share / (share > narrowDots ? 2 : 1) / 4) * 4;
  const scratchStride = depth * PANEL * 4 + PANEL_TILES_BYTES;
  engine.withScratch(engine.workers * scratchStride, (scratch) =>
    engine.run("matmulDots", Math.ceil(columns / columnsPerChunk), {
      ...{ a, b, y, rows, columns, depth, outer },
      aRow: dots.aRow * 4,
      aOuter: dots.aOuter * 4,
      bRow: dots.bRow * 4,
      bOuter: dots.bOuter * 4,
      yRow: dots.yRow * 4,
      yColumn: dots.yColumn * 4,
      columnsPerChunk,
      scratch,
      scratchStride,
    }),
  );
}

/** Products of tiles, where the matrices lie: y[item, row, column] = sum over k of a(item, row, k) b[item, k, column]. */
export interface RowProducts extends Product {
  readonly items: number;
  /** Steps in elements; b and y are dense. */
  readonly aRow: number;
  readonly aDepth: number;
  readonly aItem: number;
  readonly bItem: number;
  /** What follows, with a bias for each row. */
  readonly end?: LeakyEnd;
}

/** Up to this many rows, the matrices are multiplied where they lie: the left one stays in the caches. */
export const mostRowsInPlace = 64;
/** So they are where the sum is this short: each element of b is used `rows` times, but packing a costs as much as the sum. */
const leastDepthPacked = 64;

export function runRows(engine: Engine, product: RowProducts): void {
  const { a, b, y, rows, columns, depth, items, end } = product;
  if (rows === 0 || columns === 0) return;
  // Many rows are cut into blocks of them, each with long rows of y; few rows into blocks of columns.
  const manyRows = rows >= columns || rows > mostRowsInPlace;
  const rowsPerChunk = manyRows ? 32 : Math.ceil(rows / 4) * 4;
  const columnsPerChunk = manyRows ? 512 : 128;
  const chunks = items * Math.ceil(rows / rowsPerChunk) * Math.ceil(columns / columnsPerChunk);
  const scratchStride = (rowsPerChunk * columnsPerChunk + PACKED_STEPS * PACKED_COLUMNS) * 4;
  engine.withScratch(engine.workers * scratchStride, (scratch) =>
    engine.run("matmulRows", chunks, {
      ...{ a, b, y, rows, columns, depth },
      aRow: product.aRow * 4,
      aDepth: product.aDepth * 4,
      aItem: product.aItem * 4,
      bItem: product.bItem * 4,
      yItem: rows * columns * 4,
      rowsPerChunk,
      columnsPerChunk,
      scratch,
      scratchStride,
      ...endFrame(end),
    }),
  );
}

/** Terms of many short dot products that make a chunk. */
const termsPerChunk = 16384;

export function wasmMatmul(engine: Engine, a: number, b: number, y: number, geometry: MatmulGeometry): void {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = geometry;
  if (m === 0 || n === 0) return;
  if (m === 1 && n === 1 && strideA === k && strideB === k) {
    const perChunk = Math.max(1, Math.ceil(termsPerChunk / Math.max(1, k)));
    engine.run("rowDots", Math.ceil(batch / perChunk), { a, b, y, rows: batch, depth: k, perChunk });
    return;
  }
  if (!transposeB && (m <= mostRowsInPlace || k <= leastDepthPacked)) {
    const [aRow, aDepth] = transposeA ? [1, m] : [k, 1];
    runRows(engine, {
      ...{ a, b, y, rows: m, columns: n, depth: k, items: batch, aRow, aDepth, aItem: strideA, bItem: strideB },
    });
    return;
  }
  const multiply = transposeB && !transposeA && m <= mostRowsInPlace ? dots : tiles;
  for (let item = 0; item < batch; item++) {
    multiply(engine, a + item * strideA * 4, b + item * strideB * 4, y + item * m * n * 4, geometry);
  }
}

type Multiply = (engine: Engine, a: number, b: number, y: number, geometry: MatmulGeometry) => void;

const dots: Multiply = (engine, a, b, y, { m, n, k }) =>
  runDots(engine, {
    ...{ a, b, y, rows: m, columns: n, depth: k, outer: 1 },
    ...{ aRow: k, aOuter: 0, bRow: k, bOuter: 0, yRow: n, yColumn: 1 },
  });

const tiles: Multiply = (engine, a, b, y, { m, n, k, transposeA, transposeB }) => {
  const matrix: MatrixLayout = {
    pointer: a,
    rows: m,
    rowStep: transposeA ? 1 : k,
    outer: 1,
    outerStep: 0,
    middle: 1,
    middleStep: 0,
    inner: k,
    innerStep: transposeA ? m : 1,
  };
  const { rowsPerChunk, columnsPerChunk, chunks, tileBytes } = cutProduct(m, n);
  const scratchStride = panelBytes + tileBytes;
  const packedSize = packedBytes(matrix);
  engine.withScratch(packedSize + engine.workers * scratchStride, (packed) => {
    packMatrix(engine, matrix, packed);
    engine.run("matmulTiles", chunks, {
      packed,
      b,
      y,
      scratch: packed + packedSize,
      scratchStride,
      rows: m,
      rowsPerChunk,
      depth: k,
      columns: n,
      columnsPerChunk,
      bDepthStep: transposeB ? 1 : n,
      bColumnStep: transposeB ? k : 1,
    });
  });
};
