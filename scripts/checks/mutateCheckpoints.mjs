// Damages checkpoint files in random ways and reads each: every reading must end in success or in CheckpointError, within
// bounded time and memory. Usage: node scripts/checks/mutateCheckpoints.mjs [count=100000] [seed=1] [folder=tests/fixtures/checkpoints]
// Runs against dist/ (npm run build:ts), or the folder that DIST names. Prints a summary; exit code 1 if any reading broke the rule.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { mutate, readFully } from "./mutations.mjs";

const [countText = "100000", seedText = "1", folder = "tests/fixtures/checkpoints"] = process.argv.slice(2);
const count = Number(countText);
const seed = Number(seedText);
const MAX_SECONDS = 2;
const MAX_HEAP_GROWTH_BYTES = 400 * 2 ** 20;

const built = process.env.DIST ?? join(import.meta.dirname, "../..", "dist");
const dist = (path) => import(pathToFileURL(join(resolve(built), path)).href);
const { readCheckpoint } = await dist("stylegan/checkpoint/read.js");
const { CheckpointError } = await dist("formats/fileError.js");
const { writeNative } = await dist("stylegan/checkpoint/native.js");
const { concatBytes } = await dist("formats/bytes.js");
const { RandomState } = await dist("nn/random.js");

const files = readdirSync(folder)
  .filter((name) => /\.(pkl|pt)$/.test(name))
  .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
if (files.length === 0) throw new Error(`no checkpoints in ${folder}`);
// The native format takes part as well, made from the smallest fixture.
const smallest = files.reduce((a, b) => (a.bytes.length < b.bytes.length ? a : b));
files.push({
  name: "native.safetensors",
  bytes: concatBytes([...writeNative(readCheckpoint(smallest.bytes).networks)]),
});

const random = new RandomState(seed);
const outcomes = { success: 0, refused: 0 };
const violations = [];
const messages = new Map();
let slowest = { seconds: 0 };
let largestHeap = 0;
const began = performance.now();
const memory = () => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const heapBefore = memory();

for (let i = 0; i < count; i++) {
  const file = files[random.randint(0, files.length)];
  const other = files[random.randint(0, files.length)];
  const { bytes, how } = mutate(file.bytes, other.bytes, random);
  const start = performance.now();
  let broken = "";
  try {
    readFully(readCheckpoint(bytes));
    outcomes.success++;
  } catch (error) {
    outcomes.refused++;
    if (error instanceof CheckpointError) {
      const kind = error.message.replace(/[\d.]+|"[^"]*"/g, "#").slice(0, 60);
      messages.set(kind, (messages.get(kind) ?? 0) + 1);
    } else broken = String(error?.stack ?? error);
  }
  const seconds = (performance.now() - start) / 1000;
  const heap = memory() - heapBefore;
  largestHeap = Math.max(largestHeap, heap);
  if (seconds > slowest.seconds) slowest = { seconds, i, name: file.name, how };
  if (seconds > MAX_SECONDS) broken ||= `took ${seconds.toFixed(2)} s`;
  if (heap > MAX_HEAP_GROWTH_BYTES) broken ||= `heap grew by ${(heap / 2 ** 20).toFixed(0)} MiB`;
  if (broken) {
    const kept = join(process.env.TMPDIR ?? "/tmp", `mutation-${seed}-${i}-${file.name}`);
    if (violations.length < 20) writeFileSync(kept, bytes);
    violations.push({ i, name: file.name, how, broken, kept });
    console.error(`VIOLATION ${i} ${file.name} (${how}): ${broken}\n  kept as ${kept}`);
  }
  if ((i + 1) % 5000 === 0) {
    const rate = (i + 1) / ((performance.now() - began) / 1000);
    console.log(`${i + 1} of ${count}, ${rate.toFixed(0)} a second, ${violations.length} violations`);
  }
}

const seconds = (performance.now() - began) / 1000;
console.log(`\n${count} mutations of ${files.length} files, seed ${seed}, ${seconds.toFixed(0)} s`);
console.log(`read in spite of it: ${outcomes.success}; refused: ${outcomes.refused}; violations: ${violations.length}`);
console.log(
  `slowest: ${slowest.seconds.toFixed(3)} s (${slowest.name}, ${slowest.how}); heap at most +${(largestHeap / 2 ** 20).toFixed(0)} MiB`,
);
console.log(`peak resident memory: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
console.log("most frequent refusals:");
for (const [kind, times] of [...messages].sort((a, b) => b[1] - a[1]).slice(0, 15)) console.log(`  ${times}  ${kind}`);
process.exitCode = violations.length > 0 ? 1 : 0;
