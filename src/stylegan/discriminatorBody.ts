/**
 * The body of StyleGAN2's discriminator (figure 7): a block for every resolution from the image down to 4x4, then minibatch
 * standard deviation, a convolution and two dense layers.
 *
 *   orig    fromRgb at the image's resolution only
 *   skip    fromRgb of the downsampled image is added at every resolution
 *   resnet  x = (skip(x) + conv1(conv0(x))) / sqrt(2)
 *
 * Tests: tests/goldens/checkpoints.test.ts, tests/identities/discriminator.test.ts.
 */
import { DenseLayer } from "../nn/layers/dense.js";
import type { ParameterTree } from "../nn/layers/module.js";
import { add } from "../nn/ops/arith.js";
import { reshape } from "../nn/ops/reduce.js";
import { downsample2d, type Filter2d, setupFilter } from "../nn/ops/upfirdn2d.js";
import { chain, type Tensor } from "../nn/tensor.js";
import { type DiscriminatorConfig, sizeAt } from "./config.js";
import { Conv2dLayer } from "./convLayer.js";
import { MappingNetwork } from "./mapping.js";
import { MinibatchStdLayer } from "./minibatchStd.js";

export interface DiscriminatorOptions {
  /** Networks that grow: level of detail, as in synthesis. Default: the one stored with the network. */
  readonly lod?: number;
  /** Called with each block's resolution and what it makes, [N, C, H / 2, W / 2]; copy what should outlive the call. */
  readonly onBlock?: (resolution: number, output: Tensor) => void;
  /** The images are so many batches of equal size, one after the other. Default 1. */
  readonly batches?: number;
}

/** From an image to scores, for one kind of discriminator. */
export interface DiscriminatorBody {
  /** Maps labels where scores are projected onto them. */
  readonly mapping: MappingNetwork | null;
  /** img [N, imgChannels, imgResolution, imgResolution] -> [N, outputs]; they depend on the batch */
  forward(img: Tensor, options: DiscriminatorOptions): Tensor;
}

interface Features {
  /** [N, C, H, W]; null before the first fromRgb. */
  readonly x: Tensor | null;
  /** The image at this resolution; null when no later block needs it. */
  readonly img: Tensor | null;
}

class DiscriminatorBlock {
  readonly resolution: number;
  readonly #fromRgb: Conv2dLayer | null;
  readonly #conv0: Conv2dLayer;
  readonly #conv1: Conv2dLayer;
  readonly #skip: Conv2dLayer | null;
  readonly #filter: Filter2d;
  readonly #passesImage: boolean;

  constructor(
    tree: ParameterTree,
    resolution: number,
    channels: number,
    outChannels: number,
    config: DiscriminatorConfig,
  ) {
    const { architecture, imgChannels, imgResolution, activation, convClamp } = config;
    const filter = setupFilter(config.resampleFilter);
    this.resolution = resolution;
    this.#filter = filter;
    this.#passesImage = architecture === "skip";
    this.#fromRgb =
      resolution === imgResolution || architecture === "skip"
        ? new Conv2dLayer(tree.child("fromrgb"), imgChannels, channels, 1, { activation, convClamp, filter })
        : null;
    this.#conv0 = new Conv2dLayer(tree.child("conv0"), channels, channels, 3, { activation, convClamp, filter });
    this.#conv1 = new Conv2dLayer(tree.child("conv1"), channels, outChannels, 3, {
      activation,
      convClamp,
      filter,
      down: 2,
    });
    this.#skip =
      architecture === "resnet"
        ? new Conv2dLayer(tree.child("skip"), channels, outChannels, 1, { bias: false, down: 2, filter })
        : null;
  }

  forward({ x, img }: Features): Features {
    let y = x;
    if (this.#fromRgb !== null) {
      const seen = this.#fromRgb.forward(img!);
      y = y === null ? seen : add(y, seen);
    }
    const smaller = this.#passesImage ? downsample2d(img!, this.#filter) : null;
    if (this.#skip === null) return { x: this.#conv1.forward(this.#conv0.forward(y!)), img: smaller };
    const shortcut = this.#skip.forward(y!, Math.SQRT1_2);
    const main = this.#conv1.forward(this.#conv0.forward(y!), Math.SQRT1_2);
    return { x: add(shortcut, main), img: smaller };
  }
}

/** 4x4 features to logits. */
class DiscriminatorEpilogue {
  readonly #fromRgb: Conv2dLayer | null;
  readonly #minibatchStd: MinibatchStdLayer | null;
  readonly #conv: Conv2dLayer;
  readonly #fc: DenseLayer;
  readonly #out: DenseLayer;

  constructor(tree: ParameterTree, channels: number, config: DiscriminatorConfig) {
    const { architecture, imgChannels, activation, convClamp, mbstdNumChannels, mbstdGroupSize } = config;
    const filter = setupFilter(config.resampleFilter);
    const [height, width] = sizeAt(config.base, 4);
    this.#fromRgb =
      architecture === "skip"
        ? new Conv2dLayer(tree.child("fromrgb"), imgChannels, channels, 1, { activation, filter })
        : null;
    this.#minibatchStd =
      mbstdNumChannels > 0 ? new MinibatchStdLayer({ groupSize: mbstdGroupSize, numChannels: mbstdNumChannels }) : null;
    const inChannels = channels + mbstdNumChannels;
    this.#conv = new Conv2dLayer(tree.child("conv"), inChannels, channels, 3, { activation, convClamp, filter });
    this.#fc = new DenseLayer(tree.child("fc"), channels * height * width, channels, { activation });
    const outputs = { none: 1, projection: config.cmapDim, logits: config.cDim }[config.conditioning];
    this.#out = new DenseLayer(tree.child("out"), channels, outputs);
  }

  /** -> [N, outputs] */
  forward({ x, img }: Features, batches: number): Tensor {
    let y = this.#fromRgb === null ? x! : add(x!, this.#fromRgb.forward(img!)); // [N, C, 4, 4]
    if (this.#minibatchStd !== null) y = this.#minibatchStd.forward(y, batches); // [N, C + F, 4, 4]
    y = this.#conv.forward(y); // [N, C, 4, 4]
    return this.#out.forward(this.#fc.forward(reshape(y, [y.shape[0], -1])));
  }
}

/** StyleGAN2's: blocks from the image's resolution down to 8x8, then the epilogue. */
export class Stylegan2DiscriminatorBody implements DiscriminatorBody {
  /** Made between blocks and epilogue: a seed fills the network in this order. */
  readonly mapping: MappingNetwork | null;
  readonly #blocks: readonly DiscriminatorBlock[];
  readonly #epilogue: DiscriminatorEpilogue;

  constructor(tree: ParameterTree, config: DiscriminatorConfig) {
    const channels = new Map(config.channels);
    const resolutions = [...channels.keys()].filter((resolution) => resolution > 4).sort((a, b) => b - a);
    this.#blocks = resolutions.map(
      (resolution) =>
        new DiscriminatorBlock(
          tree.child(`b${resolution}`),
          resolution,
          channels.get(resolution)!,
          channels.get(resolution / 2)!,
          config,
        ),
    );
    this.mapping = config.mapping === null ? null : new MappingNetwork(tree.child("mapping"), config.mapping);
    this.#epilogue = new DiscriminatorEpilogue(tree.child("b4"), channels.get(4)!, config);
  }

  forward(img: Tensor, { lod = 0, batches = 1, onBlock }: DiscriminatorOptions): Tensor {
    if (lod !== 0) throw new RangeError(`discriminator: lod must be 0 in a network that does not grow, got ${lod}`);
    if (this.#blocks.length === 0) {
      throw new RangeError(
        "discriminator: images must have at least 8 pixels a side, for 4x4 there is no block that reads them",
      );
    }
    const start: Features = { x: null, img };
    const features = chain(this.#blocks, start, (state, block) => {
      const next = block.forward(state);
      onBlock?.(block.resolution, next.x!);
      return next;
    });
    return this.#epilogue.forward(features, batches);
  }
}
