/** A training run on one page that needs nothing else: its settings, its curves, and its images over time. */
import { formatDuration } from "../progress.js";
import type { StatsLine } from "./files.js";
import { chart, escapeHtml, type Series } from "./reportChart.js";
import type { RunDefinition } from "./setup.js";

export interface ReportGrid {
  /** "fakes000120.png" */
  readonly name: string;
  readonly png: Uint8Array;
}

export interface ReportContents {
  readonly title: string;
  readonly definition: RunDefinition;
  readonly stats: readonly StatsLine[];
  /** The command that began the run. */
  readonly command: string;
  /** Generated images, the earliest first. */
  readonly grids: readonly ReportGrid[];
  readonly reals: Uint8Array;
}

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1d2430, #e6e9ef); --faint: light-dark(#d5dae2, #3b4454);
  --page: light-dark(#fff, #14181f); --c0: light-dark(#1f6fd0, #6cb2ff); --c1: light-dark(#d1495b, #ff8a98);
  --c2: light-dark(#2a8f5c, #6fd3a2); }
body { margin: 2rem auto; max-width: 1000px; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--page); }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--ink); } .grid { stroke: var(--faint); fill: none; }
.curve { fill: none; stroke-width: 1.6; } .key { font-weight: 400; } .key::before { content: "\\2014 "; }
.curve0 { stroke: var(--c0); } .curve1 { stroke: var(--c1); } .curve2 { stroke: var(--c2); }
.dot0 { fill: var(--c0); } .dot1 { fill: var(--c1); } .dot2 { fill: var(--c2); }
.key0::before { color: var(--c0); } .key1::before { color: var(--c1); } .key2::before { color: var(--c2); }
.grids { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 1rem; }
.grids img { width: 100%; image-rendering: pixelated; } pre { overflow-x: auto; padding: .7rem;
  border: 1px solid var(--faint); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .2rem 1.5rem .2rem 0; vertical-align: top; text-align: left;
  border-bottom: 1px solid var(--faint); overflow-wrap: anywhere; } th { font-weight: 600; white-space: nowrap; }`;

/** The page as HTML. */
export function renderReport({ title, definition, stats, grids, reals, command }: ReportContents): string {
  const last = stats.at(-1);
  const summary =
    last === undefined
      ? "No step yet."
      : `${last.kimg.toFixed(1)} kimg in ${formatDuration(last.seconds * 1000)}, ${last.steps} steps.`;
  const best = stats.filter(({ frechetDistance }) => frechetDistance !== undefined);
  const lowest = best.reduce<StatsLine | undefined>(
    (a, b) => (a === undefined || b.frechetDistance! < a.frechetDistance! ? b : a),
    undefined,
  );
  const distance =
    lowest === undefined
      ? ""
      : ` Lowest Fr&eacute;chet distance ${lowest.frechetDistance!.toPrecision(4)}, at ${lowest.kimg.toFixed(1)} kimg.`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>
<h1>${escapeHtml(title)}</h1>
<p>${summary}${distance}</p>
<pre>${escapeHtml(command)}</pre>
<h2>Curves, over thousands of images</h2>
<div class="charts">${charts(stats)}</div>
<h2>The same latents over time</h2>
<div class="grids">${grids.map(picture).join("")}</div>
<h2>Images of the data set</h2>
<div class="grids">${picture({ name: "reals.png", png: reals })}</div>
<h2>Settings</h2>
<table>${settingRows(definition)}</table>
</main></body></html>
`;
}

function charts(stats: readonly StatsLine[]): string {
  const series = (name: string, value: (line: StatsLine) => number | undefined): Series => ({
    name,
    points: stats.flatMap((line) => {
      const y = value(line);
      return y === undefined ? [] : [[line.kimg, y] as const];
    }),
  });
  const metricNames = [...new Set(stats.flatMap(({ metrics = {} }) => Object.keys(metrics)))];
  const frechet = series("Frechet distance", (line) => line.frechetDistance);
  return [
    chart({ title: "Fr\u00e9chet distance", series: [frechet], isLogarithmic: true }),
    ...metricNames.map((name) => chart({ title: name, series: [series(name, ({ metrics }) => metrics?.[name])] })),
    chart({
      title: "Losses",
      series: [series("generator", (line) => line.losses.Gmain), series("discriminator", (line) => line.losses.Dmain)],
    }),
    chart({
      title: "Mean logit",
      series: [series("real", (line) => line.realScore), series("generated", (line) => line.fakeScore)],
    }),
    chart({ title: "R1", series: [series("R1", (line) => line.losses.Dreg)], isLogarithmic: true }),
    chart({
      title: "Path length",
      series: [series("penalty", (line) => line.losses.Greg), series("mean length", (line) => line.plMean)],
    }),
    chart({ title: "Probability of augmentation", series: [series("p", (line) => line.augmentP)] }),
    chart({ title: "Level of detail", series: [series("lod", (line) => line.lod)] }),
    chart({ title: "Images per second", series: [series("speed", (line) => line.imagesPerSecond)] }),
    chart({ title: "Memory (MiB)", series: [series("memory", (line) => line.memoryMebibytes)] }),
  ].join("\n");
}

function picture({ name, png }: ReportGrid): string {
  const kimg = /(\d+)\.png$/.exec(name);
  const [caption, shows] =
    kimg !== null
      ? [
          `${Number(kimg[1])} kimg`,
          `Images that the averaged generator makes of the same latents after ${Number(kimg[1])} kimg`,
        ]
      : name === "reals.png"
        ? ["The data set", "Images of the data set"]
        : ["Untrained", "Images that the untrained generator makes of the same latents"];
  const data = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  return `<figure><figcaption>${escapeHtml(caption)}</figcaption><img alt="${escapeHtml(shows)}" src="${data}"></figure>`;
}

function settingRows({ options, data, dataPath, batch, settings, generator, discriminator }: RunDefinition): string {
  const { count, resolution, channels, labelSize } = data;
  const { augment: _, ...numbers } = settings;
  const rows: readonly (readonly [string, string])[] = [
    ["data", `${dataPath}: ${count} images of ${resolution}x${resolution}x${channels}, label size ${labelSize}`],
    ...valuesOf(options).map(([name, value]) => [`option ${name}`, value] as const),
    ["batch", String(batch)],
    ...valuesOf(numbers),
    [
      "generator",
      `${generator.kind}, z ${generator.zDim}, w ${generator.wDim}, feature maps ${featureMaps(generator.synthesis)}`,
    ],
    ["discriminator", `${discriminator.kind}, feature maps ${featureMaps(discriminator)}`],
  ];
  return rows
    .map(([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`)
    .join("\n");
}

/** Settings one by one; of those that are made of several, each part. */
function valuesOf(settings: object, prefix = ""): (readonly [string, string])[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? valuesOf(value as object, `${prefix}${name} `)
      : [[`${prefix}${name}`, Array.isArray(value) ? value.join(", ") : String(value ?? "none")] as const],
  );
}

function featureMaps({ channels }: { readonly channels: readonly (readonly [number, number])[] }): string {
  return channels.map(([resolution, count]) => `${resolution}: ${count}`).join(", ");
}
