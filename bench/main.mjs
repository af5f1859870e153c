/**
 * How fast this library is: kernels against the peak of a core, then whole networks, then steps of training.
 *
 *   npm run bench -- --quick
 *   npm run bench -- --only networks --sizes 256,1024 --json out/bench.json
 *   npm run bench -- --only training --threads 1
 *
 * How fast the alternatives are: npm run bench:peers, npm run bench:peers:training.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { init } from "../dist/index.js";
import { activeKernels } from "../dist/nn/backend.js";
import { hasRelaxedSimd } from "../dist/nn/kernels/wasm/variants.js";
import { benchKernels } from "./kernels.mjs";
import { describeMachine, printMachine } from "./lib/machine.mjs";
import { measurePeak } from "./lib/peak.mjs";
import { benchNetworks } from "./networks.mjs";
import { benchTraining } from "./training.mjs";

const PARTS = ["kernels", "networks", "training"];
/** Of the networks in training. */
const TRAINING_SIZES = [32, 64];

const help = `Options:
  --only PART      ${PARTS.join(", ")}; default all
  --match REGEXP   kernels whose group and name match
  --sizes LIST     of the networks, default 64,256,1024
  --batches LIST   of the networks, default 1,4
  --threads LIST   of networks and training, default 1 and all cores
  --time MS        for each measurement, default 1000, at least three samples
  --quick          sizes 64,256, batch 1, 200 ms, 5 steps of training in the place of 17
  --wide           256-bit vectors, where the engine has them
  --node PATH      the Node.js that runs networks and training, default this one
  --json FILE      everything measured`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    match: { type: "string", default: "." },
    sizes: { type: "string" },
    batches: { type: "string" },
    threads: { type: "string" },
    time: { type: "string" },
    quick: { type: "boolean", default: false },
    wide: { type: "boolean", default: false },
    node: { type: "string", default: process.execPath },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(help);
  process.exit(0);
}

function numbers(text, fallback) {
  const list = text?.split(",").map(Number) ?? fallback;
  if (!list.every((value) => Number.isInteger(value) && value > 0)) {
    console.error(`expected whole numbers, got ${text}\n${help}`);
    process.exit(1);
  }
  return list;
}

const { quick, wide, node, only } = options;
if (only !== undefined && !PARTS.includes(only)) {
  console.error(`unknown part ${only}\n${help}`);
  process.exit(1);
}
const isAsked = (part) => only === undefined || only === part;
const timeMs = Number(options.time ?? (quick ? 200 : 1000));
const sizes = numbers(options.sizes, quick ? [64, 256] : [64, 256, 1024]);
const batches = numbers(options.batches, quick ? [1] : [1, 4]);
const threads = numbers(options.threads, [...new Set([1, os.availableParallelism()])]);

const machine = describeMachine();
printMachine(machine);
await hasRelaxedSimd(); // as the kernels do, lets Node 20 have it
const peak = measurePeak();
const relaxed = peak.relaxedMadd === null ? "no relaxed SIMD" : `relaxed madd ${peak.relaxedMadd.toFixed(1)}`;
console.log(`peak of one core in registers, GFLOP/s: mul + add ${peak.mulAdd.toFixed(1)}, ${relaxed}`);

const report = { machine, options, peak };
if (isAsked("kernels")) {
  await init({ threads: 1, wide });
  const kernels = activeKernels();
  const own = kernels.name === "relaxed-simd" ? peak.relaxedMadd : peak.mulAdd;
  console.log(`kernels: ${kernels.name}`);
  report.variant = kernels.name;
  report.kernels = await benchKernels(kernels, { timeMs, peak: own, only: new RegExp(options.match) });
}
if (isAsked("networks")) {
  report.networks = await benchNetworks({ sizes, batches, threads, timeMs, wide, node });
}
if (isAsked("training")) {
  report.training = benchTraining({ sizes: TRAINING_SIZES, threads, steps: quick ? 5 : 17, wide, node });
}
if (options.json !== undefined) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
// Worker threads of the kernels would keep the process alive.
process.exit(0);
