/**
 * Adaptive discriminator augmentation (Karras et al. 2020, "Training Generative Adversarial Networks with Limited
 * Data"). Everything the discriminator sees, real or generated, goes through the same random transformations, each
 * with probability p; p follows how much the discriminator overfits.
 *
 * The pipeline is a differentiable function of the images: the generator learns through it, and R1 is the gradient
 * of the image before it. Tests: tests/goldens/augment.test.ts.
 */
import { assertShape } from "../../nn/shape.js";
import { inScope, type Tensor } from "../../nn/tensor.js";
import { applyColour, colourMap } from "./color.js";
import { applyCutout, applyFilter, applyNoise } from "./corruption.js";
import type { AugmentDraws, AugmentPipeline } from "./draws.js";
import { applyGeometry, sourcePosition } from "./geometry.js";

export { type AugmentDraws, type AugmentPipeline, augmentPipelines, drawAugmentation } from "./draws.js";

export interface AugmentOptions {
  readonly pipeline: AugmentPipeline;
  /** Probability of each transformation, times its multiplier in the pipeline. */
  readonly p: number;
  /** The random numbers, from `drawAugmentation`. */
  readonly draws: AugmentDraws;
}

/**
 * @param images [N, C, H, W]
 * @returns augmented images of the same shape
 * @throws RangeError when there are not N draws
 */
export function augment(images: Tensor, options: AugmentOptions): Tensor {
  const { pipeline, p, draws } = options;
  const { samples } = draws;
  assertShape("augment", "images", images.shape, [samples.length, null, null, null], "N, C, H, W");
  const [, channels, height, width] = images.shape;
  return inScope(() => {
    let x = images;
    x = applyGeometry(
      x,
      samples.map((draw) => sourcePosition(draw, p, pipeline, width, height)),
    );
    x = applyColour(
      x,
      samples.map((draw) => colourMap(draw, p, pipeline, channels)),
    );
    x = applyFilter(x, samples, p, pipeline);
    x = applyNoise(x, draws, p, pipeline);
    return applyCutout(x, samples, p, pipeline);
  });
}

export interface AdaOptions {
  /** The overfitting to hold. Default 0.6. */
  readonly target?: number;
  /** Thousands of images in which p can go from 0 to 1. Default 500. */
  readonly adaKimg?: number;
}

/**
 * The controller of p (ADA, section 3.1): r = E[sign(D(x))] over real images says how sure the discriminator is;
 * p <- max(0, p + sign(r - target) images / (1000 adaKimg)).
 *
 * @param p the probability so far
 * @param signMean r
 * @param images how many images were seen since the last adjustment
 */
export function adjustP(p: number, signMean: number, images: number, options: AdaOptions = {}): number {
  const { target = 0.6, adaKimg = 500 } = options;
  return Math.min(Math.max(0, p + (Math.sign(signMean - target) * images) / (1000 * adaKimg)), 1);
}
