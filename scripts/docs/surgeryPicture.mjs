/**
 * The picture of docs/surgery.md, from what a clone has, by the commands a reader would type (npm run build first):
 *
 *   node scripts/docs/surgeryPicture.mjs [--kimg 5] [--work out/surgery]
 *
 * The bundled model cut to 32x32 is the forebear. A network trained from it on drawn faces in three tones of ink is its
 * child, and layers of the two are swapped. The faces are drawn by models/faces, whose packages npm then installs. What is there already
 * in --work is used again; the training goes on where it stopped, to the same bits.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { unzipSync } from "fflate";
import { runCli } from "../../dist/cli/program.js";
import { decodePixels, encodePixels, withChannels } from "../../dist/formats/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: { kimg: { type: "string", default: "5" }, work: { type: "string", default: join(root, "out", "surgery") } },
});
const work = resolve(values.work);
const at = (name) => join(work, name);
const FACES = 512;
const SIDE = 32;
const SEEDS = "3,11,20,42,5,8";
/** Levels of ink, from dark to light, and where one ends and the next begins. */
const TONES = [24, 130, 240];
const BOUNDS = [80, 185];

async function run(...command) {
  console.log(`stylegan ${command.join(" ")}`);
  const code = await runCli(command, { out: console.log, err: () => {}, isInteractive: false, columns: 80 });
  if (code !== 0) throw new Error(`stylegan ${command[0]} ended with ${code}`);
}

/** Drawn faces as three tones of ink. */
function inkFaces(folder) {
  const faces = join(root, "models", "faces");
  if (!existsSync(join(faces, "node_modules"))) {
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: faces, stdio: "ignore" });
  }
  const zip = at("faces.zip");
  const size = ["--count", String(FACES), "--size", String(SIDE)];
  execFileSync(process.execPath, [join(faces, "drawFaces.mjs"), zip, ...size], { stdio: "ignore" });
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(zip)))) {
    const image = withChannels(decodePixels(bytes), 3);
    const data = new Uint8Array(image.data.length);
    for (let k = 0; k < data.length; k += 3) {
      const [r, g, b] = image.data.subarray(k, k + 3);
      const grey = 0.299 * r + 0.587 * g + 0.114 * b;
      const level = BOUNDS.filter((bound) => grey >= bound).length;
      data.fill(TONES[level], k, k + 3);
    }
    writeFileSync(join(folder, name), encodePixels({ ...image, data }));
  }
}

/** The rows of images, one below the other, each pixel `zoom` times. */
function stack(files, zoom) {
  const rows = files.map((file) => withChannels(decodePixels(readFileSync(file)), 3));
  const [{ width, height }] = rows;
  const out = new Uint8Array(3 * width * zoom * height * zoom * rows.length);
  for (let y = 0; y < height * zoom * rows.length; y++) {
    for (let x = 0; x < width * zoom; x++) {
      const row = rows[Math.floor(y / (height * zoom))];
      const from = 3 * (Math.floor((y % (height * zoom)) / zoom) * width + Math.floor(x / zoom));
      out.set(row.data.subarray(from, from + 3), 3 * (y * width * zoom + x));
    }
  }
  return { width: width * zoom, height: height * zoom * rows.length, channels: 3, data: out };
}

mkdirSync(work, { recursive: true });
if (!existsSync(at("ink"))) inkFaces(at("ink"));
await run("resize", join(root, "models", "faces64.safetensors"), at("faces32.safetensors"), "--res", String(SIDE));
const inked = join(at("run"), `network-snapshot-${String(values.kimg).padStart(6, "0")}.safetensors`);
if (!existsSync(inked)) {
  const begun = existsSync(join(at("run"), "stats.jsonl"));
  await run(
    "train",
    ...(begun ? ["--resume", at("run")] : ["--data", at("ink"), "--outdir", at("run")]),
    ...(begun ? [] : ["--resume", at("faces32.safetensors"), "--gamma", "1", "--aug", "noaug", "--batch", "16"]),
    ...(begun ? [] : ["--lr", "0.002", "--ema-kimg", "1", "--seed", "1", "--cfg", "auto"]),
    // The discriminator, which the bundled model has not, as that model's own was; the generator is the file's.
    ...(begun ? [] : ["--channel-base", "2048", "--channel-max", "64"]),
    ...["--kimg", values.kimg, "--tick", "1", "--snap", "1"],
  );
}
const networks = [at("faces32.safetensors"), inked, at("inkTextures.safetensors"), at("inkShapes.safetensors")];
await run("blend", networks[0], networks[1], networks[2], "--split-res", "16");
await run("blend", networks[1], networks[0], networks[3], "--split-res", "16", "--mapping", "high");
const sheets = [];
for (const [k, network] of networks.entries()) {
  const outdir = at(`row${k}`);
  rmSync(outdir, { recursive: true, force: true });
  await run(
    ...["generate", "--network", network, "--seeds", SEEDS, "--trunc", "0.7"],
    ...["--grid", "1x6", "--outdir", outdir],
  );
  sheets.push(join(outdir, "grid.png"));
}
writeFileSync(join(root, "docs", "images", "blend.png"), encodePixels(stack(sheets, 2)));
