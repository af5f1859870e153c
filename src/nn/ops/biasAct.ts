/**
 * Bias, activation, gain, clamp, in this order: y = clamp(gain act(t)), t = inputGain x + biasGain b.
 *
 * lrelu, relu and linear are piecewise linear: dx = dy inputGain gain act'(t) where y is not clamped, which is itself
 * linear in dy and constant in x almost everywhere, so one kernel serves every order. b meets dy through the same t:
 * db = (biasGain / inputGain) sum of dx. Before all of this x may be scaled and noise added, u = x scale + noise in place of x: what
 * follows the convolution of a modulated layer, one pass there and one back where nothing is recorded of the way back. The smooth activations run as one
 * kernel when nothing is recorded and as a composition of differentiable operations when it is.
 * Tests: tests/identities/linear.test.ts (identity 14), tests/nn/autograd.test.ts.
 */
import { defineOp, isRecorded, isRecording, noGrad, type Op, overGradient } from "../autograd/record.js";
import { activeKernels } from "../backend.js";
import {
  type Activation,
  activationRow,
  activations,
  LRELU_SLOPE,
  type OnnxActivation,
  SELU_ALPHA,
  SELU_SCALE,
  type SmoothActivation,
} from "../kernels/activations.js";
import type { BiasActGeometry, Block, LayerEnd, LayerEndGeometry } from "../kernels/types.js";
import { assertShape, sizeOf } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";
import { add, addScalar, exp, mul, neg, scale, sigmoid, softplus, step, sumOfProducts, tanh } from "./arith.js";
import { reshape, sum, sumTo } from "./reduce.js";

export type { Activation } from "../kernels/activations.js";

/** The names of all activations. */
export const activationNames = Object.keys(activations) as readonly Activation[];

/** The gain that keeps the second moment of a normal input near 1 (He et al. 2015). */
export function defaultGain(activation: Activation): number {
  return activationRow(activation).gain;
}

/** Whether act(a x) = a act(x) for a > 0: gains may move through it. */
export function isHomogeneous(activation: Activation): boolean {
  return activationRow(activation).slope !== null;
}

/** The activation as nodes of an ONNX graph; null for the identity. */
export function onnxActivation(activation: Activation): OnnxActivation | null {
  return activationRow(activation).onnx;
}

type BiasActInputs = {
  x: Tensor;
  /** [N, C, 1, ...], times x */
  scale: Tensor | null;
  /** [1 or N, 1, ...], added to x scale */
  noise: Tensor | null;
  b: Tensor | null;
};

/** x * scale + noise, in place of which only x is kept. */
function scaledAndDisturbed({ x, scale, noise }: BiasActInputs): Tensor {
  const scaled = scale === null ? x : mul(x, scale);
  return noise === null ? scaled : add(scaled, noise);
}

export const blockOf = (tensor: Tensor | null): Block | null => tensor?.internals.block ?? null;

const layerEndOf = ({ scale, noise, b }: BiasActInputs): LayerEnd => ({
  scale: blockOf(scale),
  noise: blockOf(noise),
  b: blockOf(b),
});

const withMaps = (g: BiasActGeometry, noise: Tensor | null): LayerEndGeometry => ({
  ...g,
  noiseMaps: noise?.shape[0] ?? 1,
});

/** What tells the slope: the way back reads all of it, but not the result. */
const operands = ["x", "scale", "noise", "b"] as const;

const biasActOp: Op<BiasActInputs, BiasActGeometry> = defineOp<BiasActInputs, BiasActGeometry>("biasAct", {
  forward: (inputs, g) => {
    const { x, scale, noise, b } = inputs;
    const y = allocateTensor(x.shape);
    const [from, to] = [x.internals.block, y.internals.block];
    if (scale === null && noise === null) activeKernels().biasAct(from, blockOf(b), to, g);
    else activeKernels().layerEnd(from, layerEndOf(inputs), to, withMaps(g, noise));
    return y;
  },
  vjp: (dy, inputs, g, wanted) => {
    const { x, scale, noise } = inputs;
    const [dt, dx] = wayBack(dy, inputs, g);
    return {
      b: wanted("b") ? biasGradient(dt, g) : null,
      noise: wanted("noise") ? sumTo(dt, noise!.shape) : null,
      x: wanted("x") ? (dx ?? (scale === null ? dt : mul(dt, scale))) : null,
      scale: wanted("scale") ? sumOfProducts(dt, x, scale!.shape) : null,
    };
  },
  reads: { x: operands, scale: operands, noise: operands, b: operands },
});

/** The gradient of t; with it that of x, where one pass gives both. */
function wayBack(dy: Tensor, inputs: BiasActInputs, g: BiasActGeometry): readonly [dt: Tensor, dx: Tensor | null] {
  const { x, scale, noise } = inputs;
  const isOnePass = scale !== null && isHomogeneous(g.activation) && (g.clamp === null || g.clamp > 0);
  if (isRecording() || !isOnePass) return [biasActGradOp({ dy, ...inputs }, g), null];
  const [dt, dx] = [overGradient(dy), allocateTensor(x.shape)];
  const [a, b, c, d] = [dy, x, dt, dx].map(({ internals }) => internals.block);
  activeKernels().layerEndGrad(a, b, layerEndOf(inputs), c, d, withMaps(g, noise));
  return [dt, dx];
}

type BiasActGradInputs = { dy: Tensor } & BiasActInputs;

/** The gradient of t, where x scale + noise is made again. */
export const biasActGradOp: Op<BiasActGradInputs, BiasActGeometry> = defineOp<BiasActGradInputs, BiasActGeometry>(
  "biasActGrad",
  {
    forward: ({ dy, ...inputs }, g) => {
      const dx = overGradient(dy);
      const x = noGrad(() => scaledAndDisturbed(inputs)).internals.block;
      activeKernels().biasActGrad(dy.internals.block, x, blockOf(inputs.b), dx.internals.block, g);
      return dx;
    },
    vjp: {
      dy: (ddx, { dy: _, ...inputs }, g) => biasActGradOp({ dy: ddx, ...inputs }, g),
      x: null,
      scale: null,
      noise: null,
      b: null,
    },
    reads: { dy: operands },
  },
);

export function biasGradient(dx: Tensor, { outer, channels, inner, inputGain, biasGain }: BiasActGeometry): Tensor {
  return sum(reshape(dx, [outer, channels, inner]), { axes: [0, 2], gain: biasGain / inputGain });
}

/** alpha (exp(x) - 1) below zero, x above. */
function elu(x: Tensor, alpha: number): Tensor {
  const positive = mul(x, step(x));
  const negative = mul(x, step(neg(x)));
  return add(positive, scale(addScalar(exp(negative), -1), alpha));
}

/** In differentiable operations, each of those that have a second derivative: it follows from these, as every higher one does. */
const compositions: { readonly [A in SmoothActivation]: (x: Tensor) => Tensor } = {
  tanh,
  sigmoid,
  softplus,
  swish: (x) => mul(x, sigmoid(x)),
  elu: (x) => elu(x, 1),
  selu: (x) => scale(elu(x, SELU_ALPHA), SELU_SCALE),
};

const isSmooth = (activation: Activation): activation is SmoothActivation => activation in compositions;

export interface BiasActOptions {
  /** Default "linear". */
  readonly activation?: Activation;
  /** Negative slope of lrelu. Default 0.2. */
  readonly alpha?: number;
  /** Multiplies x, such as the scale of the weight that x was computed with. Default 1. */
  readonly inputGain?: number;
  /** Multiplies b. Default 1. */
  readonly biasGain?: number;
  /** After the activation. Default: `defaultGain(activation)`. */
  readonly gain?: number;
  /** Clamp the result to [-clamp, clamp]. Default null: no clamp. */
  readonly clamp?: number | null;
  /** One number for each feature map, [N, C, 1, ...], times x before anything else. Default null: 1. */
  readonly scale?: Tensor | null;
  /** One map for all channels, [1 or N, 1, ...], added to x scale. Default null: 0. */
  readonly noise?: Tensor | null;
}

/** What biasAct computes of an x of this shape: its options with their defaults. */
export function biasActGeometry(shape: readonly number[], options: BiasActOptions): BiasActGeometry {
  const { activation = "linear", alpha = LRELU_SLOPE, gain = defaultGain(activation), clamp = null } = options;
  const { inputGain = 1, biasGain = 1 } = options;
  const [outer, channels] = shape;
  const inner = sizeOf(shape.slice(2));
  return { outer, channels, inner, inputGain, biasGain, activation, alpha, gain, clamp };
}

/**
 * @param x [N, C, ...]
 * @param b [C], or null
 * @returns the shape of x
 * @throws RangeError when b does not fit, or when inputGain is 0: no gradient could be read off
 */
export function biasAct(x: Tensor, b: Tensor | null, options: BiasActOptions = {}): Tensor {
  const { activation = "linear", inputGain = 1, scale: mapScale = null, noise = null } = options;
  const [outer, channels] = x.shape;
  if (b !== null) assertShape("biasAct", "b", b.shape, [channels], "C");
  if (inputGain === 0) throw new RangeError("biasAct: inputGain must not be 0; leave the layer out");
  if (mapScale !== null)
    assertShape(
      "biasAct",
      "scale",
      mapScale.shape,
      x.shape.map((extent, axis) => (axis < 2 ? extent : 1)),
      "N, C, 1, ...",
    );
  if (noise !== null) {
    const expected = [noise.shape[0] === 1 ? 1 : outer, 1, ...x.shape.slice(2)];
    assertShape("biasAct", "noise", noise.shape, expected, "1 or N, 1, ...");
  }
  const geometry = biasActGeometry(x.shape, options);
  if (!isSmooth(activation)) return biasActOp({ x, scale: mapScale, noise, b }, geometry);
  const u = scaledAndDisturbed({ x, scale: mapScale, noise, b });
  const alone = { scale: null, noise: null };
  if (!isRecorded([u, b])) return biasActOp({ x: u, ...alone, b }, geometry);
  const biased = biasActOp({ x: u, ...alone, b }, { ...geometry, activation: "linear", gain: 1, clamp: null });
  return biasActOp(
    { x: compositions[activation](biased), ...alone, b: null },
    { ...geometry, inputGain: 1, activation: "linear" },
  );
}
