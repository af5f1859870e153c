/** The named networks: every row of both tables can be built, stored and run. */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { mul } from "../../src/nn/ops/arith.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { parseConfig } from "../../src/stylegan/checkpoint/geometry.js";
import { tensorShapes } from "../../src/stylegan/checkpoint/tensorShapes.js";
import type { Stylegan1GeneratorConfig } from "../../src/stylegan/config.js";
import { Discriminator } from "../../src/stylegan/discriminator.js";
import { Generator } from "../../src/stylegan/generator.js";
import { networkPreset, presetNames } from "../../src/stylegan/training/presets.js";
import { TrainingState } from "../../src/stylegan/training/step.js";
import { SMALL } from "../support/growingNetworks.js";

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
        const g = new Generator(generator, initialContents(random));
        const d = new Discriminator(discriminator, initialContents(random));
        for (const network of [g, d]) {
          const made = [...network.parameters, ...network.buffers].map(([key, { shape }]) => [key, [...shape]]);
          const expected = [...tensorShapes(network.config).all].map(([key, shape]) => [key, [...shape]]);
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

  test("StyleGAN and configs A and B ask Adam for what they say; from config C on it is corrected for lazy penalties", () => {
    const notLazy = ["stylegan1", "table1-a", "table1-b", "table1-c", "table1-d", "table1-e", "table1-f"] as const;
    const lazy = ["config-c", "config-d", "config-e", "config-f"] as const;
    for (const name of [...notLazy, "config-a", "config-b", ...lazy] as const) {
      const { generator, discriminator, settings } = networkPreset(name, { resolution: 8, ...SMALL });
      const contents = initialContents(new RandomState(1));
      const networks = {
        generator: new Generator(generator, contents),
        discriminator: new Discriminator(discriminator, contents),
      };
      const state = new TrainingState(networks, settings);
      const isLazy = lazy.some((other) => other === name);
      const [ofG, ofD] = isLazy ? [4 / 5, 16 / 17] : [1, 1];
      const rate = settings.generatorLearningRate ?? 0.002;
      const check = (asked: number): void => {
        const { generatorOptimizer: g, discriminatorOptimizer: d } = state;
        expect([g.learningRate, g.betas]).toEqual([ofG * asked, [0, 0.99 ** ofG]]);
        expect([d.learningRate, d.betas]).toEqual([ofD * asked, [0, 0.99 ** ofD]]);
      };
      check(rate);
      state.setLearningRate(0.003);
      check(0.003);
      expect(state.isDue("Dreg")).toBe(name !== "table1-a");
      state.progress.steps = 1;
      expect(state.isDue("Dreg")).toBe(!isLazy && name !== "table1-a");
    }
  });
});
