/**
 * Is one checkout as fast as another? Both must be built (npm run build). Every setting is measured in turns, old and new, each
 * time in a process of its own, so that whatever else the machine does meets both.
 *
 *   node bench/compare.mjs OLD NEW [--rounds 5] [--node PATH] [--only images-256,training-32] [--threads 1,2]
 *
 * images-R: w's to pixels of config F at R pixels; training-R: a step of batch 16 as `node bench/training.mjs` has it (each
 * checkout its own). The ratio is old / new of the medians, by the clock and by the time of all processors, which other programs
 * disturb less; what is above 1 is faster than it was. Exits with 1 where a ratio by the clock is under 0.97.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const LEAST = 0.97;
const text = { type: "string" };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ rounds: text, node: text, only: text, threads: text },
    ...{ images: text, of: text },
  },
});

if (values.images !== undefined) await timeImages(values.of, values.images, Number(values.threads));
else if (positionals.length === 2) await compare(...positionals.map((path) => resolve(path)));
else {
  console.error("usage: node bench/compare.mjs OLD NEW [--rounds N] [--node PATH] [--only LIST] [--threads 1,2]");
  process.exitCode = 2;
}

async function compare(old, now) {
  for (const checkout of [old, now]) {
    if (existsSync(join(checkout, "dist", "index.js"))) continue;
    throw new Error(`${checkout}: expected a checkout that is built, got none; run npm run build there`);
  }
  const scratch = mkdtempSync(join(tmpdir(), "compare-"));
  const node = values.node ?? process.execPath;
  const rounds = Number(values.rounds ?? 5);
  const jobs = (values.only ?? "images-256,images-1024,training-32,training-64").split(",");
  const threads = (values.threads ?? "1,2").split(",").map(Number);
  const rows = [];
  try {
    for (const job of jobs) {
      const [kind, size] = job.split("-");
      const measure = kind === "images" ? await imagesOf(old, size, node) : trainingOf(size, node, scratch);
      for (const count of threads) {
        const times = { old: [], now: [] };
        for (let round = 0; round < rounds; round++) {
          // Who comes first changes from round to round.
          const turns = [() => times.old.push(measure(old, count)), () => times.now.push(measure(now, count))];
          for (const turn of round % 2 === 0 ? turns : turns.reverse()) turn();
        }
        const ratio = (of) => median(times.old.map(of)) / median(times.now.map(of));
        const [clock, processor] = [ratio((time) => time.clockMs), ratio((time) => time.processorMs)];
        rows.push({ job, threads: count, oldMs: median(times.old.map(({ clockMs }) => clockMs)), clock, processor });
        const { oldMs } = rows.at(-1);
        console.log(
          `${job.padEnd(12)} ${count} thread(s)  old ${oldMs.toFixed(2)} ms  old / new: clock ${clock.toFixed(3)}, processor ${processor.toFixed(3)}`,
        );
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const slower = rows.filter(({ clock }) => clock < LEAST);
  console.log(slower.length === 0 ? `nothing is slower than ${LEAST}` : `${slower.length} under ${LEAST} by the clock`);
  process.exitCode = slower.length === 0 ? 0 : 1;
}

/** One network for both: OLD writes it, so that both can read it. */
async function imagesOf(old, size, node) {
  const { networkFiles } = await import(pathToFileURL(join(old, "bench", "lib", "networkFiles.mjs")).href);
  const { native } = await networkFiles(Number(size));
  return (checkout, threads) => {
    const given = ["--images", native, "--of", checkout, "--threads", String(threads)];
    return JSON.parse(execFileSync(node, [fileURLToPath(import.meta.url), ...given], { encoding: "utf8" }));
  };
}

function trainingOf(size, node, scratch) {
  return (checkout, threads) => {
    const report = join(scratch, "training.json");
    const run = (clock) => {
      const given = ["--size", size, "--threads", String(threads), "--steps", "9", "--json", report, ...clock];
      execFileSync(node, [join(checkout, "bench", "training.mjs"), ...given], { cwd: checkout, stdio: "ignore" });
      return JSON.parse(readFileSync(report, "utf8")).stepMs;
    };
    return { clockMs: run(["--clock"]), processorMs: run([]) };
  };
}

/** In a process of its own: the typical time of an image, by the clock and of all processors. */
async function timeImages(checkout, file, threads) {
  const library = await import(pathToFileURL(join(checkout, "dist", "index.js")).href);
  await library.init({ threads });
  const { gEma } = await library.loadCheckpoint(file, { networks: ["gEma"] });
  const image = () =>
    library.noGrad(() =>
      library.scope(() => {
        const z = library.Tensor.from(new library.RandomState(0).randn(gEma.zDim), [1, gEma.zDim]);
        gEma.forward(z, null, { noiseMode: "const" });
      }),
    );
  for (let k = 0; k < 3; k++) image();
  const clock = [];
  const processor = [];
  const until = performance.now() + 4000;
  while (performance.now() < until || clock.length < 5) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    image();
    const { user, system } = process.cpuUsage(cpu);
    clock.push(performance.now() - start);
    processor.push((user + system) / 1000);
  }
  console.log(JSON.stringify({ clockMs: median(clock), processorMs: median(processor) }));
  process.exit(0);
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
