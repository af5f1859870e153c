/**
 * The Frechet distance of every network snapshot of a run, whether or not it was measured while training:
 *
 *   node scripts/runs/frechetCurve.mjs RUN --metric CLASSIFIER.safetensors [--kimg 0,10,...] [--every 1] [--images 2048]
 *     [--data IMAGES] [--engine TEXT] [--out CURVE.json]
 *
 * RUN is the folder of a run; the data set is the run's own unless --data says where it is now. Images, features and
 * latents are those of `stylegan train --metric`, and so are the numbers. Of networks that grow, the lod is told too,
 * and how far the data is from itself shown at that lod: what a perfect generator would have.
 *
 * Prints a table. CURVE.json is the record of the run: the command, what it saw in what time, and the curve; --engine is
 * what it ran on, in words. Needs the compiled library (npm run build).
 */
import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { FrechetMetric, openClassifier } from "../../dist/cli/train/metric.js";
import { commandOf } from "../../dist/cli/train/record.js";
import { openDataset } from "../../dist/cli/train/setup.js";
import { init, loadCheckpoint, noGrad, RandomState, scope } from "../../dist/index.js";
import { featureStatistics, frechetDistance } from "../../dist/stylegan/evaluation/metrics.js";
import { imagesAtLod, lodOf, seedsOf } from "../../dist/stylegan/training/index.js";
import { curveTable, readRun, snapshotsOf } from "./runs.mjs";

const text = { type: "string" };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ metric: text, kimg: text, data: text, engine: text, out: text },
    every: { type: "string", default: "1" },
    images: { type: "string", default: "2048" },
  },
});
const [folder] = positionals;
if (folder === undefined || values.metric === undefined) {
  console.error("usage: frechetCurve.mjs RUN --metric CLASSIFIER.safetensors [--kimg LIST] [--out CURVE.json]");
  process.exit(1);
}
const CHUNK = 32;

await init();
const { definition, stats } = readRun(folder);
const dataset = openDataset(values.data ?? definition.dataPath, definition.options);
const classifier = openClassifier(values.metric, dataset);
const { grid: seed } = seedsOf(definition.seed);
const count = Number(values.images);
const metric = new FrechetMetric(classifier, dataset, { count, seed });

/** The data, shown at a lod, as features. */
function realStatistics(lod) {
  const order = new RandomState(seed).permutation(dataset.count).slice(0, count);
  const data = new Float32Array(order.length * classifier.featureDims);
  for (let begin = 0; begin < order.length; begin += CHUNK) {
    const features = () => classifier.features(imagesAtLod(dataset.images(order.slice(begin, begin + CHUNK)), lod));
    data.set(
      noGrad(() => scope(() => features().toArray())),
      begin * classifier.featureDims,
    );
  }
  return featureStatistics({ data, count: order.length, dims: classifier.featureDims });
}

/** Lod -> the distance between the data and itself at that lod. */
const distances = new Map([[0, 0]]);
function dataAtLod(lod) {
  if (!distances.has(lod)) distances.set(lod, frechetDistance(realStatistics(0), realStatistics(lod)));
  return distances.get(lod);
}

const curve = [];
const snapshots = snapshotsOf(folder, values.kimg);
for (const [index, { path, kimg }] of snapshots.entries()) {
  if (index % Number(values.every) !== 0 && index !== snapshots.length - 1) continue;
  const { gEma } = await loadCheckpoint(path, { networks: ["gEma"] });
  const seconds = Math.round(stats.findLast((line) => Math.floor(line.kimg) <= kimg)?.seconds ?? 0);
  const lod = lodOf(gEma);
  const growing = definition.schedule === null ? {} : { lod, dataAtLod: dataAtLod(lod) };
  curve.push({ kimg, seconds, frechetDistance: metric.measure(gEma), ...growing });
  console.error(`${kimg} kimg  ${curve.at(-1).frechetDistance.toFixed(4)}`);
}
console.log(curveTable(curve));

if (values.out !== undefined) {
  // As if everything lay beside the repository.
  const place = (path) => join("runs", basename(dirname(path)), basename(path));
  const startedFrom = definition.startedFrom === null ? null : place(definition.startedFrom);
  const named = { ...definition, dataPath: basename(definition.dataPath), startedFrom };
  const { kimg, seconds } = stats.at(-1);
  const record = {
    command: `${commandOf(named, join("runs", basename(folder)))} --kimg ${Math.round(kimg)}`,
    data: definition.data,
    kimg,
    seconds,
    ...(values.engine !== undefined && { engine: values.engine }),
    classifier: basename(values.metric),
    images: count,
    curve,
  };
  writeFileSync(values.out, `${JSON.stringify(record, null, 2)}\n`);
}
// Worker threads of the kernels would keep the process alive.
process.exit(0);
