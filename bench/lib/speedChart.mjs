/** The chart of the README: a panel a case, a bar a program, as long as it takes. One picture, light and dark. */
import { median, short } from "./table.mjs";

const NAMES = {
  "stylegan-cli": "stylegan",
  stylegan: "stylegan, 128 bits",
  "onnxruntime-node": "onnxruntime-node",
  "onnxruntime-web": "onnxruntime-web",
  "tfjs-wasm": "TensorFlow.js, WASM",
  pytorch: "PyTorch",
  "pytorch, 1 thread": "PyTorch, one thread",
};
const PANEL = { width: 410, gap: 30, title: 30, bar: 15, row: 22, label: 142, value: 66 };

const STYLE = `
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.note, .value { fill: #59636e; }
.ours { fill: #0969da; }
.other { fill: #a5adb8; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note, .value { fill: #9198a1; }
  .ours { fill: #4493f8; }
  .other { fill: #59616c; }
}`;

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** @param cases of recordCases.mjs */
export function speedChart(cases) {
  const parts = [];
  let y = 22;
  parts.push(
    `<text class="note" x="0" y="${y - 8}">Milliseconds, on the same cores in the same run: shorter is faster</text>`,
  );
  for (const row of rowsOf(cases)) {
    row.forEach((one, column) => {
      parts.push(panel(one, column * (PANEL.width + PANEL.gap), y));
    });
    y += PANEL.title + Math.max(...row.map(({ results }) => results.length)) * PANEL.row + 12;
  }
  const width = 2 * PANEL.width + PANEL.gap;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" role="img" aria-label="Time of an image and of a training step, beside other programs"><style>${STYLE}</style>\n${parts.join("\n")}\n</svg>\n`;
}

/** A row of panels for each size, by threads. */
function rowsOf(cases) {
  const rows = new Map();
  for (const one of cases) {
    const key = `${one.kind} ${one.size}`;
    rows.set(key, [...(rows.get(key) ?? []), one]);
  }
  return [...rows.values()].map((row) => row.slice(0, 2));
}

function panel({ kind, size, threads, results }, x, y) {
  const what = kind === "images" ? `Image of ${size}x${size}` : `Training step at ${size}x${size}`;
  const title = `${what}, ${threads === 1 ? "one thread" : `${threads === 2 ? "two" : threads} threads`}`;
  const rows = results.map(({ peer, ms }) => ({ peer, ms: median(ms) }));
  const longest = Math.max(...rows.map(({ ms }) => ms));
  const room = PANEL.width - PANEL.label - PANEL.value;
  const bars = rows.map(({ peer, ms }, k) => {
    const top = y + PANEL.title + k * PANEL.row;
    const length = Math.max(1, (ms / longest) * room);
    const isOurs = peer.startsWith("stylegan");
    return [
      `<text x="${x}" y="${top + 12}">${escaped(NAMES[peer] ?? peer)}</text>`,
      `<rect class="${isOurs ? "ours" : "other"}" x="${x + PANEL.label}" y="${top}" width="${length.toFixed(1)}" height="${PANEL.bar}" rx="2"/>`,
      `<text class="value" x="${(x + PANEL.label + length + 6).toFixed(1)}" y="${top + 12}">${short(ms)}</text>`,
    ].join("\n");
  });
  return [`<text class="title" x="${x}" y="${y + 18}">${title}</text>`, ...bars].join("\n");
}
