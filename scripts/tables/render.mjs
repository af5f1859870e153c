/** Tables in Markdown, from the plan and the figures of the rows. What was not run says so. */
import { figuresOf, isWithin, sessionOf, short, spreadOf, timesOf } from "./figures.mjs";
import { readPlan } from "./plan.mjs";

const NOT_RUN = "not run";

const COLUMNS = {
  distance: { title: "distance", cell: ({ figures }) => short(figures.final.distance) },
  ratio: { title: "of the one above", cell: ratio },
  pathLength: { title: "path length", cell: ({ figures }) => short(figures.final.pathLength.mean) },
  deviation: {
    title: "its spread",
    cell: ({ figures }) => `${(100 * figures.final.pathLength.relativeDeviation).toFixed(0)} %`,
  },
  precision: { title: "precision", cell: ({ figures }) => figures.final.precision.toFixed(3) },
  recall: { title: "recall", cell: ({ figures }) => figures.final.recall.toFixed(3) },
  step: { title: "mean step", cell: ({ figures }) => short(figures.final.smoothness.meanStep) },
  detour: { title: "detour", cell: ({ figures }) => figures.final.smoothness.detour.toFixed(2) },
  kimg: { title: "kimg", cell: ({ figures }) => String(figures.kimg) },
  time: { title: "ms a step", cell: ({ times }) => (times === null ? "not timed" : short(times.millisecondsPerStep)) },
  seconds: { title: "s a run", cell: ({ times }) => (times === null ? "not timed" : short(times.secondsPerRun)) },
};

/** A distance as a part of another one; in brackets where seeds alone make as much. */
function ratio({ figures, other, spread }) {
  if (other === null) return "";
  const [a, b] = [figures.final.distance, other.final.distance];
  const part = (a / b).toFixed(2);
  return isWithin(spread, a, b) ? `(${part})` : part;
}

/** The papers' own numbers are in italics. */
const italic = (text) => (text === "" ? "" : `*${text}*`);

const line = (cells) => `| ${cells.join(" | ")} |`;
const table = (titles, rows) =>
  [line(titles), line(["---", ...titles.slice(1).map(() => "---:")]), ...rows.map(line)].join("\n");

/** One of the plan's tables. */
export function renderTable(planPath, name) {
  const plan = readPlan(planPath);
  const { rows, columns, theirs = [], against } = plan.tables[name];
  const spread = spreadOf(planPath, plan);
  const titles = columns.map((column) =>
    column === "ratio" && against !== "above" ? `of config ${against.toUpperCase()}'s` : COLUMNS[column].title,
  );
  const body = rows.map(({ row, label, theirs: numbers = [] }, at) => {
    const figures = figuresOf(planPath, row);
    const beside = against === "above" ? rows[at - 1]?.row : against === row ? undefined : against;
    const other = beside === undefined ? null : figuresOf(planPath, beside);
    const facts = { figures, other, spread, times: timesOf(planPath, row) };
    const cells = columns.map((column) => (figures === null ? NOT_RUN : COLUMNS[column].cell(facts)));
    return [label, ...cells, ...numbers.map(italic)];
  });
  return table(["", ...titles, ...theirs.map((title) => `*theirs: ${title}*`)], body);
}

/** All pairs of two choices: distance and path length of each, and those of the paper below. */
export function renderPairs(planPath, name) {
  const { rowLabels, columnLabels, cells, theirs } = readPlan(planPath).tables[name];
  const cell = (row) => {
    const figures = figuresOf(planPath, row);
    return figures === null ? NOT_RUN : `${short(figures.final.distance)} · ${short(figures.final.pathLength.mean)}`;
  };
  const ours = cells.map((row, at) => [rowLabels[at], ...row.map(cell)]);
  const paper = theirs.map((row, at) => [`*theirs: ${rowLabels[at]}*`, ...row.map(italic)]);
  return table(["", ...columnLabels], [...ours, ...paper]);
}

/** How far runs of the final configuration are apart that differ in their seed only. */
export function renderSpread(planPath) {
  const plan = readPlan(planPath);
  const spread = spreadOf(planPath, plan);
  if (spread === null) return "Not run yet.";
  const measures = { distance: short, pathLength: short, precision: (x) => x.toFixed(3), recall: (x) => x.toFixed(3) };
  const seeds = Array.from({ length: spread.runs }, (_, at) => `seed ${at + 1}`);
  const rows = Object.entries(measures).map(([name, text]) => {
    const { values, factor } = spread[name];
    return [COLUMNS[name].title, ...values.map(text), `${factor.toFixed(2)} : 1`];
  });
  return table(["config F", ...seeds, "largest : smallest"], rows);
}

/** Whether the budget is enough: where the final configuration stands in its own, longer run. */
export function renderImprovement(planPath, [shortRow, longRow]) {
  const [budget, long] = [shortRow, longRow].map((row) => figuresOf(planPath, row));
  if (budget === null || long === null) return "The longer run that this is read from was not run yet.";
  const at = (figures, kimg) => figures.curve.find((point) => point.kimg === kimg)?.distance;
  const lowest = long.curve.reduce((a, b) => (b.distance < a.distance ? b : a));
  const [first, last] = [at(long, 10), at(budget, budget.kimg)];
  const part = ((first - last) / (first - lowest.distance)) * 100;
  return (
    `Config F went from ${short(first)} at 10 kimg to ${short(last)} at ${budget.kimg} kimg (2,048 images), and in a run of ` +
    `${long.kimg} kimg to ${short(lowest.distance)} at ${lowest.kimg}: at ${budget.kimg} kimg ${part.toFixed(0)} % of that improvement is made.`
  );
}

/** Two rows after the same time instead of the same images: where the slower one stands when the other has finished. */
export function renderEqualTime(planPath, [growing, fixed]) {
  const [ours, other] = [growing, fixed].map((row) => ({
    name: `config ${row.toUpperCase()}`,
    figures: figuresOf(planPath, row),
    times: timesOf(planPath, row),
  }));
  if ([ours, other].some(({ figures, times }) => figures === null || times === null)) return "Not timed yet.";
  const seconds = ({ figures, times }) => times.secondsPerRun / figures.kimg;
  const kimg = Math.min((ours.figures.kimg * seconds(ours)) / seconds(other), other.figures.kimg);
  const { curve } = other.figures;
  const after = curve.findIndex((point) => point.kimg >= kimg);
  const [a, b] = [curve[Math.max(after - 1, 0)], curve[after]];
  const share = a === b ? 0 : (kimg - a.kimg) / (b.kimg - a.kimg);
  const distance = a.distance * (b.distance / a.distance) ** share;
  const part = (100 * seconds(ours)) / seconds(other);
  return (
    `An image costs ${ours.name}, over its whole schedule, ${part.toFixed(0)} % of the time that it costs ${other.name}. When ${ours.name} has seen ` +
    `${ours.figures.kimg} kimg, ${other.name} is at ${kimg.toFixed(0)} kimg, where its curve has a distance of ${short(distance)} (2,048 images), ` +
    `against ${short(ours.figures.curve.at(-1).distance)}: ${(distance / ours.figures.curve.at(-1).distance).toFixed(2)} times.`
  );
}

/** Truncation of one network. */
export function renderTruncation(planPath, row) {
  const figures = figuresOf(planPath, row);
  if (figures === null) return "Not run yet.";
  const rows = figures.truncation.map(({ psi, distance, precision, recall }) => [
    String(psi),
    short(distance),
    precision.toFixed(3),
    recall.toFixed(3),
  ]);
  return table(["psi", "distance (2,048 images)", "precision", "recall"], rows);
}

/** What every row has in common, and when it was made. */
export function renderSettings(planPath) {
  const plan = readPlan(planPath);
  const flags = Object.entries({ ...plan.common }).map(([name, value]) => {
    return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${value}`;
  });
  const sessions = plan.rows.map(({ row }) => sessionOf(planPath, row)).filter((session) => session !== null);
  const all = (pick) => [...new Set(sessions.map(pick))].join(", ");
  return [
    `\`\`\`\n${flags.join(" ")}\n\`\`\``,
    `${sessions.length} of ${plan.rows.length} rows were run, at revision ${all(({ revision }) => revision)}, on ${all(({ node }) => `Node ${node}`)}.`,
  ].join("\n\n");
}

/** The rows of the plan without figures. */
export function renderMissing(planPath) {
  const missing = readPlan(planPath).rows.filter(({ row }) => figuresOf(planPath, row) === null);
  if (missing.length === 0) return "Every row of the plan was run.";
  return `Of the plan's rows these were not run: ${missing.map(({ row }) => `\`${row}\``).join(", ")}.`;
}
