/**
 * docs/plantedBugs.md, from the list of bugs and from what was seen when each was planted last (results.json):
 *
 *   node scripts/checks/plantedBugs/page.mjs
 *
 * writes it anew without planting anything. tests/docs/plantedBugs.test.ts compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { mutantsSection } from "../mutants/page.mjs";
import { plantedBugs } from "./list.mjs";

const root = resolve(import.meta.dirname, "../../..");
const resultsFile = join(import.meta.dirname, "results.json");

/** What a bug is known by in results.json: if its law, its file or what is planted changes, it has to be planted anew. */
export const keyOf = ([law, testFile, file, find, replace]) => [law, testFile, file, find, replace].join("\n");

/** By bug: how many tests of the file were red, and the revision it was planted in. */
export function readResults() {
  return new Map(
    JSON.parse(readFileSync(resultsFile, "utf8")).map(({ bug, red, revision }) => [keyOf(bug), { red, revision }]),
  );
}

/** Keeps what was seen, in the order of the list; what is no longer in the list is dropped. */
export function writeResults(results) {
  const rows = plantedBugs.flatMap((bug) => {
    const result = results.get(keyOf(bug));
    return result === undefined ? [] : [`{ "bug": ${JSON.stringify(bug.slice(0, 5))}, ${fields(result)} }`];
  });
  writeFileSync(resultsFile, `[\n${rows.map((row) => ` ${row}`).join(",\n")}\n]\n`);
}

const fields = ({ red, revision }) => `"red": ${red}, "revision": ${JSON.stringify(revision)}`;

export function plantedBugsPage() {
  const results = readResults();
  const cell = (text) => `\`${text.replace(/\s+/g, " ").trim().replaceAll("|", "\\|")}\``;
  const lines = [
    "# Planted bugs",
    "",
    "A test that cannot fail proves nothing. Each of these bugs was planted alone in a copy of the repository, and the law",
    "beside it turned red. `node scripts/checks/plantBugs.mjs` plants them again and writes this page;",
    "`scripts/checks/plantedBugs/` has the list.",
    "",
    `${plantedBugs.length} bugs. "Red" counts all tests of the file that failed; "at" is the revision in which it was planted last ("earlier": before that was kept).`,
  ];
  for (const testFile of new Set(plantedBugs.map(([, testFile]) => testFile))) {
    lines.push(
      "",
      `## ${testFile}`,
      "",
      "| law | file | instead of | planted | red | at |",
      "|---|---|---|---|---|---|",
    );
    for (const bug of plantedBugs.filter((bug) => bug[1] === testFile)) {
      const [law, , file, find, replace] = bug;
      const { red = "not yet", revision = "" } = results.get(keyOf(bug)) ?? {};
      const before = find === null ? "(no file)" : cell(find);
      const after = replace.trim() === "" ? "(nothing)" : cell(replace);
      lines.push(`| ${cell(law)} | ${file} | ${before} | ${after} | ${red} | ${revision} |`);
    }
  }
  return `${lines.join("\n")}\n\n${mutantsSection()}`;
}

export function writePage() {
  writeFileSync(join(root, "docs", "plantedBugs.md"), plantedBugsPage());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writePage();
