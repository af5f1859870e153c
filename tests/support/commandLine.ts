/** Runs command lines in this process, in a folder of their own that is gone afterwards, on a terminal that remembers. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { runCli } from "../../src/cli/program.js";
import type { Terminal } from "../../src/cli/terminal.js";
import { decodePixels } from "../../src/formats/image/png.js";
import type { PixelImage } from "../../src/formats/image/pngEncoding.js";

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

/** What a command wrote into a folder of its own. */
export interface FolderResult extends CommandResult {
  bytes(file: string): Buffer;
  image(file: string): PixelImage;
  /** The files there are, sorted. */
  files(): string[];
}

/** Runs `stylegan generate` or `mix` into a folder of that name below `folder`, and other commands as they are. */
export async function runInto(folder: string, name: string, ...args: readonly string[]): Promise<FolderResult> {
  const outdir = join(folder, name);
  const takesOutdir = args[0] === "generate" || args[0] === "mix";
  const result = await runCommand(...args, ...(takesOutdir ? ["--outdir", outdir] : []));
  const bytes = (file: string) => readFileSync(join(outdir, file));
  const files = () => (existsSync(outdir) ? readdirSync(outdir).sort() : []);
  return { ...result, bytes, image: (file) => decodePixels(bytes(file)), files };
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
