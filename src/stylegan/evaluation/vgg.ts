/**
 * The convolutions of VGG16 (Simonyan and Zisserman 2015, table 1, column D), whose feature maps LPIPS compares:
 *
 *   [64 64] pool [128 128] pool [256 256 256] pool [512 512 512] pool [512 512 512]
 *
 * each number a 3x3 convolution with that many outputs, padding 1, then ReLU; each pool the maximum over 2x2.
 * Weights come under torchvision's names, `features.N.weight` and `.bias`. Differentiable in the image.
 * Tests: tests/goldens/vgg.test.ts.
 */
import { maxPool2d } from "../../nn/ops/pool.js";
import { setupFilter } from "../../nn/ops/upfirdn2d.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, type Tensor } from "../../nn/tensor.js";
import { convLayer } from "../convLayer.js";
import { Weights, type WeightsSource } from "./weights.js";

/** Outputs of the convolutions of each stage. */
const STAGES: readonly (readonly number[])[] = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

/** Channels of the five feature maps. */
export const VGG_CHANNELS: readonly number[] = STAGES.map((stage) => stage[0]);

/** Smaller images vanish in the fourth pool. */
const MIN_SIDE = 2 ** (STAGES.length - 1);

interface Convolution {
  readonly weight: Tensor; // [O, I, 3, 3]
  readonly bias: Tensor; // [O]
}

const RELU = { filter: setupFilter([1]), weightGain: 1, activation: "relu", gain: 1, clamp: null } as const;

export class Vgg16 {
  readonly #stages: readonly (readonly Convolution[])[];

  /**
   * @param source torchvision's `vgg16-397923af.pth`, or another file with its `features` (the classifier is not needed)
   * @throws FileError when the file is something else
   */
  constructor(source: WeightsSource) {
    const weights = new Weights(source, "VGG16");
    let inChannels = 3;
    let index = 0;
    this.#stages = STAGES.map((stage) => {
      const convolutions = stage.map((outChannels): Convolution => {
        const weight = weights.tensor(`features.${index}.weight`, [outChannels, inChannels, 3, 3]);
        const bias = weights.tensor(`features.${index}.bias`, [outChannels]);
        inChannels = outChannels;
        index += 2; // a ReLU lies between two convolutions
        return { weight, bias };
      });
      index++; // the pool
      return convolutions;
    });
  }

  /**
   * The feature maps after the last ReLU of each stage.
   *
   * @param x [N, 3, H, W], normalised; sides of at least 16
   * @returns five tensors [N, C, H / 2^k, W / 2^k], sizes rounded down
   */
  features(x: Tensor): Tensor[] {
    assertShape("Vgg16", "x", x.shape, [null, 3, null, null], "N, 3, H, W");
    const [, , height, width] = x.shape;
    if (height < MIN_SIDE || width < MIN_SIDE) {
      throw new RangeError(`Vgg16: images must be at least ${MIN_SIDE}x${MIN_SIDE}, got ${height}x${width}`);
    }
    return inScope(() => {
      const maps: Tensor[] = [];
      for (const stage of this.#stages) {
        const start = maps.length === 0 ? x : maxPool2d(maps[maps.length - 1], { kernel: 2 });
        maps.push(stage.reduce((state, { weight, bias }) => convLayer(state, weight, bias, RELU), start));
      }
      return maps;
    });
  }
}
