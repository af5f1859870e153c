/** Options that several commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { noiseModes } from "../index.js";
import { MAX_SEED } from "./seeds.js";

export const imageFormats = ["png", "npy"] as const;
const kernelChoices = ["auto", "reference", "simd"] as const;

export type KernelChoice = (typeof kernelChoices)[number];

/** What the commands that run a network have in common. */
export interface EngineOptions {
  readonly threads?: number;
  readonly kernels: KernelChoice;
  /** false: the command computes too little for a trial of 256-bit vectors. Default: as engine.ts finds. */
  readonly wide?: false;
}

/** For commands that open networks and hardly run them. */
export const lightEngine: EngineOptions = { threads: 1, kernels: "auto", wide: false };

export interface GridSize {
  readonly rows: number;
  readonly columns: number;
}

/** A finite number. */
export function parseNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("Expected a number.");
  return value;
}

/** `0,0.5,1` -> [0, 0.5, 1] */
export function parseNumbers(text: string): number[] {
  return text.split(",").map(parseNumber);
}

/** `-3,3` -> [-3, 3] */
export function parseAmounts(text: string): readonly [number, number] {
  const numbers = parseNumbers(text);
  if (numbers.length !== 2) throw new InvalidArgumentError("Expected two numbers, for example -3,3.");
  return [numbers[0], numbers[1]];
}

/** A whole number from `min` up. */
export function parseCount(min: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${min}.`);
    }
    return value;
  };
}

/** A seed of numpy's RandomState. */
export function parseSeed(text: string): number {
  const value = parseCount(0)(text);
  if (value > MAX_SEED) throw new InvalidArgumentError(`Expected a whole number up to ${MAX_SEED}.`);
  return value;
}

/** `3x4` -> 3 rows of 4 */
export function parseGrid(text: string): GridSize {
  const match = /^(\d{1,4})x(\d{1,4})$/.exec(text);
  const size = { rows: Number(match?.[1] ?? 0), columns: Number(match?.[2] ?? 0) };
  if (size.rows === 0 || size.columns === 0) {
    throw new InvalidArgumentError("Expected rows x columns, for example 3x4.");
  }
  return size;
}

export function noiseModeOption(): Option {
  return new Option(
    "--noise-mode <mode>",
    "the network's noise, noise drawn from the seed (as TensorFlow's tool does), or none",
  )
    .choices(noiseModes)
    .default("const");
}

export function classOption(): Option {
  return new Option("--class <number>", "class to show, counted from 0 (conditional networks)").argParser(
    parseCount(0),
  );
}

export function zoomOption(): Option {
  return new Option("--zoom <times>", "enlarge the sheet: 2 shows every pixel as 2x2").argParser(parseCount(1));
}

export function jsonOption(): Option {
  return new Option("--json", "tell what was made as JSON, for programs");
}

/** --threads and --kernels. */
export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--threads <count>", "number of threads; the results are the same (default: one a core)").argParser(
        parseCount(1),
      ),
    )
    .addOption(
      new Option("--kernels <kind>", "reference: slow, in float64; simd: WebAssembly")
        .choices(kernelChoices)
        .default("auto"),
    );
}
