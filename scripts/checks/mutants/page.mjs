/**
 * The score of the random faults, as docs/plantedBugs.md has it. plantBugs.mjs puts it at the end of that page;
 *
 *   node scripts/checks/mutants/page.mjs
 *
 * writes it anew without planting anything. tests/docs/plantedBugs.test.ts compares.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { areas } from "./areas.mjs";

const root = resolve(import.meta.dirname, "../../..");
const TITLE = "## Random faults";

/** Of the faults that compile: how many, how many a test noticed, and which are neither noticed nor explained as no fault. */
export function score(results, explained) {
  const planted = results.filter(({ result }) => result !== "does not compile");
  const unnoticed = planted.filter(({ result }) => result === "unnoticed");
  return {
    planted: planted.length,
    noticed: planted.length - unnoticed.length,
    equivalent: unnoticed.filter(({ name }) => explained[name] !== undefined),
    unexplained: unnoticed.filter(({ name }) => explained[name] === undefined),
  };
}

function resultsOf(area) {
  const file = join(import.meta.dirname, "results", `${area}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
}

/** The section, from the results that are kept. */
export function mutantsSection() {
  const cell = (text) => `\`${text.replaceAll("|", "\\|").replaceAll("`", "'")}\``;
  const lines = [
    TITLE,
    "",
    "Small faults at random places: an operator, a number, a condition, a call, a dropped statement. Each was planted alone, what",
    "it is in was built anew, and the tests that could notice ran. `npm run mutants -- AREA` plants them again",
    "(`scripts/checks/mutants/`; it goes on where it was stopped). A fault that changes nothing that can be seen is no fault: it is",
    "listed with the reason. Noticed: of those that are faults.",
    "",
    "| area | planted | equivalent | noticed | |",
    "|---|---|---|---|---|",
  ];
  const tables = [];
  for (const [name, { explained }] of Object.entries(areas)) {
    const { planted, noticed, equivalent, unexplained } = score(resultsOf(name), explained);
    if (planted === 0) continue;
    const share = ((100 * noticed) / (planted - equivalent.length)).toFixed(1);
    lines.push(`| ${name} | ${planted} | ${equivalent.length} | ${noticed} | ${share} % |`);
    if (equivalent.length + unexplained.length === 0) continue;
    tables.push("", `Not noticed in ${name}:`, "", "| fault | why |", "|---|---|");
    for (const { name: fault } of [...equivalent, ...unexplained]) {
      tables.push(`| ${cell(fault)} | ${explained[fault] ?? "no law yet"} |`);
    }
  }
  return `${[...lines, ...tables].join("\n")}\n`;
}

/** The page with its section as it is now. */
export function withSection(page) {
  const start = page.indexOf(`\n${TITLE}`);
  return `${(start < 0 ? page : page.slice(0, start)).trimEnd()}\n\n${mutantsSection()}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = join(root, "docs", "plantedBugs.md");
  writeFileSync(page, withSection(readFileSync(page, "utf8")));
}
