/** What the commands know of the terminal, so that tests can stand in for it; and the errors a user can cause. */

export interface Terminal {
  /** Writes to standard output: results. */
  out(text: string): void;
  /** Writes to standard error: progress, warnings, errors. */
  err(text: string): void;
  /** Standard error is a terminal that can redraw a line. */
  readonly isInteractive: boolean;
  /** Width of that terminal. */
  readonly columns: number;
  /** --quiet: results, warnings and errors only. Default false. */
  readonly isQuiet?: boolean;
}

/** Begins a line anew: what progress is redrawn with, and the only control sequence that is ever written. */
export const CLEAR_LINE = "\r\u001b[K";

/** Controls, and the marks that turn text around: a name of a file must not write on the terminal as a program would. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text with all controls shown as escapes, but line breaks, tabs and CLEAR_LINE. */
export function printable(text: string): string {
  const visible = (control: string): string => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text
    .split(CLEAR_LINE)
    .map((part) => part.replace(CONTROLS, visible))
    .join(CLEAR_LINE);
}

/** A terminal that passes on what may be seen, and that --quiet can make say less. */
export class GuardedTerminal implements Terminal {
  readonly #terminal: Terminal;
  isQuiet = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  out(text: string): void {
    this.#terminal.out(printable(text));
  }

  err(text: string): void {
    if (this.isQuiet && !/^(warning|error|stylegan)\b/.test(text)) return;
    this.#terminal.err(printable(text));
  }

  get isInteractive(): boolean {
    return this.#terminal.isInteractive && !this.isQuiet;
  }

  get columns(): number {
    return this.#terminal.columns;
  }
}

/** Exit codes, as shells know them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Ctrl-C ended the command after what is said here. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isInteractive: process.stderr.isTTY === true,
    columns: process.stderr.columns || 80,
  };
}

/** The command line asks for something impossible. The message ends up in one line, with a hint at `--help`. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Whatever was thrown, in one line. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text
    .split(/\s*\n\s*/)
    .filter((line) => line !== "")
    .join(" ");
}

/** Whether somebody wants the command to end, until `release`. */
export interface InterruptWatch {
  wasCaught(): boolean;
  release(): void;
}

/**
 * Notes Ctrl-C (or SIGTERM), so that a command can end where nothing is lost; a second one ends the process at once.
 *
 * @param onFirst called when the first one comes
 */
export function watchInterrupt(onFirst: () => void = () => {}): InterruptWatch {
  let caught = false;
  const onSignal = (): void => {
    if (caught) process.exit(EXIT.interrupted);
    caught = true;
    onFirst();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    wasCaught: () => caught,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
