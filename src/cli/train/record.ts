/** What a run leaves in its folder while it trains; see train/files.ts for the list. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { readFile, writeFile } from "../../files.js";
import { kernelsInUse, saveCheckpoint } from "../../index.js";
import { snapshotTraining } from "../../stylegan/training/index.js";
import { appendStats, momentName, readStats, type StatsLine, saveState, writeStats } from "./files.js";
import { drawGrid, type FixedGrid, fixedGrid } from "./images.js";
import { type ReportGrid, renderReport } from "./report.js";
import type { RunDefinition, TrainingRun } from "./setup.js";
import { EventWriter } from "./tensorboard.js";

interface RecordOptions {
  readonly outdir: string;
  readonly keep: number;
  readonly session?: SessionOptions;
}

/** Grids on the report's page. */
const MAX_GRIDS = 12;

export class RunRecord {
  readonly #run: TrainingRun;
  readonly #outdir: string;
  readonly #keep: number;
  readonly #session: SessionOptions;
  readonly #grid: FixedGrid;
  readonly #stats: StatsLine[];
  readonly #events: EventWriter;

  /** Forgets what an earlier session told of steps after the state it continues from. */
  constructor(run: TrainingRun, { outdir, keep, session = {} }: RecordOptions) {
    const { images } = run.state.progress;
    this.#run = run;
    this.#outdir = outdir;
    this.#keep = keep;
    this.#session = session;
    this.#grid = fixedGrid(run);
    this.#stats = readStats(this.#path("stats.jsonl"), images);
    writeStats(this.#path("stats.jsonl"), this.#stats);
    writeFile(this.#path("reals.png"), this.#grid.reals);
    this.#events = new EventWriter(outdir, images);
  }

  tick(line: StatsLine): void {
    this.#stats.push(line);
    appendStats(this.#path("stats.jsonl"), line);
    this.#events.scalars(line.images, tensorboardScalars(line));
  }

  /** Pictures, the averaged generator and the report; then the state that makes them count. */
  async snapshot(seconds: number, batchSize: number): Promise<void> {
    const { state, order, samplerFor } = this.#run;
    const { images } = state.progress;
    // As the official tool names them: what an untrained network draws is never overwritten.
    const name = images === 0 ? "fakes_init.png" : momentName("fakes", images, ".png");
    const png = drawGrid(state.average, this.#grid);
    writeFile(this.#path(name), png);
    this.#events.image(images, "fakes", png);
    const network = this.#path(momentName("network-snapshot-", images, ".safetensors"));
    await saveCheckpoint(network, { gEma: state.average });
    writeFile(this.#path("report.html"), new TextEncoder().encode(this.#report(name)));
    const training = snapshotTraining(state, samplerFor(batchSize));
    const saved = { training, order: order.getState(), seconds, kernels: kernelsInUse() };
    saveState(this.#outdir, saved, this.#keep, state);
  }

  #path(name: string): string {
    return join(this.#outdir, name);
  }

  #report(latest: string): string {
    const { definition } = this.#run;
    return renderReport({
      title: `stylegan train: ${basename(this.#outdir)}`,
      definition,
      stats: this.#stats,
      grids: this.#grids(latest),
      reals: this.#grid.reals,
      command: commandOf(definition, this.#outdir, this.#session),
    });
  }

  /** The first, the latest, and some in between. */
  #grids(latest: string): ReportGrid[] {
    const names = readdirSync(this.#outdir)
      .filter((name) => /^fakes(\d{6,}|_init)\.png$/.test(name) && kimgOf(name) <= kimgOf(latest))
      .sort((a, b) => kimgOf(a) - kimgOf(b));
    const count = Math.min(names.length, MAX_GRIDS);
    const chosen = Array.from({ length: count }, (_, index) =>
      count === 1 ? names.length - 1 : Math.round((index * (names.length - 1)) / (count - 1)),
    );
    return chosen.map((index) => ({ name: names[index], png: readFile(this.#path(names[index])) }));
  }
}

/** fakes_init.png comes first. */
const kimgOf = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? -1);

/** Options that are no part of a run's definition, since another session may have others: --kimg, --metric, ... */
export type SessionOptions = Readonly<Record<string, string | number>>;

/** The command line that makes a run as far as it is. */
export function commandOf(
  { dataPath, options, startedFrom }: Pick<RunDefinition, "dataPath" | "options" | "startedFrom">,
  outdir: string,
  session: SessionOptions = {},
): string {
  const flags = Object.entries({ ...options, ...session }).map(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? flag : `${flag} ${shellWord(String(value))}`;
  });
  const start = startedFrom === null ? [] : [`--resume ${shellWord(startedFrom)}`];
  const where = [`--data ${shellWord(dataPath)}`, `--outdir ${shellWord(outdir)}`];
  return ["stylegan train", ...where, ...start, ...flags].join(" ");
}

/** As shells take it for one word. */
const shellWord = (text: string): string =>
  /^[\w./:,=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The numbers of a line under the names that the official runs give them. */
function tensorboardScalars(line: StatsLine): Record<string, number> {
  const { losses, lod, frechetDistance, metrics = {} } = line;
  const all: Record<string, number | undefined> = {
    "Loss/G/loss": losses.Gmain,
    "Loss/D/loss": losses.Dmain,
    "Loss/pl_penalty": losses.Greg,
    "Loss/r1_penalty": losses.Dreg,
    "Loss/scores/real": line.realScore,
    "Loss/scores/fake": line.fakeScore,
    "Progress/kimg": line.kimg,
    "Progress/augment": line.augmentP,
    "Progress/pl_mean": line.plMean,
    "Progress/lod": lod,
    "Timing/img_per_sec": line.imagesPerSecond,
    "Resources/memory_mebibytes": line.memoryMebibytes,
    "Metrics/frechet_distance": frechetDistance,
    ...Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`Metrics/${name}`, value])),
  };
  const known = Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries(known);
}
