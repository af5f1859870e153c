/** Runs command lines in this process, in a folder of their own that is gone afterwards. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { runCli } from "../../src/cli/program.js";

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

export async function runCommand(...args: readonly string[]): Promise<CommandResult> {
  const [told, warned]: string[][] = [[], []];
  const terminal = {
    out: (text: string) => void told.push(text),
    err: (text: string) => void warned.push(text),
    isInteractive: false,
    columns: 80,
  };
  const code = await runCli(args, terminal);
  return { code, out: told.join(""), err: warned.join("") };
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
