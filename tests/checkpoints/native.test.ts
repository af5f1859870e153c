/** The native format: what is written is read, and nothing in a file is believed unchecked. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { concatBytes } from "../../src/formats/bytes.js";
import { CheckpointError } from "../../src/formats/fileError.js";
import type { PlainTensor } from "../../src/formats/plainTensor.js";
import { readSafetensors, type SafetensorsEntry, writeSafetensors } from "../../src/formats/safetensors.js";
import { formats } from "../../src/stylegan/checkpoint/formats.js";
import { parseConfig } from "../../src/stylegan/checkpoint/geometry.js";
import { writeNative } from "../../src/stylegan/checkpoint/native.js";
import type { CheckpointData, Networks } from "../../src/stylegan/checkpoint/networkData.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { writers } from "../../src/stylegan/checkpoint/writers.js";
import { messageOf } from "../support/errors.js";

const folder = new URL("../fixtures/checkpoints/", import.meta.url);
const load = (name: string) => readCheckpoint(new Uint8Array(readFileSync(new URL(name, folder))));
const native = (networks: Networks, dtype?: "f32" | "f16") => concatBytes([...writeNative(networks, { dtype })]);

/** The elements as float32, to be compared at once. */
function rawBytes(tensor: PlainTensor | undefined): Uint8Array {
  if (!tensor) throw new Error("a tensor is missing");
  const values = new Float32Array(tensor.size);
  tensor.copyTo(values);
  return new Uint8Array(values.buffer);
}

const errorOf = (run: () => unknown): string => messageOf(run, CheckpointError);

describe("what is written is read", () => {
  test.each([
    "sg2ada-r32-cond5.pkl",
    "sg2ada-r16-resnet-skip.pkl",
    "tf-stylegan2-configF-r32.pkl",
    "rosinality-r16-legacy.pt",
  ])("%s", (name) => {
    const { networks } = load(name);
    const again = readCheckpoint(native(networks));
    expect(again.format).toBe("native safetensors");
    for (const key of ["gEma", "g", "d"] as const) {
      expect(again.networks[key]?.config).toEqual(networks[key]?.config);
      for (const [tensorName, tensor] of networks[key]?.tensors ?? []) {
        const found = again.networks[key]?.tensors.get(tensorName);
        const same = Buffer.compare(rawBytes(found), rawBytes(tensor)) === 0;
        if (!same) throw new Error(`${tensorName} changed`);
      }
    }
  });

  test("half precision is off by at most half a step, in half the space; vectors keep float32", () => {
    const { networks } = load("sg2ada-r16-orig-orig.pkl");
    const whole = native({ gEma: networks.gEma });
    const half = native({ gEma: networks.gEma }, "f16");
    expect(half.length).toBeLessThan(0.65 * whole.length);
    const again = readCheckpoint(half).networks;
    expect(Object.keys(again)).toEqual(["gEma"]);
    for (const [name, tensor] of networks.gEma?.tensors ?? []) {
      const found = again.gEma?.tensors.get(name);
      const values = found?.toFloat() ?? [];
      expect(found?.dtype).toBe(tensor.shape.length < 2 ? "f32" : "f16");
      tensor.toFloat().forEach((value, i) => {
        const bound = found?.dtype === "f32" ? 0 : Math.max(Math.abs(value) * 2 ** -11, 2 ** -25);
        if (Math.abs(values[i] - value) > bound) throw new Error(`${name}[${i}]: ${value} became ${values[i]}`);
      });
    }
  });

  test("names are official, prefixed by network", () => {
    const { networks } = load("sg2ada-r16-orig-orig.pkl");
    const { tensors, metadata } = readSafetensors(native(networks));
    expect(tensors.has("g_ema.synthesis.b8.conv0.affine.weight")).toBe(true);
    expect(tensors.has("d.b4.fc.weight")).toBe(true);
    expect(metadata.get("format")).toBe("stylegan");
    expect(JSON.parse(metadata.get("g_ema") ?? "")).toEqual(networks.gEma?.config);
  });
});

describe("nothing is believed", () => {
  let checkpoint: CheckpointData;
  let entries: SafetensorsEntry[];
  let metadata: Map<string, string>;
  beforeAll(() => {
    checkpoint = load("sg2ada-r16-orig-orig.pkl");
    const file = readSafetensors(native({ gEma: checkpoint.networks.gEma }));
    metadata = new Map(file.metadata);
    entries = [...file.tensors].map(([name, tensor]) => ({ name, dtype: "f32", tensor }));
  });
  const rewrite = (over: Record<string, string> = {}, changed = entries) =>
    writeSafetensors(changed, new Map([...metadata, ...Object.entries(over)]));

  test("missing, unexpected and misshapen tensors", () => {
    expect(readCheckpoint(rewrite()).networks.gEma).toBeDefined();
    expect(errorOf(() => readCheckpoint(rewrite({}, entries.slice(1))))).toContain("is missing");
    const extra = [...entries, { ...entries[0], name: "g_ema.synthesis.b32.const" }];
    expect(errorOf(() => readCheckpoint(rewrite({}, extra)))).toContain('"synthesis.b32.const" is unexpected');
    const foreign = [...entries, { ...entries[0], name: "optimizer.step" }];
    expect(errorOf(() => readCheckpoint(rewrite({}, foreign)))).toContain('unexpected tensor "optimizer.step"');
    const orphan = [...entries, { ...entries[0], name: "d.b4.fc.weight" }];
    expect(errorOf(() => readCheckpoint(rewrite({}, orphan)))).toContain("no geometry for the tensors d.*");
    const swapped = entries.map((entry, i) => ({ ...entry, tensor: entries[(i + 1) % entries.length].tensor }));
    expect(errorOf(() => readCheckpoint(rewrite({}, swapped)))).toMatch(/must be \[.*\], found \[/);
  });

  test("other formats, versions and kinds", () => {
    expect(errorOf(() => readCheckpoint(rewrite({ format: "pt" })))).toContain('found "pt"');
    expect(errorOf(() => readCheckpoint(rewrite({ version: "2" })))).toContain('expected version 1, found "2"');
    expect(errorOf(() => readCheckpoint(rewrite({ g_ema: "{" })))).toContain("not JSON");
    const d = JSON.stringify(checkpoint.networks.d?.config);
    expect(errorOf(() => readCheckpoint(rewrite({ g_ema: d })))).toContain(
      "expected a generator, found a stylegan2-discriminator",
    );
  });

  test("every field of the geometry is checked", () => {
    const garbage = fc.constantFrom<unknown>(undefined, "x", -1, 0.5, 1e9, {}, [[]], [1, "x"], Number.NaN);
    for (const config of [checkpoint.networks.gEma?.config, checkpoint.networks.d?.config]) {
      const paths: string[][] = [];
      const collect = (value: unknown, path: string[]): void => {
        for (const [key, item] of Object.entries(value as object)) {
          paths.push([...path, key]);
          if (typeof item === "object" && item !== null && !Array.isArray(item)) collect(item, [...path, key]);
        }
      };
      collect(config, []);
      expect(parseConfig(JSON.parse(JSON.stringify(config)), "config")).toEqual(config);
      const numbers = ["lrMultiplier", "wAvgBeta", "convClamp"];
      fc.assert(
        fc.property(fc.constantFrom(...paths), garbage, (path, value) => {
          fc.pre(!(numbers.includes(path.at(-1) ?? "") && typeof value === "number" && Number.isFinite(value)));
          const copy = JSON.parse(JSON.stringify(config));
          const parent = path.slice(0, -1).reduce((object, key) => object[key], copy);
          parent[path.at(-1) ?? ""] = value;
          expect(() => parseConfig(copy, "config")).toThrow(CheckpointError);
        }),
        { numRuns: 400 },
      );
      expect(errorOf(() => parseConfig({ ...config, extra: 1 }, "config"))).toContain('unknown field "extra"');
    }
  });

  test.each([
    [
      "resolution",
      (c: string) => c.replaceAll('"imgResolution":16', '"imgResolution":32'),
      /feature maps must be given/,
    ],
    ["not a power of two", (c: string) => c.replaceAll('"imgResolution":16', '"imgResolution":24'), /power of two/],
    ["w's", (c: string) => c.replace('"numWs":6', '"numWs":7'), /expected 6 w's at resolution 16, found 7/],
    ["z", (c: string) => c.replace('"zDim":32', '"zDim":31'), /mapping takes z of 32/],
    ["w", (c: string) => c.replaceAll('"wDim":32', '"wDim":48'), /mapping ends in 32 features, expected 48/],
    ["widths", (c: string) => c.replace("[8,16]", "[8,17]"), /must be \[/],
    ["architecture", (c: string) => c.replace('"orig"', '"skip"'), /is missing/],
  ])("a geometry of another network: %s", (_name, change, message) => {
    const json = metadata.get("g_ema") ?? "";
    expect(change(json)).not.toBe(json);
    expect(errorOf(() => readCheckpoint(rewrite({ g_ema: change(json) })))).toMatch(message);
  });

  test("writing checks too", () => {
    const { gEma } = checkpoint.networks;
    if (!gEma) throw new Error("the fixture has a gEma");
    const tensors = new Map([...gEma.tensors].slice(1));
    expect(() => native({ gEma: { ...gEma, tensors } })).toThrow(CheckpointError);
    expect(() => native({})).toThrow(RangeError);
  });
});

test("what can be written is what the table of formats says", () => {
  expect(writers).toEqual(formats.flatMap(({ writer }) => writer ?? []));
});
