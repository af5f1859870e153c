/**
 * A synthesis network that grows: blocks of doubling resolution, each with its own toRgb; `lod` says which of them
 * make the image. What happens within a block is StyleGAN's (stylegan1Synthesis.ts) or StyleGAN2's (stylegan2Synthesis.ts).
 */
import { constant, type ParameterTree } from "../../nn/layers/module.js";
import type { Repeatable } from "../../nn/repeatable.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, type Tensor } from "../../nn/tensor.js";
import { type Block, type BlockContext, type Synthesis, type SynthesisOptions, walkBlocks } from "../forward/blocks.js";
import { checkForwardOptions, checkTensor } from "../forward/options.js";
import { fadeUp, splitLod, upscale2d } from "./lod.js";

export interface GrowingBlock extends Block {
  /** x [N, I, H / 2, W / 2], null at 4x4; ws: of this block's layers, [N, wDim] each -> [N, C, H, W] */
  features(x: Tensor | null, ws: readonly Tensor[], context: BlockContext): Tensor;
  /** x [N, C, H, W] -> [N, imgChannels, H, W] */
  toRgb(x: Tensor, ws: readonly Tensor[], context: BlockContext): Tensor;
}

interface GrowingGeometry {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly channels: readonly (readonly [number, number])[];
}

type BlockOf<Config> = new (
  tree: ParameterTree,
  resolution: number,
  inChannels: number,
  channels: number,
  config: Config,
) => GrowingBlock;

export class GrowingSynthesis<Config extends GrowingGeometry> implements Synthesis<Config> {
  readonly config: Config;
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly numWs: number;
  /** The level of detail that training has come to, of shape []: a buffer, stored with the network. */
  readonly lod: Tensor;
  readonly #blocks: readonly GrowingBlock[];
  readonly #tensors: Repeatable;

  constructor(tree: ParameterTree, config: Config, Block: BlockOf<Config>) {
    this.#tensors = tree;
    this.config = config;
    this.wDim = config.wDim;
    this.imgResolution = config.imgResolution;
    this.imgChannels = config.imgChannels;
    this.numWs = 2 * Math.log2(config.imgResolution) - 2;
    this.#blocks = config.channels.map(([resolution, channels], k) => {
      const inChannels = k === 0 ? 0 : config.channels[k - 1][1];
      return new Block(tree.child(`b${resolution}`), resolution, inChannels, channels, config);
    });
    this.lod = tree.buffer("lod", [], constant(0));
  }

  forward(ws: Tensor, options: SynthesisOptions = {}): Tensor {
    const { imgResolution } = this;
    const { until } = options;
    if (until !== undefined) {
      throw new RangeError(`synthesis: until is for skip generators; a network that grows has lod, got ${until}`);
    }
    checkForwardOptions("synthesis", options);
    checkTensor("synthesis", "ws", ws);
    assertShape("synthesis", "ws", ws.shape, [null, this.numWs, this.wDim], "N, numWs, wDim");
    const { lod, level } = splitLod("synthesis", options.lod ?? this.lod.item(), imgResolution);
    const grown = this.#blocks.filter(({ resolution }) => resolution <= imgResolution / 2 ** level);

    return inScope(() => {
      const img = walkBlocks(this.#tensors, grown, ws, options, (features, block, blockWs, context) => {
        const y = block.features(features.x, blockWs, context);
        const blockLod = Math.log2(imgResolution / block.resolution);
        if (blockLod >= lod + 1) return { x: y, img: null }; // its image would fade out completely
        const rgb = context.seen("torgb", block.toRgb(y, blockWs, context));
        return { x: y, img: features.img === null ? rgb : fadeUp(rgb, features.img, lod - blockLod) };
      });
      return upscale2d(img, 2 ** level);
    });
  }
}
