/**
 * Convolutions of the StyleGAN (2018) networks: equalised learning rate with He's gain in the weight (lrelu itself has
 * gain 1), and resolution changes as ProGAN does them: nearest-neighbour and box, smoothed by a [1, 2, 1] blur.
 *
 *   up:    blur(conv(nearest(x), w))          down:  box(conv(blur(x), w))
 *
 * From 128 pixels on, resampling and convolution are one strided operation with a 4x4 kernel, the sum of w at its four
 * positions within 2x2 pixels: w4[k] = w[k] + w[k - 1] per axis.
 *
 *   down: box(conv(x, w)) = conv_{stride 2}(x, w4 / 4), the very same numbers
 *   up:   convT_{stride 2}(x, w4) = conv(nearest(x), mirrored w): a transposed convolution spreads w as it lies, where
 *         a convolution gathers. Weights trained in one form need the mirror in the other.
 *
 * Tests: tests/identities/stylegan1.test.ts proves both equations.
 */
import { constant, normal, type ParameterTree } from "../../nn/layers/module.js";
import { add, scale } from "../../nn/ops/arith.js";
import { type Activation, biasAct, defaultGain } from "../../nn/ops/biasAct.js";
import { conv2d, convTranspose2d } from "../../nn/ops/conv2d.js";
import { pad, permute } from "../../nn/ops/layout.js";
import { type Filter2d, filter2d, setupFilter } from "../../nn/ops/upfirdn2d.js";
import { inScope, type Tensor } from "../../nn/tensor.js";
import { convLayer, equalizedGain } from "../convLayer.js";
import { downscale2d, upscale2d } from "./lod.js";

const UNIT = setupFilter([1]);

/** The run-time scale of a weight stored at unit variance: He's gain for the activation over sqrt(fan in). */
export function heGain(weight: Tensor, activation: Activation): number {
  return defaultGain(activation) * equalizedGain(weight);
}

/** x [N, I, H, W], weight [O, I, k, k] -> [N, O, H, W]; the gain multiplies the weight only. */
export function convSame(x: Tensor, weight: Tensor, gain: number): Tensor {
  return convLayer(x, weight, null, { ...PLAIN, weightGain: gain, activation: "linear" });
}

const PLAIN = { filter: UNIT, gain: 1, clamp: null } as const;

/** The blur of one axis' taps, or nothing. */
export function blurFilter(taps: readonly number[] | null): Filter2d | null {
  return taps === null ? null : setupFilter(taps);
}

/** Filters at the same resolution; zeros beyond the border. A null filter leaves x alone. */
export function blur(x: Tensor, filter: Filter2d | null): Tensor {
  return filter === null ? x : filter2d(x, filter);
}

/** w [O, I, 3, 3] -> [O, I, 4, 4]: the kernel at its four positions within 2x2 pixels, summed. */
function atFourPositions(w: Tensor): Tensor {
  const rows = add(pad(w, 2, 0, 1), pad(w, 2, 1, 0));
  return add(pad(rows, 3, 0, 1), pad(rows, 3, 1, 0));
}

export interface ResampledConvOptions {
  /** Multiplies the weight. */
  readonly gain: number;
  /** Resample and convolve in one strided operation. */
  readonly fused: boolean;
}

/** Doubles the resolution: x [N, I, H, W], weight [O, I, 3, 3] -> [N, O, 2H, 2W]. */
export function upscaleConv2d(x: Tensor, weight: Tensor, options: ResampledConvOptions): Tensor {
  const { gain, fused } = options;
  return inScope(() => {
    if (!fused) return convSame(upscale2d(x), weight, gain);
    const spread = permute(atFourPositions(scale(weight, gain)), [1, 0, 2, 3]); // [I, O, 4, 4]
    return convTranspose2d(x, spread, { stride: 2, padding: 1 });
  });
}

/** Halves the resolution: x [N, I, H, W], weight [O, I, 3, 3] -> [N, O, H / 2, W / 2]. */
export function downscaleConv2d(x: Tensor, weight: Tensor, options: ResampledConvOptions): Tensor {
  const { gain, fused } = options;
  return inScope(() => {
    if (!fused) return downscale2d(convSame(x, weight, gain));
    return conv2d(x, atFourPositions(scale(weight, gain / 4)), { stride: 2, padding: 1 });
  });
}

/** From which resolution on scaling is fused: 128 in the official networks, null for never. */
export function isFused(fusedFrom: number | null, resolution: number): boolean {
  return fusedFrom !== null && resolution >= fusedFrom;
}

/** Convolution, bias, activation at one resolution: fromRgb, toRgb and half of the discriminator. */
export class Stylegan1Conv {
  readonly weight: Tensor; // [O, I, k, k]
  readonly bias: Tensor; // [O]
  readonly #activation: Activation;

  constructor(tree: ParameterTree, inChannels: number, outChannels: number, kernelSize: 1 | 3, activation: Activation) {
    this.weight = tree.parameter("weight", [outChannels, inChannels, kernelSize, kernelSize], normal());
    this.bias = tree.parameter("bias", [outChannels], constant(0));
    this.#activation = activation;
  }

  /** x [N, I, H, W] -> [N, O, H, W] */
  forward(x: Tensor): Tensor {
    const activation = this.#activation;
    return convLayer(x, this.weight, this.bias, { ...PLAIN, weightGain: heGain(this.weight, activation), activation });
  }
}

export interface DownConvOptions {
  readonly activation: Activation;
  readonly blur: Filter2d | null;
  readonly fused: boolean;
}

/** Blur, convolution, downscale, bias, activation: the other half of the discriminator. */
export class Stylegan1DownConv {
  readonly weight: Tensor; // [O, I, 3, 3]
  readonly bias: Tensor; // [O]
  readonly #options: DownConvOptions;

  constructor(tree: ParameterTree, inChannels: number, outChannels: number, options: DownConvOptions) {
    this.weight = tree.parameter("weight", [outChannels, inChannels, 3, 3], normal());
    this.bias = tree.parameter("bias", [outChannels], constant(0));
    this.#options = options;
  }

  /** x [N, I, H, W] -> [N, O, H / 2, W / 2] */
  forward(x: Tensor): Tensor {
    const { activation, fused, blur: filter } = this.#options;
    return inScope(() => {
      const y = downscaleConv2d(blur(x, filter), this.weight, { gain: heGain(this.weight, activation), fused });
      return biasAct(y, this.bias, { activation, gain: 1 });
    });
  }
}
