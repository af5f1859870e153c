/**
 * numpy's RandomState, number for number: MT19937 (Matsumoto and Nishimura 1998) and Marsaglia's polar method for
 * normals. The official StyleGAN tools draw latents with it, so seed 85 shows here the face it shows there. It is also
 * the seeded generator of everything else that is random. Tested against numpy's own values by tests/nn/random.test.ts.
 */

const N = 624;
const M = 397;
const MAX_SEED = 2 ** 32 - 1;

/** All that a generator is: plain data, safe to store as JSON. */
export interface RandomSnapshot {
  /** The 624 words of the Mersenne twister. */
  readonly key: readonly number[];
  /** Words used up, 0 to 624. */
  readonly position: number;
  /** The second normal of the last pair, if it is still to be returned. */
  readonly spareNormal: number | null;
}

export class RandomState {
  readonly #key = new Uint32Array(N);
  #position = N;
  #spareNormal: number | null = null;
  /** The latest pair of normals. */
  readonly #pair = new Float64Array(2);

  /** Seeds are whole numbers 0 to 2^32 - 1, as in numpy; RangeError otherwise. */
  constructor(seed: number) {
    checkSeed("RandomState", seed);
    this.#key[0] = seed;
    for (let i = 1; i < N; i++) {
      const previous = this.#key[i - 1];
      this.#key[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next 32 random bits. */
  nextUint32(): number {
    if (this.#position === N) this.#twist();
    let y = this.#key[this.#position++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in [0, 1) with 53 random bits (numpy's random_sample). */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** `n` uniform numbers in [0, 1). */
  randomSample(n: number): Float64Array {
    const out = new Float64Array(checkCount(n, "randomSample"));
    for (let i = 0; i < n; i++) out[i] = this.uniform();
    return out;
  }

  /** One standard normal. They are made in pairs: the second of a pair is kept for the next call. */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== null) {
      this.#spareNormal = null;
      return spare;
    }
    this.#drawPair(this.#pair, 0);
    this.#spareNormal = this.#pair[1];
    return this.#pair[0];
  }

  /** `n` standard normals (numpy's randn). Equal to numpy's once rounded to float32; before, within 2 units in the last place. */
  randn(n: number): Float64Array {
    const out = new Float64Array(checkCount(n, "randn"));
    this.fillNormal(out);
    return out;
  }

  /** Fills an array with standard normals: the next that `randn` would return, rounded to its precision. */
  fillNormal(out: Float32Array | Float64Array): void {
    const n = out.length;
    let i = 0;
    if (n > 0 && this.#spareNormal !== null) out[i++] = this.normal();
    for (; i < n - 1; i += 2) this.#drawPair(out, i);
    if (i < n) out[i] = this.normal();
  }

  /** A whole number in [low, high), every one equally likely (numpy's randint). At most 2^32 of them. */
  randint(low: number, high: number): number {
    const span = high - low - 1;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || span < 0 || span > MAX_SEED) {
      throw new RangeError(`RandomState.randint: expected whole numbers low < high <= low + 2^32, got ${low}, ${high}`);
    }
    return low + this.#interval(span);
  }

  /** Fisher-Yates in place, from the end (numpy's shuffle). */
  shuffle<T>(items: T[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.#interval(i);
      [items[i], items[j]] = [items[j], items[i]];
    }
  }

  /** The numbers 0 to n - 1 in random order. */
  permutation(n: number): number[] {
    const items = Array.from({ length: checkCount(n, "permutation") }, (_, i) => i);
    this.shuffle(items);
    return items;
  }

  getState(): RandomSnapshot {
    return { key: [...this.#key], position: this.#position, spareNormal: this.#spareNormal };
  }

  /** Continues bit for bit where `getState` was called. RangeError when the snapshot is not one. */
  setState({ key, position, spareNormal }: RandomSnapshot): void {
    const isWord = (x: number) => Number.isInteger(x) && x >= 0 && x <= MAX_SEED;
    const keyIsProper = Array.isArray(key) && key.length === N && key.every(isWord);
    const positionIsProper = Number.isInteger(position) && position >= 0 && position <= N;
    if (!keyIsProper || !positionIsProper || !(spareNormal === null || Number.isFinite(spareNormal))) {
      throw new RangeError(
        "RandomState.setState: expected a snapshot made by getState (624 words, a position, a spare)",
      );
    }
    this.#key.set(key);
    this.#position = position;
    this.#spareNormal = spareNormal;
  }

  static fromState(state: RandomSnapshot): RandomState {
    const random = new RandomState(0);
    random.setState(state);
    return random;
  }

  /** Uniform in [0, max]: draws as many bits as max has until they fit, so nothing is drawn for max = 0. */
  #interval(max: number): number {
    if (max === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(max);
    for (;;) {
      const value = (this.nextUint32() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /**
   * Two independent normals out of a point uniform in the unit disc, into out[at] and out[at + 1]: its second coordinate gives
   * the first of them, as in numpy.
   */
  #drawPair(out: Float32Array | Float64Array, at: number): void {
    let x1: number;
    let x2: number;
    let r2: number;
    do {
      x1 = 2 * this.uniform() - 1;
      x2 = 2 * this.uniform() - 1;
      r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1 || r2 === 0);
    const f = Math.sqrt((-2 * Math.log(r2)) / r2);
    out[at] = f * x2;
    out[at + 1] = f * x1;
  }

  /** Makes the next 624 words. */
  #twist(): void {
    const key = this.#key;
    for (let i = 0; i < N - M; i++) key[i] = key[i + M] ^ mix(key[i], key[i + 1]);
    for (let i = N - M; i < N - 1; i++) key[i] = key[i + M - N] ^ mix(key[i], key[i + 1]);
    key[N - 1] = key[M - 1] ^ mix(key[N - 1], key[0]);
    this.#position = 0;
  }
}

/** The upper bit of one word and the lower 31 of the next, times the twister's matrix. */
function mix(word: number, next: number): number {
  const y = (word & 0x80000000) | (next & 0x7fffffff);
  return (y >>> 1) ^ (-(y & 1) & 0x9908b0df);
}

/**
 * The latents of seeds, as the official tools draw them: one generator a seed, its first `zDim` normals as float32.
 * Returns [seeds.length, zDim], row-major.
 */
export function seedsToLatents(seeds: readonly number[], zDim: number): Float32Array {
  const latents = new Float32Array(seeds.length * checkCount(zDim, "seedsToLatents"));
  for (let i = 0; i < seeds.length; i++) latents.set(new RandomState(seeds[i]).randn(zDim), i * zDim);
  return latents;
}

function checkCount(n: number, operation: string): number {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${operation}: expected a count of 0 or more, got ${n}`);
  return n;
}

/** @throws RangeError unless the seed has 32 bits */
export function checkSeed(operation: string, seed: number): void {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) {
    throw new RangeError(`${operation}: seed must be a whole number from 0 to 2^32 - 1, got ${seed}`);
  }
}
