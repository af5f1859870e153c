/** Writing rosinality checkpoints: what comes back, what torch would see, and what cannot be written. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesSource } from "../../src/formats/byteSource.js";
import { concatBytes, crc32 } from "../../src/formats/bytes.js";
import { commonNames } from "../../src/formats/pickle/common.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { PickleTuple, type PickleValue } from "../../src/formats/pickle/values.js";
import { type Picklable, writePickle } from "../../src/formats/pickle/writer.js";
import { readTorch, TorchTensor } from "../../src/formats/torch/reader.js";
import { readZipDirectory, readZipEntry } from "../../src/formats/zip.js";
import { init, loadCheckpoint, noGrad, saveCheckpoint, scope, seedsToZ } from "../../src/index.js";
import type { WriteOptions } from "../../src/stylegan/checkpoint/format.js";
import type { Networks } from "../../src/stylegan/checkpoint/networkData.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { writeRosinality } from "../../src/stylegan/checkpoint/rosinality/writer.js";
import { compare } from "../support/goldens.js";

const path = (name: string) => new URL(`../fixtures/checkpoints/${name}`, import.meta.url).pathname;
const load = (name: string) => new Uint8Array(readFileSync(path(name)));
const write = (networks: Networks, options?: WriteOptions) => concatBytes([...writeRosinality(networks, options)]);

const folder = mkdtempSync(join(tmpdir(), "stylegan-rosinality-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function expectSameNetworks(actual: Networks, expected: Networks): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const name of Object.keys(expected) as (keyof Networks)[]) {
    expect(actual[name]?.config).toEqual(expected[name]?.config);
    for (const [key, tensor] of expected[name]?.tensors ?? []) {
      const [found, wanted] = [actual[name]!.tensors.get(key)!.toFloat(), tensor.toFloat()];
      expect(Buffer.from(found.buffer).equals(Buffer.from(wanted.buffer)), `${name}.${key}`).toBe(true);
    }
  }
}

/** Names, shapes and the values of the filters, as torch.load would give them. */
function structure(file: Uint8Array): Record<string, unknown> {
  const top = readTorch(file) as Map<PickleValue, PickleValue>;
  const described: Record<string, unknown> = {};
  const add = (name: string, value: PickleValue | undefined) => {
    if (!(value instanceof TorchTensor)) throw new Error(`${name} is no tensor`);
    described[name] = name.endsWith(".kernel") ? [value.shape, value.toPlain(name).toFloat()] : value.shape;
  };
  for (const network of ["g_ema", "g", "d"]) {
    const state = top.get(network) as Map<string, PickleValue>;
    for (const [name, tensor] of state) add(`${network}.${name}`, tensor);
  }
  add("latent_avg", top.get("latent_avg"));
  return described;
}

describe.each(["rosinality-r32-zip.pt", "rosinality-r16-legacy.pt"])("%s", (name) => {
  const original = load(name);
  const { networks } = readCheckpoint(original);
  const written = write(networks);

  test("is written with exactly the names, shapes and filters that rosinality's code gave it", () => {
    expect(structure(written)).toEqual(structure(original));
  });

  test("comes back as the same networks", () => {
    expectSameNetworks(readCheckpoint(written).networks, networks);
  });

  test("any of the networks may be missing", () => {
    const { gEma, d } = networks;
    expectSameNetworks(readCheckpoint(write({ gEma })).networks, { gEma });
    expectSameNetworks(readCheckpoint(write({ d })).networks, { d });
    expect(() => write({})).toThrow("at least one network");
  });
});

describe("the file is what torch.load wants", () => {
  const { networks } = readCheckpoint(load("rosinality-r16-legacy.pt"));
  const file = write(networks);
  const source = bytesSource(file);
  const entries = readZipDirectory(source);

  test("stored entries, their checksums right, contents at multiples of 64 bytes", () => {
    expect(entries.size).toBeGreaterThan(50);
    for (const entry of entries.values()) {
      const contents = readZipEntry(source, entry);
      expect(entry.method, "stored").toBe(0);
      expect(crc32(contents)).toBe(entry.crc);
      expect((contents.byteOffset - file.byteOffset) % 64, entry.name).toBe(0);
    }
    const text = (name: string) => new TextDecoder().decode(readZipEntry(source, entries.get(`archive/${name}`)!));
    expect([text("version"), text("byteorder")]).toEqual(["3\n", "little"]);
  });

  test("no two tensors share a storage, and no storage is left over", () => {
    const count = [...entries.keys()].filter((name) => name.startsWith("archive/data/")).length;
    expect(count).toBe(Object.keys(structure(file)).length);
  });
});

describe("the pickle writer", () => {
  const values = fc.letrec<{ any: Picklable }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.boolean(),
      fc.integer(),
      fc.string({ unit: "binary" }),
      fc.array(tie("any"), { maxLength: 4 }).map((items) => new PickleTuple(items)),
      fc.array(fc.tuple(fc.string(), tie("any")), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    ),
  })).any;

  test("what is written is read", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(readPickle(writePickle(value), { resolve: commonNames }).value).toEqual(value);
      }),
    );
  });

  test("numbers that need more than 32 bits are refused", () => {
    for (const number of [2 ** 31, 0.5, Number.NaN]) expect(() => writePickle(number)).toThrow(RangeError);
  });
});

describe("networks of other programs", () => {
  beforeAll(() => init({ threads: 1 }));

  test.each([
    ["tf-stylegan2-configF-r32.pkl", 1e-7],
    // PyTorch's networks demodulate unscaled weights: another epsilon, in effect.
    ["sg2ada-r32-skip-resnet.pkl", 1e-6],
  ])("%s makes the same images and logits", async (name, tolerance) => {
    const target = join(folder, `${name}.pt`);
    const before = await loadCheckpoint(path(name));
    await saveCheckpoint(target, before, { format: "rosinality" });
    const after = await loadCheckpoint(target);
    expect(after.format).toBe("rosinality checkpoint");
    const outputs = [before, after].map(({ gEma, g, d }) =>
      noGrad(() =>
        scope(() => {
          const z = seedsToZ([85, 6600], gEma!.zDim);
          const images = gEma!.forward(z, null, { noiseMode: "const", truncationPsi: 0.7 });
          const others = g!.forward(z, null, { noiseMode: "const" });
          return [images, others, d!.forward(images, null)].map((tensor) => tensor.toArray());
        }),
      ),
    );
    for (const [index, expected] of outputs[0].entries()) {
      const { difference, largest } = compare(outputs[1][index], expected);
      expect(largest).toBeGreaterThan(0.1);
      expect(difference).toBeLessThan(tolerance * largest);
    }
  });

  test("a clamp is left out only when that is asked for", () => {
    const { gEma } = readCheckpoint(load("rosinality-r16-legacy.pt")).networks;
    if (gEma?.config.kind !== "stylegan2-generator") throw new Error("expected StyleGAN2");
    const { config, tensors } = gEma;
    const clamped = { tensors, config: { ...config, synthesis: { ...config.synthesis, convClamp: 256 } } };
    expect(() => write({ gEma: clamped })).toThrow("convClamp must be none, got 256; ignoreClamp");
    expectSameNetworks(readCheckpoint(write({ gEma: clamped }, { ignoreClamp: true })).networks, { gEma });
  });

  test("half precision is not offered", async () => {
    const networks = await loadCheckpoint(path("rosinality-r16-legacy.pt"));
    const half = saveCheckpoint(join(folder, "half.pt"), networks, { format: "rosinality", dtype: "f16" });
    await expect(half).rejects.toThrow('format "rosinality" has dtype f32 only');
  });
});

describe("what rosinality's code cannot express is named", () => {
  test.each([
    ["sg2ada-r16-resnet-skip.pkl", "gEma", 'architecture must be "skip", got "resnet"'],
    ["sg2ada-r16-resnet-skip.pkl", "d", 'architecture must be "resnet", got "skip"'],
    ["sg2ada-r32-cond5.pkl", "gEma", "cDim must be 0, got 5"],
    ["sg2ada-r32-cond5.pkl", "d", 'conditioning must be "none", got "projection"'],
    ["sg2ada-r32-gray.pkl", "gEma", "imgChannels must be 3, got 1"],
    ["sg2ada-r64-fp16-clamp.pkl", "gEma", "convClamp must be none, got 8"],
    ["tf-stylegan1-r32.pkl", "gEma", 'kind must be "stylegan2-generator", got "stylegan1-generator"'],
    ["tf-stylegan2-configD-r32.pkl", "d", 'kind must be "stylegan2-discriminator", got "growing-'],
  ] as const)("%s, %s", (name, network, message) => {
    const networks = readCheckpoint(load(name), { networks: [network] }).networks;
    expect(() => write(networks)).toThrow(RangeError);
    expect(() => write(networks)).toThrow(`cannot hold ${network}: ${message}`);
  });

  test("another filter, other widths in the mapping", () => {
    const { gEma } = readCheckpoint(load("rosinality-r16-legacy.pt")).networks;
    if (gEma?.config.kind !== "stylegan2-generator") throw new Error("expected StyleGAN2");
    const { config, tensors } = gEma;
    const box = { ...config, synthesis: { ...config.synthesis, resampleFilter: [1, 1] } };
    expect(() => write({ gEma: { tensors, config: box } })).toThrow("resampleFilter must be [1,3,3,1], got [4,4]");
    const narrow = { ...config, mapping: { ...config.mapping, layerFeatures: [8, config.wDim] } };
    expect(() => write({ gEma: { tensors, config: narrow } })).toThrow(/layerFeatures must be \[(\d+),\1\], got \[8,/);
  });
});
