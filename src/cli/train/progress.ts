/** What a training run tells while it runs: means over a tick, and one line for each. */
import type { Phase, StepReport, TrainingSettings } from "../../stylegan/training/index.js";
import { formatDuration } from "../progress.js";
import { CLEAR_LINE, type Terminal } from "../terminal.js";
import type { StatsLine } from "./files.js";

type Means = Pick<StatsLine, "losses" | "realScore" | "fakeScore">;

/** Means over the steps of a tick. Penalties are told as they are, without the interval that multiplies them. */
export class StepMeans {
  readonly #intervals: Readonly<Record<Phase, number>>;
  #sums = new Map<string, { sum: number; count: number }>();

  constructor({ gRegInterval = 4, dRegInterval = 16 }: TrainingSettings) {
    this.#intervals = { Gmain: 1, Greg: gRegInterval, Dmain: 1, Dreg: dRegInterval };
  }

  add({ losses, realScore, fakeScore }: StepReport): void {
    for (const [phase, loss] of Object.entries(losses)) this.#count(phase, loss / this.#intervals[phase as Phase]);
    this.#count("realScore", realScore);
    this.#count("fakeScore", fakeScore);
  }

  /** The means since the last call. */
  take(): Means {
    const { realScore, fakeScore, ...losses } = Object.fromEntries(
      [...this.#sums].map(([name, { sum, count }]) => [name, sum / count]),
    );
    this.#sums = new Map();
    return { losses, realScore, fakeScore };
  }

  #count(name: string, value: number): void {
    const { sum, count } = this.#sums.get(name) ?? { sum: 0, count: 0 };
    this.#sums.set(name, { sum: sum + value, count: count + 1 });
  }
}

const REDRAW_MS = 250;
/** After so many steps all regularisers had their turn, so that the speed is that of the run. */
const STEPS_OF_EVERY_KIND = 16;

/** A line a tick; on a terminal also one that is redrawn while the next tick runs. */
export class TrainingProgress {
  readonly #terminal: Terminal;
  readonly #totalKimg: number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #steps = 0;

  constructor(terminal: Terminal, totalKimg: number) {
    this.#terminal = terminal;
    this.#totalKimg = totalKimg;
  }

  /** After every step. `imagesPerSecond` is that of this session so far. */
  step(images: number, imagesPerSecond: number): void {
    if (++this.#steps === STEPS_OF_EVERY_KIND) {
      const leftMs = ((this.#totalKimg * 1000 - images) / imagesPerSecond) * 1000;
      if (leftMs > 0) {
        const speed = `${imagesPerSecond.toFixed(1)} img/s`;
        this.message(
          `about ${formatDuration(leftMs)} to ${this.#totalKimg} kimg at ${speed}; --kimg says how far to train`,
        );
      }
    }
    const now = performance.now();
    if (!this.#terminal.isInteractive || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const line = `${this.#position(images / 1000)}  ${imagesPerSecond.toFixed(1)} img/s`;
    this.#terminal.err(CLEAR_LINE + line.slice(0, this.#terminal.columns - 1));
  }

  tick(line: StatsLine): void {
    const { kimg, imagesPerSecond, losses, augmentP, memoryMebibytes, lod, frechetDistance, metrics = {} } = line;
    const leftMs = ((this.#totalKimg - kimg) * 1e6) / imagesPerSecond;
    const parts = [
      this.#position(kimg),
      `${formatDuration(Math.max(leftMs, 0))} left`,
      `${imagesPerSecond.toFixed(1)} img/s`,
      ...(lod === undefined ? [] : [`lod ${lod.toFixed(2)}`]),
      `G ${number(losses.Gmain)}`,
      `D ${number(losses.Dmain)}`,
      ...(losses.Greg === undefined ? [] : [`path length ${number(losses.Greg)}`]),
      ...(losses.Dreg === undefined ? [] : [`R1 ${number(losses.Dreg)}`]),
      `p ${augmentP.toFixed(3)}`,
      `${Math.round(memoryMebibytes)} MiB`,
      ...(frechetDistance === undefined ? [] : [`Frechet distance ${number(frechetDistance)}`]),
      ...Object.entries(metrics).map(([name, value]) => `${name} ${number(value)}`),
    ];
    this.message(parts.join("  "));
  }

  /** A line of its own. */
  message(text: string): void {
    this.#terminal.err(`${this.#terminal.isInteractive ? CLEAR_LINE : ""}${text}\n`);
  }

  #position(kimg: number): string {
    return `kimg ${kimg.toFixed(2)}/${this.#totalKimg}`;
  }
}

function number(value: number): string {
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4 ? value.toExponential(2) : value.toPrecision(4);
}
