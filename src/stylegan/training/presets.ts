/**
 * Networks and training settings that have a name: StyleGAN, the rows of its table 1, the configurations A to F of
 * StyleGAN2's table 1, and the `--cfg` presets of the adaptive-augmentation paper.
 *
 *   StyleGAN, table 1                          StyleGAN2, table 1
 *   table1-a  baseline progressive GAN         config-a  baseline StyleGAN
 *   table1-b  + tuning (bilinear scaling, R1)  config-b  + weight demodulation
 *   table1-c  + mapping and styles             config-c  + lazy regularisation
 *   table1-d  + constant input                 config-d  + path length regularisation
 *   table1-e  + noise inputs                   config-e  + no growing, skip and residual networks
 *   table1-f  + mixing regularisation          config-f  + large networks (twice the feature maps)
 *
 * Tests: tests/training/presets.test.ts.
 */
import type {
  AnyDiscriminatorConfig,
  AnyGeneratorConfig,
  GrowingStylegan2DiscriminatorConfig,
  GrowingStylegan2GeneratorConfig,
  MappingConfig,
  Stylegan1DiscriminatorConfig,
  Stylegan1GeneratorConfig,
  Stylegan1SynthesisConfig,
} from "../config.js";
import { type GeometryOptions, networkGeometry } from "../geometry.js";
import type { ByResolution, GrowingSchedule } from "./schedule.js";
import type { TrainingSettings } from "./step.js";

const table1Rows = ["table1-a", "table1-b", "table1-c", "table1-d", "table1-e", "table1-f"] as const;
const growingConfigs = ["config-b", "config-c", "config-d"] as const;
const finalConfigs = ["config-e", "config-f"] as const;
const adaConfigs = ["auto", "tiny", "cifar", "stylegan2", "paper256", "paper512", "paper1024"] as const;

type Table1Row = (typeof table1Rows)[number];
type GrowingConfig = (typeof growingConfigs)[number];
type FinalConfig = (typeof finalConfigs)[number];
type AdaConfig = (typeof adaConfigs)[number];

export type PresetName = "stylegan1" | "config-a" | Table1Row | GrowingConfig | FinalConfig | AdaConfig;

export const presetNames: readonly PresetName[] = [
  ...adaConfigs,
  "stylegan1",
  ...table1Rows,
  "config-a",
  ...growingConfigs,
  ...finalConfigs,
];

/** What the data decide, and overrides of what the preset decides. */
export interface PresetOptions extends Pick<GeometryOptions, "imgChannels" | "cDim"> {
  /** Pixels of a side: a power of two; at least 8 for networks that grow, at least 4 for others. */
  readonly resolution: number;
  /** Default: the preset's, 512 for most. */
  readonly zDim?: number;
  /** Default: the preset's, 512 for most. */
  readonly wDim?: number;
  /** Default: the preset's. */
  readonly mappingLayers?: number;
  /** Feature maps at resolution r are min(channelBase / r, channelMax). Default: the preset's. */
  readonly channelBase?: number;
  /** Default: the preset's, 512 for most. */
  readonly channelMax?: number;
  /** Images in a step, at every resolution. Default: the preset's. */
  readonly batch?: number;
}

export interface Preset {
  readonly generator: AnyGeneratorConfig;
  readonly discriminator: AnyDiscriminatorConfig;
  readonly settings: TrainingSettings;
  /** Probability of style mixing. */
  readonly mixingProbability: number;
  /** Images in a step; at the final resolution where the network grows. */
  readonly batch: number;
  /** Null for networks that do not grow. */
  readonly schedule: GrowingSchedule | null;
}

/**
 * @throws RangeError for a resolution that the networks cannot have
 * @example
 * const { generator, discriminator, schedule } = networkPreset("stylegan1", { resolution: 32, channelBase: 2048 });
 */
export function networkPreset(name: PresetName, options: PresetOptions): Preset {
  if (name === "stylegan1" || name === "config-a") return stylegan1Preset("table1-f", options, STYLEGAN1_BATCH[name]);
  if (isOneOf(table1Rows, name)) return stylegan1Preset(name, options, STYLEGAN1_BATCH.stylegan1);
  if (isOneOf(growingConfigs, name)) return growingPreset(name, options);
  if (isOneOf(finalConfigs, name)) return finalPreset(name, options);
  return adaPreset(name, options);
}

const isOneOf = <Name extends string>(names: readonly Name[], name: string): name is Name =>
  (names as readonly string[]).includes(name);

const STYLEGAN1_BATCH = {
  stylegan1: { base: 32, at: { 4: 512, 8: 256, 16: 128, 32: 64, 64: 32 } },
  "config-a": { base: 32, at: { 8: 256, 16: 128, 32: 64, 64: 32 } },
} as const;

/** StyleGAN, and configs A and B: R1 is part of the discriminator's loss, and Adam is left as it is. */
const EVERY_STEP = { lazyRegularization: false, gRegInterval: 1, dRegInterval: 1 } as const;

const GROWING_LEARNING_RATE: ByResolution = { base: 0.001, at: { 128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003 } };

/** What changes from row to row: each row has the switches of those before it. */
function table1Switches(row: Table1Row) {
  const atLeast = (other: Table1Row): boolean => row >= other;
  return {
    isTuned: atLeast("table1-b"),
    useStyles: atLeast("table1-c"),
    isConstant: atLeast("table1-d"),
    useNoise: atLeast("table1-e"),
    mixes: atLeast("table1-f"),
  };
}

function stylegan1Preset(row: Table1Row, options: PresetOptions, batch: ByResolution): Preset {
  const { isTuned, useStyles, isConstant, useNoise, mixes } = table1Switches(row);
  const base = growingBase(options, "weight");
  const scaling = { blurFilter: isTuned ? [1, 2, 1] : null, fusedFrom: 128 } as const;
  const synthesis: Stylegan1SynthesisConfig = {
    wDim: base.wDim,
    ...base.image,
    channels: base.channels,
    activation: "lrelu",
    input: isConstant ? "constant" : "traditional",
    useStyles,
    useNoise,
    usePixelNorm: !useStyles,
    useInstanceNorm: useStyles,
    ...scaling,
  };
  const { embedFeatures } = base.mapping;
  // Without styles, what enters is the normalised latent itself, with the embedding of its label.
  const wDim = useStyles ? base.wDim : base.zDim + embedFeatures;
  const mapping = useStyles ? base.mapping : { ...base.mapping, wDim, layerFeatures: [] };
  const generator: Stylegan1GeneratorConfig = {
    kind: "stylegan1-generator",
    zDim: base.zDim,
    cDim: base.cDim,
    wDim,
    ...base.image,
    mapping,
    synthesis: { ...synthesis, wDim },
  };
  const discriminator: Stylegan1DiscriminatorConfig = {
    kind: "stylegan1-discriminator",
    ...base.discriminator,
    ...scaling,
  };
  return {
    generator,
    discriminator,
    settings: {
      loss: isTuned ? "logistic" : "wgan",
      r1Gamma: isTuned ? 10 : 0,
      plWeight: 0,
      ...EVERY_STEP,
      emaKimg: 10,
      generatorLearningRate: 0.001,
      discriminatorLearningRate: 0.001,
    },
    mixingProbability: mixes ? 0.9 : 0,
    ...growingSchedule(options, batch),
  };
}

function growingPreset(name: GrowingConfig, options: PresetOptions): Preset {
  const base = growingBase(options);
  const generator: GrowingStylegan2GeneratorConfig = {
    kind: "growing-stylegan2-generator",
    zDim: base.zDim,
    cDim: base.cDim,
    wDim: base.wDim,
    ...base.image,
    mapping: base.mapping,
    synthesis: {
      wDim: base.wDim,
      ...base.image,
      channels: base.channels,
      resampleFilter: [1, 3, 3, 1],
      activation: "lrelu",
      convClamp: null,
      useNoise: true,
      scaleBeforeDemodulation: true,
    },
  };
  const discriminator: GrowingStylegan2DiscriminatorConfig = {
    kind: "growing-stylegan2-discriminator",
    ...base.discriminator,
    resampleFilter: [1, 3, 3, 1],
  };
  return {
    generator,
    discriminator,
    settings: {
      r1Gamma: 10,
      plWeight: name === "config-d" ? 2 : 0,
      // Config C is lazy with both networks, although nothing is due in its Greg: G has 4/5 of the rate asked for.
      ...(name === "config-b" ? EVERY_STEP : { dRegInterval: 16 }),
      emaKimg: 10,
      generatorLearningRate: 0.001,
      discriminatorLearningRate: 0.001,
    },
    mixingProbability: 0.9,
    ...growingSchedule(options, STYLEGAN1_BATCH["config-a"]),
  };
}

/** What StyleGAN and configs B to D have in common. */
function growingBase(options: PresetOptions, heGain?: MappingConfig["heGain"]) {
  const { resolution, imgChannels = 3, cDim = 0, zDim = 512, wDim = 512, mappingLayers = 8 } = options;
  const { channelBase = 16384, channelMax = 512 } = options;
  const { generator } = networkGeometry({ resolution, imgChannels, cDim, channelBase, channelMax });
  const { channels } = generator.synthesis;
  const mapping: MappingConfig = {
    zDim,
    cDim,
    wDim,
    numWs: generator.mapping.numWs,
    embedFeatures: cDim > 0 ? zDim : 0,
    embedBias: false,
    inputNormalization: "joint",
    layerFeatures: new Array<number>(mappingLayers).fill(wDim),
    activation: "lrelu",
    lrMultiplier: 0.01,
    wAvgBeta: 0.995,
    ...(heGain && { heGain }),
  };
  const image = { imgResolution: resolution, imgChannels };
  const discriminator = {
    cDim,
    ...image,
    channels,
    activation: "lrelu",
    mbstdGroupSize: 4,
    mbstdNumChannels: 1,
  } as const;
  return { zDim, cDim, wDim, image, channels, mapping, discriminator };
}

function growingSchedule({ resolution, batch }: PresetOptions, batches: ByResolution) {
  const everywhere = batch === undefined ? batches : { base: batch, at: {} };
  const schedule: GrowingSchedule = {
    imgResolution: resolution,
    initialResolution: Math.min(8, resolution),
    batch: everywhere,
    learningRate: GROWING_LEARNING_RATE,
  };
  return { batch: everywhere.at[resolution] ?? everywhere.base, schedule };
}

/** Configs E and F, with labels as in TensorFlow: embedded without a bias, and one logit for every class. */
function finalPreset(name: FinalConfig, options: PresetOptions): Preset {
  const isLarge = name === "config-f";
  const { cDim = 0, zDim = 512 } = options;
  const geometry = networkGeometry(geometryOptions({ channelBase: isLarge ? 32768 : 16384 }, options));
  const { generator, discriminator } = geometry;
  return {
    generator: {
      ...generator,
      mapping: {
        ...generator.mapping,
        embedFeatures: cDim > 0 ? zDim : 0,
        embedBias: false,
        inputNormalization: "joint",
      },
      synthesis: { ...generator.synthesis, scaleBeforeDemodulation: true },
    },
    discriminator: { ...discriminator, conditioning: cDim > 0 ? "logits" : "none", cmapDim: 0, mapping: null },
    settings: { r1Gamma: isLarge ? 10 : 100, emaKimg: 10 },
    mixingProbability: 0.9,
    batch: options.batch ?? 32,
    schedule: null,
  };
}

interface AdaNumbers {
  readonly batch: number;
  readonly learningRate: number;
  readonly r1Gamma: number;
  readonly emaKimg: number;
  readonly emaRampup: number | null;
  readonly geometry: Partial<GeometryOptions>;
  readonly plWeight?: number;
  readonly mixingProbability?: number;
}

/** The table of training configurations of Karras et al. 2020 (ADA), and `tiny` for what fits a laptop. */
/** As the official tool: what follows from the batch follows from the preset's own, whatever --batch says. */
function adaNumbers(name: AdaConfig, resolution: number): AdaNumbers {
  const half = { channelBase: 16384 };
  switch (name) {
    case "auto":
    case "tiny": {
      const batch = name === "tiny" ? 16 : Math.max(1, Math.min(Math.floor(4096 / resolution), 32));
      const small = { channelBase: 2048, channelMax: 64, zDim: 128, wDim: 128, mappingLayers: 4 };
      const auto = { channelBase: resolution >= 512 ? 32768 : 16384, mappingLayers: 2 };
      return {
        batch,
        learningRate: resolution >= 1024 ? 0.002 : 0.0025,
        r1Gamma: (0.0002 * resolution ** 2) / batch,
        emaKimg: (batch * 10) / 32,
        emaRampup: 0.05,
        geometry: { ...(name === "tiny" ? small : auto), mbstdGroupSize: Math.min(batch, 4) },
      };
    }
    case "cifar":
      return {
        batch: 64,
        learningRate: 0.0025,
        r1Gamma: 0.01,
        emaKimg: 500,
        emaRampup: 0.05,
        geometry: { mappingLayers: 2, mbstdGroupSize: 32, discriminatorArchitecture: "orig" },
        plWeight: 0,
        mixingProbability: 0,
      };
    case "stylegan2":
      return { batch: 32, learningRate: 0.002, r1Gamma: 10, emaKimg: 10, emaRampup: null, geometry: {} };
    case "paper256":
      return {
        batch: 64,
        learningRate: 0.0025,
        r1Gamma: 1,
        emaKimg: 20,
        emaRampup: null,
        geometry: { ...half, mbstdGroupSize: 8 },
      };
    case "paper512":
      return {
        batch: 64,
        learningRate: 0.0025,
        r1Gamma: 0.5,
        emaKimg: 20,
        emaRampup: null,
        geometry: { mbstdGroupSize: 8 },
      };
    case "paper1024":
      return { batch: 32, learningRate: 0.002, r1Gamma: 2, emaKimg: 10, emaRampup: null, geometry: {} };
  }
}

function adaPreset(name: AdaConfig, options: PresetOptions): Preset {
  const numbers = adaNumbers(name, options.resolution);
  const { learningRate, r1Gamma, emaKimg, emaRampup, plWeight = 2, mixingProbability = 0.9 } = numbers;
  return {
    ...networkGeometry(geometryOptions({ convClamp: 256, ...numbers.geometry }, options)),
    settings: {
      generatorLearningRate: learningRate,
      discriminatorLearningRate: learningRate,
      r1Gamma,
      plWeight,
      emaKimg,
      emaRampup,
    },
    mixingProbability,
    batch: options.batch ?? numbers.batch,
    schedule: null,
  };
}

/** The preset's geometry with what the caller overrides. */
function geometryOptions(preset: Partial<GeometryOptions>, options: PresetOptions): GeometryOptions {
  const { batch: _, ...given } = options;
  const overrides = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...preset, ...overrides, resolution: options.resolution };
}
