/**
 * The training loop: steps, ticks, snapshots. What a step computes depends on the state, the samplers and the data
 * only, all of which a snapshot holds; when a snapshot is taken, and how often the loop is stopped and resumed,
 * changes nothing.
 */
import { type AnyGenerator, kernelsInUse } from "../../index.js";
import {
  type Moment,
  momentOf,
  NonFiniteLossError,
  restoreTraining,
  runStep,
  type StepReport,
} from "../../stylegan/training/index.js";
import { formatDuration } from "../progress.js";
import { Interrupted, type Terminal } from "../terminal.js";
import { listStates, loadState, momentName, type StatsLine } from "./files.js";
import { StepMeans, TrainingProgress } from "./progress.js";
import { RunRecord, type SessionOptions } from "./record.js";
import type { TrainingRun } from "./setup.js";

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
  /** What of these and the like was asked for, for the report. */
  readonly session?: SessionOptions;
}

/** What is measured of a snapshot, for its line; `file` is the name that it will have. */
export type SnapshotMeasure = (generator: AnyGenerator, file: string) => Pick<StatsLine, "frechetDistance" | "metrics">;

/** Of these two the bits are the same. */
const roundingOf = (kernels: string): string => (kernels === "wide" ? "relaxed-simd" : kernels);

/** Continues from the latest state in the folder, if there is one. Returns the seconds trained so far. */
export function resumeRun(run: TrainingRun, outdir: string, terminal: Terminal): number {
  const path = listStates(outdir).at(-1);
  if (path === undefined) return 0;
  const { training, order, seconds, kernels } = loadState(path);
  if (kernels !== undefined && roundingOf(kernels) !== roundingOf(kernelsInUse())) {
    terminal.err(
      `warning: ${path} was computed by ${kernels} kernels, here are ${kernelsInUse()} ones, which round differently: ` +
        "the run goes on, but not bit for bit as it would have with those\n",
    );
  }
  const batch = momentOf(run, training.numbers.progress.images).batch;
  restoreTraining(run.state, run.samplerFor(batch), training);
  run.order.setState(order);
  return seconds;
}

/** One moment in the time of a run. */
interface Mark {
  readonly ms: number;
  readonly images: number;
}

/**
 * Trains until `kimg`, or until `shouldStop` says so; the last thing it does is a snapshot.
 *
 * @param metric measured at every snapshot; null for none
 * @throws Error at the first loss that is not finite; the latest state is as it was
 * @throws Interrupted when it ends because `shouldStop` said so
 */
export async function trainLoop(
  run: TrainingRun,
  options: LoopOptions,
  secondsBefore: number,
  terminal: Terminal,
  shouldStop: () => boolean,
  metric: SnapshotMeasure | null,
): Promise<void> {
  const { state } = run;
  const { outdir, kimg, tick, snap } = options;
  const tickImages = Math.max(tick * 1000, 1);
  const progress = new TrainingProgress(terminal, kimg);
  const means = new StepMeans(state.settings);
  const record = new RunRecord(run, options);
  const start: Mark = { ms: performance.now(), images: state.progress.images };
  const seconds = (): number => secondsBefore + (performance.now() - start.ms) / 1000;
  const takeSnapshot = (): Promise<void> => record.snapshot(seconds(), momentOf(run, state.progress.images).batch);

  if (start.images === 0) await takeSnapshot();
  let tickStart: Mark = { ms: performance.now(), images: start.images };
  for (let isDone = start.images >= kimg * 1000; !isDone; ) {
    const before = state.progress.images;
    // The steps of a moment are never parted: a resumed run asks the schedule where an uninterrupted one does.
    const moment = momentOf(run, before);
    for (let count = 0; count < moment.steps; count++) {
      means.add(guardedStep(run, moment, outdir));
      progress.step(state.progress.images, speedSince(start, state.progress.images));
      await nextTurn(); // signals arrive here
    }
    const { images } = state.progress;
    isDone = images >= kimg * 1000 || shouldStop();
    const crosses = (every: number): boolean => Math.floor(before / every) !== Math.floor(images / every);
    const isSnapshot = crosses(tickImages * snap) || isDone;
    if (!isSnapshot && !crosses(tickImages)) continue;
    const imagesPerSecond = speedSince(tickStart, images);
    const file = momentName("network-snapshot-", images, ".safetensors");
    const measured = isSnapshot && metric !== null ? metric(state.average, file) : {};
    const line = { ...statsLine(run, seconds()), imagesPerSecond, ...means.take(), ...measured };
    record.tick(line);
    progress.tick(line);
    if (isSnapshot) await takeSnapshot();
    tickStart = { ms: performance.now(), images };
  }
  const { images } = state.progress;
  const said = `${outdir}: ${(images / 1000).toFixed(2)} kimg in ${formatDuration(seconds() * 1000)}`;
  if (images < kimg * 1000) throw new Interrupted(`${said}, stopped; continue with --resume ${outdir}`);
  terminal.out(`${said}\n`);
}

function speedSince({ ms, images }: Mark, imagesNow: number): number {
  return ((imagesNow - images) * 1000) / (performance.now() - ms);
}

/** The part of a line that the state knows. */
function statsLine(run: TrainingRun, seconds: number) {
  const { images, steps, augmentP, plMean } = run.state.progress;
  const { moment } = momentOf(run, images);
  const memoryMebibytes = process.memoryUsage().rss / 2 ** 20;
  const lod = moment === null ? {} : { lod: moment.lod };
  return { kimg: images / 1000, images, steps, seconds, memoryMebibytes, augmentP, plMean, ...lod };
}

function guardedStep(run: TrainingRun, moment: Moment, outdir: string): StepReport {
  try {
    return runStep(run, moment);
  } catch (error) {
    if (!(error instanceof NonFiniteLossError)) throw error;
    const latest = listStates(outdir).at(-1) ?? "none";
    throw new Error(`${error.message} (the last snapshot, ${latest}, is intact)`, { cause: error });
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
