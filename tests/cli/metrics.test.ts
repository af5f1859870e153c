/** `stylegan metrics` through the command line, on the small classifier, which is cheap; on Inception: metricsInception.test.ts. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { parseMetric, parseMetrics } from "../../src/cli/metrics/names.js";
import { RowCache, type RowSource, shardRange } from "../../src/cli/metrics/rows.js";
import { writeNpz } from "../../src/formats/npy.js";
import { type MetricLine, metricLines, runCommand, scratchFolder } from "../support/commandLine.js";

const folder = scratchFolder("metrics");
const at = (...names: string[]): string => join(folder, ...names);
const checkpoint = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/checkpoints/${name}.pkl`, import.meta.url));
const network = checkpoint("sg2ada-r32-skip-resnet");

const metrics = (...args: string[]) => runCommand("metrics", ...args);

beforeAll(async () => {
  const { code } = await runCommand("generate", "--network", network, "--seeds", "500-529", "--outdir", at("real"));
  expect(code).toBe(0);
});

describe("names", () => {
  test.each([
    ["fid50k_full", { kind: "fid", count: 50_000, full: true }],
    ["kid1234", { kind: "kid", count: 1234, full: false }],
    ["pr5k3_full", { kind: "pr", count: 5000, full: true }],
    ["pr5003", { kind: "pr", count: 500, full: false }],
    ["is5k", { kind: "is", count: 5000 }],
    ["classifier2k", { kind: "classifier", count: 2000, full: false }],
    ["ppl2_wend", { kind: "ppl", count: 50_000, space: "w", sampling: "end", crop: false }],
    ["ppl_zfull", { kind: "ppl", count: 50_000, space: "z", sampling: "full", crop: true }],
    ["ppl2_wend1k", { kind: "ppl", count: 1000, space: "w", sampling: "end", crop: false }],
  ])("%s", (name, expected) => {
    expect(parseMetric(name)).toEqual({ name, ...expected });
  });

  test.each(["fid", "fid50m", "fid1", "kid50k_half", "pr5k", "pr5k4", "is9", "ppl3_wend", "fid2000k", "fid10,fid10"])(
    "%s is refused",
    (name) => {
      expect(() => parseMetrics(name)).toThrow(/expected|named twice/i);
    },
  );
});

describe("rows", () => {
  const source = (from: (row: number) => number): RowSource => ({
    label: "rows",
    identity: { rows: "test" },
    width: 2,
    compute: (begin, end) =>
      Float32Array.from({ length: 2 * (end - begin) }, (_, k) => from(begin + (k >> 1)) + (k & 1)),
  });
  const expected = Float32Array.from({ length: 260 }, (_, k) => 3 * (k >> 1) + (k & 1));

  test.each([true, false])("a killed run goes on where it was, on disk: %s", (onDisk) => {
    const cache = new RowCache(onDisk ? at("rows") : null);
    const failing = source((row) => {
      if (row === 77) throw new Error("killed");
      return 3 * row;
    });
    expect(() => cache.fill(failing, { begin: 0, end: 130 }, () => {})).toThrow("killed");
    expect(cache.missing(failing, { begin: 0, end: 130 })).toEqual([{ begin: 50, end: 130 }]);
    let computed = 0;
    const whole = source((row) => 3 * row);
    cache.fill(whole, { begin: 0, end: 130 }, () => computed++);
    expect(computed).toBe(2);
    expect(cache.read(whole, { begin: 0, end: 130 })).toEqual(expected);
    expect(cache.read(whole, { begin: 40, end: 60 })).toEqual(expected.subarray(80, 120));
  });

  test("shards cut all rows into parts, each once, in any order and any number", () => {
    for (const count of [1, 3, 7]) {
      const cache = new RowCache(at(`shards${count}`));
      const whole = source((row) => 3 * row);
      for (let index = count - 1; index >= 0; index--) cache.fill(whole, shardRange(130, { index, count }), () => {});
      expect(cache.missing(whole, { begin: 0, end: 130 })).toEqual([]);
      expect(cache.read(whole, { begin: 0, end: 130 })).toEqual(expected);
    }
  });

  test("a part that is not what its name says is named", () => {
    const cache = new RowCache(at("damaged"));
    const whole = source((row) => row);
    cache.fill(whole, { begin: 0, end: 4 }, () => {});
    const [key] = readdirSync(at("damaged"));
    writeFileSync(at("damaged", key, "0000000-0000004.npy"), "x");
    expect(() => cache.read(whole, { begin: 0, end: 4 })).toThrow(/0000000-0000004.npy/);
  });
});

describe("a distance on the small classifier", () => {
  const measure = (cache: string, ...more: string[]) =>
    metrics(
      ...["--network", network, "--data", at("real"), "--metrics", "classifier120_full"],
      ...["--outdir", at("classified"), "--cache", at(cache), ...more],
    );
  let whole: number;

  test("is told, recorded with the official keys, and warned of", async () => {
    const { code, out, err } = await measure("whole");
    expect(code, err).toBe(0);
    expect(out).toMatch(/^classifier120_full [\d.]+ {2}\(sg2ada-r32-skip-resnet.pkl, /);
    expect(err).toMatch(/warning: classifier120_full looks at 30 images: below 10000/);
    const [line] = metricLines(at("classified"), "classifier120_full");
    whole = line.results.classifier120_full;
    expect(whole).toBeGreaterThan(0);
    expect(line).toMatchObject({
      metric: "classifier120_full",
      num_gpus: 0,
      snapshot_pkl: "sg2ada-r32-skip-resnet.pkl",
      state: "G_ema",
      seed: 0,
      trunc: 1,
      num_generated: 120,
      num_real: 30,
    });
    expect(Object.keys(line)).toEqual(
      expect.arrayContaining(["total_time", "total_time_str", "timestamp", "network_sha256", "classifier_sha256"]),
    );
    expect(JSON.stringify(line)).not.toMatch(/fid/i);
  });

  test("comes out the same of shards that are merged; a missing shard is named", async () => {
    expect((await measure("parts", "--shard", "0/3")).out).toMatch(/part 0\/3/);
    await measure("parts", "--shard", "2/3");
    const early = await measure("parts", "--merge");
    expect(early.code).toBe(1);
    expect(early.err).toMatch(/parts are missing, for example images 10 to 19 of 30; run the shards/);
    await measure("parts", "--shard", "1/3");
    const { out } = await measure("parts", "--merge", "--json");
    expect((JSON.parse(out) as MetricLine).results.classifier120_full).toBe(whole);
    expect(metricLines(at("classified"), "classifier120_full")).toHaveLength(2);
  });

  test("comes out the same when part of the work was lost", async () => {
    cpSync(at("whole"), at("lost"), { recursive: true });
    for (const key of readdirSync(at("lost"))) rmSync(at("lost", key, readdirSync(at("lost", key))[0]));
    expect((await measure("lost")).code).toBe(0);
    expect(metricLines(at("classified"), "classifier120_full").at(-1)!.results.classifier120_full).toBe(whole);
  });

  test("is another with another seed, truncation, or mirrored data", async () => {
    for (const more of [["--seed", "1"], ["--trunc", "0.5"], ["--mirror"]]) {
      const { out } = await measure("whole", "--json", ...more);
      expect((JSON.parse(out) as MetricLine).results.classifier120_full).not.toBe(whole);
    }
  });

  test("a conditional network draws the classes of the data, and is refused without", async () => {
    const conditional = checkpoint("sg2ada-r32-cond5");
    const args = ["--network", conditional, "--metrics", "classifier20", "--outdir", at("cond"), "--cache", "none"];
    const without = await metrics(...args, "--data", at("real"));
    expect(without.err).toMatch(/is conditional: its classes are drawn from the labels of --data, which has none/);
    cpSync(at("real"), at("labelled"), { recursive: true });
    const labels = readdirSync(at("labelled")).map((name, k) => [name, k % 5]);
    writeFileSync(at("labelled", "dataset.json"), JSON.stringify({ labels }));
    const labelled = await metrics(...args, "--data", at("labelled"));
    expect(labelled.code).toBe(0);
    expect(labelled.err).not.toMatch(/the numbers see that difference/);
    expect(existsSync(at("cond", "features"))).toBe(false);
  });

  test("all snapshots of a run are measured, into its folder", async () => {
    mkdirSync(at("run"));
    for (const kimg of ["000001", "000002"]) cpSync(network, at("run", `network-snapshot-${kimg}.pkl`));
    await runCommand("generate", "--seeds", "1,2,3", "--outdir", at("large")); // the bundled model, 64x64
    const { code, err } = await metrics("--network", at("run"), "--data", at("large"), "--metrics", "classifier10");
    expect(code).toBe(0);
    expect(err).toMatch(/warning: the network makes images of 32x32, .*large has some of 64x64/);
    const names = metricLines(at("run"), "classifier10").map((line) => line.snapshot_pkl);
    expect(names).toEqual(["network-snapshot-000001.pkl", "network-snapshot-000002.pkl"]);
  });
});

describe("statistics", () => {
  const save = (name: string, mu: number[], sigma: number[][]): string => {
    const arrays = new Map([
      ["mu", { data: Float64Array.from(mu), shape: [mu.length] }],
      ["sigma", { data: Float64Array.from(sigma.flat()), shape: [sigma.length, sigma.length] }],
    ]);
    writeFileSync(at(name), writeNpz(arrays));
    return at(name);
  };

  test("the distance of two normal distributions, in closed form", async () => {
    const a = save("a.npz", [0, 0], [[4, 0], [0, 1]]); // biome-ignore format: a matrix
    const b = save("b.npz", [3, 1], [[1, 0], [0, 9]]); // biome-ignore format: a matrix
    const { out } = await metrics("fid", a, b, "--json");
    expect((JSON.parse(out) as { fid: number }).fid).toBeCloseTo(9 + 1 + 1 + 4, 10);
    expect((await metrics("fid", a, b)).out).toBe("fid 15\n");
  });

  test.each([
    [
      "no mu",
      () => writeFileSync(at("c.npz"), writeNpz(new Map([["x", { data: new Float64Array(1), shape: [1] }]]))),
      /expected arrays mu and sigma, found x/,
    ],
    ["not an archive", () => writeFileSync(at("c.npz"), "text"), /c\.npz: /],
    ["sizes", () => save("c.npz", [1, 2, 3], [[1]]), /must fit, found \[3\] and \[1,1\]/],
    ["not finite", () => save("c.npz", [Number.NaN], [[1]]), /finite/],
  ])("%s: one line that says so", async (_, make, message) => {
    make();
    const { code, err } = await metrics("fid", at("c.npz"), at("c.npz"));
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });
});

test.each([
  [["--metrics", "fid10"], /fid10 compares with real images: give --data/],
  [["--metrics", "kid10", "--data", "x.npz"], /kid10 needs the real images themselves/],
  [["--metrics", "fud10"], /There is no metric fud10/],
  [["--shard", "4/4", "--data", "x"], /i from 0 to n - 1/],
  [["--shard", "0/4", "--data", "x"], /--shard needs the folder that all parts share/],
  [["--merge", "--shard", "0/4", "--data", "x", "--cache", "y"], /give one of them/],
  [["--save-stats", "x.npz"], /--save-stats needs real images/],
  [["--metrics", "classifier10", "--data", "nowhere"], /cannot read nowhere/],
  [["--network", tmpdir(), "--metrics", "is10"], /holds no network-snapshot/],
  [["--metrics", "is10", "--resize", "none"], /Allowed choices are tf, clean, pytorch/],
])("%j is refused in one line", async (args, message) => {
  const { code, err } = await metrics(...args);
  expect(code).toBeGreaterThan(0);
  expect(err).toMatch(message);
  expect(err.trimEnd().split("\n")).toHaveLength(1);
});

test("--help has examples, of both commands", async () => {
  expect((await metrics("--help")).out).toMatch(/Examples:\n {2}\$ stylegan metrics --network ffhq.pkl/);
  expect((await metrics("fid", "--help")).out).toMatch(/Examples:\n {2}\$ stylegan metrics fid photos/);
});

test("docs/metrics.md and docs/scaling.md name the options that there are, and all of them", async () => {
  const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
  const optionsIn = (text: string): string[] => [...new Set(text.match(/--[a-z][a-z-]+/g))];
  const { out } = await metrics("--help");
  const known = optionsIn(out);
  const ofEngine = ["--threads", "--kernels", "--quiet", "--help"];
  const [first, second] = [page("metrics.md"), page("scaling.md")];
  expect(optionsIn(first)).toEqual(expect.arrayContaining(known.filter((name) => !ofEngine.includes(name))));
  const ofOthers = ["--metric", "--noise-mode", "--seeds", "--array", "--wrap", "--dependency"];
  for (const name of optionsIn(first + second)) expect([...known, ...ofOthers]).toContain(name);
  for (const [line] of `${first}${second}`.matchAll(/(?<=--metrics )[a-z][\w,]+/g))
    expect(() => parseMetrics(line)).not.toThrow();
});

test("train --metric takes any of these, at every snapshot", async () => {
  const networks = ["--cfg", "tiny", "--channel-max", "4", "--map-layers", "1", "--z-dim", "4", "--w-dim", "4"];
  const { code, err } = await runCommand(
    ...["train", "--data", at("real"), "--outdir", at("trained"), "--kimg", "0.004", "--batch", "4", "--aug", "noaug"],
    ...[...networks, "--metric", "classifier10,classifier12_full"],
  );
  expect(code, err).toBe(0);
  const stats = JSON.parse(readFileSync(at("trained", "stats.jsonl"), "utf8").trimEnd().split("\n").at(-1)!) as {
    metrics: Record<string, number>;
  };
  for (const name of ["classifier10", "classifier12_full"]) {
    const line = metricLines(at("trained"), name).at(-1)!;
    expect(stats.metrics[name]).toBe(line.results[name]);
    expect(line.snapshot_pkl).toBe("network-snapshot-000000.safetensors");
    expect(err).toContain(`${name} looks at 10 images`.replace("12_full looks at 10", "12_full looks at 12"));
  }
  expect(readFileSync(at("trained", "report.html"), "utf8")).toContain("classifier12_full");
  const missing = await runCommand(
    "train",
    "--data",
    at("real"),
    "--outdir",
    at("untrained"),
    "--metric",
    "fid10_full",
  );
  expect(missing.err).toMatch(/fid10_full needs Inception-v3/);
  expect(existsSync(at("untrained"))).toBe(false);
});
