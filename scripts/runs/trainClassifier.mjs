/**
 * Trains the small classifier whose features `stylegan train --metric FILE` compares images on.
 *
 *   node scripts/runs/trainClassifier.mjs --data IMAGES.zip [--labels LABELS.json] OUT.safetensors
 *     [--steps 2000] [--batch 64] [--lr 0.002] [--seed 0] [--dims 64]
 *
 * Without --labels, the classes are those of the data set's dataset.json. LABELS.json asks several questions at once, as
 * models/faces/labelFaces.mjs writes them. Every tenth image is held back, and the accuracy on them is told for each
 * question. Needs the compiled library (npm run build); DIST names another folder than dist/. The same bytes come out
 * for any number of threads.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    labels: { type: "string" },
    steps: { type: "string", default: "2000" },
    batch: { type: "string", default: "64" },
    lr: { type: "string", default: "0.002" },
    seed: { type: "string", default: "0" },
    dims: { type: "string", default: "64" },
  },
});
const [out] = positionals;
if (values.data === undefined || out === undefined) {
  console.error("usage: trainClassifier.mjs --data IMAGES.zip [--labels LABELS.json] OUT.safetensors");
  process.exit(1);
}
const [steps, batch, rate, seed] = [values.steps, values.batch, values.lr, values.seed].map(Number);

const built = resolve(process.env.DIST ?? join(import.meta.dirname, "../..", "dist"));
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { init, grad, noGrad, RandomState, scope } = await load("index.js");
const { Adam } = await load("nn/optim.js");
const { initialContents } = await load("nn/layers/module.js");
const { openImages } = await load("cli/images/datasetFiles.js");
const { ImageDataset } = await load("stylegan/training/dataset.js");
const { Classifier, crossEntropy, encodeClassifier } = await load("stylegan/evaluation/classifier.js");

await init();
const { files, json } = openImages(values.data);
const dataset = new ImageDataset(files);
const { groups, labels } = values.labels === undefined ? ownLabels() : JSON.parse(readFileSync(values.labels, "utf8"));
if (labels.length !== dataset.count) throw new Error(`${labels.length} labels for ${dataset.count} images`);

/** One question: the classes of dataset.json. */
function ownLabels() {
  const byName = new Map(json?.labels ?? []);
  const numbers = files.map(({ name }) => byName.get(name));
  if (!numbers.every(Number.isInteger)) throw new Error("no classes in dataset.json; give --labels");
  const classes = Array.from({ length: Math.max(...numbers) + 1 }, (_, index) => String(index));
  return { groups: [{ name: "class", classes }], labels: numbers.map((number) => [number]) };
}

const random = new RandomState(seed);
const classifier = new Classifier(
  {
    imgResolution: dataset.resolution,
    imgChannels: dataset.channels,
    groups: groups.map(({ classes }) => classes.length),
    featureDims: Number(values.dims),
  },
  initialContents(random),
);
const parameters = [...classifier.parameters.values()];
const optimizer = new Adam(classifier.parameters, { learningRate: rate, betas: [0.9, 0.99] });
const [held, learned] = [[], []];
for (let index = 0; index < dataset.count; index++) (index % 10 === 0 ? held : learned).push(index);

const began = performance.now();
let sum = 0;
for (let step = 1; step <= steps; step++) {
  // The rate falls along half a cosine.
  optimizer.learningRate = (rate / 2) * (1 + Math.cos((Math.PI * step) / steps));
  const chosen = Array.from({ length: batch }, () => learned[random.randint(0, learned.length)]);
  scope(() => {
    const logits = classifier.forward(dataset.images(chosen));
    const losses = logits.map((group, g) =>
      crossEntropy(
        group,
        chosen.map((index) => labels[index][g]),
      ),
    );
    sum += losses.reduce((total, loss) => total + loss.item(), 0);
    optimizer.step(grad(losses, parameters));
  });
  if (step % 100 === 0) {
    const seconds = (performance.now() - began) / 1000;
    console.log(`step ${step}/${steps}  loss ${(sum / 100).toFixed(3)}  ${seconds.toFixed(0)} s`);
    sum = 0;
  }
}

const right = groups.map(() => 0);
for (let begin = 0; begin < held.length; begin += batch) {
  const chosen = held.slice(begin, begin + batch);
  const answers = noGrad(() => scope(() => classifier.forward(dataset.images(chosen)).map((x) => x.toArray())));
  for (const [g, { classes }] of groups.entries()) {
    for (const [row, index] of chosen.entries()) {
      const logits = answers[g].subarray(row * classes.length, (row + 1) * classes.length);
      if (logits.indexOf(Math.max(...logits)) === labels[index][g]) right[g]++;
    }
  }
}
for (const [g, { name, classes }] of groups.entries()) {
  console.log(`${name}: ${((100 * right[g]) / held.length).toFixed(1)} % right, of ${classes.length} classes`);
}
writeFileSync(out, encodeClassifier(classifier));
console.log(`wrote ${out}`);
// Worker threads of the kernels would keep the process alive.
process.exit(0);
