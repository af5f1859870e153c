/**
 * The synthesis network of StyleGAN2's configs B to D (Karras et al. 2020, section 2 and figure 2 d): modulated
 * convolutions with demodulation in place of AdaIN, noise and bias outside the style; the network still grows.
 *
 * Config E drops growing for the skip generator (../synthesis.ts): there the images of all resolutions are summed,
 * here the finest alone counts once it is grown. Blocks, names and w's are the same in both.
 *
 * Tests: tests/goldens/stylegan1.test.ts.
 */
import type { ParameterTree } from "../../nn/layers/module.js";
import type { Tensor } from "../../nn/tensor.js";
import type { GrowingStylegan2SynthesisConfig } from "../config.js";
import type { BlockContext } from "../forward/blocks.js";
import { SynthesisBlock } from "../synthesis.js";
import { type GrowingBlock, GrowingSynthesis } from "./synthesis.js";

/** A block of the skip generator, whose image is faded and not summed. */
export class GrowingStylegan2Block implements GrowingBlock {
  readonly resolution: number;
  readonly numConv: number;
  readonly #block: SynthesisBlock;

  constructor(
    tree: ParameterTree,
    resolution: number,
    inChannels: number,
    channels: number,
    config: GrowingStylegan2SynthesisConfig,
  ) {
    this.resolution = resolution;
    this.#block = new SynthesisBlock(tree, resolution, inChannels, channels, { ...config, architecture: "skip" });
    this.numConv = this.#block.numConv;
  }

  features(x: Tensor | null, ws: readonly Tensor[], context: BlockContext): Tensor {
    return this.#block.features(x, ws, context);
  }

  toRgb(x: Tensor, ws: readonly Tensor[], { of }: BlockContext): Tensor {
    return this.#block.toRgb!.forward(x, ws[this.numConv], of("torgb"));
  }
}

export class GrowingStylegan2Synthesis extends GrowingSynthesis<GrowingStylegan2SynthesisConfig> {
  constructor(tree: ParameterTree, config: GrowingStylegan2SynthesisConfig) {
    super(tree, config, GrowingStylegan2Block);
  }
}
