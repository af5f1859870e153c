/**
 * The Frechet distance of every network snapshot of a run, whether or not it was measured while training:
 *
 *   node scripts/frechetCurve.mjs RUN --metric CLASSIFIER.safetensors [--data IMAGES] [--images 2048] [--every 1] [--out CURVE.json]
 *
 * RUN is the folder of a run; the data set is the run's own unless --data says where it is now. Images, features and
 * latents are those of `stylegan train --metric`, and so are the numbers. Needs the compiled library (npm run build);
 * DIST names another folder than dist/.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    metric: { type: "string" },
    data: { type: "string" },
    images: { type: "string", default: "2048" },
    every: { type: "string", default: "1" },
    out: { type: "string" },
  },
});
const [folder] = positionals;
if (folder === undefined || values.metric === undefined) {
  console.error("usage: frechetCurve.mjs RUN --metric CLASSIFIER.safetensors [--data IMAGES] [--out CURVE.json]");
  process.exit(1);
}

const built = resolve(process.env.DIST ?? join(import.meta.dirname, "..", "dist"));
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { init, loadCheckpoint } = await load("index.js");
const { openDataset, seedsOf } = await load("cli/trainSetup.js");
const { FrechetMetric, openClassifier } = await load("cli/trainMetric.js");

await init();
const definition = JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
const dataset = openDataset(values.data ?? definition.dataPath, definition.options);
const metric = new FrechetMetric(openClassifier(values.metric, dataset), dataset, {
  count: Number(values.images),
  seed: seedsOf(definition.seed).grid,
});
const snapshots = readdirSync(folder)
  .filter((name) => /^network-snapshot-\d{6,}\.safetensors$/.test(name))
  .sort();
const curve = [];
for (const [index, name] of snapshots.entries()) {
  if (index % Number(values.every) !== 0 && index !== snapshots.length - 1) continue;
  const { gEma } = await loadCheckpoint(join(folder, name), { networks: ["gEma"] });
  const point = { kimg: Number(/\d+/.exec(name)[0]), frechetDistance: metric.measure(gEma) };
  curve.push(point);
  console.log(`${String(point.kimg).padStart(6)} kimg  ${point.frechetDistance.toFixed(4)}`);
}
if (values.out !== undefined) {
  const { options } = definition;
  const what = { classifier: values.metric, images: Number(values.images), options, curve };
  writeFileSync(values.out, `${JSON.stringify(what, null, 2)}\n`);
}
// Worker threads of the kernels would keep the process alive.
process.exit(0);
