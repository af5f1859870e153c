/**
 * Kills a training run at random moments, resumes it, and compares its weights with those of a run that was left alone:
 * they must agree bit for bit, as must optimisers, samplers and every counter.
 *
 *   node scripts/checks/soakTraining.mjs [--runs 5] [--kills 8] [--kimg 0.4] [--seed 1] [--cfg tiny] [--keep-files] [-- OPTIONS]
 *
 * OPTIONS go to `stylegan train`: those of growing, for example.
 * Every session after a kill runs on 1 or 2 threads, as it happens. The data set is 8x8 noise with labels, made here.
 * Needs the compiled program (npm run build); DIST names another folder than dist/. Exit code 1 when something differed.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "5" },
    kills: { type: "string", default: "8" },
    kimg: { type: "string", default: "0.4" },
    seed: { type: "string", default: "1" },
    cfg: { type: "string", default: "tiny" },
    "keep-files": { type: "boolean", default: false },
  },
});

const built = resolve(process.env.DIST ?? join(import.meta.dirname, "../..", "dist"));
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { RandomState } = await load("nn/random.js");
const { encodePixels } = await load("formats/image/pngEncoding.js");
const { writeZip } = await load("formats/zipEncoder.js");
const { readSafetensors } = await load("formats/safetensors.js");

const random = new RandomState(Number(values.seed));
const folder = mkdtempSync(join(tmpdir(), "stylegan-soak-"));
const data = join(folder, "noise.zip");
writeFileSync(data, noiseImages(48, 8));

/** Coloured noise, three classes. */
function noiseImages(count, side) {
  const files = new Map();
  const labels = [];
  for (let index = 0; index < count; index++) {
    const name = `${String(index).padStart(4, "0")}.png`;
    const pixels = Uint8Array.from({ length: side * side * 3 }, () => random.randint(0, 256));
    files.set(name, encodePixels({ width: side, height: side, channels: 3, data: pixels }));
    labels.push([name, index % 3]);
  }
  files.set("dataset.json", new TextEncoder().encode(JSON.stringify({ labels })));
  return writeZip(files);
}

/** One session of training; killed after `killAfterMs` unless it is null. Returns whether it came to its end. */
function session(outdir, threads, killAfterMs) {
  const networks = ["--channel-base", "128", "--channel-max", "16", "--z-dim", "16", "--w-dim", "16"];
  const run = ["--data", data, "--outdir", outdir, "--cfg", values.cfg, "--batch", "4", "--map-layers", "2"];
  const options = [
    "--cond",
    "--mirror",
    "--ada-kimg",
    "1",
    "--kimg",
    values.kimg,
    "--tick",
    "0.02",
    "--snap",
    "2",
    ...positionals,
  ];
  const args = [join(built, "cli", "main.js"), "train", "--resume", "latest", ...run, ...networks, ...options];
  const child = spawn(process.execPath, [...args, "--threads", String(threads)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  child.stderr.on("data", (text) => {
    told += text;
  });
  const timer = killAfterMs === null ? null : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") done(false);
      else if (code === 0) done(true);
      else fail(new Error(`the run in ${outdir} ended with ${code ?? signal}: ${told.slice(-2000)}`));
    });
  });
}

/** The last state of a run: its tensors as bytes, and its numbers but for the time. */
function lastState(outdir) {
  const name = readdirSync(outdir)
    .filter((file) => /^training-state-\d+\.safetensors$/.test(file))
    .sort()
    .at(-1);
  const { tensors, metadata } = readSafetensors(new Uint8Array(readFileSync(join(outdir, name))));
  const { seconds: _, ...numbers } = JSON.parse(metadata.get("training"));
  const bytes = (tensor) => Buffer.from(tensor.toFloat().buffer);
  return { numbers: JSON.stringify(numbers), tensors: new Map([...tensors].map(([key, t]) => [key, bytes(t)])) };
}

function differences(a, b) {
  const names = new Set([...a.tensors.keys(), ...b.tensors.keys()]);
  const different = [...names].filter((name) => !a.tensors.get(name)?.equals(b.tensors.get(name) ?? Buffer.alloc(0)));
  return a.numbers === b.numbers ? different : [...different, "counters or samplers"];
}

const began = Date.now();
const alone = join(folder, "alone");
mkdirSync(alone);
await session(alone, 1, null);
const wholeMs = Date.now() - began;
const expected = lastState(alone);
console.log(`uninterrupted: ${values.kimg} kimg in ${(wholeMs / 1000).toFixed(1)} s, ${expected.tensors.size} tensors`);

let failures = 0;
for (let run = 0; run < Number(values.runs); run++) {
  const outdir = join(folder, `killed${run}`);
  const sessions = [];
  let isDone = false;
  for (let kill = 0; kill < Number(values.kills) && !isDone; kill++) {
    const threads = random.randint(1, 3);
    // Some die while they start, most on their way.
    const afterMs = Math.floor(random.uniform() * Math.max(wholeMs / 2, 800));
    isDone = await session(outdir, threads, afterMs);
    sessions.push(`${afterMs} ms/${threads}`);
  }
  if (!isDone) await session(outdir, random.randint(1, 3), null);
  const different = differences(expected, lastState(outdir));
  if (different.length > 0) failures++;
  const verdict = different.length === 0 ? "the same bits" : `DIFFERENT: ${different.slice(0, 5).join(", ")}`;
  console.log(
    `run ${run + 1}: ${sessions.length} sessions (killed after ms/threads: ${sessions.join(", ")}): ${verdict}`,
  );
}
console.log(`${failures} of ${values.runs} runs differed`);
if (!values["keep-files"]) rmSync(folder, { recursive: true });
process.exitCode = failures > 0 ? 1 : 0;
