/**
 * The revised synthesis network of StyleGAN2's configs B to D (Karras et al. 2020, section 2 and figure 2 d): modulated
 * convolutions with demodulation in place of AdaIN, noise and bias outside the style; the network still grows.
 *
 * Config E drops growing for the skip generator (../synthesis.ts): there the images of all resolutions are summed,
 * here the finest alone counts once it is grown. Layers, names and w's are the same in both.
 *
 * Tests: tests/goldens/stylegan1.test.ts.
 */
import { normal, type ParameterTree } from "../../nn/layers/module.js";
import { expand, reshape } from "../../nn/ops/reduce.js";
import { setupFilter } from "../../nn/ops/upfirdn2d.js";
import { lastUse, type Tensor } from "../../nn/tensor.js";
import type { GrowingSynthesisConfig } from "../config.js";
import { type BlockContext, SynthesisLayer, ToRgbLayer } from "../synthesis.js";
import { type GrowingBlock, GrowingSynthesis } from "./synthesis.js";

class RevisedBlock implements GrowingBlock {
  readonly resolution: number;
  readonly #constant: Tensor | null; // [C, 4, 4]
  readonly #conv0: SynthesisLayer | null;
  readonly #conv1: SynthesisLayer;
  readonly #toRgb: ToRgbLayer;

  constructor(
    tree: ParameterTree,
    resolution: number,
    inChannels: number,
    channels: number,
    config: GrowingSynthesisConfig,
  ) {
    const options = { ...config, filter: setupFilter(config.resampleFilter) };
    const isFirst = resolution === 4;
    this.resolution = resolution;
    this.#constant = isFirst ? tree.parameter("const", [channels, 4, 4], normal()) : null;
    this.#conv0 = isFirst
      ? null
      : new SynthesisLayer(tree.child("conv0"), inChannels, channels, resolution, 2, options);
    this.#conv1 = new SynthesisLayer(tree.child("conv1"), channels, channels, resolution, 1, options);
    this.#toRgb = new ToRgbLayer(tree.child("torgb"), channels, config.imgChannels, options);
  }

  /** The w of conv1; conv0 takes the one before it, toRgb the one after. */
  get #layer(): number {
    return 2 * Math.log2(this.resolution) - 4;
  }

  features(x: Tensor | null, w: (layer: number) => Tensor, { seen, of }: BlockContext): Tensor {
    const last = w(this.#layer);
    if (this.#constant !== null) {
      const { shape } = this.#constant;
      const start = expand(reshape(this.#constant, [1, ...shape]), [last.shape[0], ...shape]); // [N, C, 4, 4]
      return seen("conv1", this.#conv1.forward(start, last, of("conv1")));
    }
    const y = seen("conv0", this.#conv0!.forward(x!, w(this.#layer - 1), of("conv0")));
    return seen("conv1", this.#conv1.forward(lastUse(y), last, of("conv1")));
  }

  toRgb(x: Tensor, w: (layer: number) => Tensor, { seen, of }: BlockContext): Tensor {
    return seen("torgb", this.#toRgb.forward(x, w(this.#layer + 1), of("torgb")));
  }
}

export class RevisedSynthesis extends GrowingSynthesis {
  readonly config: GrowingSynthesisConfig;

  constructor(tree: ParameterTree, config: GrowingSynthesisConfig) {
    const blocks = config.channels.map(([resolution, channels], k) => {
      const inChannels = k === 0 ? 0 : config.channels[k - 1][1];
      return new RevisedBlock(tree.child(`b${resolution}`), resolution, inChannels, channels, config);
    });
    super(tree, blocks, config);
    this.config = config;
  }
}
