/**
 * What a growing network draws while it trains: a picture whose columns are snapshots of a run and whose rows are
 * latents, and how far each column is from the data.
 *
 *   node scripts/growingPictures.mjs RUN --metric CLASSIFIER.safetensors [--kimg 1,3,6,...] [--rows 8] [--images 2048]
 *     [--data IMAGES] [--out docs/images/growing.png]
 *
 * Prints a table: kimg, lod, and two Frechet distances to the data, that of the generated images (as `stylegan train
 * --metric` measures it) and that of the data itself, shown at the same lod: what a perfect generator would have.
 * Needs the compiled library (npm run build).
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generateImages } from "../dist/cli/trainImages.js";
import { FrechetMetric, openClassifier } from "../dist/cli/trainMetric.js";
import { openDataset, seedsOf } from "../dist/cli/trainSetup.js";
import { init, loadCheckpoint, noGrad, RandomState, scope, Tensor } from "../dist/index.js";
import { featureStatistics, frechetDistance } from "../dist/stylegan/metrics.js";
import { imagesAtLod, lodOf } from "../dist/stylegan/progressive.js";
import { GREY, Picture } from "./picture.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    metric: { type: "string" },
    kimg: { type: "string" },
    rows: { type: "string", default: "8" },
    images: { type: "string", default: "2048" },
    data: { type: "string" },
    out: { type: "string", default: join(import.meta.dirname, "..", "docs", "images", "growing.png") },
  },
});
const [folder] = positionals;
if (folder === undefined || values.metric === undefined) {
  console.error("usage: growingPictures.mjs RUN --metric CLASSIFIER.safetensors [--kimg LIST] [--out PICTURE.png]");
  process.exit(1);
}
const ZOOM = 2;
const GAP = 4;
const CHUNK = 32;

await init();
const definition = JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
const dataset = openDataset(values.data ?? definition.dataPath, definition.options);
const classifier = openClassifier(values.metric, dataset);
const { grid: seed } = seedsOf(definition.seed);
const count = Number(values.images);
const metric = new FrechetMetric(classifier, dataset, { count, seed });
const atFull = realStatistics(0);
/** Lod -> how far the data, shown at that lod, is from the data. */
const floors = new Map();

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

const wanted = values.kimg?.split(",").map(Number);
const snapshots = readdirSync(folder)
  .filter((name) => /^network-snapshot-\d{6,}\.safetensors$/.test(name))
  .sort()
  .map((name) => ({ name, kimg: Number(/\d+/.exec(name)[0]) }))
  .filter(({ kimg }) => wanted?.includes(kimg) ?? true);

const rows = Number(values.rows);
const side = dataset.resolution * ZOOM;
const picture = new Picture(54 + snapshots.length * (side + GAP), 30 + rows * (side + GAP));
picture.text(46, 4, "kimg", { align: "right", color: GREY });
picture.text(46, 16, "lod", { align: "right", color: GREY });

console.log("| kimg | lod | distance | the data at that lod |\n| ---: | ---: | ---: | ---: |");
for (const [column, { name, kimg }] of snapshots.entries()) {
  const { gEma: generator } = await loadCheckpoint(join(folder, name), { networks: ["gEma"] });
  const z = Float32Array.from(new RandomState(seed).randn(rows * generator.zDim));
  const images = generateImages(generator, z, null);
  const [, channels, height, width] = images.shape;
  const left = 50 + column * (side + GAP);
  const lod = lodOf(generator);
  picture.text(left + side / 2, 4, String(kimg), { align: "middle" });
  picture.text(left + side / 2, 16, String(Number(lod.toFixed(2))), { align: "middle" });
  for (let row = 0; row < rows; row++) {
    const size = channels * height * width;
    const one = Tensor.from(images.toArray().subarray(row * size, (row + 1) * size), [1, channels, height, width]);
    picture.images(left, 30 + row * (side + GAP), one, { zoom: ZOOM });
  }
  const distance = metric.measure(generator);
  if (!floors.has(lod)) floors.set(lod, lod === 0 ? 0 : frechetDistance(atFull, realStatistics(lod)));
  console.log(`| ${kimg} | ${lod.toFixed(2)} | ${distance.toFixed(0)} | ${floors.get(lod).toFixed(0)} |`);
}
picture.save(values.out);
// Worker threads of the kernels would keep the process alive.
process.exit(0);
