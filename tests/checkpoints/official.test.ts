/** Checkpoints of other programs: geometry and names, and clear words about what cannot be read. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/formats/bytes.js";
import { CheckpointError } from "../../src/formats/fileError.js";
import { encodePixels } from "../../src/formats/image/pngEncoding.js";
import { writeNpy } from "../../src/formats/npy.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import { writeZip } from "../../src/formats/zipEncoder.js";
import { writeNative } from "../../src/stylegan/checkpoint/native.js";
import { networkNames } from "../../src/stylegan/checkpoint/networkData.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { tensorShapes } from "../../src/stylegan/checkpoint/tensorShapes.js";
import { TorchModule } from "../../src/stylegan/checkpoint/torch/module.js";
import { officialTorchNames } from "../../src/stylegan/checkpoint/torch/reader.js";
import { messageOf } from "../support/errors.js";
import { type Bytes, op, pickle } from "../support/pickles/assembler.js";

const folder = new URL("../fixtures/checkpoints/", import.meta.url);
const load = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const names = readdirSync(folder).filter((name) => /\.(pkl|pt)$/.test(name));

const errorOf = (run: () => unknown): string => messageOf(run, CheckpointError);

const persistent = (meta: Bytes): Bytes =>
  op.call(op.global("torch_utils.persistence", "_reconstruct_persistent_obj"), meta);
const moduleState = (modules: Readonly<Record<string, Bytes>>): Bytes =>
  op.dict({ _parameters: op.dict({}), _buffers: op.dict({}), _modules: op.dict(modules) });
const module = (className: string, state: Bytes): Bytes =>
  persistent(op.dict({ class_name: op.str(className), state }));

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Every occurrence of a text replaced by another of the same length. */
function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  expect(to.length).toBe(from.length);
  const buffer = Buffer.from(bytes);
  let count = 0;
  for (let at = buffer.indexOf(from); at >= 0; at = buffer.indexOf(from, at + 1)) {
    buffer.write(to, at, "latin1");
    count++;
  }
  expect(count).toBeGreaterThan(0);
  return buffer;
}

describe("every fixture", () => {
  test.each(names)("%s", (name) => {
    const { networks } = readCheckpoint(load(name));
    expect(Object.keys(networks)).toEqual([...networkNames]);
    for (const network of Object.values(networks)) {
      const expected = tensorShapes(network.config).all;
      expect([...network.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const tensor of network.tensors.values()) expect(tensor.toFloat().every(Number.isFinite)).toBe(true);
    }
  });

  /** The golden files say with which arguments the official constructors were called. */
  test.each(names.filter((name) => name.startsWith("sg2ada")))("%s has the geometry it was built with", (name) => {
    const golden = readSafetensors(load(name.replace(".pkl", ".golden.safetensors")));
    const wantG = JSON.parse(golden.metadata.get("G_kwargs") ?? "");
    const wantD = JSON.parse(golden.metadata.get("D_kwargs") ?? "");
    const { gEma, d } = readCheckpoint(load(name)).networks;
    const widths = (base: number, max: number) =>
      Array.from({ length: Math.log2(wantG.img_resolution) - 1 }, (_, i) => [4 << i, Math.min(base / (4 << i), max)]);
    expect(gEma?.config).toMatchObject({
      zDim: wantG.z_dim,
      cDim: wantG.c_dim,
      wDim: wantG.w_dim,
      imgResolution: wantG.img_resolution,
      imgChannels: wantG.img_channels,
    });
    const { mapping, synthesis } = gEma?.config ?? {};
    expect(mapping?.layerFeatures).toEqual(new Array(wantG.mapping_kwargs.num_layers).fill(wantG.w_dim));
    expect(mapping).toMatchObject({ lrMultiplier: 0.01, wAvgBeta: 0.995, activation: "lrelu" });
    expect(mapping?.embedFeatures).toBe(wantG.c_dim > 0 ? wantG.w_dim : 0);
    const { channel_base, channel_max, architecture, conv_clamp } = wantG.synthesis_kwargs;
    expect(synthesis?.channels).toEqual(widths(channel_base, channel_max));
    expect(synthesis).toMatchObject({ architecture, convClamp: conv_clamp, useNoise: true });
    expect(d?.config.channels).toEqual(widths(wantD.channel_base, wantD.channel_max));
    expect(d?.config).toMatchObject({
      architecture: wantD.architecture,
      convClamp: wantD.conv_clamp,
      cDim: wantD.c_dim,
      mbstdGroupSize: wantD.epilogue_kwargs.mbstd_group_size,
      mbstdNumChannels: 1,
      conditioning: wantD.c_dim > 0 ? "projection" : "none",
    });
  });

  test.each(names.filter((name) => /^sg|^rosinality|configF/.test(name)))("%s resamples with 1, 3, 3, 1", (name) => {
    const { gEma, d } = readCheckpoint(load(name)).networks;
    if (gEma?.config.kind !== "stylegan2-generator" || d?.config.kind !== "stylegan2-discriminator") {
      throw new Error(`expected StyleGAN2 networks, found ${gEma?.config.kind} and ${d?.config.kind}`);
    }
    for (const { resampleFilter } of [gEma.config.synthesis, d.config]) {
      const sum = resampleFilter.reduce((a, b) => a + b, 0);
      expect(resampleFilter.map((tap) => (8 * tap) / sum)).toEqual([1, 3, 3, 1]);
    }
  });

  test("buffers and parameters are told apart", () => {
    const { gEma } = readCheckpoint(load("sg2ada-r16-orig-orig.pkl")).networks;
    const buffers = [...tensorShapes(gEma!.config).buffers.keys()];
    expect([...gEma!.tensors.keys()]).toEqual(expect.arrayContaining(buffers));
    expect(buffers).toContain("mapping.w_avg");
    expect(buffers).toHaveLength(1 + 5);
  });

  test("tensors are views: loading one network copies nothing", () => {
    const bytes = load("sg2ada-r16-orig-orig.pkl");
    const { gEma } = readCheckpoint(bytes, { networks: ["gEma"] }).networks;
    const tensor = gEma?.tensors.get("synthesis.b4.conv1.weight");
    const before = tensor?.toFloat() ?? new Float32Array();
    bytes.fill(0);
    expect(before.some((x) => x !== 0)).toBe(true);
    expect(tensor?.toFloat().every((x) => x === 0)).toBe(true);
  });
});

describe("which networks", () => {
  const bytes = load("sg2ada-r16-orig-orig.pkl");
  test("only those asked for are read", () => {
    expect(Object.keys(readCheckpoint(bytes, { networks: ["gEma"] }).networks)).toEqual(["gEma"]);
    expect(Object.keys(readCheckpoint(bytes, { networks: ["d", "g"] }).networks)).toEqual(["g", "d"]);
    // A damaged discriminator does not keep the generator from being read.
    const damaged = replaced(bytes, "DiscriminatorEpilogue", "DiscriminatorEpilogux");
    expect(readCheckpoint(damaged, { networks: ["gEma"] }).networks.gEma).toBeDefined();
    expect(errorOf(() => readCheckpoint(damaged))).toContain(
      "D.b4: expected a module of class DiscriminatorEpilogue, found class DiscriminatorEpilogux",
    );
  });

  test("one that is not there is missed only when it is asked for", () => {
    const without = replaced(bytes, "G_ema", "G_old");
    expect(Object.keys(readCheckpoint(without).networks)).toEqual(["g", "d"]);
    const { networks, names, warnings } = readCheckpoint(without, { networks: ["gEma"] });
    expect(Object.keys(networks)).toEqual(["gEma"]);
    expect(names.gEma).toBe("G");
    expect(warnings).toEqual(["there is no averaged generator, G_ema: G takes its place"]);
    const alone = readCheckpoint(load("sg2ada-r16-orig-orig.pkl")).networks;
    const native = concatBytes([...writeNative({ gEma: alone.gEma })]);
    for (const name of ["g", "d"] as const) {
      expect(errorOf(() => readCheckpoint(native, { networks: [name] }))).toContain(
        `has no network ${name}; it has g_ema`,
      );
    }
  });
});

describe("unsupported contents are named, with their place", () => {
  const bytes = load("sg2ada-r16-resnet-skip.pkl");
  test.each([
    ["SynthesisLayer", "SynthesisLayex", "G_ema.synthesis.b4.conv1: expected a module of class SynthesisLayer"],
    ["b16", "L1_", 'found "L1_"; this is a StyleGAN3 network'],
    ["noise_strength", "noise_strengtx", "noise_strength [] is missing"],
    ["noise_const", "noise_consx", "noise_const [4,4] is missing"],
    ["lrelu", "lrelx", 'found "lrelx"'],
    ["w_avg_beta", "w_avg_betx", "w_avg_beta: expected a number, found undefined"],
    ["img_resolution", "img_resolutiox", "G_ema.img_resolution: expected a whole number"],
    ["num_layers", "num_layerx", "num_layers: expected a whole number"],
    ["resample_filter", "resample_filtex", "expected a tensor"],
    ["_reconstruct_persistent_obj", "_reconstruct_persistent_obx", 'refused the name "torch_utils.persistence'],
    ["_load_from_bytes", "_load_from_bytex", 'refused the name "torch.storage._load_from_bytex"'],
    ["architecture", "architecturx", "expected orig, skip, resnet, found undefined"],
    ["use_noise", "use_noisx", "use_noise: expected True or False"],
  ])("%s -> %s", (from, to, message) => {
    expect(errorOf(() => readCheckpoint(replaced(bytes, from, to)))).toContain(message);
  });

  test("shared modules cannot unfold to a tree without end", () => {
    const inner = op.dict({ class_name: op.str("X"), state: op.none });
    expect(errorOf(() => readCheckpoint(pickle(persistent(inner))))).toContain("expected class_name and state");
    // Each level holds the next one eight times: 8^7 modules from two kilobytes.
    let state = moduleState({});
    for (let level = 0; level < 7; level++) {
      const again = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`again${i}`, [0x68, level]]));
      state = moduleState({ once: [...module("X", state), 0x71, level], ...again });
    }
    const top = pickle(op.dict({ G_ema: module("Generator", state) }));
    expect(errorOf(() => readCheckpoint(top))).toContain("G_ema.mapping: expected a module of class MappingNetwork");
    const tree = new TorchModule(
      readPickle(pickle(module("X", state)), { resolve: officialTorchNames }).value,
      "X",
      "X",
    );
    expect(errorOf(() => tree.allTensors())).toContain("more modules than expected");
  });

  test("other TensorFlow networks", () => {
    const file = load("tf-stylegan2-configF-r32.pkl");
    const other = replaced(file, "G_synthesis_stylegan2", "G_synthesis_stylegan_");
    expect(errorOf(() => readCheckpoint(other))).toContain('built by "G_main" and "G_synthesis_stylegan_"');
    expect(errorOf(() => readCheckpoint(replaced(file, "Dense0", "Dense9")))).toMatch(
      /unexpected tensor "mapping.Dense9/,
    );
    expect(errorOf(() => readCheckpoint(replaced(file, "Conv0_up", "Conv0_ux")))).toContain("Conv0_up");
    expect(errorOf(() => readCheckpoint(replaced(file, "tflib.network", "tflib.netwprk")))).toContain(
      "refused the name",
    );
  });

  test("other state dicts", () => {
    const file = load("rosinality-r32-zip.pt");
    const asPickle = (from: string, to: string) => errorOf(() => readCheckpoint(replaced(file, from, to)));
    expect(asPickle("conv1.activate.bias", "conv1.activate.bixs")).toContain("conv1.activate.bias");
    expect(asPickle("noises.noise_3", "noises.noise_x")).toContain("noises.noise_3");
    expect(asPickle("final_linear.1", "final_linear.2")).toContain("final_linear.1.weight");
  });
});

describe("wrong kinds of file", () => {
  const image = encodePixels({ width: 2, height: 2, channels: 3, data: new Uint8Array(12) });
  const safetensors = writeSafetensors([]);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["PNG", image, "a PNG image"],
    ["web page", ascii("\n<!DOCTYPE html><html>"), "a web page"],
    ["git-lfs", ascii("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "a git-lfs pointer"],
    ["ONNX", ascii("\x08\x07\x12\x07pytorch\x1a\x031.9"), "an ONNX model"],
    ["empty", new Uint8Array(0), "an empty file"],
    ["zeros", new Uint8Array(1000), "a file of zeros"],
    ["text", ascii("hello"), 'a text file beginning "hello"'],
    ["gzip", ascii("\x1f\x8b\x08"), "a gzip archive"],
    ["JPEG", ascii("\xff\xd8\xff\xe0"), "a JPEG image"],
    ["numpy", writeNpy({ data: Float32Array.of(1), shape: [1] }), "a numpy array"],
    ["unknown", Uint8Array.of(1, 2, 3, 200), "beginning with bytes 01 02 03 c8"],
    ["zip", writeZip(new Map([["readme.txt", ascii("x")]])), "expected an entry data.pkl"],
    ["other pickle", pickle(op.list(op.int(1))), "the file holds a list of 1"],
    ["state dict", pickle(op.dict({ weight: op.int(1) })), 'a dict with "weight"'],
    ["foreign safetensors", safetensors, 'expected metadata format "stylegan"'],
  ];
  test.each(cases)("%s", (_name, bytes, message) => {
    expect(errorOf(() => readCheckpoint(bytes))).toContain(message);
  });

  test("truncated checkpoints", () => {
    for (const name of ["sg2ada-r16-orig-orig.pkl", "rosinality-r16-legacy.pt", "rosinality-r32-zip.pt"]) {
      const bytes = load(name);
      for (const part of [0.001, 0.3, 0.9, 0.9999]) {
        expect(errorOf(() => readCheckpoint(bytes.subarray(0, Math.floor(bytes.length * part))))).toMatch(
          /truncated|found the end of the file|expected/,
        );
      }
    }
  });
});
