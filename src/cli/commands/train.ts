/**
 * `stylegan train`: a model from images. Everything about a run is in its folder; killed at any moment, it continues
 * from its latest state and comes to the same weights.
 */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { isSameFile, writeFile } from "../../files.js";
import {
  architectures,
  augmentPipelines,
  buildRun,
  type ImageDataset,
  lossNames,
  presetNames,
} from "../../stylegan/training/index.js";
import { startEngine } from "../engine.js";
import { makeFolder } from "../files.js";
import { addEngineOptions, type EngineOptions, parseCount, parseNumber, parseSeed } from "../options.js";
import { type InterruptWatch, type Terminal, UsageError, watchInterrupt } from "../terminal.js";
import { listStates, removeLeftovers } from "../train/files.js";
import { checkApart, definitionPath, lockFolder, storedDefinition } from "../train/folder.js";
import { FrechetMetric, openClassifier } from "../train/metric.js";
import { namedMetrics, SnapshotMetrics } from "../train/namedMetrics.js";
import type { SessionOptions } from "../train/record.js";
import { resumeRun, type SnapshotMeasure, trainLoop } from "../train/run.js";
import {
  augmentModes,
  defineRun,
  fingerprint,
  openDataset,
  type RunDefinition,
  type RunOptions,
  type TrainingRun,
} from "../train/setup.js";
import { openStart, takeWeights } from "../train/start.js";

interface TrainOptions extends EngineOptions, RunOptions {
  readonly data?: string;
  readonly outdir?: string;
  readonly kimg: number;
  readonly tick: number;
  readonly snap: number;
  readonly keep: number;
  readonly metric?: string;
  readonly metricImages: number;
  readonly inception?: string;
  readonly lpips?: string;
  readonly quiet?: boolean;
  /** true: the run in outdir; a folder: the run in it; a file: a checkpoint to start from. */
  readonly resume?: string | true;
}

const examples = `
Examples:
  $ stylegan train --data faces32.zip --outdir runs/faces --cfg tiny --gamma 1 --aug noaug --kimg 300
  $ stylegan train --resume runs/faces --kimg 500
  $ stylegan train --data animals --outdir runs/animals --cond --mirror --cfg auto --snap 5
  $ stylegan train --data faces32.zip --outdir runs/grown --cfg stylegan1 --lod-stable-kimg 4 --lod-fade-kimg 3
  $ stylegan train --data own.zip --outdir runs/own --resume ffhq256.pkl --cfg paper256`;

/** A number of at least 0. */
function parseAmount(text: string): number {
  const value = parseNumber(text);
  if (value < 0) throw new InvalidArgumentError("Expected a number of at least 0.");
  return value;
}

function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

function parsePart(text: string): number {
  const value = parseNumber(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError("Expected a number from 0 to 1.");
  return value;
}

/** As the official tools take them: --mirror, --mirror=1, --mirror=false. */
function parseFlag(text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new InvalidArgumentError("Expected true or false.");
}

const flag = (name: string, description: string): Option =>
  new Option(`${name} [bool]`, description).argParser(parseFlag).preset("true");

export function trainCommand(terminal: Terminal): Command {
  const option = (flags: string, description: string, parse: (text: string) => unknown): Option =>
    new Option(flags, description).argParser(parse);
  const choice = (flags: string, description: string, choices: readonly string[]): Option =>
    new Option(flags, description).choices(choices);
  const command = new Command("train")
    .description("Train a generator on a folder or zip of square images.")
    .optionsGroup("Run:")
    .option("--data <path>", "folder or zip of PNG or JPEG images; see 'stylegan dataset'")
    .option("--outdir <folder>", "where everything about the run goes")
    .option("--resume [what]", "continue the run in a folder (default: --outdir), or start from a checkpoint file")
    .addOption(
      option("--kimg <count>", "train until so many thousand images were seen", parsePositive).default(
        SESSION_DEFAULTS.kimg,
      ),
    )
    .addOption(
      option("--tick <kimg>", "thousand images between lines of progress", parsePositive).default(
        SESSION_DEFAULTS.tick,
      ),
    )
    .addOption(option("--snap <ticks>", "ticks between snapshots", parseCount(1)).default(SESSION_DEFAULTS.snap))
    .addOption(option("--keep <count>", "states to keep to resume from", parseCount(1)).default(SESSION_DEFAULTS.keep))
    .option(
      "--metric <what>",
      "measured at every snapshot: names as of 'stylegan metrics' (fid5k_full,kid5k_full,...), or a classifier's file or 'random'",
    )
    .option("--inception <file>", "for fid, kid, pr and is; see 'stylegan metrics'")
    .option("--lpips <files>", "for ppl: VGG16.pth,LIN.pth")
    .addOption(
      option("--metric-images <count>", "generated and real images that a classifier compares", parseCount(2)).default(
        SESSION_DEFAULTS.metricImages,
      ),
    )
    .addOption(option("--seed <number>", "of everything random (default: 0)", parseSeed))
    .optionsGroup("Data:")
    .addOption(option("--resolution <pixels>", "of a side (default: that of the images)", parseCount(4)))
    .addOption(flag("--cond", "train with the classes in dataset.json"))
    .addOption(flag("--mirror", "every image also mirrored"))
    .addOption(option("--subset <count>", "use so many images, chosen by the seed", parseCount(1)))
    .optionsGroup("Training:")
    .addOption(choice("--cfg <name>", "networks and settings (default: auto)", presetNames))
    .addOption(option("--batch <count>", "images in a step (default: by --cfg)", parseCount(1)))
    .addOption(option("--gamma <weight>", "of R1 (default: by --cfg)", parseAmount))
    .addOption(option("--lr <rate>", "learning rate of both networks (default: by --cfg)", parsePositive))
    .addOption(option("--glr <rate>", "of the generator alone (default: --lr)", parsePositive))
    .addOption(option("--dlr <rate>", "of the discriminator alone (default: --lr)", parsePositive))
    .addOption(option("--ema-kimg <kimg>", "half-life of the average (default: by --cfg)", parseAmount))
    .addOption(option("--pl-weight <weight>", "of path length; 0: none (default: by --cfg)", parseAmount))
    .addOption(option("--mixing-prob <p>", "probability of style mixing (default: by --cfg)", parsePart))
    .addOption(choice("--loss <name>", "default: by --cfg, logistic for most", lossNames))
    .optionsGroup("Growing (for --cfg stylegan1, table1-a to -f, config-a to -d):")
    .addOption(option("--lod-initial <pixels>", "resolution to begin with (default: 8)", parseCount(4)))
    .addOption(
      option("--lod-stable-kimg <kimg>", "at a resolution before the next fades in (default: 600)", parseAmount),
    )
    .addOption(option("--lod-fade-kimg <kimg>", "that a fade takes; 0: none (default: 600)", parseAmount))
    .addOption(option("--minibatch-repeats <steps>", "for each look at the schedule (default: 4)", parseCount(1)))
    .optionsGroup("Augmentation:")
    .addOption(choice("--aug <mode>", "none, adaptive, or with a fixed probability (default: ada)", augmentModes))
    .addOption(option("--p <p>", "the probability, with --aug fixed", parsePart))
    .addOption(option("--target <r>", "the overfitting to hold, with --aug ada (default: 0.6)", parsePart))
    .addOption(option("--ada-kimg <kimg>", "in which p can go from 0 to 1 (default: 500)", parsePositive))
    .addOption(choice("--augpipe <name>", "transformations (default: bgc)", Object.keys(augmentPipelines)))
    .optionsGroup("Networks (default: by --cfg):")
    .addOption(option("--z-dim <count>", "length of z", parseCount(1)))
    .addOption(option("--w-dim <count>", "length of w", parseCount(1)))
    .addOption(option("--map-layers <count>", "layers of the mapping network", parseCount(1)))
    .addOption(option("--channel-base <count>", "feature maps at resolution r: min(base / r, max)", parseCount(4)))
    .addOption(option("--channel-max <count>", "largest number of feature maps", parseCount(1)))
    .addOption(option("--mbstd-group <count>", "images in a group of minibatch stddev", parseCount(1)))
    .addOption(choice("--g-arch <kind>", "how blocks of the generator reach the image", architectures))
    .addOption(choice("--d-arch <kind>", "how the image reaches blocks of the discriminator", architectures))
    .optionsGroup("Engine:")
    .addHelpText("after", examples);
  return addEngineOptions(command).action((options: TrainOptions) => train(options, terminal));
}

/** The options that define a run, apart from those of a session. */
function runOptions(options: TrainOptions): RunOptions {
  const { data: _1, outdir: _2, kimg: _3, tick: _4, snap: _5, keep: _6, resume: _7, threads: _8, ...rest } = options;
  const { kernels: _9, metric: _10, metricImages: _11, inception: _12, lpips: _13, quiet: _14, ...run } = rest;
  return run;
}

/** What --resume asks for. */
function resumeTarget({ resume: asked, outdir }: TrainOptions): {
  readonly outdir: string;
  readonly checkpoint: string | null;
  readonly continues: "must" | "may" | "no";
} {
  // Words of the official tool: one for nothing, and names of networks that it downloads.
  const resume = asked === "noresume" ? undefined : asked;
  if (typeof resume === "string" && /^(ffhq|celebahq|lsundog)\d+$/.test(resume) && !existsSync(resume)) {
    throw new UsageError(`--resume ${resume}: the official tool downloads a network of this name; here give its file`);
  }
  const isFolder = typeof resume === "string" && existsSync(resume) && statSync(resume).isDirectory();
  const folder = outdir ?? (isFolder ? resume : undefined);
  if (folder === undefined) throw new UsageError("where should the run be kept? Give --outdir FOLDER");
  if (isFolder && outdir !== undefined && resolve(resume) !== resolve(outdir) && !isSameFile(resume, outdir)) {
    throw new UsageError(`--resume ${resume} continues that run in its own folder; leave --outdir out`);
  }
  const isCheckpoint = typeof resume === "string" && !isFolder && resume !== "latest";
  const continues = resume === undefined || isCheckpoint ? "no" : isFolder ? "must" : "may";
  return { outdir: folder, checkpoint: isCheckpoint ? resume : null, continues };
}

async function train(options: TrainOptions, terminal: Terminal): Promise<void> {
  const { outdir, checkpoint, continues } = resumeTarget(options);
  const stored = storedDefinition(outdir, continues);
  const given = runOptions(options);
  if (stored !== null) checkUnchanged(stored, given);
  const dataPath = options.data ?? stored?.dataPath;
  if (dataPath === undefined) throw new UsageError("what to train on? Give --data FOLDER or --data FILE.zip");

  checkApart(dataPath, outdir);

  await startEngine(options, terminal);
  const dataset = openDataset(dataPath, stored?.options ?? given, (text) => terminal.err(`note: ${text}\n`));
  const isNew = listStates(outdir).length === 0;
  const startFrom = stored === null ? checkpoint : isNew ? stored.startedFrom : null;
  const start = startFrom === null ? null : await openStart(startFrom, options, terminal);
  const definition = stored ?? defineRun(dataPath, dataset, given, checkpoint, start);
  checkData(dataPath, dataset, definition, terminal);
  const run = buildRun(definition, dataset);
  if (start !== null) {
    const { taken, missing, unused } = takeWeights(run.state, start);
    const untrained =
      missing.length === 0 ? "" : `; ${missing.length} are not in it and start untrained: ${missing.join(", ")}`;
    terminal.err(`${taken} tensors start from ${start.path}${untrained}\n`);
    if (unused.length > 0) {
      terminal.err(`warning: ${unused.length} tensors of ${start.path} are not used: ${unused.join(", ")}\n`);
    }
  }
  const seconds = resumeRun(run, outdir, terminal);
  const metric = openMetric(run, options, outdir, terminal);

  // Only now, when nothing of the command line can be wrong any more, files are written.
  makeFolder(outdir);
  const lock = lockFolder(outdir);
  removeLeftovers(outdir);
  if (stored === null) writeFile(definitionPath(outdir), encode(`${JSON.stringify(definition, null, 2)}\n`));
  const { count, resolution, channels } = dataset;
  const { images } = run.state.progress;
  const from = images > 0 ? `, from kimg ${(images / 1000).toFixed(2)}` : "";
  terminal.err(`${count} images of ${resolution}x${resolution}x${channels}, batch ${definition.batch}${from}\n`);
  const signal = catchSignals(terminal);
  try {
    await trainLoop(
      run,
      { ...options, outdir, session: sessionOf(options) },
      seconds,
      terminal,
      signal.wasCaught,
      metric,
    );
  } finally {
    signal.release();
    lock.release();
  }
}

const SESSION_DEFAULTS = { kimg: 500, tick: 1, snap: 10, keep: 2, metricImages: 2048 } as const;

/** What a session was asked for beside the run's own options. */
function sessionOf({ kimg, tick, snap, keep, metric, metricImages, inception, lpips }: TrainOptions): SessionOptions {
  const all = { kimg, tick, snap, keep, metric, metricImages, inception, lpips };
  const isGiven = ([name, value]: [string, unknown]): boolean =>
    value !== undefined && value !== SESSION_DEFAULTS[name as keyof typeof SESSION_DEFAULTS];
  return Object.fromEntries(Object.entries(all).filter(isGiven)) as SessionOptions;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Images of another count or size are none of this run; others in their place are, but it is said. */
function checkData(path: string, dataset: ImageDataset, { data }: RunDefinition, terminal: Terminal): void {
  const { contents, ...sizes } = data;
  const { contents: foundContents, ...foundSizes } = fingerprint(dataset);
  const [expected, found] = [JSON.stringify(sizes), JSON.stringify(foundSizes)];
  if (found !== expected)
    throw new Error(`${path} is not the data set of this run: expected ${expected}, found ${found}`);
  if (contents === undefined || contents === foundContents) return;
  terminal.err(
    `warning: ${path} holds other images or labels than when this run began: it goes on with them, not as it would have\n`,
  );
}

function openMetric(
  { dataset, gridSeed }: TrainingRun,
  { metric, metricImages: count, inception, lpips }: TrainOptions,
  outdir: string,
  terminal: Terminal,
): SnapshotMeasure | null {
  if (metric === undefined || metric === "none") return null;
  const named = namedMetrics(metric);
  if (named !== null) {
    const metrics = new SnapshotMetrics(named, { dataset, inception, lpips, outdir });
    return (generator, file) => ({ metrics: metrics.measure(generator, file, terminal) });
  }
  const frechet = new FrechetMetric(openClassifier(metric, dataset), dataset, { count, seed: gridSeed });
  return (generator) => ({ frechetDistance: frechet.measure(generator) });
}

/** A resumed run keeps the options it began with. */
function checkUnchanged({ options, ...run }: RunDefinition, given: RunOptions): void {
  for (const [name, value] of Object.entries(given)) {
    const before = options[name as keyof RunOptions];
    if (value === undefined || value === before) continue;
    if (before === undefined && value === defaultOf(name as keyof RunOptions, run)) continue;
    const flagName = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new UsageError(`${flagName} ${value} cannot be changed: the run began with ${before ?? "the default"}`);
  }
}

/** What an option that was not given came to; undefined where run.json does not say. */
function defaultOf(name: keyof RunOptions, run: Omit<RunDefinition, "options">): unknown {
  const { generator, discriminator, settings, data, schedule } = run;
  const known: Partial<Record<keyof RunOptions, unknown>> = {
    cfg: "auto",
    seed: run.seed,
    batch: run.batch,
    resolution: data.resolution,
    cond: data.labelSize > 0,
    mirror: false,
    aug: "ada",
    augpipe: "bgc",
    target: settings.ada?.target,
    adaKimg: settings.ada?.adaKimg,
    gamma: settings.r1Gamma,
    lr:
      settings.generatorLearningRate === settings.discriminatorLearningRate
        ? settings.generatorLearningRate
        : undefined,
    glr: settings.generatorLearningRate,
    dlr: settings.discriminatorLearningRate,
    emaKimg: settings.emaKimg,
    plWeight: settings.plWeight,
    mixingProb: run.mixingProbability,
    loss: settings.loss ?? "logistic",
    zDim: generator.zDim,
    wDim: generator.wDim,
    mapLayers: generator.mapping.layerFeatures.length,
    mbstdGroup: discriminator.mbstdGroupSize,
    gArch: "architecture" in generator.synthesis ? generator.synthesis.architecture : undefined,
    dArch: "architecture" in discriminator ? discriminator.architecture : undefined,
    lodInitial: schedule?.initialResolution,
    lodStableKimg: schedule?.stableKimg,
    lodFadeKimg: schedule?.fadeKimg,
    minibatchRepeats: schedule?.minibatchRepeats,
  };
  return known[name];
}

/** Ctrl-C ends the run after the step, with a snapshot; a second one ends it at once. */
function catchSignals(terminal: Terminal): InterruptWatch {
  const interrupt = watchInterrupt(() =>
    terminal.err("\nstopping after this step, with a snapshot; once more stops at once\n"),
  );
  // A terminal that goes away takes nothing with it: the run goes on, as it would behind nohup.
  const onHangup = (): void => {};
  process.on("SIGHUP", onHangup);
  return {
    wasCaught: interrupt.wasCaught,
    release: () => {
      interrupt.release();
      process.off("SIGHUP", onHangup);
    },
  };
}
