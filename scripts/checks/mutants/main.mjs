/**
 * Are the tests able to notice? Plants random small faults (faults.mjs) in a copy of the repository, one at a time, and runs the
 * tests that could notice (areas.mjs) until one does.
 *
 *   npm run mutants -- AREA [--count N] [--seconds N] [--first N] [--again | --unnoticed]
 *
 * What was found stays in results/AREA.json after every fault, so that a run may be stopped and goes on where it was; --seconds
 * stops it by itself, --again forgets what is there. --first asks only the first tests of a file, the quickest, and --unnoticed
 * plants those once more that nobody noticed: both one after the other are the quick way. docs/plantedBugs.md has the score:
 * `node scripts/checks/plantedBugs/page.mjs` writes it anew. The working tree itself is never touched. Exits with 1 while more than
 * one fault in twenty is unnoticed and unexplained.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { areas } from "./areas.mjs";
import { faultsOf, nameOf, shuffled, withFault } from "./faults.mjs";
import { score } from "./page.mjs";

const root = resolve(import.meta.dirname, "../../..");
const [text, flag] = [{ type: "string" }, { type: "boolean" }];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: text, seconds: text, first: text, again: flag, unnoticed: flag },
});
const [name] = positionals;
const area = areas[name];
if (area === undefined) {
  console.error(`npm run mutants -- AREA: one of ${Object.keys(areas).join(", ")}; got ${name ?? "nothing"}`);
  process.exit(2);
}
const wanted = Number(values.count ?? area.count);
const until = Date.now() + Number(values.seconds ?? Infinity) * 1000;
const file = join(import.meta.dirname, "results", `${name}.json`);
let done = existsSync(file) && !values.again ? JSON.parse(readFileSync(file, "utf8")) : [];

const copy = mkdtempSync(join(tmpdir(), "mutants-"));
const needed = [
  "src",
  "tests",
  "assembly",
  "build",
  "scripts",
  "models",
  "asconfig.json",
  "package.json",
  "tsconfig.json",
];
for (const entry of [...needed, "vitest.config.ts"]) {
  if (existsSync(join(root, entry))) cpSync(join(root, entry), join(copy, entry), { recursive: true });
}
for (const entry of ["node_modules", "dist"]) symlinkSync(join(root, entry), join(copy, entry));

/** CPU seconds after which a command is ended: a fault may loop for ever inside a kernel, where no timer of the tests runs. */
const { mostSeconds = 150 } = area;

function run(command) {
  return spawnSync("bash", ["-c", `ulimit -t ${mostSeconds}; exec "$@"`, "run", ...command], {
    cwd: copy,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
}

/** The title of the first test that fails; null where all pass. */
function firstFailure([testFile, titles]) {
  const vitest = [process.execPath, join("node_modules", "vitest", "vitest.mjs"), "run", testFile, "--reporter=json"];
  const { stdout, status } = run([...vitest, "--bail=1", ...(titles === undefined ? [] : ["-t", titles])]);
  if (!stdout.includes("{")) return `${testFile} ran for ever`;
  const report = JSON.parse(stdout.slice(stdout.indexOf("{")));
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const red = tests.find(({ status }) => status === "failed");
  if (red !== undefined) return `${testFile}: ${red.fullName.trim()}`;
  // A worker that was ended leaves its tests pending, and a report of success.
  return report.success && status === 0 ? null : `${testFile} did not run to its end`;
}

function sources(entry) {
  const path = join(root, entry);
  if (!statSync(path).isDirectory()) return [entry];
  return readdirSync(path).flatMap((child) => sources(`${entry}/${child}`));
}

const texts = new Map(
  area.sources
    .flatMap(sources)
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => [path, readFileSync(join(root, path), "utf8")]),
);
let faults = shuffled(
  [...texts].flatMap(([path, text]) => faultsOf(path, text)),
  area.seed,
);
const lineOf = (fault) => texts.get(fault.path).split("\n")[fault.line - 1];
if (values.unnoticed) {
  const isOpen = ({ result, name }) => result === "unnoticed" && area.explained[name] === undefined;
  const names = new Set(done.filter(isOpen).map((entry) => entry.name));
  done = done.filter((entry) => !isOpen(entry));
  faults = faults.filter((fault) => names.delete(nameOf(fault, lineOf(fault))));
}
const known = new Set(done.map((entry) => `${entry.name} ${entry.line}`));

try {
  for (const fault of faults) {
    const enough = done.filter(({ result }) => result !== "does not compile").length >= wanted;
    if ((enough && !values.unnoticed) || Date.now() > until) break;
    const entry = { name: nameOf(fault, lineOf(fault)), path: fault.path, line: fault.line, kind: fault.kind };
    if (known.has(`${entry.name} ${entry.line}`)) continue;
    writeFileSync(join(copy, fault.path), withFault(texts.get(fault.path), fault));
    const compiles = area.build === undefined || run(area.build).status === 0;
    let by = null;
    for (const test of compiles ? area.tests(fault.path).slice(0, Number(values.first ?? Infinity)) : []) {
      by = firstFailure(test);
      if (by !== null) break;
    }
    writeFileSync(join(copy, fault.path), texts.get(fault.path));
    const result = !compiles ? "does not compile" : by === null ? "unnoticed" : "noticed";
    done.push({ ...entry, result, by });
    writeFileSync(file, `${JSON.stringify(done, null, 1)}\n`);
    console.log(`${result.padEnd(16)} ${entry.name}${by === null ? "" : `\n                 by ${by}`}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
const { planted, noticed, unexplained } = score(done, area.explained);
console.log(`${name}: ${planted} faults, ${noticed} noticed, ${unexplained.length} neither noticed nor explained`);
process.exit(unexplained.length <= 0.05 * planted ? 0 : 1);
