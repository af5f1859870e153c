/**
 * Minibatch standard deviation (ProGAN, section 3), identity 34, and what it means for the discriminator: a logit
 * depends on the batch, through its group only.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { add, addScalar, div, mul, scale, sqrt, square, sub } from "../../src/nn/ops/arith.js";
import { concat, slice } from "../../src/nn/ops/layout.js";
import { expand, reshape, sum } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { Tensor } from "../../src/nn/tensor.js";
import type { Architecture } from "../../src/stylegan/config.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { MinibatchStdLayer } from "../../src/stylegan/minibatchStd.js";
import { growing, smallNetworks } from "../support/growingNetworks.js";
import { apart, dot, dotSize, equal, identical, law, numbersOf } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const EPSILON = 1e-8;

const small = { resolution: 8, zDim: 4, wDim: 4, mappingLayers: 2, channelBase: 32, channelMax: 4 } as const;

const shapes = {
  group: fc.integer({ min: 2, max: 4 }), // G
  groups: fc.integer({ min: 1, max: 3 }), // N / G
  sets: fc.constantFrom(1, 2), // F
  perSet: fc.constantFrom(1, 3), // C / F
  side: fc.integer({ min: 1, max: 4 }),
};
interface Shapes {
  readonly group: number;
  readonly groups: number;
  readonly sets: number;
  readonly perSet: number;
  readonly side: number;
}

const inputShape = ({ group, groups, sets, perSet, side }: Shapes): number[] => [
  group * groups,
  sets * perSet,
  side,
  side,
];
const layerOf = ({ group, sets }: Shapes) => new MinibatchStdLayer({ groupSize: group, numChannels: sets });
/** The added feature maps only: [N, F, H, W] */
const maps = (layer: MinibatchStdLayer, x: Tensor): Tensor =>
  slice(layer.forward(x), 1, x.shape[1], x.shape[1] + layer.numChannels);
/** Samples in another order. */
const reorder = (x: Tensor, order: readonly number[]): Tensor =>
  concat(
    order.map((k) => slice(x, 0, k, k + 1)),
    0,
  );

describe("34: y = mean over (c, h, w) of sqrt(var over the group + eps), one map for each of F sets", () => {
  law("the first C feature maps are x; the others are one number for each sample and set", shapes, (shape, draw) => {
    const x = draw.normals(inputShape(shape));
    const y = layerOf(shape).forward(x);
    const [, c] = x.shape;
    identical(slice(y, 1, 0, c), x);
    const added = slice(y, 1, c, c + shape.sets);
    identical(added, expand(slice(slice(added, 2, 0, 1), 3, 0, 1), added.shape));
  });

  law("sample n belongs to group n mod (N / G), and the variance is that of the population", shapes, (shape, draw) => {
    const { group, groups, sets, perSet, side } = shape;
    const x = draw.normals(inputShape(shape));
    const y = maps(layerOf(shape), x);
    for (let k = 0; k < groups; k++) {
      const members = Array.from({ length: group }, (_, j) => slice(x, 0, k + j * groups, k + j * groups + 1));
      const together = concat(members, 0); // [G, C, H, W]
      const centre = mean(together, { axes: [0], keepDims: true });
      const variance = mean(square(sub(together, centre)), { axes: [0] }); // 1 / G
      const deviation = reshape(sqrt(addScalar(variance, EPSILON)), [sets, perSet * side * side]);
      const expected = expand(reshape(mean(deviation, { axes: [1] }), [1, sets, 1, 1]), [1, sets, side, side]);
      for (let j = 0; j < group; j++) equal(slice(y, 0, k + j * groups, k + j * groups + 1), expected);
      // With 1 / (G - 1) it would be larger by sqrt(G / (G - 1)).
      apart(scale(expected, Math.sqrt(group / (group - 1))), expected, 0.1);
    }
  });

  law(
    "members of a group may change places; members of different groups may not",
    { ...shapes, groups: fc.constantFrom(2, 3), side: fc.constantFrom(2, 3) },
    (shape, draw) => {
      const { group, groups } = shape;
      const x = draw.normals(inputShape(shape));
      const order = Array.from({ length: group * groups }, (_, k) => k);
      const within = order.map((k) => (k + groups) % order.length); // the next of the same group
      equal(maps(layerOf(shape), reorder(x, within)), maps(layerOf(shape), x));
      const across = [1, 0, ...order.slice(2)];
      const y = reorder(maps(layerOf(shape), x), across);
      apart(maps(layerOf(shape), reorder(x, across)), y, 1e-6);
    },
  );

  law("y(x + t) = y(x) for one t added to all; y(a x; a^2 eps) = |a| y(x; eps)", shapes, (shape, draw) => {
    const x = draw.normals(inputShape(shape));
    const t = draw.normals([1, ...inputShape(shape).slice(1)]);
    equal(maps(layerOf(shape), add(x, t)), maps(layerOf(shape), x), { tolerance: 1e-11 });
    // eps = 1e-8 is fixed in the layer and relative to variances near 1: what is left of it is below 1e-3 here.
    const a = draw.uniform(0.5, 2);
    equal(maps(layerOf(shape), scale(x, -a)), scale(maps(layerOf(shape), x), a), { tolerance: 1e-3 });
  });

  law(
    "y(a x)^2 - eps = a^2 (y(x)^2 - eps), exactly, where one pixel makes one deviation",
    { group: shapes.group },
    ({ group }, draw) => {
      const layer = new MinibatchStdLayer({ groupSize: group, numChannels: 1 });
      const variance = (x: Tensor): number => numbersOf(maps(layer, x))[0] ** 2 - EPSILON;
      for (const size of [1, 1e-4]) {
        const x = draw.normals([group, 1, 1, 1], size);
        const a = draw.uniform(0.5, 5);
        equal(variance(scale(x, a)), a * a * variance(x), { scale: a * a * (variance(x) + EPSILON) });
        if (size === 1e-4) apart(scale(maps(layer, scale(x, a)), 1), scale(maps(layer, x), a * a), 1e-6);
      }
    },
  );

  test("identical samples: y = sqrt(eps) = 1e-4, and a gradient that is 0, not infinite", () => {
    const x = variable(Tensor.from(new Float64Array(2 * 3 * 4).fill(5), [2, 3, 2, 2]));
    const y = maps(new MinibatchStdLayer({ groupSize: 2, numChannels: 1 }), x);
    equal(y, new Float64Array(8).fill(1e-4));
    identical(grad([sum(y)], [x])[0], new Float64Array(24));
  });

  law(
    "conservation: the gradient sums to 0 over a group, and <x - mean, dy/dx> = y - eps mean(1 / deviation)",
    shapes,
    (shape, draw) => {
      const { group, groups, sets, perSet, side } = shape;
      const x = variable(draw.normals(inputShape(shape)));
      const y = maps(layerOf(shape), x);
      const first = sum(slice(slice(slice(slice(y, 0, 0, 1), 1, 0, 1), 2, 0, 1), 3, 0, 1)); // one group, one set
      const [dx] = grad([first], [x]);
      const grouped = [group, groups, sets, perSet, side, side];
      const overGroup = { axes: [0], keepDims: true } as const;
      equal(sum(reshape(dx, grouped), { axes: [0] }), new Float64Array(groups * sets * perSet * side * side), {
        scale: 1,
      });
      const centred = sub(reshape(x, grouped), mean(reshape(x, grouped), overGroup));
      const deviation = sqrt(addScalar(mean(square(centred), overGroup), EPSILON));
      const part = (of: Tensor): Tensor => slice(slice(of, 1, 0, 1), 2, 0, 1);
      const correction = mean(div(addScalar(scale(part(deviation), 0), EPSILON), part(deviation))).item();
      equal(dot(centred, dx), first.item() - correction, { scale: dotSize(centred, dx) });
    },
  );

  law("several batches at once share no group: each has the maps that it has alone", shapes, (shape, draw) => {
    const layer = layerOf(shape);
    const batches = [1, 2, 3].map(() => draw.normals(inputShape(shape)));
    const together = layer.forward(concat(batches, 0), 3);
    const n = shape.group * shape.groups;
    batches.forEach((x, k) => {
      identical(slice(together, 0, k * n, (k + 1) * n), layer.forward(x));
    });
    expect(() => layer.forward(batches[0], n + 1)).toThrow(/samples are not \d+ equal batches/);
  });

  test("groups that do not divide the batch, and sets that do not divide the features, are refused", () => {
    const x = Tensor.zeros([4, 3, 2, 2]);
    expect(() => new MinibatchStdLayer({ groupSize: 3, numChannels: 1 }).forward(x)).toThrow(/groups of 3/);
    expect(() => new MinibatchStdLayer({ groupSize: 2, numChannels: 2 }).forward(x)).toThrow(/2 sets/);
  });
});

describe("the discriminator", () => {
  const architecture = fc.constantFrom<Architecture>("orig", "skip", "resnet");
  const build = (architecture: Architecture, seed: number, mbstdGroupSize: number | null = 2) =>
    createNetworks(
      networkGeometry({
        ...small,
        discriminatorArchitecture: architecture,
        mbstdGroupSize,
      }),
      seed,
    ).discriminator;

  law(
    "a logit depends on its own group and on no other sample",
    { architecture, seed: fc.nat(1000) },
    ({ architecture, seed }, draw) => {
      const discriminator = build(architecture, seed);
      const images = draw.normals([4, 3, 8, 8]);
      const logits = discriminator.forward(images, null);
      // Groups of 2 in a batch of 4: samples 0 and 2, samples 1 and 3.
      const changed = concat([slice(images, 0, 0, 3), draw.normals([1, 3, 8, 8])], 0);
      const after = discriminator.forward(changed, null);
      for (const k of [0, 2]) identical(slice(after, 0, k, k + 1), slice(logits, 0, k, k + 1));
      apart(slice(after, 0, 1, 2), slice(logits, 0, 1, 2), 1e-9);
      const pair = discriminator.forward(reorder(images, [1, 3]), null);
      equal(pair, reorder(logits, [1, 3]));
    },
    { runs: 10 },
  );

  law(
    "several batches at once: each has the logits that it has alone, with labels or without, whatever the group",
    { architecture, seed: fc.nat(1000), groupSize: fc.constantFrom(null, 1, 2, 4), cDim: fc.constantFrom(0, 3) },
    ({ architecture, seed, groupSize, cDim }, draw) => {
      const geometry = { ...small, cDim, discriminatorArchitecture: architecture, mbstdGroupSize: groupSize };
      const { discriminator } = createNetworks(networkGeometry(geometry), seed);
      const [fake, real] = [1, 2].map(() => draw.normals([2, 3, 8, 8]));
      const labels = cDim === 0 ? null : draw.normals([2, cDim]);
      const both = labels === null ? null : concat([labels, labels], 0);
      const logits = discriminator.forward(concat([fake, real], 0), both, { batches: 2 });
      equal(slice(logits, 0, 0, 2), discriminator.forward(fake, labels));
      equal(slice(logits, 0, 2, 4), discriminator.forward(real, labels));
      if (groupSize !== 1) apart(discriminator.forward(concat([fake, real], 0), both), logits, 1e-6);
    },
    { runs: 20 },
  );

  law(
    "several batches at once, in a network that grows, at any level of detail",
    { ...growing, lod: fc.constantFrom(0, 0.5, 1) },
    ({ name, resolution, lod }, draw) => {
      const { d } = smallNetworks(name, resolution, draw);
      const [fake, real] = [1, 2].map(() => draw.normals([2, 3, resolution, resolution]));
      const logits = d.forward(concat([fake, real], 0), null, { lod, batches: 2 });
      equal(logits, concat([d.forward(fake, null, { lod }), d.forward(real, null, { lod })], 0));
    },
    { runs: 15 },
  );

  law(
    "alone in its group, a sample is judged by itself: micro-batches give the logits of the whole batch",
    { architecture, seed: fc.nat(1000) },
    ({ architecture, seed }, draw) => {
      const discriminator = build(architecture, seed, 1);
      const images = draw.normals([3, 3, 8, 8]);
      const logits = discriminator.forward(images, null);
      for (const k of [0, 1, 2])
        equal(discriminator.forward(slice(images, 0, k, k + 1), null), slice(logits, 0, k, k + 1));
    },
    { runs: 10 },
  );

  law(
    "labels: the logit is <out, map(c)> / sqrt(cmapDim), so it is another for another label",
    { seed: fc.nat(1000) },
    ({ seed }, draw) => {
      const geometry = networkGeometry({ ...small, cDim: 3, mbstdGroupSize: 1 });
      const { discriminator } = createNetworks(geometry, seed);
      const image = draw.normals([1, 3, 8, 8]);
      const label = (k: number): Tensor =>
        Tensor.from(
          [0, 1, 2].map((at) => (at === k ? 1 : 0)),
          [1, 3],
        );
      apart(discriminator.forward(image, label(0)), discriminator.forward(image, label(1)), 1e-6);
      const both = discriminator.forward(concat([image, image], 0), concat([label(0), label(1)], 0));
      equal(slice(both, 0, 1, 2), discriminator.forward(image, label(1)));
      expect(() => discriminator.forward(image, null)).toThrow(/conditional; c must be \[N, 3\]/);
      const dy = mul(both, both);
      expect(dy.shape).toEqual([2, 1]);
    },
    { runs: 5 },
  );
});
