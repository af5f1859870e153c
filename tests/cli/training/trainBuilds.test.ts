/** A training run that is begun with 256-bit vectors and resumed without, or the other way round, keeps its bits. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { listStates, loadState } from "../../../src/cli/train/files.js";
import { encodePixels } from "../../../src/formats/image/pngEncoding.js";
import { writeZip } from "../../../src/formats/zipEncoder.js";
import { missingEngine } from "../../../src/nn/kernels/wasm/trial/decide.js";
import { RandomState } from "../../../src/nn/random.js";
import { scratchFolder } from "../../support/commandLine.js";

const run = promisify(execFile);
const folder = scratchFolder("train-builds");
const program = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

const data = join(folder, "noise.zip");
const random = new RandomState(3);
const image = (): Uint8Array =>
  encodePixels({
    width: 16,
    height: 16,
    channels: 3,
    data: Uint8Array.from({ length: 768 }, () => random.randint(0, 256)),
  });
writeFileSync(data, writeZip(new Map(Array.from({ length: 16 }, (_, index) => [`${index}.png`, image()]))));

const SMALL = ["--channel-base", "256", "--channel-max", "16", "--z-dim", "8", "--w-dim", "8", "--map-layers", "2"];

/** Widths that take transform points, a batch that takes many products, path length and R1. */
async function train(name: string, wide: 0 | 1, kimg: string, ...start: string[]): Promise<void> {
  const fresh = ["--data", data, "--outdir", join(folder, name), "--cfg", "tiny", "--batch", "8", ...SMALL];
  const given = start.length > 0 ? start : [...fresh, "--tick", "0.016", "--snap", "1", "--threads", "1"];
  const env = { ...process.env, STYLEGAN_WIDE: String(wide) };
  await run(process.execPath, [program, "train", ...given, "--kimg", kimg], { env, timeout: 50_000 });
}

/** All numbers of the last state, as bytes. */
function stateOf(name: string): ReadonlyMap<string, string> {
  const { training } = loadState(listStates(join(folder, name)).at(-1)!);
  return new Map(
    [...training.tensors].map(([key, tensor]) => [key, Buffer.from(tensor.toFloat().buffer).toString("hex")]),
  );
}

const missing = missingEngine();
if (missing !== null) console.info(`trainBuilds.test.ts: skipped, runs that change their build: ${missing}`);

test.skipIf(missing !== null)("wide, relaxed, and both of them in one run: the same weights, bit for bit", async () => {
  await Promise.all([train("wide", 1, "0.032"), train("plain", 0, "0.032")]);
  await Promise.all([train("to-plain", 1, "0.016"), train("to-wide", 0, "0.016")]);
  const resume = (name: string): string[] => ["--resume", join(folder, name)];
  await Promise.all([
    train("to-plain", 0, "0.032", ...resume("to-plain")),
    train("to-wide", 1, "0.032", ...resume("to-wide")),
  ]);
  const expected = stateOf("plain");
  expect(expected.size).toBeGreaterThan(20);
  for (const name of ["wide", "to-plain", "to-wide"]) expect(stateOf(name), name).toEqual(expected);
});
