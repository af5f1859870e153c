/** Series of images: seeds given twice or without an option, JSON for programs, Ctrl-C, small networks. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { decodePixels } from "../../src/formats/image/png.js";
import { runCommand } from "../support/commandLine.js";

const root = mkdtempSync(join(tmpdir(), "stylegan-series-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const small = fileURLToPath(new URL("../fixtures/checkpoints/sg2ada-r16-orig-orig.pkl", import.meta.url));
let count = 0;

async function run(...args: string[]) {
  const outdir = join(root, String(count++));
  const result = await runCommand(...args, "--outdir", outdir);
  const files = existsSync(outdir) ? readdirSync(outdir).sort() : [];
  return { ...result, files, outdir };
}

describe("generate", () => {
  test("seeds and psis that are there twice are made once, which is said; -0 is 0", async () => {
    const { err, out, files, outdir } = await run("generate", "--seeds", "3,1-3", "--trunc", "0,-0,0.50,0.5", "--grid");
    expect(err).toMatch(/warning: seed 3 is there more than once; each is made once/);
    expect(err).toMatch(/warning: psi 0(\.5)? is there more than once/);
    expect(out).toMatch(/^6 images in /);
    const names = [1, 2, 3].flatMap((seed) => [`seed000${seed}-psi0.5.png`, `seed000${seed}-psi0.png`]);
    expect(files).toEqual(["grid.png", ...names].sort());
    const grid = decodePixels(readFileSync(join(outdir, "grid.png")));
    expect([grid.width, grid.height]).toEqual([2 * 64, 3 * 64]);
  });

  test("seeds may stand alone; a checkpoint there is told where it goes", async () => {
    expect((await run("generate", "0-2")).files).toEqual(["seed0000.png", "seed0001.png", "seed0002.png"]);
    const wrong = await run("generate", "ffhq.pkl");
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("For a checkpoint: --network ffhq.pkl")]);
    expect((await run("generate", "1", "--seeds", "2")).err).toMatch(/given twice/);
  });

  test("--json tells what was made", async () => {
    const { out, outdir } = await run("generate", "4,5", "--trunc", "0.5", "--json");
    const { seconds, ...made } = JSON.parse(out) as { seconds: number };
    expect(seconds).toBeGreaterThan(0);
    const images = [4, 5].map((seed) => ({ file: join(outdir, `seed000${seed}.png`), seed, psi: 0.5 }));
    expect(made).toEqual({ outdir, images, grid: null, interrupted: false });
  });

  test("a million seeds with as many psis as one likes begin at once", async () => {
    const outdir = join(root, "many");
    const { code, stdout, stderr } = await interrupted([
      "generate",
      "--seeds",
      "0-999999",
      "--trunc",
      Array.from({ length: 51 }, (_, k) => k / 50).join(","),
      "--outdir",
      outdir,
    ]);
    expect(code, stderr).toBe(130);
    expect(stderr).toMatch(/stylegan generate: interrupted: \d+ of 51000000 images are in /);
    expect(stdout).toBe("");
  });

  test("Ctrl-C ends it after the image at hand; the sheet has what was made", async () => {
    const outdir = join(root, "interrupted");
    const { code, stderr } = await interrupted([
      "generate",
      "--seeds",
      "0-9999",
      "--grid",
      "100x100",
      "--outdir",
      outdir,
    ]);
    expect(code, stderr).toBe(130);
    const made = Number(/interrupted: (\d+) of 10000 images/.exec(stderr)![1]);
    const files = readdirSync(outdir);
    expect(files.filter((name) => name.startsWith("seed"))).toHaveLength(made);
    expect(files).toContain("grid.png");
    expect(files.some((name) => name.endsWith(".tmp"))).toBe(false);
  });
});

/** The built program, interrupted once it has made an image. */
function interrupted(
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, ...args, "--threads", "1"]);
  const said = { stdout: "", stderr: "" };
  let isKilled = false;
  child.stdout.on("data", (data) => (said.stdout += data));
  child.stderr.on("data", (data) => {
    said.stderr += data;
    if (!isKilled && said.stderr.includes("seed0000")) isKilled = child.kill("SIGINT");
  });
  return new Promise((done) => child.on("close", (code) => done({ code, ...said })));
}

describe("mix", () => {
  test("a network of few layers gives its first half, and says so", async () => {
    const { code, err, files } = await run("mix", "--network", small, "--rows", "1", "--cols", "2");
    expect(code, err).toBe(0);
    expect(err).toMatch(/has 6 layers; 0-2 take the column's style/);
    const chosen = await run("mix", "--network", small, "--rows", "1", "--cols", "2", "--styles", "0-2");
    expect(files).toEqual(chosen.files);
    expect(chosen.err).not.toMatch(/note:/);
  });

  test("--json", async () => {
    const { out } = await run("mix", "--rows", "1", "--cols", "2", "--json");
    const { images } = JSON.parse(out) as { images: { row: number; col: number }[] };
    expect(images.map(({ row, col }) => `${row}-${col}`).sort()).toEqual(["1-1", "1-2", "2-2"]);
  });
});
