/** `stylegan directions`, edits, `blend`, `average` and `resize` through the command line. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodePixels } from "../../../src/formats/image/png.js";
import { readNpz, writeNpz } from "../../../src/formats/npy.js";
import { loadCheckpoint } from "../../../src/index.js";
import { runCommand, scratchFolder } from "../../support/commandLine.js";
import { checkpointNamed, compare, goldensOf, readGolden } from "../../support/goldens.js";

const folder = scratchFolder("directions");
const NAME = "sg2ada-r32-skip-resnet";
const network = checkpointNamed(NAME).path;
const golden = readGolden(goldensOf("directions")[0].path);
const path = (name: string): string => join(folder, name);
const options = ["--network", network, "--threads", "1"];

async function ok(...args: string[]) {
  const result = await runCommand(...args);
  expect(result.code, result.err).toBe(0);
  return result;
}

/** Images that generate makes, by the name of the file. */
async function generated(name: string, ...args: string[]): Promise<Map<string, Buffer>> {
  await ok("generate", ...options, "--outdir", path(name), ...args);
  return new Map(readdirSync(path(name)).map((file) => [file, readFileSync(join(path(name), file))]));
}

describe("directions", () => {
  test("find: SeFa's golden in the file, with eigenvalues and layers", async () => {
    const { out } = await ok("directions", "find", path("sefa.npz"), ...options, "--layers", "2-5", "-c", "16");
    expect(out).toMatch(/^16 directions of .* by sefa/);
    const arrays = readNpz(readFileSync(path("sefa.npz")));
    expect(arrays.get("directions")!.shape).toEqual([16, 64]);
    expect(
      compare(arrays.get("directions")!.toFloat(), golden.data(`${NAME}/2-5/eigenvectors`)).difference,
    ).toBeLessThan(1e-4);
    expect([...arrays.get("layers")!.toFloat()]).toEqual([2, 3, 4, 5]);
    expect(arrays.get("eigenvalues")!.shape).toEqual([16]);
  });

  test("find: PCA's golden", async () => {
    await ok(
      "directions",
      "find",
      path("pca.npz"),
      ...options,
      "--method",
      "pca",
      "-n",
      "2000",
      "--seed",
      "123",
      "-c",
      "8",
    );
    const arrays = readNpz(readFileSync(path("pca.npz")));
    expect(compare(arrays.get("directions")!.toFloat(), golden.data(`${NAME}/pca/components`)).difference).toBeLessThan(
      1e-4,
    );
  });

  test("an edit is the golden's; edits add up byte for byte; a file's layers count unless others are named", async () => {
    const seed = ["--seeds", "0", "--trunc", "0.7"];
    const once = await generated("once", ...seed, "--edit", `${path("sefa.npz")}:0=3`);
    const pixels = decodePixels(once.get("seed0000.png")!).data;
    const image = golden.data(`${NAME}/edit/image`);
    const expected = pixels.map((_, k) =>
      Math.min(Math.max(Math.floor(image[(k % 3) * 1024 + Math.floor(k / 3)] * 127.5 + 128), 0), 255),
    );
    expect(compare(pixels, expected).difference).toBeLessThanOrEqual(1);
    const sum = await generated(
      "sum",
      ...seed,
      "--edit",
      `${path("sefa.npz")}:0=+1`,
      "--edit",
      `${path("sefa.npz")}:0@2-5=2`,
    );
    expect(sum).toEqual(once);
    const other = await generated("other", ...seed, "--edit", `${path("sefa.npz")}:0@0-1=3`);
    expect(other.get("seed0000.png")!.equals(once.get("seed0000.png")!)).toBe(false);
    await ok(
      "mix",
      ...options,
      "--rows",
      "0",
      "--cols",
      "1",
      "--styles",
      "coarse",
      "--trunc",
      "0.7",
      "--edit",
      `${path("sefa.npz")}:0=3`,
      "--outdir",
      path("mixed"),
    );
    expect(readFileSync(join(path("mixed"), "0-0.png")).equals(once.get("seed0000.png")!)).toBe(true);
  });

  test("sheet: a seed in each row, the seed itself in the middle", async () => {
    await ok(
      "directions",
      "sheet",
      ...options,
      "--directions",
      path("sefa.npz"),
      "-i",
      "1",
      "--seeds",
      "0,1",
      "--steps",
      "3",
      "--trunc",
      "0.7",
      "--outdir",
      path("sheets"),
    );
    const sheet = decodePixels(readFileSync(join(path("sheets"), "direction01.png")));
    expect([sheet.width, sheet.height]).toEqual([96, 64]);
    const alone = decodePixels((await generated("alone", "--seeds", "1", "--trunc", "0.7")).get("seed0001.png")!);
    for (let y = 0; y < 32; y++) {
      const from = ((32 + y) * 96 + 32) * 3;
      expect(sheet.data.subarray(from, from + 96)).toEqual(alone.data.subarray(y * 96, (y + 1) * 96));
    }
  });

  test("truncation by layers is the cutoff, byte for byte; a new centre at psi 0 is that image", async () => {
    const cut = await generated("cut", "--seeds", "3", "--trunc", "0.7", "--trunc-cutoff", "3");
    expect(await generated("list", "--seeds", "3", "--trunc", "0.7@0-2,1@3-7")).toEqual(cut);
    const centre = await generated("centre", "--seeds", "3", "--trunc", "0", "--new-center", "8");
    const eight = await generated("eight", "--seeds", "8");
    expect(centre.get("seed0003.png")!.equals(eight.get("seed0008.png")!)).toBe(true);
  });

  test("a style channel", async () => {
    const plain = await generated("plain", "--seeds", "0");
    const styled = await generated("styled", "--seeds", "0", "--style", "b8.conv1[3]=+5");
    expect(styled).not.toEqual(plain);
    const undone = await generated(
      "undone",
      "--seeds",
      "0",
      "--style",
      "b8.conv1[3]=+5",
      "--style",
      "synthesis.b8.conv1[3]=-5",
    );
    expect(
      compare(decodePixels(undone.get("seed0000.png")!).data, decodePixels(plain.get("seed0000.png")!).data).difference,
    ).toBeLessThanOrEqual(1);
  });

  const generate = ["generate", ...options, "--seeds", "0", "--outdir", path("none")];
  test.each([
    [[...generate, "--edit", "none.npz=1"], "cannot read none.npz"],
    [[...generate, "--edit", "x.npz"], "Expected FILE:INDEX@LAYERS=AMOUNT"],
    [[...generate, "--style", "b8.conv9[3]=1"], "no layer b8.conv9 with styles; it has b4.conv1"],
    [[...generate, "--style", "b8.conv1[99]=1"], "b8.conv1 has channels 0 to 31, got 99"],
    [[...generate, "--trunc", "0.7@0-9"], "no layer 8: its layers are 0 to 7"],
    [[...generate, "--trunc", "0.7@0-2,1@2-3"], "Layer 2 has two values of psi"],
    [[...generate, "--trunc", "0.7@0-2", "--trunc-cutoff", "2"], "--trunc names its layers"],
    [[...generate, "--trunc-cutoff", "2"], "give both"],
    [["directions", "find", "out.txt", ...options], "must end in .npz"],
    [["directions", "find", path("x.npz"), ...options, "--layers", "0-8"], "no layer 8: its layers are 0 to 7"],
    [
      ["mix", "--network", network, "--rows", "0", "--cols", "1", "--styles", "fine", "--outdir", path("none")],
      "at 32x32, has no fine layers",
    ],
  ])("%j", async (args, message) => {
    const { code, err } = await runCommand(...args);
    expect([code, err.trimEnd().split("\n").length]).toEqual([message.startsWith("cannot read") ? 1 : 2, 1]);
    expect(err).toContain(message);
    expect(existsSync(path("none"))).toBe(false);
  });

  test("a direction that the file does not have, or of another width", async () => {
    const few = await runCommand(...generate, "--edit", `${path("sefa.npz")}:99=1`);
    expect(few.err).toContain("has no direction 99: it has 16, 0 to 15");
    writeFileSync(path("narrow.npz"), writeNpz(new Map([["d", { data: new Float32Array(3), shape: [3] }]])));
    const narrow = await runCommand(...generate, "--edit", `${path("narrow.npz")}=1`);
    expect(narrow.err).toContain("directions must be [64], [K, 64] or [K, 8, 64] for this network, found d [3]");
  });
});

describe("surgery", () => {
  const tensors = async (file: string) => {
    const { format: _1, names: _2, warnings: _3, ...networks } = await loadCheckpoint(file);
    return Object.fromEntries(
      Object.entries(networks).map(([name, { parameters, buffers }]) => [
        name,
        [...parameters, ...buffers].map(([key, tensor]) => [key, tensor.toArray()]),
      ]),
    );
  };

  test("blend A A and average A are A bit for bit, every network in it", async () => {
    const expected = await tensors(network);
    await ok("blend", network, network, path("blend.safetensors"), "--split-res", "16", "--blend-width", "3");
    expect(await tensors(path("blend.safetensors"))).toEqual(expected);
    await ok("average", network, path("average.safetensors"));
    expect(await tensors(path("average.safetensors"))).toEqual(expected);
  });

  test("average of a run takes its last snapshots; resize changes the resolution", async () => {
    mkdirSync(path("run"));
    for (const kimg of [1, 2, 10])
      copyFileSync(
        path("average.safetensors"),
        join(path("run"), `network-snapshot-${String(kimg).padStart(6, "0")}.safetensors`),
      );
    expect((await ok("average", path("run"), path("of-run.safetensors"), "--last", "2")).out).toContain(
      "the average of 2",
    );
    const { out } = await ok("resize", network, path("64.safetensors"), "--res", "64");
    expect(out).toContain("untrained: G_ema synthesis.b64.conv0");
    expect((await loadCheckpoint(path("64.safetensors"))).gEma!.imgResolution).toBe(64);
  });

  test("what differs is told: the mapping as a warning, the geometry by its first layer; files are not written over", async () => {
    const other = checkpointNamed("sg2ada-r32-gray").path;
    const differs = await runCommand("blend", network, other, path("no.safetensors"), "--split-res", "16");
    expect(differs.err).toMatch(/is \[.*\] in sg2ada-r32-skip-resnet\.pkl and \[.*\] in sg2ada-r32-gray\.pkl/);
    const { gEma, g, d } = await loadCheckpoint(network);
    gEma!.parameters.get("mapping.fc0.bias")!.update(({ data }) => data.fill(1));
    const { saveCheckpoint } = await import("../../../src/index.js");
    await saveCheckpoint(path("moved.safetensors"), { gEma, g, d });
    const warned = await ok(
      "blend",
      network,
      path("moved.safetensors"),
      path("warned.safetensors"),
      "--split-res",
      "16",
    );
    expect(warned.err).toContain("warning: the mapping networks (G_ema) differ");
    const same = await runCommand("average", path("moved.safetensors"), path("moved.safetensors"));
    expect(same.err).toContain("is a file to read");
    expect((await runCommand("resize", network, path("x.safetensors"), "--res", "32")).err).toContain(
      "32x32 pixels already",
    );
    expect((await runCommand("average", network, path("x.safetensors"), "--last", "2")).err).toContain(
      "there are only 1",
    );
    const split = await runCommand("blend", network, network, path("no.safetensors"), "--split-res", "17");
    expect(split.err).toMatch(/^stylegan blend: the split must be a resolution of the network, 4 to 32, got 17;/);
    expect(existsSync(path("no.safetensors"))).toBe(false);
  });
});
