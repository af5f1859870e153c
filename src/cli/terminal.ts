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
