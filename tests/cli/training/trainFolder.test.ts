/** The folder of a run: who may begin, continue or share it, and what happens to files that are damaged or somebody else's. */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockFolder } from "../../../src/cli/train/folder.js";
import { encodePixels } from "../../../src/formats/image/pngEncoding.js";
import { RandomState } from "../../../src/nn/random.js";
import { networkPreset } from "../../../src/stylegan/training/presets.js";
import { runCommand } from "../../support/commandLine.js";

const root = mkdtempSync(join(tmpdir(), "stylegan-folder-"));
const data = join(root, "data");
afterAll(() => rmSync(root, { recursive: true, force: true }));

function images(folder: string, side: number): string {
  mkdirSync(folder, { recursive: true });
  for (let k = 0; k < 8; k++) {
    const pixels = Uint8Array.from({ length: side * side * 3 }, () => new RandomState(k).randint(0, 256));
    writeFileSync(join(folder, `${k}.png`), encodePixels({ width: side, height: side, channels: 3, data: pixels }));
  }
  return folder;
}
beforeAll(() => void images(data, 8));

const TINY = [
  "--cfg",
  "tiny",
  "--batch",
  "4",
  "--aug",
  "noaug",
  "--channel-max",
  "8",
  "--z-dim",
  "8",
  "--w-dim",
  "8",
  "--threads",
  "1",
];
const NEW = [...TINY, "--kimg", "0.004"];

const train = (...args: string[]) => runCommand("train", ...args);

/** A run that was begun, in a folder of this name. */
async function begun(name: string): Promise<string> {
  const outdir = join(root, name);
  const { code, err } = await train("--data", data, "--outdir", outdir, ...NEW);
  expect(code, err).toBe(0);
  return outdir;
}

describe("where a run may be", () => {
  test("images of 4x4 are refused for every preset, before a folder is made", async () => {
    const small = images(join(root, "small"), 4);
    for (const cfg of ["auto", "tiny", "stylegan2", "cifar", "stylegan1", "config-d", "config-f"]) {
      const outdir = join(root, "four");
      const { code, err } = await train("--data", small, "--outdir", outdir, "--cfg", cfg, "--kimg", "0.004");
      expect(code).not.toBe(0);
      expect(err).toMatch(/at least 8 pixels a side to train on, got 4x4/);
      expect(existsSync(outdir)).toBe(false);
    }
  });

  test("not in its own data set, directly, deeper, by a link or with dots", async () => {
    symlinkSync(data, join(root, "link"));
    for (const outdir of [
      data,
      join(data, "run"),
      join(data, "a", "b"),
      join(root, "link", "run"),
      join(data, "..", "data", "x"),
    ]) {
      const { code, err } = await train("--data", data, "--outdir", outdir, ...NEW);
      expect(code).not.toBe(0);
      expect(err).toMatch(/lies in --data/);
    }
    expect(readdirSync(data)).toHaveLength(8);
    expect((await train("--data", data, "--outdir", join(root, "data-run"), ...NEW)).code).toBe(0);
  });

  test("not over files that have a run's names, and nothing of them is touched", async () => {
    const outdir = join(root, "foreign");
    mkdirSync(outdir);
    for (const name of ["report.html", "notes.txt", "reports-of-mine.tmp"]) writeFileSync(join(outdir, name), name);
    const { code, err } = await train("--data", data, "--outdir", outdir, ...NEW);
    expect(code).not.toBe(0);
    expect(err).toMatch(/foreign holds report\.html, which a run would overwrite/);
    rmSync(join(outdir, "report.html"));
    expect((await train("--data", data, "--outdir", outdir, ...NEW)).code).toBe(0);
    for (const name of ["notes.txt", "reports-of-mine.tmp"])
      expect(readFileSync(join(outdir, name), "utf8")).toBe(name);
  });

  test("--resume on a folder without a run says so, and writes nothing", async () => {
    const outdir = join(root, "empty");
    mkdirSync(outdir);
    const { code, err } = await train("--resume", outdir, "--data", data, ...NEW);
    expect(code).not.toBe(0);
    expect(err).toMatch(/empty holds no run/);
    expect(readdirSync(outdir)).toEqual([]);
  });
});

describe("continuing", () => {
  test("--resume dir/ --outdir dir is one folder; options that say what the run has are no change", async () => {
    const outdir = await begun("same");
    const { generator, settings } = networkPreset("tiny", { resolution: 8, batch: 4 });
    const said = [
      "--map-layers",
      `${generator.mapping.layerFeatures.length}`,
      "--gamma",
      `${settings.r1Gamma}`,
      "--seed",
      "0",
    ];
    const again = await train("--resume", `${outdir}/`, "--outdir", outdir, "--kimg", "0.008", ...said, "--batch", "4");
    expect(again.code, again.err).toBe(0);
    const changed = await train("--resume", outdir, "--seed", "1");
    expect(changed.err).toMatch(/--seed 1 cannot be changed: the run began with the default/);
  });

  test("other images in the place of those that it began with, and other kernels, are said; the same ones are not", async () => {
    const own = images(join(root, "own"), 8);
    const outdir = join(root, "others");
    const first = await train("--data", own, "--outdir", outdir, ...NEW);
    expect(first.code, first.err).toBe(0);
    const again = await train("--resume", outdir, "--kimg", "0.008");
    expect(again.err).not.toContain("warning");
    const pixels = new Uint8Array(8 * 8 * 3).fill(200);
    writeFileSync(join(own, "3.png"), encodePixels({ width: 8, height: 8, channels: 3, data: pixels }));
    const other = await train("--resume", outdir, "--kimg", "0.012");
    expect(other.code, other.err).toBe(0);
    expect(other.err).toContain(`warning: ${own} holds other images or labels than when this run began`);
    const slow = await train("--resume", outdir, "--kimg", "0.016", "--kernels", "reference");
    expect(slow.code, slow.err).toBe(0);
    expect(slow.err).toMatch(/was computed by [\w-]+ kernels, here are reference ones, which round differently/);
  });

  test.each([
    ["{", /run\.json is damaged/],
    ["[]", /run\.json is damaged: expected an object, found list/],
    ['{"version": 2}', /run\.json: expected version 1, found 2/],
    ['{"version": 1, "options": {}}', /run\.json is damaged: dataPath must be string, found undefined/],
  ])("a run.json that reads %s is named", async (text, message) => {
    const outdir = join(root, `damaged${text.length}`);
    mkdirSync(outdir);
    writeFileSync(join(outdir, "run.json"), text);
    const { code, err } = await train("--resume", outdir);
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(readFileSync(join(outdir, "run.json"), "utf8")).toBe(text);
  });

  test("states without a run.json are not begun anew", async () => {
    const outdir = await begun("lost");
    rmSync(join(outdir, "run.json"));
    for (const how of [
      ["--resume", outdir],
      ["--resume", "latest", "--outdir", outdir],
      ["--outdir", outdir],
    ]) {
      const { code, err } = await train("--data", data, ...how, ...TINY);
      expect(code).toBe(1);
      expect(err).toMatch(/run\.json is missing beside the states/);
    }
  });
});

describe("one at a time", () => {
  test("a second run is kept out, by the name of the first", async () => {
    const outdir = await begun("shared");
    const other = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
    try {
      const lock = { pid: other.pid, host: hostname(), since: "2026-01-01" };
      writeFileSync(join(outdir, ".lock"), JSON.stringify(lock));
      const { code, err } = await train("--resume", outdir, "--kimg", "0.008");
      expect(code).not.toBe(0);
      expect(err).toMatch(new RegExp(`in use by process ${other.pid} on .*since 2026-01-01`));
    } finally {
      const gone = new Promise((done) => other.on("exit", done));
      other.kill("SIGKILL");
      await gone;
    }
    const { code, err } = await train("--resume", outdir, "--kimg", "0.008");
    expect(code, err).toBe(0);
    expect(existsSync(join(outdir, ".lock"))).toBe(false);
  });

  test("a lock of another machine, or one that cannot be read, is respected or replaced", () => {
    const folder = join(root, "locks");
    mkdirSync(folder);
    writeFileSync(join(folder, ".lock"), JSON.stringify({ pid: 1, host: "elsewhere.example", since: "now" }));
    expect(() => lockFolder(folder)).toThrow(/process 1 on elsewhere\.example/);
    writeFileSync(join(folder, ".lock"), "half");
    const lock = lockFolder(folder);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });
});
