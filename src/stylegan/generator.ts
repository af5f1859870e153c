/**
 * The generator: mapping and synthesis (StyleGAN, figure 1 b; StyleGAN2, figure 2 d). The mapping is one for all; the
 * synthesis is StyleGAN2's, or one that grows: StyleGAN's, or that of StyleGAN2's configs B to D.
 */
import { type Contents, ParameterTree } from "../nn/layers/module.js";
import { inScope, type Tensor } from "../nn/tensor.js";
import { type AnyGeneratorConfig, type GeneratorConfig, sizeAt } from "./config.js";
import type { Synthesis, SynthesisOptions } from "./forward/blocks.js";
import type { forwardOptionNames } from "./forward/options.js";
import { Stylegan1Synthesis } from "./growing/stylegan1Synthesis.js";
import { GrowingStylegan2Synthesis } from "./growing/stylegan2Synthesis.js";
import { MappingNetwork, type TruncationOptions } from "./mapping.js";
import { SynthesisNetwork } from "./synthesis.js";

/** An option that is not among those that are checked is not in here. */
export type GeneratorOptions = Pick<TruncationOptions & SynthesisOptions, (typeof forwardOptionNames)[number]>;

export class Generator<Config extends AnyGeneratorConfig = GeneratorConfig> {
  readonly config: Config;
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly numWs: number;
  readonly imgResolution: number;
  /** Pixels of an image: imgResolution both, in most networks. */
  readonly imgHeight: number;
  readonly imgWidth: number;
  readonly imgChannels: number;
  /** The official StyleGAN truncates with psi = 0.7 and cutoff 8; here the default is not to, for all kinds. */
  readonly mapping: MappingNetwork;
  readonly synthesis: Synthesis<Config["synthesis"]>;
  /** Trained tensors by their official names. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Stored but not trained: the average w, the constant noise, the level of detail of networks that grow. */
  readonly buffers: ReadonlyMap<string, Tensor>;

  /**
   * Builds the network; `contents` fills each tensor: from a checkpoint, or `initialContents(random)`. With null nothing
   * is allocated: such a network has names and shapes only.
   */
  constructor(config: Config, contents: Contents | null) {
    const tree = new ParameterTree(contents);
    this.config = config;
    this.zDim = config.zDim;
    this.cDim = config.cDim;
    this.wDim = config.wDim;
    this.imgResolution = config.imgResolution;
    const base = config.kind === "stylegan2-generator" ? config.synthesis.base : undefined;
    [this.imgHeight, this.imgWidth] = sizeAt(base, config.imgResolution);
    this.imgChannels = config.imgChannels;
    this.synthesis = makeSynthesis(tree.child("synthesis"), config);
    this.numWs = this.synthesis.numWs;
    this.mapping = new MappingNetwork(tree.child("mapping"), config.mapping);
    this.parameters = tree.parameters;
    this.buffers = tree.buffers;
  }

  /**
   * @param z [N, zDim], normally distributed
   * @param c [N, cDim], one-hot labels; null for unconditional networks
   * @returns images [N, imgChannels, imgHeight, imgWidth], mostly within [-1, 1]
   * @throws RangeError when the shapes do not fit
   */
  forward(z: Tensor, c: Tensor | null = null, options: GeneratorOptions = {}): Tensor {
    return inScope(() => this.synthesis.forward(this.mapping.forward(z, c, options), options));
  }
}

function makeSynthesis(tree: ParameterTree, config: AnyGeneratorConfig): Synthesis<AnyGeneratorConfig["synthesis"]> {
  switch (config.kind) {
    case "stylegan2-generator":
      return new SynthesisNetwork(tree, config.synthesis);
    case "stylegan1-generator":
      return new Stylegan1Synthesis(tree, config.synthesis);
    case "growing-stylegan2-generator":
      return new GrowingStylegan2Synthesis(tree, config.synthesis);
  }
}
