/** Computed tolerances: |y^ - y| <= c * 2^-24 * sum|terms|, the sum taken by the reference on absolute values. */

/** Half the distance from 1 to the next float32. */
export const unitRoundoff = 2 ** -24;

type Numbers = Float32Array | Float64Array;

export interface BoundReport {
  /** Largest |y^ - y| / (2^-24 * sum|terms|): the smallest c that would pass. */
  readonly needed: number;
  /** Largest |y| and largest tolerance; the tolerance of a test that can fail is far below the signal. */
  readonly signal: number;
  readonly tolerance: number;
}

/** Throws, with the worst element, unless every element is within c * 2^-24 * terms of what is expected. */
export function assertWithinBound(actual: Numbers, expected: Numbers, terms: Numbers, c: number): BoundReport {
  let needed = 0;
  let worst = 0;
  let signal = 0;
  let tolerance = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    const unit = unitRoundoff * Math.abs(terms[i]);
    const ratio = error === 0 ? 0 : error / unit;
    if (!(ratio <= needed)) {
      needed = ratio;
      worst = i;
    }
    if (Number.isNaN(ratio)) break;
    signal = Math.max(signal, Math.abs(expected[i]));
    tolerance = Math.max(tolerance, c * unit);
  }
  if (!(needed <= c)) {
    throw new Error(
      `element ${worst} of ${expected.length}: got ${actual[worst]}, expected ${expected[worst]}, off by ` +
        `${Math.abs(actual[worst] - expected[worst])}; sum|terms| = ${terms[worst]} allows ` +
        `${c * unitRoundoff * terms[worst]} (c = ${c}, would need ${needed})`,
    );
  }
  return { needed, signal, tolerance };
}
