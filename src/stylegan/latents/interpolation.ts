/**
 * Curves through latents: the paths that a video follows from key to key.
 *
 *   cubic    one spline through all keys, twice continuously differentiable, "not-a-knot" at its ends: on each interval
 *            y = (1 - t) y_i + t y_j + ((1 - t)^3 - (1 - t)) M_i / 6 + (t^3 - t) M_j / 6,
 *            M_(i-1) + 4 M_i + M_(i+1) = 6 (y_(i-1) - 2 y_i + y_(i+1)),  M_0 - 2 M_1 + M_2 = 0
 *   linear   y = (1 - t) y_i + t y_j
 *   slerp    y = sin((1 - t) o) / sin(o) y_i + sin(t o) / sin(o) y_j,  o the angle between them
 *
 * A loop repeats the keys on both sides, as the official video tool does, and so closes nearly: the spline of two
 * repetitions a side differs from the periodic one by 1.6e-2 with two keys and by 4e-6 with five. At whole positions
 * every curve is its key, bit for bit. Tests: tests/goldens/video.test.ts, tests/networks/walks.test.ts.
 */

export const interpolationKinds = ["cubic", "linear", "slerp"] as const;
export type InterpolationKind = (typeof interpolationKinds)[number];

/** Rows of numbers: `count` keys of `dims` numbers each, one after the other. */
export interface Keys {
  readonly data: ArrayLike<number>;
  readonly count: number;
  readonly dims: number;
}

export interface InterpolationOptions {
  /** Default "cubic". */
  readonly kind?: InterpolationKind;
  /** From the last key back to the first. Default true. */
  readonly loop?: boolean;
  /** Cubic loops: how often the keys are repeated on each side. Default 2. */
  readonly wraps?: number;
  /** Slerp: a key is made of vectors of this length, each of which turns by itself. Default: `dims`, one vector. */
  readonly vectorDims?: number;
}

/** position, counted in keys (0 is the first, 0.5 half-way to the second) -> `dims` numbers. */
export type Curve = (position: number) => Float64Array;

/**
 * The curve through keys. A loop repeats itself beyond its ends, an open curve stands still there.
 *
 * @throws RangeError when the sizes do not fit
 * @example
 * const curve = interpolate({ data: ws.toArray(), count: 4, dims: numWs * wDim });
 * const halfWay = curve(0.5);
 */
export function interpolate(keys: Keys, options: InterpolationOptions = {}): Curve {
  const { data, count, dims } = keys;
  const { kind = "cubic", loop = true, wraps = 2, vectorDims = dims } = options;
  if (count < 1 || data.length !== count * dims) {
    throw new RangeError(`interpolate: ${count} keys of ${dims} need ${count * dims} numbers, got ${data.length}`);
  }
  if (dims % vectorDims !== 0) throw new RangeError(`interpolate: ${dims} is no multiple of vectorDims, ${vectorDims}`);
  if (!Number.isInteger(wraps) || wraps < 0) throw new RangeError(`interpolate: wraps must be 0 or more, got ${wraps}`);
  const between = kind === "cubic" ? cubic(keys, loop ? wraps : 0) : pairwise(keys, kind, vectorDims);
  const last = loop ? count : count - 1;
  return (position) => {
    const place = loop ? position - count * Math.floor(position / count) : Math.min(Math.max(position, 0), last);
    const from = Math.min(Math.floor(place), Math.max(last - 1, 0));
    return between(from, place - from);
  };
}

/** From key `from` to the one after it, or the first, at t in [0, 1]. */
type Segment = (from: number, t: number) => Float64Array;

function pairwise({ data, count, dims }: Keys, kind: "linear" | "slerp", vectorDims: number): Segment {
  return (from, t) => {
    const y = new Float64Array(dims);
    const a = from * dims;
    const b = ((from + 1) % count) * dims;
    for (let k = 0; k < dims; k += vectorDims) {
      const [p, q] = kind === "slerp" ? slerpWeights(data, a + k, b + k, vectorDims, t) : [1 - t, t];
      for (let i = k; i < k + vectorDims; i++) y[i] = p * data[a + i] + q * data[b + i];
    }
    return y;
  };
}

/** The weights of two vectors on the great circle between them; those of the straight line where they are parallel. */
function slerpWeights(data: ArrayLike<number>, a: number, b: number, dims: number, t: number): [number, number] {
  let [aa, bb, ab] = [0, 0, 0];
  for (let i = 0; i < dims; i++) {
    aa += data[a + i] ** 2;
    bb += data[b + i] ** 2;
    ab += data[a + i] * data[b + i];
  }
  const cosine = ab / Math.sqrt(aa * bb);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const sine = Math.sin(angle);
  if (!(sine >= 1e-9)) return [1 - t, t];
  return [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
}

/** Spherical interpolation of two vectors as they are. */
export function slerp(a: ArrayLike<number>, b: ArrayLike<number>, t: number): Float64Array {
  const dims = a.length;
  const keys = { data: [...Array.from(a), ...Array.from(b)], count: 2, dims };
  return pairwise(keys, "slerp", dims)(0, t);
}

/** Spherical interpolation of two vectors, each first scaled to length 1 (as perceptual path length walks in Z). */
export function slerpUnit(a: ArrayLike<number>, b: ArrayLike<number>, t: number): Float64Array {
  return slerp(unit(a), unit(b), t);
}

function unit(vector: ArrayLike<number>): Float64Array {
  const v = Float64Array.from(vector);
  const length = Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  return v.map((x) => x / length);
}

/** The spline of the keys, repeated 2 wraps + 1 times; only what lies in the middle is kept. */
function cubic({ data, count, dims }: Keys, wraps: number): Segment {
  const total = count * (2 * wraps + 1);
  const first = count * wraps;
  const kept = Math.min(count + 1, total - first);
  const curvature = new Float64Array(kept * dims); // M of the keys in the middle, and of the one after them
  const y = new Float64Array(total);
  const m = new Float64Array(total);
  const scratch = new Float64Array(total);
  for (let d = 0; d < dims; d++) {
    for (let i = 0; i < total; i++) y[i] = data[(i % count) * dims + d];
    secondDerivatives(y, m, scratch);
    for (let i = 0; i < kept; i++) curvature[i * dims + d] = m[first + i];
  }
  return (from, t) => {
    const out = new Float64Array(dims);
    const s = 1 - t;
    const [p, q] = [(s ** 3 - s) / 6, (t ** 3 - t) / 6];
    const [a, b] = [from * dims, ((from + 1) % count) * dims];
    const next = Math.min(from + 1, kept - 1) * dims;
    for (let i = 0; i < dims; i++) {
      out[i] = s * data[a + i] + t * data[b + i] + p * curvature[a + i] + q * curvature[next + i];
    }
    return out;
  };
}

/**
 * M at every knot of a not-a-knot spline with unit distances. The condition at an end makes M_1 the second difference
 * there, so that a tridiagonal system for the rest remains.
 */
function secondDerivatives(y: Float64Array, m: Float64Array, scratch: Float64Array): void {
  const n = y.length;
  m.fill(0);
  const difference = (i: number): number => y[i - 1] - 2 * y[i] + y[i + 1];
  if (n < 3) return;
  if (n === 3) {
    m.fill(difference(1)); // the parabola through three points
    return;
  }
  m[1] = difference(1);
  m[n - 2] = difference(n - 2);
  // Thomas' algorithm for M_2 .. M_(n-3), with M_1 and M_(n-2) known.
  scratch[1] = 0;
  for (let i = 2; i <= n - 3; i++) {
    const pivot = 4 - scratch[i - 1];
    scratch[i] = 1 / pivot;
    const known = i === n - 3 ? m[n - 2] : 0;
    m[i] = (6 * difference(i) - known - m[i - 1]) / pivot;
  }
  for (let i = n - 4; i >= 2; i--) m[i] -= scratch[i] * m[i + 1];
  m[0] = 2 * m[1] - m[2];
  m[n - 1] = 2 * m[n - 2] - m[n - 3];
}
