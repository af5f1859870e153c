/** The score of the random faults, as it stands at the end of docs/plantedBugs.md, which ../plantedBugs/page.mjs writes. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { areas } from "./areas.mjs";

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
    "## Random faults",
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
