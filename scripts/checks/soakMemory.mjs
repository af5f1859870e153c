/**
 * Makes thousands of images with a small network, or trains one for thousands of steps, and demands that they fit into
 * the memory of the first ones.
 *
 *   node scripts/checks/soakMemory.mjs [--job images|training] [--times 10000] [--resolution 32|8] [--threads N]
 *
 * Prints a line for every tenth of the way: bytes in live blocks of the kernels, bytes of their memory, and resident
 * bytes of the process. Exits with 1 when any of the kernels' numbers changes after it has settled (ten images; the
 * first 16 steps, by which every phase has run), or when the process grows by more than 64 MiB after the first tenth.
 * Needs the compiled library: npm run build.
 */
import { parseArgs } from "node:util";
import { init, noGrad, RandomState, Tensor } from "../../dist/index.js";
import { activeKernels } from "../../dist/nn/backend.js";
import { initialContents } from "../../dist/nn/layers/module.js";
import { augmentPipelines } from "../../dist/stylegan/augment/pipeline.js";
import { Generator } from "../../dist/stylegan/generator.js";
import { createNetworks, networkGeometry } from "../../dist/stylegan/geometry.js";
import { setTrainable } from "../../dist/stylegan/networks.js";
import { TrainingSampler } from "../../dist/stylegan/training/sampler.js";
import { TrainingState, trainingStep } from "../../dist/stylegan/training/step.js";

const { values } = parseArgs({
  options: {
    ...{ resolution: { type: "string" }, threads: { type: "string" } },
    job: { type: "string", default: "images" },
    times: { type: "string", default: "10000" },
  },
});
const jobs = {
  images: { make: imageJob, resolution: 32, settledAfter: 10 },
  training: { make: trainingJob, resolution: 8, settledAfter: 16 },
};
const job = jobs[values.job];
const times = Number(values.times);
const resolution = Number(values.resolution ?? job?.resolution);
if (job === undefined || !Number.isInteger(times) || times < 200 || !Number.isInteger(Math.log2(resolution))) {
  console.error(
    "usage: soakMemory.mjs [--job images|training] [--times N, at least 200] [--resolution POWER_OF_2] [--threads N]",
  );
  process.exit(1);
}

await init(values.threads === undefined ? {} : { threads: Number(values.threads) });
const shape = { zDim: 32, wDim: 32, mappingLayers: 2, channelBase: 16 * resolution, channelMax: 32 };
const random = new RandomState(1);

/** An image with constant noise and one with random noise, in turn. */
function imageJob() {
  const config = networkGeometry({ resolution, ...shape }).generator;
  const generator = setTrainable(new Generator(config, initialContents(random)), false);
  return (time) => {
    const noiseMode = time % 2 === 0 ? "const" : "random";
    const z = Tensor.from(random.randn(shape.zDim), [1, shape.zDim]);
    const pixels = noGrad(() => generator.forward(z, null, { noiseMode, random, truncationPsi: 0.7 })).toArray();
    if (!pixels.every(Number.isFinite)) throw new Error(`soakMemory: image ${time} is not finite`);
  };
}

/** A step of all the losses and regularisers, with augmentation, on images of noise. */
function trainingJob() {
  const state = new TrainingState(createNetworks(networkGeometry({ resolution, ...shape }), 1), {
    augment: augmentPipelines.bgc,
    augmentP: 0.2,
  });
  const sampler = new TrainingSampler(1, { batchSize: 4 });
  const imageShape = [4, 3, resolution, resolution];
  return () => {
    const real = Tensor.from(random.randn(imageShape.reduce((a, b) => a * b)), imageShape);
    trainingStep(state, { ...sampler.draw(state), real, realC: null });
  };
}

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
const describe = ({ usedBytes, reservedBytes }) =>
  `${mebibytes(usedBytes)} in use, ${mebibytes(reservedBytes)} reserved, ${mebibytes(process.memoryUsage.rss())} resident`;

const run = job.make();
let settled = null;
let residentBytes = Number.POSITIVE_INFINITY;
const tenth = Math.floor(times / 10);
const started = performance.now();
for (let time = 1; time <= times; time++) {
  run(time);
  const memory = activeKernels().memory();
  if (time === job.settledAfter) settled = memory;
  for (const key of ["usedBytes", "peakBytes", "reservedBytes"]) {
    if (settled === null || memory[key] === settled[key]) continue;
    console.error(
      `soakMemory: ${key} was ${settled[key]} after ${job.settledAfter} times and is ${memory[key]} after ${time}`,
    );
    process.exit(1);
  }
  if (time % tenth === 0) console.log(`${time} times: ${describe(memory)}`);
  // Turning the event loop lets the collector's callbacks run, as in a program that waits for anything at all.
  if (time % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (time === tenth) residentBytes = process.memoryUsage.rss();
}
const grown = process.memoryUsage.rss() - residentBytes;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${values.job}: ${times} times in ${seconds} s, ${mebibytes(grown)} more resident`);
if (grown > 64 * 2 ** 20) {
  console.error("soakMemory: the process grew; something outside the kernels is kept");
  process.exit(1);
}
