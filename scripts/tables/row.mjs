/**
 * Trains one row of the plan and measures it: a process of its own, started by main.mjs, on one thread.
 *
 *   node row.mjs PLAN ROW IMAGES CLASSIFIER WORK OUT
 *
 * WORK keeps the run (`stylegan train` could continue it): a row that was killed goes on from its last snapshot, and comes
 * to the same numbers, bit for bit. OUT/data/ROW.json has what is repeatable, OUT/samples/ROW.png sixteen images, and
 * OUT/sessions/ROW.json what is not: when, where, how fast, at which revision.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { fileDigest, imagesDigest } from "./data.mjs";
import { writeJson, writeWhole } from "./files.mjs";
import {
  activeKernels,
  buildRun,
  defineRun,
  encodePng,
  generateImages,
  imageGrid,
  init,
  loadCheckpoint,
  lodOf,
  openClassifier,
  openDataset,
  RandomState,
  readStats,
  resumeRun,
  scope,
  trainLoop,
} from "./library.mjs";
import { Measures, SEED } from "./measure.mjs";
import { readPlan, resolveRow } from "./plan.mjs";

const SAMPLES = 16;
const [planPath, name, images, classifierPath, work, out] = process.argv.slice(2);
const plan = readPlan(planPath);
const row = resolveRow(plan, name);
const folder = join(work, name);

await init({ threads: 1 });
const dataset = openDataset(images, row.options);
const definition = defineRun(images, dataset, row.options, null);
const { snapKimg } = plan.measure;

/** Trains to the end of the row, from wherever an earlier session left it. Returns what this session took. */
async function train() {
  const run = buildRun({ ...definition, settings: { ...definition.settings, ...row.settings } }, dataset);
  mkdirSync(folder, { recursive: true });
  const known = join(folder, "row.json");
  const asked = JSON.stringify({ row, definition: comparable(definition) });
  if (existsSync(known) && readFileSync(known, "utf8") !== asked) {
    throw new Error(`${folder} holds a run with other settings; remove it, or choose another --work`);
  }
  writeWhole(known, asked);
  const seconds = resumeRun(run, folder);
  const before = run.state.progress.images;
  const [clock, cpu] = [performance.now(), process.cpuUsage()];
  const terminal = { out: () => {}, err: () => {}, isInteractive: false, columns: 80 };
  const options = { outdir: folder, kimg: row.kimg, tick: snapKimg, snap: 1, keep: 1 };
  // When whoever started this is gone, another one may start the row again: two must not write into one folder.
  const parent = process.ppid;
  const isOrphaned = () => (process.ppid === parent ? false : process.exit(1));
  await trainLoop(run, options, seconds, terminal, isOrphaned, null);
  const { user, system } = process.cpuUsage(cpu);
  const session = {
    images: run.state.progress.images - before,
    seconds: (performance.now() - clock) / 1000,
    cpuSeconds: (user + system) / 1e6,
  };
  // A row that was killed while it was measured has nothing left to train.
  const kept = join(folder, "session.json");
  if (session.images > 0) writeJson(kept, session);
  return {
    state: run.state,
    session: existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : session,
  };
}

/** The definition without where the images lie. */
function comparable({ dataPath: _, ...rest }) {
  return rest;
}

const snapshots = () =>
  readdirSync(folder)
    .filter((file) => /^network-snapshot-\d+\.safetensors$/.test(file))
    .sort((a, b) => Number(/\d+/.exec(a)[0]) - Number(/\d+/.exec(b)[0]));

function weightsDigest(network) {
  const hash = createHash("sha256");
  for (const [key, tensor] of [...network.parameters, ...network.buffers]) {
    const values = tensor.toArray();
    hash.update(key).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}

function samplesOf(generator) {
  const z = Float32Array.from(new RandomState(SEED).randn(SAMPLES * generator.zDim));
  return scope(() => encodePng(imageGrid(generateImages(generator, z, null), { rows: 1, columns: SAMPLES })));
}

/** Six digits of every measure: later ones change with the order in which a library adds, weights do not. */
function sixDigits(measured) {
  const short = (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);
  return JSON.parse(JSON.stringify(measured), short);
}

const sizeOf = (network) => [...network.parameters.values()].reduce((all, { size }) => all + size, 0);

const { state, session } = await train();
const { settings } = state;
// Also rows that train on a part of the images are compared with all of them.
const everything = openDataset(images, {});
const measures = new Measures(openClassifier(classifierPath, everything), everything, plan.measure);
const stats = readStats(join(folder, "stats.jsonl"));
const files = snapshots();
const curve = [];
let last;
for (const file of files) {
  const kimg = Number(/\d+/.exec(file)[0]);
  ({ gEma: last } = await loadCheckpoint(join(folder, file), { networks: ["gEma"] }));
  if (kimg === 0) continue; // before any training
  const plMean = stats.find((line) => Math.floor(line.kimg) === kimg)?.plMean;
  curve.push({ kimg, lod: lodOf(last), ...measures.point(last), ...(settings.plWeight > 0 && { plMean }) });
}
const { psis = [] } = plan.rows.find((entry) => entry.row === name);
const { generator, discriminator, schedule, mixingProbability, batch } = definition;
const { contents: _, ...data } = definition.data; // the images' sha256 says more
writeJson(join(out, "data", `${name}.json`), {
  row: name,
  options: row.options,
  kimg: row.kimg,
  settings,
  mixingProbability,
  batch,
  schedule,
  networks: {
    generator: { channels: generator.synthesis.channels, parameters: sizeOf(state.generator) },
    discriminator: { channels: discriminator.channels, parameters: sizeOf(state.discriminator) },
  },
  data: { ...data, sha256: imagesDigest(images) },
  classifier: classifierPath === "random" ? "random" : { sha256: fileDigest(classifierPath) },
  measure: plan.measure,
  ...sixDigits({
    curve,
    final: measures.final(last),
    ...(psis.length > 0 && { truncation: psis.map((psi) => measures.truncated(last, psi)) }),
  }),
  weights: { sha256: weightsDigest(last) },
});
writeWhole(join(out, "samples", `${name}.png`), samplesOf(last));
const git = (...args) => execFileSync("git", args, { cwd: resolve(import.meta.dirname), encoding: "utf8" }).trim();
function revision() {
  try {
    return (
      git("rev-parse", "--short=12", "HEAD") +
      (git("status", "--porcelain", "--untracked-files=no", "--", ":/src", ":/assembly", ":/scripts/tables") === ""
        ? ""
        : ", changed")
    );
  } catch {
    return null;
  }
}
writeJson(join(out, "sessions", `${name}.json`), {
  row: name,
  revision: revision(),
  finished: new Date().toISOString(),
  node: process.version,
  kernels: activeKernels().name,
  machine: cpus()[0]?.model ?? "unknown",
  lastSession: { ...session, imagesPerCpuSecond: session.images / session.cpuSeconds },
});
// Worker threads of the kernels would keep the process alive.
process.exit(0);
