/**
 * Matrix products. y = a b, da = dy b^T, db = a^T dy: the family is closed under differentiation.
 * Tests: tests/nn/autograd.test.ts.
 */
import { defineOp, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import { formatShape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";

export interface MatmulOptions {
  /** a is given transposed, [k, m]. Default false. */
  readonly transposeA?: boolean;
  /** b is given transposed, [n, k]. Default false. */
  readonly transposeB?: boolean;
}

const matmulOp: Op<{ a: Tensor; b: Tensor }, Required<MatmulOptions>> = defineOp("matmul", {
  forward: ({ a, b }, { transposeA, transposeB }) => {
    const [m, k] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
    const [kOfB, n] = transposeB ? [b.shape[1], b.shape[0]] : b.shape;
    if (a.shape.length !== 2 || b.shape.length !== 2 || k !== kOfB) {
      throw new RangeError(
        `matmul: needs matrices with equal inner extents, got ${formatShape(a.shape)}${transposeA ? "^T" : ""} ` +
          `times ${formatShape(b.shape)}${transposeB ? "^T" : ""}`,
      );
    }
    const y = allocateTensor([m, n]);
    const geometry = { batch: 1, m, n, k, transposeA, transposeB, strideA: 0, strideB: 0 };
    activeKernels().matmul(a.internals.block, b.internals.block, y.internals.block, geometry);
    return y;
  },
  vjp: {
    a: (dy, { b }, { transposeA, transposeB }) =>
      transposeA
        ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
        : matmul(dy, b, { transposeB: !transposeB }),
    b: (dy, { a }, { transposeA, transposeB }) =>
      transposeB
        ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, dy, { transposeA: !transposeA }),
  },
  reads: { a: ["b"], b: ["a"] },
});

/** [m, k] x [k, n] -> [m, n]. Throws RangeError when the inner extents differ. */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  return matmulOp({ a, b }, { transposeA, transposeB });
}
