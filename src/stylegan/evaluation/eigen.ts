/**
 * Eigenvalues and eigenvectors of a real symmetric matrix: Householder reflections to tridiagonal form, then the QL
 * algorithm with implicit shifts (Golub and Van Loan, Matrix Computations, sections 8.3.1 and 8.3.3). O(n^3).
 *
 *   A = V diag(d) V^T
 *
 * Tests: tests/goldens/metrics.test.ts, tests/goldens/featureSets.test.ts.
 */

export interface SymmetricEigen {
  /** In no particular order. */
  readonly values: Float64Array;
  /** Row k is the eigenvector of values[k]; [n, n], orthonormal. */
  readonly vectors: Float64Array;
}

const MAX_SWEEPS = 60;

/**
 * @param matrix [n, n], row-major, symmetric
 * @throws RangeError when the matrix is not square, not finite, or (never seen) the iteration does not settle
 */
export function symmetricEigen(matrix: Float64Array): SymmetricEigen {
  const n = sizeOf(matrix);
  const { diagonal, offDiagonal, vectors } = tridiagonalize(matrix, n);
  implicitQl(diagonal, offDiagonal, vectors, n);
  return { values: diagonal, vectors };
}

/**
 * The eigenvalues alone, in no particular order: the same reflections on the lower triangle, each together with the next
 * matrix-vector product, so that the matrix passes through the processor once a column. 2048 of them take seconds.
 *
 * @param matrix [n, n], row-major, symmetric; what is above the diagonal is not read
 * @throws RangeError as `symmetricEigen`
 */
export function symmetricEigenvalues(matrix: Float64Array): Float64Array {
  const n = sizeOf(matrix);
  const { diagonal, offDiagonal } = tridiagonalOf(matrix.slice(), n);
  implicitQl(diagonal, offDiagonal, null, n);
  return diagonal;
}

function sizeOf(matrix: Float64Array): number {
  const n = Math.round(Math.sqrt(matrix.length));
  if (n * n !== matrix.length) throw new RangeError(`symmetricEigen: expected n x n elements, got ${matrix.length}`);
  if (!matrix.every(Number.isFinite)) throw new RangeError("symmetricEigen: expected finite elements");
  return n;
}

/** The tridiagonal form of the lower triangle `a`, which is overwritten. */
function tridiagonalOf(a: Float64Array, n: number): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const [v, q, next, p] = Array.from({ length: 4 }, () => new Float64Array(n));
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    // Column k after the reflection before, whose update of the rest is still to come.
    for (let i = k; i < n; i++) next[i] = a[i * n + k] - v[i] * q[k] - q[i] * v[k];
    diagonal[k] = next[k];
    if (k === n - 1) break;
    const { beta, element } = reflector(next, k + 1, n);
    offDiagonal[k] = element;
    // A <- A - v q^T - q v^T, and p = A w for the reflector w of this column, in one pass.
    p.fill(0);
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      const [vi, qi, wi] = [v[i], q[i], next[i]];
      let sum = 0;
      for (let j = k + 1; j < i; j++) {
        const value = a[row + j] - vi * q[j] - qi * v[j];
        a[row + j] = value;
        sum += value * next[j];
        p[j] += value * wi;
      }
      const value = a[row + i] - 2 * vi * qi;
      a[row + i] = value;
      p[i] += sum + value * wi;
    }
    let overlap = 0;
    for (let i = k + 1; i < n; i++) {
      p[i] *= beta;
      overlap += p[i] * next[i];
    }
    // H A H = A - w q^T - q w^T, q = p - (beta / 2) <p, w> w
    v[k] = 0;
    q[k] = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = next[i];
      q[i] = p[i] - (beta / 2) * overlap * next[i];
    }
  }
  return { diagonal, offDiagonal };
}

/** Turns elements from `begin` on into the w of a reflection onto the first of them; `element` is what becomes of that. */
function reflector(x: Float64Array, begin: number, n: number): { readonly beta: number; readonly element: number } {
  let tail = 0;
  for (let i = begin + 1; i < n; i++) tail += x[i] * x[i];
  const first = x[begin];
  if (tail === 0) {
    x.fill(0, begin);
    return { beta: 0, element: first };
  }
  const norm = Math.sqrt(first * first + tail);
  x[begin] = first + (first >= 0 ? norm : -norm);
  return { beta: 2 / (x[begin] * x[begin] + tail), element: first >= 0 ? -norm : norm };
}

/** Q^T A Q = T, tridiagonal, by n - 2 reflections H = I - beta v v^T; row k of `vectors` is column k of Q. */
function tridiagonalize(
  matrix: Float64Array,
  n: number,
): { diagonal: Float64Array; offDiagonal: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const vectors = new Float64Array(n * n);
  for (let k = 0; k < n; k++) vectors[k * n + k] = 1;
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    // v reflects the part of column k below the diagonal onto its first element.
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm += a[i * n + k] ** 2;
    norm = Math.sqrt(norm);
    if (norm === 0) continue;
    v.fill(0);
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k];
    v[k + 1] += v[k + 1] >= 0 ? norm : -norm;
    let squared = 0;
    for (let i = k + 1; i < n; i++) squared += v[i] * v[i];
    const beta = 2 / squared;
    // A <- H A H = A - v q^T - q v^T, with p = beta A v and q = p - (beta / 2) <p, v> v.
    let overlap = 0;
    for (let i = k; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j] * v[j];
      p[i] = beta * sum;
      overlap += p[i] * v[i];
    }
    for (let i = k; i < n; i++) p[i] -= (beta / 2) * overlap * v[i];
    for (let i = k; i < n; i++) {
      for (let j = k; j < n; j++) a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
    }
    // Q <- Q H, on the rows of Q^T: column i of Q takes part only for i > k.
    p.fill(0);
    for (let i = k + 1; i < n; i++) {
      for (let j = 0; j < n; j++) p[j] += v[i] * vectors[i * n + j];
    }
    for (let i = k + 1; i < n; i++) {
      for (let j = 0; j < n; j++) vectors[i * n + j] -= beta * v[i] * p[j];
    }
  }
  const diagonal = Float64Array.from({ length: n }, (_, k) => a[k * n + k]);
  const offDiagonal = Float64Array.from({ length: n }, (_, k) => (k + 1 < n ? a[(k + 1) * n + k] : 0));
  return { diagonal, offDiagonal, vectors };
}

/** Rotates the tridiagonal matrix (d, e) to diagonal form in place, and the rows of `vectors`, if there are any, with it. */
function implicitQl(d: Float64Array, e: Float64Array, vectors: Float64Array | null, n: number): void {
  for (let first = 0; first < n; first++) {
    for (let sweep = 0; ; sweep++) {
      // The block from `first` ends where an off-diagonal element is negligible.
      let last = first;
      while (last < n - 1 && Math.abs(e[last]) > Number.EPSILON * (Math.abs(d[last]) + Math.abs(d[last + 1]))) last++;
      if (last === first) break;
      if (sweep === MAX_SWEEPS) throw new RangeError(`symmetricEigen: no convergence after ${MAX_SWEEPS} sweeps`);
      // Wilkinson's shift: the eigenvalue of the leading 2x2 block that is nearer to d[first].
      const half = (d[first + 1] - d[first]) / (2 * e[first]);
      const shift = d[first] - e[first] / (half + Math.sign(half || 1) * Math.hypot(half, 1));
      let g = d[last] - shift;
      let [sine, cosine, moved] = [1, 1, 0];
      let k = last - 1;
      for (; k >= first; k--) {
        const f = sine * e[k];
        const b = cosine * e[k];
        const r = Math.hypot(f, g);
        e[k + 1] = r;
        if (r === 0) {
          // The block splits by itself.
          d[k + 1] -= moved;
          e[last] = 0;
          break;
        }
        sine = f / r;
        cosine = g / r;
        const shifted = d[k + 1] - moved;
        const t = (d[k] - shifted) * sine + 2 * cosine * b;
        moved = sine * t;
        d[k + 1] = shifted + moved;
        g = cosine * t - b;
        if (vectors !== null) rotateRows(vectors, k, cosine, sine, n);
      }
      if (k >= first) continue;
      d[first] -= moved;
      e[first] = g;
      e[last] = 0;
    }
  }
}

/** Rows k and k + 1: a plane rotation. */
function rotateRows(vectors: Float64Array, k: number, cosine: number, sine: number, n: number): void {
  for (let j = 0; j < n; j++) {
    const upper = vectors[k * n + j];
    const lower = vectors[(k + 1) * n + j];
    vectors[(k + 1) * n + j] = sine * upper + cosine * lower;
    vectors[k * n + j] = cosine * upper - sine * lower;
  }
}
