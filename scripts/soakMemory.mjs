/**
 * Makes thousands of images with a small network and demands that they fit into the memory of the first ones.
 *
 *   node scripts/soakMemory.mjs [--images 10000] [--resolution 32] [--threads N]
 *
 * Prints a line for every tenth of the way: bytes in live blocks of the kernels, bytes of their memory, and resident
 * bytes of the process. Exits with 1 when any of the kernels' numbers changes after the first ten images, or when the
 * process grows by more than 64 MiB after the first tenth. Needs the compiled library: npm run build.
 */
import { parseArgs } from "node:util";
import { init, noGrad, RandomState, Tensor } from "../dist/index.js";
import { activeKernels } from "../dist/nn/backend.js";
import { initialContents } from "../dist/nn/layers/module.js";
import { Generator } from "../dist/stylegan/generator.js";
import { networkGeometry } from "../dist/stylegan/trainingConfig.js";

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "10000" },
    resolution: { type: "string", default: "32" },
    threads: { type: "string" },
  },
});
const images = Number(values.images);
const resolution = Number(values.resolution);
if (!Number.isInteger(images) || images < 20 || !Number.isInteger(Math.log2(resolution))) {
  console.error("usage: soakMemory.mjs [--images N, at least 20] [--resolution POWER_OF_2] [--threads N]");
  process.exit(1);
}

await init(values.threads === undefined ? {} : { threads: Number(values.threads) });
const shape = { zDim: 32, wDim: 32, mappingLayers: 2, channelBase: 16 * resolution, channelMax: 32 };
const generator = new Generator(
  networkGeometry({ resolution, ...shape }).generator,
  initialContents(new RandomState(1)),
);
const random = new RandomState(1);

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
const describe = ({ usedBytes, reservedBytes }) =>
  `${mebibytes(usedBytes)} in use, ${mebibytes(reservedBytes)} reserved, ${mebibytes(process.memoryUsage.rss())} resident`;

let settled = null;
let residentBytes = Number.POSITIVE_INFINITY;
const tenth = Math.floor(images / 10);
const started = performance.now();
for (let made = 1; made <= images; made++) {
  const noiseMode = made % 2 === 0 ? "const" : "random";
  const z = Tensor.from(random.randn(shape.zDim), [1, shape.zDim]);
  const pixels = noGrad(() => generator.forward(z, null, { noiseMode, random, truncationPsi: 0.7 })).toArray();
  if (!pixels.every(Number.isFinite)) throw new Error(`soakMemory: image ${made} is not finite`);
  const memory = activeKernels().memory();
  if (made === 10) settled = memory;
  for (const key of ["usedBytes", "peakBytes", "reservedBytes"]) {
    if (settled === null || memory[key] === settled[key]) continue;
    console.error(`soakMemory: ${key} was ${settled[key]} after 10 images and is ${memory[key]} after ${made}`);
    process.exit(1);
  }
  if (made % tenth === 0) console.log(`${made} images: ${describe(memory)}`);
  // Turning the event loop lets the collector's callbacks run, as in a program that waits for anything at all.
  if (made % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (made === tenth) residentBytes = process.memoryUsage.rss();
}
const grown = process.memoryUsage.rss() - residentBytes;
console.log(
  `${images} images in ${((performance.now() - started) / 1000).toFixed(1)} s, ${mebibytes(grown)} more resident`,
);
if (grown > 64 * 2 ** 20) {
  console.error("soakMemory: the process grew; something outside the kernels is kept");
  process.exit(1);
}
