/** upfirdn2d, for any filter and for the four taps of the networks. */
import fc from "fast-check";
import type { Filter2d, Upfirdn2dGeometry } from "../../../src/nn/kernels/types.js";
import { type KernelCase, type KernelProblem, small } from "./case.js";

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
export const fourTapGeometry: fc.Arbitrary<Upfirdn2dGeometry> = fc
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

/** With the absolute values of its taps and its gain. */
export function positiveFilter(g: Upfirdn2dGeometry): Upfirdn2dGeometry {
  const absolute = (values: readonly number[]) => values.map(Math.abs);
  const { separable } = g.filter;
  const filter: Filter2d = {
    ...g.filter,
    taps: absolute(g.filter.taps),
    separable: separable && { y: absolute(separable.y), x: absolute(separable.x) },
  };
  return { ...g, filter, gain: Math.abs(g.gain) };
}

export function upfirdn2dProblem(g: Upfirdn2dGeometry): KernelProblem {
  const { separable } = g.filter;
  const output = g.planes * g.outHeight * g.outWidth;
  return {
    inputs: [g.planes * g.height * g.width],
    output,
    flops: 2 * output * (separable ? g.filter.tapsY + g.filter.tapsX : g.filter.tapsY * g.filter.tapsX),
    run: (kernels, [x], y, positive) => kernels.upfirdn2d(x, y, positive ? positiveFilter(g) : g),
  };
}

export const resampleCases: readonly KernelCase[] = [
  { name: "upfirdn2d", c: 16, kind: "linear", terms: "inputs", problem: upfirdn2dGeometry.map(upfirdn2dProblem) },
  {
    name: "upfirdn2d (four taps)",
    c: 16,
    kind: "linear",
    terms: "inputs",
    problem: fourTapGeometry.map(upfirdn2dProblem),
  },
];
