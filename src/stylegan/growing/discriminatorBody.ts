/**
 * Discriminators that grow (ProGAN, table 2, right; StyleGAN uses the same): from the image at its level of detail
 * down to 4x4, two convolutions for every resolution, then minibatch standard deviation and two dense layers.
 *
 *   x = fromRgb(image at lod floor(lod))
 *   after the first block:  x = lerp(x, fromRgb(image at lod floor(lod) + 1), lod - floor(lod))
 *
 * The layers are StyleGAN's (blur, box downsampling, gain in the weights), or StyleGAN2's for its configs B to D.
 * With labels there is one logit for every class, and the label picks its own.
 * Tests: tests/goldens/stylegan1.test.ts.
 */
import { DenseLayer } from "../../nn/layers/dense.js";
import { type Contents, constant, ParameterTree } from "../../nn/layers/module.js";
import { lerp, mul } from "../../nn/ops/arith.js";
import { reshape, sum } from "../../nn/ops/reduce.js";
import { setupFilter } from "../../nn/ops/upfirdn2d.js";
import { assertShape } from "../../nn/shape.js";
import { chain, inScope, type Tensor } from "../../nn/tensor.js";
import type {
  GrowingDiscriminatorConfig,
  ProgressiveDiscriminatorConfig,
  Stylegan1DiscriminatorConfig,
} from "../config.js";
import { Conv2dLayer } from "../convLayer.js";
import { MinibatchStdLayer } from "../minibatchStd.js";
import { downscale2d, splitLod } from "./lod.js";
import { blurFilter, isFused, Stylegan1Conv, Stylegan1DownConv } from "./stylegan1Layers.js";

interface Layer {
  forward(x: Tensor): Tensor;
}

/** The two families of layers that a growing discriminator can be made of. */
interface LayerFactory {
  conv(tree: ParameterTree, inChannels: number, outChannels: number, kernelSize: 1 | 3): Layer;
  /** Halves `resolution`. */
  down(tree: ParameterTree, inChannels: number, outChannels: number, resolution: number): Layer;
  /** With the activation of the network. */
  dense(tree: ParameterTree, inFeatures: number, outFeatures: number): Layer;
}

function stylegan1Layers(config: Stylegan1DiscriminatorConfig): LayerFactory {
  const { activation, fusedFrom } = config;
  const blur = blurFilter(config.blurFilter);
  return {
    conv: (tree, inChannels, outChannels, kernelSize) =>
      new Stylegan1Conv(tree, inChannels, outChannels, kernelSize, activation),
    down: (tree, inChannels, outChannels, resolution) =>
      new Stylegan1DownConv(tree, inChannels, outChannels, { activation, blur, fused: isFused(fusedFrom, resolution) }),
    dense: (tree, inFeatures, outFeatures) =>
      new DenseLayer(tree, inFeatures, outFeatures, { activation, heGain: "weight" }),
  };
}

function stylegan2Layers(config: GrowingDiscriminatorConfig): LayerFactory {
  const { activation } = config;
  const filter = setupFilter(config.resampleFilter);
  return {
    conv: (tree, inChannels, outChannels, kernelSize) =>
      new Conv2dLayer(tree, inChannels, outChannels, kernelSize, { activation, filter }),
    down: (tree, inChannels, outChannels) =>
      new Conv2dLayer(tree, inChannels, outChannels, 3, { activation, filter, down: 2 }),
    dense: (tree, inFeatures, outFeatures) => new DenseLayer(tree, inFeatures, outFeatures, { activation }),
  };
}

interface Block {
  readonly resolution: number;
  readonly fromRgb: Layer;
  readonly layers: readonly Layer[];
}

/** Called with images [N, imgChannels, imgResolution, imgResolution]; used like `Discriminator`. */
export class ProgressiveDiscriminator {
  readonly config: ProgressiveDiscriminatorConfig;
  readonly cDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** The level of detail that training has come to, of shape []: a buffer, stored with the network. */
  readonly lod: Tensor;
  /** Trained tensors by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Stored but not trained: the level of detail. */
  readonly buffers: ReadonlyMap<string, Tensor>;
  /** From the finest to 4x4. */
  readonly #blocks: readonly Block[];
  readonly #minibatchStd: MinibatchStdLayer | null;

  /** Builds the network; `contents` fills each tensor: from a checkpoint, or `initialContents(random)`. */
  constructor(config: ProgressiveDiscriminatorConfig, contents: Contents) {
    const tree = new ParameterTree(contents);
    const { imgChannels, mbstdGroupSize, mbstdNumChannels } = config;
    this.config = config;
    this.cDim = config.cDim;
    this.imgResolution = config.imgResolution;
    this.imgChannels = imgChannels;
    this.lod = tree.buffer("lod", [], constant(0));
    const make = config.kind === "stylegan1-discriminator" ? stylegan1Layers(config) : stylegan2Layers(config);

    const widths = new Map(config.channels);
    const resolutions = [...widths.keys()].sort((a, b) => b - a);
    this.#blocks = resolutions.map((resolution) => {
      const block = tree.child(`b${resolution}`);
      const channels = widths.get(resolution)!;
      const fromRgb = make.conv(block.child("fromrgb"), imgChannels, channels, 1);
      const layers =
        resolution > 4
          ? [
              make.conv(block.child("conv0"), channels, channels, 3),
              make.down(block.child("conv1"), channels, widths.get(resolution / 2)!, resolution),
            ]
          : [
              make.conv(block.child("conv"), channels + mbstdNumChannels, channels, 3),
              { forward: (x: Tensor) => reshape(x, [x.shape[0], -1]) },
              make.dense(block.child("fc"), channels * 16, channels),
              new DenseLayer(block.child("out"), channels, Math.max(config.cDim, 1)),
            ];
      return { resolution, fromRgb, layers };
    });
    this.#minibatchStd =
      mbstdNumChannels > 0 ? new MinibatchStdLayer({ groupSize: mbstdGroupSize, numChannels: mbstdNumChannels }) : null;
    this.parameters = tree.parameters;
    this.buffers = tree.buffers;
  }

  /**
   * @param img [N, imgChannels, imgResolution, imgResolution], values from -1 to 1
   * @param c [N, cDim], one-hot labels; null for unconditional networks
   * @param options.lod level of detail, as in synthesis. Default: the one stored with the network
   * @param options.batches `img` holds so many batches of equal size, one after the other. Default 1
   * @returns logits [N, 1]: positive means real. They depend on the batch, through the minibatch standard deviation
   * @throws RangeError when the shapes do not fit, or for a lod that the network does not have
   */
  forward(
    img: Tensor,
    c: Tensor | null = null,
    options: { readonly lod?: number; readonly batches?: number } = {},
  ): Tensor {
    const { imgChannels, imgResolution, cDim } = this;
    const { lod = this.lod.item(), batches = 1 } = options;
    assertShape("discriminator", "img", img.shape, [null, imgChannels, imgResolution, imgResolution], "N, C, H, W");
    if (cDim > 0 && c === null) {
      throw new RangeError(`discriminator: this network is conditional; c must be [N, ${cDim}], got null`);
    }
    if (c !== null) assertShape("discriminator", "c", c.shape, [img.shape[0], cDim], "N, cDim");
    const { level, fade } = splitLod("discriminator", lod, imgResolution);
    return inScope(() => {
      const current = downscale2d(img, 2 ** level);
      const [first, next, ...others] = this.#blocks.slice(level);
      let x = this.#run(first, first.fromRgb.forward(current), batches);
      if (next !== undefined) {
        if (fade > 0) x = lerp(x, next.fromRgb.forward(downscale2d(current)), fade);
        x = chain([next, ...others], x, (state, block) => this.#run(block, state, batches));
      }
      return cDim === 0 ? x : sum(mul(x, c!), { axes: [1], keepDims: true }); // [N, 1]
    });
  }

  /** x [N, C, H, W] -> [N, C', H / 2, W / 2], or at 4x4 -> scores [N, max(cDim, 1)] */
  #run({ resolution, layers }: Block, x: Tensor, batches: number): Tensor {
    const start = resolution === 4 && this.#minibatchStd !== null ? this.#minibatchStd.forward(x, batches) : x;
    return layers.reduce((state, layer) => layer.forward(state), start);
  }
}
