/** `stylegan video`: frames are those that `generate` makes, files are complete or not there, errors say what to do. */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { decodePixels } from "../../../src/formats/image/png.js";
import { writeNpz } from "../../../src/formats/npy.js";
import { RandomState } from "../../../src/nn/random.js";
import { runCommand, scratchFolder } from "../../support/commandLine.js";
import { checkpointNamed, goldensOf, readGolden } from "../../support/goldens.js";

const folder = scratchFolder("video");
const network = checkpointNamed("sg2ada-r32-skip-resnet").path;
const resnet = checkpointNamed("sg2ada-r16-resnet-skip").path;
const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

async function video(name: string, ...args: string[]) {
  const output = join(folder, name);
  const result = await runCommand("video", "--network", network, "--threads", "1", "--output", output, ...args);
  const frame = (index: number) => readFileSync(join(output, `frame${String(index).padStart(4, "0")}.png`));
  const frames = () => readdirSync(output).length;
  return { ...result, output, frame, frames };
}

/** What generate makes of a seed. */
async function generated(seed: number, ...args: string[]): Promise<Buffer> {
  const outdir = join(folder, `seed-${seed}-${args.join("").replaceAll("/", "")}`);
  if (existsSync(outdir)) return readFileSync(join(outdir, `seed${String(seed).padStart(4, "0")}.png`));
  const { code, err } = await runCommand(
    "generate",
    "--threads",
    "1",
    "--network",
    network,
    "--seeds",
    `${seed}`,
    "--outdir",
    outdir,
    ...args,
  );
  expect(code, err).toBe(0);
  return readFileSync(join(outdir, `seed${String(seed).padStart(4, "0")}.png`));
}

describe("frames", () => {
  test.each(["cubic", "linear", "slerp"])(
    "--kind %s passes the images of its seeds byte for byte, in w and in z",
    async (kind) => {
      for (const space of ["w", "z"]) {
        const options = ["--seeds", "85,0,1", "--w-frames", "3", "--kind", kind, "--space", space, "--trunc", "0.7"];
        const { code, err, out, frame, frames } = await video(`${kind}-${space}`, ...options);
        expect(code, err).toBe(0);
        expect(out).toMatch(/^9 frames/);
        expect(frames()).toBe(9);
        for (const [k, seed] of [85, 0, 1].entries()) {
          expect(frame(3 * k).equals(await generated(seed, "--trunc", "0.7"))).toBe(true);
        }
        expect(frame(1).equals(frame(0))).toBe(false);
      }
    },
  );

  test("a frame between keys is the golden's", async () => {
    const golden = readGolden(goldensOf("video")[0].path);
    const { seeds, psi, wFrames } = JSON.parse(golden.metadata.checkpoint) as {
      seeds: number[];
      psi: number;
      wFrames: number;
    };
    const { frame } = await video("golden", "--seeds", seeds.join(), "--trunc", `${psi}`, "--w-frames", `${wFrames}`);
    const expected = golden.data("checkpoint/frame1_u8");
    const different = decodePixels(frame(1)).data.filter((value, k) => Math.abs(value - expected[k]) > 0);
    expect(different.length).toBeLessThan(20);
  });

  test("--no-loop ends at the last key; one key stands still", async () => {
    const open = await video("open", "--seeds", "0,1", "--w-frames", "4", "--no-loop");
    expect(open.frames()).toBe(5);
    expect(open.frame(4).equals(await generated(1))).toBe(true);
    const still = await video("still", "--seeds", "0", "--w-frames", "2");
    expect(still.frame(0).equals(still.frame(1))).toBe(true);
  });

  test("--grid 2x1 is 2 wide, 1 high; the seeds of a place follow each other; keyframes repeat, shuffled by numpy's generator", async () => {
    const { frame } = await video("grid", "--grid", "2x1", "--seeds", "0,1,2,3", "--w-frames", "1");
    const sheet = decodePixels(frame(1)); // second key: seed 1 on the left, seed 3 on the right
    expect([sheet.width, sheet.height]).toEqual([64, 32]);
    const [left, right] = [decodePixels(await generated(1)).data, decodePixels(await generated(3)).data];
    expect(sheet.data.subarray(0, 96)).toEqual(left.subarray(0, 96));
    expect(sheet.data.subarray(96, 192)).toEqual(right.subarray(0, 96));

    const shuffled = await video(
      "shuffled",
      "--seeds",
      "0,1",
      "--num-keyframes",
      "3",
      "--shuffle-seed",
      "7",
      "--w-frames",
      "1",
    );
    const order = [0, 1, 0];
    new RandomState(7).shuffle(order);
    expect(shuffled.frames()).toBe(3);
    for (const [k, seed] of order.entries()) expect(shuffled.frame(k).equals(await generated(seed))).toBe(true);
  });

  test("sweeps: psi, the crossover, a circle, the layers, a direction", async () => {
    const seed0 = await generated(0);
    const psi = await video("psi", "--seeds", "0", "--process", "truncation", "--trunc", "1--1", "--w-frames", "4");
    expect(psi.frame(0).equals(seed0)).toBe(true);
    expect(psi.frame(1).equals(await generated(0, "--trunc", "0"))).toBe(true);
    expect(psi.frame(2).equals(await generated(0, "--trunc", "-1"))).toBe(true);

    const mix = await video("mix", "--seeds", "0,1", "--process", "mix", "--w-frames", "9", "--no-loop");
    expect([mix.frame(0).equals(seed0), mix.frame(8).equals(await generated(1))]).toEqual([true, true]);
    const circle = await video("circle", "--seeds", "0,1", "--process", "circular", "--w-frames", "4");
    expect([circle.frame(0).equals(seed0), circle.frame(2).equals(seed0)]).toEqual([true, false]);
    const layers = await video("layers", "--seeds", "0", "--process", "layers", "--w-frames", "4", "--no-loop");
    expect([layers.frame(0).equals(seed0), layers.frame(3).equals(seed0)]).toEqual([false, true]);

    const directions = join(folder, "direction.npz");
    const step = new Float32Array(64).fill(0.1);
    writeFileSync(directions, writeNpz(new Map([["directions", { data: step, shape: [1, 64] }]])));
    const swing = await video(
      "swing",
      "--seeds",
      "0",
      "--direction",
      `${directions}:0@0-3`,
      "--range",
      "-2,2",
      "--w-frames",
      "4",
    );
    expect(swing.frame(0).equals(seed0)).toBe(true);
    expect(swing.frame(1).equals(await generated(0, "--edit", `${directions}:0@0-3=+2`))).toBe(true);
    expect(swing.frame(3).equals(await generated(0, "--edit", `${directions}:0@0-3=-2`))).toBe(true);
  });

  test("noise that turns begins with the network's own; a layer's maps; keys from a file", async () => {
    const loop = await video("noise", "--seeds", "0", "--noise-mode", "loop", "--w-frames", "3");
    expect(loop.frame(0).equals(await generated(0))).toBe(true);
    expect(loop.frame(1).equals(loop.frame(0))).toBe(false);
    const layer = await video("layer", "--seeds", "0", "--layer", "b8.conv1", "--w-frames", "1");
    expect(decodePixels(layer.frame(0)).width).toBe(32);
    expect(layer.frame(0).equals(await generated(0))).toBe(false);

    const ws = readGolden(goldensOf("directions")[0].path).data("sg2ada-r32-skip-resnet/edit/ws");
    const file = join(folder, "w.npz");
    writeFileSync(file, writeNpz(new Map([["w", { data: Float32Array.from(ws), shape: [1, 8, 64] }]])));
    const outdir = join(folder, "stored");
    await runCommand("generate", "--network", network, "--projected_w", file, "--outdir", outdir);
    const stored = await video("keys", "--projected-w", file, "--seeds", "0", "--w-frames", "1");
    expect(stored.frame(0).equals(readFileSync(join(outdir, "proj00.png")))).toBe(true);
    expect(stored.frame(1).equals(await generated(0))).toBe(true);
  });
});

describe("files", () => {
  test("animated PNG and GIF, by the ending; its first frame is the image", async () => {
    const png = await video("film.png", "--seeds", "0,1", "--w-frames", "2", "--fps", "30");
    const image = decodePixels(readFileSync(png.output));
    expect(image.data).toEqual(decodePixels(await generated(0)).data);
    const gif = await video("film.gif", "--seeds", "0,1", "--w-frames", "2");
    expect(gif.err).toContain("GIF has at most 50 frames a second");
    expect(readFileSync(gif.output).subarray(0, 6).toString()).toBe("GIF89a");
  });

  test("mp4 goes through ffmpeg with raw frames and gets its name when ffmpeg is done; its errors are told", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const program = join(bin, "ffmpeg");
    const write = (body: string) => {
      writeFileSync(program, `#!/bin/sh\n[ "$1" = -version ] && exit 0\n${body}\n`);
      chmodSync(program, 0o755);
    };
    vi.stubEnv("PATH", `${bin}${delimiter}${process.env.PATH}`);
    try {
      write(`for last; do :; done; echo "$@" > ${join(folder, "args")}; cat > "\${last#file:}"`);
      const args = ["--seeds", "0,1", "--w-frames", "2", "--fps", "24"];
      const { code, err, output } = await video("film.mp4", ...args);
      expect(code, err).toBe(0);
      expect(readFileSync(output)).toHaveLength(4 * 32 * 32 * 3);
      expect(
        readFileSync(output)
          .subarray(0, 3072)
          .equals(Buffer.from(decodePixels(await generated(0)).data)),
      ).toBe(true);
      const said = readFileSync(join(folder, "args"), "utf8");
      for (const part of [
        "-s 32x32 -r 24",
        "-crf 16",
        "-pix_fmt yuv420p",
        "+faststart",
        "pad=ceil(iw/2)*2:ceil(ih/2)*2",
        " file:", // or a colon in the name would end the name of a protocol
      ]) {
        expect(said).toContain(part);
      }
      write("cat > /dev/null; echo no such codec >&2; exit 3");
      const failed = await video("failed.webm", ...args);
      expect([failed.code, failed.err]).toEqual([1, expect.stringContaining("ffmpeg ended with 3: no such codec")]);
      expect(existsSync(failed.output)).toBe(false);
      vi.stubEnv("PATH", join(folder, "nowhere"));
      const without = await video("without.mp4", ...args);
      expect(without.err.trimEnd().split("\n")).toHaveLength(1);
      expect(without.err).toMatch(/needs the program ffmpeg.*without it: \.png \(animated\), \.gif, or a folder/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test.each([
    ["SIGTERM", "film.png"],
    ["SIGINT", "frames"],
    ["SIGKILL", "film.png"],
    ["SIGKILL", "frames"],
  ] as const)(
    "%s while it writes %s: nothing of the name; what is left over the next film beside it clears up",
    async (signal, name) => {
      const place = join(folder, `${signal}-${name}`);
      mkdirSync(place);
      const output = join(place, name);
      const args = [main, "video", "--network", network, "--seeds", "0-9", "--w-frames", "5000", "--output", output];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
      let err = "";
      await new Promise((resolve) =>
        child.stderr.on("data", (text) => {
          err += text;
          resolve(null);
        }),
      );
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill(signal);
      const code = await ended;
      expect(existsSync(output)).toBe(false);
      if (signal !== "SIGKILL") {
        expect(readdirSync(place)).toEqual([]);
        expect([code, err]).toEqual([130, expect.stringMatching(/interrupted after \d+ of 50000 frames; nothing/)]);
      } else {
        expect(readdirSync(place)).toHaveLength(1);
        await video(join(`${signal}-${name}`, "next.png"), "--seeds", "0", "--w-frames", "1");
        expect(readdirSync(place)).toEqual(["next.png"]);
      }
    },
  );
});

describe("what is wrong is said in one line", () => {
  test.each([
    [["--seeds", "0-4", "--grid", "2x1"], "5 seeds do not divide among 2 x 1 places"],
    [["--seeds", "0", "--grid", "0x1"], "4x2 is 4 wide, 2 high"],
    [[], "what to show?"],
    [["--seeds", "0", "--process", "mix"], "takes 2 seeds (or w's) for each of 1 places, got 1"],
    [["--seeds", "0", "--process", "mix", "--num-keyframes", "2"], "has no keyframes to count"],
    [["--seeds", "0", "--layer", "b7.conv1"], "this network has no layer b7.conv1; it has b4.conv1, b4.torgb"],
    [["--seeds", "0", "--trunc", "1-x"], "Expected a number, or a range such as 1-0.5"],
    [["--seeds", "0", "--range", "3"], "Expected two numbers"],
    [["--seeds", "0", "--network", resnet, "--process", "layers"], "only skip generators show it growing"],
    [["--seeds", "0", "--direction", "none.npz"], "cannot read none.npz"],
    [["--seeds", "0", "--direction", "x.npz", "--process", "layers"], "--direction is a process of its own"],
  ])("%j", async (args, message) => {
    const { code, err, output } = await video("wrong.png", ...args);
    expect(code).toBe(err.includes("--help'") ? 2 : 1);
    expect(err.trimEnd().split("\n").at(-1)).toContain(message);
    expect(existsSync(output)).toBe(false);
  });

  test("endings, and folders in use", async () => {
    expect((await video("film.avi", "--seeds", "0")).err).toContain("expected a name that ends in .mp4, .webm, .png");
    mkdirSync(join(folder, "used"));
    writeFileSync(join(folder, "used", "file"), "");
    expect((await video("used", "--seeds", "0")).err).toContain("used is not empty");
  });
});
