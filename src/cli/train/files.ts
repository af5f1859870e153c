/**
 * What a training run keeps in its folder:
 *
 *   run.json                             how the run was set up; a resumed run takes it from here
 *   training-state-000120.safetensors    everything, after 120 kimg: the run continues from the latest, bit for bit
 *   network-snapshot-000120.safetensors  the averaged generator, for `stylegan generate`
 *   fakes000120.png, fakes_init.png      images of the same latents every time; untrained, at the start
 *   reals.png                            images of the data set
 *   stats.jsonl, events.out.tfevents.*   curves, one line (or event) a tick
 *   report.html                          all of it on one page
 *
 * Every file appears whole or not at all. A state is written after all else of its moment, so whatever a killed run
 * leaves behind, the latest state is complete and nothing that belongs to it is missing.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { appendFile, openFile, writeFile } from "../../files.js";
import { CheckpointError } from "../../formats/index.js";
import {
  readTrainingState,
  type SavedState,
  type TrainingState,
  trainingStateChunks,
} from "../../stylegan/training/index.js";

/** One line of stats.jsonl: the means over a tick. Phases that did not run are missing. */
export interface StatsLine {
  readonly kimg: number;
  readonly images: number;
  readonly steps: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly memoryMebibytes: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly realScore: number;
  readonly fakeScore: number;
  readonly augmentP: number;
  readonly plMean: number;
  readonly lod?: number;
  readonly frechetDistance?: number;
  /** Results of named metrics, at snapshots. */
  readonly metrics?: Readonly<Record<string, number>>;
}

const STATE_NAME = /^training-state-(\d{6,})\.safetensors$/;

/** `fakes000120.png`, `training-state-000120.safetensors` */
export function momentName(prefix: string, images: number, ending: string): string {
  return `${prefix}${String(Math.floor(images / 1000)).padStart(6, "0")}${ending}`;
}

/** Paths of the states in a run's folder, the latest last. */
export function listStates(outdir: string): string[] {
  if (!existsSync(outdir)) return [];
  return readdirSync(outdir)
    .filter((name) => STATE_NAME.test(name))
    .sort((a, b) => Number(STATE_NAME.exec(a)![1]) - Number(STATE_NAME.exec(b)![1]))
    .map((name) => join(outdir, name));
}

/**
 * Writes a state, flushed to the disk before it gets its name; then drops all but the last `keep`. The geometry of the
 * networks makes it a checkpoint too, which `loadCheckpoint` reads.
 */
export function saveState(outdir: string, saved: SavedState, keep: number, state: TrainingState): string {
  const path = join(outdir, momentName("training-state-", saved.training.numbers.progress.images, ".safetensors"));
  writeFile(path, trainingStateChunks(saved, state), { flush: true });
  for (const old of listStates(outdir).slice(0, -keep)) rmSync(old, { force: true });
  return path;
}

/** @throws CheckpointError when the file is no state of a run */
export function loadState(path: string): SavedState {
  const source = openFile(path);
  try {
    return readTrainingState(source);
  } catch (error) {
    throw new CheckpointError(`${path}: ${(error as Error).message}`);
  } finally {
    source.close();
  }
}

const LEFTOVER =
  /^\.?(training-state-\d{6,}|network-snapshot-\d{6,}|fakes(\d{6,}|_init)|reals|report|stats|run)\.(safetensors|png|html|jsonl|json)\.\d+(-[\da-f-]+)?\.tmp$/;

/** Temporary files that a killed run left behind. */
export function removeLeftovers(outdir: string): void {
  for (const name of readdirSync(outdir)) if (LEFTOVER.test(name)) rmSync(join(outdir, name), { force: true });
}

/** The lines of stats.jsonl up to `images`; a line that a killed run did not finish is left out. */
export function readStats(path: string, images = Number.POSITIVE_INFINITY): StatsLine[] {
  if (!existsSync(path)) return [];
  const lines: StatsLine[] = [];
  for (const text of readFileSync(path, "utf8").split("\n")) {
    if (text === "") continue;
    try {
      const line = JSON.parse(text) as StatsLine;
      if (line.images <= images) lines.push(line);
    } catch {
      // Only the last line can be cut off.
    }
  }
  return lines;
}

/** Adds a line. Killed in between, it leaves part of a line at most, which `readStats` passes over. */
export function appendStats(path: string, line: StatsLine): void {
  appendFile(path, new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

export function writeStats(path: string, lines: readonly StatsLine[]): void {
  writeFile(path, new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
}
