/**
 * One list of kernels: how to draw a problem of each, how many flops it takes, and how exact the answer must be. Read by
 * tests/kernels/wasm.test.ts, by the check that every export of the module is run, and by the benches.
 *
 * A problem states the same call twice: as it is, and with all its constants made positive. Run by the reference on |x|, |w|
 * the latter gives sum|terms|, from which the tolerance is computed (bounds.ts).
 */
import fc from "fast-check";
import { type Activation, activations } from "../../src/nn/kernels/activations.js";
import type {
  BinaryOp,
  Block,
  Conv2dGeometry,
  Filter2d,
  Kernels,
  MatmulGeometry,
  UnaryOp,
  Upfirdn2dGeometry,
} from "../../src/nn/kernels/types.js";

/** One call of one kernel, with everything but the numbers in the operands. */
export interface KernelProblem {
  /** Elements of each input, and of the output. */
  readonly inputs: readonly number[];
  readonly output: number;
  readonly flops: number;
  /** `positive`: with the absolute values of all constants, so that non-negative inputs give sum|terms|. */
  run(kernels: Kernels, inputs: readonly Block[], output: Block, positive: boolean): void;
}

export interface KernelCase {
  readonly name: string;
  /** In |y^ - y| <= c * 2^-24 * sum|terms|. */
  readonly c: number;
  /** linear: in each input, so that integers give exact results and powers of two pass through. positive: inputs must be. */
  readonly kind: "linear" | "positive" | "other";
  /** What the error is relative to. inputs: sum|terms|, as above. output: |y|, where there is one rounding at the end. */
  readonly terms: "inputs" | "output";
  readonly problem: fc.Arbitrary<KernelProblem>;
}

const upTo67 = fc.integer({ min: 0, max: 67 });
const small = (max: number, min = 1) => fc.integer({ min, max });
/** Lengths around the borders of vectors, tiles and panels. */
const around = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 33, 63, 64, 65);

const names = Object.keys(activations) as Activation[];
const piecewise = names.filter((name) => activations[name].slope !== null);
const smooth = names.filter((name) => activations[name].slope === null);

function unaryCase(op: UnaryOp, c: number, kind: KernelCase["kind"] = "other"): KernelCase {
  return {
    name: `unary ${op}`,
    c,
    kind,
    terms: "output",
    problem: upTo67.map((n) => ({
      inputs: [n],
      output: n,
      flops: n,
      run: (kernels, [x], y) => kernels.unary(op, x, y),
    })),
  };
}

function binaryCase(op: BinaryOp, kind: KernelCase["kind"]): KernelCase {
  const mask = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean());
  const axes = fc.tuple(small(3), small(4), small(5), upTo67);
  return {
    name: `binary ${op}`,
    c: 1,
    kind,
    terms: "inputs",
    problem: fc.record({ axes, aMask: mask, bMask: mask }).map(({ axes: shape, aMask, bMask }) => {
      // Each operand is dense over the axes of its mask and broadcast over the others.
      const operand = (kept: readonly boolean[]) => {
        const strides: number[] = [];
        let length = 1;
        for (let axis = 3; axis >= 0; axis--) {
          strides.unshift(kept[axis] ? length : 0);
          if (kept[axis]) length *= shape[axis];
        }
        return { strides, length };
      };
      const [a, b, y] = [operand(aMask), operand(bMask), operand([true, true, true, true])];
      return {
        inputs: [a.length, b.length],
        output: y.length,
        flops: y.length,
        run: (kernels, [aBlock, bBlock], yBlock, positive) => {
          const geometry = { shape, strides: [a.strides, b.strides] };
          kernels.binary(positive && op === "sub" ? "add" : op, aBlock, bBlock, yBlock, geometry);
        },
      };
    }),
  };
}

const copyCase: KernelCase = {
  name: "stridedCopy",
  c: 0,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      extents: fc.array(small(5), { minLength: 1, maxLength: 6 }),
      order: fc.nat(),
      reversed: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      broadcast: fc.nat({ max: 7 }),
    })
    .map(({ extents, order, reversed, broadcast }) => {
      // y is dense; x is walked through permuted axes, some backwards, perhaps one of them held still.
      const rank = extents.length;
      const axes = extents.map((_, axis) => axis).sort((i, j) => ((order >> i) & 7) - ((order >> j) & 7) || i - j);
      const y: number[] = new Array<number>(rank).fill(0);
      const x: number[] = new Array<number>(rank).fill(0);
      let output = 1;
      for (let axis = rank - 1; axis >= 0; axis--) {
        y[axis] = output;
        output *= extents[axis];
      }
      let input = 1;
      let offset = 0;
      for (const axis of axes) {
        if (axis === broadcast) continue;
        x[axis] = reversed[axis] ? -input : input;
        if (reversed[axis]) offset += input * (extents[axis] - 1);
        input *= extents[axis];
      }
      return {
        inputs: [input],
        output,
        flops: 0,
        run: (kernels, [from], to) =>
          kernels.stridedCopy(from, to, { shape: extents, strides: [x, y], offsets: [offset, 0] }),
      };
    }),
};

const sumCase: KernelCase = {
  name: "sum",
  c: 1,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      batch: fc.oneof(fc.constant(1), small(4, 0)),
      outer: small(5, 0),
      reduce: fc.oneof(upTo67, fc.constant(700)),
      inner: fc.oneof(fc.constant(1), upTo67),
      gain: fc.constantFrom(1, 0.25, -2),
    })
    .map(({ batch, outer, reduce, inner, gain }) => ({
      inputs: [batch * outer * reduce * inner],
      output: outer * inner,
      flops: batch * outer * reduce * inner,
      run: (kernels, [x], y, positive) =>
        kernels.sum(x, y, { batch, outer, reduce, inner, gain: positive ? Math.abs(gain) : gain }),
    })),
};

export function matmulProblem(geometry: MatmulGeometry): KernelProblem {
  const { batch, m, n, k, strideA, strideB } = geometry;
  const extent = (stride: number, size: number) => (stride === 0 ? size : batch * size);
  return {
    inputs: [extent(strideA, m * k), extent(strideB, k * n)],
    output: batch * m * n,
    flops: 2 * batch * m * n * k,
    run: (kernels, [a, b], y) => kernels.matmul(a, b, y, geometry),
  };
}

const matmulCase: KernelCase = {
  name: "matmul",
  c: 16,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      batch: small(3),
      m: around,
      n: around,
      k: fc.oneof(around, fc.constantFrom(0, 255, 257, 300)),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      shareA: fc.boolean(),
      shareB: fc.boolean(),
    })
    .map(({ batch, m, n, k, transposeA, transposeB, shareA, shareB }) =>
      matmulProblem({
        batch,
        m,
        n,
        k,
        transposeA,
        transposeB,
        strideA: shareA ? 0 : m * k,
        strideB: shareB ? 0 : k * n,
      }),
    ),
};

/** One number for each pair of rows: a batch of products of 1 x k and k x 1. */
const rowDotsCase: KernelCase = {
  name: "matmul (dot products of rows)",
  c: 16,
  kind: "linear",
  terms: "inputs",
  problem: fc
    .record({
      batch: fc.oneof(upTo67, fc.constant(300)),
      k: fc.oneof(upTo67, fc.constant(257)),
      transposeB: fc.boolean(),
    })
    .map(({ batch, k, transposeB }) =>
      matmulProblem({ ...{ batch, m: 1, n: 1, k, transposeA: false, transposeB }, strideA: k, strideB: k }),
    ),
};

/** Elements of x, w and y. */
export function convSizes(g: Conv2dGeometry): { x: number; w: number; y: number; flops: number } {
  const w = (g.outChannels * g.inChannels * g.kernelHeight * g.kernelWidth) / g.groups;
  return {
    x: g.n * g.inChannels * g.height * g.width,
    w,
    y: g.n * g.outChannels * g.outHeight * g.outWidth,
    flops: 2 * w * g.n * g.outHeight * g.outWidth,
  };
}

/** Any convolution that has an output: kernels from 1x1 to 4x4, paddings that crop and paddings wider than the kernel. */
export const convGeometry: fc.Arbitrary<Conv2dGeometry> = fc
  .record({
    n: small(3),
    groups: fc.constantFrom(1, 1, 1, 2, 3),
    groupIn: fc.constantFrom(1, 2, 3, 5, 8, 33),
    groupOut: fc.constantFrom(1, 2, 3, 4, 5, 9, 17),
    height: small(9),
    width: fc.oneof(small(9), fc.constantFrom(15, 16, 17)),
    kernelHeight: fc.constantFrom(1, 2, 3, 3, 3, 4),
    kernelWidth: fc.constantFrom(1, 2, 3, 3, 3, 4),
    stride: fc.constantFrom(1, 1, 2, 2, 3),
    padY: fc.integer({ min: -2, max: 5 }),
    padX: fc.integer({ min: -2, max: 5 }),
  })
  .map(({ groups, groupIn, groupOut, ...rest }) => ({
    ...rest,
    groups,
    inChannels: groups * groupIn,
    outChannels: groups * groupOut,
    outHeight: Math.floor((rest.height + 2 * rest.padY - rest.kernelHeight) / rest.stride) + 1,
    outWidth: Math.floor((rest.width + 2 * rest.padX - rest.kernelWidth) / rest.stride) + 1,
  }))
  .filter((g) => g.outHeight > 0 && g.outWidth > 0);

/** The three members of the family, as problems over one geometry. */
export const convProblems = {
  conv2d: (g: Conv2dGeometry): KernelProblem => {
    const { x, w, y, flops } = convSizes(g);
    return { inputs: [x, w], output: y, flops, run: (kernels, [a, b], to) => kernels.conv2d(a, b, to, g) };
  },
  conv2dInputGrad: (g: Conv2dGeometry): KernelProblem => {
    const { x, w, y, flops } = convSizes(g);
    return { inputs: [y, w], output: x, flops, run: (kernels, [a, b], to) => kernels.conv2dInputGrad(a, b, to, g) };
  },
  conv2dWeightGrad: (g: Conv2dGeometry): KernelProblem => {
    const { x, w, y, flops } = convSizes(g);
    return { inputs: [x, y], output: w, flops, run: (kernels, [a, b], to) => kernels.conv2dWeightGrad(a, b, to, g) };
  },
} as const;

function convCase(name: keyof typeof convProblems): KernelCase {
  return { name, c: 16, kind: "linear", terms: "inputs", problem: convGeometry.map(convProblems[name]) };
}

/**
 * Large enough for transform points (Winograd and Toom-Cook), which round in more places: c = 128; 40 was the largest ever
 * measured, at pixels that see little of a tile whose points are large.
 */
function pointsCase(name: keyof typeof convProblems): KernelCase {
  const side = fc.oneof(small(13, 9), small(26, 23), fc.constantFrom(32, 33));
  const problem = fc
    .record({
      n: fc.constantFrom(1, 2, 3, 9),
      inChannels: fc.constantFrom(16, 19, 24, 33),
      outChannels: fc.constantFrom(16, 23, 24, 32),
      // Tall ones are done in several strips, and in several groups of rows.
      height: fc.oneof({ weight: 4, arbitrary: side }, fc.constantFrom(299, 300)),
      width: side,
      stride: fc.constantFrom(1, 2),
      pad: small(2, 0),
    })
    .map(({ pad, ...sizes }) => ({
      ...sizes,
      ...{ kernelHeight: 3, kernelWidth: 3, padY: pad, padX: pad, groups: 1 },
      outHeight: Math.floor((sizes.height + 2 * pad - 3) / sizes.stride) + 1,
      outWidth: Math.floor((sizes.width + 2 * pad - 3) / sizes.stride) + 1,
    }))
    .filter((g) => g.n * g.outHeight * g.outWidth * g.inChannels * g.outChannels >= 2 ** 18)
    .filter((g) => g.n * g.height * g.width <= 2 ** 14)
    .map(convProblems[name]);
  // Gradients of weights are sums over all pixels, where errors cancel: 8 was the most.
  const c = name === "conv2dWeightGrad" ? 32 : 128;
  return { name: `${name} (points)`, c, kind: "other", terms: "inputs", problem };
}

/** 1x1 kernels with more work than the exact direct form takes. */
function pointwiseCase(name: keyof typeof convProblems): KernelCase {
  const problem = fc
    .record({
      n: small(3),
      inChannels: fc.constantFrom(3, 16, 35, 70),
      outChannels: fc.constantFrom(3, 17, 64),
      height: small(33, 20),
      width: small(33, 20),
    })
    .map((sizes) => ({
      ...{ ...sizes, kernelHeight: 1, kernelWidth: 1, stride: 1, padY: 0, padX: 0, groups: 1 },
      ...{ outHeight: sizes.height, outWidth: sizes.width },
    }))
    .map(convProblems[name]);
  return { name: `${name} (pointwise)`, c: 16, kind: "linear", terms: "inputs", problem };
}

/** Taps are multiples of 1/8, so that integers are filtered exactly. */
export function filterOf(y: readonly number[], x: readonly number[], separable: boolean): Filter2d {
  const taps = y.flatMap((tapY) => x.map((tapX) => tapY * tapX));
  return { tapsY: y.length, tapsX: x.length, taps, separable: separable ? { y, x } : null };
}

const taps = fc
  .array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 12 })
  .map((values) => values.map((value) => value / 8));

export const upfirdn2dGeometry: fc.Arbitrary<Upfirdn2dGeometry> = fc
  .record({
    planes: small(3),
    height: small(9),
    width: fc.oneof(small(12), fc.constantFrom(16, 33)),
    upX: small(3),
    upY: small(3),
    downX: small(3),
    downY: small(3),
    padX0: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -3, max: 6 }) }, fc.constant(50)),
    padX1: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -3, max: 6 }) }, fc.constant(90)),
    padY0: fc.integer({ min: -3, max: 6 }),
    padY1: fc.integer({ min: -3, max: 6 }),
    y: fc.oneof(fc.constant([0.125, 0.375, 0.375, 0.125]), taps),
    x: fc.oneof(fc.constant([0.125, 0.375, 0.375, 0.125]), taps),
    separable: fc.boolean(),
    flipFilter: fc.boolean(),
    gain: fc.constantFrom(1, 4, -2),
  })
  .map(({ y, x, separable, ...rest }) => ({
    ...rest,
    filter: filterOf(y, x, separable),
    outHeight: Math.floor((rest.height * rest.upY + rest.padY0 + rest.padY1 - y.length) / rest.downY) + 1,
    outWidth: Math.floor((rest.width * rest.upX + rest.padX0 + rest.padX1 - x.length) / rest.downX) + 1,
  }))
  .filter((g) => g.outHeight > 0 && g.outWidth > 0);

/** The filters of the networks, with any four taps: in strips, from odd rows on, and with rows of every length. */
const fourTapGeometry: fc.Arbitrary<Upfirdn2dGeometry> = fc
  .record({
    planes: small(3),
    height: fc.oneof(small(12), small(120, 60)),
    width: fc.oneof(small(40), fc.constantFrom(260, 515)),
    rates: fc.constantFrom([1, 1], [2, 1], [1, 2]),
    padX0: fc.integer({ min: -3, max: 6 }),
    padX1: fc.integer({ min: -3, max: 6 }),
    padY0: fc.integer({ min: -3, max: 6 }),
    padY1: fc.integer({ min: -3, max: 6 }),
    y: fc.constantFrom([0.125, 0.375, 0.375, 0.125], [0.5, -0.25, 2, 1]),
    x: fc.constantFrom([0.125, 0.375, 0.375, 0.125], [-1, 0.5, 0.25, 4]),
    flipFilter: fc.boolean(),
    gain: fc.constantFrom(1, 4),
  })
  .map(({ y, x, rates: [up, down], ...rest }) => ({
    ...{ ...rest, upX: up, upY: up, downX: down, downY: down, filter: filterOf(y, x, true) },
    outHeight: Math.floor((rest.height * up + rest.padY0 + rest.padY1 - 4) / down) + 1,
    outWidth: Math.floor((rest.width * up + rest.padX0 + rest.padX1 - 4) / down) + 1,
  }))
  .filter((g) => g.outHeight > 0 && g.outWidth > 0 && g.planes * g.outHeight * g.outWidth < 50_000);

export function upfirdn2dProblem(g: Upfirdn2dGeometry): KernelProblem {
  const absolute = (values: readonly number[]) => values.map(Math.abs);
  const { separable } = g.filter;
  const positiveFilter: Filter2d = {
    ...g.filter,
    taps: absolute(g.filter.taps),
    separable: separable && { y: absolute(separable.y), x: absolute(separable.x) },
  };
  const output = g.planes * g.outHeight * g.outWidth;
  return {
    inputs: [g.planes * g.height * g.width],
    output,
    flops: 2 * output * (separable ? g.filter.tapsY + g.filter.tapsX : g.filter.tapsY * g.filter.tapsX),
    run: (kernels, [x], y, positive) =>
      kernels.upfirdn2d(x, y, positive ? { ...g, filter: positiveFilter, gain: Math.abs(g.gain) } : g),
  };
}

function biasActCase(
  activations: readonly Activation[],
  gradient: boolean,
  c: number,
  terms: KernelCase["terms"],
): KernelCase {
  return {
    name: `${gradient ? "biasActGrad" : "biasAct"} ${activations.join(" ")}`,
    c,
    kind: "other",
    terms,
    problem: fc
      .record({
        outer: small(3),
        channels: fc.oneof(small(5), upTo67),
        inner: fc.oneof(fc.constant(1), upTo67),
        inputGain: fc.constantFrom(1, 1, 1 / Math.sqrt(300)),
        biasGain: fc.constantFrom(1, 1, 0.01),
        activation: fc.constantFrom(...activations),
        alpha: fc.constantFrom(0.2, 0.01),
        gain: fc.constantFrom(1, Math.SQRT2, 0.5),
        clamp: fc.constantFrom(null, 0.7, 256),
        biased: fc.boolean(),
      })
      .map(({ biased, ...geometry }) => {
        const length = geometry.outer * geometry.channels * geometry.inner;
        const b = biased ? [geometry.channels] : [];
        // Nothing is smaller than the identity among |act|: with it, and no clamp, the terms are those of |t|.
        const positiveGeometry = { ...geometry, activation: "linear", clamp: null } as const;
        return {
          inputs: gradient ? [length, length, ...b] : [length, ...b],
          output: length,
          flops: 4 * length,
          run: (kernels, inputs, y, positive) => {
            const chosen = positive ? positiveGeometry : geometry;
            if (gradient) kernels.biasActGrad(inputs[0], inputs[1], inputs[2] ?? null, y, chosen);
            else kernels.biasAct(inputs[0], inputs[1] ?? null, y, chosen);
          },
        };
      }),
  };
}

/** Lengths of the tensors of a network: some are empty, some take several chunks. */
const tensorLengths = fc.array(
  fc.oneof({ weight: 9, arbitrary: upTo67 }, fc.constantFrom(16383, 16384, 16389, 40_000)),
  {
    minLength: 1,
    maxLength: 5,
  },
);

/** Copies of the parts of a block, one after the other, of these lengths. */
function partsOf(kernels: Kernels, block: Block, lengths: readonly number[]): Block[] {
  let first = 0;
  return lengths.map((length) => {
    const part = kernels.allocate(length);
    kernels.stridedCopy(block, part, { shape: [length], strides: [[1], [1]], offsets: [first, 0] });
    first += length;
    return part;
  });
}

/** Puts the parts back together in y. */
function join(kernels: Kernels, parts: readonly Block[], y: Block): void {
  let first = 0;
  for (const part of parts) {
    kernels.stridedCopy(part, y, { shape: [part.length], strides: [[1], [1]], offsets: [0, first] });
    first += part.length;
  }
}

const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

/** Adam changes three lists of blocks in place; each of them is taken as the output once. */
function adamCase(result: "parameter" | "m" | "v"): KernelCase {
  return {
    name: `adam ${result}`,
    c: 16,
    kind: "positive",
    terms: "inputs",
    problem: fc.record({ lengths: tensorLengths, step: fc.constantFrom(1, 2, 100) }).map(({ lengths, step }) => {
      const n = total(lengths);
      return {
        inputs: [n, n, n, n],
        output: n,
        flops: 12 * n,
        run: (kernels, inputs, y) => {
          const [p, g, m, v] = inputs.map((input) => partsOf(kernels, input, lengths));
          kernels.adam(p, g, m, v, { learningRate: 0.002, beta1: 0.5, beta2: 0.99, epsilon: 1e-8, step });
          join(kernels, { parameter: p, m, v }[result], y);
          for (const block of [p, g, m, v].flat()) kernels.release(block);
        },
      };
    }),
  };
}

/** In place: y is made of copies of the parts of the second input. */
const normalCase: KernelCase = {
  name: "normal",
  c: 16,
  kind: "positive",
  terms: "output",
  problem: fc
    .record({
      length: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(16384, 33000)),
      seed: fc.nat(2 ** 32 - 1),
      stream: fc.oneof(fc.nat(20), fc.nat(2 ** 32 - 1)),
    })
    .map(({ length, seed, stream }) => ({
      inputs: [],
      output: length,
      flops: 0,
      run: (kernels, _, y) => kernels.normal(y, { seed, stream }),
    })),
};

const lerpCase: KernelCase = {
  name: "lerp",
  c: 4,
  kind: "other",
  terms: "inputs",
  problem: tensorLengths.map((lengths) => {
    const n = total(lengths);
    return {
      inputs: [n, n],
      output: n,
      flops: 3 * n,
      run: (kernels, [x, from], y, positive) => {
        if (positive) {
          kernels.binary("add", x, from, y, { shape: [n], strides: [[1], [1]] });
          return;
        }
        const [to, moved] = [x, from].map((input) => partsOf(kernels, input, lengths));
        kernels.lerp(to, moved, 0.9);
        join(kernels, moved, y);
        for (const block of [...to, ...moved]) kernels.release(block);
      },
    };
  }),
};

export const kernelCases: readonly KernelCase[] = [
  ...(["neg", "abs", "sign", "step"] as const).map((op) => unaryCase(op, 0)),
  unaryCase("square", 1),
  ...(["sqrt", "rsqrt", "reciprocal", "log"] as const).map((op) => unaryCase(op, 2, "positive")),
  ...(["exp", "sigmoid", "tanh", "softplus"] as const).map((op) => unaryCase(op, 1)),
  binaryCase("add", "linear"),
  binaryCase("sub", "linear"),
  binaryCase("mul", "linear"),
  binaryCase("div", "positive"),
  {
    name: "affine",
    c: 2,
    kind: "other",
    terms: "inputs",
    problem: upTo67.map((n) => ({
      inputs: [n],
      output: n,
      flops: 2 * n,
      run: (kernels, [x], y, positive) => kernels.affine(x, y, positive ? 1.7 : -1.7, 0.3),
    })),
  },
  {
    name: "fill",
    c: 1,
    kind: "other",
    terms: "output",
    problem: upTo67.map((n) => ({ inputs: [], output: n, flops: 0, run: (kernels, _, y) => kernels.fill(y, 0.1) })),
  },
  lerpCase,
  normalCase,
  copyCase,
  sumCase,
  matmulCase,
  rowDotsCase,
  convCase("conv2d"),
  convCase("conv2dInputGrad"),
  convCase("conv2dWeightGrad"),
  pointsCase("conv2d"),
  pointsCase("conv2dInputGrad"),
  pointsCase("conv2dWeightGrad"),
  pointwiseCase("conv2d"),
  pointwiseCase("conv2dInputGrad"),
  pointwiseCase("conv2dWeightGrad"),
  { name: "upfirdn2d", c: 16, kind: "linear", terms: "inputs", problem: upfirdn2dGeometry.map(upfirdn2dProblem) },
  {
    name: "upfirdn2d (four taps)",
    c: 16,
    kind: "linear",
    terms: "inputs",
    problem: fourTapGeometry.map(upfirdn2dProblem),
  },
  biasActCase(piecewise, false, 6, "inputs"),
  biasActCase(smooth, false, 1, "output"),
  biasActCase(piecewise, true, 6, "inputs"),
  biasActCase(smooth, true, 1, "output"),
  adamCase("parameter"),
  adamCase("m"),
  adamCase("v"),
];

/** Exports that only the fused layers use; their cases are in tests/support/fusedCases.ts. */
export const layerExports: readonly string[] = [
  "blockedFir",
  "blockedToImage",
  "blockedToPlanar",
  "convBlocked",
  "convInPlace",
  "inPlaceSeams",
  "inverseNorms",
  "multiplyPanels",
  "planarToBlocked",
  "sumOfSquares",
  "transposedBlocked",
  "transposedSeams",
];
