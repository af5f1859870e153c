/**
 * The figures of docs/projection.md, by the commands a reader would type (npm run build first):
 *
 *   node scripts/docs/projectionFigures.mjs own [--seeds 0-9] [--steps 1000] [--spaces w,w+]
 *     a network's own images, found again
 *   node scripts/docs/projectionFigures.mjs features --network STATE --faces FOLDER --classifier FILE [--steps 500]
 *     the kinds of features on faces that the network never saw; STATE has a discriminator, as `stylegan train` writes it
 *
 * A line of Markdown for each image or kind. `features` also draws docs/images/projectionFeatures.png.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runCli } from "../../dist/cli/program.js";
import { parseSeeds } from "../../dist/cli/seeds.js";
import { decodePixels, encodePixels, withChannels } from "../../dist/formats/index.js";
import { init, noGrad, scope, Tensor } from "../../dist/index.js";
import { decodeClassifier } from "../../dist/stylegan/evaluation/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "0-9" },
    steps: { type: "string" },
    spaces: { type: "string", default: "w,w+" },
    network: { type: "string" },
    faces: { type: "string" },
    classifier: { type: "string" },
  },
});
const folder = mkdtempSync(join(tmpdir(), "stylegan-projection-"));
const KINDS = ["disc", "pyramid", "pixels"];
/** Enlargement of the picture's tiles. */
const ZOOM = 2;

async function run(command) {
  let said = "";
  const out = (text) => {
    said += text;
  };
  const code = await runCli(command, { out, err: () => {}, isInteractive: false, columns: 80 });
  if (code !== 0) throw new Error(`stylegan ${command.join(" ")} failed`);
  return said;
}

/** Projects an image and gives the decibels that the command tells. */
async function project(target, to, options) {
  const said = await run(["project", "--target", target, "--outdir", to, "--threads", "1", ...options]);
  return Number(/: (-?[\d.]+) dB/.exec(said)[1]);
}

async function own() {
  const steps = values.steps ?? "1000";
  const spaces = values.spaces.split(",");
  console.log(`| seed | ${spaces.map((space) => `${space.toUpperCase()}, dB`).join(" | ")} |`);
  console.log(`|---|${spaces.map(() => "---|").join("")}`);
  for (const seed of parseSeeds(values.seeds)) {
    await run(["generate", "--seeds", String(seed), "--trunc", "0.7", "--outdir", folder]);
    const target = join(folder, `seed${String(seed).padStart(4, "0")}.png`);
    const found = [];
    for (const space of spaces) {
      const decibels = await project(target, join(folder, "out"), [
        ...["--num-steps", steps, "--space", space],
        ...["--features", "pyramid"],
      ]);
      found.push(decibels.toFixed(1));
    }
    console.log(`| ${seed} | ${found.join(" | ")} |`);
  }
}

/** Distance between the features of two images, relative to their length: what the classifier sees of the difference. */
function seenBy(classifier, a, b) {
  const features = ({ data, width, height, channels }) => {
    const plane = width * height;
    const image = Float32Array.from(
      { length: data.length },
      (_, k) => data[(k % plane) * channels + Math.floor(k / plane)] / 127.5 - 1,
    );
    return scope(() =>
      noGrad(() => classifier.features(Tensor.from(image, [1, channels, height, width])).toFloat64Array()),
    );
  };
  const [x, y] = [features(a), features(b)];
  const length = (v) => Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
  return length(x.map((value, k) => value - y[k])) / length(x);
}

/** Sum of the differences between neighbouring pixels: outlines have it, blur has not. */
function edgesOf({ data, width, height, channels }) {
  let sum = 0;
  for (let at = 0; at < data.length; at++) {
    const [x, y] = [Math.floor(at / channels) % width, Math.floor(at / channels / width)];
    if (x + 1 < width) sum += Math.abs(data[at + channels] - data[at]);
    if (y + 1 < height) sum += Math.abs(data[at + width * channels] - data[at]);
  }
  return sum;
}

async function features() {
  const { network, faces, classifier: classifierFile, steps = "500" } = values;
  if (network === undefined || faces === undefined || classifierFile === undefined) {
    throw new Error("features needs --network, --faces and --classifier");
  }
  await init({ threads: 1 });
  const classifier = decodeClassifier(readFileSync(classifierFile));
  const files = readdirSync(faces)
    .filter((name) => name.endsWith(".png"))
    .sort();
  const read = (path) => withChannels(decodePixels(readFileSync(path)), 3);
  const rows = [files.map((file) => read(join(faces, file)))];
  const names = files.map((file) => `face-${Number.parseInt(file, 10)}`);
  console.log(`| features | space | ${names.join(" | ")} | mean dB | seen by the classifier | outlines |`);
  console.log(`|---|---|${names.map(() => "---|").join("")}---|---|---|`);
  for (const space of ["w", "w+"]) {
    for (const kind of KINDS) {
      const row = [];
      const figures = [];
      for (const [index, file] of files.entries()) {
        const out = join(folder, `${kind}-${space}-${index}`);
        const decibels = await project(join(faces, file), out, [
          ...["--network", network, "--features", kind],
          ...["--space", space, "--num-steps", steps],
        ]);
        const found = read(join(out, "proj.png"));
        const target = rows[0][index];
        figures.push({ decibels, seen: seenBy(classifier, target, found), edges: edgesOf(found) / edgesOf(target) });
        row.push(found);
      }
      rows.push(row);
      const mean = (key) => figures.reduce((sum, figure) => sum + figure[key], 0) / figures.length;
      const cells = [...figures.map(({ decibels }) => decibels), mean("decibels")].map((value) => value.toFixed(1));
      cells.push(mean("seen").toFixed(3), mean("edges").toFixed(2));
      console.log(`| \`${kind}\` | ${space.toUpperCase()} | ${cells.join(" | ")} |`);
    }
  }
  writeFileSync(
    fileURLToPath(new URL("../../docs/images/projectionFeatures.png", import.meta.url)),
    encodePixels(sheet(rows)),
  );
}

/** Rows of images as one, each pixel ZOOM times. */
function sheet(rows) {
  const { width, height, channels } = rows[0][0];
  const [w, h] = [rows[0].length * width * ZOOM, rows.length * height * ZOOM];
  const data = new Uint8Array(w * h * channels);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const tile = rows[Math.floor(y / (height * ZOOM))][Math.floor(x / (width * ZOOM))];
      const from = ((Math.floor(y / ZOOM) % height) * width + (Math.floor(x / ZOOM) % width)) * channels;
      data.set(tile.data.subarray(from, from + channels), (y * w + x) * channels);
    }
  }
  return { width: w, height: h, channels, data };
}

const jobs = { own, features };
try {
  const job = jobs[positionals[0]];
  if (job === undefined || positionals.length > 1) throw new Error(`expected one of ${Object.keys(jobs).join(", ")}`);
  await job();
} finally {
  rmSync(folder, { recursive: true });
}
