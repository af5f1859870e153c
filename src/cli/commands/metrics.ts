/**
 * `stylegan metrics`: FID, KID, precision and recall, inception score and path length of networks, and the Frechet
 * distance of two sets of images.
 *
 * Features are kept as they come, so that a killed run goes on, several processes share the work (--shard), and the next
 * metric of the same images costs nothing; see src/cli/metrics/rows.ts.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type { AnyGenerator } from "../../index.js";
import { featureStatistics, frechetDistance, type ResizeMode, resizeModes } from "../../stylegan/evaluation/index.js";
import { startEngine } from "../engine.js";
import { makeFolder } from "../files.js";
import { openMetricClassifier } from "../metrics/classifier.js";
import { inceptionRows } from "../metrics/features.js";
import { checkLabels, openRealImages, type RealImages } from "../metrics/images.js";
import { type Instruments, type Need, type Subject, type Task, taskOf } from "../metrics/measure.js";
import { type Metric, needsData, needsInception, needsRealFeatures, parseMetrics } from "../metrics/names.js";
import { appendRecord, describeResults, recordOf, warningOf } from "../metrics/record.js";
import { RowCache, type Shard, shardRange } from "../metrics/rows.js";
import { isStatisticsName, readStatistics, writeStatistics } from "../metrics/statistics.js";
import { openInception, openLpips } from "../metrics/weights.js";
import { bundledModel, openGenerator, parametersHash } from "../networks.js";
import { addEngineOptions, type EngineOptions, parseCount, parseNumber } from "../options.js";
import { formatDuration, Progress } from "../progress.js";
import { type Terminal, UsageError } from "../terminal.js";

interface MetricsOptions extends EngineOptions {
  readonly network?: string;
  readonly data?: string;
  readonly metrics?: readonly Metric[];
  readonly inception?: string;
  readonly lpips?: string;
  readonly classifier: string;
  readonly resize: ResizeMode;
  readonly mirror?: boolean;
  readonly seed: number;
  readonly trunc: number;
  readonly outdir?: string;
  readonly cache?: string;
  readonly shard?: Shard;
  readonly merge?: boolean;
  readonly saveStats?: string;
  readonly json?: boolean;
}

interface DistanceOptions extends EngineOptions {
  readonly inception?: string;
  readonly resize: ResizeMode;
  readonly cache?: string;
  readonly json?: boolean;
}

/** Seeds of a metric have a million seeds of images each, and there are 2^32. */
const MOST_SEEDS = 4293;

const examples = `
Examples:
  $ stylegan metrics --network ffhq.pkl --data ffhq.zip --inception pt_inception-2015-12-05-6726825d.pth
  $ stylegan metrics --network a.pkl,b.pkl --data ffhq.zip --metrics fid10k_full,kid10k_full,pr10k3_full --inception I.pth
  $ stylegan metrics --network runs/faces --data faces.zip --metrics classifier2k
  $ stylegan metrics --network ffhq.pkl --metrics ppl2_wend1k --lpips vgg16-397923af.pth,vgg.pth
  $ stylegan metrics --network ffhq.pkl --data ffhq.zip --inception I.pth --cache work --shard 0/4
  $ stylegan metrics --network ffhq.pkl --data ffhq.zip --inception I.pth --cache work --merge
  $ stylegan metrics --data ffhq.zip --inception I.pth --save-stats ffhq.npz
  $ stylegan metrics fid photos/ drawings.zip --inception I.pth --json`;

const distanceExamples = `
Examples:
  $ stylegan metrics fid photos/ drawings.zip --inception pt_inception-2015-12-05-6726825d.pth
  $ stylegan metrics fid ffhq.npz generated.npz --json`;

export function metricsCommand(terminal: Terminal): Command {
  const command = new Command("metrics")
    .description("Measure networks: FID, KID, precision and recall, inception score, path length.")
    .option("--network <files>", "checkpoints, or the folder of a training run (default: the bundled model)")
    .option("--data <path>", "real images: a folder or zip; for FID also statistics, an .npz of mu and sigma")
    .addOption(
      new Option("--metrics <names>", "with any count: fid50k_full, kid5k, pr5k3_full, is5k, ppl2_wend, classifier2k")
        .argParser(parseMetrics)
        .default(undefined, "fid50k_full"),
    )
    .addOption(inceptionOption())
    .option("--lpips <files>", "VGG16.pth,LIN.pth: torchvision's VGG16 and the linear weights of lpips")
    .option("--classifier <file>", "of classifier metrics, or 'random'", "random")
    .addOption(resizeOption())
    .option("--mirror", "every real image also mirrored")
    .addOption(new Option("--seed <number>", "of everything random").argParser(parseSeed).default(0))
    .addOption(new Option("--trunc <psi>", "truncation of the networks").argParser(parseNumber).default(1))
    .option("--outdir <folder>", "where metric-NAME.jsonl go (default: the run's folder, or out)")
    .option("--cache <folder>", "where features are kept, or 'none' (default: features in --outdir)")
    .addOption(new Option("--shard <i/n>", "compute only one of n parts of the features").argParser(parseShard))
    .option("--merge", "compute the metrics of features that are there, and nothing else")
    .option("--save-stats <file>", "write mu and sigma of the real images, .npz")
    .option("--json", "print the lines of metric-NAME.jsonl")
    .addHelpText("after", examples);
  addEngineOptions(command).action((options: MetricsOptions) => metrics(options, terminal));
  return command.addCommand(distanceCommand(terminal));
}

function distanceCommand(terminal: Terminal): Command {
  const command = new Command("fid")
    .description("Frechet distance of two sets of images: folders, zips, or statistics (.npz of mu and sigma).")
    .argument("<a>")
    .argument("<b>")
    .addOption(inceptionOption())
    .addOption(resizeOption())
    .option("--cache <folder>", "where features are kept (default: nowhere)")
    .option("--json", "print one object, with the key fid")
    .addHelpText("after", distanceExamples);
  return addEngineOptions(command).action((a: string, b: string, _: unknown, self: Command) =>
    // Options that both commands have are taken by the outer one when they stand before the name.
    distance([a, b], self.optsWithGlobals<DistanceOptions>(), terminal),
  );
}

const inceptionOption = (): Option =>
  new Option("--inception <file>", "Inception-v3 of FID: pt_inception-2015-12-05-6726825d.pth");

const resizeOption = (): Option =>
  new Option("--resize <mode>", "to 299x299 as TensorFlow, clean-fid or pytorch-fid do")
    .choices(resizeModes)
    .default("tf");

function parseShard(text: string): Shard {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [index, count] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  if (index >= count) throw new InvalidArgumentError("Expected i/n with i from 0 to n - 1, for example 0/4.");
  return { index, count };
}

function parseSeed(text: string): number {
  const seed = parseCount(0)(text);
  if (seed > MOST_SEEDS) throw new InvalidArgumentError(`Expected a whole number up to ${MOST_SEEDS}.`);
  return seed;
}

async function metrics(options: MetricsOptions, terminal: Terminal): Promise<void> {
  const { data, saveStats, shard, merge = false, seed, trunc, resize } = options;
  const statisticsOnly = saveStats !== undefined && options.metrics === undefined && options.network === undefined;
  const wanted = options.metrics ?? (statisticsOnly ? [] : parseMetrics("fid50k_full"));
  checkCombination(options, wanted);
  const { files, outdir } = networksOf(options, statisticsOnly);
  const cache = openCache(options, outdir);

  await startEngine(options, terminal);
  const forInception = wanted.find(needsInception)?.name ?? (saveStats === undefined ? undefined : "--save-stats");
  const inception = forInception === undefined ? null : openInception(options.inception, forInception);
  const forLpips = wanted.find(({ kind }) => kind === "ppl");
  const lpips = forLpips === undefined ? null : openLpips(options.lpips, forLpips.name);
  const isStatistics = data !== undefined && isStatisticsName(data);
  const realStatistics = isStatistics ? readStatistics(data) : null;
  const real = data === undefined || isStatistics ? null : openRealImages(data, options.mirror ?? false, terminal);

  if (saveStats !== undefined) {
    const need = { source: inceptionRows(real!, { inception: inception!, resize }), rows: real!.count };
    fillNeeds([need], cache, { shard, merge }, terminal);
    if (shard === undefined) {
      writeStatistics(saveStats, featureStatistics(featuresOf(cache, need)));
      terminal.err(`${saveStats}: mu and sigma of ${need.rows} images\n`);
    }
  }
  if (wanted.length === 0) return;

  if (shard === undefined) makeFolder(outdir);
  for (const file of files) {
    const { generator } = await openGenerator(file, options, terminal);
    const classifier = wanted.some(({ kind }) => kind === "classifier")
      ? openMetricClassifier(options.classifier, generator)
      : null;
    const instruments: Instruments = { inception, lpips, classifier, real, realStatistics, resize, seed, trunc };
    const subject = subjectOf(generator, file, real);
    if (real !== null) warnOfSizes(generator, real, terminal);
    const tasks = wanted.map((metric) => taskOf(metric, subject, instruments));
    if (shard === undefined) for (const task of tasks) warn(task, terminal);
    for (const task of tasks) measure(task, { file, generator, instruments, outdir, cache }, options, terminal);
  }
  if (shard !== undefined) {
    terminal.out(
      `part ${shard.index}/${shard.count} is in ${options.cache}; when all are there: the same with --merge\n`,
    );
  }
}

function checkCombination({ data, saveStats, shard, merge, cache }: MetricsOptions, wanted: readonly Metric[]): void {
  const statistics = data !== undefined && isStatisticsName(data);
  const comparing = wanted.find(needsData);
  if (comparing !== undefined && data === undefined) {
    throw new UsageError(`${comparing.name} compares with real images: give --data FOLDER, ZIP or STATS.npz`);
  }
  const single = wanted.find(needsRealFeatures);
  if (single !== undefined && statistics) {
    throw new UsageError(
      `${single.name} needs the real images themselves: ${data} holds only their mean and covariance`,
    );
  }
  if (saveStats !== undefined && (data === undefined || statistics)) {
    throw new UsageError("--save-stats needs real images: give --data FOLDER or ZIP");
  }
  if (shard !== undefined && merge)
    throw new UsageError("--shard computes a part, --merge joins them: give one of them");
  if ((shard !== undefined || merge) && (cache === undefined || cache === "none")) {
    throw new UsageError(`${merge ? "--merge" : "--shard"} needs the folder that all parts share: give --cache FOLDER`);
  }
}

const SNAPSHOT = /^network-snapshot-\d+\.(safetensors|pkl)$/;

/** The checkpoints that --network names, and where results go. */
function networksOf(options: MetricsOptions, none: boolean): { readonly files: string[]; readonly outdir: string } {
  const { network, outdir = "out" } = options;
  if (network === undefined) {
    const bundled = bundledModel();
    if (bundled === null && !none) throw new UsageError("which network? Give --network FILE");
    return { files: none || bundled === null ? [] : [bundled], outdir };
  }
  if (existsSync(network) && statSync(network).isDirectory()) {
    const files = readdirSync(network)
      .filter((name) => SNAPSHOT.test(name))
      .sort()
      .map((name) => join(network, name));
    if (files.length === 0) throw new UsageError(`${network} holds no network-snapshot-*: is it the folder of a run?`);
    return { files, outdir: options.outdir ?? network };
  }
  return { files: network.split(","), outdir };
}

function openCache({ cache }: { readonly cache?: string }, outdir: string): RowCache {
  return new RowCache(cache === "none" ? null : (cache ?? join(outdir, "features")));
}

function subjectOf(generator: AnyGenerator, file: string, real: RealImages | null): Subject {
  const label = basename(file);
  const labels = generator.cDim > 0 ? (real?.labels() ?? []) : [];
  checkLabels(generator, label, labels);
  return { generator, label, labels };
}

/** Both are measured as they are; but a difference in size is a difference that features see. */
function warnOfSizes({ imgResolution }: AnyGenerator, real: RealImages, terminal: Terminal): void {
  const { width, height } = real.image(0);
  if (width === imgResolution && height === imgResolution) return;
  terminal.err(
    `warning: the network makes images of ${imgResolution}x${imgResolution}, ${real.label} has some of ${width}x${height}; ` +
      "the numbers see that difference too\n",
  );
}

function warn(task: Task, terminal: Terminal): void {
  const warning = warningOf(task);
  if (warning !== null) terminal.err(`warning: ${warning}\n`);
}

interface Measured {
  readonly file: string;
  readonly generator: AnyGenerator;
  readonly instruments: Instruments;
  readonly outdir: string;
  readonly cache: RowCache;
}

function measure(task: Task, measured: Measured, options: MetricsOptions, terminal: Terminal): void {
  const { file, generator, instruments, outdir, cache } = measured;
  const start = performance.now();
  fillNeeds(task.needs, cache, options, terminal);
  if (options.shard !== undefined) return;
  const results = task.finish(cache);
  const milliseconds = performance.now() - start;
  const networkSha256 = parametersHash(generator);
  const record = recordOf({ task, results, instruments, network: file, networkSha256, milliseconds });
  appendRecord(outdir, task.metric.name, record);
  terminal.out(
    options.json
      ? `${JSON.stringify(record)}\n`
      : `${describeResults(results)}  (${basename(file)}, ${formatDuration(milliseconds)})\n`,
  );
}

/** Computes what is missing of the rows: all of it, one shard of it, or, with `merge`, nothing: then it is an error. */
function fillNeeds(
  needs: readonly Need[],
  cache: RowCache,
  { shard, merge = false }: { readonly shard?: Shard; readonly merge?: boolean },
  terminal: Terminal,
): void {
  const wanted = needs.map(({ source, rows }) => ({
    source,
    range: shardRange(rows, shard ?? { index: 0, count: 1 }),
  }));
  if (merge) {
    for (const { source, range } of wanted) {
      const [gap] = cache.missing(source, range);
      if (gap === undefined) continue;
      throw new Error(
        `${source.label}: parts are missing, for example images ${gap.begin} to ${gap.end - 1} of ${range.end}; ` +
          "run the shards that make them, with the same options and --cache",
      );
    }
    return;
  }
  const parts = wanted.reduce((sum, { source, range }) => sum + cache.partsToDo(source, range), 0);
  const progress = new Progress(parts, terminal);
  try {
    for (const { source, range } of wanted)
      cache.fill(source, range, (end) => progress.tick(`${source.label}: ${end}`));
  } finally {
    progress.end();
  }
}

const featuresOf = (cache: RowCache, { source, rows }: Need) => ({
  data: cache.read(source, { begin: 0, end: rows }),
  count: rows,
  dims: source.width,
});

async function distance(paths: readonly string[], options: DistanceOptions, terminal: Terminal): Promise<void> {
  const { resize } = options;
  await startEngine(options, terminal);
  const ofImages = paths.some((path) => !isStatisticsName(path));
  const inception = ofImages ? openInception(options.inception, "fid of images") : null;
  const cache = new RowCache(options.cache === undefined || options.cache === "none" ? null : options.cache);
  const [a, b] = paths.map((path) => {
    if (isStatisticsName(path)) return readStatistics(path);
    const images = openRealImages(path, false, terminal);
    const need = { source: inceptionRows(images, { inception: inception!, resize }), rows: images.count };
    fillNeeds([need], cache, {}, terminal);
    if (images.count < 2) throw new Error(`${path}: expected at least two images, found one`);
    return featureStatistics(featuresOf(cache, need));
  });
  if (a.mean.length !== b.mean.length) {
    throw new Error(`${paths[0]} has ${a.mean.length} features, ${paths[1]} has ${b.mean.length}`);
  }
  const fid = frechetDistance(a, b);
  terminal.out(options.json ? `${JSON.stringify({ fid })}\n` : `fid ${Number(fid.toPrecision(6))}\n`);
}
