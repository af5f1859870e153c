/** Generators that grow: mapping (StyleGAN, figure 1 b), and StyleGAN's synthesis or the revised one of StyleGAN2. */
import { type Contents, ParameterTree } from "../../nn/layers/module.js";
import { inScope, type Tensor } from "../../nn/tensor.js";
import type { ProgressiveGeneratorConfig } from "../config.js";
import { MappingNetwork, type TruncationOptions } from "../mapping.js";
import { Stylegan1Synthesis } from "./stylegan1Synthesis.js";
import { RevisedSynthesis } from "./stylegan2Synthesis.js";
import type { GrowingSynthesis, GrowingSynthesisOptions } from "./synthesis.js";

export type ProgressiveGeneratorOptions = TruncationOptions & GrowingSynthesisOptions;

/** Used like `Generator`, with `lod` among the options of synthesis. */
export class ProgressiveGenerator {
  readonly config: ProgressiveGeneratorConfig;
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly numWs: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** The official StyleGAN truncates with psi = 0.7 and cutoff 8; here, as everywhere, the default is not to. */
  readonly mapping: MappingNetwork;
  readonly synthesis: GrowingSynthesis;
  /** Trained tensors by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Stored but not trained: the average w, the constant noise, the level of detail. */
  readonly buffers: ReadonlyMap<string, Tensor>;

  /** Builds the network; `contents` fills each tensor: from a checkpoint, or `initialContents(random)`. */
  constructor(config: ProgressiveGeneratorConfig, contents: Contents) {
    const tree = new ParameterTree(contents);
    this.config = config;
    this.zDim = config.zDim;
    this.cDim = config.cDim;
    this.wDim = config.wDim;
    this.imgResolution = config.imgResolution;
    this.imgChannels = config.imgChannels;
    this.synthesis =
      config.kind === "stylegan1-generator"
        ? new Stylegan1Synthesis(tree.child("synthesis"), config.synthesis)
        : new RevisedSynthesis(tree.child("synthesis"), config.synthesis);
    this.numWs = this.synthesis.numWs;
    this.mapping = new MappingNetwork(tree.child("mapping"), config.mapping);
    this.parameters = tree.parameters;
    this.buffers = tree.buffers;
  }

  /**
   * @param z [N, zDim], normally distributed
   * @param c [N, cDim], one-hot labels; null for unconditional networks
   * @returns images [N, imgChannels, imgResolution, imgResolution], mostly within [-1, 1]
   * @throws RangeError when the shapes do not fit
   */
  forward(z: Tensor, c: Tensor | null = null, options: ProgressiveGeneratorOptions = {}): Tensor {
    return inScope(() => this.synthesis.forward(this.mapping.forward(z, c, options), options));
  }
}
