/**
 * Times the training step of StyleGAN2 beside PyTorch's, on the same networks, weights and cores, in the same run:
 *
 *   npm run bench:peers:training
 *   node bench/peers/training.mjs --sizes 32,64 --threads 1,2 --node PATH --json out/trainingPeers.json
 *
 * Each has a process of its own, pinned to the same cores. Images, logits, the loss of every phase and the length of its
 * gradient are compared before anything is timed. Then they take turns of some steps, the first of which has all four
 * phases; a step is Gmain + Greg / 4 + Dmain + Dreg / 16 and what comes between, by the clock. A ratio is the median over
 * the rounds of the ratio within a round. With several threads, PyTorch on one core runs too.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { init } from "../../dist/index.js";
import { coreDistance } from "../lib/coreDistance.mjs";
import { addCoreDistances, describeMachine, printMachine } from "../lib/machine.mjs";
import { PeerProcess } from "../lib/peerProcess.mjs";
import { median, printTable, short } from "../lib/table.mjs";
import { findPython, NO_PYTORCH } from "../lib/torchProcess.mjs";
import { trainingFile } from "../lib/trainingFile.mjs";
import { phasesOf, R1_GAMMA, stepOf, TRAINING_NETWORKS } from "../lib/trainingRun.mjs";

const PEERS = {
  // As `stylegan train` runs: 256-bit vectors where a trial finds them right. And as a program that uses the library by default.
  "stylegan-cli": { module: "./styleganTraining.mjs", wide: "auto" },
  stylegan: { module: "./styleganTraining.mjs", wide: false },
  pytorch: { module: "./torchTraining.mjs" },
};
/** Of the largest value of images and logits, and of losses; gradients of order two lose more. */
const TOLERANCE = { images: 1e-4, logits: 1e-4, losses: 1e-4, gradients: 1e-3 };
const PHASES = ["draws", "Gmain", "Greg", "Dmain", "Dreg", "between"];

const help = `Options:
  --sizes LIST     32, 64; default both
  --threads LIST   default 1,2
  --batch N        default 16
  --peers LIST     of ${Object.keys(PEERS).join(", ")}; default stylegan-cli,stylegan,pytorch
  --rounds N       turns to time, default 5, after --warmup N, default 6: a run of training takes its first seconds once
  --steps N        of a turn, default 4
  --pause MS       between turns, so that spinning threads of one peer do not meet the next, default 200
  --node PATH      the Node.js that runs ours, default this one
  --python PATH    a Python that has PyTorch, default the first of python3 and /usr/bin/python3 that does
  --json FILE      everything measured, with versions`;

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "32,64" },
    threads: { type: "string", default: "1,2" },
    batch: { type: "string", default: "16" },
    peers: { type: "string", default: "stylegan-cli,stylegan,pytorch" },
    rounds: { type: "string", default: "5" },
    warmup: { type: "string", default: "6" },
    steps: { type: "string", default: "4" },
    pause: { type: "string", default: "200" },
    node: { type: "string", default: process.execPath },
    python: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(help);
  process.exit(0);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

function numbers(name) {
  const list = options[name].split(",").map(Number);
  if (!list.every((value) => Number.isInteger(value) && value > 0)) {
    fail(`--${name}: expected whole numbers, got ${options[name]}\n${help}`);
  }
  return list;
}

const [sizes, threads] = [numbers("sizes"), numbers("threads")];
const [[batch], [rounds], [steps]] = [numbers("batch"), numbers("rounds"), numbers("steps")];
const [warmup, pauseMs] = [Number(options.warmup), Number(options.pause)];
for (const size of sizes) if (TRAINING_NETWORKS[size] === undefined) fail(`no network of ${size} pixels\n${help}`);
let chosen = options.peers.split(",");
for (const name of chosen) if (!(name in PEERS)) fail(`unknown peer ${name}\n${help}`);

const python = chosen.includes("pytorch") ? findPython(options.python && [options.python]) : null;
if (python === null && chosen.includes("pytorch")) {
  console.log(NO_PYTORCH);
  chosen = chosen.filter((name) => name !== "pytorch");
}

const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs));

/** Largest difference of two lists of numbers, relative to the largest of the first; NaN where they do not compare. */
function difference(expected, actual) {
  if (expected.length !== actual.length) return Number.NaN;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const differences = expected.map((value, k) => Math.abs(actual[k] - value));
  return differences.every(Number.isFinite) ? differences.reduce((a, b) => Math.max(a, b)) / largest : Number.NaN;
}

/** The worst of each kind of number, each loss and each gradient by itself. */
function differences(expected, actual) {
  const each = (key) =>
    Object.keys(expected[key]).map((name) => difference([expected[key][name]], [actual[key][name]]));
  return {
    images: difference(expected.images, actual.images),
    logits: difference(expected.logits, actual.logits),
    losses: Math.max(...each("losses")),
    gradients: Math.max(...each("gradients")),
  };
}

/**
 * @typedef {object} TrainingTask
 * @property {string} file     weights and inputs, as trainingFile.mjs writes them
 * @property {number} cutoff   of style mixing, where the implementations are compared
 * @property {number} size     pixels, a key of TRAINING_NETWORKS, with its `geometry` and number of `parameters`
 * @property {number} batch
 * @property {number} gamma    of R1
 * @property {number} threads
 * @property {number} steps    of a turn
 * @property {boolean | "auto"} wide  256-bit vectors
 * @property {string} python   for PyTorch
 */
async function measure(size, threadCount) {
  const { geometry, parameters } = TRAINING_NETWORKS[size];
  const file = trainingFile(geometry);
  const task = { file, cutoff: 3, size, geometry, parameters, batch, gamma: R1_GAMMA, steps, python };
  const settings = chosen.map((peer) => ({ name: peer, peer, threads: threadCount }));
  if (threadCount > 1 && python !== null) settings.push({ name: "pytorch, 1 thread", peer: "pytorch", threads: 1 });

  const peers = [];
  for (const { name, peer, threads: count } of settings) {
    const started = PeerProcess.start({ ...task, ...PEERS[peer], threads: count }, options);
    peers.push(await started.catch((error) => fail(`${name}: ${error.message}`)));
  }
  const outputs = [];
  for (const peer of peers) outputs.push(await peer.output());
  const compared = outputs.map((output) => differences(outputs[0], output));
  for (const [k, { name }] of settings.entries()) {
    for (const [what, most] of Object.entries(TOLERANCE)) {
      const worst = compared[k][what];
      if (!(worst <= most)) fail(`${name} has other ${what} than ${settings[0].name}: ${worst} of the largest`);
    }
  }

  const turns = settings.map(() => []);
  for (let round = -warmup; round < rounds; round++) {
    if (threadCount > 1 && round >= 0) distances.push(await coreDistance());
    for (const [k, peer] of peers.entries()) {
      await pause();
      const { result } = await peer.turn();
      if (round >= 0) turns[k].push(phasesOf(result));
    }
  }
  const results = [];
  for (const [k, { name, threads: count }] of settings.entries()) {
    const ms = turns[k].map(stepOf);
    results.push({
      peer: name,
      threads: count,
      versions: peers[k].ready.versions,
      detail: peers[k].ready.detail,
      ms,
      stepMs: median(ms),
      kimgPerHour: (batch / median(ms)) * 3600,
      phases: phasesOf(turns[k]),
      timesSlower: median(ms.map((value, round) => value / stepOf(turns[0][round]))),
      differences: compared[k],
      peakRssMb: await peers[k].peakRssMb(),
    });
    await peers[k].stop();
  }
  return { size, threads: threadCount, batch, results };
}

function report({ size, threads: count, results }) {
  printTable(
    `training step at ${size}x${size}, batch ${batch}, ${count} thread${count === 1 ? "" : "s"}, clock time in ms`,
    ["", ...PHASES, "step", "fastest", "kimg/h", "x ours", "difference", "peak RSS MB"],
    results.map((result) => [
      result.peer,
      ...PHASES.map((phase) => short(result.phases[phase])),
      short(result.stepMs),
      short(Math.min(...result.ms)),
      short(result.kimgPerHour),
      result.timesSlower.toFixed(2),
      Math.max(...Object.values(result.differences)).toExponential(0),
      result.peakRssMb.toFixed(0),
    ]),
  );
  const blas = results.find(({ detail }) => detail.blas !== undefined)?.detail.blas;
  if (blas === "reference BLAS") {
    console.log(`This PyTorch uses the ${blas}, which makes it half as fast: apt-get install libopenblas0-openmp`);
  }
}

await init({ threads: 1 });
const machine = describeMachine();
printMachine(machine);
const trainingCases = [];
const distances = [];
for (const size of sizes) {
  for (const count of threads) {
    const result = await measure(size, count);
    trainingCases.push(result);
    report(result);
  }
}
addCoreDistances(machine, distances);
const all = trainingCases.flatMap(({ results }) => results);
const versions = Object.assign({}, ...all.map((result) => result.versions));
const details = [...new Set(all.map(({ peer, detail }) => `${peer}: ${Object.values(detail).join(", ")}`))];
console.log(
  `\n${Object.entries(versions)
    .map((entry) => entry.join(" "))
    .join(", ")}\n${details.join("\n")}`,
);
if (options.json !== undefined) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify({ machine, versions, options, trainingCases }, null, 2)}\n`);
}
