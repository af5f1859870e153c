/** The model that comes with the package: small, of the kind that the documentation says, and it draws something. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { bundledModel } from "../../src/cli/networks.js";
import { decodePixels } from "../../src/formats/image/png.js";
import { readSafetensors } from "../../src/formats/safetensors.js";
import { type AnyGenerator, init, loadCheckpoint } from "../../src/index.js";
import { runCommand, scratchFolder } from "../support/commandLine.js";

const folder = scratchFolder("model");

const path = bundledModel()!;

describe("the file", () => {
  test("is there, with at most 4 MB, weights in float16", () => {
    expect(path).toMatch(/faces64\.safetensors$/);
    expect(statSync(path).size).toBeLessThanOrEqual(4e6);
    const { tensors } = readSafetensors(readFileSync(path));
    const dtypes = [...tensors].filter(([name]) => name.endsWith("weight")).map(([, { dtype }]) => dtype);
    expect(dtypes.length).toBeGreaterThan(20);
    expect(new Set(dtypes)).toEqual(new Set(["f16"]));
  });

  test("holds an unconditional StyleGAN2 of 64x64 RGB, and nothing else", async () => {
    await init({ threads: 1 });
    const checkpoint = await loadCheckpoint(path);
    expect(Object.keys(checkpoint).sort()).toEqual(["format", "gEma"]);
    const { config, imgResolution, imgChannels, cDim } = checkpoint.gEma as AnyGenerator;
    expect([config.kind, imgResolution, imgChannels, cDim]).toEqual(["stylegan2-generator", 64, 3, 0]);
  });
});

describe("its images, by generate and mix without --network", () => {
  const images = new Map<string, Uint8Array>();
  const pixelsOf = (name: string): Uint8Array => images.get(name)!;

  async function run(command: string): Promise<void> {
    expect(await runCommand(...command.split(" "), "--outdir", folder)).toMatchObject({ code: 0 });
  }
  const keep = (file: string): void => {
    const { width, height, channels, data } = decodePixels(readFileSync(join(folder, file)));
    expect([width, height, channels]).toEqual([64, 64, 3]);
    images.set(file, data);
  };
  const seeds = [0, 1, 2, 3, 4, 5, 6, 7];

  beforeAll(async () => {
    await run("generate --seeds 0-7 --trunc 0,1");
    for (const seed of seeds) for (const psi of [0, 1]) keep(`seed000${seed}-psi${psi}.png`);
    await run("mix --rows 0 --cols 1 --styles 0-3");
    for (const file of ["0-0.png", "1-1.png", "0-1.png"]) keep(file);
  });

  const mean = (numbers: ArrayLike<number>): number =>
    Array.from(numbers).reduce((sum, value) => sum + value, 0) / numbers.length;
  /** Root mean square, in levels of 255. */
  const distance = (a: Uint8Array, b: Uint8Array): number =>
    Math.sqrt(mean(Float64Array.from(a, (value, at) => (value - b[at]) ** 2)));
  /** How much neighbours differ, against how much any two pixels do: near 1 for noise, small for drawings. */
  const roughness = (pixels: Uint8Array): number => {
    const centre = mean(pixels);
    const spread = mean(Float64Array.from(pixels, (value) => (value - centre) ** 2));
    const steps = pixels.subarray(3).map((value, at) => Math.min(255, Math.abs(value - pixels[at])));
    return mean(Float64Array.from(steps, (step) => step ** 2)) / (2 * spread);
  };

  test("most have black lines and a light background, and none of them is noise", () => {
    const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length / 2];
    const all = seeds.map((seed) => pixelsOf(`seed000${seed}-psi1.png`));
    /** One channel of every pixel, the brightest or the darkest, sorted. */
    const sorted = (pixels: Uint8Array, choose: (...channels: number[]) => number): Uint8Array =>
      Uint8Array.from({ length: pixels.length / 3 }, (_, at) => choose(...pixels.subarray(3 * at, 3 * at + 3))).sort();
    expect(median(all.map((pixels) => sorted(pixels, Math.max)[80]))).toBeLessThan(80);
    expect(median(all.map((pixels) => sorted(pixels, Math.min)[64 * 64 - 800]))).toBeGreaterThan(150);
    expect(median(all.map(roughness))).toBeLessThan(0.5);
  });

  test("seeds differ, and at psi 0 they do not", () => {
    for (const [place, seed] of seeds.entries()) {
      for (const other of seeds.slice(place + 1)) {
        const [a, b] = [seed, other].map((one) => pixelsOf(`seed000${one}-psi1.png`));
        expect(distance(a, b), `seeds ${seed} and ${other}`).toBeGreaterThan(8);
        expect(pixelsOf(`seed000${seed}-psi0.png`)).toEqual(pixelsOf(`seed000${other}-psi0.png`));
      }
    }
  });

  test("a mix is neither of the two", () => {
    const [row, column, mixed] = ["0-0.png", "1-1.png", "0-1.png"].map(pixelsOf);
    expect(Math.min(distance(mixed, row), distance(mixed, column))).toBeGreaterThan(4);
  });
});
