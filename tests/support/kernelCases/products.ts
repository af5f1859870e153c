/** Sums and products of matrices. */
import fc from "fast-check";
import type { MatmulGeometry } from "../../../src/nn/kernels/types.js";
import { around, type KernelCase, type KernelProblem, small, upTo67 } from "./case.js";

const sumCase: KernelCase = {
  name: "sum",
  c: 1,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      batch: fc.oneof(fc.constant(1), small(4, 0)),
      outer: small(5, 0),
      reduce: fc.oneof(upTo67, fc.constant(700)),
      inner: fc.oneof(fc.constant(1), upTo67),
      gain: fc.constantFrom(1, 0.25, -2),
    })
    .map(({ batch, outer, reduce, inner, gain }) => ({
      inputs: [batch * outer * reduce * inner],
      output: outer * inner,
      flops: batch * outer * reduce * inner,
      run: (kernels, [x], y, positive) =>
        kernels.sum(x, y, { batch, outer, reduce, inner, gain: positive ? Math.abs(gain) : gain }),
    })),
};

function matmulProblem(geometry: MatmulGeometry): KernelProblem {
  const { batch, m, n, k, strideA, strideB } = geometry;
  const extent = (stride: number, size: number) => (stride === 0 ? size : batch * size);
  return {
    inputs: [extent(strideA, m * k), extent(strideB, k * n)],
    output: batch * m * n,
    flops: 2 * batch * m * n * k,
    run: (kernels, [a, b], y) => kernels.matmul(a, b, y, geometry),
  };
}

const matmulCase: KernelCase = {
  name: "matmul",
  c: 16,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      batch: small(3),
      m: around,
      n: around,
      k: fc.oneof(around, fc.constantFrom(0, 255, 257, 300)),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      shareA: fc.boolean(),
      shareB: fc.boolean(),
    })
    .map(({ batch, m, n, k, transposeA, transposeB, shareA, shareB }) =>
      matmulProblem({
        batch,
        m,
        n,
        k,
        transposeA,
        transposeB,
        strideA: shareA ? 0 : m * k,
        strideB: shareB ? 0 : k * n,
      }),
    ),
};

/** One number for each pair of rows: a batch of products of 1 x k and k x 1. */
const rowDotsCase: KernelCase = {
  name: "matmul (dot products of rows)",
  c: 16,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      batch: fc.oneof(upTo67, fc.constant(300)),
      k: fc.oneof(upTo67, fc.constant(257)),
      transposeB: fc.boolean(),
    })
    .map(({ batch, k, transposeB }) =>
      matmulProblem({ ...{ batch, m: 1, n: 1, k, transposeA: false, transposeB }, strideA: k, strideB: k }),
    ),
};

export const productCases: readonly KernelCase[] = [sumCase, matmulCase, rowDotsCase];
