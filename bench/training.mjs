/**
 * The training step: thousands of images in an hour, by phase and by kernel, against what official PyTorch reaches on one
 * core of the development machine (issue 4).
 *
 *   node bench/training.mjs                          the 32x32 network on one thread, by phase
 *   node bench/training.mjs --size 64 --threads 2
 *   node bench/training.mjs --kernels --shapes       where the time goes; --match conv2d for some kernels only
 *
 * Times are of the processor (all threads), which other programs disturb less than the clock; `--clock` takes the clock, the
 * only fair measure with several threads. A step is Gmain + Greg / 4 + Dmain + Dreg / 16 and what comes between them.
 */
import { parseArgs } from "node:util";
import { init, RandomState, Tensor } from "../dist/index.js";
import { activeKernels, setKernels } from "../dist/nn/backend.js";
import { TrainingState, trainingStep } from "../dist/stylegan/training.js";
import { createNetworks, networkGeometry } from "../dist/stylegan/trainingConfig.js";
import { TrainingSampler } from "../dist/stylegan/trainingSampler.js";
import { printTable, short } from "./lib/table.mjs";

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
  },
});

/** The networks of PEERS.md section 4, with the kimg/hour of PyTorch 1.13 on one core. */
const NETWORKS = {
  32: { geometry: { channelBase: 2048, channelMax: 64, zDim: 512, wDim: 512, mappingLayers: 8 }, pytorch: 154 },
  64: { geometry: { channelBase: 2048, channelMax: 64, zDim: 128, wDim: 128, mappingLayers: 2 }, pytorch: 81 },
};

const now = options.clock
  ? () => performance.now()
  : () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };

/** Kernels that add up their own time under `kernel` or `kernel shape`. */
function measured(kernels, times) {
  return new Proxy(kernels, {
    get(target, key) {
      const method = target[key];
      if (typeof method !== "function") return method;
      if (["allocate", "release", "memory"].includes(key)) return method.bind(target);
      return (...values) => {
        const start = now();
        const result = method.apply(target, values);
        const name = options.shapes ? `${key} ${describe(key, values)}` : key;
        const entry = times.get(name) ?? { ms: 0, calls: 0 };
        times.set(name, { ms: entry.ms + now() - start, calls: entry.calls + 1 });
        return result;
      };
    },
  });
}

/** What a call worked on, in short. */
function describe(key, values) {
  const g = values.at(-1);
  if (key.startsWith("conv2d")) {
    const { n, inChannels, outChannels, height, width, kernelHeight, stride, padY } = g;
    return `[${n}, ${inChannels}, ${height}, ${width}] -> ${outChannels}, ${kernelHeight}x${kernelHeight}/${stride} pad ${padY}`;
  }
  if (key === "matmul") return `${g.m} x ${g.k} x ${g.n} ${g.transposeA ? "T" : "N"}${g.transposeB ? "T" : "N"}`;
  if (key === "upfirdn2d") {
    const { planes, height, width, outHeight, outWidth, upX, downX } = g;
    return `[${planes}, ${height}, ${width}] -> ${outHeight} x ${outWidth}, up ${upX} down ${downX}`;
  }
  if (key === "binary") return `${values[0]} [${g.shape}] ${g.strides.map((s) => `[${s}]`).join(" ")}`;
  if (key === "sum") return `${g.outer} x ${g.reduce} x ${g.inner}`;
  if (key.startsWith("biasAct")) return `${g.outer} x ${g.channels} x ${g.inner} ${g.activation}`;
  if (key === "stridedCopy") return `[${g.shape}] ${g.strides.map((s) => `[${s}]`).join(" ")}`;
  if (key === "unary") return `${values[0]} ${values[1].length}`;
  return String(values[0].length);
}

const size = Number(options.size);
const network = NETWORKS[size];
if (network === undefined) throw new RangeError(`--size: expected 32 or 64, got ${options.size}`);
const batch = Number(options.batch);
const steps = Number(options.steps);
await init({ threads: Number(options.threads), wide: options.wide });
const times = new Map();
const plain = activeKernels();
if (options.kernels || options.shapes) setKernels(measured(plain, times));

const geometry = networkGeometry({ resolution: size, ...network.geometry });
const augment = options.aug
  ? { augment: (await import("../dist/stylegan/augment.js")).augmentPipelines[options.aug], augmentP: 0.5 }
  : {};
const state = new TrainingState(createNetworks(geometry, 0), { r1Gamma: 1, emaKimg: 0.5, ...augment });
const sampler = new TrainingSampler(1, { batchSize: batch });
const phases = { draws: [], Gmain: [], Greg: [], Dmain: [], Dreg: [], between: [] };
const wall = performance.now();
for (let step = 0; step < steps; step++) {
  const real = Tensor.from(new RandomState(step).randn(batch * 3 * size * size), [batch, 3, size, size]);
  let mark = now();
  const lap = (name) => {
    const then = mark;
    mark = now();
    phases[name].push(mark - then);
  };
  const draws = sampler.draw(state);
  lap("draws");
  if (step === 1) times.clear();
  // A phase ends when its gradients are there; its update counts with what follows.
  trainingStep(state, { ...draws, real, realC: null }, lap);
  lap("between");
}
const wallSeconds = (performance.now() - wall) / 1000;

/** Median without the first call, which compiles. */
const typical = (list) => {
  const sorted = list.slice(list.length > 1 ? 1 : 0).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
};
const median = Object.fromEntries(Object.entries(phases).map(([name, list]) => [name, typical(list)]));
const step = median.draws + median.Gmain + median.Greg / 4 + median.Dmain + median.Dreg / 16 + median.between;
const kimgPerHour = (batch / step) * 3600;
printTable(
  `${size}x${size}, batch ${batch}, ${plain.name}, ${plain.threads} threads, ${options.clock ? "clock" : "processor"} time`,
  ["phase", "ms", "of a step"],
  Object.entries(median).map(([name, ms]) => {
    const every = { Greg: 4, Dreg: 16 }[name] ?? 1;
    return [name, short(ms), `${((100 * ms) / every / step).toFixed(1)} %`];
  }),
);
console.log(
  `${short(step)} ms a step, ${short(kimgPerHour)} kimg/h: ${(kimgPerHour / network.pytorch).toFixed(2)} of PyTorch on one core ` +
    `(${network.pytorch}); ${steps} steps took ${wallSeconds.toFixed(1)} s; ${(plain.memory().peakBytes / 1e6).toFixed(0)} MB`,
);
if (times.size > 0) {
  const rows = [...times].filter(([name]) => new RegExp(options.match).test(name)).sort((a, b) => b[1].ms - a[1].ms);
  printTable(
    "kernels, over all steps but the first",
    ["kernel", "ms a step", "calls a step"],
    rows.slice(0, 60).map(([name, { ms, calls }]) => [name, short(ms / (steps - 1)), short(calls / (steps - 1))]),
  );
}
process.exit(0);
