/**
 * Convolution with equalised learning rate (ProGAN, section 4.1), resampling, bias and activation: what the
 * discriminator and the residual skips are made of.
 *
 *   y = clamp(gain act(resample(x * w / sqrt(in k^2)) + b))
 *
 * The scale of w passes through the convolution to its result, where bias and activation take it along.
 */
import { fused } from "../nn/fused.js";
import { constant, normal, type ParameterTree } from "../nn/layers/module.js";
import { type Activation, defaultGain } from "../nn/ops/biasAct.js";
import { conv2dResample } from "../nn/ops/conv2dResample.js";
import type { Filter2d } from "../nn/ops/upfirdn2d.js";
import type { Tensor } from "../nn/tensor.js";

export interface ConvLayerOptions {
  readonly filter: Filter2d;
  readonly weightGain: number;
  /** Default 1. */
  readonly up?: 1 | 2;
  /** Default 1. */
  readonly down?: 1 | 2;
  /** true correlates with w, false convolves. Default true. */
  readonly flipWeight?: boolean;
  readonly activation: Activation;
  /** Gain after the activation. */
  readonly gain: number;
  /** Clamp after the gain; null for none. */
  readonly clamp: number | null;
}

/** x [N, I, H, W], weight [O, I, k, k], bias [O] or null -> [N, O, H up / down, W up / down] */
export function convLayer(x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvLayerOptions): Tensor {
  const { filter, weightGain, up = 1, down = 1, flipWeight = true, activation, gain, clamp } = options;
  return fused(
    { ...PLAIN_CONV, x, weight, bias, filter, weightGain, up, down, flipWeight, activation, gain, clamp },
    () => {
      const padding = (weight.shape[2] - 1) / 2;
      const end = { bias, inputGain: weightGain, activation, gain, clamp };
      return conv2dResample(x, weight, filter, { up, down, padding, flipWeight, end });
    },
  );
}

/** Nothing is modulated, and there is no noise. */
const PLAIN_CONV = { inputScales: null, outputScales: null, noise: null, noiseStrength: null } as const;

/** 1 / sqrt(fan in): the run-time scale of a weight [O, I, k, k] stored at unit variance. */
export function equalizedGain(weight: Tensor): number {
  const [, i, kh, kw] = weight.shape;
  return 1 / Math.sqrt(i * kh * kw);
}

export interface Conv2dLayerOptions {
  /** Default "linear". */
  readonly activation?: Activation;
  /** Default true. */
  readonly bias?: boolean;
  /** Default 1. */
  readonly up?: 1 | 2;
  /** Default 1. */
  readonly down?: 1 | 2;
  readonly filter: Filter2d;
  /** Clamp of the activation at gain 1; null for none. Default null. */
  readonly convClamp?: number | null;
}

/** A convolution with its parameters, k odd: `convLayer` with the weight at its run-time scale. */
export class Conv2dLayer {
  readonly weight: Tensor; // [O, I, k, k]
  readonly bias: Tensor | null; // [O]
  readonly #options: Conv2dLayerOptions;

  constructor(
    tree: ParameterTree,
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    options: Conv2dLayerOptions,
  ) {
    this.weight = tree.parameter("weight", [outChannels, inChannels, kernelSize, kernelSize], normal());
    this.bias = (options.bias ?? true) ? tree.parameter("bias", [outChannels], constant(0)) : null;
    this.#options = options;
  }

  /** x [N, I, H, W] -> [N, O, H up / down, W up / down]; `gain` multiplies the result and its clamp. */
  forward(x: Tensor, gain = 1): Tensor {
    const { activation = "linear", up = 1, down = 1, filter, convClamp = null } = this.#options;
    return convLayer(x, this.weight, this.bias, {
      filter,
      weightGain: equalizedGain(this.weight),
      up,
      down,
      flipWeight: up === 1, // official files hold the kernels of layers that enlarge mirrored
      activation,
      gain: defaultGain(activation) * gain,
      clamp: convClamp === null ? null : convClamp * gain,
    });
  }
}
