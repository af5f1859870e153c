/** The pictures of docs/tables.md. What was not run is left out. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { axes, BLUE, GREEN, GREY, INK, ORANGE, Picture, RED } from "../docs/picture.mjs";
import { figuresOf } from "./figures.mjs";
import { decodePixels } from "./library.mjs";
import { readPlan } from "./plan.mjs";

const COLORS = [GREY, RED, ORANGE, GREEN, BLUE, INK];
const ZOOM = 2;
const SHOWN = 12;
const GAP = 2;

export function drawPictures(planPath, folder) {
  const { tables } = readPlan(planPath);
  const rowsOf = (name) => tables[name].rows.map(({ row, label }) => ({ row, label: label.split(",")[0] }));
  const pairs = tables.architectures;
  const nine = pairs.cells.flatMap((cells, g) =>
    cells.map((row, d) => ({ row, label: `${pairs.rowLabels[g]}, ${pairs.columnLabels[d]}` })),
  );
  drawSamples(planPath, nine, join(folder, "architectures.png"));
  for (const name of ["stylegan2-table1", "stylegan-table1"]) {
    drawSamples(planPath, rowsOf(name), join(folder, `${name}.png`));
    drawCurves(planPath, rowsOf(name), join(folder, `${name}-curves.png`));
  }
  drawContributions(planPath, ["e", "f", "f-long"], join(folder, "contributions.png"));
}

/** A strip of images for each row, all of the same latents. */
function drawSamples(planPath, rows, path) {
  const there = rows
    .map(({ row, label }) => ({ label, strip: join(dirname(planPath), "samples", `${row}.png`) }))
    .filter(({ strip }) => existsSync(strip));
  if (there.length === 0) return;
  const strips = there.map(({ strip }) => decodePixels(readFileSync(strip)));
  const side = strips[0].height;
  const left = 24 + 8 * Math.max(...there.map(({ label }) => label.length));
  const step = side * ZOOM + GAP;
  const picture = new Picture(left + SHOWN * step, there.length * step);
  for (const [at, { label }] of there.entries()) {
    picture.text(left - 12, at * step + side - 5, label, { align: "right" });
    const { data, width, channels } = strips[at];
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < SHOWN * side; x++) {
        const from = (y * width + x) * channels;
        const column = left + Math.floor(x / side) * step + (x % side) * ZOOM;
        picture.rect(column, at * step + y * ZOOM, ZOOM, ZOOM, data.subarray(from, from + 3));
      }
    }
  }
  picture.save(path);
}

const powers = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];

/** The distance of every row over training, on a logarithmic axis. */
function drawCurves(planPath, rows, path) {
  const there = rows
    .map(({ row, label }, at) => ({ label, color: COLORS[at % COLORS.length], figures: figuresOf(planPath, row) }))
    .filter(({ figures }) => figures !== null);
  if (there.length === 0) return;
  const values = there.flatMap(({ figures }) => figures.curve.map(({ distance }) => distance));
  const from = powers.findLast((power) => power <= Math.min(...values));
  const to = powers.find((power) => power >= Math.max(...values));
  const last = Math.max(...there.flatMap(({ figures }) => figures.curve.map(({ kimg }) => kimg)));
  const picture = new Picture(640, 320);
  const { curve, at } = axes(
    picture,
    { x: 60, y: 30, width: 480, height: 240 },
    {
      x: { from: 0, to: last, ticks: Array.from({ length: 7 }, (_, k) => Math.round((k * last) / 6)), label: "kimg" },
      y: { from, to, ticks: powers.filter((power) => power >= from && power <= to), log: true, label: "distance" },
    },
  );
  for (const [index, { label, color, figures }] of there.entries()) {
    const points = figures.curve.map(({ kimg, distance }) => [kimg, distance]);
    curve(points, color);
    for (const point of points) picture.dot(...at(...point), color);
    picture.rect(560, 36 + index * 18, 14, 4, color);
    picture.text(580, 33 + index * 18, label);
  }
  picture.save(path);
}

/** Part of each resolution in the standard deviation of the image, over training (StyleGAN2, figure 8). */
function drawContributions(planPath, rows, path) {
  const there = rows
    .map((row) => ({ row, figures: figuresOf(planPath, row) }))
    .filter(({ figures }) => figures?.curve.some(({ contributions }) => contributions));
  if (there.length === 0) return;
  const picture = new Picture(there.length * 300 + 60, 290);
  for (const [panel, { row, figures }] of there.entries()) {
    const { curve } = figures;
    const last = curve.at(-1).kimg;
    const { curve: draw, at } = axes(
      picture,
      { x: 50 + panel * 300, y: 40, width: 230, height: 190 },
      {
        x: { from: 0, to: last, ticks: [0, last / 3, (2 * last) / 3, last], label: "kimg" },
        y: { from: 0, to: 100, ticks: [0, 20, 40, 60, 80, 100], label: `${row}: % of each resolution` },
      },
    );
    const resolutions = curve[0].contributions.map(({ resolution }) => resolution);
    for (const [index, resolution] of resolutions.entries()) {
      const points = curve.map(({ kimg, contributions }) => {
        const all = contributions.reduce((sum, { deviation }) => sum + deviation, 0);
        return [kimg, (100 * contributions[index].deviation) / all];
      });
      const color = COLORS[index + 1];
      draw(points, color);
      for (const point of points) picture.dot(...at(...point), color);
      picture.text(60 + panel * 300 + index * 56, 268, `${resolution}x${resolution}`, { color });
    }
  }
  picture.save(path);
}
