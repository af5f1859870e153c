/**
 * Adjoints of data movement, identity 20: whole numbers, so that both sides are the same bit for bit.
 */
import fc from "fast-check";
import { beforeAll, describe } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { add, mul, scale } from "../../src/nn/ops/arith.js";
import { concat, flip, pad, permute, slice } from "../../src/nn/ops/layout.js";
import { expand, reshape, sum, sumTo } from "../../src/nn/ops/reduce.js";
import type { Tensor } from "../../src/nn/tensor.js";
import type { Draw } from "../support/draw.js";
import { dot, identical, law } from "../support/laws.js";

const extent = fc.constantFrom(1, 2, 3, 4, 5);
const shapes = {
  shape: fc.array(extent, { minLength: 1, maxLength: 4 }),
  broadcast: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
};

/** A shape that broadcasts to `shape`: some axes 1, some leading ones missing. */
function narrower(shape: readonly number[], broadcast: readonly boolean[], draw: Draw): number[] {
  return shape.map((size, axis) => (broadcast[axis] ? 1 : size)).slice(draw.integer(0, shape.length));
}

const KERNELS = [
  ["the reference", async () => createReferenceKernels("float64")],
  ["SIMD", () => createKernels({ kernels: "simd" })],
] as const;

describe.each(KERNELS)("20, %s", (_, create) => {
  beforeAll(async () => setKernels(await create()));

  law(
    "<expand(x), y> = <x, sumTo(y, shape of x)>",
    shapes,
    ({ shape, broadcast }, draw) => {
      const x = draw.integers(narrower(shape, broadcast, draw));
      const y = draw.integers(shape);
      identical(dot(expand(x, shape), y), dot(x, sumTo(y, x.shape)));
    },
    { runs: 60 },
  );

  law(
    "arithmetic with broadcasting = arithmetic on the expanded; its gradients are sums",
    shapes,
    ({ shape, broadcast }, draw) => {
      const a = variable(draw.integers(narrower(shape, broadcast, draw)));
      const b = variable(draw.integers(shape));
      identical(mul(a, b), mul(expand(a, shape), b));
      const dy = draw.integers(shape);
      const [da, db] = grad([mul(a, b)], [a, b], { gradOutputs: [dy] });
      identical(da, sumTo(mul(dy, b), a.shape));
      identical(db, mul(dy, a));
    },
    { runs: 60 },
  );

  law(
    "permute, reshape and flip are rearrangements: <P x, y> = <x, P^-1 y>, <P x, P x> = <x, x>",
    shapes,
    ({ shape }, draw) => {
      const x = variable(draw.integers(shape));
      const order = shape.map((_, axis) => axis).sort(() => draw.uniform() - 0.5);
      const axes = order.slice(0, draw.integer(0, shape.length));
      const rearranged: readonly Tensor[] = [
        permute(x, order),
        reshape(x, [-1]),
        flip(x, axes),
        permute(flip(x, axes), order),
      ];
      for (const y of rearranged) {
        const dy = draw.integers(y.shape);
        const [dx] = grad([y], [x], { gradOutputs: [dy] });
        identical(dot(y, dy), dot(x, dx));
        identical(dot(y, y), dot(x, x));
      }
      identical(flip(flip(x, axes), axes), x);
      identical(
        permute(
          permute(x, order),
          order.map((_, axis) => order.indexOf(axis)),
        ),
        x,
      );
    },
    { runs: 60 },
  );

  law(
    "<slice(x), y> = <x, pad(y)>, and concat puts slices together again",
    shapes,
    ({ shape }, draw) => {
      const x = variable(draw.integers(shape));
      const axis = draw.integer(0, shape.length - 1);
      const end = draw.integer(1, shape[axis]);
      const start = draw.integer(0, end - 1);
      const y = slice(x, axis, start, end);
      const dy = draw.integers(y.shape);
      const padded = pad(dy, axis, start, shape[axis] - end);
      identical(dot(y, dy), dot(x, padded));
      identical(grad([add(y, scale(y, 0))], [x], { gradOutputs: [dy] })[0], padded);
      const parts = [slice(x, axis, 0, start), y, slice(x, axis, end, shape[axis])].filter(({ size }) => size > 0);
      identical(concat(parts, axis), x);
    },
    { runs: 60 },
  );

  law(
    "a tensor used k times receives the sum of k gradients",
    { shape: shapes.shape, k: fc.integer({ min: 1, max: 6 }) },
    ({ shape, k }, draw) => {
      const x = variable(draw.integers(shape));
      const weights = Array.from({ length: k }, () => draw.integers(shape));
      const loss = weights.map((weight) => sum(mul(weight, x))).reduce(add);
      identical(grad([loss], [x])[0], weights.reduce(add));
    },
  );
});
