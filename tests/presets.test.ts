/** The named networks: every row of both tables can be built, stored and run. */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../src/nn/backend.js";
import { createReferenceKernels } from "../src/nn/kernels/reference.js";
import { initialContents } from "../src/nn/layers/module.js";
import { mul } from "../src/nn/ops/arith.js";
import { sum } from "../src/nn/ops/reduce.js";
import { RandomState } from "../src/nn/random.js";
import { scope, Tensor } from "../src/nn/tensor.js";
import { parseConfig } from "../src/stylegan/checkpoint/configSchema.js";
import { expectedTensors } from "../src/stylegan/checkpoint/parameterNames.js";
import type { Stylegan1GeneratorConfig } from "../src/stylegan/config.js";
import { makeDiscriminator, makeGenerator } from "../src/stylegan/networks.js";
import { networkPreset, presetNames } from "../src/stylegan/presets.js";
import { SMALL } from "./support/growingNetworks.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

describe("presets", () => {
  test.each(presetNames)(
    "%s: a generator and a discriminator that fit, whose tensors have the names of the format",
    (name) => {
      for (const cDim of [0, 3]) {
        const { generator, discriminator, schedule } = networkPreset(name, { resolution: 8, cDim, ...SMALL });
        for (const config of [generator, discriminator]) {
          expect(parseConfig(JSON.parse(JSON.stringify(config)), name)).toEqual(config);
        }
        const random = new RandomState(7);
        const g = makeGenerator(generator, initialContents(random));
        const d = makeDiscriminator(discriminator, initialContents(random));
        for (const network of [g, d]) {
          const made = [...network.parameters, ...network.buffers].map(([key, { shape }]) => [key, [...shape]]);
          const expected = [...expectedTensors(network.config)].map(([key, shape]) => [key, [...shape]]);
          expect(Object.fromEntries(made)).toEqual(Object.fromEntries(expected));
        }
        expect(schedule !== null).toBe(generator.kind !== "stylegan2-generator");
        const logits = scope(() => {
          const c = cDim === 0 ? null : Tensor.from([1, 0, 0, 0, 0, 1], [2, 3]);
          return d.forward(g.forward(Tensor.from(random.randn(2 * g.zDim), [2, g.zDim]), c), c);
        });
        expect(logits.shape).toEqual([2, 1]);
        expect(Number.isFinite(sum(mul(logits, logits)).item())).toBe(true);
      }
    },
  );

  test("each row of StyleGAN's table 1 adds what it says to the row before", () => {
    const rows = (["a", "b", "c", "d", "e", "f"] as const).map((row) => {
      const { generator, settings, mixingProbability } = networkPreset(`table1-${row}`, { resolution: 16 });
      const { synthesis, mapping } = generator as Stylegan1GeneratorConfig;
      const { blurFilter, useStyles, input, useNoise } = synthesis;
      const layers = mapping.layerFeatures.length;
      return [settings.loss, blurFilter !== null, useStyles, layers, input, useNoise, mixingProbability];
    });
    expect(rows).toEqual([
      ["wgan", false, false, 0, "traditional", false, 0],
      ["logistic", true, false, 0, "traditional", false, 0],
      ["logistic", true, true, 8, "traditional", false, 0],
      ["logistic", true, true, 8, "constant", false, 0],
      ["logistic", true, true, 8, "constant", true, 0],
      ["logistic", true, true, 8, "constant", true, 0.9],
    ]);
  });

  test("each configuration of StyleGAN2's table 1 adds what it says to the one before", () => {
    const rows = (["a", "b", "c", "d", "e", "f"] as const).map((letter) => {
      const { generator, settings, schedule } = networkPreset(`config-${letter}`, { resolution: 256 });
      const [, width] = generator.synthesis.channels.find(([resolution]) => resolution === 64)!;
      return [generator.kind, settings.dRegInterval ?? 16, settings.plWeight ?? 2, schedule !== null, width];
    });
    expect(rows).toEqual([
      ["stylegan1-generator", 1, 0, true, 256],
      ["growing-stylegan2-generator", 1, 0, true, 256],
      ["growing-stylegan2-generator", 16, 0, true, 256],
      ["growing-stylegan2-generator", 16, 2, true, 256],
      ["stylegan2-generator", 16, 2, false, 256],
      ["stylegan2-generator", 16, 2, false, 512],
    ]);
  });
});
