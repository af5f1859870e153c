/** Small growing networks for tests, from named presets and seeded numbers. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Contents } from "../../src/nn/layers/module.js";
import { Discriminator } from "../../src/stylegan/discriminator.js";
import { Generator } from "../../src/stylegan/generator.js";
import { GrowingSynthesis } from "../../src/stylegan/growing/synthesis.js";
import { networkPreset, type PresetName } from "../../src/stylegan/training/presets.js";
import type { Draw } from "./draw.js";

/** Small networks, with parameters drawn so that noise, biases and styles all matter. */
export const SMALL = { channelBase: 32, channelMax: 4, zDim: 6, wDim: 6, mappingLayers: 2 } as const;

export function drawnContents(draw: Draw): Contents {
  return (name, _, data) => {
    if (name.endsWith("lod")) data.fill(0);
    else for (let index = 0; index < data.length; index++) data[index] = draw.normal();
  };
}

export function smallNetworks(name: PresetName, resolution: number, draw: Draw, cDim = 0) {
  const { generator, discriminator } = networkPreset(name, { resolution, cDim, ...SMALL });
  const g = new Generator(generator, drawnContents(draw));
  const d = new Discriminator(discriminator, drawnContents(draw));
  expect(g.synthesis).toBeInstanceOf(GrowingSynthesis);
  expect(d.lod).not.toBeNull();
  return { g, d };
}

/** Networks that grow in different ways. */
export const growing = {
  name: fc.constantFrom<PresetName>("stylegan1", "table1-a", "table1-c", "config-b"),
  resolution: fc.constantFrom(8, 16),
};
