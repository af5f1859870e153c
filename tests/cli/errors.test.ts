/** What the commands say of command lines and files that are wrong; and the built program, in a process of its own. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { writeNpz } from "../../src/formats/npy.js";
import { runInto, scratchFolder } from "../support/commandLine.js";

const checkpoints = fileURLToPath(new URL("../fixtures/checkpoints/", import.meta.url));
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = scratchFolder("errors");
const network = (name: string) => join(checkpoints, `${name}.pkl`);

describe("errors: one line, exit code 1 or 2, nothing written", () => {
  const small = network("sg2ada-r16-orig-orig");
  const conditional = network("sg2ada-r32-cond5");
  const one = ["generate", "--network", small, "--seeds", "1"];
  const three = ["generate", "--network", small, "--seeds", "1-3"];
  const text = join(folder, "text.pkl");
  const cut = join(folder, "cut.pkl");
  const same = join(folder, "same.safetensors");
  const npz = join(folder, "wrong.npz");
  const noW = join(folder, "other.npz");
  beforeAll(() => {
    writeFileSync(text, "not a checkpoint\n");
    writeFileSync(same, "");
    writeFileSync(cut, readFileSync(small).subarray(0, 100_000));
    writeFileSync(npz, writeNpz(new Map([["w", { data: new Float32Array(12), shape: [1, 3, 4] }]])));
    writeFileSync(noW, writeNpz(new Map([["v", { data: new Float32Array(1), shape: [1] }]])));
  });

  test.each<[string, RegExp, () => string[]]>([
    ["an unknown command", /^stylegan: unknown command 'paint'; see 'stylegan --help'/, () => ["paint"]],
    ["an unknown option", /Did you mean --seeds\?.*see 'stylegan generate --help'/, () => ["generate", "--sed", "1"]],
    ["nothing to generate", /Give --seeds LIST .* or --projected-w FILE/, () => ["generate"]],
    ["bad seeds", /--seeds.*backwards/, () => ["generate", "--network", small, "--seeds", "6-4"]],
    ["a bad noise mode", /const, random, none/, () => ["generate", "--noise-mode", "loud", "--seeds", "1"]],
    ["a bad psi", /--trunc.*Expected a number/, () => ["generate", "--trunc", "half", "--seeds", "1"]],
    ["a bad psi among others", /--trunc.*Expected a number/, () => [...one, "--trunc", "0,,1"]],
    ["no room for a sweep", /2x2 has no room for 6/, () => [...three, "--trunc", "0,1", "--grid", "2x2"]],
    ["a zoom of nothing", /--zoom enlarges a sheet: ask for one with --grid/, () => [...one, "--zoom", "2"]],
    ["no zoom", /--zoom.*at least 1/, () => [...one, "--grid", "--zoom", "0"]],
    ["no threads", /--threads.*at least 1/, () => ["generate", "--threads", "0", "--seeds", "1"]],
    [
      "too small a grid",
      /2x2 has no room for 5/,
      () => ["generate", "--network", small, "--seeds", "0-4", "--grid", "2x2"],
    ],
    ["too large a grid", /too large/, () => ["generate", "--network", small, "--seeds", "0", "--grid", "9999x9999"]],
    [
      "a missing file",
      /cannot read .*none\.pkl: no such file/,
      () => ["generate", "--network", join(folder, "none.pkl"), "--seeds", "1"],
    ],
    ["a folder", /not a file/, () => ["info", folder]],
    ["a file of another kind", /text\.pkl: .*not a StyleGAN checkpoint/, () => ["info", text]],
    ["a truncated file", /cut\.pkl: /, () => ["generate", "--network", cut, "--seeds", "1"]],
    [
      "a class missing",
      /conditional.*--class.*5 classes, 0 to 4/,
      () => ["generate", "--network", conditional, "--seeds", "1"],
    ],
    [
      "a class too far",
      /no class 5.*0 to 4/,
      () => ["generate", "--network", conditional, "--seeds", "1", "--class", "5"],
    ],
    [
      "w's of another network",
      /w must be \[N, 6, \d+\].*got \[1, 3, 4\]/,
      () => ["generate", "--network", small, "--projected-w", npz],
    ],
    ["no w at all", /array named w, found v/, () => ["generate", "--network", small, "--projected-w", noW]],
    ["w's in no archive", /text\.pkl: zip/, () => ["generate", "--network", small, "--projected-w", text]],
    ["columns missing", /--cols.* not specified/, () => ["mix", "--network", small, "--rows", "1"]],
    [
      "layers too far",
      /no layer 6: its layers are 0 to 5/,
      () => ["mix", "--network", small, "--rows", "1", "--cols", "2", "--styles", "0-6"],
    ],
    [
      "half precision for rosinality",
      /--dtype f16 needs a \.safetensors/,
      () => ["convert", small, join(folder, "out.pt"), "--dtype", "f16"],
    ],
    [
      "what rosinality has not",
      /cannot hold gEma: architecture must be "skip", got "orig"/,
      () => ["convert", small, join(folder, "out.pt")],
    ],
    ["a lod of a network that does not grow", /--lod: .* does not grow/, () => [...one, "--lod", "1"]],
    [
      "a lod too coarse",
      /--lod: tf-stylegan1-r32\.pkl has levels 0 to 3, got 3\.5/,
      () => ["generate", "--network", network("tf-stylegan1-r32"), "--seeds", "1", "--lod", "3.5"],
    ],
    ["another ending", /must end in \.safetensors or \.pt/, () => ["convert", small, join(folder, "out.pkl")]],
    ["converting in place", /is the file to read/, () => ["convert", same, same]],
    [
      "a network that is not there",
      /Expected some of G_ema, G and D/,
      () => ["convert", small, join(folder, "out.safetensors"), "--networks", "e"],
    ],
  ])("%s", async (name, message, args) => {
    const before = readdirSync(folder).sort();
    const { code, err, out, files } = await runInto(folder, `error-${name}`, ...args());
    // 2 where the command line is at fault, which is said by the hint.
    expect(code).toBe(/; see 'stylegan [a-z ]*--help'$/.test(err.trimEnd()) ? 2 : 1);
    expect(err).toMatch(message);
    expect(err).toMatch(/^stylegan[^\n]*\n$/);
    expect(out).toBe("");
    expect(files()).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  test("a folder that cannot be written into", async () => {
    const args = ["generate", "--network", small, "--seeds", "1"];
    writeFileSync(join(folder, "occupied"), "");
    const { code, err } = await runInto(folder, "occupied", ...args);
    expect(code).toBe(1);
    expect(err).toMatch(/^stylegan generate: cannot write into .*occupied: a file is in the way\n$/);
  });

  test("a class for an unconditional network is only a warning", async () => {
    const { code, err, files } = await runInto(
      folder,
      "needless",
      "generate",
      "--network",
      small,
      "--seeds",
      "1",
      "--class",
      "0",
    );
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: --class is ignored/);
    expect(files()).toEqual(["seed0001.png"]);
  });
});

test("the built program: an image, and an exit code", () => {
  const outdir = join(folder, "built");
  const args = ["generate", "--network", network("sg2ada-r16-orig-orig"), "--seeds", "85", "--outdir", outdir];
  const good = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  expect([good.status, good.stderr.split("\n").length]).toEqual([0, 2]);
  expect(readdirSync(outdir)).toEqual(["seed0085.png"]);
  const bad = spawnSync(process.execPath, [main, "generate", "--seeds", "x"], { encoding: "utf8" });
  expect([bad.status, bad.stdout]).toEqual([2, ""]);
  expect(bad.stderr).toMatch(/^stylegan generate: [^\n]*\n$/);
});
