/**
 * Noise for feature maps, fast enough to be drawn anew in every step of training: each number is a function of the seed, of how
 * often the generator was asked before, and of its place (kernels/reference/normal.ts), so a kernel draws them all at once.
 * Whoever wants the numbers of the official TensorFlow tool takes numpy's `RandomState` instead. Tests: tests/nn/noise.test.ts.
 */
import { activeKernels } from "./backend.js";
import { checkSeed, type RandomState } from "./random.js";
import { checkShape, type Shape } from "./shape.js";
import { allocateTensor, inScope, Tensor } from "./tensor.js";

export class NoiseGenerator {
  readonly #seed: number;
  #asked = 0;

  /**
   * @param seed a whole number from 0 to 2^32 - 1. Default: a fresh one
   * @throws RangeError for another
   */
  constructor(seed: number = Math.floor(Math.random() * 2 ** 32)) {
    checkSeed("NoiseGenerator", seed);
    this.#seed = seed;
  }

  /** Independent standard normals, others at every call. */
  normal(shape: Shape): Tensor {
    checkShape("NoiseGenerator.normal", shape);
    return inScope(() => {
      const y = allocateTensor(shape);
      activeKernels().normal(y.internals.block, this.next());
      return y;
    });
  }

  /**
   * What makes the next numbers others than those before: for whoever has kernels draw them.
   *
   * @internal
   */
  next(): { readonly seed: number; readonly stream: number } {
    return { seed: this.#seed, stream: this.#asked++ };
  }
}

/** What noise is drawn from. */
export type NoiseSource = NoiseGenerator | RandomState;

/** Independent standard normals from either source. */
export function drawNoise(source: NoiseSource, shape: Shape): Tensor {
  if (source instanceof NoiseGenerator) return source.normal(shape);
  return Tensor.filled(shape, (data) => source.fillNormal(data));
}
