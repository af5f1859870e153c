/**
 * Float64 matrices for the Frechet distance, whose square roots of small eigenvalues need all digits: products, and the
 * Cholesky factor of a positive semidefinite matrix. Everything is made of inner products of rows, four by four in
 * registers and in pieces that fit the cache. Tests: tests/goldens/featureSets.test.ts.
 */

export interface RowProducts {
  /** [m, depth], row-major. */
  readonly a: Float64Array;
  /** [n, depth] */
  readonly b: Float64Array;
  /** [m, n]: a b^T is added to it. */
  readonly out: Float64Array;
  readonly m: number;
  readonly n: number;
  readonly depth: number;
  /** Compute only elements with column <= row (in whole tiles). Default false. */
  readonly lower?: boolean;
}

/** Length of the pieces of rows: eight of them fit the first cache. */
const DEPTH = 256;
/** Rows of b that are used again and again while they are in the second cache. */
const PANEL = 64;
const TILE = 4;

/** out += a b^T: inner products of all rows of a with all rows of b. */
export function addRowProducts(products: RowProducts): void {
  const { m, n, depth, lower = false } = products;
  for (let k0 = 0; k0 < depth; k0 += DEPTH) {
    const k1 = Math.min(k0 + DEPTH, depth);
    for (let j0 = 0; j0 < n; j0 += PANEL) {
      const j1 = Math.min(j0 + PANEL, n);
      for (let i = lower ? j0 - (j0 % TILE) : 0; i < m; i += TILE) {
        const end = lower ? Math.min(j1, i + TILE) : j1;
        for (let j = j0; j < end; j += TILE) {
          if (i + TILE <= m && j + TILE <= j1) addTile(products, i, j, k0, k1);
          else addEdge(products, i, Math.min(i + TILE, m), j, Math.min(j + TILE, j1), k0, k1);
        }
      }
    }
  }
}

function addTile({ a, b, out, n, depth }: RowProducts, i: number, j: number, k0: number, k1: number): void {
  let [c00, c01, c02, c03, c10, c11, c12, c13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [c20, c21, c22, c23, c30, c31, c32, c33] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [pa, pb] = [i * depth + k0, j * depth + k0];
  for (const end = i * depth + k1; pa < end; pa++, pb++) {
    const [a0, a1, a2, a3] = [a[pa], a[pa + depth], a[pa + 2 * depth], a[pa + 3 * depth]];
    const b0 = b[pb];
    c00 += a0 * b0;
    c10 += a1 * b0;
    c20 += a2 * b0;
    c30 += a3 * b0;
    const b1 = b[pb + depth];
    c01 += a0 * b1;
    c11 += a1 * b1;
    c21 += a2 * b1;
    c31 += a3 * b1;
    const b2 = b[pb + 2 * depth];
    c02 += a0 * b2;
    c12 += a1 * b2;
    c22 += a2 * b2;
    c32 += a3 * b2;
    const b3 = b[pb + 3 * depth];
    c03 += a0 * b3;
    c13 += a1 * b3;
    c23 += a2 * b3;
    c33 += a3 * b3;
  }
  let at = i * n + j;
  out[at] += c00;
  out[at + 1] += c01;
  out[at + 2] += c02;
  out[at + 3] += c03;
  at += n;
  out[at] += c10;
  out[at + 1] += c11;
  out[at + 2] += c12;
  out[at + 3] += c13;
  at += n;
  out[at] += c20;
  out[at + 1] += c21;
  out[at + 2] += c22;
  out[at + 3] += c23;
  at += n;
  out[at] += c30;
  out[at + 1] += c31;
  out[at + 2] += c32;
  out[at + 3] += c33;
}

function addEdge(
  { a, b, out, n, depth }: RowProducts,
  i0: number,
  i1: number,
  j0: number,
  j1: number,
  k0: number,
  k1: number,
): void {
  for (let i = i0; i < i1; i++) {
    for (let j = j0; j < j1; j++) {
      let sum = 0;
      for (let k = k0; k < k1; k++) sum += a[i * depth + k] * b[j * depth + k];
      out[i * n + j] += sum;
    }
  }
}

/** Copies what lies below the diagonal above it; [n, n]. */
export function mirrorLower(matrix: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) matrix[j * n + i] = matrix[i * n + j];
  }
}

export interface CholeskyFactor {
  /** [rank, n] */
  readonly rows: Float64Array;
  readonly rank: number;
}

/**
 * R with R^T R = A, for A positive semidefinite: the Cholesky factor with pivoting (Higham 2002, section 10.3), in the
 * order of the pivots. It ends where what is left of the diagonal is rounding.
 *
 * @param matrix [n, n], row-major, symmetric
 */
export function choleskyFactor(matrix: Float64Array, n: number): CholeskyFactor {
  const rows = new Float64Array(n * n);
  const left = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i]); // what is left of the diagonal
  const negligible = n * Number.EPSILON * left.reduce((largest, value) => Math.max(largest, value), 0);
  const isDone = new Uint8Array(n);
  for (let rank = 0; rank < n; rank++) {
    let pivot = -1;
    for (let i = 0; i < n; i++) if (isDone[i] === 0 && (pivot < 0 || left[i] > left[pivot])) pivot = i;
    if (!(left[pivot] > negligible)) return { rows: rows.slice(0, rank * n), rank };
    const row = rows.subarray(rank * n, (rank + 1) * n);
    row.set(matrix.subarray(pivot * n, (pivot + 1) * n));
    for (let k = 0; k < rank; k++) {
      const factor = rows[k * n + pivot];
      const above = k * n;
      for (let i = 0; i < n; i++) row[i] -= factor * rows[above + i];
    }
    const root = Math.sqrt(left[pivot]);
    isDone[pivot] = 1;
    for (let i = 0; i < n; i++) {
      row[i] = isDone[i] === 1 ? 0 : row[i] / root;
      left[i] -= row[i] * row[i];
    }
    row[pivot] = root;
  }
  return { rows, rank: n };
}
