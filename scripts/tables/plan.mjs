/**
 * The plan of the tables: docs/tables/plan.json, which rows there are and what each of them trains.
 *
 *   { "common":  options of `stylegan train` that every row has, in camel case
 *     "growing": options of the rows whose preset grows, besides
 *     "measure": how many images each measure takes
 *     "rows":    [{ "row": name of its files, "preset", "options", "settings", "seed", "kimg" }], the most wanted first
 *     "tables":  what render.mjs makes of them }
 *
 * `options` of a row win over the common ones, null takes one away; `settings` are those of TrainingState that no option
 * reaches (intervals of the penalties). A row without "seed" has 1, without "kimg" the plan's.
 */
import { readFileSync } from "node:fs";
import { networkPreset } from "./library.mjs";

/** Reads a plan and checks that rows can be told apart. */
export function readPlan(path) {
  let plan;
  try {
    plan = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path}: expected a plan in JSON: ${error.message}`);
  }
  const names = plan.rows.map(({ row }) => row);
  for (const [at, name] of names.entries()) {
    if (!/^[a-z0-9-]+$/.test(name ?? "")) {
      throw new Error(
        `${path}: row ${at + 1} needs a name of small letters, digits and -, found ${JSON.stringify(name)}`,
      );
    }
    if (names.indexOf(name) !== at) throw new Error(`${path}: two rows are called ${name}`);
  }
  return plan;
}

/** The row of a plan as it is trained: nothing is left to a default of the plan. */
export function resolveRow(plan, name) {
  const found = plan.rows.find(({ row }) => row === name);
  if (found === undefined) throw new Error(`no row ${name}; there are ${plan.rows.map(({ row }) => row).join(", ")}`);
  const { row, preset, options = {}, settings = {}, seed = plan.seed ?? 1, kimg = plan.kimg } = found;
  const grows = networkPreset(preset, { resolution: 32 }).schedule !== null;
  const all = { cfg: preset, ...plan.common, ...(grows ? plan.growing : {}), ...options, seed };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  return { row, options: given, settings, kimg };
}
