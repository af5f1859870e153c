/**
 * The synthesis network of StyleGAN (Karras et al. 2018, figure 1 b): a learned constant of 4x4 pixels, then two
 * convolutions for every resolution, each followed by noise, bias, activation and AdaIN with its own w.
 *
 *   layer(x, w) = AdaIN(lrelu(conv(x) + strength * noise + b), A(w)),    A(w) = (y_s - 1, y_b)
 *
 * The switches of the config take it apart, row by row of table 1, back to the generator of the progressive GAN:
 * without styles, noise and constant input, and with pixel norm in place of instance norm.
 *
 * Tests: tests/goldens/stylegan1.test.ts, tests/identities/stylegan1.test.ts.
 */
import { DenseLayer } from "../../nn/layers/dense.js";
import { constant, normal, type ParameterTree } from "../../nn/layers/module.js";
import { add, addScalar, mul, scale } from "../../nn/ops/arith.js";
import { biasAct } from "../../nn/ops/biasAct.js";
import { slice } from "../../nn/ops/layout.js";
import { matmul } from "../../nn/ops/matmul.js";
import { expand, reshape } from "../../nn/ops/reduce.js";
import type { Filter2d } from "../../nn/ops/upfirdn2d.js";
import type { Tensor } from "../../nn/tensor.js";
import { instanceNorm, styleModulation } from "../adain.js";
import type { Stylegan1SynthesisConfig } from "../config.js";
import type { BlockContext, LayerContext } from "../forward/blocks.js";
import { layerNoise } from "../layerNoise.js";
import { normalize2ndMoment } from "../mapping.js";
import { blur, blurFilter, convSame, heGain, isFused, Stylegan1Conv, upscaleConv2d } from "./stylegan1Layers.js";
import { type GrowingBlock, GrowingSynthesis } from "./synthesis.js";

/** Noise, bias, activation, normalisation, style: what follows every convolution, and the constant input. */
class LayerEpilogue {
  readonly noiseStrength: Tensor | null; // [C], where StyleGAN2 has one number
  readonly noiseConst: Tensor | null; // [resolution, resolution]
  readonly bias: Tensor; // [C]
  readonly affine: DenseLayer | null; // w -> (y_s - 1, y_b)
  readonly #config: Stylegan1SynthesisConfig;

  constructor(tree: ParameterTree, channels: number, resolution: number, config: Stylegan1SynthesisConfig) {
    const { useNoise, useStyles, wDim } = config;
    this.noiseConst = useNoise ? tree.buffer("noise_const", [resolution, resolution], normal()) : null;
    this.noiseStrength = useNoise ? tree.parameter("noise_strength", [channels], constant(0)) : null;
    this.bias = tree.parameter("bias", [channels], constant(0));
    this.affine = useStyles ? new DenseLayer(tree.child("affine"), wDim, 2 * channels) : null;
    this.#config = config;
  }

  /** x [N, C, H, W], w [N, wDim] -> [N, C, H, W] */
  forward(x: Tensor, w: Tensor, context: LayerContext): Tensor {
    const { activation, usePixelNorm, useInstanceNorm } = this.#config;
    const [n, c] = x.shape;
    const noise = layerNoise(this.noiseConst, n, context);
    let y = noise === null ? x : add(x, mul(noise, reshape(this.noiseStrength!, [1, c, 1, 1])));
    y = biasAct(y, this.bias, { activation, gain: 1 });
    if (usePixelNorm) y = normalize2ndMoment(y);
    if (useInstanceNorm) y = instanceNorm(y);
    if (this.affine === null) return y;
    const own = this.affine.forward(w);
    const styles = context.editStyles?.(own) ?? own; // [N, 2C]
    return styleModulation(y, addScalar(slice(styles, 1, 0, c), 1), slice(styles, 1, c, 2 * c));
  }
}

/** A 3x3 convolution, at the resolution of its input or twice that, and its epilogue. */
class StyledConv {
  readonly weight: Tensor; // [O, I, 3, 3]
  readonly #epilogue: LayerEpilogue;
  readonly #config: Stylegan1SynthesisConfig;
  readonly #up: boolean;
  readonly #fused: boolean;
  readonly #blur: Filter2d | null;

  constructor(
    tree: ParameterTree,
    inChannels: number,
    outChannels: number,
    resolution: number,
    up: boolean,
    config: Stylegan1SynthesisConfig,
  ) {
    this.weight = tree.parameter("weight", [outChannels, inChannels, 3, 3], normal());
    this.#epilogue = new LayerEpilogue(tree, outChannels, resolution, config);
    this.#config = config;
    this.#up = up;
    this.#fused = isFused(config.fusedFrom, resolution);
    this.#blur = blurFilter(config.blurFilter);
  }

  /** x [N, I, H, W], w [N, wDim] -> [N, O, H up, W up] */
  forward(x: Tensor, w: Tensor, context: LayerContext): Tensor {
    const gain = heGain(this.weight, this.#config.activation);
    const y = this.#up
      ? blur(upscaleConv2d(x, this.weight, { gain, fused: this.#fused }), this.#blur)
      : convSame(x, this.weight, gain);
    return this.#epilogue.forward(y, w, context);
  }
}

/** What the first block starts from. */
class InputLayer {
  readonly #constant: Tensor | null; // [C, 4, 4]
  readonly #weight: Tensor | null; // [16 C, wDim]
  readonly #channels: number;
  readonly #epilogue: LayerEpilogue;

  constructor(tree: ParameterTree, channels: number, config: Stylegan1SynthesisConfig) {
    const isConstant = config.input === "constant";
    this.#channels = channels;
    this.#constant = isConstant ? tree.parameter("const", [channels, 4, 4], constant(1)) : null;
    this.#weight = isConstant ? null : tree.parameter("weight", [channels * 16, config.wDim], normal());
    this.#epilogue = new LayerEpilogue(tree, channels, 4, config);
  }

  /** w [N, wDim] -> [N, C, 4, 4] */
  forward(w: Tensor, context: LayerContext): Tensor {
    const [n, wDim] = w.shape;
    const shape = [n, this.#channels, 4, 4];
    if (this.#constant !== null) {
      const start = expand(reshape(this.#constant, [1, ...shape.slice(1)]), shape);
      return this.#epilogue.forward(start, w, context);
    }
    // ProGAN gives this layer the gain sqrt(2) / 4, as if its fan-in were that of the 4x4 convolution it stands for.
    const start = scale(matmul(w, this.#weight!, { transposeB: true }), Math.SQRT2 / 4 / Math.sqrt(wDim)); // [N, 16 C]
    return this.#epilogue.forward(reshape(start, shape), w, context);
  }
}

/** Two layers at one resolution: (input or conv0 that doubles it,) conv1, and a plain toRgb without style. */
class Stylegan1Block implements GrowingBlock {
  readonly resolution: number;
  readonly numConv = 2;
  readonly #input: InputLayer | null;
  readonly #conv0: StyledConv | null;
  readonly #conv1: StyledConv;
  readonly #toRgb: Stylegan1Conv;

  constructor(
    tree: ParameterTree,
    resolution: number,
    inChannels: number,
    channels: number,
    config: Stylegan1SynthesisConfig,
  ) {
    const isFirst = resolution === 4;
    this.resolution = resolution;
    this.#input = isFirst ? new InputLayer(tree.child("input"), channels, config) : null;
    this.#conv0 = isFirst ? null : new StyledConv(tree.child("conv0"), inChannels, channels, resolution, true, config);
    this.#conv1 = new StyledConv(tree.child("conv1"), channels, channels, resolution, false, config);
    this.#toRgb = new Stylegan1Conv(tree.child("torgb"), channels, config.imgChannels, 1, "linear");
  }

  features(x: Tensor | null, ws: readonly Tensor[], { seen, of }: BlockContext): Tensor {
    const y =
      this.#input !== null
        ? seen("input", this.#input.forward(ws[0], of("input")))
        : seen("conv0", this.#conv0!.forward(x!, ws[0], of("conv0")));
    return seen("conv1", this.#conv1.forward(y, ws[1], of("conv1")));
  }

  toRgb(x: Tensor): Tensor {
    return this.#toRgb.forward(x);
  }
}

export class Stylegan1Synthesis extends GrowingSynthesis<Stylegan1SynthesisConfig> {
  constructor(tree: ParameterTree, config: Stylegan1SynthesisConfig) {
    super(tree, config, Stylegan1Block);
  }
}
