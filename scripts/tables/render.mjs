/** Tables in Markdown, from the figures of the rows. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readPlan } from "./plan.mjs";

/** Three digits: more is noise. */
export const short = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));

const COLUMNS = {
  distance: { title: "distance", cell: ({ final }) => short(final.distance) },
  pathLength: { title: "path length", cell: ({ final }) => short(final.pathLength.mean) },
  precision: { title: "precision", cell: ({ final }) => final.precision.toFixed(3) },
  recall: { title: "recall", cell: ({ final }) => final.recall.toFixed(3) },
};

/** What a row's file holds; null where the row was not run. */
export function figuresOf(planPath, row) {
  const path = join(dirname(planPath), "data", `${row}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
}

/** One of the plan's tables. */
export function renderTable(planPath, name) {
  const { rows, columns } = readPlan(planPath).tables[name];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const body = rows.map(({ row, label }) => {
    const figures = figuresOf(planPath, row);
    return line([label, ...columns.map((column) => (figures === null ? "not run" : COLUMNS[column].cell(figures)))]);
  });
  const titles = columns.map((column) => COLUMNS[column].title);
  return [line(["", ...titles]), line(["---", ...columns.map(() => "---:")]), ...body].join("\n");
}
