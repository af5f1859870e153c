/** What networks are before any training: the values that are not drawn, and the sizes that they say. */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { RandomState } from "../../src/nn/random.js";
import { Discriminator } from "../../src/stylegan/discriminator.js";
import { Generator } from "../../src/stylegan/generator.js";
import { networkPreset } from "../../src/stylegan/training/presets.js";
import { SMALL } from "../support/growingNetworks.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const PRESETS = ["auto", "stylegan1", "config-c", "config-e"] as const;

describe.each(PRESETS)("%s", (preset) => {
  const config = networkPreset(preset, { resolution: 16, cDim: 2, ...SMALL });
  const generator = () => new Generator(config.generator, initialContents(new RandomState(1)));
  const discriminator = () => new Discriminator(config.discriminator, initialContents(new RandomState(2)));

  test("biases and strengths of noise begin at 0, those of styles at 1; weights are drawn", () => {
    let drawn = 0;
    for (const network of [generator(), discriminator()]) {
      for (const [name, tensor] of network.parameters) {
        const values = [...tensor.toFloat64Array()];
        // StyleGAN's styles are a scale less one and a shift, from zero; its first layer is a constant of ones.
        const isStyle = /affine\.bias$/.test(name) && preset !== "stylegan1";
        if (/bias$|noise_strength$/.test(name)) expect(new Set(values), name).toEqual(new Set([isStyle ? 1 : 0]));
        else if (!/const$/.test(name)) {
          drawn += values.length;
          expect(new Set(values).size, name).toBe(values.length);
        }
      }
    }
    expect(drawn).toBeGreaterThan(100);
  });

  test("networks say their sizes, and so do their parts", () => {
    const { imgResolution, imgChannels, zDim, cDim, wDim } = config.generator;
    const g = generator();
    const numWs = 2 * Math.log2(16) - 2;
    expect(g).toMatchObject({ imgResolution, imgChannels, zDim, cDim, wDim, numWs });
    expect(g.synthesis).toMatchObject({ imgResolution, imgChannels, wDim, numWs });
    expect(g.mapping).toMatchObject({ zDim, cDim, wDim, numWs });
    expect(discriminator()).toMatchObject({ imgResolution, imgChannels, cDim });
  });
});
