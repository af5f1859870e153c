/** Plans matrix products for `assembly/matmul.ts`: what to pack, where to cut, which form to use. */
import type { MatmulGeometry } from "./types.js";
import type { Engine } from "./wasmEngine.js";

/** Rows and columns of a register tile, and the depth of a panel (assembly/tile.ts). */
export const tile = { rows: 4, columns: 8, depth: 256, bytes: 128 } as const;
const panelBytes = tile.depth * tile.columns * 4;

/** Fewer chunks than this and large products cannot be shared out evenly. Fixed, whatever the number of threads. */
const wantedChunks = 16;
/** A panel of b is gathered once for all the rows of a chunk; with fewer rows than this, gathering would dominate. */
const fewestRows = 64;
const mostRows = 512;
const columnsPerChunk = 64;

/** How the output [rows, columns] of a product is cut into chunks. */
export interface Cut {
  readonly rowsPerChunk: number;
  readonly columnsPerChunk: number;
  readonly chunks: number;
  /** Bytes of tiles that a chunk fills. */
  readonly tileBytes: number;
}

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
  const frame = [pointer, packed, rows, rowStep, outer, outerStep, middle, middleStep, inner, innerStep];
  engine.run("packPanel", Math.ceil(rows / tile.rows), frame);
}

/** Up to this many rows of a, a transposed b is read in place, as dot products. */
const mostDotRows = 8;
/** Up to this many rows of a, rows of b are read in place instead of being packed into a panel. */
const mostDirectRows = 16;

export function wasmMatmul(engine: Engine, a: number, b: number, y: number, geometry: MatmulGeometry): void {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = geometry;
  if (m === 0 || n === 0) return;
  const matrix = (item: number): MatrixLayout => ({
    pointer: a + item * strideA * 4,
    rows: m,
    rowStep: transposeA ? 1 : k,
    outer: 1,
    outerStep: 0,
    middle: 1,
    middleStep: 0,
    inner: k,
    innerStep: transposeA ? m : 1,
  });
  if (transposeB && !transposeA && m <= mostDotRows) {
    const perChunk = 32;
    for (let item = 0; item < batch; item++) {
      const frame = [a + item * strideA * 4, b + item * strideB * 4, y + item * m * n * 4, m, k, n, perChunk];
      engine.run("matmulDots", Math.ceil(n / perChunk), frame);
    }
    return;
  }
  const cut = cutProduct(m, n);
  const stride = panelBytes + cut.tileBytes;
  const direct = !transposeB && m <= mostDirectRows ? 1 : 0;
  const packedSize = packedBytes(matrix(0));
  engine.withScratch(packedSize + engine.workers * stride, (packed) => {
    for (let item = 0; item < batch; item++) {
      if (item === 0 || strideA !== 0) packMatrix(engine, matrix(item), packed);
      engine.run("matmulTiles", cut.chunks, [
        packed,
        b + item * strideB * 4,
        y + item * m * n * 4,
        packed + packedSize,
        stride,
        m,
        cut.rowsPerChunk,
        k,
        n,
        cut.columnsPerChunk,
        transposeB ? 1 : n,
        transposeB ? k : 1,
        direct,
      ]);
    }
  });
}
