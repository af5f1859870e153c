/** The figures of the rows, and what follows from several of them. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const read = (planPath, kind, row) => {
  const path = join(dirname(planPath), kind, `${row}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
};

/** What a row's file holds; null where the row was not run. */
export const figuresOf = (planPath, row) => read(planPath, "data", row);

/** When and where it was run, and how fast; null where the row was not run. */
export const sessionOf = (planPath, row) => read(planPath, "sessions", row);

/** How long a row takes, as speed.mjs has timed it: `millisecondsPerStep`, `secondsPerRun`; null where it has not. */
export function timesOf(planPath, row) {
  const path = join(dirname(planPath), "speed.json");
  const speed = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { millisecondsPerStep: {} };
  if (!(row in speed.millisecondsPerStep)) return null;
  return { millisecondsPerStep: speed.millisecondsPerStep[row], secondsPerRun: speed.secondsPerRun[row] };
}

/** Three digits: more is noise. */
export const short = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));

/**
 * How far runs are apart that differ in their seed only: each measure's values, and the largest over the smallest; null
 * while fewer than two of them were run.
 */
export function spreadOf(planPath, { spread = [] }) {
  const runs = spread.map((row) => figuresOf(planPath, row)).filter((figures) => figures !== null);
  if (runs.length < 2) return null;
  const of = (pick) => {
    const values = runs.map(pick);
    return { values, factor: Math.max(...values) / Math.min(...values) };
  };
  return {
    runs: runs.length,
    distance: of(({ final }) => final.distance),
    pathLength: of(({ final }) => final.pathLength.mean),
    precision: of(({ final }) => final.precision),
    recall: of(({ final }) => final.recall),
  };
}

/** Whether two distances are no further apart than those of runs that differ in their seed only. */
export function isWithin(spread, a, b) {
  return spread !== null && Math.max(a, b) / Math.min(a, b) <= spread.distance.factor;
}
