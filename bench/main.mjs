/**
 * How fast this library is: kernels against the peak of a core, then whole networks.
 *
 *   npm run bench -- --quick
 *   npm run bench -- --only networks --sizes 256,1024 --json out/bench.json
 *
 * How fast the alternatives are: npm run bench:peers.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { init } from "../dist/index.js";
import { activeKernels } from "../dist/nn/backend.js";
import { benchKernels } from "./kernels.mjs";
import { describeMachine, printMachine } from "./lib/machine.mjs";
import { measurePeak } from "./lib/peak.mjs";
import { benchNetworks } from "./networks.mjs";

const help = `Options:
  --only PART      kernels or networks; default both
  --match REGEXP   kernels whose group and name match
  --sizes LIST     default 64,256,1024
  --batches LIST   default 1,4
  --threads LIST   of the networks, default 1 and all cores
  --time MS        for each measurement, default 1000, at least three samples
  --quick          sizes 64,256, batch 1, 200 ms
  --wide           256-bit vectors, where the engine has them
  --node PATH      the Node.js that runs the networks, default this one
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

const { quick, wide } = options;
const timeMs = Number(options.time ?? (quick ? 200 : 1000));
const sizes = numbers(options.sizes, quick ? [64, 256] : [64, 256, 1024]);
const batches = numbers(options.batches, quick ? [1] : [1, 4]);
const threads = numbers(options.threads, [...new Set([1, os.availableParallelism()])]);

const machine = describeMachine();
printMachine(machine);
const peak = measurePeak();
const relaxed = peak.relaxedMadd === null ? "no relaxed SIMD" : `relaxed madd ${peak.relaxedMadd.toFixed(1)}`;
console.log(`peak of one core in registers, GFLOP/s: mul + add ${peak.mulAdd.toFixed(1)}, ${relaxed}`);

const report = { machine, options, peak };
if (options.only !== "networks") {
  await init({ threads: 1, wide });
  const kernels = activeKernels();
  const own = kernels.name === "relaxed-simd" ? peak.relaxedMadd : peak.mulAdd;
  console.log(`kernels: ${kernels.name}`);
  report.variant = kernels.name;
  report.kernels = await benchKernels(kernels, { timeMs, peak: own, only: new RegExp(options.match) });
}
if (options.only !== "kernels") {
  report.networks = await benchNetworks({ sizes, batches, threads, timeMs, wide, node: options.node });
}
if (options.json !== undefined) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
// Worker threads of the kernels would keep the process alive.
process.exit(0);
