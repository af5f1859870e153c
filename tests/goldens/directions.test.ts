/** Directions against singular vectors computed in float64 (fixtures/sefa), and an edit with one of them. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/index.js";
import { noGrad } from "../../src/nn/autograd/record.js";
import { RandomState, seedsToLatents } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { layersOfWs, pcaDirections, sefaDirections } from "../../src/stylegan/latents/directions.js";
import { applyEdits } from "../../src/stylegan/latents/edits.js";
import { type AnyGenerator, buildGenerator } from "../../src/stylegan/networks.js";
import { checkpointNamed, compare, goldensOf, readGolden } from "../support/goldens.js";

function open(name: string): AnyGenerator {
  const bytes = readFileSync(checkpointNamed(name).path);
  return buildGenerator(readCheckpoint(bytes, { networks: ["gEma"] }).networks.gEma!);
}

beforeAll(() => init({ threads: 1 }));

describe.each(goldensOf("directions"))("$name", ({ path }) => {
  const golden = readGolden(path);
  const json = <T>(name: string): T => JSON.parse(golden.metadata[name]) as T;
  const sets = golden.names.flatMap((name) => {
    const match = /^(.+)\/([\w-]+)\/eigenvalues$/.exec(name);
    return match === null ? [] : [{ name: match[1], set: match[2] }];
  });

  test.each(sets)("SeFa of $name, layers $set", ({ name, set }) => {
    const generator = open(name);
    const { layers: names, sets: known } = json<{ layers: string[]; sets: Record<string, { indices: number[] }> }>(
      name,
    );
    expect(layersOfWs(generator).map((layer) => `synthesis.${layer}`)).toEqual(names);
    const unnormalised = set.endsWith("_unnormalised");
    const layers = known[set.replace("_unnormalised", "")].indices;
    const count = generator.wDim;
    const found = sefaDirections(generator, { layers, normalize: !unnormalised, count });
    const eigenvalues = golden.data(`${name}/${set}/eigenvalues`);
    const values = compare(found.eigenvalues!, eigenvalues);
    expect(values.difference / values.largest).toBeLessThan(1e-6);
    const [kept] = golden.shape(`${name}/${set}/eigenvectors`);
    const vectors = found.directions.slice(0, kept).flatMap((direction) => [...direction]);
    expect(compare(vectors, golden.data(`${name}/${set}/eigenvectors`)).difference).toBeLessThan(1e-4);
    expect(found.layers).toEqual(layers);
  });

  test("PCA of w", () => {
    const { checkpoint, n, seed } = json<{ checkpoint: string; n: number; seed: number }>("pca");
    const found = pcaDirections(open(checkpoint), { samples: n, seed, count: 64 });
    const near = (actual: ArrayLike<number>, name: string): void => {
      const { difference, largest } = compare(actual, golden.data(`${checkpoint}/pca/${name}`));
      expect(difference / largest).toBeLessThan(1e-5);
    };
    near(found.mean, "mean");
    near(found.eigenvalues.map(Math.sqrt), "stdev");
    near(
      found.directions.slice(0, 8).flatMap((direction) => [...direction]),
      "components",
    );
  });

  test("an edit", () => {
    const { checkpoint, seed, psi, set, component, amount } = json<Record<string, never>>("edit") as unknown as {
      checkpoint: string;
      seed: number;
      psi: number;
      set: string;
      component: number;
      amount: number;
    };
    const generator = open(checkpoint);
    const { sets: known } = json<{ sets: Record<string, { indices: number[] }> }>(checkpoint);
    const { directions, layers } = sefaDirections(generator, { layers: known[set].indices });
    const { ws, image } = noGrad(() =>
      scope(() => {
        const z = Tensor.from(seedsToLatents([seed], generator.zDim), [1, generator.zDim]);
        const start = generator.mapping.forward(z, null, { truncationPsi: psi });
        const ws = applyEdits(start, [{ direction: directions[component], layers, amount }]);
        return { ws, image: generator.synthesis.forward(ws, { noiseMode: "const" }) };
      }),
    );
    for (const [tensor, name] of [
      [ws, "ws"],
      [image, "image"],
    ] as const) {
      const { difference, largest } = compare(tensor.toArray(), golden.data(`${checkpoint}/edit/${name}`));
      expect(difference / largest).toBeLessThan(2e-5);
    }
  });
});

describe("SeFa as a law", () => {
  test("a network whose affine maps see one axis of w only has that axis as its direction", () => {
    const geometry = networkGeometry({ resolution: 8, zDim: 6, wDim: 6, mappingLayers: 1, channelMax: 4 });
    const { generator } = createNetworks(geometry, 1);
    const strengths = new RandomState(1).randn(100);
    for (const [name, weight] of generator.parameters) {
      if (!name.endsWith(".affine.weight")) continue;
      weight.update(({ data }) => data.set(data.map((_, k) => (k % 6 === 4 ? strengths[k % 100] : 0))));
    }
    const { directions, eigenvalues } = sefaDirections(generator);
    expect([...directions[0]].map((value) => Math.round(value * 1e12) / 1e12 + 0)).toEqual([0, 0, 0, 0, 1, 0]);
    const rows = layersOfWs(generator).reduce(
      (sum, layer) => sum + generator.parameters.get(`synthesis.${layer}.affine.bias`)!.size,
      0,
    );
    expect(eigenvalues![0]).toBeCloseTo(rows, 9); // each row has length 1
    expect(() => sefaDirections(generator, { layers: [4] })).toThrow("layers 0 to 3, got 4");
  });
});
