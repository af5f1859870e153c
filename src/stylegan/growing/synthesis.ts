/**
 * A synthesis network that grows: blocks of doubling resolution, each with its own toRgb; `lod` says which of them
 * make the image. What happens within a block is StyleGAN's (stylegan1Synthesis.ts) or StyleGAN2's (stylegan2Synthesis.ts).
 */
import { constant, type ParameterTree } from "../../nn/layers/module.js";
import { NoiseGenerator } from "../../nn/noise.js";
import { slice } from "../../nn/ops/layout.js";
import { reshape } from "../../nn/ops/reduce.js";
import { assertShape } from "../../nn/shape.js";
import { chain, inScope, type Tensor } from "../../nn/tensor.js";
import { type BlockContext, blockContext, blocksToRun, type SynthesisOptions, startOf } from "../synthesis.js";
import { fadeUp, splitLod, upscale2d } from "./lod.js";

export interface GrowingSynthesisOptions extends SynthesisOptions {
  /**
   * Level of detail: 0 for full resolution, log2(resolution) - 2 for 4x4; fractions fade between two levels.
   * Default: the one stored with the network, where its training had come to.
   */
  readonly lod?: number;
}

export interface GrowingBlock {
  readonly resolution: number;
  /** x [N, I, H / 2, W / 2], null at 4x4; `w(k)` is the w [N, wDim] of layer k -> [N, C, H, W] */
  features(x: Tensor | null, w: (layer: number) => Tensor, context: BlockContext): Tensor;
  /** x [N, C, H, W] -> [N, imgChannels, H, W] */
  toRgb(x: Tensor, w: (layer: number) => Tensor, context: BlockContext): Tensor;
}

interface GrowingGeometry {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
}

interface Growth {
  /** [N, C, H, W]; null before the first block. */
  readonly x: Tensor | null;
  /** The image at this resolution; null while it is too coarse to be seen. */
  readonly img: Tensor | null;
}

export class GrowingSynthesis {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** 2 log2(resolution) - 2: one w for every layer. */
  readonly numWs: number;
  /** The level of detail that training has come to, of shape []: a buffer, stored with the network. */
  readonly lod: Tensor;
  readonly #blocks: readonly GrowingBlock[];

  constructor(tree: ParameterTree, blocks: readonly GrowingBlock[], geometry: GrowingGeometry) {
    this.wDim = geometry.wDim;
    this.imgResolution = geometry.imgResolution;
    this.imgChannels = geometry.imgChannels;
    this.numWs = 2 * Math.log2(geometry.imgResolution) - 2;
    this.lod = tree.buffer("lod", [], constant(0));
    this.#blocks = blocks;
  }

  /**
   * @param ws [N, numWs, wDim], one w for each layer
   * @returns images [N, imgChannels, imgResolution, imgResolution], mostly within [-1, 1]
   * @throws RangeError when ws has another shape, or for a lod that the network does not have
   */
  forward(ws: Tensor, options: GrowingSynthesisOptions = {}): Tensor {
    const { imgResolution, wDim } = this;
    const { noiseMode = "random", random = new NoiseGenerator() } = options;
    if (options.until !== undefined) {
      throw new RangeError(
        `synthesis: until is for skip generators; a network that grows has lod, got ${options.until}`,
      );
    }
    assertShape("synthesis", "ws", ws.shape, [null, this.numWs, wDim], "N, numWs, wDim");
    const { lod, level } = splitLod("synthesis", options.lod ?? this.lod.item(), imgResolution);
    const w = (layer: number): Tensor => reshape(slice(ws, 1, layer, layer + 1), [ws.shape[0], wDim]);
    const grown = this.#blocks.filter(({ resolution }) => resolution <= imgResolution / 2 ** level);
    const running = blocksToRun(grown, ws.shape[0], options);
    return inScope(() => {
      const last = grown[grown.length - 1];
      const { img } = chain(running, startOf(options.from) as Growth, ({ x, img }, block) => {
        const context = blockContext(block.resolution, { noiseMode, random }, options);
        const after = (state: Growth): Growth => {
          if (block !== last) options.onBlock?.({ resolution: block.resolution, x: state.x!, img: state.img });
          return state;
        };
        const y = block.features(x, w, context);
        const blockLod = Math.log2(imgResolution / block.resolution);
        if (blockLod >= lod + 1) return after({ x: y, img: null }); // its image would fade out completely
        const rgb = block.toRgb(y, w, context);
        return after({ x: y, img: img === null ? rgb : fadeUp(rgb, img, lod - blockLod) });
      });
      return upscale2d(img!, 2 ** level);
    });
  }
}
