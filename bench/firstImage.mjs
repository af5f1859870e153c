/**
 * What a first image takes beside a steady one: a process for each start, of which one after the other is measured.
 *
 *   node bench/firstImage.mjs [--old TREE] [--network FILE] [--threads 1,2] [--starts 5] [--node PATH] [--plain] [--detail] [--json PATH]
 *
 * Default network: config F at 1024 pixels with random weights. Medians of the starts, in ms:
 *
 *   import, engine   the library's modules; init()
 *   load             loadCheckpoint: reading, checking, building
 *   first, steady    an image of one z with stored noise, as numbers in JavaScript; the median of the third to the fifth
 *   over             load + first - steady: what a first image takes more, with reading the file
 *   pages            pages of memory that the system handed out in load and first, in thousands (Linux)
 *
 * With --detail the first image is taken apart (which disturbs two threads): preparing weights, other kernels beyond their
 * steady time (compiling, pages), and JavaScript beyond its own. --old measures another built checkout in turns, --plain without 256-bit
 * vectors. The file is read from the system's cache: it has been read before.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const text = { type: "string" };
const flag = { type: "boolean" };
const { values } = parseArgs({
  options: {
    ...{ old: text, network: text, threads: text, starts: text, node: text, json: text },
    ...{ plain: flag, detail: flag, of: text },
  },
});

if (values.of !== undefined) await start(values.of);
else await compare();

async function compare() {
  const trees = [...(values.old === undefined ? [] : [resolve(values.old)]), HERE];
  for (const tree of trees) {
    if (existsSync(join(tree, "dist", "index.js"))) continue;
    throw new Error(`${tree}: expected a checkout that is built, got none; run npm run build there`);
  }
  // Not loaded by those who measure how long that takes.
  const { describeMachine, printMachine } = await import("./lib/machine.mjs");
  const { networkFiles } = await import("./lib/networkFiles.mjs");
  const machine = describeMachine();
  printMachine(machine);
  const network = values.network ?? (await networkFiles(1024)).native;
  readFileSync(network);
  const rows = [];
  for (const threads of (values.threads ?? "1,2").split(",")) {
    const starts = trees.map(() => []);
    for (let k = 0; k < Number(values.starts ?? 5); k++) {
      const turns = trees.map((tree, index) => () => starts[index].push(startOf(tree, network, threads)));
      for (const turn of k % 2 === 0 ? turns : turns.reverse()) turn();
    }
    for (const [index, tree] of trees.entries()) {
      const figures = mediansOf(starts[index]);
      rows.push({ tree: tree === HERE ? "this" : tree, threads: Number(threads), figures });
      console.log(`\n${tree === HERE ? "this checkout" : tree}, ${threads} thread(s)`);
      for (const [name, value] of Object.entries(figures)) console.log(`  ${name.padEnd(22)} ${value.toFixed(1)}`);
    }
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, network, rows }, null, 2)}\n`);
}

function startOf(tree, network, threads) {
  const options = ["plain", "detail"].filter((name) => values[name]).map((name) => `--${name}`);
  const given = ["--of", tree, "--network", network, "--threads", threads, ...options];
  const node = values.node ?? process.execPath;
  return JSON.parse(execFileSync(node, [fileURLToPath(import.meta.url), ...given], { encoding: "utf8" }));
}

function mediansOf(starts) {
  return Object.fromEntries(Object.keys(starts[0]).map((name) => [name, median(starts.map((start) => start[name]))]));
}

/** In a process of its own. */
async function start(tree) {
  const part = (path) => import(pathToFileURL(join(tree, "dist", path)).href);
  const begin = performance.now();
  const library = await part("index.js");
  const imported = performance.now();
  await library.init({ threads: Number(values.threads), wide: !values.plain });
  const kernels = values.detail ? kernelTimes((await part("nn/kernels/wasm/engine.js")).Engine) : null;
  const ready = performance.now();
  const pagesBefore = pages();
  const { gEma } = await library.loadCheckpoint(values.network, { networks: ["gEma"] });
  const loaded = performance.now();
  const z = library.seedsToZ([1], gEma.config.zDim);
  const image = () => {
    kernels?.begin();
    const before = performance.now();
    library.scope(() => library.noGrad(() => gEma.forward(z, null, { noiseMode: "const" }).toArray()));
    return { ms: performance.now() - before, ...kernels?.end() };
  };
  const images = [image()];
  const thousandPages = (pages() - pagesBefore) / 1000;
  while (images.length < 5) images.push(image());
  const [first] = images;
  const steady = (of) => median(images.slice(2).map(of));
  const figures = {
    import: imported - begin,
    engine: ready - imported,
    load: loaded - ready,
    first: first.ms,
    steady: steady(({ ms }) => ms),
    over: loaded - ready + first.ms - steady(({ ms }) => ms),
    pages: thousandPages,
    ...(values.detail && {
      "first: preparing": first.preparing,
      "first: other kernels": first.kernels - steady((one) => one.kernels),
      "first: JavaScript": first.ms - first.preparing - first.kernels - steady((one) => one.ms - one.kernels),
    }),
  };
  console.log(JSON.stringify(figures));
  process.exit(0);
}

/** Pages that the system has handed out to this process; 0 where it does not tell. */
function pages() {
  try {
    const line = readFileSync("/proc/self/stat", "utf8");
    return Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[7]);
  } catch {
    return 0;
  }
}

/** Adds up what kernels take, those that prepare weights apart; each is waited for. */
function kernelTimes(Engine) {
  const PREPARING = ["prepareWeights", "sumOfSquares"];
  const run = Engine.prototype.run;
  let times = null;
  Engine.prototype.run = function (name, ...rest) {
    const before = performance.now();
    run.call(this, name, ...rest);
    this.memory.settle();
    if (times !== null) times[PREPARING.includes(name) ? "preparing" : "kernels"] += performance.now() - before;
  };
  return {
    begin: () => {
      times = { preparing: 0, kernels: 0 };
    },
    end: () => times,
  };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}
