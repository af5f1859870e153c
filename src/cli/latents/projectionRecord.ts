/**
 * `projection.json`: what a finished projection was made with, so that `--resume` passes over it, and tells it from another one.
 */
import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readFile, writeFile } from "../../files.js";
import type { PixelImage } from "../../formats/index.js";
import type { AnyDiscriminator, AnyGenerator } from "../../index.js";
import type { Projector } from "../../stylegan/latents/index.js";
import { parametersHash } from "../networks.js";
import { UsageError } from "../terminal.js";

const RECORD_FILE = "projection.json";

/** The options that the bits of a projection depend on. */
export interface SettingOptions {
  readonly numSteps: number;
  readonly seed: number;
  readonly space: "w" | "w+";
  /** mean, a seed, or a file of w's. */
  readonly init: string;
  readonly lr: number;
  readonly regNoiseWeight: number;
  readonly mse: number;
  readonly mask?: string;
  readonly class?: number;
  readonly lpips?: string;
  readonly saveVideo?: string;
}

/** Pivotal tuning after the projection. */
export interface Tuning {
  readonly steps: number;
  readonly learningRate: number;
}

interface ProjectionRecord {
  /** All that the bits of w and noise depend on, as JSON. */
  readonly setting: string;
  readonly tuning: Tuning | null;
}

/** Last of all: everything else is there. */
export function writeRecord(folder: string, { setting, tuning }: ProjectionRecord): void {
  const text = JSON.stringify({ ...JSON.parse(setting), tuning }, null, 2);
  writeFile(join(folder, RECORD_FILE), new TextEncoder().encode(`${text}\n`));
}

/** Before anything is written: what lies here is finished no more. */
export function removeRecord(folder: string): void {
  rmSync(join(folder, RECORD_FILE), { force: true });
}

/**
 * Whether all that was asked for is there already.
 *
 * @param files what must be there, too
 * @throws UsageError when what is there is another projection
 */
export function isFinished(folder: string, { setting, tuning }: ProjectionRecord, files: readonly string[]): boolean {
  const path = join(folder, RECORD_FILE);
  if (!existsSync(path)) return false;
  const found = readRecord(path);
  if (found?.setting !== setting) {
    throw new UsageError(`--resume: ${path} is of another projection: its target or options were different`);
  }
  const isTuned = tuning === null || JSON.stringify(found.tuning) === JSON.stringify(tuning);
  return isTuned && files.every((file) => existsSync(file));
}

function readRecord(path: string): ProjectionRecord | null {
  try {
    const { tuning, ...setting } = JSON.parse(new TextDecoder().decode(readFile(path)));
    return { setting: JSON.stringify(setting), tuning };
  } catch {
    return null;
  }
}

/** Whatever the bits of a projection depend on: files count by what is in them, not by their names. */
export function settingOf({
  projector,
  target,
  options,
  weights,
}: {
  readonly projector: Projector;
  readonly target: PixelImage;
  readonly options: SettingOptions;
  readonly weights: string;
}): string {
  const { numSteps, seed, space, init, lr, regNoiseWeight, mse, mask, class: label, saveVideo } = options;
  const hash = createHash("sha256").update(target.data).update(Float64Array.from(projector.wAvg)).update(weights);
  for (const file of [mask, init]) if (file !== undefined && existsSync(file)) hash.update(readFile(file));
  return JSON.stringify({
    ...{ numSteps, seed, space, features: projector.perception.name, init, lr, regNoiseWeight, mse, mask, label },
    ...{ hash: hash.digest("hex"), video: saveVideo !== undefined },
  });
}

/** sha256 of the weights of the generator, and of those that the features are made with. */
export function weightsDigest(
  { generator, discriminator }: { readonly generator: AnyGenerator; readonly discriminator: AnyDiscriminator | null },
  features: string,
  { lpips }: SettingOptions,
): string {
  const hash = createHash("sha256").update(parametersHash(generator));
  if (features === "disc") hash.update(parametersHash(discriminator!));
  for (const file of lpips?.split(",") ?? []) hash.update(readFile(file.trim()));
  return hash.digest("hex");
}
