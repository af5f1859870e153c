/** From the options of `stylegan train` to networks, settings and samplers: all that decides the weights of a run. */
import {
  type AnyDiscriminatorConfig,
  type AnyGeneratorConfig,
  type Architecture,
  augmentPipelines,
  type GrowingSchedule,
  ImageDataset,
  type LossName,
  momentAt,
  networkPreset,
  type Preset,
  type PresetName,
  type PresetOptions,
  type Run,
  readLabels,
  type TrainingSettings,
} from "../../stylegan/training/index.js";
import { openImages } from "../images/datasetFiles.js";
import { UsageError } from "../terminal.js";
import { type Start, startDiscriminator, startGenerator } from "./start.js";

/** A run of the command line: its definition goes into run.json. */
export type TrainingRun = Run<RunDefinition>;

export const augmentModes = ["noaug", "ada", "fixed"] as const;
export type PipelineName = keyof typeof augmentPipelines;

/** Options that decide the weights. A resumed run keeps them. */
export interface RunOptions {
  readonly resolution?: number;
  readonly cfg?: PresetName;
  readonly batch?: number;
  readonly gamma?: number;
  readonly cond?: boolean;
  readonly mirror?: boolean;
  readonly subset?: number;
  readonly aug?: (typeof augmentModes)[number];
  readonly target?: number;
  readonly augpipe?: PipelineName;
  readonly p?: number;
  readonly adaKimg?: number;
  readonly seed?: number;
  readonly lr?: number;
  readonly glr?: number;
  readonly dlr?: number;
  readonly emaKimg?: number;
  readonly plWeight?: number;
  readonly mixingProb?: number;
  readonly loss?: LossName;
  readonly zDim?: number;
  readonly wDim?: number;
  readonly mapLayers?: number;
  readonly channelBase?: number;
  readonly channelMax?: number;
  readonly mbstdGroup?: number;
  readonly gArch?: Architecture;
  readonly dArch?: Architecture;
  readonly lodInitial?: number;
  readonly lodStableKimg?: number;
  readonly lodFadeKimg?: number;
  readonly minibatchRepeats?: number;
}

/** What the data set was when the run began. */
export interface DataFingerprint {
  readonly count: number;
  readonly resolution: number;
  readonly channels: number;
  readonly labelSize: number;
  /** A checksum of names, pixels and labels; runs of before have none. */
  readonly contents?: string;
}

/** run.json: the options as they were given, and what they came to, so that later versions continue the same run. */
export interface RunDefinition extends Preset {
  readonly version: 1;
  readonly options: RunOptions;
  readonly dataPath: string;
  readonly data: DataFingerprint;
  readonly seed: number;
  /** Checkpoint whose weights the run started from. */
  readonly startedFrom: string | null;
}

/** Opens the images that the options name. */
export function openDataset(path: string, options: RunOptions, warn: (text: string) => void = () => {}): ImageDataset {
  const { resolution, mirror, subset, seed = 0, cond = false } = options;
  const { files, json, ignored } = openImages(path);
  if (ignored !== null) warn(`${path}: ${ignored}`);
  try {
    const names = files.map(({ name }) => name);
    const read = cond ? readLabels(json, names) : null;
    const labels = read?.vectors ?? null;
    if (read?.classNames)
      warn(`${path}: classes by name: ${read.classNames.map((name, k) => `${k} ${name}`).join(", ")}`);
    if (cond && labels === null) throw new UsageError("--cond needs labels, but there is no dataset.json with labels");
    return new ImageDataset(files, {
      labels,
      seed,
      ...(resolution !== undefined && { resolution }),
      ...(mirror !== undefined && { mirror }),
      ...(subset !== undefined && { maxImages: subset }),
    });
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

export function fingerprint({ count, resolution, channels, labelSize, contents }: ImageDataset): DataFingerprint {
  return { count, resolution, channels, labelSize, contents };
}

/** Options left undefined are not there. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** @throws UsageError for options that contradict each other */
export function defineRun(
  dataPath: string,
  dataset: ImageDataset,
  given: RunOptions,
  startedFrom: string | null,
  start: Start | null = null,
): RunDefinition {
  const options = defined(given);
  const { cfg = "auto", seed = 0, gArch, dArch, mbstdGroup } = options;
  const presetOptions: PresetOptions = defined({
    resolution: dataset.resolution,
    imgChannels: dataset.channels,
    cDim: dataset.labelSize,
    zDim: options.zDim ?? start?.generator.zDim,
    wDim: options.wDim ?? start?.generator.wDim,
    mappingLayers: options.mapLayers ?? start?.generator.config.mapping.layerFeatures.length,
    channelBase: options.channelBase,
    channelMax: options.channelMax,
    batch: options.batch,
  }) as PresetOptions;
  if (dataset.resolution < 8) {
    const size = `${dataset.resolution}x${dataset.resolution}`;
    throw new UsageError(
      `images must have at least 8 pixels a side to train on, got ${size}; --resolution 8 enlarges them`,
    );
  }
  const preset = networkPreset(cfg, presetOptions);
  const group = mbstdGroup === undefined ? {} : { mbstdGroupSize: mbstdGroup };
  const settings = {
    ...preset.settings,
    ...augmentation(options, startedFrom !== null),
    ...defined({
      r1Gamma: options.gamma,
      generatorLearningRate: options.glr ?? options.lr,
      discriminatorLearningRate: options.dlr ?? options.lr,
      emaKimg: options.emaKimg,
      plWeight: options.plWeight,
      loss: options.loss,
    }),
    ...(startedFrom !== null && { emaRampup: null }),
  };
  const definition = {
    version: 1,
    options,
    dataPath,
    data: fingerprint(dataset),
    seed,
    startedFrom,
    generator: withGeneratorArchitecture(startGenerator(preset.generator, start, options), gArch),
    discriminator: {
      ...withDiscriminatorArchitecture(startDiscriminator(preset.discriminator, start, options), dArch),
      ...group,
    },
    settings: settings as TrainingSettings,
    mixingProbability: options.mixingProb ?? preset.mixingProbability,
    batch: preset.batch,
    schedule: growing(preset.schedule, options),
  } as const;
  checkGroups(definition);
  return definition;
}

/** StyleGAN's number of steps for each look at the schedule. */
const MINIBATCH_REPEATS = 4;

/** The preset's schedule with what the options say; null for networks that do not grow. */
function growing(preset: GrowingSchedule | null, options: RunOptions): GrowingSchedule | null {
  const { lr, lodInitial, lodStableKimg, lodFadeKimg, minibatchRepeats } = options;
  const given = defined({
    initialResolution: lodInitial,
    stableKimg: lodStableKimg,
    fadeKimg: lodFadeKimg,
    minibatchRepeats,
    learningRate: lr === undefined ? undefined : { base: lr, at: {} },
  }) as Partial<GrowingSchedule>;
  if (preset === null) {
    const { learningRate: _, ...ofGrowing } = given;
    if (Object.keys(ofGrowing).length === 0) return null;
    const names = "--lod-initial, --lod-stable-kimg, --lod-fade-kimg and --minibatch-repeats";
    throw new UsageError(`${names} are for networks that grow, --cfg stylegan1 for example`);
  }
  if (options.glr !== undefined || options.dlr !== undefined) {
    throw new UsageError("--glr and --dlr: networks that grow have one learning rate for both, --lr");
  }
  const schedule = { ...preset, minibatchRepeats: MINIBATCH_REPEATS, ...given } as GrowingSchedule;
  try {
    momentAt(schedule, 0);
  } catch (error) {
    const what = (error as Error).message.replace("momentAt: ", "");
    throw new UsageError(`--lod-initial, --lod-stable-kimg, --lod-fade-kimg: ${what}`);
  }
  return schedule;
}

/** Minibatch standard deviation splits every batch into groups of one size. */
function checkGroups({ discriminator, batch }: Pick<RunDefinition, "discriminator" | "batch">): void {
  const { mbstdGroupSize, mbstdNumChannels } = discriminator;
  if (mbstdNumChannels === 0 || mbstdGroupSize === null) return;
  const group = Math.min(mbstdGroupSize, batch);
  if (batch % group !== 0) {
    throw new UsageError(
      `--batch must be a multiple of the minibatch-stddev group, ${group}, got ${batch}; or choose --mbstd-group`,
    );
  }
}

function withGeneratorArchitecture(config: AnyGeneratorConfig, architecture?: Architecture): AnyGeneratorConfig {
  if (architecture === undefined) return config;
  if (config.kind !== "stylegan2-generator") throw new UsageError("--g-arch: networks that grow have no choice of it");
  return { ...config, synthesis: { ...config.synthesis, architecture } };
}

function withDiscriminatorArchitecture(
  config: AnyDiscriminatorConfig,
  architecture?: Architecture,
): AnyDiscriminatorConfig {
  if (architecture === undefined) return config;
  if (config.kind !== "stylegan2-discriminator") {
    throw new UsageError("--d-arch: networks that grow have no choice of it");
  }
  return { ...config, architecture };
}

/** As the official options combine: --target goes with ada, --p with fixed, --augpipe with both. */
function augmentation(options: RunOptions, isTransfer: boolean): TrainingSettings {
  const { aug = "ada", target, augpipe, p, adaKimg } = options;
  const refuse = (option: string, mode: string): never => {
    throw new UsageError(`${option} goes with --aug ${mode}, got --aug ${aug}`);
  };
  if (target !== undefined && aug !== "ada") refuse("--target", "ada");
  if (adaKimg !== undefined && aug !== "ada") refuse("--ada-kimg", "ada");
  if (p !== undefined && aug !== "fixed") refuse("--p", "fixed");
  if (augpipe !== undefined && aug === "noaug") refuse("--augpipe", "ada or fixed");
  if (aug === "noaug") return { augment: null, ada: null };
  const augment = augmentPipelines[augpipe ?? "bgc"];
  if (aug === "ada") {
    return { augment, augmentP: 0, ada: { target: target ?? 0.6, adaKimg: adaKimg ?? (isTransfer ? 100 : 500) } };
  }
  if (p === undefined) throw new UsageError("--aug fixed needs its probability: --p NUMBER");
  return { augment, augmentP: p, ada: null };
}
