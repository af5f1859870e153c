/** Convolutions and their adjoints, in every form. */
import fc from "fast-check";
import type { BiasActGeometry, Conv2dGeometry } from "../../../src/nn/kernels/types.js";
import { type KernelCase, type KernelProblem, small } from "./case.js";
import { filterOf, positiveFilter } from "./resample.js";

/** Elements of x, w and y. */
function convSizes(g: Conv2dGeometry): { x: number; w: number; y: number; flops: number } {
  const w = (g.outChannels * g.inChannels * g.kernelHeight * g.kernelWidth) / g.groups;
  return {
    x: g.n * g.inChannels * (g.filter ?? g).height * (g.filter ?? g).width,
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

/** A convolution with what follows it, with and without a bias, of every kind of activation that has a pass of its own or none. */
function endCase(name: string, geometry: fc.Arbitrary<Conv2dGeometry>, c: number): KernelCase {
  const ends = fc.constantFrom(
    { activation: "lrelu", clamp: null },
    { activation: "linear", clamp: null },
    { activation: "relu", clamp: null },
    { activation: "lrelu", clamp: 0.7 },
  ) satisfies fc.Arbitrary<Pick<BiasActGeometry, "activation" | "clamp">>;
  const problem = fc.tuple(geometry, ends, fc.boolean()).map(([g, given, hasBias]): KernelProblem => {
    const { x, w, y, flops } = convSizes(g);
    const numbers = { inputGain: 0.5, biasGain: 2, alpha: 0.2, gain: 1.25 };
    const end = { outer: g.n, channels: g.outChannels, inner: g.outHeight * g.outWidth, ...numbers, ...given };
    return {
      inputs: [x, w, g.outChannels],
      output: y,
      flops,
      run: (kernels, [a, b, bias], to, positive) =>
        kernels.conv2dBiasAct(a, b, hasBias ? bias : null, to, g, positive ? { ...end, clamp: null } : end),
    };
  });
  return { name, c, kind: "other", terms: "inputs", problem };
}

/** A member of the family on operands whose maps are multiplied by numbers: sums of products of three. */
function scaledCase(name: keyof typeof convProblems, geometry: fc.Arbitrary<Conv2dGeometry>, c: number): KernelCase {
  const problem = geometry.map((g): KernelProblem => {
    const { inputs, output, flops } = convProblems[name](g);
    return {
      inputs: [...inputs, g.n * g.inChannels, g.n * g.outChannels],
      output,
      flops,
      run: (kernels, [a, b, x, dy], to) => {
        if (name === "conv2d") kernels.conv2d(a, b, to, g, x);
        else if (name === "conv2dInputGrad") kernels.conv2dInputGrad(a, b, to, g, dy);
        else kernels.conv2dWeightGrad(a, b, to, g, { x, dy });
      },
    };
  });
  return { name: `${name} (scaled${c > 20 ? ", points" : ""})`, c, kind: "other", terms: "inputs", problem };
}

function convCase(name: keyof typeof convProblems): KernelCase {
  return { name, c: 16, kind: "linear", terms: "inputs", problem: convGeometry.map(convProblems[name]) };
}

/**
 * Large enough for transform points (Winograd and Toom-Cook), which round in more places: c = 128; 40 was the largest ever
 * measured, at pixels that see little of a tile whose points are large.
 */
export function pointsGeometry(): fc.Arbitrary<Conv2dGeometry> {
  const side = fc.oneof(small(13, 9), small(26, 23), fc.constantFrom(32, 33));
  return fc
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
    .filter((g) => g.n * g.height * g.width <= 2 ** 14);
}

function pointsCase(name: keyof typeof convProblems): KernelCase {
  const problem = pointsGeometry().map(convProblems[name]);
  // Gradients of weights are sums over all pixels, where errors cancel: 8 was the most.
  const c = name === "conv2dWeightGrad" ? 32 : 128;
  return { name: `${name} (points)`, c, kind: "other", terms: "inputs", problem };
}

const sameRate = { upX: 1, upY: 1, downX: 1, downY: 1 };

/**
 * Stride 2 behind a filter: such whose windows end with the filtered map, which transform points join, and others. Tall ones are done in
 * several strips.
 */
export function filteredGeometry(): fc.Arbitrary<Conv2dGeometry> {
  return fc
    .record({
      n: fc.constantFrom(1, 2, 3, 9),
      inChannels: fc.constantFrom(16, 19, 24, 33),
      outChannels: fc.constantFrom(16, 23, 24, 32),
      tiles: fc.oneof({ weight: 4, arbitrary: fc.tuple(small(9, 2), small(6, 2)) }, fc.constantFrom([37, 2], [24, 3])),
      missing: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, small(3)),
      pads: fc.tuple(small(3, 0), small(3, 0), small(3, 0), small(3, 0)),
      y: fc.constantFrom([0.125, 0.375, 0.375, 0.125], [0.5, -0.25, 2, 1]),
      x: fc.oneof({ weight: 4, arbitrary: fc.constant([-1, 0.5, 0.25, 4]) }, fc.constant([0.5, 1, 0.5])),
      flipFilter: fc.boolean(),
      gain: fc.constantFrom(1, 4),
    })
    .map(
      ({ tiles: [tilesY, tilesX], missing, pads: [padX0, padX1, padY0, padY1], y, x, flipFilter, gain, ...rest }) => {
        const [outHeight, outWidth] = [4 * tilesY - missing, 4 * tilesX];
        const [height, width] = [2 * outHeight + 1, 2 * outWidth + 1];
        const of = { height: height + y.length - 1 - padY0 - padY1, width: width + x.length - 1 - padX0 - padX1 };
        const filter = {
          ...{ ...of, planes: rest.n * rest.inChannels, ...sameRate, padX0, padX1, padY0, padY1 },
          ...{ filter: filterOf(y, x, true), flipFilter, gain, outHeight: height, outWidth: width },
        };
        const kernel = { kernelHeight: 3, kernelWidth: 3, stride: 2, padY: 0, padX: 0, groups: 1 };
        return { ...rest, ...kernel, height, width, outHeight, outWidth, filter };
      },
    )
    .filter((g) => g.n * g.outHeight * g.outWidth * g.inChannels * g.outChannels >= 2 ** 18)
    .filter(({ filter, n }) => n * filter.height * filter.width <= 2 ** 14);
}

function filteredCase(name: keyof typeof convProblems): KernelCase {
  const problem = filteredGeometry().map((g): KernelProblem => {
    const { run, ...sizes } = convProblems[name](g);
    const ofPositive = convProblems[name]({ ...g, filter: positiveFilter(g.filter!) }).run;
    return { ...sizes, run: (...call) => (call[3] ? ofPositive : run)(...call) };
  });
  const c = name === "conv2dWeightGrad" ? 32 : 128;
  return { name: `${name} (filtered)`, c, kind: "other", terms: "inputs", problem };
}

/** 1x1 kernels with more work than the exact direct form takes. */
export function pointwiseGeometry(): fc.Arbitrary<Conv2dGeometry> {
  return fc
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
    }));
}

function pointwiseCase(name: keyof typeof convProblems): KernelCase {
  const problem = pointwiseGeometry().map(convProblems[name]);
  return { name: `${name} (pointwise)`, c: 16, kind: "linear", terms: "inputs", problem };
}

export const convCases: readonly KernelCase[] = [
  convCase("conv2d"),
  convCase("conv2dInputGrad"),
  convCase("conv2dWeightGrad"),
  pointsCase("conv2d"),
  pointsCase("conv2dInputGrad"),
  pointsCase("conv2dWeightGrad"),
  filteredCase("conv2d"),
  filteredCase("conv2dInputGrad"),
  filteredCase("conv2dWeightGrad"),
  endCase("conv2dBiasAct", convGeometry, 16),
  endCase("conv2dBiasAct (points)", pointsGeometry(), 128),
  endCase("conv2dBiasAct (pointwise)", pointwiseGeometry(), 16),
  ...(["conv2d", "conv2dInputGrad", "conv2dWeightGrad"] as const).flatMap((name) => [
    scaledCase(name, convGeometry, 20),
    scaledCase(name, pointsGeometry(), name === "conv2dWeightGrad" ? 32 : 128),
  ]),
  pointwiseCase("conv2d"),
  pointwiseCase("conv2dInputGrad"),
  pointwiseCase("conv2dWeightGrad"),
];
