/**
 * Minibatch standard deviation (ProGAN, section 3): how much samples of a group differ, as an extra feature map, so
 * that the discriminator sees a lack of variety.
 *
 * Sample n belongs to group n mod (N / G). For each group and each of F feature sets:
 *   sd = mean over (c, h, w) of sqrt(var over the group + 1e-8)
 * with the population variance; every member of the group gets the map [H, W] filled with sd.
 *
 * Tests: identity 34, tests/identities/discriminator.test.ts.
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
   * x [B N, C, H, W] -> [B N, C + F, H, W] for B batches of N samples, one after the other, which share no group.
   *
   * @param batches B, default 1
   * @throws RangeError when B does not divide the samples, the group size N, or F the feature maps
   */
  forward(x: Tensor, batches = 1): Tensor {
    const [samples, C, H, W] = x.shape;
    const B = batches;
    const N = samples / B;
    if (!Number.isInteger(N)) throw new RangeError(`MinibatchStdLayer: ${samples} samples are not ${B} equal batches`);
    const F = this.numChannels;
    const G = this.groupSize === null ? N : Math.min(this.groupSize, N);
    if (N % G !== 0) throw new RangeError(`MinibatchStdLayer: the batch of ${N} does not divide into groups of ${G}`);
    if (C % F !== 0) throw new RangeError(`MinibatchStdLayer: ${C} feature maps do not divide into ${F} sets`);
    const n = N / G;
    const c = C / F;
    return inScope(() => {
      const groups = reshape(x, [B, G, n, F, c, H, W]);
      const centred = sub(groups, mean(groups, { axes: [1], keepDims: true })); // [B, G, n, F, c, H, W]
      const variance = mean(square(centred), { axes: [1] }); // [B, n, F, c, H, W]
      const deviation = sqrt(addScalar(variance, 1e-8));
      const average = mean(deviation, { axes: [3, 4, 5] }); // [B, n, F]
      const maps = expand(reshape(average, [B, 1, n, F, 1, 1]), [B, G, n, F, H, W]);
      return concat([x, reshape(maps, [samples, F, H, W])], 1);
    });
  }
}
