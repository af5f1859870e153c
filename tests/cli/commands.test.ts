/** The commands on real checkpoints; images are held against those of the official implementation. Their errors: errors.test.ts. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../src/formats/bytes.js";
import type { decodePixels } from "../../src/formats/image/png.js";
import { readNpy, writeNpz } from "../../src/formats/npy.js";
import { denseTensor } from "../../src/formats/plainTensor.js";
import { loadCheckpoint, RandomState, Tensor, toPixels } from "../../src/index.js";
import { writeNative } from "../../src/stylegan/checkpoint/native.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { runInto, scratchFolder } from "../support/commandLine.js";
import { compare, readGolden } from "../support/goldens.js";

const checkpoints = fileURLToPath(new URL("../fixtures/checkpoints/", import.meta.url));
const seeds = [0, 1, 85, 6600];
const folder = scratchFolder("cli");

const network = (name: string) => join(checkpoints, `${name}.pkl`);
const golden = (name: string) => readGolden(join(checkpoints, `${name}.golden.safetensors`));
const seedFile = (seed: number) => `seed${String(seed).padStart(4, "0")}.png`;

const run = (name: string, ...args: string[]) => runInto(folder, name, ...args);

describe("generate", () => {
  const skip = network("sg2ada-r32-skip-resnet");

  test.each(["sg2ada-r32-skip-resnet", "sg2ada-r64-fp16-clamp", "sg2ada-r32-gray"])(
    "%s gives the official images, and the sheet has them in order",
    async (name) => {
      const args = ["--network", network(name), "--seeds", seeds.join(), "--trunc", "0.7", "--grid", "2x3"];
      const { code, out, err, image, files } = await run(name, "generate", ...args);
      expect(code, err).toBe(0);
      expect(files()).toEqual(["grid.png", ...seeds.map(seedFile)]);
      expect(out).toMatch(/^4 images in .*grid\.png/);
      expect(err.trimEnd().split("\n")).toHaveLength(4);

      const expected = golden(name);
      const [, height, width, channels] = expected.shape("u8_psi0.7_const");
      const pixels = expected.data("u8_psi0.7_const");
      const imageSize = height * width * channels;
      const sheet = image("grid.png");
      expect([sheet.width, sheet.height]).toEqual([3 * width, 2 * height]);
      for (const [index, seed] of seeds.entries()) {
        const single = image(seedFile(seed));
        expect([single.height, single.width, single.channels]).toEqual([height, width, channels]);
        const official = pixels.subarray(index * imageSize, (index + 1) * imageSize);
        expect(compare(single.data, official).difference).toBeLessThanOrEqual(1);
        expect(tile(sheet, Math.floor(index / 3), index % 3, width)).toEqual(single.data);
      }
      expect(tile(sheet, 1, 2, width).every((value) => value === 0)).toBe(true);
    },
  );

  test("classes of a conditional network", async () => {
    const name = "sg2ada-r32-cond5";
    const labels = golden(name).data("c");
    const pixels = golden(name).data("u8_psi0.7_const");
    const imageSize = pixels.length / seeds.length;
    for (const [index, seed] of seeds.entries()) {
      const label = labels.subarray(index * 5, (index + 1) * 5).indexOf(1);
      const args = ["--network", network(name), "--seeds", String(seed), "--trunc", "0.7", "--class", String(label)];
      const { image } = await run("classes", "generate", ...args);
      const official = pixels.subarray(index * imageSize, (index + 1) * imageSize);
      expect(compare(image(seedFile(seed)).data, official).difference).toBeLessThanOrEqual(1);
    }
  });

  test("an image depends on its own seed only, also its random noise; other runs give the same bytes", async () => {
    for (const noise of ["const", "random"]) {
      const options = ["--network", skip, "--noise-mode", noise];
      const alone = await run(`${noise}-alone`, "generate", ...options, "--seeds", "85");
      const among = await run(`${noise}-among`, "generate", ...options, "--seeds", "3,85,4294967295");
      expect(among.files()).toEqual(["seed0003.png", "seed0085.png", "seed4294967295.png"]);
      expect(among.bytes("seed0085.png").equals(alone.bytes("seed0085.png"))).toBe(true);
      expect(among.bytes("seed0085.png").equals(among.bytes("seed0003.png"))).toBe(false);
    }
    const images = ["const-alone", "random-alone"].map((name) => readFileSync(join(folder, name, "seed0085.png")));
    expect(images[0].equals(images[1])).toBe(false);
  });

  test.each(["tf-stylegan2-configF-r32", "tf-stylegan2-configD-r32", "tf-stylegan1-r32"])(
    "%s: random noise is what TensorFlow's tool draws: after z, variable by variable, from the seed's generator",
    async (name) => {
      const seed = 6600;
      const { gEma } = readCheckpoint(readFileSync(network(name)), { networks: ["gEma"] }).networks;
      const { config, tensors } = gEma!;
      const random = new RandomState(seed);
      random.randn(config.zDim);
      // noise0 lies at 4x4; StyleGAN (2018) has two there, StyleGAN2 one; all other resolutions have two.
      const layers = config.synthesis.channels.flatMap(([r]) => {
        const first = config.kind === "stylegan1-generator" ? ["input"] : [];
        return (r === 4 ? first : ["conv0"]).concat("conv1").map((layer) => ({ layer, r }));
      });
      const drawn = new Map(tensors);
      for (const { layer, r } of layers) {
        const key = `synthesis.b${r}.${layer}.noise_const`;
        expect(tensors.has(key), key).toBe(true);
        drawn.set(key, denseTensor(Float32Array.from(random.randn(r * r)), [r, r]));
      }
      expect(layers).toHaveLength([...tensors.keys()].filter((key) => key.endsWith("noise_const")).length);
      const byHand = join(folder, `${name}.safetensors`);
      writeFileSync(byHand, concatBytes([...writeNative({ gEma: { config, tensors: drawn } })]));

      const options = ["--seeds", String(seed), "--format", "npy"];
      const tool = await run(
        `${name}-tool`,
        "generate",
        "--network",
        network(name),
        ...options,
        "--noise-mode",
        "random",
      );
      const hand = await run(`${name}-hand`, "generate", "--network", byHand, ...options, "--noise-mode", "const");
      expect(tool.bytes("seed6600.npy").equals(hand.bytes("seed6600.npy"))).toBe(true);
      const stored = await run(`${name}-stored`, "generate", "--network", network(name), ...options);
      expect(tool.bytes("seed6600.npy").equals(stored.bytes("seed6600.npy"))).toBe(false);
    },
  );

  test("a level of detail of a network that grows", async () => {
    const name = "tf-stylegan1-r32";
    const expected = golden(name);
    // The golden images come from the w's at psi 0.7 in the first 8 layers: all of them, at 32x32.
    const args = ["--network", network(name), "--seeds", "85", "--trunc", "0.7", "--format", "npy", "--lod", "1"];
    const { code, err, bytes } = await run("lod", "generate", ...args);
    expect(code, err).toBe(0);
    const size = 3 * 32 * 32;
    const index = (JSON.parse(expected.metadata.seeds) as number[]).indexOf(85);
    const official = expected.data("img_const_lod1").subarray(index * size, (index + 1) * size);
    const { difference, largest } = compare(readNpy(bytes("seed0085.npy")).toFloat(), official);
    expect(difference).toBeLessThan(1e-4 * largest);
  });

  test("several psi: every seed with each of them, a row a seed; the pictures are those of the psi alone", async () => {
    const [psis, own] = [
      ["-1", "0", "0.7"],
      ["0", "3"],
    ];
    // Noise from the seed, which has to be the same for every psi.
    const options = ["--network", skip, "--noise-mode", "random"];
    const args = [...options, "--seeds", own.join(), "--trunc", psis.join(), "--grid"];
    const { code, err, out, files, image } = await run("sweep", "generate", ...args);
    expect(code, err).toBe(0);
    expect(out).toMatch(/^6 images/);
    expect(files()).toHaveLength(7);
    const sheet = image("grid.png");
    expect([sheet.width, sheet.height]).toEqual([3 * 32, 2 * 32]);
    for (const [column, psi] of psis.entries()) {
      const alone = await run(`psi${psi}`, "generate", ...options, "--seeds", own.join(), "--trunc", psi);
      expect(alone.files()).toEqual(["seed0000.png", "seed0003.png"]);
      for (const [row, seed] of own.entries()) {
        const { data } = image(`seed000${seed}-psi${psi}.png`);
        expect(data).toEqual(alone.image(`seed000${seed}.png`).data);
        expect(tile(sheet, row, column, 32)).toEqual(data);
      }
    }
  });

  test("a sheet without a size is about square; zoomed, every pixel is so many times so many", async () => {
    const options = ["--network", skip, "--seeds", "0-4", "--grid"];
    const plain = (await run("square", "generate", ...options)).image("grid.png");
    expect([plain.width, plain.height]).toEqual([3 * 32, 2 * 32]);
    const zoomed = (await run("zoomed", "generate", ...options, "--zoom", "3")).image("grid.png");
    expect(zoomed).toMatchObject({ width: 3 * plain.width, height: 3 * plain.height, channels: 3 });
    const repeated = Uint8Array.from(zoomed.data, (_, at) => {
      const [x, y] = [Math.floor(at / 3) % zoomed.width, Math.floor(at / 3 / zoomed.width)];
      return plain.data[(Math.floor(y / 3) * plain.width + Math.floor(x / 3)) * 3 + (at % 3)];
    });
    expect(zoomed.data).toEqual(repeated);
  });

  test("numpy arrays hold what the PNG shows", async () => {
    const options = ["--network", skip, "--seeds", "85"];
    const numbers = await run("npy", "generate", ...options, "--format", "npy");
    const picture = await run("png", "generate", ...options);
    const array = readNpy(numbers.bytes("seed0085.npy"));
    expect([array.dtype, array.shape]).toEqual(["f32", [3, 32, 32]]);
    expect(toPixels(Tensor.from(array.toFloat(), [1, 3, 32, 32]))).toEqual(picture.image("seed0085.png").data);
  });

  test("projected w: the official w's give the official images", async () => {
    const expected = golden("sg2ada-r32-skip-resnet");
    const shape = expected.shape("ws_psi0.7");
    const npz = join(folder, "projected.npz");
    writeFileSync(npz, writeNpz(new Map([["w", { data: expected.data("ws_psi0.7"), shape }]])));
    const args = ["--network", skip, "--projected-w", npz, "--seeds", "7", "--grid", "2x2"];
    const { code, err, files, image } = await run("projected", "generate", ...args);
    expect(code, err).toBe(0);
    expect(err).toContain("warning: ignored with --projected-w: --seeds");
    expect(files()).toEqual(["grid.png", "proj00.png", "proj01.png", "proj02.png", "proj03.png"]);
    const shown = [0, 1, 2, 3].flatMap((index) => [...image(`proj0${index}.png`).data]);
    expect(compare(shown, expected.data("u8_psi0.7_const")).difference).toBeLessThanOrEqual(1);
  });

  test("the reference kernels agree with the fast ones to one level", async () => {
    const options = ["--network", network("sg2ada-r16-resnet-skip"), "--seeds", "85"];
    const fast = await run("fast", "generate", ...options);
    const slow = await run("slow", "generate", ...options, "--kernels", "reference");
    const { difference } = compare(slow.image("seed0085.png").data, fast.image("seed0085.png").data);
    expect(difference).toBeLessThanOrEqual(1);
  });
});

describe("mix", () => {
  const name = "sg2ada-r32-skip-resnet";

  test("w of the row, with the column's in the chosen layers; seeds alone along the edges", async () => {
    const args = ["--network", network(name), "--rows", "0,1", "--cols", "85,6600,1", "--styles", "0-1,4"];
    const { code, err, files, image } = await run("mix", "mix", ...args, "--trunc", "0.7");
    expect(code, err).toBe(0);
    const pairs = ["0-1", "0-6600", "0-85", "1-6600", "1-85"];
    const alone = ["0-0", "1-1", "6600-6600", "85-85"];
    expect(files()).toEqual(
      [...pairs, ...alone]
        .map((key) => `${key}.png`)
        .concat("grid.png")
        .sort(),
    );

    // The same by hand: mix the official w's, and show them.
    const expected = golden(name);
    const [, numWs, wDim] = expected.shape("ws_psi0.7");
    const ws = expected.data("ws_psi0.7");
    const wOf = (seed: number, layer: number) => {
      const begin = (seeds.indexOf(seed) * numWs + layer) * wDim;
      return [...ws.subarray(begin, begin + wDim)];
    };
    const keys = [...pairs, ...alone].map((key) => key.split("-").map(Number));
    const mixed = keys.flatMap(([row, col]) =>
      Array.from({ length: numWs }, (_, layer) => wOf([0, 1, 4].includes(layer) ? col : row, layer)).flat(),
    );
    const npz = join(folder, "mixed.npz");
    const w = { data: Float64Array.from(mixed), shape: [keys.length, numWs, wDim] };
    writeFileSync(npz, writeNpz(new Map([["w", w]])));
    const byHand = await run("byHand", "generate", "--network", network(name), "--projected-w", npz);
    for (const [index, [row, col]] of keys.entries()) {
      const shown = image(`${row}-${col}.png`).data;
      expect(compare(shown, byHand.image(`proj0${index}.png`).data).difference).toBeLessThanOrEqual(1);
    }

    const sheet = image("grid.png");
    expect([sheet.width, sheet.height]).toEqual([4 * 32, 3 * 32]);
    const cells = [
      ["0-0", "0-85", "0-6600", "0-1"],
      ["1-1", "1-85", "1-6600", "1-1"],
    ];
    const zoomed = (await run("mixZoomed", "mix", ...args, "--trunc", "0.7", "--zoom", "2")).image("grid.png");
    expect([zoomed.width, zoomed.height]).toEqual([2 * sheet.width, 2 * sheet.height]);
    expect(tile(sheet, 0, 0, 32).every((value) => value === 0)).toBe(true);
    for (const [x, key] of ["85-85", "6600-6600", "1-1"].entries()) {
      expect(tile(sheet, 0, x + 1, 32)).toEqual(image(`${key}.png`).data);
    }
    for (const [y, row] of cells.entries()) {
      for (const [x, key] of row.entries()) expect(tile(sheet, y + 1, x, 32)).toEqual(image(`${key}.png`).data);
    }
  });
});

describe("info", () => {
  const name = "sg2ada-r32-skip-resnet";

  test("as JSON: geometry, counts, and the output shapes that the layers have", async () => {
    const { code, out } = await run("info", "info", network(name), "--json");
    expect(code).toBe(0);
    const { format, networks } = JSON.parse(out);
    expect(format).toBe("official PyTorch pickle");
    expect(Object.keys(networks)).toEqual(["gEma", "g", "d"]);
    const { gEma } = await loadCheckpoint(network(name), { networks: ["gEma"] });
    const count = [...gEma!.parameters.values()].reduce((sum, { size }) => sum + size, 0);
    expect(networks.gEma.config).toEqual(gEma!.config);
    expect(networks.gEma.parameters).toBe(count);
    const layers: { name: string; parameters: number; output: number[] | null }[] = networks.gEma.layers;
    expect(layers.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(count);
    const expected = golden(name);
    const measured = expected.names.filter((tensor) => tensor.startsWith("layer."));
    expect(measured.length).toBeGreaterThan(5);
    for (const tensor of measured) {
      const layer = layers.find((candidate) => `layer.${candidate.name.replace("synthesis.", "")}` === tensor);
      expect(layer?.output, tensor).toEqual(expected.shape(tensor).slice(-3));
    }
    const discriminator: typeof layers = networks.d.layers;
    expect(discriminator.find((layer) => layer.name === "b32.conv1")?.output?.slice(1)).toEqual([16, 16]);
  });

  test("as a text: twins are told once", async () => {
    const { code, out } = await run("info", "info", network(name));
    expect(code).toBe(0);
    expect(out).toMatch(/imgResolution +32\n/);
    expect(out).toMatch(/synthesis\.b32\.torgb +\d+ +0 +3x\d+x1x1 +3x32x32\n/);
    expect(out).toContain("G, the generator as trained: the same layers as G_ema");
    expect(out).toContain("D, the discriminator\n");
  });
});

describe("convert", () => {
  const source = network("sg2ada-r32-gray");

  test("the native file gives the same images, byte by byte; half precision takes half the space", async () => {
    const [full, half] = [join(folder, "native", "full.safetensors"), join(folder, "native", "half.safetensors")];
    expect((await run("", "convert", source, full)).out).toMatch(/G_ema, G, D in f32/);
    expect((await run("", "convert", full, half, "--dtype", "f16")).out).toMatch(/G_ema, G, D in f16/);
    expect(readdirSync(join(folder, "native")).sort()).toEqual(["full.safetensors", "half.safetensors"]);
    const [before, after, rounded] = await Promise.all(
      [source, full, half].map(async (file, index) =>
        (await run(`converted${index}`, "generate", "--network", file, "--seeds", "85")).image("seed0085.png"),
      ),
    );
    expect(after.data).toEqual(before.data);
    expect(compare(rounded.data, before.data).difference).toBeLessThan(16);
    const ratio = statSync(half).size / statSync(full).size;
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(0.65);
  });

  test("into rosinality's format, and back", async () => {
    const [pt, native] = [join(folder, "other.pt"), join(folder, "other.safetensors")];
    const { code, err, out } = await run("", "convert", network("tf-stylegan2-configF-r32"), pt, "--networks", "gEma");
    expect(code, err).toBe(0);
    expect(out).toMatch(/other\.pt: G_ema in f32, .* from official TensorFlow pickle/);
    await run("", "convert", pt, native);
    const [before, after] = await Promise.all(
      [network("tf-stylegan2-configF-r32"), native].map(async (file, index) =>
        (await run(`pt${index}`, "generate", "--network", file, "--seeds", "85")).image("seed0085.png"),
      ),
    );
    expect(compare(after.data, before.data).difference).toBeLessThanOrEqual(1);
  });

  test("one network of several", async () => {
    const path = join(folder, "one.safetensors");
    await run("", "convert", source, path, "--networks", "gEma");
    expect(Object.keys(await loadCheckpoint(path)).sort()).toEqual(["format", "gEma"]);
  });
});

/** A copy of a tile's bytes. */
function tile(sheet: ReturnType<typeof decodePixels>, row: number, column: number, size: number): Uint8Array {
  const rowBytes = size * sheet.channels;
  const bytes = new Uint8Array(size * rowBytes);
  for (let y = 0; y < size; y++) {
    const begin = ((row * size + y) * sheet.width + column * size) * sheet.channels;
    bytes.set(sheet.data.subarray(begin, begin + rowBytes), y * rowBytes);
  }
  return bytes;
}
