/**
 * The numbers of the presets at 64x64, as the papers and the official programs have them: a slip of a digit here trains, and
 * trains worse. StyleGAN: appendix C; StyleGAN2: appendix B; StyleGAN2-ADA: the configurations of its program.
 */
import { describe, expect, test } from "vitest";
import { networkPreset, type PresetName, presetNames } from "../../src/stylegan/training/presets.js";

/** "-" where the preset leaves a setting at its default. */
const told = (values: readonly unknown[]): string =>
  values.map((value) => String(value === undefined ? "-" : value)).join(" ");

/** batch, mixing, learning rates, R1, path length, their intervals, half-life of the average, ramp-up */
function training(name: PresetName): string {
  const { batch, mixingProbability, settings } = networkPreset(name, { resolution: 64 });
  const { generatorLearningRate, discriminatorLearningRate, r1Gamma, plWeight } = settings;
  const { gRegInterval, dRegInterval, emaKimg, emaRampup } = settings;
  const rates = [generatorLearningRate, discriminatorLearningRate];
  return told([batch, mixingProbability, ...rates, r1Gamma, plWeight, gRegInterval, dRegInterval, emaKimg, emaRampup]);
}

/** z, mapping layers, their rate, w_avg's beta, normalisation, feature maps at 4 and 64, minibatch stddev, filters */
function networks(name: PresetName): string {
  const { generator, discriminator } = networkPreset(name, { resolution: 64 });
  const { mapping, synthesis } = generator;
  const { layerFeatures, lrMultiplier, wAvgBeta, inputNormalization } = mapping;
  const maps = [synthesis.channels[0][1], synthesis.channels.at(-1)![1]];
  const deviation = [discriminator.mbstdGroupSize, discriminator.mbstdNumChannels];
  const filters = [synthesis, discriminator].map(
    (config) => ("resampleFilter" in config ? config.resampleFilter : config.blurFilter) ?? "-",
  );
  const first = [generator.zDim, layerFeatures.length, lrMultiplier, wAvgBeta, inputNormalization];
  return told([...first, ...maps, ...deviation, ...filters]);
}

const TRAINING: Readonly<Record<PresetName, string>> = {
  auto: "32 0.9 0.0025 0.0025 0.0256 2 - - 10 0.05",
  tiny: "16 0.9 0.0025 0.0025 0.0512 2 - - 5 0.05",
  cifar: "64 0 0.0025 0.0025 0.01 0 - - 500 0.05",
  stylegan2: "32 0.9 0.002 0.002 10 2 - - 10 null",
  paper256: "64 0.9 0.0025 0.0025 1 2 - - 20 null",
  paper512: "64 0.9 0.0025 0.0025 0.5 2 - - 20 null",
  paper1024: "32 0.9 0.002 0.002 2 2 - - 10 null",
  stylegan1: "32 0.9 0.001 0.001 10 0 1 1 10 -",
  "table1-a": "32 0 0.001 0.001 0 0 1 1 10 -",
  "table1-b": "32 0 0.001 0.001 10 0 1 1 10 -",
  "table1-c": "32 0 0.001 0.001 10 0 1 1 10 -",
  "table1-d": "32 0 0.001 0.001 10 0 1 1 10 -",
  "table1-e": "32 0 0.001 0.001 10 0 1 1 10 -",
  "table1-f": "32 0.9 0.001 0.001 10 0 1 1 10 -",
  "config-a": "32 0.9 0.001 0.001 10 0 1 1 10 -",
  "config-b": "32 0.9 0.001 0.001 10 0 1 1 10 -",
  "config-c": "32 0.9 0.001 0.001 10 0 - 16 10 -",
  "config-d": "32 0.9 0.001 0.001 10 2 - 16 10 -",
  "config-e": "32 0.9 - - 100 - - - 10 -",
  "config-f": "32 0.9 - - 10 - - - 10 -",
};

const NETWORKS: Readonly<Record<PresetName, string>> = {
  auto: "512 2 0.01 0.995 separate 512 256 4 1 1,3,3,1 1,3,3,1",
  tiny: "128 4 0.01 0.995 separate 64 32 4 1 1,3,3,1 1,3,3,1",
  cifar: "512 2 0.01 0.995 separate 512 512 32 1 1,3,3,1 1,3,3,1",
  stylegan2: "512 8 0.01 0.995 separate 512 512 4 1 1,3,3,1 1,3,3,1",
  paper256: "512 8 0.01 0.995 separate 512 256 8 1 1,3,3,1 1,3,3,1",
  paper512: "512 8 0.01 0.995 separate 512 512 8 1 1,3,3,1 1,3,3,1",
  paper1024: "512 8 0.01 0.995 separate 512 512 4 1 1,3,3,1 1,3,3,1",
  stylegan1: "512 8 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "table1-a": "512 0 0.01 0.995 joint 512 256 4 1 - -",
  "table1-b": "512 0 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "table1-c": "512 8 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "table1-d": "512 8 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "table1-e": "512 8 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "table1-f": "512 8 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "config-a": "512 8 0.01 0.995 joint 512 256 4 1 1,2,1 1,2,1",
  "config-b": "512 8 0.01 0.995 joint 512 256 4 1 1,3,3,1 1,3,3,1",
  "config-c": "512 8 0.01 0.995 joint 512 256 4 1 1,3,3,1 1,3,3,1",
  "config-d": "512 8 0.01 0.995 joint 512 256 4 1 1,3,3,1 1,3,3,1",
  "config-e": "512 8 0.01 0.995 joint 512 256 4 1 1,3,3,1 1,3,3,1",
  "config-f": "512 8 0.01 0.995 joint 512 512 4 1 1,3,3,1 1,3,3,1",
};

describe("the numbers of presets", () => {
  test.each(presetNames)("%s", (name) => {
    expect(training(name)).toBe(TRAINING[name]);
    expect(networks(name)).toBe(NETWORKS[name]);
  });

  test("schedules: images in a step and learning rates by resolution", () => {
    const rates = { base: 0.001, at: { 128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003 } };
    const of = (name: PresetName) => networkPreset(name, { resolution: 64 }).schedule;
    expect(of("stylegan1")).toEqual({
      imgResolution: 64,
      initialResolution: 8,
      batch: { base: 32, at: { 4: 512, 8: 256, 16: 128, 32: 64, 64: 32 } },
      learningRate: rates,
    });
    for (const name of ["config-a", "config-b", "config-c", "config-d"] as const) {
      expect(of(name)?.batch).toEqual({ base: 32, at: { 8: 256, 16: 128, 32: 64, 64: 32 } });
    }
    expect(networkPreset("stylegan1", { resolution: 16, batch: 8 }).schedule).toMatchObject({
      batch: { base: 8, at: {} },
    });
  });

  test("conditional networks: an embedding as wide as z, and the label in the discriminator", () => {
    for (const cDim of [1, 3]) {
      const { generator, discriminator } = networkPreset("auto", { resolution: 64, cDim });
      expect(generator.mapping.embedFeatures).toBe(512);
      expect(discriminator).toMatchObject({ cDim, conditioning: "projection", cmapDim: 512 });
      expect("mapping" in discriminator && discriminator.mapping).toMatchObject({ cDim, zDim: 0 });
      expect(networkPreset("config-c", { resolution: 64, cDim }).generator.mapping.embedFeatures).toBe(512);
    }
  });
});
