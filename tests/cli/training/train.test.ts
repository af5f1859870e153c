/** `stylegan train` on networks of 8x8 pixels: files, resuming bit for bit, errors; and the parts it is made of. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { listStates, loadState, readStats } from "../../../src/cli/train/files.js";
import { tfRecord } from "../../../src/cli/train/tensorboard.js";
import { decodePixels } from "../../../src/formats/image/png.js";
import { encodePixels } from "../../../src/formats/image/pngEncoding.js";
import { writeZip } from "../../../src/formats/zipEncoder.js";
import { init, loadCheckpoint } from "../../../src/index.js";
import { RandomState } from "../../../src/nn/random.js";
import { lodOf } from "../../../src/stylegan/training/schedule.js";
import { runCommand, scratchFolder } from "../../support/commandLine.js";

const folder = scratchFolder("train");
beforeAll(() => init({ threads: 1 }));

const data = join(folder, "noise.zip");
writeFileSync(data, noiseSet(24));

/** Coloured noise in three classes. */
function noiseSet(count: number, side = 8): Uint8Array {
  const random = new RandomState(5);
  const files = new Map<string, Uint8Array>();
  const labels: [string, number][] = [];
  for (let index = 0; index < count; index++) {
    const pixels = Uint8Array.from({ length: side * side * 3 }, () => random.randint(0, 256));
    const name = `${String(index).padStart(2, "0")}.png`;
    files.set(name, encodePixels({ width: side, height: side, channels: 3, data: pixels }));
    labels.push([name, index % 3]);
  }
  files.set("dataset.json", new TextEncoder().encode(JSON.stringify({ labels })));
  return writeZip(files);
}

const cli = (...args: string[]) => runCommand("train", ...args);

const SMALL = ["--channel-base", "64", "--channel-max", "8", "--z-dim", "8", "--w-dim", "8", "--map-layers", "2"];

/** A new run of a small network; ticks of 8 images, a snapshot each. */
const train = (name: string, ...args: string[]) =>
  cli(
    ...["--data", data, "--outdir", join(folder, name), "--cfg", "tiny", "--batch", "4", ...SMALL],
    ...["--tick", "0.008", "--snap", "1", "--threads", "1", ...args],
  );

/** The latest state but for the time: numbers as JSON, tensors as bytes. */
function latest(name: string): ReadonlyMap<string, string> {
  const { training, order } = loadState(listStates(join(folder, name)).at(-1)!);
  const hex = (values: Float32Array | Float64Array): string => Buffer.from(values.buffer).toString("hex");
  const tensors = [...training.tensors].map(([key, tensor]) => [key, hex(tensor.toFloat())] as const);
  return new Map([...tensors, ["numbers", JSON.stringify(training.numbers)], ["order", JSON.stringify(order)]]);
}

describe("a run", () => {
  const all = ["--cond", "--mirror", "--ada-kimg", "0.1", "--metric", "random", "--metric-images", "40"];

  beforeAll(async () => {
    const { code, err, out } = await train("whole", ...all, "--kimg", "0.04");
    expect(code, err).toBe(0);
    expect(err).toMatch(/^48 images of 8x8x3, batch 4$/m);
    expect(err).toMatch(/^kimg 0\.04\/0\.04 .* img\/s .*Frechet distance/m);
    expect(out).toMatch(/whole: 0\.04 kimg in /);
  });
  const path = (file: string): string => join(folder, "whole", file);

  test("leaves its files, and nothing half-written", () => {
    const names = readdirSync(join(folder, "whole")).filter((name) => !name.startsWith("events.out.tfevents."));
    expect(names.sort()).toEqual([
      "fakes000000.png",
      "fakes_init.png",
      "network-snapshot-000000.safetensors",
      "reals.png",
      "report.html",
      "run.json",
      "stats.jsonl",
      "training-state-000000.safetensors",
    ]);
  });

  test("the grids have the same places", () => {
    const [fakes, reals] = ["fakes000000.png", "reals.png"].map((name) => decodePixels(readFileSync(path(name))));
    expect([fakes.width, fakes.height]).toEqual([reals.width, reals.height]);
    expect(fakes.width % 8).toBe(0);
  });

  test("a line of statistics a tick", () => {
    const lines = readStats(path("stats.jsonl"));
    expect(lines.map(({ images }) => images)).toEqual([8, 16, 24, 32, 40]);
    expect(lines.at(-1)).toMatchObject({ kimg: 0.04, steps: 10 });
    for (const { losses, frechetDistance, imagesPerSecond } of lines) {
      for (const value of [losses.Gmain, losses.Dmain, frechetDistance, imagesPerSecond]) {
        expect(Number.isFinite(value)).toBe(true);
      }
    }
    // Lazy: R1 in the first tick only, path length in every other one.
    expect(lines.map(({ losses }) => "Dreg" in losses)).toEqual([true, false, false, false, false]);
    expect(lines.map(({ losses }) => "Greg" in losses)).toEqual([true, false, true, false, true]);
  });

  test("the averaged generator can be loaded, and is that of the state", async () => {
    const { gEma, g, d } = await loadCheckpoint(path("network-snapshot-000000.safetensors"));
    expect([g, d]).toEqual([undefined, undefined]);
    const { training } = loadState(path("training-state-000000.safetensors"));
    expect(gEma!.cDim).toBe(3);
    for (const [name, tensor] of gEma!.parameters) {
      expect([...tensor.toArray()], name).toEqual([...training.tensors.get(`g_ema.${name}`)!.toFloat()]);
    }
  });

  test("the report stands alone and shows every curve", () => {
    const html = readFileSync(path("report.html"), "utf8");
    expect(html).not.toMatch(/(src|href)="(?!data:image\/png;base64,)/);
    expect(html).not.toContain("<script");
    expect(html.match(/<svg/g)!.length).toBeGreaterThanOrEqual(7);
    expect(html.match(/<img/g)).toHaveLength(3); // untrained, trained, the data set
    expect(html.match(/<tr>/g)!.length).toBeGreaterThan(20);
    for (const text of [
      "--cond --mirror --ada-kimg 0.1 --kimg 0.04",
      "--metric random --metric-images 40",
      "Losses",
      "distance",
      "48 images of 8x8x3",
    ]) {
      expect(html).toContain(text);
    }
  });

  test("TensorBoard's file has intact records with the numbers of the lines", () => {
    const name = readdirSync(join(folder, "whole")).find((file) => file.startsWith("events.out.tfevents."))!;
    const bytes = readFileSync(path(name));
    const records: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = Number(bytes.readBigUInt64LE(at));
      const data = bytes.subarray(at + 12, at + 12 + length);
      expect(tfRecord(data)).toEqual(new Uint8Array(bytes.subarray(at, at + 16 + length)));
      records.push(data);
      at += 16 + length;
    }
    expect(records[0].includes("brain.Event:2")).toBe(true);
    const scalar = Buffer.alloc(4);
    scalar.writeFloatLE(readStats(path("stats.jsonl"))[2].losses.Gmain);
    const tagged = records.filter((record) => record.includes("Loss/G/loss"));
    expect(tagged).toHaveLength(5);
    expect(tagged[2].includes(scalar)).toBe(true);
    expect(records.filter((record) => record.includes("PNG"))).toHaveLength(6);
  });

  test("scripts/runs/frechetCurve.mjs measures afterwards what the run measured", () => {
    const script = fileURLToPath(new URL("../../../scripts/runs/frechetCurve.mjs", import.meta.url));
    const args = [script, join(folder, "whole"), "--metric", "random", "--images", "40", "--out", path("curve.json")];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    const { curve, command } = JSON.parse(readFileSync(path("curve.json"), "utf8")) as Record<string, unknown>;
    const { frechetDistance, seconds } = readStats(path("stats.jsonl")).at(-1)!;
    expect(curve).toEqual([{ kimg: 0, seconds: Math.round(seconds), frechetDistance }]);
    expect(command).toMatch(/^stylegan train --data noise\.zip --outdir runs\/whole .*--channel-base 64 .*--kimg 0$/);
  });

  test("ended and continued, on another number of threads, it comes to the same bits", async () => {
    const first = await train("parts", ...all, "--kimg", "0.02");
    expect(first.code, first.err).toBe(0);
    const outdir = join(folder, "parts");
    const second = await cli("--resume", outdir, "--kimg", "0.04", "--tick", "0.016", "--threads", "2");
    expect(second.code, second.err).toBe(0);
    expect(second.err).toContain("from kimg 0.02");
    expect(latest("parts")).toEqual(latest("whole"));
    expect(readStats(join(outdir, "stats.jsonl")).map(({ images }) => images)).toEqual([8, 16, 20, 32, 40]);
  });

  test("what was told of steps after the state is forgotten", async () => {
    const outdir = join(folder, "parts");
    const stats = join(outdir, "stats.jsonl");
    const before = readStats(stats);
    writeFileSync(stats, `${readFileSync(stats, "utf8")}{"images":99,"kimg":0.099}\n{"images":1`);
    writeFileSync(join(outdir, "training-state-000000.safetensors.123.tmp"), "half");
    const { code, err } = await cli("--resume", outdir, "--kimg", "0.04");
    expect(code, err).toBe(0);
    expect(readStats(stats)).toEqual(before);
    expect(readdirSync(outdir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(latest("parts")).toEqual(latest("whole"));
  });

  test("another seed, another run", async () => {
    const { code, err } = await train("seed", ...all, "--kimg", "0.04", "--seed", "1");
    expect(code, err).toBe(0);
    expect(latest("seed").get("g.mapping.fc0.weight")).not.toBe(latest("whole").get("g.mapping.fc0.weight"));
  });

  test.each([
    ["--glr", "g.synthesis.b8.conv0.weight", "d.b8.conv0.weight"],
    ["--dlr", "d.b8.conv0.weight", "g.synthesis.b8.conv0.weight"],
  ])("%s: a rate of one network's own, so small that it stands still", async (option, still, moving) => {
    const runs = { begun: "0.004", on: "0.016" };
    for (const [name, kimg] of Object.entries(runs)) {
      const { code, err } = await train(`${option}${name}`, "--aug", "noaug", option, "1e-30", "--kimg", kimg);
      expect(code, err).toBe(0);
    }
    const [begun, on] = Object.keys(runs).map((name) => latest(`${option}${name}`));
    expect(begun.get(still)).toBeDefined();
    expect(on.get(still)).toBe(begun.get(still));
    expect(on.get(moving)).not.toBe(begun.get(moving));
  });
});

describe("killed", () => {
  test("at random moments, resumed on 1 or 2 threads: the weights of a run that was left alone", () => {
    const script = fileURLToPath(new URL("../../../scripts/checks/soakTraining.mjs", import.meta.url));
    const args = [script, "--runs", "1", "--kills", "3", "--kimg", "0.12", "--seed", "3"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toContain("0 of 1 runs differed");
    expect(stdout).toMatch(/killed after ms\/threads: \d+/);
  }, 180_000);

  test("while a network grows: before, in and after the fade of a resolution", () => {
    const script = fileURLToPath(new URL("../../../scripts/checks/soakTraining.mjs", import.meta.url));
    const growth = ["--lod-initial", "4", "--lod-stable-kimg", "0.04", "--lod-fade-kimg", "0.06"];
    const args = [script, "--runs", "1", "--kills", "4", "--kimg", "0.16", "--cfg", "config-d", "--", ...growth];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toContain("0 of 1 runs differed");
  }, 180_000);
});

test("SIGTERM ends a run after the step, with a snapshot", async () => {
  const outdir = join(folder, "stopped");
  const built = process.env.DIST ?? fileURLToPath(new URL("../../../dist", import.meta.url));
  const args = ["train", "--data", data, "--outdir", outdir, "--cfg", "tiny", "--batch", "4", ...SMALL];
  const child = spawn(process.execPath, [join(built, "cli/main.js"), ...args, "--tick", "0.02"]);
  const told = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    told.out += text;
  });
  child.stderr.on("data", (text) => {
    told.err += text;
    // A second signal would end it at once.
    if (/^kimg 0\.02/m.test(told.err) && !child.killed) child.kill("SIGTERM");
  });
  const code = await new Promise((resolve) => child.on("exit", resolve));
  expect([code, told.out]).toEqual([130, ""]);
  expect(told.err).toMatch(
    /stylegan train: .*stopped: 0\.0\d kimg in .*, stopped; continue with --resume .*stopped\n$/,
  );
  const { numbers } = loadState(listStates(outdir).at(-1)!).training;
  expect(numbers.progress.images).toBeGreaterThanOrEqual(20);
  expect(numbers.progress.images).toBe(readStats(join(outdir, "stats.jsonl")).at(-1)!.images);
});

describe("every kind of network", () => {
  test.each([
    ["stylegan1", ["--aug", "noaug"]],
    ["config-d", ["--aug", "fixed", "--p", "0.3", "--augpipe", "bgcfnc"]],
    ["config-f", ["--g-arch", "resnet", "--d-arch", "skip", "--loss", "hinge"]],
  ])("%s trains, and continues where it ended", async (cfg, options) => {
    const base = ["--cfg", cfg, ...options];
    const whole = await train(`${cfg}-whole`, ...base, "--kimg", "0.016");
    expect(whole.code, whole.err).toBe(0);
    const first = await train(`${cfg}-parts`, ...base, "--kimg", "0.008");
    expect(first.code, first.err).toBe(0);
    const second = await cli("--resume", join(folder, `${cfg}-parts`), "--kimg", "0.016");
    expect(second.code, second.err).toBe(0);
    expect(latest(`${cfg}-parts`)).toEqual(latest(`${cfg}-whole`));
  });

  test("a growing network continues in the middle of a fade, and where Adam starts anew", async () => {
    const growth = ["--lod-stable-kimg", "0.008", "--lod-fade-kimg", "0.016", "--minibatch-repeats", "1"];
    const base = ["--cfg", "config-d", "--aug", "noaug", "--resolution", "16", ...growth];
    expect((await train("grows-whole", ...base, "--kimg", "0.032", "--tick", "0.004")).code).toBe(0);
    expect((await train("grows-parts", ...base, "--kimg", "0.004")).code).toBe(0);
    const [whole, parts] = ["grows-whole", "grows-parts"].map((name) => join(folder, name));
    for (const kimg of ["0.012", "0.016", "0.024", "0.032"]) {
      expect((await cli("--resume", parts, "--kimg", kimg)).code).toBe(0);
    }
    expect(latest("grows-parts")).toEqual(latest("grows-whole"));
    const lods = readStats(join(whole, "stats.jsonl")).map(({ lod }) => lod);
    expect(lods).toEqual([1, 1, 0.75, 0.5, 0.25, 0, 0, 0]);
  });

  test("ended before a fade and resumed through it: the same bits; four steps for each look at the schedule", async () => {
    const growth = ["--lod-initial", "4", "--lod-stable-kimg", "0.032", "--lod-fade-kimg", "0.032"];
    const base = ["--cfg", "stylegan1", "--aug", "noaug", ...growth];
    const [whole, parts] = ["fades-whole", "fades-parts"].map((name) => join(folder, name));
    expect((await train("fades-whole", ...base, "--kimg", "0.08")).code).toBe(0);
    expect((await train("fades-parts", ...base, "--kimg", "0.03")).code).toBe(0);
    expect(latest("fades-parts").get("numbers")).toContain('"images":32');
    expect((await cli("--resume", parts, "--kimg", "0.08", "--threads", "2")).code).toBe(0);
    expect(latest("fades-parts")).toEqual(latest("fades-whole"));
    // Where the schedule stands after so many images; a snapshot knows the lod of the last step before it.
    const lines = readStats(join(whole, "stats.jsonl")).map(({ images, lod }) => [images, lod]);
    expect(lines).toEqual([16, 32, 48, 64, 80].map((images) => [images, images < 48 ? 1 : images < 64 ? 0.5 : 0]));
    const { gEma } = await loadCheckpoint(join(whole, "network-snapshot-000000.safetensors"));
    expect(lodOf(gEma!)).toBe(0);
  });

  test("from the weights of a checkpoint", async () => {
    const snapshot = join(folder, "transfer.safetensors");
    const source = await train("transfer-source", "--aug", "noaug", "--kimg", "0.008");
    expect(source.code, source.err).toBe(0);
    writeFileSync(snapshot, readFileSync(join(folder, "transfer-source", "network-snapshot-000000.safetensors")));
    const { code, err } = await train(
      "transfer",
      "--aug",
      "noaug",
      "--resume",
      snapshot,
      "--kimg",
      "0.004",
      "--seed",
      "9",
    );
    expect(code, err).toBe(0);
    expect(err).toMatch(/^\d+ tensors start from .*transfer\.safetensors; \d+ are not in it .*: d\.b8\.[\w.]+, /m);
    const { gEma } = await loadCheckpoint(snapshot);
    const { training } = loadState(listStates(join(folder, "transfer"))[0]);
    // One step later, and so nearer to the source than to the initialisation of seed 9, which is a stranger to it.
    const name = "synthesis.b4.const";
    const [a, b] = [gEma!.parameters.get(name)!.toArray(), training.tensors.get(`g.${name}`)!.toFloat()];
    expect(a.every((value, index) => Math.abs(value - b[index]) < 0.02)).toBe(true);
    const other = await train("transfer-other", "--aug", "noaug", "--resume", snapshot, "--w-dim", "16");
    expect(other.code).toBe(1);
    expect(other.err).toMatch(/transfer\.safetensors: .* is \[.*\], this run needs \[/);
  });

  test("from the state of a run at half the resolution: all but the new layers", async () => {
    const source = await train("half", "--aug", "noaug", "--kimg", "0.008");
    expect(source.code, source.err).toBe(0);
    const [state] = listStates(join(folder, "half"));
    const networks = await loadCheckpoint(state);
    const { training } = loadState(state);
    for (const [name, network] of [["g_ema", networks.gEma] as const, ["g", networks.g] as const]) {
      const stored = training.tensors.get(`${name}.synthesis.b8.conv1.weight`)!.toFloat();
      expect([...network!.parameters.get("synthesis.b8.conv1.weight")!.toArray()]).toEqual([...stored]);
    }
    expect(networks.d!.config.imgResolution).toBe(8);

    const larger = join(folder, "noise16.zip");
    writeFileSync(larger, noiseSet(8, 16));
    // Channels of 8 and 16 pixels stay those of the small network.
    const options = ["--data", larger, "--aug", "noaug", "--resume", state, "--kimg", "0.004", "--lr", "1e-30"];
    const { code, err } = await train("double", ...options);
    expect(code, err).toBe(0);
    expect(err).toMatch(/are not in it and start untrained: g\.synthesis\.b16\./);
    const doubled = loadState(listStates(join(folder, "double"))[0]).training.tensors;
    for (const name of [
      "g.synthesis.b8.conv1.weight",
      "d.b8.conv0.weight",
      "g_ema.mapping.fc0.weight",
      "d.b4.out.bias",
    ]) {
      expect([...doubled.get(name)!.toFloat()]).toEqual([...training.tensors.get(name)!.toFloat()]);
    }
    expect(doubled.has("d.b16.conv0.weight")).toBe(true);
  });
});

describe("what goes wrong", () => {
  test("the first loss that is not finite stops the run; the last snapshot is intact", async () => {
    const { code, err } = await train("explodes", "--aug", "noaug", "--lr", "1e30", "--kimg", "1");
    expect(code).toBe(1);
    const told = err.trimEnd().split("\n").at(-1)!;
    expect(told).toMatch(/loss of (Gmain|Greg|Dmain|Dreg) at step \d+ must be finite/);
    expect(told).toContain("training-state-000000.safetensors, is intact");
    const { training } = loadState(listStates(join(folder, "explodes"))[0]);
    expect(training.numbers.progress.steps).toBeGreaterThanOrEqual(0);
    expect([...training.tensors.get("g.synthesis.b4.const")!.toFloat()].every(Number.isFinite)).toBe(true);
  });

  test("contradictions are told in one line, before anything is written", async () => {
    const outdir = join(folder, "never");
    const base = ["--data", data, "--outdir", outdir, "--cfg", "tiny", "--batch", "4"];
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["--outdir", outdir], /what to train on\? Give --data/],
      [["--data", data], /Give --outdir/],
      [["--data", join(folder, "nowhere"), "--outdir", outdir], /nowhere: no such file/],
      [[...base, "--p", "0.5"], /--p goes with --aug fixed, got --aug ada/],
      [[...base, "--aug", "noaug", "--augpipe", "bgc"], /--augpipe goes with --aug ada or fixed/],
      [[...base, "--aug", "fixed"], /needs its probability/],
      [[...base, "--batch", "6"], /multiple of the minibatch-stddev group, 4, got 6/],
      [[...base, "--resolution", "12"], /power of two/],
      [[...base, "--cfg", "stylegan1", "--g-arch", "skip"], /--g-arch: networks that grow/],
      [[...base, "--cfg", "stylegan1", "--dlr", "0.001"], /--glr and --dlr: networks that grow have one learning rate/],
      [[...base, "--lod-initial", "4"], /--lod-initial.*--minibatch-repeats are for networks that grow/],
      [[...base, "--cfg", "stylegan1", "--lod-initial", "12"], /--lod-initial.*power of two from 4 to 8, got 12/],
      [[...base, "--cfg", "stylegan1", "--lod-stable-kimg=0", "--lod-fade-kimg=0"], /phases must take some images/],
      [[...base, "--mirror=perhaps"], /true or false/],
      [[...base, "--metric", join(folder, "none.safetensors")], /none\.safetensors: no such file/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await cli(...args);
      expect(code, args.join(" ")).toBe(err.includes("; see 'stylegan train --help'") ? 2 : 1);
      expect(err.trimEnd()).toMatch(message);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
      expect(existsSync(outdir), args.join(" ")).toBe(false);
    }
  });

  test("a run is not overwritten, and not continued as another one", async () => {
    const name = "kept";
    expect((await train(name, "--aug", "noaug", "--kimg", "0.004")).code).toBe(0);
    const again = await train(name, "--aug", "noaug");
    expect(again.err).toMatch(/holds a run already; continue it with --resume/);
    const outdir = join(folder, name);
    const changed = await cli("--resume", outdir, "--batch", "8");
    expect(changed.err).toMatch(/--batch 8 cannot be changed: the run began with 4/);
    const other = join(folder, "other.zip");
    writeFileSync(other, noiseSet(25));
    const elsewhere = await cli("--resume", outdir, "--data", other);
    expect(elsewhere.err).toMatch(/not the data set of this run: expected .*24.*found .*25/);
    const moved = join(folder, "moved.zip");
    writeFileSync(moved, readFileSync(data));
    expect((await cli("--resume", outdir, "--data", moved, "--kimg", "0.008")).code).toBe(0);
  });

  test("a damaged state is told as such", async () => {
    const outdir = join(folder, "damaged");
    expect((await train("damaged", "--aug", "noaug", "--kimg", "0.004")).code).toBe(0);
    const state = listStates(outdir)[0];
    writeFileSync(state, readFileSync(state).subarray(0, 1000));
    const { code, err } = await cli("--resume", outdir);
    expect(code).toBe(1);
    expect(err.trimEnd().split("\n").at(-1)).toMatch(/training-state-000000\.safetensors: safetensors: .*truncated/);
  });

  test("old states go, the latest stay", async () => {
    const outdir = join(folder, "many");
    mkdirSync(outdir);
    for (const kimg of ["000003", "000010", "1000000"]) {
      writeFileSync(join(outdir, `training-state-${kimg}.safetensors`), "");
    }
    const kimgs = listStates(outdir).map((path) => Number(/(\d+)\.safetensors$/.exec(path)![1]));
    expect(kimgs).toEqual([3, 10, 1000000]);
  });
});
