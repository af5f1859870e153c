/**
 * The mapping network's two formulas: normalisation of the latent (identity 21) and truncation towards an average w
 * (identity 23; StyleGAN, section 2 and appendix B). How that average moves: tests/identities/training.test.ts.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { variable } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { initialContents, ParameterTree } from "../../src/nn/layers/module.js";
import { addScalar, mul, scale, square, sub } from "../../src/nn/ops/arith.js";
import { slice } from "../../src/nn/ops/layout.js";
import { expand, reshape, sum } from "../../src/nn/ops/reduce.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { RandomState } from "../../src/nn/random.js";
import { Tensor } from "../../src/nn/tensor.js";
import type { MappingConfig } from "../../src/stylegan/config.js";
import { estimateWAvg, MappingNetwork, normalize2ndMoment } from "../../src/stylegan/mapping.js";
import { apart, dot, dotSize, equal, identical, largest, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const EPSILON = 1e-8;

describe("21: P(z) = z / sqrt(m + eps), m = mean(z^2)", () => {
  const shape = {
    n: fc.integer({ min: 1, max: 4 }),
    features: fc.constantFrom(1, 3, 4, 5, 17),
    // With 1e-4, eps is as large as m.
    size: fc.constantFrom(1, 1e-4),
  };
  /** m of each row, [N, 1] */
  const moment = (z: Tensor): Tensor => mean(square(z), { axes: [1], keepDims: true });

  law("mean(P(z)^2) = m / (m + eps)", shape, ({ n, features, size }, draw) => {
    const z = draw.awayFrom([n, features], [0]);
    const small = scale(z, size);
    const m = moment(small).toFloat64Array();
    equal(
      moment(normalizeP(small)),
      m.map((value) => value / (value + EPSILON)),
    );
    if (size === 1e-4)
      apart(
        moment(normalizeP(small)),
        m.map(() => 1),
        1e-6,
      );
  });
  const normalizeP = normalize2ndMoment;

  law(
    "P(c z; c^2 eps) = sign(c) P(z; eps), that is P(c z) sqrt(c^2 m + eps) = c P(z) sqrt(m + eps)",
    shape,
    ({ n, features, size }, draw) => {
      const z = scale(draw.awayFrom([n, features], [0]), size);
      const root = (of: Tensor): Tensor =>
        Tensor.from(
          moment(of)
            .toFloat64Array()
            .map((m) => Math.sqrt(m + EPSILON)),
          [n, 1],
        );
      for (const c of [10, -0.3]) {
        const scaled = scale(z, c);
        equal(mul(normalizeP(scaled), root(scaled)), scale(mul(normalizeP(z), root(z)), c));
      }
      equal(normalizeP(scale(z, -1)), scale(normalizeP(z), -1));
    },
  );

  law(
    "<z, dL/dz> = <dy, P(z)> eps / (m + eps), 0 for eps -> 0: a gradient cannot change the length of z",
    shape,
    ({ features, size }, draw) => {
      const z = variable(scale(draw.awayFrom([1, features], [0], 0.1), size));
      const y = normalizeP(z);
      const dy = draw.normals(y.shape);
      const [dz] = grad([y], [z], { gradOutputs: [dy] });
      const m = moment(z).item();
      equal(dot(z, dz), (dot(dy, y) * EPSILON) / (m + EPSILON), { scale: dotSize(dy, y) });
      if (size === 1) equal(dot(z, dz), 0, { scale: dotSize(dy, y), tolerance: 1e-5 });
      else expect(Math.abs(dot(z, dz))).toBeGreaterThan(1e-6 * Math.abs(dot(dy, y)));
    },
  );
});

const config: MappingConfig = {
  zDim: 6,
  cDim: 0,
  wDim: 5,
  numWs: 4,
  embedFeatures: 0,
  embedBias: true,
  inputNormalization: "separate",
  layerFeatures: [7, 5],
  activation: "lrelu",
  lrMultiplier: 0.01,
  wAvgBeta: 0.9,
};

describe("23: the average w, and truncation towards it", () => {
  const network = (seed: number): MappingNetwork => {
    const mapping = new MappingNetwork(new ParameterTree(initialContents(new RandomState(seed))), config);
    mapping.wAvg!.update(({ data }) => data.set([1, -2, 3, -4, 5]));
    return mapping;
  };
  const seeds = { seed: fc.nat(1000), n: fc.integer({ min: 1, max: 3 }) };

  law("T_1(w) = w and T_0(w) = w_avg", seeds, ({ seed, n }, draw) => {
    const mapping = network(seed);
    const ws = draw.normals([n, 4, 5]);
    identical(mapping.truncate(ws, { truncationPsi: 1 }), ws);
    equal(mapping.truncate(ws, { truncationPsi: 0 }), expand(reshape(mapping.wAvg!, [1, 1, 5]), ws.shape));
  });

  law("T_a T_b = T_ab, also for a > 1 and a < 0", seeds, ({ seed, n }, draw) => {
    const mapping = network(seed);
    const ws = draw.normals([n, 4, 5]);
    const [a, b] = [draw.uniform(-1, 2), draw.uniform(-1, 2)];
    const T = (truncationPsi: number, w: Tensor): Tensor => mapping.truncate(w, { truncationPsi });
    equal(T(a, T(b, ws)), T(a * b, ws), { scale: largest(ws) + 5 });
  });

  law(
    "truncationCutoff = k moves the first k w's and no other",
    { ...seeds, k: fc.integer({ min: 0, max: 6 }) },
    ({ seed, n, k }, draw) => {
      const mapping = network(seed);
      const ws = draw.normals([n, 4, 5]);
      const cut = mapping.truncate(ws, { truncationPsi: 0.5, truncationCutoff: k });
      const all = mapping.truncate(ws, { truncationPsi: 0.5 });
      const at = Math.min(k, 4);
      identical(slice(cut, 1, 0, at), slice(all, 1, 0, at));
      identical(slice(cut, 1, at, 4), slice(ws, 1, at, 4));
    },
  );

  law(
    "the mean of the truncated is truncated towards the mean: its distance to w_avg shrinks by psi",
    seeds,
    ({ seed }, draw) => {
      const mapping = network(seed);
      const z = draw.normals([3, 6]);
      const far = (psi: number): Tensor => sub(mapping.forward(z, null, { truncationPsi: psi }), mapping.wAvg!);
      equal(far(0.7), scale(far(1), 0.7), { scale: largest(far(1)) });
      // Every layer receives the same w.
      const ws = mapping.forward(z, null);
      equal(sum(ws, { axes: [1] }), scale(reshape(slice(ws, 1, 0, 1), [3, 5]), 4));
    },
  );

  test("truncation without an average, and labels without an embedding, are refused", () => {
    const tree = new ParameterTree(initialContents(new RandomState(0)));
    const mapping = new MappingNetwork(tree, { ...config, wAvgBeta: null });
    const z = Tensor.zeros([1, 6]);
    expect(() => mapping.forward(z, null, { truncationPsi: 0.5 })).toThrow(/needs the average w/);
    expect(() => mapping.forward(z, Tensor.zeros([1, 3]))).toThrow(/unconditional/);
    expect(() => mapping.forward(addScalar(Tensor.zeros([1, 7]), 1), null)).toThrow(
      /z must be \[N, zDim\] = \[any, 6\]/,
    );
    expect(() => network(0).forward(z, null, { truncationPsi: 0.5, truncationCutoff: -1 })).toThrow(/truncationCutoff/);
  });
});

describe("the average w that a file lacks", () => {
  const config = (cDim: number): MappingConfig => ({
    ...{ zDim: 3, cDim, wDim: 4, numWs: 2, embedFeatures: cDim > 0 ? 3 : 0, embedBias: false },
    ...{ inputNormalization: "separate", layerFeatures: [5, 4], activation: "lrelu", lrMultiplier: 1, wAvgBeta: 0.995 },
  });

  test.each([0, 1, 3])("is the mean of f(z) over 4096 z of seed 0, over %i classes in turn", (cDim) => {
    const mapping = new MappingNetwork(new ParameterTree(initialContents(new RandomState(2))), config(cDim));
    estimateWAvg(mapping);
    const z = Tensor.from(new RandomState(0).randn(4096 * 3), [4096, 3]);
    const labels = Float32Array.from({ length: 4096 * cDim }, (_, k) =>
      k % cDim === Math.floor(k / cDim) % cDim ? 1 : 0,
    );
    const ws = mapping.forward(z, cDim === 0 ? null : Tensor.from(labels, [4096, cDim]));
    equal(mapping.wAvg!, mean(slice(ws, 1, 0, 1), { axes: [0, 1] }));
    expect(mapping.wAvg!.toFloat64Array().every((value) => value !== 0)).toBe(true);
  });

  test("labels that are missing, of another width, or of other images are told", () => {
    const mapping = new MappingNetwork(new ParameterTree(initialContents(new RandomState(2))), config(3));
    const z = Tensor.zeros([2, 3]);
    expect(mapping.cDim).toBe(3);
    expect(() => mapping.forward(z, null)).toThrow(/this network is conditional; c must be \[N, 3\], got null/);
    expect(() => mapping.forward(z, Tensor.zeros([2, 2]))).toThrow(/mapping: c must be \[N, cDim\]/);
    expect(() => mapping.forward(z, Tensor.zeros([1, 3]))).toThrow(/mapping: c must be/);
  });
});
