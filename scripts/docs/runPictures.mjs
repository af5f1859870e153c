/**
 * What a run drew over time: a picture whose columns are network snapshots and whose rows are latents, the same ones in
 * every column, not picked.
 *
 *   node scripts/docs/runPictures.mjs RUN OUT.png [--kimg 0,10,30,...] [--rows 8] [--zoom 2]
 *
 * Above a column are the thousands of images seen, and the lod of networks that grow. Needs the compiled library (npm
 * run build); how far each snapshot is from the data is for frechetCurve.mjs.
 */
import { parseArgs } from "node:util";
import { generateImages } from "../../dist/cli/train/images.js";
import { init, loadCheckpoint, RandomState, scope } from "../../dist/index.js";
import { slice } from "../../dist/nn/index.js";
import { lodOf, seedsOf } from "../../dist/stylegan/training/index.js";
import { readRun, snapshotsOf } from "../runs/runs.mjs";
import { GREY, Picture } from "./picture.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kimg: { type: "string" },
    rows: { type: "string", default: "8" },
    zoom: { type: "string", default: "2" },
  },
});
const [folder, out] = positionals;
if (folder === undefined || out === undefined) {
  console.error("usage: runPictures.mjs RUN OUT.png [--kimg LIST] [--rows 8] [--zoom 2]");
  process.exit(1);
}
const [rows, zoom] = [values.rows, values.zoom].map(Number);
const GAP = 4;

await init();
const { definition } = readRun(folder);
const { grid: seed } = seedsOf(definition.seed);
const snapshots = snapshotsOf(folder, values.kimg);
const side = definition.data.resolution * zoom;
const grows = definition.schedule !== null;
const top = grows ? 30 : 18;
const picture = new Picture(54 + snapshots.length * (side + GAP), top + rows * (side + GAP));
picture.text(46, 4, "kimg", { align: "right", color: GREY });
if (grows) picture.text(46, 16, "lod", { align: "right", color: GREY });

for (const [column, { path, kimg }] of snapshots.entries()) {
  const { gEma } = await loadCheckpoint(path, { networks: ["gEma"] });
  const left = 50 + column * (side + GAP);
  picture.text(left + side / 2, 4, String(kimg), { align: "middle" });
  if (grows) picture.text(left + side / 2, 16, String(Number(lodOf(gEma).toFixed(2))), { align: "middle" });
  scope(() => {
    const images = generateImages(gEma, Float32Array.from(new RandomState(seed).randn(rows * gEma.zDim)), null);
    for (let row = 0; row < rows; row++) {
      picture.images(left, top + row * (side + GAP), slice(images, 0, row, row + 1), { zoom });
    }
  });
}
picture.save(out);
// Worker threads of the kernels would keep the process alive.
process.exit(0);
