/** Multiples of a tensor, and shifts, by plain numbers: y = scale x + offset. Tests: tests/nn/autograd.test.ts. */
import { defineOp } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import { allocateTensor, type Tensor } from "../tensor.js";

const affineOp = defineOp<{ x: Tensor }, { scale: number; offset: number }>("affine", {
  forward: ({ x }, { scale, offset }) => {
    const y = allocateTensor(x.shape);
    activeKernels().affine(x.internals.block, y.internals.block, scale, offset);
    return y;
  },
  vjp: { x: (dy, _, options) => scale(dy, options.scale) },
  reads: {},
});

/** factor * x */
export const scale = (x: Tensor, factor: number): Tensor =>
  factor === 1 ? x : affineOp({ x }, { scale: factor, offset: 0 });
/** x + offset */
export const addScalar = (x: Tensor, offset: number): Tensor => affineOp({ x }, { scale: 1, offset });
