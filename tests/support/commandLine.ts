/** Runs command lines in this process, in a folder of their own that is gone afterwards, on a terminal that remembers. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { runCli } from "../../src/cli/program.js";
import type { Terminal } from "../../src/cli/terminal.js";

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder for this test file. */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `stylegan-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A terminal, and all that was written to it so far. */
export interface RecordedTerminal {
  readonly terminal: Terminal;
  readonly out: () => string;
  readonly err: () => string;
}

export function recordedTerminal({ isInteractive = false, columns = 80 } = {}): RecordedTerminal {
  const written = { out: "", err: "" };
  const terminal: Terminal = {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    isInteractive,
    columns,
  };
  return { terminal, out: () => written.out, err: () => written.err };
}

export async function runCommand(...args: readonly string[]): Promise<CommandResult> {
  const { terminal, out, err } = recordedTerminal();
  const code = await runCli(args, terminal);
  return { code, out: out(), err: err() };
}

/** A line of what `stylegan metrics` keeps. */
export interface MetricLine {
  readonly results: Readonly<Record<string, number>>;
  readonly [key: string]: unknown;
}

/** The lines of a metric in a folder of results. */
export function metricLines(folder: string, metric: string): MetricLine[] {
  const text = readFileSync(join(folder, `metric-${metric}.jsonl`), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as MetricLine);
}
