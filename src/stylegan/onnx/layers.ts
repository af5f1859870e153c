/**
 * The layers of the generator as ONNX nodes. Constants that go into the file as they are keep their official names.
 *
 * Modulated convolution is exported in the form that needs no weights at run time (StyleGAN2, section 2.2; identities
 * 26 and 27): scale x by the styles, convolve with the constant weight, scale the result by
 *
 *   d_o = gain / sqrt(sum_i s_i^2 Q_oi + eps),   Q_oi = sum_k w_oik^2 constant.
 *
 * The activation's gain is inside d, the noise and the bias wherever act(gain x) = gain act(x); it costs no pass over
 * the feature maps then.
 */
import { type Activation, defaultGain, isHomogeneous, onnxActivation } from "../../nn/ops/biasAct.js";
import type { Filter2d } from "../../nn/ops/upfirdn2d.js";
import type { Tensor } from "../../nn/tensor.js";
import type { OnnxGraph, Value } from "./graph.js";
import { fir } from "./resample.js";

/** Finds the tensor with an official name; undefined where the network has none. */
export type Weights = (name: string) => Tensor | undefined;

export interface ExportContext {
  readonly graph: OnnxGraph;
  readonly weights: Weights;
}

const DEMODULATION_EPSILON = 1e-8;
const NORMALIZATION_EPSILON = 1e-8;

export function weightOf({ weights }: ExportContext, name: string): Tensor {
  const tensor = weights(name);
  if (tensor === undefined) throw new RangeError(`exportOnnx: the network has no tensor ${name}`);
  return tensor;
}

/** The tensor as a constant under its official name; with a factor, under a name that says so. */
export function stored(context: ExportContext, name: string, shape?: readonly number[], factor = 1): Value {
  const tensor = weightOf(context, name);
  const data = tensor.internals.numbers;
  const scaled = factor === 1 ? data : data.map((value) => value * factor);
  return context.graph.constant(factor === 1 ? name : `${name}.scaled`, scaled, shape ?? tensor.shape);
}

/** x / sqrt(mean of x^2 over features + eps), [N, F] -> [N, F]. */
export function normalize(graph: OnnxGraph, name: Value, x: Value): Value {
  const square = graph.node(`${name}.square`, "Mul", [x, x]);
  const mean = graph.node(`${name}.mean`, "ReduceMean", [square], { axes: [1], keepdims: { int: 1 } });
  const moment = graph.node(`${name}.moment`, "Add", [mean, graph.scalar(NORMALIZATION_EPSILON)]);
  return graph.node(name, "Div", [x, graph.node(`${name}.norm`, "Sqrt", [moment])]);
}

export interface DenseOptions {
  readonly lrMultiplier: number;
  readonly activation: Activation;
  /** Multiplies the result of a linear layer. Default 1. */
  readonly gain?: number;
}

/** y = act(x (W lr / sqrt(in))^T + b lr) gain, with the scales as factors of one Gemm. [N, in] -> [N, out] */
export function dense(context: ExportContext, name: Value, x: Value, options: DenseOptions): Value {
  const { graph } = context;
  const { lrMultiplier, activation, gain = 1 } = options;
  const [, inFeatures] = weightOf(context, `${name}.weight`).shape;
  const total = gain * defaultGain(activation);
  const folded = isHomogeneous(activation) ? total : 1;
  const inputs = [x, stored(context, `${name}.weight`)];
  if (context.weights(`${name}.bias`) !== undefined) inputs.push(stored(context, `${name}.bias`));
  const y = graph.node(activation === "linear" ? name : `${name}.preactivation`, "Gemm", inputs, {
    alpha: (folded * lrMultiplier) / Math.sqrt(inFeatures),
    beta: folded * lrMultiplier,
    transB: { int: 1 },
  });
  return activation === "linear" ? y : activate(graph, name, y, activation, total / folded);
}

export interface ModulatedOptions {
  readonly up: 1 | 2;
  readonly filter: Filter2d;
  readonly activation: Activation;
  /** Multiplies the result and its clamp, besides the activation's own gain. */
  readonly gain: number;
  readonly convClamp: number | null;
  readonly scaleBeforeDemodulation: boolean;
  readonly noise: boolean;
}

/** SynthesisLayer: x [N, I, H, W] and w [N, wDim] -> [N, O, H up, W up]. */
export function modulatedLayer(
  context: ExportContext,
  name: string,
  x: Value,
  w: Value,
  options: ModulatedOptions,
): Value {
  const { graph } = context;
  const { up, filter, activation, convClamp, scaleBeforeDemodulation } = options;
  const weight = weightOf(context, `${name}.weight`); // [O, I, 3, 3]
  const [o, i, kh, kw] = weight.shape;
  const total = options.gain * defaultGain(activation);
  const folded = isHomogeneous(activation) ? total : 1;

  const styles = dense(context, `${name}.affine`, w, { lrMultiplier: 1, activation: "linear" }); // [N, I]
  const modulated = graph.node(`${name}.modulated`, "Mul", [x, asMaps(graph, styles)]);

  let y: Value;
  if (up === 1) {
    const padding = (kh - 1) / 2;
    y = graph.node(`${name}.conv`, "Conv", [modulated, stored(context, `${name}.weight`)], {
      kernel_shape: [kh, kw],
      pads: [padding, padding, padding, padding],
    });
  } else {
    const transposed = graph.constant(`${name}.weight.transposed`, exchangeChannels(weight), [i, o, kh, kw]);
    const spread = graph.node(`${name}.conv`, "ConvTranspose", [modulated, transposed], {
      kernel_shape: [kh, kw],
      strides: [2, 2],
    }); // [N, O, 2 H + 1, 2 W + 1]
    // The padding that keeps the image centred: (T + 1) / 2 + 1 and (T - 2) / 2 + 1, less what the kernel spread.
    const padding = [Math.floor((filter.tapsX + 1) / 2) - 1, Math.floor((filter.tapsX - 2) / 2)] as const;
    y = fir(graph, `${name}.blur`, spread, filter, { channels: o, gain: 4, padding });
  }

  // Weights scaled by g before demodulation: (g w) / sqrt(g^2 E + eps) = w / sqrt(E + eps / g^2), g^2 = 1 / (I kh kw).
  const epsilon = DEMODULATION_EPSILON * (scaleBeforeDemodulation ? i * kh * kw : 1);
  const energyWeight = graph.constant(`${name}.weight.energy`, energyOf(weight), [o, i]);
  const squares = graph.node(`${name}.styles.square`, "Mul", [styles, styles]);
  const energy = graph.node(`${name}.energy`, "Gemm", [squares, energyWeight, graph.scalar(epsilon)], {
    transB: { int: 1 },
  }); // [N, O]
  const norm = graph.node(`${name}.norm`, "Sqrt", [energy]);
  const dcoefs = graph.node(`${name}.dcoefs`, "Div", [graph.scalar(folded), norm]);
  y = graph.node(`${name}.demodulated`, "Mul", [y, asMaps(graph, dcoefs)]);

  if (options.noise) {
    const map = weightOf(context, `${name}.noise_const`);
    const strength = folded * weightOf(context, `${name}.noise_strength`).internals.numbers[0];
    const numbers = map.internals.numbers.map((value) => value * strength);
    const noise = graph.constant(`${name}.noise_const.scaled`, numbers, [1, 1, ...map.shape]);
    y = graph.node(`${name}.noisy`, "Add", [y, noise]);
  }
  y = graph.node(`${name}.biased`, "Add", [y, stored(context, `${name}.bias`, [o, 1, 1], folded)]);
  if (activation !== "linear") y = activate(graph, `${name}.activated`, y, activation, total / folded);
  return convClamp === null ? y : clamp(graph, `${name}.clamped`, y, convClamp * options.gain);
}

/** ToRgbLayer: modulation without demodulation, 1x1, linear. x [N, I, H, W], w [N, wDim] -> [N, C, H, W] */
export function toRgb(context: ExportContext, name: string, x: Value, w: Value, convClamp: number | null): Value {
  const { graph } = context;
  const { shape } = weightOf(context, `${name}.weight`);
  const gain = 1 / Math.sqrt(shape[1] * shape[2] * shape[3]);
  const styles = dense(context, `${name}.affine`, w, { lrMultiplier: 1, activation: "linear", gain }); // [N, I]
  const modulated = graph.node(`${name}.modulated`, "Mul", [x, asMaps(graph, styles)]);
  const inputs = [modulated, stored(context, `${name}.weight`), stored(context, `${name}.bias`)];
  const rgb = graph.node(`${name}.conv`, "Conv", inputs, { kernel_shape: shape.slice(2) });
  return convClamp === null ? rgb : clamp(graph, `${name}.clamped`, rgb, convClamp);
}

/** gain act(x) */
function activate(graph: OnnxGraph, name: Value, x: Value, activation: Activation, gain: number): Value {
  const onnx = onnxActivation(activation);
  let y = x;
  if (onnx !== null) {
    const result = gain === 1 ? name : `${name}.beforeGain`;
    const last = onnx.gates ? `${name}.gate` : result;
    for (const [k, { operator, attributes }] of onnx.nodes.entries()) {
      y = graph.node(k === onnx.nodes.length - 1 ? last : `${name}.part${k}`, operator, [y], attributes);
    }
    if (onnx.gates) y = graph.node(result, "Mul", [x, y]);
  }
  return gain === 1 ? y : graph.node(name, "Mul", [y, graph.scalar(gain)]);
}

function clamp(graph: OnnxGraph, name: Value, x: Value, limit: number): Value {
  return graph.node(name, "Clip", [x, graph.scalar(-limit), graph.scalar(limit)]);
}

/** [N, C] -> [N, C, 1, 1], to scale feature maps. */
function asMaps(graph: OnnxGraph, x: Value): Value {
  return graph.node(`${x}.maps`, "Unsqueeze", [x, graph.integers([2, 3])]);
}

/** Q [O, I]: the sum of squares over the taps, in float64. */
function energyOf(weight: Tensor): Float64Array {
  const [o, i, kh, kw] = weight.shape;
  const data = weight.internals.numbers;
  const taps = kh * kw;
  const energy = new Float64Array(o * i);
  for (let row = 0; row < o * i; row++) {
    for (let k = row * taps; k < (row + 1) * taps; k++) energy[row] += data[k] ** 2;
  }
  return energy;
}

/** [O, I, kh, kw] -> [I, O, kh, kw], the order of a transposed convolution's weight. */
function exchangeChannels(weight: Tensor): Float32Array {
  const [o, i, kh, kw] = weight.shape;
  const data = weight.internals.numbers;
  const taps = kh * kw;
  const exchanged = new Float32Array(data.length);
  for (let out = 0; out < o; out++) {
    for (let input = 0; input < i; input++) {
      const from = (out * i + input) * taps;
      const to = (input * o + out) * taps;
      for (let k = 0; k < taps; k++) exchanged[to + k] = data[from + k];
    }
  }
  return exchanged;
}
