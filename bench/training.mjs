/**
 * The training step, batch 16: milliseconds by phase and by kernel.
 *
 *   node bench/training.mjs                          the 32x32 network on one thread, by phase
 *   node bench/training.mjs --size 64 --threads 2
 *   node bench/training.mjs --kernels --shapes       where the time goes; --match conv2d for some kernels only
 *
 * Times are of the processor (all threads), which other programs disturb less than the clock; `--clock` takes the clock, the
 * only fair measure with several threads. A step is Gmain + Greg / 4 + Dmain + Dreg / 16 and what comes between them.
 *
 * Beside PyTorch in the same run: npm run bench:peers:training. `benchTraining` is this measurement in processes of their
 * own, for bench/main.mjs.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { activeKernels } from "../dist/nn/backend.js";
import { pinned } from "./lib/peerProcess.mjs";
import { printTable, short } from "./lib/table.mjs";
import { phasesOf, stepOf, TRAINING_NETWORKS, TrainingRun } from "./lib/trainingRun.mjs";

/** Thousands of images an hour that PyTorch 1.13 reached on one core of another machine (an AMD Zen 5), for orientation. */
const ELSEWHERE = { 32: 154, 64: 81 };
const COMMAND = fileURLToPath(import.meta.url);
const REPORT = new URL("../out/bench/training.json", import.meta.url);

/**
 * Every size with every number of threads, each in a pinned process of its own, which prints its tables.
 *
 * @param {{ sizes: number[], threads: number[], steps: number, wide: boolean, node: string }} options
 * @returns {object[]} one record a setting
 */
export function benchTraining({ sizes, threads, steps, wide, node }) {
  const records = [];
  for (const size of sizes) {
    for (const count of threads) {
      const setting = ["--size", size, "--threads", count, "--steps", steps, ...(wide ? ["--wide"] : [])].map(String);
      const output = ["--clock", "--kernels", "--json", fileURLToPath(REPORT)];
      const [command, ...rest] = pinned([node, COMMAND, ...setting, ...output], count);
      execFileSync(command, rest, { stdio: "inherit" });
      records.push(JSON.parse(readFileSync(REPORT, "utf8")));
    }
  }
  return records;
}

const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function main() {
  const { values: options } = parseArgs({
    options: {
      size: { type: "string", default: "32" },
      threads: { type: "string", default: "1" },
      steps: { type: "string", default: "17" },
      batch: { type: "string", default: "16" },
      aug: { type: "string" },
      match: { type: "string", default: "." },
      wide: { type: "boolean", default: false },
      clock: { type: "boolean", default: false },
      kernels: { type: "boolean", default: false },
      shapes: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const [size, threads, batch, count] = [options.size, options.threads, options.batch, options.steps].map(Number);
  if (TRAINING_NETWORKS[size] === undefined) throw new RangeError(`--size: expected 32 or 64, got ${options.size}`);
  const now = options.clock ? () => performance.now() : processorTime;
  const { wide, aug, shapes } = options;
  const profile = options.kernels || shapes ? { shapes } : undefined;
  const run = await TrainingRun.start({ size, threads, batch, now, wide, aug, profile });
  const kernels = activeKernels();

  const startedAt = performance.now();
  const steps = [];
  for (let k = 0; k < count; k++) {
    if (k === 1) run.kernelTimes.clear();
    steps.push(run.step());
  }
  const seconds = (performance.now() - startedAt) / 1000;

  const phases = typical(steps);
  const stepMs = stepOf(phases);
  const kimgPerHour = (batch / stepMs) * 3600;
  const { peakBytes } = kernels.memory();
  printTable(
    `training step, ${size}x${size}, batch ${batch}, ${kernels.name}, ${kernels.threads} threads, ` +
      `${options.clock ? "clock" : "processor"} time`,
    ["phase", "ms", "of a step"],
    Object.entries(phases).map(([name, ms]) => {
      const every = { Greg: 4, Dreg: 16 }[name] ?? 1;
      return [name, short(ms), `${((100 * ms) / every / stepMs).toFixed(1)} %`];
    }),
  );
  console.log(
    `${short(stepMs)} ms a step, ${short(kimgPerHour)} kimg/h; ${count} steps took ${seconds.toFixed(1)} s; ` +
      `${(peakBytes / 1e6).toFixed(0)} MB. (PyTorch on one core of another machine: ${ELSEWHERE[size]} kimg/h, ` +
      `of which this is ${(kimgPerHour / ELSEWHERE[size]).toFixed(2)}; on this one: npm run bench:peers:training)`,
  );
  const times = kernelRecords(run, count - 1);
  if (times.length > 0) {
    const rows = times.filter(({ name }) => new RegExp(options.match).test(name)).slice(0, 60);
    printTable(
      "kernels, over all steps but the first",
      ["kernel", "ms a step", "calls a step"],
      rows.map(({ name, ms, calls }) => [name, short(ms), short(calls)]),
    );
  }
  if (options.json !== undefined) {
    const detail = { kernels: kernels.name, threads: kernels.threads };
    const record = { size, batch, threads, detail, phases, stepMs, kimgPerHour, peakBytes, kernels: times };
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, `${JSON.stringify(record, null, 2)}\n`);
  }
}

/** Of each phase without its first call, which compiles, where there is another. */
function typical(steps) {
  const first = phasesOf(steps.slice(0, 1));
  return { ...first, ...phasesOf(steps.slice(1)) };
}

/** Time and calls of a step, the slowest kernels first. */
function kernelRecords({ kernelTimes }, steps) {
  return [...kernelTimes]
    .map(([name, { ms, calls }]) => ({ name, ms: ms / steps, calls: calls / steps }))
    .sort((a, b) => b.ms - a.ms);
}

if (process.argv[1] === COMMAND) {
  await main();
  // Worker threads of the kernels would keep the process alive.
  process.exit(0);
}
