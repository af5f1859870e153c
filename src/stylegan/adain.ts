/**
 * Adaptive instance normalisation, the way StyleGAN applies styles (Karras et al. 2018, equation 1):
 *
 *   AdaIN(x_i, y) = y_s,i (x_i - mu(x_i)) / sigma(x_i) + y_b,i
 *
 * Every feature map of every sample is brought to mean 0 and standard deviation 1 over its pixels, then to the mean
 * and deviation that the style asks for. Tests: identity 22, tests/identities/adain.test.ts.
 */
import { add, addScalar, mul, rsqrt, square, sub } from "../nn/ops/arith.js";
import { reshape } from "../nn/ops/reduce.js";
import { mean } from "../nn/ops/statistics.js";
import { assertShape } from "../nn/shape.js";
import { inScope, type Tensor } from "../nn/tensor.js";

const OVER_PIXELS = { axes: [2, 3], keepDims: true } as const;

export interface InstanceNormOptions {
  /** Added to the variance. Default 1e-8. */
  readonly epsilon?: number;
}

/** (x - mu) / sqrt(sigma^2 + eps), with mean and population variance over the pixels of each map: [N, C, H, W]. */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const { epsilon = 1e-8 } = options;
  assertShape("instanceNorm", "x", x.shape, [null, null, null, null], "N, C, H, W");
  return inScope(() => {
    const centred = sub(x, mean(x, OVER_PIXELS));
    const variance = mean(square(centred), OVER_PIXELS); // [N, C, 1, 1]
    return mul(centred, rsqrt(addScalar(variance, epsilon)));
  });
}

/** y_s x + y_b: x [N, C, H, W], scale and bias [N, C], one of each for a feature map. */
export function styleModulation(x: Tensor, scale: Tensor, bias: Tensor): Tensor {
  const [n, c] = x.shape;
  assertShape("styleModulation", "scale", scale.shape, [n, c], "N, C", "did you pass w instead of affine(w)?");
  assertShape("styleModulation", "bias", bias.shape, [n, c], "N, C");
  return inScope(() => add(mul(x, reshape(scale, [n, c, 1, 1])), reshape(bias, [n, c, 1, 1])));
}

/**
 * Equation 1.
 *
 * @param x [N, C, H, W]
 * @param scale y_s [N, C]
 * @param bias y_b [N, C]
 * @returns the shape of x
 * @throws RangeError when the shapes do not fit
 */
export function adain(x: Tensor, scale: Tensor, bias: Tensor, options: InstanceNormOptions = {}): Tensor {
  return inScope(() => styleModulation(instanceNorm(x, options), scale, bias));
}
