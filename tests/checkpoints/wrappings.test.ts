/** Checkpoints as people have them: bare, wrapped, partial, with more in them, with classes that nobody knows. */
import { readFileSync } from "node:fs";
import { zipSync } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { bytesSource } from "../../src/formats/byteSource.js";
import { concatBytes } from "../../src/formats/bytes.js";
import { CheckpointError } from "../../src/formats/fileError.js";
import { commonNames, firstOf, inertNames, numpyNames } from "../../src/formats/pickle/common.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { PickleObject, PickleTuple, type PickleValue } from "../../src/formats/pickle/values.js";
import { denseTensor, type PlainTensor } from "../../src/formats/plainTensor.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import { readTorch, type TorchTensor } from "../../src/formats/torch/reader.js";
import { type StateDict, torchChunks } from "../../src/formats/torch/writer.js";
import { readZipDirectory, readZipEntry } from "../../src/formats/zip.js";
import { writeZip } from "../../src/formats/zipEncoder.js";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { mean } from "../../src/nn/ops/statistics.js";
import { RandomState, seedsToLatents } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { guarded } from "../../src/stylegan/checkpoint/guard.js";
import { writeNative } from "../../src/stylegan/checkpoint/native.js";
import type { CheckpointData, NetworkName } from "../../src/stylegan/checkpoint/networkData.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { rosinality as rosinalityFormat } from "../../src/stylegan/checkpoint/rosinality/reader.js";
import { officialTensorflowNames } from "../../src/stylegan/checkpoint/tensorflow/network.js";
import { officialTensorflow } from "../../src/stylegan/checkpoint/tensorflow/reader.js";
import { Discriminator } from "../../src/stylegan/discriminator.js";
import { networkGeometry } from "../../src/stylegan/geometry.js";
import { buildDiscriminator, buildGenerator } from "../../src/stylegan/networks.js";
import { messageOf } from "../support/errors.js";
import { op, pickle, storageId, tensorOf } from "../support/pickles/assembler.js";
import { oldPickle } from "../support/pickles/old.js";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const rosinality = fixture("checkpoints/rosinality-r32-zip.pt");
const official = fixture("checkpoints/sg2ada-r32-skip-resnet.pkl");
const tensorflow = fixture("checkpoints/tf-stylegan2-configF-r32.pkl");

type State = Map<string, PlainTensor>;

const topOf = (bytes: Uint8Array) => readTorch(bytes) as Map<string, PickleValue>;
const top = topOf(rosinality);
const stateOf = (network: string): State =>
  new Map([...(top.get(network) as Map<string, TorchTensor>)].map(([name, tensor]) => [name, tensor.toPlain(name)]));
const latentAvg = (top.get("latent_avg") as TorchTensor | undefined)?.toPlain("latent_avg");
const saved = (entries: Readonly<Record<string, PlainTensor | StateDict>>): Uint8Array =>
  concatBytes([...torchChunks(new Map(Object.entries(entries)))]);
const prefixed = (state: State, prefix: string): State =>
  new Map([...state].map(([name, tensor]) => [prefix + name, tensor]));
const without = (state: State, pattern: RegExp): State => new Map([...state].filter(([name]) => !pattern.test(name)));
const asSafetensors = (state: State, metadata?: ReadonlyMap<string, string>): Uint8Array =>
  writeSafetensors(
    [...state].map(([name, tensor]) => ({ name, dtype: "f32", tensor })),
    metadata,
  );

/** The official names, from the fixture, without its objects. */
const officialState = (network: NetworkName): State =>
  new Map(readCheckpoint(official).networks[network]!.tensors) as State;

function image(data: CheckpointData, truncationPsi = 1): Float32Array {
  const generator = buildGenerator(data.networks.gEma!);
  const z = Tensor.from(seedsToLatents([3], generator.zDim), [1, generator.zDim]);
  return scope(() => generator.forward(z, null, { noiseMode: "none", truncationPsi }).toArray());
}

const errorOf = (run: () => unknown): string => messageOf(run, CheckpointError);

let expected: { readonly rosinality: Float32Array; readonly official: Float32Array; readonly tensorflow: Float32Array };
beforeAll(async () => {
  setKernels(await createKernels({ threads: 1 }));
  const imageOf = (bytes: Uint8Array) => image(readCheckpoint(bytes, { networks: ["gEma"] }));
  expected = { rosinality: imageOf(rosinality), official: imageOf(official), tensorflow: imageOf(tensorflow) };
});

describe("state dicts make the images of the checkpoint that they are from", () => {
  const g = stateOf("g_ema");
  const other = stateOf("g");
  const ofOfficial = officialState("gEma");
  const encoder: State = new Map([["encoder.body.0.weight", denseTensor(new Float32Array(9), [1, 1, 3, 3])]]);
  const wrappings = (state: State, averaged: State): [string, () => Uint8Array][] => [
    ["bare", () => saved(Object.fromEntries(state))],
    ["module.", () => saved(Object.fromEntries(prefixed(state, "module.")))],
    ["state_dict", () => saved({ state_dict: state })],
    [
      "state_dict, module.",
      () => saved({ state_dict: prefixed(state, "module."), epoch: denseTensor(Float32Array.of(3), []) }),
    ],
    ["params_ema beside params", () => saved({ params: averaged, params_ema: state })],
    ["decoder. beside encoder.", () => saved({ state_dict: new Map([...encoder, ...prefixed(state, "decoder.")]) })],
    ["safetensors", () => asSafetensors(state)],
    [
      "safetensors of torch, g_ema. beside g.",
      () =>
        asSafetensors(
          new Map([...prefixed(averaged, "g."), ...prefixed(state, "g_ema.")]),
          new Map([["format", "pt"]]),
        ),
    ],
  ];
  test.each(wrappings(g, other))("rosinality's names, %s", (_, file) => {
    const data = readCheckpoint(file(), { networks: ["gEma"] });
    expect(data.format).toBe("rosinality checkpoint");
    expect(image(data)).toEqual(expected.rosinality);
  });

  test.each(wrappings(ofOfficial, officialState("g")))("official names, %s", (_, file) => {
    const data = readCheckpoint(file(), { networks: ["gEma"] });
    expect(data.format).toBe("official PyTorch state dict");
    expect(data.warnings.join()).toMatch(/assumed as in the official training.* 1, 3, 3, 1, .*learns at 0.01.*256/);
    expect(image(data)).toEqual(expected.official);
  });

  test("discriminators, too: shapes tell their geometry", () => {
    for (const state of [officialState("d"), stateOf("d")]) {
      const data = readCheckpoint(saved({ state_dict: state }));
      expect(Object.keys(data.networks)).toEqual(["d"]);
      expect(buildDiscriminator(data.networks.d!).imgResolution).toBe(32);
    }
  });

  test("the averaged generator is the one whose name says so", () => {
    const data = readCheckpoint(saved({ params: stateOf("g"), params_ema: g }));
    expect(data.names).toEqual({ gEma: "params_ema", g: "params" });
  });

  test("in a list the averaged one is the last, as in (G, D, G_ema)", () => {
    const object: PickleValue = [top.get("g")!, top.get("d")!, top.get("g_ema")!];
    const data = rosinalityFormat.reads({ container: "torch zip", object }, {});
    expect(data.names).toEqual({ gEma: "2", g: "0", d: "1" });
    expect(image(data)).toEqual(expected.rosinality);
  });

  test("counters are ignored, with a note; what may be a layer is refused", () => {
    const counted = new Map([...g, ["epochs", denseTensor(Float32Array.of(3), [])]]);
    const data = readCheckpoint(saved({ g_ema: counted as State }));
    expect(data.warnings).toContain('ignored, because no network of this kind has them: "epochs"');
    for (const name of ["convs.0.attention", "attention.weight"]) {
      const more = new Map([...g, [name, denseTensor(new Float32Array(4), [2, 2])]]);
      expect(errorOf(() => readCheckpoint(saved({ g_ema: more as State })))).toContain(`unexpected tensor "${name}"`);
    }
  });
});

describe("what rosinality's program leaves out", () => {
  const g = stateOf("g_ema");
  test("constant noise is drawn, and said", () => {
    const file = saved({
      g_ema: without(g, /^noises/),
      latent_avg: latentAvg ?? denseTensor(new Float32Array(32), [32]),
    });
    const data = readCheckpoint(file);
    expect(data.warnings).toEqual([expect.stringContaining("no constant noise")]);
    expect(image(data)).toEqual(expected.rosinality);
    const noise = data.networks.gEma!.tensors.get("synthesis.b8.conv0.noise_const")!.toFloat();
    expect(noise.some((x) => x !== 0)).toBe(true);
    expect(errorOf(() => readCheckpoint(saved({ g_ema: without(g, /noise_3$/) })))).toContain('"noises.noise_3"');
  });

  test("the average w is that of f(z) over 4096 z of seed 0", () => {
    const data = readCheckpoint(saved({ g_ema: g }));
    expect(data.warnings).toEqual([expect.stringContaining("no average w")]);
    const { mapping, zDim } = buildGenerator(data.networks.gEma!);
    const random = new RandomState(0);
    const own = scope(() => {
      const z = Tensor.from(random.randn(4096 * zDim), [4096, zDim]);
      return mean(mapping.forward(z, null), { axes: [0, 1] }).toArray();
    });
    const average = mapping.wAvg!.toArray();
    for (const [i, x] of average.entries()) expect(Math.abs(x - own[i])).toBeLessThan(1e-5);
    expect(image(data, 0.5).every(Number.isFinite)).toBe(true);
  });

  test("an average for every layer: the same in all is it, others are averaged, with a note", () => {
    const row = Float32Array.from({ length: 32 }, (_, i) => i / 8);
    const rows = (change: number) => Float32Array.from({ length: 256 }, (_, i) => row[i % 32] + (i < 32 ? change : 0));
    const read = (change: number) =>
      readCheckpoint(saved({ g_ema: g, latent_avg: denseTensor(rows(change), [8, 32]) }));
    expect(read(0).networks.gEma!.tensors.get("mapping.w_avg")!.toFloat()).toEqual(row);
    expect(read(0).warnings).toEqual([]);
    expect(read(8).networks.gEma!.tensors.get("mapping.w_avg")!.toFloat()).toEqual(row.map((x) => x + 1));
    expect(read(8).warnings).toEqual([expect.stringContaining("another average for each of 8 layers")]);
  });

  test("a file of g alone: it takes the place of g_ema where that is asked for", () => {
    const file = saved({ g });
    expect(Object.keys(readCheckpoint(file).networks)).toEqual(["g"]);
    const data = readCheckpoint(file, { networks: ["gEma"] });
    expect(data.names).toEqual({ gEma: "g" });
    expect(data.warnings[0]).toBe("there is no averaged generator, g_ema: g takes its place");
    expect(image(data)).toEqual(expected.rosinality);
    expect(errorOf(() => readCheckpoint(file, { networks: ["d"] }))).toContain("has no network d; it has g");
  });
});

describe("TensorFlow networks in any wrapping", () => {
  const names = firstOf(commonNames, numpyNames, officialTensorflowNames);
  const { items } = readPickle(tensorflow, { resolve: names }).value as PickleTuple;
  const [g, d, gs] = items;
  const dict = (entries: Readonly<Record<string, PickleValue>>) =>
    new Map<PickleValue, PickleValue>(Object.entries(entries));
  test.each<[string, PickleValue, string[]]>([
    ["Gs", gs, ["gEma"]],
    ["(None, None, Gs)", new PickleTuple([null, null, gs]), ["gEma"]],
    ["[G, D, Gs]", [g, d, gs], ["gEma", "g", "d"]],
    ['{"Gs": Gs}', dict({ Gs: gs }), ["gEma"]],
    ["(G, Gs)", new PickleTuple([g, gs]), ["gEma", "g"]],
    ['{"networks": [D, Gs], "step": 3}', dict({ networks: [d, gs], step: 3 }), ["gEma", "d"]],
    ['{"ema": Gs, "G": G}', dict({ ema: gs, G: g }), ["gEma", "g"]],
  ])("%s", (_, object, found) => {
    const data = officialTensorflow.reads({ container: "pickle", object }, {});
    expect(Object.keys(data.networks)).toEqual(found);
    expect(image(data)).toEqual(expected.tensorflow);
  });

  test.each([2, 3] as const)("protocol 0 of Python %i", (python) => {
    const file = oldPickle(new PickleTuple([null, null, gs]), python);
    expect(image(readCheckpoint(file))).toEqual(expected.tensorflow);
  });

  test("protocol 2 of Python 3 writes bytes as text: as many as the file has are read", () => {
    const length = 17_000_000;
    const head = [...op.global("_codecs", "encode"), 0x28, 0x58, ...new Uint8Array(Uint32Array.of(length).buffer)];
    const tail = [...op.str("latin1"), 0x74, 0x52, 0x2e];
    const file = concatBytes([Uint8Array.from(head), new Uint8Array(length).fill(65), Uint8Array.from(tail)]);
    expect((readPickle(file, { resolve: commonNames }).value as Uint8Array).length).toBe(length);
  });

  test("variables of forks are ignored, with a note that names them", () => {
    const data = readCheckpoint(fixture("cases/tf-extra-variables.pkl"));
    expect(data.warnings).toEqual(['ignored, because no network of this kind has them: "epochs", "epochs_1"']);
    expect(image(data)).toEqual(expected.tensorflow);
  });

  test("images that are not square: the first block has other pixels, all else is StyleGAN2", () => {
    const { networks, warnings } = readCheckpoint(fixture("cases/tf-base-3x5.pkl"));
    expect(warnings).toEqual([expect.stringMatching(/^D is left out: .*256 numbers, expected 16 x 3 x 5$/)]);
    const generator = buildGenerator(networks.gEma!);
    const { discriminator: config } = networkGeometry({ resolution: 16, channelMax: 8 });
    const discriminator = new Discriminator({ ...config, base: [3, 5] }, initialContents(new RandomState(1)));
    expect(discriminator.forward(Tensor.zeros([2, 3, 12, 20])).shape).toEqual([2, 1]);
    expect(() => discriminator.forward(Tensor.zeros([2, 3, 16, 16]))).toThrow(
      "must be [N, C, H, W] = [any, 3, 12, 20]",
    );
    expect([generator.imgHeight, generator.imgWidth]).toEqual([24, 40]);
    const z = Tensor.from(seedsToLatents([3], generator.zDim), [1, generator.zDim]);
    const pixels = scope(() => generator.forward(z, null, { noiseMode: "const" }));
    expect(pixels.shape).toEqual([1, 3, 24, 40]);
    const native = concatBytes([...writeNative(networks)]);
    expect(image(readCheckpoint(native))).toEqual(image({ ...readCheckpoint(native), networks }));
  });
});

describe("classes that nobody knows", () => {
  test("are records: the networks beside them are read, and they are named", () => {
    const file = fixture("cases/torch-foreign-discriminator.pkl");
    const data = readCheckpoint(file);
    expect(Object.keys(data.networks)).toEqual(["gEma", "g"]);
    expect(data.warnings).toEqual([expect.stringContaining("D is left out: ")]);
    expect(image(data)).toEqual(expected.official);
    expect(errorOf(() => readCheckpoint(file, { networks: ["d"] }))).toContain("pg_modules.discriminator.Projected");
  });

  const call = (module: string, name: string, ...args: (readonly number[])[]) =>
    op.call(op.global(module, name), ...args);
  test.each<[string, readonly number[]]>([
    ["a path", call("pathlib", "PosixPath", op.str("/"), op.str("data"))],
    ["a date", call("datetime", "datetime", op.bytes([7, 228, 1, 1, 0, 0, 0, 0, 0, 0]))],
    ["a counter with items", [...call("collections", "Counter"), 0x28, ...op.str("a"), ...op.int(1), 0x75]],
    [
      "a method of an object",
      [...call("builtins", "getattr", call("a", "B"), op.str("c")), ...op.tuple(op.int(1)), 0x52],
    ],
    ["a list of its own class", [...call("a", "List"), 0x28, ...op.int(1), 0x65]],
    ["a state of any kind", op.build(call("numpy.random._pickle", "__randomstate_ctor"), op.tuple(op.int(1)))],
  ])("%s beside a network is left alone, in its place it is refused by name", (_, record) => {
    const value = readPickle(pickle(op.dict({ G_ema: record })), { resolve: firstOf(commonNames, inertNames) }).value;
    expect((value as Map<string, unknown>).get("G_ema")).toBeInstanceOf(PickleObject);
    const type = /refused the name \\?"[\w.]+/;
    expect(errorOf(() => readCheckpoint(pickle(op.dict({ G_ema: record }))))).toMatch(type);
    expect(errorOf(() => readCheckpoint(pickle(op.dict({ step: record }))))).toMatch(type);
  });
});

describe("what no network can have", () => {
  const networks = readCheckpoint(official).networks;
  const native = readSafetensors(concatBytes([...writeNative({ gEma: networks.gEma })]));
  const rewritten = (from: string, to: string, replace?: [string, number]): Uint8Array => {
    const metadata = new Map([...native.metadata].map(([key, text]) => [key, text.replace(from, to)]));
    const entries = [...native.tensors].map(([name, tensor]) => {
      if (name !== replace?.[0]) return { name, dtype: "f32" as const, tensor };
      const data = Float32Array.from(tensor.toFloat());
      data[data.length - 1] = replace[1];
      return { name, dtype: "f32" as const, tensor: denseTensor(data, tensor.shape) };
    });
    return writeSafetensors(entries, metadata);
  };
  test.each([
    ['"lrMultiplier":0.01', '"lrMultiplier":0', "learning-rate multiplier of 0"],
    ['"lrMultiplier":0.01', '"lrMultiplier":-1', "learning-rate multiplier of -1"],
    [/"convClamp":(null|\d+)/.exec(native.metadata.get("g_ema")!)![0], '"convClamp":-256', "clamped to +--256"],
    ['"wAvgBeta":0.995', '"wAvgBeta":7', "decays by 7"],
  ])("%s -> %s", (from, to, message) => {
    expect(native.metadata.get("g_ema")).toContain(from);
    expect(errorOf(() => readCheckpoint(rewritten(from, to)))).toContain(message);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%s among the weights", (number) => {
    for (const name of ["synthesis.b8.conv0.weight", "mapping.w_avg"]) {
      const data = readCheckpoint(rewritten("", "", [`g_ema.${name}`, number]));
      expect(errorOf(() => buildGenerator(data.networks.gEma!))).toContain(`g_ema: ${name} holds ${number}`);
    }
  });
});

test("what is no number is found wherever it stands, and every number passes", () => {
  const { networks, ...rest } = readCheckpoint(official);
  const gEma = networks.gEma!;
  const check = (numbers: Float32Array | Float64Array): void => {
    const tensors = new Map([["w", denseTensor(numbers, [numbers.length])]]);
    guarded({ ...rest, networks: { gEma: { ...gEma, tensors } } })
      .networks.gEma!.tensors.get("w")!
      .toFloat();
  };
  const edges = new Float32Array(Uint32Array.of(1, 0x007fffff, 0x7f7fffff, 0xff7fffff, 0x80000001).buffer);
  const patterns = [0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff];
  for (const Numbers of [Float32Array, Float64Array]) {
    const most = Numbers === Float32Array ? 3.4028234663852886e38 : Number.MAX_VALUE;
    const good = [0, -0, most, -most, ...edges, Number.MIN_VALUE, 1, -1];
    for (let length = 0; length <= good.length; length++) {
      check(Numbers.from(good.slice(0, length)));
      for (let at = 0; at < length; at++) {
        for (const pattern of patterns) {
          const numbers = Numbers.from(good.slice(0, length));
          if (numbers instanceof Float32Array) new Uint32Array(numbers.buffer)[at] = pattern;
          else numbers[at] = new Float32Array(Uint32Array.of(pattern).buffer)[0];
          expect(errorOf(() => check(numbers))).toMatch(/w holds (NaN|-?Infinity), with which/);
        }
      }
    }
  }
});

describe("hostile sizes", () => {
  const megabytes = 12;
  const storage = new Uint8Array(megabytes << 20);
  /** A state dict of many tensors that look at one compressed storage. */
  const file = (tensors: number): Uint8Array => {
    const spec = { key: "0", type: "FloatStorage", count: storage.length / 4, bytes: storage };
    const view = tensorOf(storageId(spec), 0, [spec.count], [1]);
    const names = ["synthesis.b4.const", ...Array.from({ length: tensors }, (_, i) => `synthesis.b4.x${i}`)];
    const object = pickle(op.dict(Object.fromEntries(names.map((name) => [name, view]))));
    return zipSync({ "a/data.pkl": [object, { level: 0 }], "a/data/0": storage });
  };

  test("a storage that many tensors share is unpacked once, and no network shares its weights so", () => {
    const bytes = file(60);
    expect(bytes.length).toBeLessThan(200_000);
    const before = process.memoryUsage().rss;
    expect(errorOf(() => readCheckpoint(bytes))).toContain("no network shares its weights so");
    const state = readTorch(bytesSource(bytes)) as Map<string, TorchTensor>;
    for (const tensor of state.values())
      tensor.toPlain("x").copyTo(new Float32Array(0).length === 0 ? scratch : scratch);
    expect(process.memoryUsage().rss - before).toBeLessThan((4 * megabytes + 100) << 20);
  });
  const scratch = new Float32Array(storage.length / 4);

  test("what compressed entries may unpack to has a limit, which the error names and options raise", () => {
    const small = saved({ g_ema: stateOf("g_ema") });
    expect(readCheckpoint(small, { maxInflatedBytes: 0 }).networks.gEma).toBeDefined(); // stored, not compressed
    const message = errorOf(() => {
      const { networks } = readCheckpoint(compressed(), { maxInflatedBytes: 1000 });
      for (const tensor of networks.gEma!.tensors.values()) tensor.toFloat();
    });
    expect(message).toMatch(/unpack to more than 1000 bytes, the limit \(maxInflatedBytes\)/);
    expect(image(readCheckpoint(compressed()))).toEqual(expected.rosinality);
  });

  /** The same checkpoint packed again, with compression. */
  function compressed(): Uint8Array {
    const entries: Record<string, Uint8Array> = {};
    const source = bytesSource(rosinality);
    for (const [name, entry] of readZipDirectory(source)) entries[name] = readZipEntry(source, entry);
    return zipSync(entries, { level: 1 });
  }
});

describe("files that are no checkpoints", () => {
  const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  test.each([
    ["a byte-order mark", "\xef\xbb\xbf<!DOCTYPE html><html>"],
    ["a comment", "<!-- saved from url -->\n<html>"],
    ["both", "\xef\xbb\xbf <!-- a --> <!-- b -->\n<head>"],
  ])("a web page that begins with %s", (_, text) => {
    expect(errorOf(() => readCheckpoint(ascii(text)))).toContain("a web page");
  });

  test("a zip archive around a checkpoint", () => {
    const file = writeZip(new Map([["files/network.pkl", official]]));
    expect(errorOf(() => readCheckpoint(file))).toContain('a zip archive around "files/network.pkl"; unpack it');
  });
});
