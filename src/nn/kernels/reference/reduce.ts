/** Reference kernels that sum: reductions and matrix products. */

import type { MatmulGeometry, SumGeometry } from "../types.js";
import type { Numbers } from "./elementwise.js";

/** y[outer, inner] = gain * (sum over b, r of x[b, outer, r, inner]). */
export function referenceSum(x: Numbers, y: Numbers, { batch, outer, reduce, inner, gain }: SumGeometry): void {
  const row = new Float64Array(inner);
  for (let o = 0; o < outer; o++) {
    row.fill(0);
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < reduce; r++) {
        const start = ((b * outer + o) * reduce + r) * inner;
        for (let i = 0; i < inner; i++) row[i] += x[start + i];
      }
    }
    for (let i = 0; i < inner; i++) y[o * inner + i] = gain * row[i];
  }
}

/** y[b] = op(a[b]) op(b[b]): [m, k] x [k, n] -> [m, n]. */
export function referenceMatmul(a: Numbers, b: Numbers, y: Numbers, geometry: MatmulGeometry): void {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = geometry;
  const row = new Float64Array(n);
  const [aRow, aStep] = transposeA ? [1, m] : [k, 1];
  for (let item = 0; item < batch; item++) {
    const aStart = item * strideA;
    const bStart = item * strideB;
    for (let i = 0; i < m; i++) {
      row.fill(0);
      if (transposeB) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let c = 0; c < k; c++) sum += a[aStart + i * aRow + c * aStep] * b[bStart + j * k + c];
          row[j] = sum;
        }
      } else {
        for (let c = 0; c < k; c++) {
          const factor = a[aStart + i * aRow + c * aStep];
          const start = bStart + c * n;
          for (let j = 0; j < n; j++) row[j] += factor * b[start + j];
        }
      }
      y.set(row, (item * m + i) * n);
    }
  }
}
