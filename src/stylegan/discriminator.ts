/**
 * The discriminator: a body that turns an image into scores, StyleGAN2's (discriminatorBody.ts) or one that grows
 * (growing/discriminatorBody.ts), and what labels do with the scores:
 *
 *   projection   logit = <out, mapping(c)> / sqrt(cmapDim)   (Miyato and Koyama 2018)
 *   logits       logit = <out, c>: one for every class, and the label picks its own
 *
 * Tests: tests/goldens/checkpoints.test.ts, tests/identities/discriminator.test.ts.
 */
import { type Contents, ParameterTree } from "../nn/layers/module.js";
import { mul, scale } from "../nn/ops/arith.js";
import { sum } from "../nn/ops/reduce.js";
import { assertShape } from "../nn/shape.js";
import { inScope, type Tensor } from "../nn/tensor.js";
import { type AnyDiscriminatorConfig, type DiscriminatorConfig, sizeAt } from "./config.js";
import { type DiscriminatorBody, type DiscriminatorOptions, Stylegan2DiscriminatorBody } from "./discriminatorBody.js";
import { GrowingDiscriminatorBody } from "./growing/discriminatorBody.js";

export class Discriminator<Config extends AnyDiscriminatorConfig = DiscriminatorConfig> {
  readonly config: Config;
  readonly cDim: number;
  readonly imgResolution: number;
  /** Pixels of an image: imgResolution both, in most networks. */
  readonly imgHeight: number;
  readonly imgWidth: number;
  readonly imgChannels: number;
  /** Trained tensors by their official names. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Stored but not trained: the level of detail of networks that grow. */
  readonly buffers: ReadonlyMap<string, Tensor>;
  readonly #body: DiscriminatorBody;

  /**
   * Builds the network; `contents` fills each tensor: from a checkpoint, or `initialContents(random)`. With null nothing
   * is allocated: such a network has names and shapes only.
   */
  constructor(config: Config, contents: Contents | null) {
    const tree = new ParameterTree(contents);
    this.config = config;
    this.cDim = config.cDim;
    this.imgResolution = config.imgResolution;
    const base = config.kind === "stylegan2-discriminator" ? config.base : undefined;
    [this.imgHeight, this.imgWidth] = sizeAt(base, config.imgResolution);
    this.imgChannels = config.imgChannels;
    this.#body = makeBody(tree, config);
    this.parameters = tree.parameters;
    this.buffers = tree.buffers;
  }

  /** The level of detail that training has come to, of shape []; null in a network that does not grow. */
  get lod(): Tensor | null {
    return this.buffers.get("lod") ?? null;
  }

  /**
   * @param img [N, imgChannels, imgHeight, imgWidth], values from -1 to 1
   * @param c [N, cDim], one-hot labels; null for unconditional networks
   * @returns logits [N, 1]: positive means real. They depend on the batch, through the minibatch standard deviation
   * @throws RangeError when the shapes do not fit, or for a lod that the network does not have
   */
  forward(img: Tensor, c: Tensor | null = null, options: DiscriminatorOptions = {}): Tensor {
    const { imgChannels, imgHeight, imgWidth, cDim } = this;
    const expected = [null, imgChannels, imgHeight, imgWidth];
    assertShape("discriminator", "img", img.shape, expected, "N, C, H, W");
    if (cDim > 0 && c === null) {
      throw new RangeError(`discriminator: this network is conditional; c must be [N, ${cDim}], got null`);
    }
    if (c !== null) assertShape("discriminator", "c", c.shape, [img.shape[0], cDim], "N, cDim");
    return inScope(() => {
      const out = this.#body.forward(img, options); // [N, 1], [N, cmapDim] or [N, cDim]
      if (cDim === 0) return out;
      const { mapping } = this.#body;
      if (mapping === null) return sum(mul(out, c!), { axes: [1], keepDims: true });
      const cmap = mapping.forward(null, c); // [N, cmapDim]
      return scale(sum(mul(out, cmap), { axes: [1], keepDims: true }), 1 / Math.sqrt(mapping.wDim));
    });
  }
}

function makeBody(tree: ParameterTree, config: AnyDiscriminatorConfig): DiscriminatorBody {
  return config.kind === "stylegan2-discriminator"
    ? new Stylegan2DiscriminatorBody(tree, config)
    : new GrowingDiscriminatorBody(tree, config);
}
