/** `stylegan project`: what it writes is what `generate` shows; interrupted and resumed it comes to the same bits. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decodePixels } from "../../../src/formats/image/png.js";
import { encodePixels } from "../../../src/formats/image/pngEncoding.js";
import { readNpz } from "../../../src/formats/npy.js";
import { runCommand, scratchFolder } from "../../support/commandLine.js";
import { checkpointNamed, goldensOf, readGolden } from "../../support/goldens.js";

const folder = scratchFolder("project");
const path = (...names: string[]): string => join(folder, ...names);
const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const network = checkpointNamed("sg2ada-r16-resnet-skip").path;
const options = ["--network", network, "--threads", "1"];
const read = (...names: string[]): Buffer => readFileSync(path(...names));

/** A picture with structure, of any size. */
function picture(name: string, width: number, height: number, channels: 1 | 3): string {
  const data = Uint8Array.from({ length: width * height * channels }, (_, k) => {
    const pixel = Math.floor(k / channels);
    return (8 * (pixel % width) + 5 * Math.floor(pixel / width) + 60 * (k % channels)) & 255;
  });
  writeFileSync(path(name), encodePixels({ width, height, channels, data }));
  return path(name);
}

async function project(outdir: string, ...args: string[]) {
  const result = await runCommand("project", ...options, "--outdir", path(outdir), ...args);
  return { ...result, files: () => readdirSync(path(outdir)).sort() };
}

/** The image of stored w's, as generate makes it. */
async function shown(outdir: string, file: string, ...args: string[]): Promise<Buffer> {
  const result = await runCommand("generate", ...options, "--outdir", path(outdir), "--projected_w", file, ...args);
  expect(result.code, result.err).toBe(0);
  return read(outdir, "proj00.png");
}

describe("files", () => {
  test("target.png is the square in the middle at the network's size; generate shows proj.png byte for byte", async () => {
    const target = picture("target.png", 50, 37, 1);
    const { code, err, out, files } = await project("files", "--target", target, "--num-steps", "12");
    expect(code, err).toBe(0);
    expect(files()).toEqual(["proj.png", "projected_w.npz", "projection.json", "target.png"]);
    expect(out).toMatch(/dB after 12 steps/);
    expect(err).toContain("features: disc, the best there is without --lpips");
    const image = decodePixels(read("files", "target.png"));
    expect([image.width, image.height, image.channels]).toEqual([16, 16, 3]);
    const arrays = readNpz(read("files", "projected_w.npz"));
    expect(arrays.get("w")!.shape).toEqual([1, 6, 32]);
    expect([...arrays.keys()].filter((name) => name.startsWith("noise/"))).toHaveLength(5);
    expect((await shown("again", path("files", "projected_w.npz"))).equals(read("files", "proj.png"))).toBe(true);
  });

  test("several targets have a folder each; the mask, W+, pixels and a video", async () => {
    const targets = [picture("a.png", 20, 20, 3), picture("b.png", 16, 30, 3)];
    const both = await project("both", "--target", targets.join(), "--num-steps", "3", "--features", "pyramid");
    expect(both.code, both.err).toBe(0);
    expect(both.files()).toEqual(["a", "b"]);
    expect(read("both", "a", "proj.png").equals(read("both", "b", "proj.png"))).toBe(false);

    // Resumed, what is finished is passed over, and what is not begins.
    const again = ["--num-steps", "3", "--features", "pyramid", "--resume"];
    const more = await project("both", "--target", [...targets, picture("c.png", 16, 16, 3)].join(), ...again);
    expect(more.code, more.err).toBe(0);
    for (const name of ["a", "b"]) {
      expect(more.out).toContain(`${path("both", name, "projected_w.npz")} is finished already`);
    }
    expect(more.err).toContain(`nothing in ${path("both", "c")} to go on from: begins at step 0`);
    expect(more.out.match(/dB after 3 steps/g)).toHaveLength(1);
    const other = await project("both", "--target", targets.join(), ...again, "--lr", "0.2");
    expect([other.code, other.err]).toEqual([2, expect.stringContaining("projection.json is of another projection")]);
    const alone = ["--target", targets[0], "--outdir", path("both", "a"), ...again];
    expect((await project("both", ...alone, "--pti", "1")).out).toMatch(/tuned.safetensors and tuned.png/);
    expect((await project("both", ...alone, "--pti", "1")).out).toContain("is finished already");

    const args = ["--target", targets[0], "--num-steps", "4", "--features", "pixels", "--space", "w+"];
    expect((await project("plus", ...args, "--save-video", path("way.png"))).code).toBe(0);
    const film = decodePixels(read("way.png"));
    expect([film.width, film.height]).toEqual([32, 16]);
    const ws = readNpz(read("plus", "projected_w.npz")).get("w")!.toFloat();
    expect([...ws.subarray(0, 32)]).not.toEqual([...ws.subarray(32, 64)]);
    expect((await project("masked", ...args, "--mask", picture("mask.png", 16, 16, 1), "--mse", "1")).code).toBe(0);
    expect(read("masked", "proj.png").equals(read("plus", "proj.png"))).toBe(false);
  });

  test("no steps from a network's own w, of a seed or a file, give its image", async () => {
    const target = picture("target.png", 16, 16, 3);
    expect((await project("seed", "--target", target, "--num-steps", "0", "--init", "7")).code).toBe(0);
    await runCommand("generate", ...options, "--seeds", "7", "--outdir", path("seven"));
    expect(read("seed", "proj.png").equals(read("seven", "seed0007.png"))).toBe(true);
    await project("start", "--target", target, "--num-steps", "3", "--features", "pixels");
    const file = path("start", "projected_w.npz");
    expect((await project("file", "--target", target, "--num-steps", "0", "--init", file)).code).toBe(0);
    expect(read("file", "proj.png").equals(read("start", "proj.png"))).toBe(true);
  });

  test("--pti trains the generator to make the target there; the tuned network shows it", async () => {
    const args = ["--target", picture("target.png", 16, 16, 3), "--num-steps", "10", "--features", "pyramid"];
    const { code, err, out, files } = await project("pti", ...args, "--pti", "60", "--pti-lr", "0.003");
    expect(code, err).toBe(0);
    expect(files()).toEqual([
      "proj.png",
      "projected_w.npz",
      "projection.json",
      "target.png",
      "tuned.png",
      "tuned.safetensors",
    ]);
    const [before, after] = [...out.matchAll(/: ([\d.]+) dB/g)].map((match) => Number(match[1]));
    expect(after).toBeGreaterThan(before + 2);
    const tuned = await shown("tuned", path("pti", "projected_w.npz"), "--network", path("pti", "tuned.safetensors"));
    expect(tuned.equals(read("pti", "tuned.png"))).toBe(true);
  });
});

describe("interrupted", () => {
  test("and resumed, it comes to the same bits", async () => {
    const mask = (level: number): string => {
      const data = new Uint8Array(256).fill(level);
      writeFileSync(path("half.png"), encodePixels({ width: 16, height: 16, channels: 1, data }));
      return path("half.png");
    };
    const target = ["--target", picture("target.png", 16, 16, 3), "--mask", mask(255)];
    const args = [...target, "--num-steps", "160", "--features", "pixels"];
    expect((await project("whole", ...args)).code).toBe(0);
    const command = [main, "project", ...options, "--outdir", path("parts"), ...args];
    const child = spawn(process.execPath, command, { stdio: ["ignore", "ignore", "pipe"] });
    const told: string[] = [];
    child.stderr.on("data", (text) => {
      if (told.length === 0) child.kill("SIGINT");
      told.push(String(text));
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, told.join("")]).toEqual([130, expect.stringMatching(/stopped after step \d+ of 160/)]);
    expect(readdirSync(path("parts"))).toContain("projection-state.safetensors");
    const other = await project("parts", ...args, "--seed", "1", "--resume");
    expect(other.err).toContain("is of another projection");
    mask(128); // the same name, another mask
    expect((await project("parts", ...args, "--resume")).err).toContain("is of another projection");
    mask(255);
    const resumed = await project("parts", ...args, "--resume");
    expect([resumed.code, resumed.err]).toEqual([0, expect.stringMatching(/goes on after step \d+ of 160/)]);
    expect(resumed.files()).toEqual(["proj.png", "projected_w.npz", "projection.json", "target.png"]);
    expect(read("parts", "projected_w.npz").equals(read("whole", "projected_w.npz"))).toBe(true);
  });
});

describe("what is wrong is said in one line", () => {
  const noD = checkpointNamed("rosinality-r16-legacy").path;
  test.each([
    [["--target", "none.png"], "cannot read none.png"],
    [[], "--target"],
    [["--target", "x.png", "--features", "lpips"], "--features lpips needs --lpips VGG16.pth,LIN.pth"],
    [["--target", "x.png", "--features", "pixels", "--lpips", "a,b"], "--lpips has nothing to say"],
    [["--target", "x.png", "--init", "none.npz"], "cannot read none.npz"],
    [["--target", "x.png,y/x.png"], "two targets are called x"],
    [["--target", "x.png", "--save-video", "way.avi"], "expected a name that ends in"],
    [["--target", "x.png", "--lpips", `${network},${network}`], "VGG16"],
  ])("%j", async (args, message) => {
    const target = picture("x.png", 16, 16, 3);
    const given = args.map((arg) => (arg === "x.png" ? target : arg));
    const { code, err } = await project("wrong", ...given, "--num-steps", "1");
    expect(code).toBeGreaterThan(0);
    expect(err.trimEnd().split("\n").at(-1)).toContain(message);
    expect(existsSync(path("wrong", "proj.png"))).toBe(false);
  });

  test("a w that is not finite; a discriminator that is not there", async () => {
    const target = picture("target.png", 16, 16, 3);
    const bad = readGolden(goldensOf("directions")[0].path).data("sg2ada-r32-skip-resnet/edit/ws");
    expect(bad.length).toBeGreaterThan(0);
    const { writeNpy } = await import("../../../src/formats/npy.js");
    writeFileSync(path("nan.npy"), writeNpy({ data: new Float32Array(32).fill(Number.NaN), shape: [32] }));
    const nan = await project("nan", "--target", target, "--init", path("nan.npy"));
    expect(nan.err).toContain("w must be finite, found NaN at [0]");
    const generate = await runCommand(
      "generate",
      ...options,
      "--projected-w",
      path("nan.npy"),
      "--outdir",
      path("nan"),
    );
    expect(generate.err).toContain("w must be finite, found NaN at [0]");
    if (existsSync(noD)) {
      const { err } = await runCommand(
        "project",
        "--network",
        noD,
        "--target",
        target,
        "--num-steps",
        "0",
        "--outdir",
        path("noD"),
      );
      expect(err).toMatch(/features: (pyramid|disc)/);
    }
  });
});
