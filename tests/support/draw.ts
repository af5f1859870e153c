/**
 * Seeded numbers for tests. Every law draws its shapes with fast-check and its contents with a `Draw` that is made
 * from one of fast-check's numbers, so that a failure is repeated by its seed alone and no generator is shared.
 */
import { type Shape, sizeOf } from "../../src/nn/shape.js";
import { Tensor } from "../../src/nn/tensor.js";

const FIXED_SEED = 20191203;

/**
 * The seed of all property tests: the environment variable FC_SEED, a whole number, or `random` to explore.
 * Without it the seed is always the same, on a desk and in CI.
 */
export const SEED: number = seedOf(process.env.FC_SEED);

function seedOf(text: string | undefined): number {
  if (text === undefined || text === "") return FIXED_SEED;
  if (text === "random") return Math.floor(Math.random() * 2 ** 31);
  const seed = Number(text);
  if (!Number.isInteger(seed)) throw new TypeError(`FC_SEED: expected a whole number or "random", got ${text}`);
  return seed;
}

/** A small generator (Steele, Lea and Flood 2014, splitmix with 32 bits) and tensors filled from it. */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return low + ((mixed ^ (mixed >>> 15)) >>> 0) * 2 ** -32 * (high - low);
  }

  /** One normal number (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number from low to high, both possible. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  /** A tensor whose elements are drawn one by one. */
  tensor(shape: Shape, element: () => number): Tensor {
    return Tensor.from(Float64Array.from({ length: sizeOf(shape) }, element), shape);
  }

  /** Independent normal numbers, times `deviation`. */
  normals(shape: Shape, deviation = 1): Tensor {
    return this.tensor(shape, () => deviation * this.normal());
  }

  /** Small whole numbers: sums of their products are exact in float32. */
  integers(shape: Shape, largest = 4): Tensor {
    return this.tensor(shape, () => this.integer(-largest, largest));
  }

  /** Uniform in [low, high). */
  uniforms(shape: Shape, low: number, high: number): Tensor {
    return this.tensor(shape, () => this.uniform(low, high));
  }

  /** Normal numbers of which none is within `distance` of a kink: where a difference quotient means something. */
  awayFrom(shape: Shape, kinks: readonly number[], distance = 0.02): Tensor {
    return this.tensor(shape, () => {
      for (;;) {
        const value = this.normal();
        if (kinks.every((kink) => Math.abs(value - kink) > distance)) return value;
      }
    });
  }
}
