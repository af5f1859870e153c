/** The short form of scripts/checks/mutateCheckpoints.mjs: damaged checkpoints end in success or in CheckpointError, quickly. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutate, readFully } from "../../scripts/checks/mutations.mjs";
import type { ByteSource } from "../../src/formats/byteSource.js";
import { concatBytes } from "../../src/formats/bytes.js";
import { CheckpointError } from "../../src/formats/fileError.js";
import { commonNames, firstOf, inertNames, numpyNames } from "../../src/formats/pickle/common.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import { torchChunks } from "../../src/formats/torch/writer.js";
import { RandomState } from "../../src/nn/random.js";
import { writeNative } from "../../src/stylegan/checkpoint/native.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { GENERATOR, stateOf } from "../support/basicsr.js";
import { oldPickle } from "../support/pickles/old.js";
import { onDisk } from "../support/pickles/onDisk.js";

const folder = new URL("../fixtures/checkpoints/", import.meta.url);
const files: { name: string; bytes: Uint8Array }[] = readdirSync(folder)
  .filter((name) => /\.(pkl|pt)$/.test(name))
  .map((name) => ({ name, bytes: new Uint8Array(readFileSync(new URL(name, folder))) }))
  .filter(({ bytes }) => bytes.length < 700_000);
const { networks } = readCheckpoint(files[0].bytes);
files.push({ name: "native safetensors", bytes: concatBytes([...writeNative(networks)]) });

// What else is read: state dicts in whatever they are wrapped, a pickle of protocol 0, networks that are not square.
const wrapped = new Map(networks.gEma!.tensors);
files.push({ name: "state dict", bytes: concatBytes([...torchChunks(new Map([["state_dict", wrapped]]))]) });
files.push({
  name: "state dict as safetensors",
  bytes: writeSafetensors([...wrapped].map(([name, tensor]) => ({ name: `g_ema.${name}`, dtype: "f16", tensor }))),
});
const basicsr = new Map([["params_ema", stateOf("g_ema", GENERATOR)]]);
files.push({ name: "BasicSR checkpoint", bytes: concatBytes([...torchChunks(basicsr)]) });
const cases = new URL("../fixtures/cases/", import.meta.url);
for (const name of ["tf-base-3x5.pkl", "tf-extra-variables.pkl"]) {
  files.push({ name, bytes: new Uint8Array(readFileSync(new URL(name, cases))) });
}
const anyNames = firstOf(commonNames, numpyNames, inertNames);
files.push({ name: "protocol 0", bytes: oldPickle(readPickle(files.at(-1)!.bytes, { resolve: anyNames }).value, 2) });

const MUTATIONS = 200;
const MAX_MS = 2000;

test("there are files of every format", () => {
  const formats = new Set(files.map(({ bytes }) => readCheckpoint(bytes).format));
  expect(formats.size).toBe(6);
});

/** The numbers of all networks, or what is wrong. */
function outcome(file: Uint8Array | ByteSource): string {
  try {
    const { networks } = readCheckpoint(file);
    return hashOf(Object.values(networks).flatMap(({ tensors }) => [...tensors.values()].map((t) => t.toFloat())));
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  }
}

function hashOf(arrays: readonly (Float32Array | Float64Array)[]): string {
  const hash = createHash("sha256");
  for (const array of arrays) hash.update(array);
  return hash.digest("hex");
}

test.each(files)(
  "$name on the disk: the same numbers, one after the other and while this thread does something else",
  async ({ bytes }) => {
    const { networks } = readCheckpoint(onDisk(bytes).source);
    const numbers = Object.values(networks).flatMap(({ tensors }) => [...tensors.values()]);
    expect(hashOf(numbers.map((tensor) => tensor.toFloat()))).toBe(outcome(bytes));
    for (const tensor of numbers) {
      const [now, later] = [new Float32Array(tensor.size), new Float32Array(tensor.size)];
      tensor.copyTo(now);
      if (tensor.copyLater === undefined) continue;
      await tensor.copyLater(() => later);
      expect(later).toEqual(now);
    }
  },
);

test.each(files)("$name, damaged on the disk: what is said is the same", ({ bytes }) => {
  const random = new RandomState(20261);
  for (let i = 0; i < 40; i++) {
    const damaged = mutate(bytes, files[random.randint(0, files.length)].bytes, random);
    expect(outcome(onDisk(damaged.bytes).source), damaged.how).toBe(outcome(damaged.bytes));
  }
});

test.each(files)("$name, damaged in random ways", ({ bytes }) => {
  const random = new RandomState(20260);
  let refused = 0;
  const count = bytes.length < 700_000 ? MUTATIONS : MUTATIONS / 4; // text takes longer
  for (let i = 0; i < count; i++) {
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
  expect(refused).toBeGreaterThan(count / 4);
});
