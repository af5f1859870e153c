/** docs/tables.md: its tables and sentences with figures, between marks, and its pictures. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeWhole } from "./files.mjs";
import { drawPictures } from "./pictures.mjs";
import { readPlan } from "./plan.mjs";
import {
  renderEqualTime,
  renderImprovement,
  renderMissing,
  renderPairs,
  renderSettings,
  renderSpread,
  renderTable,
  renderTruncation,
} from "./render.mjs";

/** Every part of the page that comes from figures, by the name in its marks. */
export function partsOf(planPath) {
  const { tables } = readPlan(planPath);
  const parts = new Map([
    ["settings", renderSettings(planPath)],
    ["spread", renderSpread(planPath)],
    ["improvement", renderImprovement(planPath, ["f", "f-long"])],
    ["equal-time", renderEqualTime(planPath, ["d", "e"])],
    ["truncation", renderTruncation(planPath, "f")],
    ["missing", renderMissing(planPath)],
  ]);
  for (const [name, { cells }] of Object.entries(tables)) {
    parts.set(name, cells === undefined ? renderTable(planPath, name) : renderPairs(planPath, name));
  }
  return parts;
}

/** The text between the marks of a part. */
export function partOf(page, name) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest, more] = page.split(begin);
  const [text, after] = rest?.split(end) ?? [];
  if (after === undefined || more !== undefined) throw new Error(`docs/tables.md needs ${begin} and ${end}, once`);
  return { before: before + begin, text: text.trim(), after: end + after };
}

/** Writes all parts into the page beside the plan's folder, and its pictures. */
export function renderPage(planPath) {
  const path = join(dirname(planPath), "..", "tables.md");
  let page = readFileSync(path, "utf8");
  for (const [name, text] of partsOf(planPath)) {
    const { before, after } = partOf(page, name);
    page = `${before}\n\n${text}\n\n${after}`;
  }
  writeWhole(path, page);
  drawPictures(planPath, join(dirname(path), "images", "tables"));
}
