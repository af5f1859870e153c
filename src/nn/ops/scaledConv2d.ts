/**
 * A convolution of feature maps that are multiplied by a number each, which is how a layer is modulated:
 *
 *   y = conv2d(x s, w), or convTranspose2d(x s, w)
 *
 * The products are made where kernels read x, and lie in no memory: neither for the convolution nor for the gradient of w.
 * Gradients of every order are those of the two operations one after the other. Tests: tests/nn/autograd.test.ts.
 */
import { defineOp, isRecording, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import type { Conv2dGeometry } from "../kernels/types.js";
import { assertShape } from "../shape.js";
import { allocateTensor, lastUse, type Tensor } from "../tensor.js";
import { mul, productWithGradient, sumOfProducts } from "./arith.js";
import {
  type Conv2dOptions,
  conv,
  conv2dGeometry,
  convTranspose2dGeometry,
  inputGrad,
  weightGrad,
  wShape,
  xShape,
  yShape,
} from "./conv2d.js";

type Inputs = { x: Tensor; s: Tensor; w: Tensor };
type Geometry = { readonly conv: Conv2dGeometry; readonly isTransposed: boolean };

const op: Op<Inputs, Geometry> = defineOp<Inputs, Geometry>("scaledConv2d", {
  forward: ({ x, s, w }, { conv: g, isTransposed }) => {
    const y = allocateTensor(isTransposed ? xShape(g) : yShape(g));
    const [from, scales, weights, to] = [x, s, w, y].map(({ internals }) => internals.block);
    if (isTransposed) activeKernels().conv2dInputGrad(from, weights, to, g, scales);
    else activeKernels().conv2d(from, weights, to, g, scales);
    return y;
  },
  vjp: (dy, { x, s, w }, { conv: g, isTransposed }, wanted) => {
    const ofW = wanted("w") ? gradientOfWeight(dy, { x, s, w }, { conv: g, isTransposed }) : null;
    if (!wanted("x") && !wanted("s")) return { x: null, s: null, w: ofW };
    const product = isTransposed ? conv({ x: dy, w }, g) : inputGrad({ dy, w }, g); // the gradient of x s
    if (!isRecording()) lastUse(product); // after s
    const ofS = wanted("s") ? sumOfProducts(product, x, s.shape) : null;
    return { s: ofS, w: ofW, x: wanted("x") ? productWithGradient(product, s, x.shape) : null };
  },
  reads: { x: ["s", "w"], s: ["x", "w"], w: ["x", "s"] },
});

function gradientOfWeight(dy: Tensor, { x, s }: Inputs, { conv: g, isTransposed }: Geometry): Tensor {
  if (isRecording()) return weightGrad(isTransposed ? { x: dy, dy: mul(x, s) } : { x: mul(x, s), dy }, g);
  const dw = allocateTensor(wShape(g));
  const [maps, scales, gradient, to] = [x, s, dy, dw].map(({ internals }) => internals.block);
  if (isTransposed) activeKernels().conv2dWeightGrad(gradient, maps, to, g, { dy: scales });
  else activeKernels().conv2dWeightGrad(maps, gradient, to, g, { x: scales });
  return dw;
}

export interface ScaledConv2dOptions extends Conv2dOptions {
  /** convTranspose2d instead of conv2d. Default false. */
  readonly transposed?: boolean;
}

/**
 * conv2d(mul(x, s), w), or convTranspose2d(mul(x, s), w).
 *
 * @param x [N, C, H, W]
 * @param s [N, C, 1, 1]
 * @param w as of conv2d or convTranspose2d
 * @returns the shape of the convolution
 * @throws RangeError when the shapes do not fit
 */
export function scaledConv2d(x: Tensor, s: Tensor, w: Tensor, options: ScaledConv2dOptions = {}): Tensor {
  const { transposed: isTransposed = false } = options;
  const geometry = isTransposed ? convTranspose2dGeometry(x, w, options) : conv2dGeometry(x, w, options);
  assertShape("scaledConv2d", "s", s.shape, [x.shape[0], x.shape[1], 1, 1], "N, C, 1, 1");
  return op({ x, s, w }, { conv: geometry, isTransposed });
}
