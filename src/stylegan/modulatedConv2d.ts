/**
 * Modulated convolution (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", section 2.2).
 *
 *   modulate     w'_oik  = s_i w_oik                                  (equation 1)
 *   demodulate   w''_oik = w'_oik / sqrt(sum_{i,k} w'_oik^2 + eps)    (equation 3)
 *   convolve     y = x * w''
 *
 * Because s scales input channels and the demodulation scales output channels, the weights need not be rebuilt for
 * every sample: scale x by s, convolve once with w, scale the result by d_o = 1 / sqrt(sum_i s_i^2 Q_oi + eps) with
 * Q_oi = sum_k w_oik^2. Both forms are the same numbers: identities 26 and 27, tests/identities/demodulation.test.ts.
 */
import { fused, type Layer } from "../nn/fused.js";
import { addScalar, mul, rsqrt, scale, square } from "../nn/ops/arith.js";
import { type Activation, biasAct } from "../nn/ops/biasAct.js";
import { conv2dResample } from "../nn/ops/conv2dResample.js";
import { matmul } from "../nn/ops/matmul.js";
import { reshape, sum } from "../nn/ops/reduce.js";
import type { Filter2d } from "../nn/ops/upfirdn2d.js";
import { assertShape } from "../nn/shape.js";
import type { Tensor } from "../nn/tensor.js";

const EPSILON = 1e-8;

/** d_o = 1 / sqrt(sum_{i,k} (s_i w_oik)^2 + 1e-8): w [O, I, kh, kw], s [N, I] -> [N, O]. Equation 3. */
export function demodulation(weight: Tensor, styles: Tensor): Tensor {
  const weightEnergy = sum(square(weight), { axes: [2, 3] }); // [O, I]
  const energy = matmul(square(styles), weightEnergy, { transposeB: true }); // [N, O]
  return rsqrt(addScalar(energy, EPSILON));
}

export interface ModulatedConv2dOptions {
  /** Resampling filter; used when up is 2. */
  readonly filter: Filter2d;
  /** 1, or 2 to double the resolution. Default 1. */
  readonly up?: 1 | 2;
  /** Normalise each output feature map to unit expected norm. Default true. */
  readonly demodulate?: boolean;
  /** true correlates with w, false convolves. Default true. */
  readonly flipWeight?: boolean;
}

/**
 * @param x [N, I, H, W]
 * @param weight [O, I, kh, kw], odd kernel
 * @param styles [N, I]: affine(w), one scale for each input feature map
 * @returns [N, O, H up, W up]
 * @throws RangeError when the shapes do not fit
 */
export function modulatedConv2d(x: Tensor, weight: Tensor, styles: Tensor, options: ModulatedConv2dOptions): Tensor {
  const y = convolveModulated(x, weight, styles, options);
  return options.demodulate === false ? y : mul(y, demodulationOfMaps(weight, styles));
}

/** Without what demodulates. */
function convolveModulated(x: Tensor, weight: Tensor, styles: Tensor, options: ModulatedConv2dOptions): Tensor {
  const { filter, up = 1, flipWeight = true } = options;
  const [n, i] = x.shape;
  const [, , kh] = weight.shape;
  assertShape("modulatedConv2d", "weight", weight.shape, [null, i, null, null], "O, I, kh, kw");
  assertShape("modulatedConv2d", "styles", styles.shape, [n, i], "N, I", "did you pass w instead of affine(w)?");
  const modulation = { scale: reshape(styles, [n, i, 1, 1]) };
  return conv2dResample(x, weight, filter, { up, padding: (kh - 1) / 2, flipWeight, ...modulation }); // [N, O, H up, W up]
}

/** [N, O, 1, 1] */
function demodulationOfMaps(weight: Tensor, styles: Tensor): Tensor {
  return reshape(demodulation(weight, styles), [styles.shape[0], weight.shape[0], 1, 1]);
}

export interface ModulatedLayerOptions extends ModulatedConv2dOptions {
  /** Multiplies the weight before anything else. Default 1. */
  readonly weightGain?: number;
  /** A map added to every feature map after demodulation: [1 or N, 1, H up, W up]; null for none. */
  readonly noise: Tensor | null;
  /** One number, of shape [], that scales the noise; null for 1. */
  readonly noiseStrength: Tensor | null;
  /** [O] */
  readonly bias: Tensor;
  readonly activation: Activation;
  /** Gain after the activation. */
  readonly gain: number;
  /** Clamp after the gain; null for none. */
  readonly clamp: number | null;
}

/** StyleGAN2, figure 2 (d): modulate, convolve, demodulate, add noise, add bias, activate. Shapes as above. */
export function modulatedLayer(x: Tensor, weight: Tensor, styles: Tensor, options: ModulatedLayerOptions): Tensor {
  const { weightGain = 1, demodulate = true, noise, noiseStrength, bias, activation, gain, clamp } = options;
  return fused(layerRecord(x, weight, styles, options), () => {
    const scaled = scale(weight, weightGain);
    const y = convolveModulated(x, scaled, styles, options);
    return biasAct(y, bias, {
      scale: demodulate ? demodulationOfMaps(scaled, styles) : null,
      noise: noise === null || noiseStrength === null ? noise : mul(noise, noiseStrength),
      ...{ activation, gain, clamp },
    });
  });
}

/** What a layer does to any x. */
export type LayerSettings = readonly [weight: Tensor, styles: Tensor, options: ModulatedLayerOptions];

/** modulatedLayer as a record, which nobody has run. */
export function layerRecord(x: Tensor, weight: Tensor, styles: Tensor, options: ModulatedLayerOptions): Layer {
  const { weightGain = 1, up = 1, demodulate = true, flipWeight = true, ...epilogue } = options;
  const scales = { inputScales: styles, outputScales: demodulate ? "unit" : null } as const;
  return { x, weight, ...scales, up, down: 1, flipWeight, weightGain, ...epilogue };
}
