/**
 * The papers' tables at a scale that anyone can repeat: docs/tables.md.
 *
 *   npm run tables                             trains the rows of the plan that have no figures yet, then writes the page
 *   npm run tables -- --only ROW               trains a row; if it has figures, says whether they come out again
 *   npm run tables -- --render                 writes docs/tables.md from the figures that are there
 *   npm run tables -- --quick                  two tiny rows and their table, in seconds: does it all work?
 *
 *   --plan FILE     default docs/tables/plan.json; its folder gets data/, samples/ and sessions/
 *   --work FOLDER   images, classifier and unfinished runs; default out/tables
 *   --jobs N        rows at a time, each on one thread; default: the cores. Figures do not depend on it
 *   --rows A,B      of the plan's rows only these
 *
 * Can be killed at any moment: the next call goes on from the last snapshots. Rows are started in the plan's order.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { prepareFaces, prepareSquares } from "./data.mjs";
import { init } from "./library.mjs";
import { renderPage } from "./page.mjs";
import { readPlan } from "./plan.mjs";
import { quickPlan } from "./quick.mjs";
import { renderTable } from "./render.mjs";

const root = resolve(import.meta.dirname, "..", "..");
const { values } = parseArgs({
  options: {
    plan: { type: "string", default: join(root, "docs", "tables", "plan.json") },
    work: { type: "string", default: join(root, "out", "tables") },
    jobs: { type: "string", default: String(availableParallelism()) },
    only: { type: "string" },
    rows: { type: "string" },
    quick: { type: "boolean", default: false },
    render: { type: "boolean", default: false },
  },
});
const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1)
  throw new Error(`--jobs must be a whole number of at least 1, got ${values.jobs}`);
const say = (text) => console.log(`${new Date().toISOString().slice(11, 19)}  ${text}`);

/** Trains and measures a row in a process of its own; resolves to whether it came to its end. */
function runRow({ plan, row, images, classifier, work, out }) {
  return new Promise((done) => {
    const began = performance.now();
    say(`${row} begins`);
    const program = join(import.meta.dirname, "row.mjs");
    const child = spawn(process.execPath, [program, plan, row, images, classifier, work, out], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("exit", (code, signal) => {
      const minutes = ((performance.now() - began) / 60000).toFixed(1);
      say(
        code === 0 ? `${row} is done, ${minutes} min` : `${row} failed (${signal ?? `code ${code}`}), ${minutes} min`,
      );
      done(code === 0);
    });
  });
}

/** The rows, `jobs` at a time, the first ones first. Returns the names of those that failed. */
async function runAll(rows, options) {
  const waiting = [...rows];
  const failed = [];
  const next = async () => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      if (!(await runRow({ ...options, row }))) failed.push(row);
    }
  };
  await Promise.all(Array.from({ length: jobs }, next));
  return failed;
}

const figures = (folder, row) => join(folder, "data", `${row}.json`);

/** Trains a row again beside its figures, and compares the files. */
async function repeat(row, options) {
  const fresh = mkdtempSync(join(tmpdir(), "stylegan-tables-"));
  const failed = await runAll([row], { ...options, work: join(fresh, "work"), out: fresh });
  if (failed.length > 0) return false;
  const [before, after] = [options.out, fresh].map((folder) => readFileSync(figures(folder, row), "utf8"));
  const name = relative(root, figures(options.out, row));
  if (before === after) {
    say(`${row} came out again: ${name}, bit for bit`);
    rmSync(fresh, { recursive: true });
    return true;
  }
  const [a, b] = [before, after].map((text) => JSON.parse(text));
  const differing = Object.keys({ ...a, ...b }).filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
  say(`${row} differs from ${name} in ${differing.join(", ")}; what came out is ${figures(fresh, row)}`);
  return false;
}

async function main() {
  if (values.render) {
    renderPage(resolve(values.plan));
    return true;
  }
  await init({ threads: 1 });
  if (values.quick) {
    const folder = mkdtempSync(join(tmpdir(), "stylegan-tables-"));
    const plan = quickPlan(join(folder, "plan.json"));
    const options = { plan, ...prepareSquares(folder), work: join(folder, "work"), out: folder };
    const failed = await runAll(
      readPlan(plan).rows.map(({ row }) => row),
      options,
    );
    if (failed.length > 0) return false;
    console.log(`\n${renderTable(plan, "quick")}`);
    rmSync(folder, { recursive: true });
    return true;
  }
  const plan = resolve(values.plan);
  const all = readPlan(plan).rows.map(({ row }) => row);
  const chosen = values.only === undefined ? (values.rows?.split(",") ?? all) : [values.only];
  for (const row of chosen) {
    if (!all.includes(row)) throw new Error(`${values.plan} has no row ${row}; it has ${all.join(", ")}`);
  }
  const work = resolve(values.work);
  const options = { plan, ...prepareFaces(join(work, "data"), say), work: join(work, "runs"), out: dirname(plan) };
  if (values.only !== undefined && existsSync(figures(options.out, values.only))) return repeat(values.only, options);
  const missing = chosen.filter((row) => !existsSync(figures(options.out, row)));
  say(`${missing.length} of ${chosen.length} rows to train, ${jobs} at a time`);
  const failed = await runAll(missing, options);
  if (existsSync(join(options.out, "..", "tables.md"))) renderPage(plan);
  if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
  return failed.length === 0;
}

try {
  process.exit((await main()) ? 0 : 1);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
