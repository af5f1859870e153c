/** `stylegan metrics` with Inception and LPIPS, whose weights come from seeds, on as few images as there can be. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { readNpz } from "../../src/formats/npy.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import { type MetricLine, metricLines, runCommand, scratchFolder } from "../support/commandLine.js";
import { goldensOf, readGolden } from "../support/goldens.js";
import { seededWeights } from "../support/seededWeights.js";

const folder = scratchFolder("inception");
const at = (...names: string[]): string => join(folder, ...names);
const network = fileURLToPath(new URL("../fixtures/checkpoints/sg2ada-r32-skip-resnet.pkl", import.meta.url));

const metrics = (...args: string[]) => runCommand("metrics", ...args);

describe("Inception", () => {
  const inception = at("inception.safetensors");
  const args = ["--network", network, "--data", at("few"), "--inception", inception, "--outdir", at("inception")];

  beforeAll(async () => {
    await runCommand("generate", "--network", network, "--seeds", "500,501", "--outdir", at("few"));
    const weights = seededWeights(readGolden(goldensOf("inception")[0].path));
    writeFileSync(inception, writeSafetensors([...weights].map(([name, tensor]) => ({ name, dtype: "f32", tensor }))));
  }, 60_000);

  test("FID and KID of two images; statistics in place of the data; two sets; the same numbers", async () => {
    const { code, err } = await metrics(...args, "--metrics", "fid2_full,kid2", "--save-stats", at("few.npz"));
    expect(code, err).toBe(0);
    const [fid] = metricLines(at("inception"), "fid2_full");
    expect(fid.results.fid2_full).toBeGreaterThan(0);
    expect(fid).toMatchObject({ resize: "tf", features: "inception" });
    expect(fid.inception_sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(metricLines(at("inception"), "kid2")[0].results.kid2).toBeTypeOf("number");

    const arrays = readNpz(readFileSync(at("few.npz")));
    expect([...arrays].map(([name, { shape }]) => [name, [...shape]])).toEqual([
      ["mu", [2048]],
      ["sigma", [2048, 2048]],
    ]);
    const again = await metrics(...args, "--data", at("few.npz"), "--metrics", "fid2_full", "--json");
    const { results } = JSON.parse(again.out) as MetricLine;
    expect(Math.abs(results.fid2_full - fid.results.fid2_full)).toBeLessThan(1e-9 * fid.results.fid2_full);

    const cache = ["--cache", at("inception", "features"), "--inception", inception];
    const pair = await metrics("fid", at("few"), at("few.npz"), ...cache, "--json");
    const itself = JSON.parse(pair.out) as { fid: number };
    expect(Object.keys(itself)).toEqual(["fid"]);
    expect(itself.fid).toBeLessThan(1e-6);
  });

  test("path length, with LPIPS from files", async () => {
    const weights = seededWeights(readGolden(goldensOf("lpips")[0].path));
    const file = at("lpips.safetensors");
    writeFileSync(file, writeSafetensors([...weights].map(([name, tensor]) => ({ name, dtype: "f32", tensor }))));
    const ppl = ["--network", network, "--metrics", "ppl2_wend3,ppl_zfull3", "--lpips", `${file},${file}`];
    const { code, err } = await metrics(...ppl, "--outdir", at("paths"));
    expect(code, err).toBe(0);
    for (const name of ["ppl2_wend3", "ppl_zfull3"]) {
      const [line] = metricLines(at("paths"), name);
      expect(line.results[name]).toBeGreaterThan(0);
      expect(line).toMatchObject({ num_generated: 3, num_real: null });
      expect(line.lpips_sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test("without the file the answer says where to get it, and what there is instead", async () => {
    const { code, err } = await metrics("--network", network, "--data", at("few"), "--metrics", "fid10");
    expect(code).toBe(2);
    expect(err).toMatch(/fid10 needs Inception-v3: download https:.*6726825d.pth.*--inception FILE.*classifier2k/);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect((await metrics("--network", network, "--metrics", "ppl2_wend5")).err).toMatch(/--lpips VGG16.pth,LIN.pth/);
  });
});
