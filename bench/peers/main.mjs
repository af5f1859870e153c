/**
 * Times what a user would run instead, on the same network, the same w's and the same threads, in the same run:
 *
 *   npm run bench:peers -- --cases 256:1,1024:1,1024:2 --json out/peers.json
 *
 * Every peer has a process of its own, pinned to the same cores. The images of all are compared before anything is
 * timed; then they take turns, a batch each, so that whatever else the machine does meets all of them alike. A ratio
 * is the median over the rounds of the ratio within a round.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { RandomState } from "../../dist/index.js";
import { coreDistance } from "../lib/coreDistance.mjs";
import { addCoreDistances, describeMachine, printMachine } from "../lib/machine.mjs";
import { networkFiles } from "../lib/networkFiles.mjs";
import { PeerProcess } from "../lib/peerProcess.mjs";
import { median, printTable, short } from "../lib/table.mjs";
import { findPython, NO_PYTORCH } from "../lib/torchProcess.mjs";

const PEERS = {
  // As `stylegan generate` runs: 256-bit vectors where a trial finds them right. And as a program that uses the library by default.
  "stylegan-cli": { module: "./stylegan.mjs", wide: "auto" },
  stylegan: { module: "./stylegan.mjs", wide: false },
  "onnxruntime-node": { module: "./onnxruntimeNode.mjs" },
  "onnxruntime-web": { module: "./onnxruntimeWeb.mjs" },
  "tfjs-wasm": { module: "./tfjsWasm.mjs", maxThreads: 1 },
  pytorch: { module: "./torchImages.mjs" },
};
/** Of the largest value of an image. */
const TOLERANCE = 1e-4;

const help = `Options:
  --cases LIST     RESOLUTION:THREADS[:BATCH], default 256:1,256:2,1024:1,1024:2
  --peers LIST     of ${Object.keys(PEERS).join(", ")} (the first is the one that others are compared with)
  --rounds N       turns to time, default 7, after --warmup N, default 2
  --cold N         more starts of each peer from nothing, default 2
  --pause MS       between turns, so that spinning threads of one peer do not meet the next, default 50
  --node PATH      the Node.js that runs the peers, default this one
  --python PATH    a Python that has PyTorch, default the first of python3 and /usr/bin/python3 that does
  --json FILE      everything measured, with versions`;

const { values: options } = parseArgs({
  options: {
    cases: { type: "string", default: "256:1,256:2,1024:1,1024:2" },
    peers: { type: "string", default: "stylegan-cli,stylegan,onnxruntime-node,onnxruntime-web,tfjs-wasm,pytorch" },
    rounds: { type: "string", default: "7" },
    warmup: { type: "string", default: "2" },
    cold: { type: "string", default: "2" },
    pause: { type: "string", default: "50" },
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

let chosen = options.peers.split(",");
for (const name of chosen) if (!(name in PEERS)) fail(`unknown peer ${name}\n${help}`);
const cases = options.cases.split(",").map((text) => {
  const [resolution, threads = 1, batch = 1] = text.split(":").map(Number);
  if (![resolution, threads, batch].every((value) => Number.isInteger(value) && value > 0)) fail(`bad case ${text}`);
  return { resolution, threads, batch };
});

function fail(message) {
  console.error(message);
  process.exit(1);
}

const python = chosen.includes("pytorch") ? findPython(options.python && [options.python]) : null;
if (python === null && chosen.includes("pytorch")) {
  console.log(NO_PYTORCH);
  chosen = chosen.filter((name) => name !== "pytorch");
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** w's of unit variance, as the mapping network makes them. */
function drawWs(config, batch) {
  const shape = [batch, config.mapping.numWs, config.wDim];
  const random = new RandomState(1);
  return { shape, ws: Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.normal()) };
}

/** Largest difference from the first peer's images, relative to their largest value. */
function differences(outputs) {
  const [{ data: expected, shape }] = outputs;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return outputs.map((output) => {
    if (String(output.shape) !== String(shape)) return Number.NaN;
    let worst = 0;
    for (let k = 0; k < expected.length; k++) {
      const difference = Math.abs(output.data[k] - expected[k]);
      if (!(difference <= worst)) worst = difference;
    }
    return worst / largest;
  });
}

async function measure({ resolution, threads, batch }) {
  const { native, onnx, config } = await networkFiles(resolution, { onnx: true });
  const common = { native, onnx, threads, resolution, python, ...drawWs(config, batch) };
  const names = chosen.filter((name) => threads <= (PEERS[name].maxThreads ?? threads));
  const taskOf = (name) => ({ ...common, ...PEERS[name] });
  const start = (name) => PeerProcess.start(taskOf(name), options).catch((error) => fail(`${name}: ${error.message}`));
  const readFrom = performance.now();
  readFileSync(native);
  const readMs = performance.now() - readFrom;

  const peers = [];
  for (const name of names) peers.push(await start(name));
  const outputs = [];
  for (const peer of peers) outputs.push(await peer.output());
  const relative = differences(outputs);
  names.forEach((name, k) => {
    if (!(relative[k] <= TOLERANCE))
      fail(`${name} shows another image than ${names[0]}: ${relative[k]} of the largest`);
  });

  const times = names.map(() => []);
  const rounds = Number(options.rounds);
  for (let round = -Number(options.warmup); round < rounds; round++) {
    if (threads > 1 && round >= 0) distances.push(await coreDistance());
    for (const [k, peer] of peers.entries()) {
      const ms = await peer.run();
      if (round >= 0) times[k].push(ms);
      await pause(Number(options.pause));
    }
  }

  const results = [];
  for (const [k, name] of names.entries()) {
    const peakRssMb = await peers[k].peakRssMb();
    await peers[k].stop();
    results.push({
      peer: name,
      ...peers[k].ready,
      ms: times[k],
      medianMs: median(times[k]),
      timesSlower: median(times[k].map((ms, round) => ms / times[0][round])),
      difference: relative[k],
      peakRssMb,
      cold: [{ coldMs: peers[k].ready.coldMs, ...peers[k].ready.startMs }],
    });
  }
  for (const result of results) {
    for (let k = 0; k < Number(options.cold); k++) {
      const peer = await start(result.peer);
      result.cold.push({ coldMs: peer.ready.coldMs, ...peer.ready.startMs });
      await peer.stop();
    }
  }
  return { resolution, threads, batch, readMs, results };
}

function report({ resolution, threads, batch, readMs, results }) {
  const middle = (result, key) => median(result.cold.map((start) => start[key]));
  const images = batch === 1 ? "one image" : `${batch} images`;
  printTable(
    `config F at ${resolution}, ${images}, ${threads} thread${threads === 1 ? "" : "s"}`,
    ["peer", "ms", "min", "x ours", "difference", "cold start ms", "load ms", "first image ms", "peak RSS MB"],
    results.map((result) => [
      result.peer,
      short(result.medianMs),
      short(Math.min(...result.ms)),
      result.timesSlower.toFixed(2),
      result.difference.toExponential(0),
      ...["coldMs", "load", "firstImage"].map((key) => middle(result, key).toFixed(0)),
      result.peakRssMb.toFixed(0),
    ]),
  );
  const [first] = results;
  const excess = middle(first, "firstImage") + middle(first, "load") - first.medianMs;
  console.log(
    `${first.peer}, cold: load and first image take ${excess.toFixed(0)} ms more than a steady image; reading the ` +
      `file alone takes ${readMs.toFixed(0)} ms`,
  );
}

const machine = describeMachine();
printMachine(machine);
const measured = [];
const distances = [];
for (const one of cases) {
  const result = await measure(one);
  measured.push(result);
  report(result);
}
addCoreDistances(machine, distances);
const versions = Object.assign({}, ...measured.flatMap(({ results }) => results.map((result) => result.versions)));
console.log(
  `\n${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}`,
);
if (options.json !== undefined) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify({ machine, versions, options, cases: measured }, null, 2)}\n`);
}
// Worker threads of the kernels would keep the process alive.
process.exit(0);
