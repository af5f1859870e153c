/** The folder of a training run as the scripts read it, and the curve of its Frechet distances as a table and a plot. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readStats } from "../../dist/cli/train/files.js";
import { ticks } from "../../dist/cli/train/reportChart.js";
import { axes, BLUE, Picture, RED } from "../docs/picture.mjs";

/** run.json and the lines of stats.jsonl. */
export function readRun(folder) {
  const definition = JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
  return { definition, stats: readStats(join(folder, "stats.jsonl")) };
}

/** Network snapshots, the earliest first: { path, kimg }. `wanted` is a text such as "0,10,70"; all, unless given. */
export function snapshotsOf(folder, wanted) {
  const kimgs = wanted?.split(",").map(Number);
  return readdirSync(folder)
    .filter((name) => /^network-snapshot-\d{6,}\.safetensors$/.test(name))
    .map((name) => ({ path: join(folder, name), kimg: Number(/\d+/.exec(name)[0]) }))
    .filter(({ kimg }) => kimgs?.includes(kimg) ?? true)
    .sort((a, b) => a.kimg - b.kimg);
}

/** The distance after `kimg`; NaN where the curve has no such point. */
export const distanceAt = (curve, kimg) => curve.find((point) => point.kimg === kimg)?.frechetDistance ?? Number.NaN;

/**
 * A table in Markdown: about `rows` points of the curve, the lowest and the last among them. With `baseKimg`, all are
 * compared with that point.
 */
export function curveTable(curve, { rows = 16, baseKimg } = {}) {
  const base = distanceAt(curve, baseKimg);
  const lowest = curve.reduce((a, b) => (b.frechetDistance < a.frechetDistance ? b : a));
  const grows = curve.some(({ lod }) => lod !== undefined);
  const every = Math.ceil(curve.length / rows);
  const shown = curve.filter(
    (point, at) => at % every === 0 || point.kimg === baseKimg || point === lowest || point === curve.at(-1),
  );
  const columns = {
    kimg: ({ kimg }) => kimg,
    minutes: ({ seconds }) => (seconds / 60).toFixed(1),
    ...(grows && { lod: ({ lod }) => lod.toFixed(2) }),
    distance: ({ frechetDistance }) => Number(frechetDistance.toPrecision(4)),
    ...(grows && { "the data at that lod": ({ dataAtLod }) => Number(dataAtLod.toPrecision(4)) }),
    ...(!Number.isNaN(base) && {
      [`of that at ${baseKimg} kimg`]: ({ frechetDistance }) => `${((100 * frechetDistance) / base).toFixed(1)} %`,
    }),
  };
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line(Object.keys(columns)),
    line(Object.keys(columns).map(() => "---:")),
    ...shown.map((point) => line(Object.values(columns).map((cell) => cell(point)))),
  ].join("\n");
}

/** The curve on a logarithmic axis. With `baseKimg`, a line is at a tenth of that point. */
export function plotCurve(curve, path, { baseKimg } = {}) {
  const tenth = distanceAt(curve, baseKimg) / 10;
  const values = [...curve.map(({ frechetDistance }) => frechetDistance), tenth].filter((value) => value > 0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const round = Array.from({ length: 24 }, (_, at) => [1, 2, 5][at % 3] * 10 ** (Math.floor(at / 3) - 2));
  const from = round.findLast((value) => value <= low) ?? low;
  const to = round.find((value) => value >= high) ?? high;
  const picture = new Picture(560, 260);
  const last = curve.at(-1).kimg;
  const { at, curve: draw } = axes(
    picture,
    { x: 60, y: 30, width: 480, height: 180 },
    {
      x: { from: 0, to: last, ticks: ticks(0, last, 8), label: "kimg" },
      y: { from, to, ticks: round.filter((value) => value >= from && value <= to), log: true, label: "distance" },
    },
  );
  if (!Number.isNaN(tenth)) {
    const ends = [0, last].map((kimg) => [kimg, tenth]);
    draw(ends, RED, 1);
    const [right, y] = at(...ends[1]);
    picture.text(right, y - 14, `a tenth of that at ${baseKimg} kimg`, { align: "right", color: RED });
  }
  const points = curve.map(({ kimg, frechetDistance }) => [kimg, frechetDistance]);
  draw(points, BLUE);
  for (const point of points) picture.dot(...at(...point), BLUE);
  picture.save(path);
}
