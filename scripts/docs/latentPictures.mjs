/**
 * The pictures of docs/video.md, docs/directions.md and docs/projection.md, made by the commands that stand under them:
 *
 *   npm run build && node scripts/docs/latentPictures.mjs [video|directions ...]
 *   FACES=folder node scripts/docs/latentPictures.mjs projection   (64x64 drawings, by models/faces/drawFaces.mjs)
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCli } from "../../dist/cli/program.js";
import { decodePixels, encodePixels } from "../../dist/formats/index.js";

const images = fileURLToPath(new URL("../../docs/images", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "stylegan-pictures-"));

async function run(command) {
  console.log(`stylegan ${command}`);
  const code = await runCli(command.split(" "), { out: console.log, err: () => {}, isInteractive: false, columns: 80 });
  if (code !== 0) throw new Error(`stylegan ${command} failed`);
}

/** Pictures side by side, in rows, each pixel `zoom` times. */
function sheet(files, columns, zoom, to) {
  const tiles = files.map((file) => decodePixels(readFileSync(file)));
  const { width: tileWidth, height: tileHeight, channels } = tiles[0];
  const [width, height] = [columns * tileWidth * zoom, Math.ceil(tiles.length / columns) * tileHeight * zoom];
  const data = new Uint8Array(width * height * channels);
  for (const [index, { data: pixels }] of tiles.entries()) {
    const [left, top] = [(index % columns) * tileWidth * zoom, Math.floor(index / columns) * tileHeight * zoom];
    for (let y = 0; y < tileHeight * zoom; y++) {
      for (let x = 0; x < tileWidth * zoom; x++) {
        const from = (Math.floor(y / zoom) * tileWidth + Math.floor(x / zoom)) * channels;
        data.set(pixels.subarray(from, from + channels), ((top + y) * width + left + x) * channels);
      }
    }
  }
  writeFileSync(join(images, to), encodePixels({ width, height, channels, data }));
}

const pictures = {
  async video() {
    const frames = join(folder, "frames");
    await run(`video --seeds 3,11,20,42 --trunc 0.7 --w-frames 20 --output ${frames}`);
    const files = [0, 10, 20, 30, 40, 50, 60, 70].map((k) => join(frames, `frame00${String(k).padStart(2, "0")}.png`));
    sheet(files, 8, 1, "videoStrip.png");
  },

  async directions() {
    const file = join(folder, "pca.npz");
    await run(`directions find --method pca ${file}`);
    await run(`directions sheet --directions ${file} -i 0 --seeds 3,11,20 --trunc 0.7 --range -8,8 --outdir ${folder}`);
    sheet([join(folder, "direction00.png")], 1, 1, "directionSheet.png");
  },

  async projection() {
    if (process.env.FACES === undefined) return;
    const faces = readdirSync(process.env.FACES).sort();
    const rows = [[], [], [], [], []];
    for (const face of faces) {
      const out = (name) => join(folder, `${name}-${face}`);
      const project = (name, options) =>
        run(`project --target ${join(process.env.FACES, face)} --num-steps 500 --outdir ${out(name)} ${options}`);
      await project("pixels", "--features pixels");
      await project("pyramid", "--features pyramid");
      await project("plus", "--features pyramid --space w+ --pti");
      rows[0].push(join(out("pixels"), "target.png"));
      for (const [row, name] of ["pixels", "pyramid", "plus"].entries())
        rows[row + 1].push(join(out(name), "proj.png"));
      rows[4].push(join(out("plus"), "tuned.png"));
    }
    sheet(rows.flat(), faces.length, 1, "projection.png");
  },
};

try {
  const wanted = process.argv.slice(2);
  for (const [name, make] of Object.entries(pictures)) if (wanted.length === 0 || wanted.includes(name)) await make();
} finally {
  rmSync(folder, { recursive: true });
}
