/** Arrays out of any usual file: the same numbers whatever wrote them, and damaged files end in one kind of error. */
import { readFileSync } from "node:fs";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { readArrays } from "../../src/formats/arrayFile.js";
import { concatBytes } from "../../src/formats/bytes.js";
import { FileError } from "../../src/formats/fileError.js";
import { readNpz, writeNpy, writeNpz } from "../../src/formats/npy.js";
import { denseTensor } from "../../src/formats/plainTensor.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import { torchChunks } from "../../src/formats/torch/writer.js";
import { RandomState } from "../../src/nn/random.js";
import { readDirections } from "../../src/stylegan/latents/directionFile.js";
import { readLatents } from "../../src/stylegan/latents/latentFile.js";

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const data = Float32Array.from({ length: 6 }, (_, k) => k - 2.5);
const tensor = denseTensor(data, [2, 3]);
const torch = (entries: Parameters<typeof torchChunks>[0]): Uint8Array => concatBytes([...torchChunks(entries)]);

const files: Record<string, [Uint8Array, string]> = {
  npy: [writeNpy({ data, shape: [2, 3] }), ""],
  npz: [writeNpz(new Map([["w", { data, shape: [2, 3] }]])), "w"],
  safetensors: [writeSafetensors([{ name: "w", dtype: "f32", tensor }]), "w"],
  torch: [torch(new Map([["w", tensor]])), "w"],
  "torch, nested": [torch(new Map([["face.png", new Map([["latent", tensor]])]])), "face.png.latent"],
};

describe("readArrays", () => {
  test.each(Object.entries(files))("%s", (_, [bytes, name]) => {
    const arrays = readArrays(bytes);
    expect([...arrays.keys()]).toEqual([name]);
    expect(arrays.get(name)!.shape).toEqual([2, 3]);
    expect([...arrays.get(name)!.toFloat()]).toEqual([...data]);
  });

  test("state dicts that torch wrote, as a zip and as the legacy stream, hold the same", () => {
    const [zip, legacy] = ["zip", "legacy"].map((kind) => readArrays(fixture(`inception/layer1.${kind}.pth`)));
    expect([...zip.keys()]).toEqual([...legacy.keys()]);
    expect(zip.size).toBeGreaterThan(4);
    for (const [name, found] of zip) expect(legacy.get(name)!.toFloat()).toEqual(found.toFloat());
  });

  test("a legacy stream may hold a module, and then the source of its class: nothing of it is run", () => {
    const bytes = fixture("formats/torch-legacy-module.pt");
    expect(new TextDecoder("latin1").decode(bytes)).toContain("class Counter(torch.nn.Module):");
    const arrays = readArrays(bytes);
    expect([...arrays.get("weights")!.toFloat()]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...arrays].some(([name, { shape }]) => name.startsWith("counter") && shape.join() === "3")).toBe(true);
  });

  test("of an .npz only what is asked for is unpacked, and within a limit that the error names", () => {
    const many = writeNpy({ data: new Float32Array(1 << 20), shape: [1 << 20] }); // 4 MiB, in 4 kB
    const unasked = Array.from({ length: 10 }, (_, k) => [`junk${k}.npy`, many] as const);
    const npz = zipSync({ ...Object.fromEntries(unasked), "w.npy": writeNpy({ data, shape: [2, 3] }) }, { level: 6 });
    const arrays = readArrays(npz);
    expect(arrays.size).toBe(11);
    expect(arrays.get("junk7")!.shape).toEqual([1 << 20]);
    expect([...arrays.get("w")!.toFloat()]).toEqual([...data]);
    // Five of the 40 MiB are allowed, and it opens: nothing is unpacked until it is asked for.
    const limited = readNpz(npz, { maxInflatedBytes: 5 * 2 ** 20 });
    expect(limited.get("junk0")!.toFloat()).toHaveLength(1 << 20);
    expect(limited.get("junk0")!.toFloat()).toHaveLength(1 << 20); // counts once
    expect(() => limited.get("junk1")!.toFloat()).toThrow(
      'npz: its arrays, up to "junk1", unpack to more than 5242880 bytes, the limit (maxInflatedBytes)',
    );
  });

  test("whatever the bytes are, it succeeds or says so with a FileError", () => {
    const random = new RandomState(1);
    for (const [bytes] of Object.values(files)) {
      for (let k = 0; k < 60; k++) {
        const damaged = k % 3 === 0 ? bytes.slice(0, random.randint(0, bytes.length)) : bytes.slice();
        if (k % 3 > 0) for (let n = 0; n < k; n++) damaged[random.randint(0, damaged.length)] = random.randint(0, 256);
        try {
          for (const array of readArrays(damaged).values()) array.toFloat();
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }
    }
    expect(() => readArrays(new Uint8Array(0))).toThrow(FileError);
    expect(() => readArrays(new TextEncoder().encode("a text"))).toThrow("expected, found other contents");
  });
});

describe("files of other tools", () => {
  const geometry = { numWs: 2, wDim: 3, buffers: new Map() };

  test("latents of a projector that names them by image, and rosinality's factors as columns", () => {
    const found = readLatents(torch(new Map([["face.png", new Map([["latent", tensor]])]])), geometry);
    expect([found.count, [...found.ws]]).toEqual([1, [...data]]);
    const square = denseTensor(
      Float32Array.from({ length: 9 }, (_, k) => k),
      [3, 3],
    );
    const { directions } = readDirections(torch(new Map([["eigvec", square]])), geometry);
    expect(directions.map((direction) => [...direction])).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5, 8],
    ]);
  });
});
