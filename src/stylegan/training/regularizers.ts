/**
 * What is added to the adversarial losses, as functions of networks and batch: gradient penalties on the
 * discriminator, path length on the generator.
 *
 * All three penalties are functions of a gradient, so their own gradients are of second order.
 * Tests: identities 37, 38 in tests/identities/objectives.test.ts; tests/goldens/training.test.ts.
 */
import { grad } from "../../nn/autograd/grad.js";
import { noGrad, variable } from "../../nn/autograd/record.js";
import { add, addScalar, mul, scale, sqrt, square, sub } from "../../nn/ops/arith.js";
import { sum } from "../../nn/ops/reduce.js";
import { mean } from "../../nn/ops/statistics.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, type Tensor } from "../../nn/tensor.js";

/** Images [N, C, H, W] -> logits [N, 1]: the discriminator, with augmentation and labels as the caller wants. */
export type Discriminate = (images: Tensor) => Tensor;

/**
 * R1(x) = gamma / 2 E[|grad_x D(x)|^2] on real images x (Mescheder et al. 2018, equation 9). Where images are
 * augmented, the gradient is that of x itself, through the augmentation.
 *
 * @param real [N, C, H, W]; where it is itself a variable, the penalty can be differentiated with respect to it
 * @returns the penalty [], and the logits [N, 1]
 */
export function r1Penalty(
  discriminate: Discriminate,
  real: Tensor,
  gamma: number,
): { readonly penalty: Tensor; readonly logits: Tensor } {
  return inScope(() => {
    const x = real.requiresGrad ? real : variable(real.detach());
    const logits = discriminate(x);
    const [dx] = grad([sum(logits)], [x], { createGraph: true }); // [N, C, H, W]
    return { penalty: scale(sum(square(dx)), gamma / 2 / real.shape[0]), logits };
  });
}

export interface GradientPenaltyOptions {
  /** Weight. Default 10. */
  readonly lambda?: number;
  /** The gradient norm to reach. Default 1. */
  readonly target?: number;
}

/**
 * lambda / target^2 E[(|grad_x D(x)| - target)^2] at points between real and generated images,
 * x = real + t (fake - real) (WGAN-GP: Gulrajani et al. 2017, equation 3).
 *
 * @param real [N, C, H, W]
 * @param fake [N, C, H, W]; no gradient flows into it
 * @param t [N, 1, 1, 1], uniform in [0, 1]
 * @returns []
 */
export function gradientPenalty(
  discriminate: Discriminate,
  real: Tensor,
  fake: Tensor,
  t: Tensor,
  options: GradientPenaltyOptions = {},
): Tensor {
  const { lambda = 10, target = 1 } = options;
  assertShape("gradientPenalty", "t", t.shape, [real.shape[0], 1, 1, 1], "N, 1, 1, 1");
  return inScope(() => {
    const x = variable(noGrad(() => add(real, mul(sub(fake, real), t))).detach());
    const [dx] = grad([sum(discriminate(x))], [x], { createGraph: true });
    const norm = sqrt(sum(square(dx), { axes: [1, 2, 3] })); // [N]
    return scale(mean(square(addScalar(norm, -target))), lambda / target ** 2);
  });
}

export interface PathLengthOptions {
  /** The moving average of path lengths before this batch; 0 at the start. */
  readonly plMean: number;
  /** How far the average moves towards each batch. Default 0.01. */
  readonly decay?: number;
  /** Default 2. */
  readonly weight?: number;
}

export interface PathLengthResult {
  /** [] */
  readonly penalty: Tensor;
  /** [N] */
  readonly lengths: Tensor;
  /** The moving average to pass in next time. */
  readonly plMean: number;
}

/**
 * Path length regularisation (StyleGAN2, equation 4): E[(|J_w^T y| - a)^2], y ~ N(0, I) an image of noise, J_w the
 * Jacobian of the generator at w. J_w^T y is the gradient of <g(w), y>; y is divided by sqrt(H W), so that lengths do
 * not grow with the resolution (appendix B). a is a moving average of the lengths. As in the official implementation
 * it takes this batch in first, and the gradient flows through that too.
 *
 * @param synthesize ws [N, L, wDim] -> images [N, C, H, W]
 * @param ws [N, L, wDim]; the length is the root of the mean over L of |d/dw_l|^2
 * @param noise [N, C, H, W], standard normal
 */
export function pathLengthPenalty(
  synthesize: (ws: Tensor) => Tensor,
  ws: Tensor,
  noise: Tensor,
  options: PathLengthOptions,
): PathLengthResult {
  const { plMean, decay = 0.01, weight = 2 } = options;
  return inScope(() => {
    const images = synthesize(ws);
    assertShape("pathLengthPenalty", "noise", noise.shape, images.shape, "N, C, H, W");
    const [height, width] = images.shape.slice(2);
    const y = scale(noise, 1 / Math.sqrt(height * width));
    const [jy] = grad([sum(mul(images, y))], [ws], { createGraph: true }); // [N, L, wDim]
    const lengths = sqrt(mean(sum(square(jy), { axes: [2] }), { axes: [1] })); // [N]
    const average = addScalar(scale(mean(lengths), decay), (1 - decay) * plMean); // []
    const penalty = scale(mean(square(sub(lengths, average))), weight);
    return { penalty, lengths, plMean: average.item() };
  });
}

/** Lazy regularisation (StyleGAN2, appendix B): a penalty every `interval` steps, and what keeps Adam the same. */
export interface LazyRegularization {
  /** c = k / (k + 1) for a penalty every k steps: k + 1 updates happen where there were k. */
  readonly ratio: number;
  readonly learningRate: number;
  readonly betas: readonly [number, number];
}

/** lr' = c lr, beta' = beta^c: over k steps, lr' (k + 1) = lr k and beta'^(k + 1) = beta^k. */
export function lazyRegularization(
  interval: number,
  learningRate: number,
  betas: readonly [number, number],
): LazyRegularization {
  if (!Number.isInteger(interval) || interval < 1) {
    throw new RangeError(`lazyRegularization: interval must be a whole number of at least 1, got ${interval}`);
  }
  const ratio = interval / (interval + 1);
  return { ratio, learningRate: ratio * learningRate, betas: [betas[0] ** ratio, betas[1] ** ratio] };
}
