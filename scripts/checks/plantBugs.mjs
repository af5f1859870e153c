/**
 * Shows that the tests can fail: plants each bug of plantedBugs/ in a copy of the repository, runs the test file that
 * holds its law, and demands that the law turns red. Writes the list to docs/plantedBugs.md.
 *
 *   node scripts/checks/plantBugs.mjs [PART OF A LAW OR FILE]     some bugs only; then the list is not written
 *
 * The working tree itself is never touched. About four seconds for each bug on an idle machine. Exits with 1 when a bug
 * stays unseen, or can no longer be planted because the source has changed.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { withSection } from "./mutants/page.mjs";
import { plantedBugs, withBug } from "./plantedBugs/list.mjs";

const root = resolve(import.meta.dirname, "../..");
const [wanted = ""] = process.argv.slice(2);
const chosen = plantedBugs.filter((bug) => bug.slice(0, 3).some((text) => text.includes(wanted)));

const copy = mkdtempSync(join(tmpdir(), "planted-"));
for (const name of [
  "src",
  "tests",
  "assembly",
  "build",
  "scripts",
  "bench",
  "page",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
]) {
  if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true });
}
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));

/** Plants one bug; returns what undoes it. Throws where the source is not as expected. */
function plant(bug) {
  const [, , file, find, replace] = bug;
  const path = join(copy, file);
  if (find === null) {
    writeFileSync(path, replace);
    return () => rmSync(path);
  }
  const original = readFileSync(path, "utf8");
  writeFileSync(path, withBug(bug, original));
  return () => writeFileSync(path, original);
}

/** Titles of the tests of a file that fail. A file that cannot even be loaded counts as a failure of its name. */
function failures(testFile) {
  const command = [join("node_modules", "vitest", "vitest.mjs"), "run", testFile, "--reporter=json"];
  const { stdout } = spawnSync(process.execPath, command, { cwd: copy, encoding: "utf8", maxBuffer: 2 ** 28 });
  const report = JSON.parse(stdout.slice(stdout.indexOf("{")));
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  if (tests.length === 0) throw new Error(`${testFile} did not run: ${report.testResults[0]?.message}`);
  return tests.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
}

const rows = [];
const redAnyway = new Map();
let unseen = 0;
try {
  for (const testFile of new Set(chosen.map(([, file]) => file))) {
    redAnyway.set(testFile, failures(testFile));
    for (const title of redAnyway.get(testFile))
      console.log(`red without any bug, does not count: ${testFile}: ${title}`);
  }
  for (const bug of chosen) {
    const [law, testFile, file, find, replace] = bug;
    const undo = plant(bug);
    const red = failures(testFile).filter((title) => !redAnyway.get(testFile).includes(title));
    undo();
    const caught = red.find((title) => title.includes(law));
    if (caught === undefined) unseen++;
    console.log(`${caught === undefined ? "UNSEEN" : "red   "} ${testFile}: ${law} (${red.length} tests red)`);
    rows.push({ law, testFile, file, find, replace, red: red.length, caught });
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${rows.length} bugs planted, ${unseen} unseen`);
if (wanted === "" && unseen === 0) writeFileSync(join(root, "docs", "plantedBugs.md"), withSection(page()));
process.exit(unseen === 0 ? 0 : 1);

function page() {
  const cell = (text) => `\`${text.replace(/\s+/g, " ").trim().replaceAll("|", "\\|")}\``;
  const lines = [
    "# Planted bugs",
    "",
    "A test that cannot fail proves nothing. Each of these bugs was planted alone in a copy of the repository, and the law",
    "beside it turned red. `node scripts/checks/plantBugs.mjs` plants them again and writes this page;",
    "`scripts/checks/plantedBugs/` has the list.",
    "",
    `${rows.length} bugs. "Red" counts all tests of the file that failed.`,
  ];
  for (const testFile of new Set(rows.map((row) => row.testFile))) {
    lines.push("", `## ${testFile}`, "", "| law | file | instead of | planted | red |", "|---|---|---|---|---|");
    for (const { law, file, find, replace, red } of rows.filter((row) => row.testFile === testFile)) {
      lines.push(
        `| ${cell(law)} | ${file} | ${find === null ? "(no file)" : cell(find)} | ${cell(replace) === "``" ? "(nothing)" : cell(replace)} | ${red} |`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}
