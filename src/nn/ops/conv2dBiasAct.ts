/**
 * A convolution and the bias and activation that follow it, as one operation:
 *
 *   y = gain act(t), t = inputGain conv2d(x, w) + biasGain b
 *
 * Of a leaky activation y has the sign of t, and the slope is all that the way back asks of t. So t need not be kept: y is made in
 * its place, which saves a feature map for each layer of a discriminator and the reading of it. Gradients of every order are those
 * of the two operations one after the other. Tests: tests/nn/autograd.test.ts, tests/kernels/laws.test.ts.
 */
import { defineOp, type Op } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import type { BiasActGeometry, Conv2dGeometry } from "../kernels/types.js";
import { allocateTensor, type Tensor } from "../tensor.js";
import { type BiasActOptions, biasAct, biasActGeometry, biasActGradOp, biasGradient, blockOf } from "./biasAct.js";
import { type Conv2dOptions, conv2d, conv2dGeometry, inputGrad, weightGrad, yShape } from "./conv2d.js";

type Inputs = { x: Tensor; w: Tensor; b: Tensor | null };
type Geometry = { readonly conv: Conv2dGeometry; readonly end: BiasActGeometry };

const op: Op<Inputs, Geometry> = defineOp<Inputs, Geometry>("conv2dBiasAct", {
  forward: ({ x, w, b }, { conv, end }) => {
    const y = allocateTensor(yShape(conv));
    activeKernels().conv2dBiasAct(x.internals.block, w.internals.block, blockOf(b), y.internals.block, conv, end);
    return y;
  },
  vjp: (dy, { x, w }, { conv, end }, wanted, y) => {
    const dt = biasActGradOp({ dy, x: y, scale: null, noise: null, b: null }, end);
    return {
      x: wanted("x") ? inputGrad({ dy: dt, w }, conv) : null,
      w: wanted("w") ? weightGrad({ x, dy: dt }, conv) : null,
      b: wanted("b") ? biasGradient(dt, end) : null,
    };
  },
  reads: { x: ["w", "y"], w: ["x", "y"], b: ["y"] },
});

/** Whether the sign of y is that of t, for all t but those that are lost below the smallest number. */
function keepsSign({ activation, alpha, inputGain, gain, clamp }: BiasActGeometry): boolean {
  const leaks = activation === "linear" || (activation === "lrelu" && alpha > 0);
  return leaks && clamp === null && inputGain > 0 && gain > 0;
}

/**
 * biasAct(conv2d(x, w, conv), b, end), which it is where the activation is not leaky or there is a clamp.
 *
 * @param x [N, I, H, W]
 * @param w [O, I / groups, kh, kw]
 * @param b [O], or null
 * @returns the shape of the convolution
 * @throws RangeError when the shapes do not fit
 */
export function conv2dBiasAct(
  x: Tensor,
  w: Tensor,
  b: Tensor | null,
  conv: Conv2dOptions,
  end: Omit<BiasActOptions, "scale" | "noise">,
): Tensor {
  const geometry = conv2dGeometry(x, w, conv);
  const endGeometry = biasActGeometry(yShape(geometry), end);
  if (!keepsSign(endGeometry)) return biasAct(conv2d(x, w, conv), b, end);
  return op({ x, w, b }, { conv: geometry, end: endGeometry });
}
