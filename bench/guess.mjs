/**
 * How near guessed early images (page/src/engine/readout.ts) are to the finished ones, on trained networks:
 *
 *   node bench/guess.mjs CHECKPOINT... [--pause 16] [--psi 0.7] [--output out/guess.png]
 *
 * Networks of any size are paused at `pause` pixels, taught with eight seeds, and asked for 24 others. "Left" is the squared error as a part
 * of that of the 24 images' average; the picture has guess, finished image at that size, and finished image.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createServer } from "vite";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pause: { type: "string", default: "16" },
    psi: { type: "string", default: "0.7" },
    output: { type: "string", default: "out/guess.png" },
  },
});
const pause = Number(values.pause);
const vite = await createServer({
  root: fileURLToPath(new URL("../page", import.meta.url)),
  configFile: false,
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
  logLevel: "error",
});
const load = (file) => vite.ssrLoadModule(`/src/engine/${file}.ts`);
const { init, encodePng, noGrad, scope, Tensor } = await load("library");
const { Model } = await load("model");
const { Readout } = await load("readout");
const { shrink } = await load("pictures");
await init({ threads: 1 });

const rows = [];
for (const path of positionals) {
  const model = await Model.open(new Blob([readFileSync(path)]), basename(path));
  const draw = (seed) => {
    const ws = model.truncated(model.ofSeed(seed, 0), { psi: Number(values.psi), cutoff: null });
    let features;
    const copy = (x) => ({ data: x.toArray(), shape: x.shape });
    const image = noGrad(() =>
      scope(() => {
        const onBlock = ({ resolution, x }) => {
          if (resolution === pause) features = copy(x);
        };
        const w = Tensor.from(ws, [1, model.info.numWs, model.info.wDim]);
        return copy(model.generator.synthesis.forward(w, { noiseMode: "const", onBlock }));
      }),
    );
    return { features, image, small: shrink(image, pause) };
  };
  const readout = new Readout();
  const tested = Array.from({ length: 24 }, (_, k) => draw(100 + k));
  const average = tested[0].small.data.map((_, k) => tested.reduce((sum, { small }) => sum + small.data[k] / 24, 0));
  const error = (guessOf) =>
    tested.reduce((sum, one) => sum + one.small.data.reduce((s, v, k) => s + (v - guessOf(one)[k]) ** 2, 0), 0);
  const whole = error(() => average);
  const left = [];
  for (let seed = 0; seed < 8; seed++) {
    const { features, image } = draw(seed);
    readout.learn(features, image);
    const guesses = new Map(tested.map((one) => [one, readout.image(one.features)?.data]));
    if ([0, 1, 3, 7].includes(seed)) {
      left.push(
        guesses.get(tested[0]) === undefined ? "not shown" : (error((one) => guesses.get(one)) / whole).toFixed(2),
      );
    }
  }
  console.log(
    `${path} (${model.info.kind}, ${pause} of ${model.info.resolution}): left after 1, 2, 4, 8: ${left.join(", ")}`,
  );
  rows.push(tested.slice(0, 8).flatMap(({ features, image, small }) => [readout.image(features), small, image]));
}

const side = 32;
const [width, height] = [24 * side, rows.length * side];
const sheet = new Float32Array(3 * width * height);
for (const [row, images] of rows.entries()) {
  for (const [column, image] of images.entries()) {
    if (image === null) continue;
    const size = image.shape.at(-1);
    for (let k = 0; k < 3 * side * side; k++) {
      const [c, y, x] = [Math.floor(k / side ** 2), Math.floor(k / side) % side, k % side];
      const from = (c * size + Math.floor((y * size) / side)) * size + Math.floor((x * size) / side);
      sheet[(c * height + row * side + y) * width + column * side + x] = image.data[from];
    }
  }
}
mkdirSync(dirname(values.output), { recursive: true });
writeFileSync(
  values.output,
  scope(() => encodePng(Tensor.from(sheet, [1, 3, height, width]))),
);
await vite.close();
