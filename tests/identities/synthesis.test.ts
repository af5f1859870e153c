/**
 * The synthesis network as a whole: how layers reach the image (identity 32), what noise does, and which layer a w
 * belongs to (identity 33).
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { type Contents, initialContents, ParameterTree } from "../../src/nn/layers/module.js";
import { NoiseGenerator } from "../../src/nn/noise.js";
import { add, scale } from "../../src/nn/ops/arith.js";
import { concat, slice } from "../../src/nn/ops/layout.js";
import { setupFilter, upsample2d } from "../../src/nn/ops/upfirdn2d.js";
import { RandomState } from "../../src/nn/random.js";
import { Tensor } from "../../src/nn/tensor.js";
import type { Architecture } from "../../src/stylegan/config.js";
import type { SynthesisOptions } from "../../src/stylegan/forward/blocks.js";
import { networkGeometry } from "../../src/stylegan/geometry.js";
import type { NoiseMode } from "../../src/stylegan/layerNoise.js";
import { modulatedConv2d } from "../../src/stylegan/modulatedConv2d.js";
import { SynthesisNetwork, ToRgbLayer } from "../../src/stylegan/synthesis.js";
import { apart, dot, equal, identical, largest, law, numbersOf } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const filter = setupFilter([1, 3, 3, 1]);
const resolution = fc.constantFrom(4, 8);
const few = { runs: 8 };
const architecture = fc.constantFrom<Architecture>("orig", "skip", "resnet");
const seeds = { seed: fc.nat(10_000), n: fc.integer({ min: 1, max: 2 }) };

interface NetworkOptions {
  readonly resolution: number;
  readonly architecture: Architecture;
  readonly seed: number;
  /** What noise_strength is set to; an untrained network has 0. */
  readonly strength?: number;
}

/** A small network whose biases and noise strengths are not 0, so that no term is idle. */
function network({ resolution, architecture, seed, strength = 0.5 }: NetworkOptions): SynthesisNetwork {
  const geometry = { resolution, wDim: 5, channelBase: 32, channelMax: 4, generatorArchitecture: architecture };
  const random = new RandomState(seed);
  const fromInitial = initialContents(random);
  const contents: Contents = (name, shape, data, initial) => {
    if (name.endsWith("noise_strength")) data.fill(strength);
    else if (name.endsWith("bias") && !name.includes("affine")) data.set(random.randn(data.length));
    else fromInitial(name, shape, data, initial);
  };
  return new SynthesisNetwork(new ParameterTree(contents), networkGeometry(geometry).generator.synthesis);
}

/** The image, and a copy of what every layer gave. */
function run(synthesis: SynthesisNetwork, ws: Tensor, options: SynthesisOptions = {}) {
  const seen: [name: string, numbers: Float64Array, shape: readonly number[]][] = [];
  const onLayer = (name: string, output: Tensor): void => {
    seen.push([name, output.toFloat64Array(), output.shape]); // a copy: the tensor lives for one block
  };
  const image = noGrad(() => synthesis.forward(ws, { noiseMode: "const", ...options, onLayer }));
  return { image, layers: new Map(seen.map(([name, numbers, shape]) => [name, Tensor.from(numbers, shape)])) };
}

describe("32: how layers reach the image", () => {
  law(
    "toRgb is linear in x, and in its style: rgb(x, s + t) = rgb(x, s) + rgb(x, t)",
    { n: seeds.n, i: fc.integer({ min: 1, max: 5 }) },
    ({ n, i }, draw) => {
      const w = draw.normals([3, i, 1, 1]);
      const rgb = (x: Tensor, s: Tensor): Tensor => modulatedConv2d(x, w, s, { filter, demodulate: false });
      const [x, y] = [draw.normals([n, i, 4, 3]), draw.normals([n, i, 4, 3])];
      const [s, t] = [draw.normals([n, i]), draw.normals([n, i])];
      const size = { scale: largest(x) * largest(s) * largest(w) * i };
      equal(rgb(x, add(s, t)), add(rgb(x, s), rgb(x, t)), size);
      equal(rgb(add(x, y), s), add(rgb(x, s), rgb(y, s)), size);
    },
  );

  law(
    "toRgb(x, w) is affine in w: F(u + v) - F(u) - F(v) + F(0) = 0; with demodulation it is not",
    seeds,
    ({ seed, n }, draw) => {
      const layerOptions = { wDim: 5, filter, activation: "lrelu", convClamp: null, useNoise: true } as const;
      const tree = new ParameterTree(initialContents(new RandomState(seed)));
      const layer = new ToRgbLayer(tree, 4, 3, { ...layerOptions, scaleBeforeDemodulation: false });
      const [x, u, v] = [draw.normals([n, 4, 3, 3]), draw.normals([n, 5]), draw.normals([n, 5])];
      const F = (w: Tensor): Tensor => layer.forward(x, w);
      equal(add(F(add(u, v)), F(scale(u, 0))), add(F(u), F(v)), { scale: largest(F(u)) + largest(F(v)) });
      const G = (w: Tensor): Tensor => modulatedConv2d(x, layer.weight, layer.affine.forward(w), { filter });
      apart(add(G(add(u, v)), G(scale(u, 0))), add(G(u), G(v)), 1e-3);
    },
  );

  law(
    "skip: image = sum over r of up^(log2 R / r)(toRgb_r)",
    { ...seeds, resolution },
    ({ seed, n, resolution }, draw) => {
      const synthesis = network({ resolution, architecture: "skip", seed });
      const { image, layers } = run(synthesis, draw.normals([n, synthesis.numWs, 5]));
      let expected: Tensor | null = null;
      for (let r = 4; r <= resolution; r *= 2) {
        let rgb = layers.get(`b${r}.torgb`)!;
        for (let size = r; size < resolution; size *= 2) rgb = upsample2d(rgb, filter);
        expected = expected === null ? rgb : add(expected, rgb);
      }
      equal(image, expected!);
    },
  );

  law(
    "orig and resnet: image = toRgb of the last block alone",
    { ...seeds, resolution },
    ({ seed, n, resolution }, draw) => {
      for (const architecture of ["orig", "resnet"] as const) {
        const synthesis = network({ resolution, architecture, seed });
        const { image, layers } = run(synthesis, draw.normals([n, synthesis.numWs, 5]));
        identical(image, layers.get(`b${resolution}.torgb`)!);
        expect([...layers.keys()].filter((name) => name.endsWith("torgb"))).toHaveLength(1);
      }
    },
  );
});

describe("33: noise", () => {
  law(
    "strength 0: the mode of the noise does not matter, bit for bit",
    { ...seeds, resolution, architecture },
    (options, draw) => {
      const synthesis = network({ ...options, strength: 0 });
      const ws = draw.normals([options.n, synthesis.numWs, 5]);
      const images = (["const", "random", "none"] satisfies NoiseMode[]).map(
        (noiseMode) => run(synthesis, ws, { noiseMode }).image,
      );
      identical(images[1], images[0]);
      identical(images[2], images[0]);
    },
    few,
  );

  law(
    "strength not 0: const repeats, random differs by its generator and between samples, none is without",
    { ...seeds, resolution, Source: fc.constantFrom(NoiseGenerator, RandomState) },
    ({ Source, ...options }, draw) => {
      const synthesis = network({ ...options, architecture: "skip" });
      const w = draw.normals([1, synthesis.numWs, 5]);
      const ws = concat([w, w], 0);
      const image = (noiseMode: NoiseMode, seed = 1): Tensor =>
        run(synthesis, ws, { noiseMode, random: new Source(seed) }).image;
      identical(image("const"), image("const", 2));
      identical(image("random"), image("random"));
      apart(image("random", 2), image("random"), 1e-3);
      apart(image("none"), image("const"), 1e-3);
      const [first, second] = [0, 1].map((k) => slice(image("random"), 0, k, k + 1));
      apart(first, second, 1e-3);
      identical(slice(image("const"), 0, 0, 1), slice(image("const"), 0, 1, 2));
    },
    few,
  );

  law(
    "Var(conv1) grows by (gain strength)^2 in the linear layer, within 5 standard errors",
    { seed: seeds.seed },
    ({ seed }, draw) => {
      // One 4x4 block, linear, over many samples with one w: what differs between samples is noise.
      const [n, strength] = [400, 0.7];
      const { generator } = networkGeometry({ resolution: 4, wDim: 5, channelBase: 16, channelMax: 4 });
      const fromInitial = initialContents(new RandomState(seed));
      const contents: Contents = (name, shape, data, initial) =>
        name.endsWith("noise_strength") ? data.fill(strength) : fromInitial(name, shape, data, initial);
      const synthesis = new SynthesisNetwork(new ParameterTree(contents), {
        ...generator.synthesis,
        activation: "linear",
      });
      const w = draw.normals([1, synthesis.numWs, 5]);
      const layer = (noiseMode: NoiseMode, count: number): Tensor =>
        run(synthesis, concat(new Array<Tensor>(count).fill(w), 0), {
          noiseMode,
          random: new NoiseGenerator(seed),
        }).layers.get("b4.conv1")!;
      const still = numbersOf(layer("none", 1));
      const noise = numbersOf(layer("random", n)).map((value, at) => value - still[at % still.length]);
      // The four feature maps share one noise map (the identity is per pixel), so there are n * 16 independent numbers.
      const shared = noise.filter((_, at) => at % still.length < 16);
      for (let map = 0; map < 4; map++)
        equal(
          noise.filter((_, at) => Math.floor(at / 16) % 4 === map),
          shared,
        );
      const variance = dot(shared, shared) / shared.length;
      const standardError = strength ** 2 * Math.sqrt(2 / shared.length);
      expect(Math.abs(variance - strength ** 2)).toBeLessThanOrEqual(5 * standardError);
      expect(5 * standardError).toBeLessThan(0.1 * strength ** 2);
    },
    { runs: 2 },
  );
});

describe("33: which layer a w belongs to", () => {
  test("numWs = 2 log2(resolution) - 2", () => {
    for (const resolution of [4, 8, 16, 32]) {
      for (const architecture of ["orig", "skip", "resnet"] as const) {
        expect(network({ resolution, architecture, seed: 1 }).numWs).toBe(2 * Math.log2(resolution) - 2);
      }
    }
  });

  law(
    "style mixing: replacing ws[k:] leaves every layer before k bit-equal, and changes layer k",
    { ...seeds, architecture, k: fc.integer({ min: 0, max: 5 }) },
    ({ seed, n, architecture, k }, draw) => {
      const synthesis = network({ resolution: 16, architecture, seed });
      const [ws, other] = [draw.normals([n, synthesis.numWs, 5]), draw.normals([n, synthesis.numWs, 5])];
      const mixed = k === 0 ? other : concat([slice(ws, 1, 0, k), slice(other, 1, k, synthesis.numWs)], 1);
      const [before, after] = [run(synthesis, ws).layers, run(synthesis, mixed).layers];
      // The w of each layer by its place: toRgb shares the w of the convolution that comes next.
      const place = new Map([
        ["b4.conv1", 0],
        ["b4.torgb", 1],
        ["b8.conv0", 1],
        ["b8.conv1", 2],
        ["b8.torgb", 3],
        ["b16.conv0", 3],
        ["b16.conv1", 4],
        ["b16.torgb", 5],
      ]);
      for (const [name, output] of before) {
        if (place.get(name)! < k) identical(after.get(name)!, output);
        else apart(after.get(name)!, output, 1e-6);
      }
      expect(before.size).toBe(architecture === "skip" ? 8 : 6);
    },
  );

  law(
    "samples do not see each other: an image in a batch = the image alone, bit for bit",
    { seed: seeds.seed, architecture },
    ({ seed, architecture }, draw) => {
      const synthesis = network({ resolution: 8, architecture, seed });
      const ws = draw.normals([3, synthesis.numWs, 5]);
      const { image } = run(synthesis, ws);
      for (const k of [0, 1, 2]) identical(slice(image, 0, k, k + 1), run(synthesis, slice(ws, 0, k, k + 1)).image);
    },
  );
});
