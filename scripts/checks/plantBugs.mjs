/**
 * Shows that the tests can fail: plants each bug of plantedBugs/ in a copy of the repository, runs the test file that
 * holds its law, and demands that the law turns red. Writes what it saw to plantedBugs/results.json and docs/plantedBugs.md.
 *
 *   node scripts/checks/plantBugs.mjs [PART OF A LAW OR FILE] [--except PART] [--seconds N] [--older]
 *
 * plants all bugs, or those with a part in their law, their test file or their source file; --except leaves out those of a source
 * file, --seconds stops after a while, and --older plants those only that were not planted in this revision yet. The working tree
 * itself is never touched but for the results. About four seconds for each bug on an idle machine. Exits with 1 when a bug stays
 * unseen, or can no longer be planted because the source has changed.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { plantedBugs, withBug } from "./plantedBugs/list.mjs";
import { keyOf, readResults, writePage, writeResults } from "./plantedBugs/page.mjs";

const root = resolve(import.meta.dirname, "../..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { except: { type: "string" }, seconds: { type: "string" }, older: { type: "boolean" } },
});
const [wanted = ""] = positionals;
const until = Date.now() + Number(values.seconds ?? Infinity) * 1000;
const revision = spawnSync("git", ["rev-parse", "--short=7", "HEAD"], { cwd: root, encoding: "utf8" }).stdout.trim();
const results = readResults();
const chosen = plantedBugs.filter(
  (bug) =>
    bug.slice(0, 3).some((text) => text.includes(wanted)) &&
    !(values.except !== undefined && bug[2].includes(values.except)) &&
    !(values.older && results.get(keyOf(bug))?.revision === revision),
);

const copy = mkdtempSync(join(tmpdir(), "planted-"));
for (const name of [
  "src",
  "tests",
  "assembly",
  "build",
  "scripts",
  "bench",
  "docs",
  "models",
  "page",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
]) {
  if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true });
}
for (const name of ["node_modules", "dist"]) symlinkSync(join(root, name), join(copy, name));

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

const redAnyway = new Map();
let planted = 0;
let unseen = 0;
try {
  for (const bug of chosen) {
    if (Date.now() > until) break;
    const [law, testFile] = bug;
    if (!redAnyway.has(testFile)) {
      redAnyway.set(testFile, failures(testFile));
      for (const title of redAnyway.get(testFile))
        console.log(`red without any bug, does not count: ${testFile}: ${title}`);
    }
    const undo = plant(bug);
    const red = failures(testFile).filter((title) => !redAnyway.get(testFile).includes(title));
    undo();
    planted++;
    const caught = red.some((title) => title.includes(law));
    if (caught) results.set(keyOf(bug), { red: red.length, revision });
    else {
      results.delete(keyOf(bug));
      unseen++;
    }
    console.log(`${caught ? "red   " : "UNSEEN"} ${testFile}: ${law} (${red.length} tests red)`);
    writeResults(results);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${planted} of ${chosen.length} bugs planted, ${unseen} unseen`);
writePage();
process.exit(unseen === 0 ? 0 : 1);
