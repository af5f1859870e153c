/**
 * Weights that have been prepared for the kernels are put away where their file can be read again. Nobody can tell: images,
 * checkpoints, gradients, other kernels see the same bits, whatever becomes of the file.
 */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AnyGenerator,
  CheckpointError,
  init,
  loadCheckpoint,
  saveCheckpoint,
  scope,
  seedsToZ,
  Tensor,
} from "../../src/index.js";
import { grad } from "../../src/nn/autograd/grad.js";
import { activeKernels } from "../../src/nn/backend.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { setTrainable } from "../../src/stylegan/networks.js";
import { exportOnnx } from "../../src/stylegan/onnx/exportOnnx.js";
import { blendNetworks } from "../../src/stylegan/surgery/blend.js";
import { copyGenerator } from "../../src/stylegan/training/state.js";

const folder = mkdtempSync(join(tmpdir(), "refills-"));
afterAll(() => rmSync(folder, { recursive: true }));
const original = join(folder, "original.safetensors");
const pickle = join(folder, "original.pt");
/** Of the convolutions of 8 pixels, 256 maps each: b4.conv1, b8.conv0, b8.conv1. */
const convBytes = 3 * 256 * 256 * 9 * 4;

const image = (gEma: AnyGenerator): Float32Array =>
  scope(() => gEma.forward(seedsToZ([3], gEma.zDim), null, { noiseMode: "const" }).toArray());
const used = (): number => activeKernels().memory().usedBytes;
const awayOf = (gEma: AnyGenerator): string[] =>
  [...gEma.parameters].filter(([, { internals }]) => internals.block.isAway).map(([name]) => name);
const bytesOf = (path: string): Buffer => readFileSync(path);
const names = ["synthesis.b4.conv1.weight", "synthesis.b8.conv0.weight", "synthesis.b8.conv1.weight"];

let expected: Float32Array;
/** What a network that has all its weights in memory is saved as. */
let whole: Buffer;
let copies = 0;

/** A network from a file of its own. */
async function load(from = original): Promise<{ readonly gEma: AnyGenerator; readonly path: string }> {
  const path = join(folder, `copy${copies++}${from.slice(from.lastIndexOf("."))}`);
  copyFileSync(from, path);
  return { ...(await loadCheckpoint(path, { networks: ["gEma"] })), path };
}

beforeAll(async () => {
  await init({ threads: 1 });
  const { generator } = createNetworks(networkGeometry({ resolution: 8, channelBase: 2048, channelMax: 256 }), 5);
  await saveCheckpoint(original, { gEma: generator });
  await saveCheckpoint(pickle, { gEma: generator }, { format: "rosinality" });
  const { gEma } = await loadCheckpoint(bytesOf(original), { networks: ["gEma"] });
  expected = image(gEma);
  expect(awayOf(gEma)).toEqual([]); // bytes of the caller's: they may change
  await saveCheckpoint(join(folder, "whole.safetensors"), { gEma });
  whole = bytesOf(join(folder, "whole.safetensors"));
});

test.each([original, pickle])("an image leaves the weights in their file: %s", async (from) => {
  const shown = image((await loadCheckpoint(bytesOf(from), { networks: ["gEma"] })).gEma);
  const { gEma } = await load(from);
  expect(awayOf(gEma)).toEqual([]);
  const [before, prepared] = [used(), activeKernels().fused!.memory().preparedBytes];
  expect(image(gEma)).toEqual(shown);
  expect(awayOf(gEma).sort()).toEqual(names);
  const { preparedBytes } = activeKernels().fused!.memory();
  expect(used() - before).toBeLessThan(preparedBytes - prepared - convBytes + 2 ** 16);
  expect(image(gEma)).toEqual(shown);
});

describe("nobody can tell", () => {
  const loaded = async (): Promise<{ readonly gEma: AnyGenerator; readonly path: string }> => {
    const network = await load();
    image(network.gEma);
    expect(awayOf(network.gEma).length).toBe(3);
    return network;
  };

  test("saved, exported, copied, blended: the same bytes, and they stay away", async () => {
    const { gEma } = await loaded();
    const { gEma: inMemory } = await loadCheckpoint(bytesOf(original), { networks: ["gEma"] });
    const saved = join(folder, "saved.safetensors");
    await saveCheckpoint(saved, { gEma });
    expect(bytesOf(saved).equals(whole)).toBe(true);
    const onnx = (generator: AnyGenerator): Buffer => Buffer.from(exportOnnx(generator, { part: "synthesis" }));
    expect(onnx(gEma).equals(onnx(inMemory))).toBe(true);
    expect(image(copyGenerator(gEma))).toEqual(expected);
    expect(image(blendNetworks(gEma, gEma, { splitRes: 8, blendWidth: 1 }))).toEqual(expected);
    expect(awayOf(gEma).length).toBe(3);
  });

  test("gradients and updates: they come back, and stay", async () => {
    const { gEma } = await loaded();
    const { gEma: inMemory } = await loadCheckpoint(bytesOf(original), { networks: ["gEma"] });
    const slope = (generator: AnyGenerator): Buffer[] => {
      setTrainable(generator, true);
      return scope(() => {
        const y = sum(generator.forward(seedsToZ([1], generator.zDim), null, { noiseMode: "const" }));
        return grad(
          [y],
          names.map((name) => generator.parameters.get(name)!),
        ).map((gradient) => Buffer.from(gradient.toArray().buffer));
      });
    };
    const [found, wanted] = [slope(gEma), slope(inMemory)];
    expect(found.map((gradient, k) => gradient.equals(wanted[k]))).toEqual([true, true, true]);
    expect(awayOf(gEma)).toEqual([]);
    for (const generator of [gEma, inMemory]) {
      setTrainable(generator, false);
      generator.parameters.get(names[1])!.update(({ data }) => data.fill(0.5));
    }
    const changed = image(inMemory);
    expect(changed).not.toEqual(expected);
    expect(image(gEma)).toEqual(changed);
    expect(image(gEma)).toEqual(changed);
    expect(awayOf(gEma)).toEqual([]);
  });

  test("an update of weights that are away", async () => {
    const { gEma } = await loaded();
    gEma.parameters.get(names[0])!.update(({ data }) => data.set(data.map((value) => -value)));
    expect(awayOf(gEma)).toEqual(names.slice(1));
    const { gEma: inMemory } = await loadCheckpoint(bytesOf(original), { networks: ["gEma"] });
    inMemory.parameters.get(names[0])!.update(({ data }) => data.set(data.map((value) => -value)));
    expect(image(gEma)).toEqual(image(inMemory));
  });

  test("other kernels", async () => {
    const { gEma } = await loaded();
    await init({ kernels: "reference" });
    expect(gEma.parameters.get(names[2])!.internals.isResident).toBe(true);
    await init({ threads: 2 });
    expect(image(gEma)).toEqual(expected);
    const { gEma: another } = await loaded();
    await init({ threads: 1 });
    expect(awayOf(another).length).toBe(3);
    expect(image(another)).toEqual(expected);
    expect(awayOf(another).length).toBe(3);
  });
});

describe("weights are read by others than this thread", () => {
  /** Where the numbers of a tensor begin in the file. */
  const placeOf = (bytes: Buffer, name: string): number => {
    const length = Number(bytes.readBigUInt64LE(0));
    const { [`g_ema.${name}`]: entry } = JSON.parse(bytes.toString("utf8", 8, 8 + length));
    return 8 + length + entry.data_offsets[0];
  };

  test("what no network can compute with is found before anybody has the network", async () => {
    const bytes = bytesOf(original);
    bytes.writeFloatLE(Number.NaN, placeOf(bytes, names[1]) + 4 * 1000);
    const path = join(folder, "damaged.safetensors");
    writeFileSync(path, bytes);
    const said = `${names[1]} holds NaN, with which no network can compute`;
    await expect(loadCheckpoint(path, { networks: ["gEma"] })).rejects.toThrow(said);
    await expect(loadCheckpoint(path, { networks: ["gEma"] })).rejects.toThrow(CheckpointError);
  });

  test("while the memory grows, and while kernels change", async () => {
    const during = async (body: () => void | Promise<void>): Promise<AnyGenerator> => {
      const loading = load();
      await new Promise(setImmediate);
      await body();
      return (await loading).gEma;
    };
    const grown = await during(() => {
      scope(() => Tensor.zeros([activeKernels().memory().reservedBytes / 4]));
    });
    expect(image(grown)).toEqual(expected);
    const changed = await during(async () => {
      await init({ kernels: "reference" });
      await init({ threads: 2 });
    });
    expect(image(changed)).toEqual(expected);
    await init({ threads: 1 });
    expect(image(changed)).toEqual(expected);
  });
});

describe("what becomes of the file", () => {
  const weight = (gEma: AnyGenerator): Tensor => gEma.parameters.get(names[0])!;

  test("moved, replaced or deleted after the first image: it is still read", async () => {
    for (const change of [
      (path: string) => renameSync(path, `${path}.moved`),
      (path: string) => rmSync(path),
      (path: string) => {
        writeFileSync(`${path}.new`, "another");
        renameSync(`${path}.new`, path);
      },
    ]) {
      const { gEma, path } = await load();
      image(gEma);
      change(path);
      await saveCheckpoint(join(folder, "again.safetensors"), { gEma });
      expect(bytesOf(join(folder, "again.safetensors")).equals(whole)).toBe(true);
    }
  });

  test("changed or deleted before it: the weights stay in memory", async () => {
    for (const change of [(path: string) => rmSync(path), (path: string) => writeFileSync(path, bytesOf(pickle))]) {
      const { gEma, path } = await load();
      change(path);
      expect(image(gEma)).toEqual(expected);
      expect(awayOf(gEma)).toEqual([]);
      expect(weight(gEma).toArray()[0]).not.toBe(0);
    }
  });

  test("written over after it: images go on, and what needs the weights says so", async () => {
    const { gEma, path } = await load();
    image(gEma);
    writeFileSync(path, bytesOf(original).fill(0, 4096));
    expect(image(gEma)).toEqual(expected);
    const said = `${path} has been written over since it was loaded, and weights that are needed now were left in it; load the network anew`;
    expect(() => weight(gEma).toArray()).toThrow(said);
    expect(() => weight(gEma).update(({ data }) => data.fill(0))).toThrow(said);
    const target = join(folder, "never.safetensors");
    await expect(saveCheckpoint(target, { gEma })).rejects.toThrow(said);
    expect(() => readFileSync(target)).toThrow("ENOENT");
    expect(image(gEma)).toEqual(expected);
  });
});
