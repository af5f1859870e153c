/**
 * Walks that are not from key to key: sweeps of one number, circles in Z, layers that pass from one image to another,
 * noise that turns. `t` runs from 0, the first frame, to 1. Tests: tests/networks/walks.test.ts.
 */

export const easings = ["linear", "easeInOutQuad"] as const;
export type Easing = (typeof easings)[number];

/** t in [0, 1] -> [0, 1], with 0, 1/2 and 1 where they are. */
export function ease(t: number, easing: Easing): number {
  if (easing === "linear") return t;
  return t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) ** 2;
}

/** `t` to a number in the range; in a loop it comes back to where it began. Default easing "linear". */
export type Walk = (t: number, range: readonly [number, number], loop: boolean, easing?: Easing) => number;

/** A number that goes from `from` to `to`, and in a loop back again. */
export const sweep: Walk = (t, [from, to], loop, easing = "linear") => {
  const there = loop ? 1 - Math.abs(2 * t - 1) : t;
  return from + (to - from) * ease(there, easing);
};

/**
 * How far along a direction: in a loop from 0 (or what is nearest to it in the range) up, down and back; else from the
 * lower end to the upper one.
 */
export const swing: Walk = (t, [low, high], loop, easing = "linear") => {
  if (!loop) return sweep(t, [low, high], false, easing);
  const start = Math.min(Math.max(0, Math.min(low, high)), Math.max(low, high));
  const path = [start, high, low, start];
  const lengths = [1, 2, 3].map((k) => Math.abs(path[k] - path[k - 1]));
  let left = t * (lengths[0] + lengths[1] + lengths[2]);
  for (let leg = 0; leg < 3; leg++) {
    if (left <= lengths[leg] && lengths[leg] > 0) {
      return path[leg] + (path[leg + 1] - path[leg]) * ease(left / lengths[leg], easing);
    }
    left -= lengths[leg];
  }
  return start;
};

/**
 * cos(2 pi t) a + sin(2 pi t) b: independent normals stay normals of the same variance all the way round, which a
 * straight line between them does not. For z, and for noise maps.
 */
export function circle(a: ArrayLike<number>, b: ArrayLike<number>, t: number): Float64Array {
  const [c, s] = [Math.cos(2 * Math.PI * t), Math.sin(2 * Math.PI * t)];
  return Float64Array.from(a, (value, k) => c * value + s * b[k]);
}

/**
 * Layers that pass over from a to b, the coarse ones first: those below `crossover` are b's, those above a's, and the
 * one in which it lies is in between.
 *
 * @param a [numWs, wDim]
 * @param b [numWs, wDim]
 * @param crossover from 0, all a, to numWs, all b
 */
export function crossOver(a: ArrayLike<number>, b: ArrayLike<number>, wDim: number, crossover: number): Float64Array {
  return Float64Array.from(a, (value, k) => {
    const part = Math.min(Math.max(crossover - Math.floor(k / wDim), 0), 1);
    if (part === 0) return value;
    return part === 1 ? b[k] : (1 - part) * value + part * b[k];
  });
}
