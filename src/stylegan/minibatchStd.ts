/**
 * Minibatch standard deviation (ProGAN, section 3): how much samples of a group differ, as an extra feature map, so
 * that the discriminator sees a lack of variety.
 *
 * Sample n belongs to group n mod (N / G). For each group and each of F feature sets:
 *   sd = mean over (c, h, w) of sqrt(var over the group + 1e-8)
 * with the population variance; every member of the group gets the map [H, W] filled with sd.
 *
 * Tests: identity 34, tests/identities.discriminator.test.ts.
 */
import { addScalar, sqrt, square, sub } from "../nn/ops/arith.js";
import { concat } from "../nn/ops/layout.js";
import { expand, reshape } from "../nn/ops/reduce.js";
import { mean } from "../nn/ops/statistics.js";
import { inScope, type Tensor } from "../nn/tensor.js";

export interface MinibatchStdOptions {
  /** Samples per group; the whole batch when it is smaller, or when null. */
  readonly groupSize: number | null;
  /** Feature maps to add. */
  readonly numChannels: number;
}

export class MinibatchStdLayer {
  readonly groupSize: number | null;
  readonly numChannels: number;

  constructor(options: MinibatchStdOptions) {
    this.groupSize = options.groupSize;
    this.numChannels = options.numChannels;
  }

  /**
   * x [N, C, H, W] -> [N, C + F, H, W]
   *
   * @throws RangeError when the group size does not divide N, or F does not divide C
   */
  forward(x: Tensor): Tensor {
    const [N, C, H, W] = x.shape;
    const F = this.numChannels;
    const G = this.groupSize === null ? N : Math.min(this.groupSize, N);
    if (N % G !== 0) throw new RangeError(`MinibatchStdLayer: the batch of ${N} does not divide into groups of ${G}`);
    if (C % F !== 0) throw new RangeError(`MinibatchStdLayer: ${C} feature maps do not divide into ${F} sets`);
    const n = N / G;
    const c = C / F;
    return inScope(() => {
      const groups = reshape(x, [G, n, F, c, H, W]);
      const centred = sub(groups, mean(groups, { axes: [0], keepDims: true })); // [G, n, F, c, H, W]
      const variance = mean(square(centred), { axes: [0] }); // [n, F, c, H, W]
      const deviation = sqrt(addScalar(variance, 1e-8));
      const average = mean(deviation, { axes: [2, 3, 4] }); // [n, F]
      const maps = expand(reshape(average, [1, n, F, 1, 1]), [G, n, F, H, W]);
      return concat([x, reshape(maps, [N, F, H, W])], 1);
    });
  }
}
