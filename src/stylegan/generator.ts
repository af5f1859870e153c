/** The generator: mapping and synthesis (StyleGAN, figure 1 b; StyleGAN2, figure 2 d). */
import { type Contents, ParameterTree } from "../nn/layers/module.js";
import { inScope, type Tensor } from "../nn/tensor.js";
import type { GeneratorConfig } from "./config.js";
import { MappingNetwork, type TruncationOptions } from "./mapping.js";
import { SynthesisNetwork, type SynthesisOptions } from "./synthesis.js";

export type GeneratorOptions = TruncationOptions & SynthesisOptions;

export class Generator {
  readonly config: GeneratorConfig;
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly numWs: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly mapping: MappingNetwork;
  readonly synthesis: SynthesisNetwork;
  /** Trained tensors by their official names. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Stored but not trained: the average w, the constant noise. */
  readonly buffers: ReadonlyMap<string, Tensor>;

  /** Builds the network; `contents` fills each tensor: from a checkpoint, or `initialContents(random)`. */
  constructor(config: GeneratorConfig, contents: Contents) {
    const tree = new ParameterTree(contents);
    this.config = config;
    this.zDim = config.zDim;
    this.cDim = config.cDim;
    this.wDim = config.wDim;
    this.imgResolution = config.imgResolution;
    this.imgChannels = config.imgChannels;
    this.synthesis = new SynthesisNetwork(tree.child("synthesis"), config.synthesis);
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
  forward(z: Tensor, c: Tensor | null = null, options: GeneratorOptions = {}): Tensor {
    return inScope(() => this.synthesis.forward(this.mapping.forward(z, c, options), options));
  }
}
