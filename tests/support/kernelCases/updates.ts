/** What changes many tensors in place: Adam and the moving average. */
import fc from "fast-check";
import type { Block, Kernels } from "../../../src/nn/kernels/types.js";
import { type KernelCase, upTo67 } from "./case.js";

/** Lengths of the tensors of a network: some are empty, some take several chunks. */
const tensorLengths = fc.array(
  fc.oneof({ weight: 9, arbitrary: upTo67 }, fc.constantFrom(16383, 16384, 16389, 40_000)),
  {
    minLength: 1,
    maxLength: 5,
  },
);

/** Copies of the parts of a block, one after the other, of these lengths. */
function partsOf(kernels: Kernels, block: Block, lengths: readonly number[]): Block[] {
  let first = 0;
  return lengths.map((length) => {
    const part = kernels.allocate(length);
    kernels.stridedCopy(block, part, { shape: [length], strides: [[1], [1]], offsets: [first, 0] });
    first += length;
    return part;
  });
}

/** Puts the parts back together in y. */
function join(kernels: Kernels, parts: readonly Block[], y: Block): void {
  let first = 0;
  for (const part of parts) {
    kernels.stridedCopy(part, y, { shape: [part.length], strides: [[1], [1]], offsets: [0, first] });
    first += part.length;
  }
}

const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

/** Adam changes three lists of blocks in place; each of them is taken as the output once. */
function adamCase(result: "parameter" | "m" | "v"): KernelCase {
  return {
    name: `adam ${result}`,
    c: 16,
    kind: "positive",
    terms: "inputs",
    problem: fc.record({ lengths: tensorLengths, step: fc.constantFrom(1, 2, 100) }).map(({ lengths, step }) => {
      const n = total(lengths);
      return {
        inputs: [n, n, n, n],
        output: n,
        flops: 12 * n,
        run: (kernels, inputs, y) => {
          const [p, g, m, v] = inputs.map((input) => partsOf(kernels, input, lengths));
          kernels.adam(p, g, m, v, { learningRate: 0.002, beta1: 0.5, beta2: 0.99, epsilon: 1e-8, step });
          join(kernels, { parameter: p, m, v }[result], y);
          for (const block of [p, g, m, v].flat()) kernels.release(block);
        },
      };
    }),
  };
}

/** In place: y is made of copies of the parts of the second input. */
const lerpCase: KernelCase = {
  name: "lerp",
  c: 4,
  kind: "other",
  terms: "inputs",
  problem: tensorLengths.map((lengths) => {
    const n = total(lengths);
    return {
      inputs: [n, n],
      output: n,
      flops: 3 * n,
      run: (kernels, [x, from], y, positive) => {
        if (positive) {
          kernels.binary("add", x, from, y, { shape: [n], strides: [[1], [1]] });
          return;
        }
        const [to, moved] = [x, from].map((input) => partsOf(kernels, input, lengths));
        kernels.lerp(to, moved, 0.9);
        join(kernels, moved, y);
        for (const block of [...to, ...moved]) kernels.release(block);
      },
    };
  }),
};

export const updateCases: readonly KernelCase[] = [lerpCase, adamCase("parameter"), adamCase("m"), adamCase("v")];
