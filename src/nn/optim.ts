/**
 * Adam (Kingma and Ba 2015, algorithm 1) and the moving average of a network's weights (ProGAN, section 4.1).
 *
 *   m <- b1 m + (1 - b1) g        p <- p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 *   v <- b2 v + (1 - b2) g^2
 *
 * Tests: tests/identities/training.test.ts (identities 40, 41), tests/goldens/training.test.ts.
 */
import { activeKernels } from "./backend.js";
import type { Block } from "./kernels/types.js";
import { assertShape } from "./shape.js";
import { inScope, persistentTensor, type Tensor } from "./tensor.js";

type NamedTensors = ReadonlyMap<string, Tensor>;

export interface AdamSettings {
  /** Default 0.001. */
  readonly learningRate?: number;
  /** Decay of the first and the second moment. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
}

export class Adam {
  /** May be changed between steps. */
  learningRate: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** First and second moment of each parameter, by its name: with `steps`, all that the optimiser remembers. */
  readonly m: NamedTensors;
  readonly v: NamedTensors;
  /** Updates done so far. */
  steps = 0;
  readonly #parameters: NamedTensors;

  constructor(parameters: NamedTensors, settings: AdamSettings = {}) {
    const { learningRate = 0.001, betas = [0.9, 0.999], epsilon = 1e-8 } = settings;
    for (const [name, value] of Object.entries({ learningRate, epsilon })) {
      if (!(value >= 0)) throw new RangeError(`Adam: ${name} must be at least 0, got ${value}`);
    }
    if (!betas.every((beta) => beta >= 0 && beta < 1)) {
      throw new RangeError(`Adam: betas must lie in [0, 1), got [${betas.join(", ")}]`);
    }
    this.learningRate = learningRate;
    this.betas = betas;
    this.epsilon = epsilon;
    this.#parameters = parameters;
    const zeros = (): NamedTensors =>
      new Map([...parameters].map(([name, { shape }]) => [name, persistentTensor(shape, (data) => data.fill(0))]));
    this.m = zeros();
    this.v = zeros();
  }

  /**
   * Moves every parameter, given gradients in the order of the parameters. In a gradient NaN counts as 0, an infinity as
   * +-1e5.
   *
   * @throws RangeError when a gradient is missing or has another shape than its parameter
   */
  step(gradients: readonly Tensor[]): void {
    assertShape("Adam.step", "the number of gradients", [gradients.length], [this.#parameters.size]);
    [...this.#parameters].forEach(([name, { shape }], index) => {
      assertShape("Adam.step", `the gradient of ${name}`, gradients[index].shape, shape);
    });
    this.steps++;
    const [beta1, beta2] = this.betas;
    const options = { learningRate: this.learningRate, beta1, beta2, epsilon: this.epsilon, step: this.steps };
    const blocks = (tensors: Iterable<Tensor>): Block[] => Array.from(tensors, ({ internals }) => internals.block);
    const [m, v] = [blocks(this.m.values()), blocks(this.v.values())];
    updateAll(this.#parameters.values(), (p) => activeKernels().adam(p, blocks(gradients), m, v, options));
  }
}

/** Changes several tensors in place, with one kernel for all of them. */
function updateAll(tensors: Iterable<Tensor>, write: (blocks: readonly Block[]) => void): void {
  const targets = [...tensors];
  write(targets.map(({ internals }) => internals.block));
  for (const target of targets) target.internals.changed();
}

/** What can be averaged: a network. */
export interface Averageable {
  readonly parameters: NamedTensors;
  readonly buffers: NamedTensors;
}

/**
 * Exponential moving average of a network, in place: parameters p_ema <- p + beta (p_ema - p), buffers copied.
 *
 * @param beta 0 copies the network, 1 leaves the average as it is
 */
export function updateEma(average: Averageable, network: Averageable, beta: number): void {
  inScope(() => {
    const kernels = activeKernels();
    const names = [...network.parameters.keys()];
    const parameters = names.map((name) => network.parameters.get(name)!.internals.block);
    const averages = names.map((name) => average.parameters.get(name)!);
    updateAll(averages, (ema) => kernels.lerp(parameters, ema, beta));
    for (const [name, buffer] of network.buffers) copyInto(average.buffers.get(name)!, buffer);
  });
}

/** Overwrites the contents of a persistent tensor with those of another of the same size. */
export function copyInto(target: Tensor, source: Tensor): void {
  assertShape("copyInto", "source", source.shape, target.shape);
  const from = source.internals.block;
  const flat = { shape: [from.length], strides: [[1], [1]] };
  target.update((block) => activeKernels().stridedCopy(from, block, flat));
}

/**
 * beta for a batch, so that after `emaKimg` thousand images the start has decayed to one half:
 * beta = 0.5^(batch / (1000 emaKimg)). With a ramp-up the half-life is at most `rampup` times the images seen so far,
 * so that the average forgets the untrained start quickly; at the very start it is a copy.
 */
export function emaBeta(options: {
  /** Images of one update. */
  readonly batchSize: number;
  /** Half-life in thousands of images. */
  readonly emaKimg: number;
  /** Images seen so far. */
  readonly images: number;
  /** Half-life as a part of the images seen; null for no ramp-up. */
  readonly rampup: number | null;
}): number {
  const { batchSize, emaKimg, images, rampup } = options;
  const halfLife = rampup === null ? 1000 * emaKimg : Math.min(1000 * emaKimg, images * rampup);
  return 0.5 ** (batchSize / Math.max(halfLife, 1e-8));
}
