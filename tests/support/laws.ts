/**
 * How an equation becomes a test: `law` draws shapes and a seed, runs both sides in a scope, and asserts that every
 * case was executed. The comparisons say which class of equality is meant:
 *
 *   identical   bit for bit: data movement, whole numbers, the same order of operations
 *   equal       an algebraic identity in float64: 1e-12 of the largest element
 *   apart       an inequality that a reader might take for an identity
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { Draw, SEED } from "./draw.js";

type Arbitraries<T> = { readonly [K in keyof T]: fc.Arbitrary<T[K]> };

export interface LawOptions {
  /** Cases to draw. Default 20. */
  readonly runs?: number;
}

/** A test with the equation as its title, over `runs` drawn cases. */
export function law<T extends object>(
  equation: string,
  drawn: Arbitraries<T>,
  body: (values: T, draw: Draw) => void,
  { runs = 20 }: LawOptions = {},
): void {
  test(equation, () => {
    let executed = 0;
    const cases = fc.record({ ...drawn, contents: fc.nat() });
    fc.assert(
      fc.property(cases, (values) => {
        scope(() => body(values as unknown as T, new Draw((values as unknown as { contents: number }).contents)));
        executed++;
      }),
      { seed: SEED, numRuns: runs },
    );
    expect(executed).toBe(runs);
  });
}

type Numbers = Tensor | ArrayLike<number> | number;

export function numbersOf(value: Numbers): Float64Array {
  if (value instanceof Tensor) return value.toFloat64Array();
  return Float64Array.from(typeof value === "number" ? [value] : value);
}

export const largest = (value: Numbers): number => numbersOf(value).reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Index and size of the largest difference; NaN counts as the largest of all. */
function worst(actual: Numbers, expected: Numbers): { index: number; difference: number; text: string } {
  if (actual instanceof Tensor && expected instanceof Tensor) expect(actual.shape).toEqual(expected.shape);
  const [a, b] = [numbersOf(actual), numbersOf(expected)];
  expect(a.length, "number of elements").toBe(b.length);
  let index = 0;
  let difference = 0;
  for (let at = 0; at < b.length; at++) {
    const distance = Math.abs(a[at] - b[at]);
    if (distance > difference || Number.isNaN(distance)) {
      index = at;
      difference = distance;
      if (Number.isNaN(distance)) break;
    }
  }
  return { index, difference, text: `element ${index} is ${a[index]}, expected ${b[index]}` };
}

/** Class E. */
export function identical(actual: Numbers, expected: Numbers): void {
  const { difference, text } = worst(actual, expected);
  if (difference !== 0) expect.fail(`${text}, exactly (seed ${SEED})`);
}

export interface EqualOptions {
  /** Default 1e-12. */
  readonly tolerance?: number;
  /**
   * What the tolerance is relative to. Default: the largest expected element, which must not be 0; a given scale may
   * be 0 where a drawn case is degenerate, and then both sides must agree exactly.
   */
  readonly scale?: number;
}

/** Class R: |actual - expected| <= tolerance * scale, element by element. */
export function equal(actual: Numbers, expected: Numbers, options: EqualOptions = {}): void {
  const { tolerance = 1e-12, scale = largest(expected) } = options;
  const isDegenerate = options.scale === undefined && !(scale > 0);
  const { difference, text } = worst(actual, expected);
  if (numbersOf(expected).length === 0) return;
  if (isDegenerate) expect.fail(`nothing to compare: everything expected is ${scale} (seed ${SEED})`);
  if (!(difference <= tolerance * scale)) {
    expect.fail(`${text}: differs by ${difference}, allowed ${tolerance} * ${scale} (seed ${SEED})`);
  }
}

/** The two sides differ by at least `atLeast` of the largest expected element. */
export function apart(actual: Numbers, expected: Numbers, atLeast: number): void {
  const { difference } = worst(actual, expected);
  const needed = atLeast * largest(expected);
  if (!(needed > 0 && difference >= needed)) {
    expect.fail(`the sides differ by ${difference} only, but by ${needed} or more where the condition fails`);
  }
}

/** <a, b>: the sum of products of all elements. */
export function dot(a: Numbers, b: Numbers): number {
  const [p, q] = [numbersOf(a), numbersOf(b)];
  expect(p.length, "number of elements").toBe(q.length);
  return p.reduce((sum, x, index) => sum + x * q[index], 0);
}

/** The sum of |products|: what the rounding errors of <a, b> are relative to. */
export const dotSize = (a: Numbers, b: Numbers): number => dot(numbersOf(a).map(Math.abs), numbersOf(b).map(Math.abs));
