/** How far a long command is: one redrawn line with the time left on a terminal, a plain line a step elsewhere. */
import { CLEAR_LINE, type Terminal } from "./terminal.js";

export class Progress {
  readonly #total: number;
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #startMs: number;
  #lastMs: number;
  #done = 0;

  /** `now` gives milliseconds; tests hand in a clock of their own. */
  constructor(total: number, terminal: Terminal, now: () => number = () => performance.now()) {
    this.#total = total;
    this.#terminal = terminal;
    this.#now = now;
    this.#startMs = now();
    this.#lastMs = this.#startMs;
  }

  /** One step is done: `label` says which. */
  step(label: string): void {
    this.#done++;
    const now = this.#now();
    const position = `${String(this.#done).padStart(String(this.#total).length)}/${this.#total}`;
    if (this.#terminal.isInteractive) {
      const leftMs = ((now - this.#startMs) / this.#done) * (this.#total - this.#done);
      const line = `${position}  ${formatDuration(leftMs)} left  ${label}`;
      this.#terminal.err(CLEAR_LINE + line.slice(0, this.#terminal.columns - 1));
    } else {
      this.#terminal.err(`${position}  ${label} (${formatDuration(now - this.#lastMs)})\n`);
    }
    this.#lastMs = now;
  }

  /** One of very many steps is done: a line for every twentieth part of them, where lines cannot be redrawn. */
  tick(label: string): void {
    const part = (done: number): number => Math.floor((20 * done) / this.#total);
    if (this.#terminal.isInteractive) this.step(label);
    else if (part(this.#done + 1) > part(this.#done) || this.#done === 0) this.#tell(label);
    else this.#done++;
  }

  #tell(label: string): void {
    this.#done++;
    const elapsedMs = this.elapsedMs;
    const leftMs = (elapsedMs / this.#done) * (this.#total - this.#done);
    this.#terminal.err(`${this.#done}/${this.#total}  ${label} (${formatDuration(leftMs)} left)\n`);
  }

  /** Leaves the terminal's line empty, whether all steps were done or an error came in between. */
  end(): void {
    if (this.#terminal.isInteractive && this.#done > 0) this.#terminal.err(CLEAR_LINE);
  }

  get elapsedMs(): number {
    return this.#now() - this.#startMs;
  }
}

/** 0.32 s, 12.3 s, 4 min 05 s, 2 h 07 min */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours === 0) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${hours} h ${String(minutes).padStart(2, "0")} min`;
}
