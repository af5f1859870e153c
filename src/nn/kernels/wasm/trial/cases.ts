/**
 * What the trial of the wide build runs: every kernel that it exports, at sizes that take full vectors, tails and, where a kernel has
 * several forms, each of them. tests/kernels/trial.test.ts checks that none is missing.
 */
import type { Filter2d } from "../../types.js";
import type { TrialCase } from "./case.js";
import { layerCases } from "./layerCases.js";

const outExtent = (extent: number, pad: number, kernel: number, stride: number): number =>
  Math.floor((extent + 2 * pad - kernel) / stride) + 1;

interface ConvSizes {
  readonly n?: number;
  readonly channels: readonly [number, number];
  readonly side: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly pad?: number;
  readonly groups?: number;
  readonly timed?: boolean;
}

/** A convolution and its adjoints. */
function convolutions(name: string, sizes: ConvSizes): TrialCase[] {
  const { n = 1, channels, side, kernel = 3, stride = 1, pad = kernel >> 1, groups = 1, timed = false } = sizes;
  const [inChannels, outChannels] = channels;
  const out = outExtent(side, pad, kernel, stride);
  const geometry = {
    ...{ n, inChannels, outChannels, height: side, width: side, outHeight: out, outWidth: out, stride, groups },
    ...{ kernelHeight: kernel, kernelWidth: kernel, padY: pad, padX: pad },
  };
  const x = n * inChannels * side * side;
  const w = (outChannels * inChannels * kernel * kernel) / groups;
  const y = n * outChannels * out * out;
  const numbers = { inputGain: 0.9, biasGain: 0.5, alpha: 0.2, gain: Math.SQRT2 };
  const maps = { outer: n, channels: outChannels, inner: out * out };
  const end = { ...maps, ...numbers, activation: "lrelu", clamp: null } as const;
  const [xMaps, yMaps] = [n * inChannels, n * outChannels];
  return [
    {
      name: `conv2d of scaled maps ${name}`,
      lengths: [x, w, xMaps, y],
      run: (k, [a, b, scales, to]) => k.conv2d(a, b, to, geometry, scales),
    },
    {
      name: `conv2dInputGrad of scaled maps ${name}`,
      lengths: [y, w, yMaps, x],
      run: (k, [a, b, scales, to]) => k.conv2dInputGrad(a, b, to, geometry, scales),
    },
    {
      name: `conv2dWeightGrad of scaled maps ${name}`,
      lengths: [x, y, xMaps, yMaps, w],
      run: (k, [a, b, ofX, ofDy, to]) => k.conv2dWeightGrad(a, b, to, geometry, { x: ofX, dy: ofDy }),
    },
    {
      name: `conv2dBiasAct ${name}`,
      lengths: [x, w, outChannels, y],
      run: (k, [a, b, bias, to]) => k.conv2dBiasAct(a, b, bias, to, geometry, end),
    },
    { name: `conv2d ${name}`, lengths: [x, w, y], timed, run: (k, [a, b, to]) => k.conv2d(a, b, to, geometry) },
    {
      name: `conv2dInputGrad ${name}`,
      lengths: [y, w, x],
      run: (k, [a, b, to]) => k.conv2dInputGrad(a, b, to, geometry),
    },
    {
      name: `conv2dWeightGrad ${name}`,
      lengths: [x, y, w],
      timed,
      run: (k, [a, b, to]) => k.conv2dWeightGrad(a, b, to, geometry),
    },
  ];
}

/** A convolution with stride 2 behind a filter, and its adjoints: [inChannels, outChannels], and a side of the result. */
function filteredConvolutions([inChannels, outChannels]: readonly [number, number], out: number): TrialCase[] {
  const [n, side] = [2, 2 * out + 1];
  const kernel = { kernelHeight: 3, kernelWidth: 3, padY: 0, padX: 0, stride: 2, groups: 1 };
  const filter = {
    ...{ planes: n * inChannels, height: side - 1, width: side - 1, upX: 1, upY: 1, downX: 1, downY: 1, gain: 4 },
    ...{ filter: filterOf(smooth, lopsided), flipFilter: false, padX0: 2, padX1: 2, padY0: 2, padY1: 2 },
    ...{ outHeight: side, outWidth: side },
  };
  const maps = { n, inChannels, outChannels, height: side, width: side, outHeight: out, outWidth: out };
  const geometry = { ...maps, ...kernel, filter };
  const [x, w, y] = [n * inChannels * (side - 1) ** 2, outChannels * inChannels * 9, n * outChannels * out * out];
  return [
    { name: "conv2d behind a filter", lengths: [x, w, y], run: (k, [a, b, to]) => k.conv2d(a, b, to, geometry) },
    {
      name: "conv2dInputGrad behind a filter",
      lengths: [y, w, x],
      run: (k, [a, b, to]) => k.conv2dInputGrad(a, b, to, geometry),
    },
    {
      name: "conv2dWeightGrad behind a filter",
      lengths: [x, y, w],
      run: (k, [a, b, to]) => k.conv2dWeightGrad(a, b, to, geometry),
    },
  ];
}

interface ProductSizes {
  readonly batch?: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

function product(
  name: string,
  { batch = 1, m, n, k, transposeA = false, transposeB = false }: ProductSizes,
): TrialCase {
  const geometry = { batch, m, n, k, transposeA, transposeB, strideA: m * k, strideB: k * n };
  return {
    name: `matmul ${name}`,
    lengths: [batch * m * k, batch * k * n, batch * m * n],
    run: (kernels, [a, b, to]) => kernels.matmul(a, b, to, geometry),
  };
}

const smooth = [0.125, 0.375, 0.375, 0.125];
const lopsided = [0.5, -0.25, 2, 1];
const long = [0.1, -0.2, 0.3, 0.4, 0.25, -0.15];

function filterOf(y: readonly number[], x: readonly number[], separable = true): Filter2d {
  const taps = y.flatMap((tapY) => x.map((tapX) => tapY * tapX));
  return { tapsY: y.length, tapsX: x.length, taps, separable: separable ? { y, x } : null };
}

function resampling(name: string, filter: Filter2d, up: number, down: number): TrialCase {
  const [planes, side] = [8, 37];
  const out = Math.floor((side * up + 3 - filter.tapsY) / down) + 1;
  const geometry = {
    ...{ planes, height: side, width: side, upX: up, upY: up, downX: down, downY: down, filter, flipFilter: false },
    ...{ padX0: 2, padX1: 1, padY0: 2, padY1: 1, gain: up * up, outHeight: out, outWidth: out },
  };
  const lengths = [planes * side * side, planes * out * out];
  return { name: `upfirdn2d ${name}`, lengths, run: (kernels, [x, y]) => kernels.upfirdn2d(x, y, geometry) };
}

/** [outer, channels, inner]: feature maps, and vectors. */
function activations(name: string, sizes: readonly [number, number, number], clamp: number | null): TrialCase[] {
  const [outer, channels, inner] = sizes;
  const numbers = { inputGain: 0.9, biasGain: 0.5, alpha: 0.2, gain: Math.SQRT2 };
  const geometry = { outer, channels, inner, ...numbers, activation: "lrelu", clamp } as const;
  const length = outer * channels * inner;
  return [
    {
      name: `biasAct ${name}`,
      lengths: [length, channels, length],
      run: (k, [x, b, y]) => k.biasAct(x, b, y, geometry),
    },
    {
      name: `biasActGrad ${name}`,
      lengths: [length, length, channels, length],
      run: (k, [dy, x, b, dx]) => k.biasActGrad(dy, x, b, dx, geometry),
    },
  ];
}

/** [outer, channels, inner]: what follows a convolution. */
function layerEnds(name: string, sizes: readonly [number, number, number], clamp: number | null): TrialCase[] {
  const [outer, channels, inner] = sizes;
  const numbers = { inputGain: 0.9, biasGain: 0.5, alpha: 0.2, gain: Math.SQRT2, noiseMaps: outer };
  const geometry = { outer, channels, inner, ...numbers, activation: "lrelu", clamp } as const;
  const length = outer * channels * inner;
  const operands = [outer * channels, outer * inner, channels];
  return [
    {
      name: `layerEnd ${name}`,
      lengths: [length, ...operands, length],
      run: (k, [x, scale, noise, b, y]) => k.layerEnd(x, { scale, noise, b }, y, geometry),
    },
    {
      name: `layerEndGrad ${name}`,
      lengths: [length, length, ...operands, length, length],
      run: (k, [dy, x, scale, noise, b, dt, dx]) => {
        k.layerEndGrad(dy, x, { scale, noise, b }, dt, dx, geometry);
        k.binary("add", dt, dx, dx, { shape: [length], strides: [[1], [1]] });
      },
    },
  ];
}

/** Longer than a chunk, and no multiple of a vector. */
const LENGTH = 16384 + 777;
const ROWS = 40;
const COLUMNS = 133;

const signed = ["neg", "abs", "sign", "step", "square"] as const;
const ofPositive = ["sqrt", "rsqrt", "reciprocal"] as const;
const binary = ["add", "sub", "mul", "div"] as const;

const elementwise: readonly TrialCase[] = [
  ...signed.map((op): TrialCase => ({ name: op, lengths: [LENGTH, LENGTH], run: (k, [x, y]) => k.unary(op, x, y) })),
  ...ofPositive.map(
    (op): TrialCase => ({ name: op, lengths: [LENGTH, LENGTH], positive: true, run: (k, [x, y]) => k.unary(op, x, y) }),
  ),
  ...binary.flatMap((op): TrialCase[] => {
    const positive = op === "div";
    const of = (name: string, b: number, strides: readonly (readonly number[])[]): TrialCase => ({
      name: `${op} ${name}`,
      lengths: [ROWS * COLUMNS, b, ROWS * COLUMNS],
      positive,
      run: (k, [x, y, to]) => k.binary(op, x, y, to, { shape: [ROWS, COLUMNS], strides }),
    });
    const dense = [COLUMNS, 1];
    return [
      of("of equal shapes", ROWS * COLUMNS, [dense, dense]),
      of("by row", ROWS, [dense, [1, 0]]),
      of("by column", COLUMNS, [dense, [0, 1]]),
      of("of columns", ROWS * COLUMNS, [dense, [1, ROWS]]),
    ];
  }),
  { name: "affine", lengths: [LENGTH, LENGTH], run: (k, [x, y]) => k.affine(x, y, 1.7, -0.3) },
  { name: "fill", lengths: [LENGTH], run: (k, [y]) => k.fill(y, 0.7) },
  { name: "normal", lengths: [LENGTH], run: (k, [y]) => k.normal(y, { seed: 7, stream: 3 }) },
  {
    name: "stridedCopy",
    lengths: [ROWS * COLUMNS, ROWS * COLUMNS],
    run: (k, [x, y]) =>
      k.stridedCopy(x, y, {
        shape: [ROWS, COLUMNS],
        strides: [
          [COLUMNS, 1],
          [1, ROWS],
        ],
      }),
  },
  {
    name: "sum of rows",
    lengths: [2 * ROWS * COLUMNS, ROWS],
    run: (k, [x, y]) => k.sum(x, y, { batch: 2, outer: ROWS, reduce: COLUMNS, inner: 1, gain: 0.3 }),
  },
  {
    name: "sum of columns",
    lengths: [2 * ROWS * COLUMNS, COLUMNS],
    run: (k, [x, y]) => k.sum(x, y, { batch: 2, outer: 1, reduce: ROWS, inner: COLUMNS, gain: 0.3 }),
  },
  { name: "lerp", lengths: [LENGTH, LENGTH], run: (k, [x, y]) => k.lerp([x], [y], 0.01) },
  {
    name: "adam",
    lengths: [LENGTH, LENGTH, LENGTH, LENGTH],
    positive: true,
    run: (k, [g, m, v, p]) =>
      k.adam([p], [g], [m], [v], { learningRate: 0.002, beta1: 0.5, beta2: 0.99, epsilon: 1e-8, step: 3 }),
  },
  ...activations("of maps", [2, 24, 203], null),
  ...activations("of vectors, clamped", [24, 203, 1], 0.8),
  ...layerEnds("of maps", [2, 24, 203], null),
  ...layerEnds("of maps, clamped", [2, 5, 91], 0.8),
];

/** Every kernel of the wide build. */
export const trialCases: readonly TrialCase[] = [
  ...elementwise,
  product("in tiles", { m: 96, n: 72, k: 130 }),
  product("of columns, in tiles", { m: 96, n: 72, k: 130, transposeA: true, transposeB: true }),
  product("of few rows", { m: 16, n: 200, k: 130 }),
  product("of rows by rows", { m: 17, n: 96, k: 131, transposeB: true }),
  product("of three rows by rows", { m: 3, n: 9, k: 64, transposeB: true }),
  product("of panels of rows by rows", { m: 32, n: 128, k: 128, transposeB: true }),
  product("of many vectors", { batch: 50, m: 1, n: 1, k: 131 }),
  ...convolutions("of transform points", { channels: [16, 24], side: 27 }),
  ...convolutions("of transform points, stride 2", { n: 2, channels: [16, 24], side: 34, stride: 2 }),
  ...filteredConvolutions([16, 24], 20),
  ...convolutions("of few products", { channels: [3, 5], side: 17 }),
  ...convolutions("of sums", { channels: [36, 36], side: 11, kernel: 4, pad: 1, stride: 3 }),
  ...convolutions("of groups", { channels: [16, 16], side: 21, groups: 2 }),
  ...convolutions("1x1", { channels: [24, 24], side: 23, kernel: 1 }),
  ...convolutions("of a training step", { n: 4, channels: [64, 64], side: 32, timed: true }),
  resampling("same", filterOf(smooth, smooth), 1, 1),
  resampling("double", filterOf(smooth, lopsided), 2, 1),
  resampling("half", filterOf(lopsided, smooth), 1, 2),
  resampling("long", filterOf(long, smooth), 1, 1),
  resampling("of any taps", filterOf(lopsided, lopsided, false), 1, 1),
  ...layerCases,
];
