/**
 * LPIPS, version 0.1 on VGG16 (Zhang et al. 2018, equation 1): how different two images look. Feature maps are
 * normalised over channels, and squared differences weighed by learned numbers:
 *
 *   d(a, b) = sum_K mean_{h,w} sum_c lin_K[c] (f_K(a) - f_K(b))^2[c, h, w],   f = F / (|F|_c + 1e-10)
 *
 * which is the squared distance |e(a) - e(b)|^2 of one long vector, e = f sqrt(lin) / sqrt(H W). Differentiable in both
 * images. Tests: tests/goldens/vgg.test.ts.
 */
import { addScalar, div, mul, sqrt, square, sub } from "../../nn/ops/arith.js";
import { concat } from "../../nn/ops/layout.js";
import { expand, reshape, sum } from "../../nn/ops/reduce.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, persistentTensor, Tensor } from "../../nn/tensor.js";
import { VGG_CHANNELS, Vgg16 } from "./vgg.js";
import { Weights, type WeightsSource } from "./weights.js";

/** Channel means and deviations of the images that VGG16 was trained on, in units of [-1, 1]. */
const SHIFT = [-0.03, -0.088, -0.188];
const SCALE = [0.458, 0.448, 0.45];
const EPSILON = 1e-10;
/** Under the root, so that the derivative is 0, not 0 / 0, where a ReLU left nothing: too small to change any norm. */
const TINY = 1e-36;

export class Lpips {
  readonly #vgg: Vgg16;
  /** [1, C, 1, 1] each */
  readonly #lin: readonly Tensor[];

  /**
   * @param vgg VGG16 under torchvision's names (`features.N.weight`): a file's bytes, or a source of them
   * @param lin the five weights of the lpips package, `linK.model.1.weight` [1, C, 1, 1] (its `weights/v0.1/vgg.pth`)
   * @throws FileError when either is something else
   */
  constructor(vgg: WeightsSource, lin: WeightsSource) {
    this.#vgg = new Vgg16(vgg);
    const weights = new Weights(lin, "LPIPS");
    this.#lin = VGG_CHANNELS.map((channels, k) => {
      const numbers = weights.numbers(`lin${k}.model.1.weight`, [1, channels, 1, 1]);
      return persistentTensor([1, channels, 1, 1], (data) => data.set(numbers));
    });
  }

  /**
   * The normalised feature maps f_K.
   *
   * @param images [N, 3, H, W] or [N, 1, H, W], values from -1 to 1; sides of at least 16
   * @returns five tensors [N, C, H / 2^k, W / 2^k]
   */
  features(images: Tensor): Tensor[] {
    assertShape("Lpips", "images", images.shape, [null, null, null, null], "N, C, H, W");
    const [n, channels, height, width] = images.shape;
    if (channels !== 1 && channels !== 3)
      throw new RangeError(`Lpips: images must have 1 or 3 channels, got ${channels}`);
    return inScope(() => {
      const colours = expand(images, [n, 3, height, width]);
      const perChannel = (values: readonly number[]): Tensor => Tensor.from(values, [1, 3, 1, 1]);
      const scaled = div(sub(colours, perChannel(SHIFT)), perChannel(SCALE));
      return this.#vgg.features(scaled).map((map) => {
        const norm = sqrt(addScalar(sum(square(map), { axes: [1], keepDims: true }), TINY)); // [N, 1, H, W]
        return div(map, addScalar(norm, EPSILON));
      });
    });
  }

  /** The five terms of the distance of each pair of images. a, b [N, C, H, W] -> [N, 5] */
  layers(a: Tensor, b: Tensor): Tensor {
    assertShape("Lpips", "b", b.shape, a.shape, "N, C, H, W");
    return inScope(() => this.layersBetween(this.features(a), this.features(b)));
  }

  /** The same from feature maps, for comparing many images to one: f_K(a), f_K(b) -> [N, 5] */
  layersBetween(a: readonly Tensor[], b: readonly Tensor[]): Tensor {
    return inScope(() => {
      const terms = this.#lin.map((lin, k) => {
        const [, , height, width] = a[k].shape;
        const weighed = mul(square(sub(a[k], b[k])), lin);
        return sum(weighed, { axes: [1, 2, 3], gain: 1 / (height * width) }); // [N]
      });
      return concat(
        terms.map((term) => reshape(term, [-1, 1])),
        1,
      );
    });
  }

  /**
   * The distance of each pair of images.
   *
   * @param a [N, C, H, W], values from -1 to 1 (outside is allowed)
   * @param b of the same shape
   * @returns [N]
   * @example
   * const lpips = new Lpips(readFileSync("vgg16-397923af.pth"), readFileSync("vgg.pth"));
   * const d = lpips.distance(images, others).toArray();
   */
  distance(a: Tensor, b: Tensor): Tensor {
    return inScope(() => sum(this.layers(a, b), { axes: [1] }));
  }

  /**
   * The vector whose squared distances are those of LPIPS, as the projector wants features.
   *
   * @param images [N, C, H, W]
   * @returns [N, D]
   */
  embedding(images: Tensor): Tensor {
    return inScope(() => {
      const parts = this.features(images).map((map, k) => {
        const [n, , height, width] = map.shape;
        const root = sqrt(mul(this.#lin[k], Tensor.from([1 / (height * width)], [])));
        return reshape(mul(map, root), [n, -1]);
      });
      return concat(parts, 1);
    });
  }
}
