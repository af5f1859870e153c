/**
 * What a training run keeps in its folder:
 *
 *   run.json                             how the run was set up; a resumed run takes it from here
 *   training-state-000120.safetensors    everything, after 120 kimg: the run continues from the latest, bit for bit
 *   network-snapshot-000120.safetensors  the averaged generator, for `stylegan generate`
 *   fakes000120.png, reals.png           images of the same latents every time; images of the data set
 *   stats.jsonl, events.out.tfevents.*   curves, one line (or event) a tick
 *   report.html                          all of it on one page
 *
 * Every file appears whole or not at all. A state is written after all else of its moment, so whatever a killed run
 * leaves behind, the latest state is complete and nothing that belongs to it is missing.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../../formats/checkpointError.js";
import { readSafetensors, type SafetensorsEntry, safetensorsChunks } from "../../formats/safetensors.js";
import { nativeGeometry, TRAINING_FORMAT } from "../../stylegan/checkpoint/native.js";
import type { OrderSnapshot } from "../../stylegan/training/dataset.js";
import type { TrainingSnapshot } from "../../stylegan/training/snapshot.js";
import type { TrainingState } from "../../stylegan/training/state.js";
import { openSource } from "../datasetFiles.js";
import { fileError, writeFile } from "../files.js";

/** A moment of a run, from which it continues. */
export interface RunSnapshot {
  readonly training: TrainingSnapshot;
  readonly order: OrderSnapshot;
  /** Time spent in training, over all its sessions. */
  readonly seconds: number;
}

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
}

const METADATA_KEY = "training";
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
export function saveState(outdir: string, snapshot: RunSnapshot, keep: number, state: TrainingState): string {
  const { training, order, seconds } = snapshot;
  const entries = [...training.tensors].map(([name, tensor]): SafetensorsEntry => {
    return { name, tensor, dtype: tensor.dtype === "f64" ? "f64" : "f32" };
  });
  const metadata = new Map([
    ["format", TRAINING_FORMAT],
    ["version", "1"],
    [METADATA_KEY, JSON.stringify({ numbers: training.numbers, order, seconds })],
    ...nativeGeometry({ gEma: state.average, g: state.generator, d: state.discriminator }),
  ]);
  const path = join(outdir, momentName("training-state-", training.numbers.progress.images, ".safetensors"));
  writeChunks(path, safetensorsChunks(entries, metadata));
  for (const old of listStates(outdir).slice(0, -keep)) rmSync(old, { force: true });
  return path;
}

/** @throws CheckpointError when the file is no state of a run */
export function loadState(path: string): RunSnapshot {
  const source = openSource(path);
  try {
    const { tensors, metadata } = readSafetensors(source);
    const text = metadata.get(METADATA_KEY);
    if (metadata.get("format") !== TRAINING_FORMAT || text === undefined) {
      throw new CheckpointError("expected a state written by `stylegan train`, found another safetensors file");
    }
    const { numbers, order, seconds } = JSON.parse(text) as Omit<RunSnapshot, "training"> & {
      readonly numbers: TrainingSnapshot["numbers"];
    };
    // Read now: the file is closed before the tensors are asked for.
    const inMemory = new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, ...held(tensor.toFloat()) }]));
    return { training: { tensors: inMemory, numbers }, order, seconds };
  } catch (error) {
    throw new CheckpointError(`${path}: ${(error as Error).message}`);
  } finally {
    source.close();
  }
}

function held(data: Float32Array | Float64Array) {
  return { copyTo: (out: Float32Array | Float64Array) => out.set(data), toFloat: () => data.slice() };
}

/** Writes under a temporary name, flushes, renames. */
export function writeChunks(path: string, chunks: Iterable<Uint8Array>): void {
  const temporary = `${path}.${process.pid}.tmp`;
  let file: number | null = null;
  try {
    file = openSync(temporary, "w");
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
    }
    fsyncSync(file);
    closeSync(file);
    file = null;
    renameSync(temporary, path);
  } catch (error) {
    if (file !== null) closeSync(file);
    rmSync(temporary, { force: true });
    throw fileError("write", path, error);
  }
}

/** Temporary files that a killed run left behind. */
export function removeLeftovers(outdir: string): void {
  for (const name of readdirSync(outdir)) {
    if (/^\.?(training-state-|network-snapshot-|fakes|reals|report|stats|run).*\.tmp$/.test(name)) {
      rmSync(join(outdir, name), { force: true });
    }
  }
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
  try {
    appendFileSync(path, `${JSON.stringify(line)}\n`);
  } catch (error) {
    throw fileError("write", path, error);
  }
}

export function writeStats(path: string, lines: readonly StatsLine[]): void {
  writeFile(path, new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
}
