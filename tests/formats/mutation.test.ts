/** The short form of scripts/checks/mutateCheckpoints.mjs: damaged checkpoints end in success or in CheckpointError, quickly. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutate, readFully } from "../../scripts/checks/mutations.mjs";
import { CheckpointError } from "../../src/formats/fileError.js";
import { concatBytes } from "../../src/formats/zip.js";
import { RandomState } from "../../src/nn/random.js";
import { writeNative } from "../../src/stylegan/checkpoint/native.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";

const folder = new URL("../fixtures/checkpoints/", import.meta.url);
const files: { name: string; bytes: Uint8Array }[] = readdirSync(folder)
  .filter((name) => /\.(pkl|pt)$/.test(name))
  .map((name) => ({ name, bytes: new Uint8Array(readFileSync(new URL(name, folder))) }))
  .filter(({ bytes }) => bytes.length < 700_000);
const { networks } = readCheckpoint(files[0].bytes);
files.push({ name: "native safetensors", bytes: concatBytes([...writeNative(networks)]) });

const MUTATIONS = 200;
const MAX_MS = 2000;

test("there are files of every format", () => {
  const formats = new Set(files.map(({ bytes }) => readCheckpoint(bytes).format));
  expect(formats.size).toBe(4);
});

test.each(files)("$name, damaged in random ways", ({ bytes }) => {
  const random = new RandomState(20260);
  let refused = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const damaged = mutate(bytes, files[random.randint(0, files.length)].bytes, random);
    const start = performance.now();
    try {
      readFully(readCheckpoint(damaged.bytes));
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw new Error(`mutation ${i} (${damaged.how})`, { cause: error });
      refused++;
    }
    const elapsed = performance.now() - start;
    if (elapsed > MAX_MS) throw new Error(`mutation ${i} (${damaged.how}) took ${elapsed.toFixed(0)} ms`);
  }
  // Most damage is noticed; some only changes a weight.
  expect(refused).toBeGreaterThan(MUTATIONS / 4);
});
