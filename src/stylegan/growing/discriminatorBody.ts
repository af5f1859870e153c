/**
 * The body of discriminators that grow (ProGAN, table 2, right; StyleGAN uses the same): from the image at its level of detail
 * down to 4x4, two convolutions for every resolution, then minibatch standard deviation and two dense layers.
 *
 *   x = fromRgb(image at lod floor(lod))
 *   after the first block:  x = lerp(x, fromRgb(image at lod floor(lod) + 1), lod - floor(lod))
 *
 * The layers are StyleGAN's (blur, box downsampling, gain in the weights), or StyleGAN2's for its configs B to D.
 * Tests: tests/goldens/stylegan1.test.ts.
 */
import { DenseLayer } from "../../nn/layers/dense.js";
import { constant, type ParameterTree } from "../../nn/layers/module.js";
import { lerp } from "../../nn/ops/arith.js";
import { reshape } from "../../nn/ops/reduce.js";
import { setupFilter } from "../../nn/ops/upfirdn2d.js";
import { chain, type Tensor } from "../../nn/tensor.js";
import type {
  GrowingDiscriminatorConfig,
  GrowingStylegan2DiscriminatorConfig,
  Stylegan1DiscriminatorConfig,
} from "../config.js";
import { Conv2dLayer } from "../convLayer.js";
import type { DiscriminatorBody, DiscriminatorOptions } from "../discriminatorBody.js";
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

function stylegan2Layers(config: GrowingStylegan2DiscriminatorConfig): LayerFactory {
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

export class GrowingDiscriminatorBody implements DiscriminatorBody {
  readonly mapping = null;
  readonly #imgResolution: number;
  readonly #lod: Tensor; // []
  /** From the finest to 4x4. */
  readonly #blocks: readonly Block[];
  readonly #minibatchStd: MinibatchStdLayer | null;

  constructor(tree: ParameterTree, config: GrowingDiscriminatorConfig) {
    const { imgChannels, mbstdGroupSize, mbstdNumChannels } = config;
    this.#imgResolution = config.imgResolution;
    this.#lod = tree.buffer("lod", [], constant(0));
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
  }

  /** The image at its level of detail, down to scores [N, max(cDim, 1)]. */
  forward(img: Tensor, { lod = this.#lod.item(), batches = 1, onBlock }: DiscriminatorOptions): Tensor {
    const { level, fade } = splitLod("discriminator", lod, this.#imgResolution);
    const current = downscale2d(img, 2 ** level);
    const [first, next, ...others] = this.#blocks.slice(level);
    const run = (block: Block, input: Tensor): Tensor => {
      const output = this.#run(block, input, batches);
      if (block.resolution > 4) onBlock?.(block.resolution, output);
      return output;
    };
    let x = run(first, first.fromRgb.forward(current));
    if (next === undefined) return x;
    if (fade > 0) x = lerp(x, next.fromRgb.forward(downscale2d(current)), fade);
    return chain([next, ...others], x, (state, block) => run(block, state));
  }

  /** x [N, C, H, W] -> [N, C', H / 2, W / 2], or at 4x4 -> scores [N, max(cDim, 1)] */
  #run({ resolution, layers }: Block, x: Tensor, batches: number): Tensor {
    const start = resolution === 4 && this.#minibatchStd !== null ? this.#minibatchStd.forward(x, batches) : x;
    return layers.reduce((state, layer) => layer.forward(state), start);
  }
}
