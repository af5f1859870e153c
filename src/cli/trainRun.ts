/**
 * The training loop: steps, ticks, snapshots. What a step computes depends on the state, the samplers and the data
 * only, all of which a snapshot holds; when a snapshot is taken, and how often the loop is stopped and resumed,
 * changes nothing.
 */
import { join } from "node:path";
import { saveCheckpoint } from "../index.js";
import { scope } from "../nn/tensor.js";
import { imagesAtLod, momentAt, resetsOptimizers, setLod } from "../stylegan/progressive.js";
import { lazyRegularization } from "../stylegan/regularizers.js";
import { NonFiniteLossError, type StepReport, trainingStep } from "../stylegan/training.js";
import { restoreTraining, snapshotTraining } from "../stylegan/trainingSnapshot.js";
import { writeFile } from "./files.js";
import { formatDuration } from "./progress.js";
import type { Terminal } from "./terminal.js";
import {
  appendStats,
  listStates,
  loadState,
  momentName,
  readStats,
  type StatsLine,
  saveState,
  writeStats,
} from "./trainFiles.js";
import { drawGrid, fixedGrid } from "./trainImages.js";
import { StepMeans, TrainingProgress } from "./trainProgress.js";
import type { TrainingRun } from "./trainSetup.js";

export interface LoopOptions {
  readonly outdir: string;
  /** Train until the run has seen so many thousand images. */
  readonly kimg: number;
  /** Thousands of images between lines of progress. */
  readonly tick: number;
  /** Ticks between snapshots. */
  readonly snap: number;
  /** States to keep. */
  readonly keep: number;
}

/** Continues from the latest state in the folder, if there is one. Returns the seconds trained so far. */
export function resumeRun(run: TrainingRun, outdir: string): number {
  const path = listStates(outdir).at(-1);
  if (path === undefined) return 0;
  const { training, order, seconds } = loadState(path);
  const batch = momentOf(run, training.numbers.progress.images).batch;
  restoreTraining(run.state, run.samplerFor(batch), training);
  run.order.setState(order);
  return seconds;
}

/** Batch and lod after so many images. */
function momentOf({ definition: { schedule, batch } }: TrainingRun, images: number) {
  return schedule === null ? { batch, moment: null } : scheduled(momentAt(schedule, images));
}

const scheduled = <M extends { readonly batch: number }>(moment: M) => ({ batch: moment.batch, moment });

/** One step, on the next images of the data set. */
function step(run: TrainingRun): StepReport {
  const { state, dataset, order } = run;
  const { batch, moment } = momentOf(run, state.progress.images);
  if (moment !== null) grow(run, moment.lod, moment.learningRate);
  const sampler = run.samplerFor(batch);
  const indices = order.next(batch);
  return scope(() => {
    const images = dataset.images(indices);
    const real = moment === null ? images : imagesAtLod(images, moment.lod);
    return trainingStep(state, { ...sampler.draw(state), real, realC: dataset.labelsOf(indices) });
  });
}

/** Sets the lod and the learning rate; Adam starts anew where the layers in training change. */
function grow({ state }: TrainingRun, lod: number, learningRate: number): void {
  const { generator, discriminator, average, generatorOptimizer, discriminatorOptimizer, settings } = state;
  const previous = (generator.buffers.get("synthesis.lod") ?? generator.buffers.get("lod"))!.item();
  for (const network of [generator, discriminator, average]) setLod(network, lod);
  const pairs = [
    [generatorOptimizer, settings.gRegInterval],
    [discriminatorOptimizer, settings.dRegInterval],
  ] as const;
  for (const [optimizer, interval] of pairs) {
    optimizer.learningRate = lazyRegularization(interval, learningRate, settings.betas).learningRate;
    if (!resetsOptimizers(previous, Math.fround(lod))) continue;
    optimizer.steps = 0;
    for (const moments of [optimizer.m, optimizer.v]) {
      for (const tensor of moments.values()) tensor.update(({ data }) => data.fill(0));
    }
  }
}

/**
 * Trains until `kimg`, or until `shouldStop` says so; the last thing it does is a snapshot.
 *
 * @throws Error at the first loss that is not finite; the latest state is as it was
 */
export async function trainLoop(
  run: TrainingRun,
  options: LoopOptions,
  secondsBefore: number,
  terminal: Terminal,
  shouldStop: () => boolean,
): Promise<void> {
  const { state } = run;
  const { outdir, kimg, tick, snap, keep } = options;
  const tickImages = Math.max(tick * 1000, 1);
  const progress = new TrainingProgress(terminal, kimg);
  const means = new StepMeans(state.settings);
  const statsPath = join(outdir, "stats.jsonl");
  const stats = readStats(statsPath, state.progress.images);
  const grid = fixedGrid(run);
  const startMs = performance.now();
  const startImages = state.progress.images;
  const seconds = (): number => secondsBefore + (performance.now() - startMs) / 1000;
  let tickStart = { ms: startMs, images: startImages };
  writeStats(statsPath, stats);

  const snapshot = async (): Promise<void> => {
    const { images } = state.progress;
    writeFile(join(outdir, "reals.png"), grid.reals);
    writeFile(join(outdir, momentName("fakes", images, ".png")), drawGrid(state.average, grid));
    await saveCheckpoint(join(outdir, momentName("network-snapshot-", images, ".safetensors")), {
      gEma: state.average,
    });
    const sampler = run.samplerFor(momentOf(run, images).batch);
    const training = snapshotTraining(state, sampler);
    saveState(outdir, { training, order: run.order.getState(), seconds: seconds() }, keep);
  };
  const endTick = (): void => {
    const { images, steps, augmentP, plMean } = state.progress;
    const now = performance.now();
    const { moment } = momentOf(run, images);
    const line: StatsLine = {
      kimg: images / 1000,
      images,
      steps,
      seconds: seconds(),
      imagesPerSecond: ((images - tickStart.images) * 1000) / (now - tickStart.ms),
      memoryMebibytes: process.memoryUsage().rss / 2 ** 20,
      ...means.take(),
      augmentP,
      plMean,
      ...(moment !== null && { lod: moment.lod }),
    };
    stats.push(line);
    appendStats(statsPath, line);
    progress.tick(line);
    tickStart = { ms: performance.now(), images };
  };

  if (startImages === 0) await snapshot();
  tickStart = { ms: performance.now(), images: startImages };
  for (let isDone = startImages >= kimg * 1000; !isDone; ) {
    const before = state.progress.images;
    means.add(guardedStep(run, outdir));
    const { images } = state.progress;
    progress.step(images, ((images - startImages) * 1000) / (performance.now() - startMs));
    await nextTurn(); // signals arrive here
    isDone = images >= kimg * 1000 || shouldStop();
    const crosses = (every: number): boolean => Math.floor(before / every) !== Math.floor(images / every);
    if (crosses(tickImages) || isDone) endTick();
    if (crosses(tickImages * snap) || isDone) {
      await snapshot();
      tickStart = { ms: performance.now(), images };
    }
  }
  const { images } = state.progress;
  const reached = images >= kimg * 1000 ? "" : `, stopped; continue with --resume ${outdir}`;
  terminal.out(`${outdir}: ${(images / 1000).toFixed(2)} kimg in ${formatDuration(seconds() * 1000)}${reached}\n`);
}

function guardedStep(run: TrainingRun, outdir: string): StepReport {
  try {
    return step(run);
  } catch (error) {
    if (!(error instanceof NonFiniteLossError)) throw error;
    const latest = listStates(outdir).at(-1) ?? "none";
    throw new Error(`${error.message} (the last snapshot, ${latest}, is intact)`, { cause: error });
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
