/**
 * The pictures of docs/reading.md, one function each: from the bundled model when models/ has one, else from a small
 * network before its training, which shows the same things in abstract patterns.
 *
 *   node scripts/docs/reading/pictures.mjs [NAME...]      all of them, or those named; needs the compiled library
 *
 * Random numbers have fixed seeds. Without a model everything runs on the reference kernels: the same bytes everywhere.
 */
import { join, resolve } from "node:path";
import { grad, noGrad, RandomState, scope, seedsToZ, Tensor, variable } from "../../../dist/index.js";
import {
  add,
  addScalar,
  concat,
  conv2d,
  lerp,
  matmul,
  mean,
  mul,
  reshape,
  scale,
  setupFilter,
  slice,
  sqrt,
  square,
  sub,
  sum,
  upsample2d,
} from "../../../dist/nn/index.js";
import { adain, instanceNorm } from "../../../dist/stylegan/adain.js";
import { augment, augmentPipelines, drawAugmentation } from "../../../dist/stylegan/augment/pipeline.js";
import { mixStyles } from "../../../dist/stylegan/latents/mixing.js";
import { modulatedConv2d } from "../../../dist/stylegan/modulatedConv2d.js";
import { pathLengthPenalty } from "../../../dist/stylegan/training/regularizers.js";
import { imagesAtLod } from "../../../dist/stylegan/training/schedule.js";
import { pattern, SIDE, statistics } from "../dropletMaps.mjs";
import { axes, BLUE, GREY, Picture, RED } from "../picture.mjs";
import {
  ALWAYS,
  fitting,
  G,
  latents,
  model,
  PSI,
  run,
  SEEDS,
  seedsFrom,
  synthesize,
  untrainedDiscriminator,
  untrainedGrowing,
} from "./network.mjs";
import { plots } from "./plots.mjs";

const root = resolve(import.meta.dirname, "../../..");
const path = (name) => join(root, "docs", "images", "reading", `${name}.png`);
/** Pixels a side of an image of G in a picture. */
const ZOOM = Math.max(1, Math.floor(64 / G.imgResolution));
const SHOWN = G.imgResolution * ZOOM;
const CELL = SHOWN + 4;

/** Rows of images, each with a word before it and words above. */
function sheet(name, rows, { above = [], zoom = ZOOM, left = 84 } = {}) {
  const side = rows[0].images.shape[3] * zoom;
  const most = Math.max(...rows.map(({ images }) => images.shape[0]));
  const picture = new Picture(left + most * (side + 4), 22 + rows.length * (side + 6));
  above.forEach((word, k) => {
    picture.text(left + k * (side + 4) + side / 2, 6, word, { align: "middle", color: GREY });
  });
  rows.forEach(({ word, images, color }, k) => {
    const top = 22 + k * (side + 6);
    picture.text(4, top + side / 2 - 5, word, { color });
    picture.images(left, top, images, { zoom });
  });
  picture.save(path(name));
}

/** A map of numbers from 0 up as a grey image, white at its largest: [1, 1, H, W]. */
const brightness = (numbers) => {
  const most = Math.max(...numbers.toFloat64Array());
  return addScalar(scale(numbers, 2 / (most || 1)), -1);
};

const pictures = {
  growing() {
    const growing = untrainedGrowing();
    const lods = [3, 2.5, 2, 1.5, 1, 0.5, 0];
    run(() => {
      const ws = growing.mapping.forward(seedsToZ([3], growing.zDim), null);
      const generated = lods.map((lod) => fitting(growing.synthesis.forward(ws, { noiseMode: "none", lod })));
      const real = synthesize(latents([SEEDS[0]]));
      const faded = lods.map((lod) => imagesAtLod(real, lod));
      const above = lods.map((lod) => `lod ${lod}`);
      sheet("growing", [{ word: "G(w, lod)", images: concat(generated, 0) }], { above, zoom: 2 });
      sheet("growingImages", [{ word: "images", images: concat(faded, 0) }], { above });
    });
  },

  constant() {
    const zoom = 12;
    const start = G.parameters.get("synthesis.b4.const");
    const maps = Math.min(8, start.shape[0]);
    const picture = new Picture(84 + maps * (4 * zoom + 6), 70 + CELL);
    picture.text(4, 26, "constant");
    for (let k = 0; k < maps; k++) {
      picture.map(84 + k * (4 * zoom + 6), 6, start.toFloat64Array().slice(16 * k, 16 * k + 16), 4, { zoom, range: 2 });
    }
    picture.text(4, 62 + SHOWN / 2, "images");
    const count = Math.min(SEEDS.length, Math.floor((picture.width - 84) / CELL));
    run(() => picture.images(84, 64, synthesize(latents(SEEDS.slice(0, count))), { zoom: ZOOM }));
    picture.save(path("constant"));
  },

  mapping() {
    const steps = [0, 1, 2, 3, 4, 5, 6].map((k) => k / 6);
    run(() => {
      const [z0, z1] = [SEEDS[0], SEEDS[2]].map((seed) => seedsToZ([seed], G.zDim));
      const [w0, w1] = [SEEDS[0], SEEDS[2]].map((seed) => latents([seed]));
      const alongZ = steps.map((t) => G.mapping.forward(lerp(z0, z1, t), null, { truncationPsi: PSI }));
      const alongW = steps.map((t) => lerp(w0, w1, t));
      sheet("mapping", [
        { word: "in z", images: synthesize(concat(alongZ, 0)) },
        { word: "in w", images: synthesize(concat(alongW, 0)) },
      ]);
    });
  },

  adain() {
    const zoom = 4;
    const cell = SIDE * zoom + 8;
    const made = [
      { strength: 0.3, mean: 0, ys: 1, yb: 0 },
      { strength: 0.3, mean: 1.5, ys: 0.4, yb: 0 },
      { strength: 1.5, mean: 0, ys: 1.5, yb: 0 },
      { strength: 1.5, mean: -1, ys: 0.4, yb: 1 },
      { strength: 3, mean: 0, ys: 0.4, yb: -1 },
    ];
    const random = new RandomState(1);
    const maps = made.map(({ strength, mean: centre }) => pattern(random).map((value) => centre + strength * value));
    const picture = new Picture(100 + made.length * cell, 8 + 3 * cell);
    const column = (key) =>
      Tensor.from(
        made.map((row) => row[key]),
        [1, made.length],
      );
    run(() => {
      const x = Tensor.from(Float64Array.from(maps.flatMap((map) => [...map])), [1, made.length, SIDE, SIDE]);
      const rows = { x, "norm(x)": instanceNorm(x), adain: adain(x, column("ys"), column("yb")) };
      Object.entries(rows).forEach(([word, tensor], row) => {
        picture.text(4, 8 + row * cell + 26, word);
        made.forEach((_, k) => {
          const map = tensor.toFloat64Array().slice(k * SIDE ** 2, (k + 1) * SIDE ** 2);
          picture.map(90 + k * cell, 8 + row * cell, map, SIDE, { zoom, range: 4 });
        });
      });
    });
    picture.save(path("adain"));
  },

  noise() {
    run(() => {
      const ws = latents([SEEDS[1]]);
      const draw = (noiseMode, seed = 0) => synthesize(ws, { noiseMode, random: new RandomState(seed) });
      const drawn = seedsFrom(0, 20).map((seed) => draw("random", seed));
      const centre = scale(drawn.reduce(add), 1 / drawn.length);
      const variance = scale(drawn.map((image) => square(sub(image, centre))).reduce(add), 1 / drawn.length);
      const deviation = sqrt(addScalar(mean(variance, { axes: [1], keepDims: true }), 1e-12));
      const grey = brightness(deviation);
      const images = [draw("none"), draw("const"), ...drawn.slice(0, 3)];
      const rgb = images[0].shape[1] === 1 ? grey : concat([grey, grey, grey], 1);
      sheet("noise", [{ word: "", images: concat([...images, rgb], 0) }], {
        above: ["none", "const", "random", "random", "random", "spread"],
        left: 4,
      });
    });
  },

  mixing() {
    const [rows, columns] = [SEEDS.slice(0, 3), SEEDS.slice(3, 7)];
    const cutoff = Math.max(2, Math.floor(G.numWs / 2));
    run(() => {
      const white = addScalar(scale(synthesize(latents([SEEDS[0]])), 0), 1);
      const top = concat([white, synthesize(latents(columns))], 0);
      const others = rows.map((row) => {
        const own = latents([row]);
        return concat(
          [synthesize(own), ...columns.map((column) => synthesize(mixStyles(latents([column]), own, cutoff)))],
          0,
        );
      });
      sheet("mixing", [{ word: "", images: top }, ...others.map((images) => ({ word: "", images }))], { left: 4 });
    });
  },

  statistics() {
    const layer = "b16.conv1";
    const [w, affine, bias] = ["weight", "affine.weight", "affine.bias"].map((name) =>
      G.parameters.get(`synthesis.${layer}.${name}`),
    );
    const filter = setupFilter([1]);
    const deviations = run(() => {
      const ws = latents([SEEDS[0]]);
      let x = null;
      G.synthesis.forward(ws, {
        ...ALWAYS,
        onLayer: (name, output) => {
          if (name === "b16.conv0") x = [output.toFloat64Array(), output.shape];
        },
      });
      const features = Tensor.from(...x);
      const place = 2 * Math.log2(16) - 4;
      const own = reshape(slice(ws, 1, place, place + 1), [1, G.wDim]);
      const styles = add(scale(matmul(own, affine, { transposeB: true }), 1 / Math.sqrt(G.wDim)), bias);
      const modulated = mul(features, reshape(styles, [1, -1, 1, 1]));
      const of = (tensor) => {
        const numbers = tensor.toFloat64Array();
        return Array.from(
          { length: tensor.shape[1] },
          (_, k) => statistics(numbers.slice(k * 256, (k + 1) * 256)).deviation,
        );
      };
      return {
        before: of(modulated),
        adain: of(instanceNorm(conv2d(modulated, w, { padding: 1 }))),
        demodulated: of(modulatedConv2d(features, w, styles, { filter })),
      };
    });
    const picture = new Picture(460, 240);
    const maps = deviations.adain.length;
    const most = Math.ceil(Math.max(...deviations.demodulated, 1.5));
    const { curve } = axes(
      picture,
      { x: 50, y: 30, width: 390, height: 160 },
      {
        x: { from: 0, to: maps - 1, ticks: [0, maps - 1], label: "feature map, sorted" },
        y: { from: 0, to: most, ticks: [0, 1, most], label: `deviation of the maps of ${layer}` },
      },
    );
    const sorted = (numbers) => [...numbers].sort((a, b) => a - b).map((value, k) => [k, value]);
    curve(sorted(deviations.adain), RED);
    curve(sorted(deviations.demodulated), BLUE);
    picture.text(70, 40, "instance norm: 1, always", { color: RED });
    picture.text(70, 54, "demodulation: what the data bring", { color: BLUE });
    picture.save(path("statistics"));
  },

  pathLength() {
    const lengths = [];
    for (let batch = 0; batch < 16; batch++) {
      scope(() => {
        const seeds = Array.from({ length: 4 }, (_, k) => 4 * batch + k);
        const ws = variable(noGrad(() => latents(seeds, 1)).detach());
        const size = [4, G.imgChannels, G.imgResolution, G.imgResolution];
        const noise = Tensor.from(new RandomState(batch).randn(size.reduce((a, b) => a * b)), size);
        lengths.push(
          ...pathLengthPenalty((w) => G.synthesis.forward(w, ALWAYS), ws, noise, {
            plMean: 0,
          }).lengths.toFloat64Array(),
        );
      });
    }
    const sorted = lengths.sort((a, b) => a - b);
    const average = sorted.reduce((a, b) => a + b, 0) / sorted.length;
    const bins = 24;
    const most = sorted.at(-1) * 1.05;
    const counts = new Array(bins).fill(0);
    for (const length of sorted) counts[Math.floor((length / most) * bins)]++;
    const tallest = Math.max(...counts);
    const picture = new Picture(460, 230);
    const digits = (value) => Number(value.toPrecision(2));
    const { at, curve } = axes(
      picture,
      { x: 50, y: 30, width: 390, height: 150 },
      {
        x: { from: 0, to: most, ticks: [0, digits(average)], label: "path length of one w" },
        y: { from: 0, to: tallest, ticks: [0, tallest], label: "how many of 64 w" },
      },
    );
    counts.forEach((count, k) => {
      const [x0, y0] = at((k * most) / bins, count);
      const [x1, y1] = at(((k + 1) * most) / bins, 0);
      picture.rect(x0 + 1, y0, x1 - x0 - 2, y1 - y0, BLUE);
    });
    curve(
      [
        [average, 0],
        [average, tallest],
      ],
      RED,
    );
    picture.text(70, 40, "a, their mean", { color: RED });
    picture.save(path("pathLength"));
  },

  skip() {
    run(() => {
      const shares = [];
      const onLayer = (name, output) => {
        if (name.endsWith("torgb")) shares.push([output.toFloat64Array(), output.shape]);
      };
      G.synthesis.forward(latents([SEEDS[0]]), { ...ALWAYS, onLayer });
      const filter = setupFilter(G.config.synthesis.resampleFilter);
      let sumSoFar = null;
      const [parts, sums] = [[], []];
      for (const share of shares) {
        let part = Tensor.from(...share);
        while (part.shape[3] < G.imgResolution) part = upsample2d(part, filter);
        sumSoFar = sumSoFar === null ? part : add(sumSoFar, part);
        parts.push(part);
        sums.push(sumSoFar);
      }
      const above = shares.map(([, shape]) => `${shape[3]}x${shape[3]}`);
      sheet(
        "skip",
        [
          { word: "torgb", images: concat(parts, 0) },
          { word: "sum", images: concat(sums, 0) },
        ],
        { above },
      );
    });
  },

  r1() {
    const discriminator = untrainedDiscriminator();
    const images = run(() => synthesize(latents(SEEDS.slice(0, 4))));
    scope(() => {
      const x = variable(images.detach());
      const [dx] = grad([sum(discriminator.forward(x, null))], [x]);
      const lengths = sqrt(sum(square(dx), { axes: [1], keepDims: true }));
      const shown = Array.from({ length: 4 }, (_, k) => brightness(slice(lengths, 0, k, k + 1)));
      const grey = concat(shown, 0);
      sheet(
        "r1",
        [
          { word: "x", images },
          { word: "|dd/dx|", images: images.shape[1] === 1 ? grey : concat([grey, grey, grey], 1) },
        ],
        { zoom: Math.max(1, Math.floor(64 / images.shape[3])) },
      );
    });
  },

  truncation() {
    const psis = [1, 0.7, 0.5, 0.25, 0, -0.5, -1];
    run(() => {
      const rows = SEEDS.slice(0, 3).map((seed) => ({
        word: `seed ${seed}`,
        images: synthesize(
          concat(
            psis.map((psi) => latents([seed], psi)),
            0,
          ),
        ),
      }));
      sheet("truncation", rows, { above: psis.map(String) });
    });
  },

  ada() {
    const ps = [0, 0.2, 0.4, 0.6, 0.8, 1];
    run(() => {
      const image = synthesize(latents([SEEDS[0]]));
      const rows = [5, 6].map((seed) => {
        const draws = drawAugmentation(new RandomState(seed), augmentPipelines.bgc, image.shape);
        const seen = ps.map((p) => augment(image, { pipeline: augmentPipelines.bgc, p, draws }));
        return { word: `draw ${seed - 4}`, images: concat(seen, 0) };
      });
      sheet("ada", rows, { above: ps.map((p) => `p ${p}`) });
    });
  },

  ...Object.fromEntries(Object.entries(plots).map(([name, draw]) => [name, () => draw(path(name))])),
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(pictures);
console.log(`from ${model}`);
for (const name of names) {
  if (!(name in pictures)) throw new RangeError(`no picture ${name}; there are ${Object.keys(pictures).join(", ")}`);
  pictures[name]();
}
// Worker threads of the kernels would keep the process alive.
process.exit(0);
