/** Laws that docs/reading.md states and that no other file holds: the constant input, residual blocks, large networks. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { type Contents, initialContents, ParameterTree } from "../../src/nn/layers/module.js";
import { add, scale } from "../../src/nn/ops/arith.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { slice } from "../../src/nn/ops/layout.js";
import { reshape } from "../../src/nn/ops/reduce.js";
import { setupFilter } from "../../src/nn/ops/upfirdn2d.js";
import { RandomState } from "../../src/nn/random.js";
import { Tensor } from "../../src/nn/tensor.js";
import { tensorShapes } from "../../src/stylegan/checkpoint/tensorShapes.js";
import type { Architecture } from "../../src/stylegan/config.js";
import { Generator } from "../../src/stylegan/generator.js";
import { networkGeometry } from "../../src/stylegan/geometry.js";
import { SynthesisNetwork, ToRgbLayer } from "../../src/stylegan/synthesis.js";
import { networkPreset } from "../../src/stylegan/training/presets.js";
import { drawnContents, SMALL } from "../support/growingNetworks.js";
import { apart, equal, identical, law } from "../support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

describe("the constant input", () => {
  law(
    "constant input: where styles ignore w, every w gives the same image, bit for bit; a traditional input does not",
    { resolution: fc.constantFrom(8, 16) },
    ({ resolution }, draw) => {
      const images = (row: "table1-c" | "table1-d", styles: "ignore w" | "use w"): readonly Tensor[] => {
        const { generator } = networkPreset(row, { resolution, ...SMALL });
        const drawn = drawnContents(draw);
        const contents: Contents = (name, shape, data, initial) => {
          if (styles === "ignore w" && name.endsWith("affine.weight")) data.fill(0);
          else drawn(name, shape, data, initial);
        };
        const { synthesis } = new Generator(generator, contents);
        const ws = draw.normals([2, synthesis.numWs, synthesis.wDim]);
        const image = noGrad(() => synthesis.forward(ws, { noiseMode: "none" }));
        return [slice(image, 0, 0, 1), slice(image, 0, 1, 2)];
      };
      // Row D has the constant, row C the dense layer; nothing else is different between them.
      const [first, second] = images("table1-d", "ignore w");
      identical(first, second);
      for (const others of [images("table1-d", "use w"), images("table1-c", "ignore w")]) {
        apart(others[0], others[1], 1e-3);
      }
    },
    { runs: 6 },
  );
});

describe("residual networks", () => {
  const geometry = { resolution: 8, wDim: 5, channelBase: 32, channelMax: 4 } as const;
  const configOf = (generatorArchitecture: Architecture) =>
    networkGeometry({ ...geometry, generatorArchitecture }).generator.synthesis;

  /** The image without noise, and a copy of what every layer gave. */
  function run(synthesis: SynthesisNetwork, ws: Tensor) {
    const seen: [name: string, numbers: Float64Array, shape: readonly number[]][] = [];
    const onLayer = (name: string, output: Tensor): void => {
      seen.push([name, output.toFloat64Array(), output.shape]);
    };
    const image = noGrad(() => synthesis.forward(ws, { noiseMode: "none", onLayer }));
    return { image, layers: new Map(seen.map(([name, numbers, shape]) => [name, Tensor.from(numbers, shape)])) };
  }

  law(
    "residual: x' = (shortcut(x) + conv1(conv0(x))) / sqrt(2)",
    { seed: fc.nat(1000), n: fc.integer({ min: 1, max: 2 }) },
    ({ seed, n }, draw) => {
      const tree = new ParameterTree(initialContents(new RandomState(seed)));
      const residual = new SynthesisNetwork(tree, configOf("resnet"));
      const ws = draw.normals([n, residual.numWs, 5]);
      const { image, layers } = run(residual, ws);
      const storedAs = (name: string): Float64Array => tree.parameters.get(name)!.toFloat64Array();

      // The block without its shortcut: the same layers in a network without shortcuts.
      const same: Contents = (name, shape, data, initial) =>
        tree.parameters.has(name)
          ? data.set(storedAs(name))
          : initialContents(new RandomState(seed))(name, shape, data, initial);
      const main = run(new SynthesisNetwork(new ParameterTree(same), configOf("orig")), ws).layers.get("b8.conv1")!;
      const filter = setupFilter([1, 3, 3, 1]);
      const skip = tree.parameters.get("b8.skip.weight")!; // [O, I, 1, 1]
      const weight = scale(skip, 1 / Math.sqrt(skip.shape[1]));
      const shortcut = conv2dResample(layers.get("b4.conv1")!, weight, filter, { up: 2, flipWeight: false });
      const expected = scale(add(shortcut, main), Math.SQRT1_2);

      // What leaves the last block is seen through toRgb.
      const options = { ...configOf("resnet"), filter };
      const contents: Contents = (name, _, data) => data.set(storedAs(`b8.torgb.${name}`));
      const toRgb = new ToRgbLayer(new ParameterTree(contents), expected.shape[1], 3, options);
      const last = reshape(slice(ws, 1, residual.numWs - 1, residual.numWs), [n, 5]);
      equal(toRgb.forward(expected, last), image);
      apart(toRgb.forward(add(shortcut, main), last), image, 1e-3);
    },
    { runs: 6 },
  );
});

describe("large networks", () => {
  test("feature maps at resolution r = min(base / r, 512), base 16384 (E), 32768 (F); the generator grows from 25 to 30 million parameters", () => {
    const millions = (["config-e", "config-f"] as const).map((name, k) => {
      const { generator } = networkPreset(name, { resolution: 1024 });
      const base = [16384, 32768][k];
      expect(generator.synthesis.channels).toEqual(
        [4, 8, 16, 32, 64, 128, 256, 512, 1024].map((r) => [r, Math.min(base / r, 512)]),
      );
      const trained = [...tensorShapes(generator).parameters];
      return trained.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0) / 1e6;
    });
    expect(millions.map(Math.round)).toEqual([25, 30]);
  });
});
