/**
 * Our images beside those of ONNX Runtime's WebAssembly provider, in the same browser, of the same network and w's:
 *
 *   npm run bench:browser -- [--cases 256:1,256:2,1024:1,1024:2] [--rounds 7] [--browser chrome|firefox] [--json FILE]
 *   npm run bench:browser -- --old CHECKOUT     beside another checkout of this library, which is built
 *
 * A case is RESOLUTION:THREADS of config F with random weights (256: half the feature maps). ONNX Runtime runs what
 * `stylegan export` writes. Each peer has a worker of a page that is cross-origin isolated; images are compared before anything is timed, then
 * the two take turns. A ratio is the median over the rounds of the ratio within a round.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { startPageServer } from "../dist/cli/pageServer.js";
import { RandomState } from "../dist/index.js";
import { launch } from "../page/test/browsers.mjs";
import { describeMachine, printMachine } from "./lib/machine.mjs";
import { networkFiles } from "./lib/networkFiles.mjs";
import { median, printTable, short } from "./lib/table.mjs";

/** Of the largest value of an image. */
const TOLERANCE = 1e-4;
const WARMUP = 2;
const PAUSE_MS = 50;

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "256:1,256:2,1024:1,1024:2" },
    rounds: { type: "string", default: "7" },
    browser: { type: "string", default: "chrome" },
    old: { type: "string" },
    json: { type: "string" },
  },
});
const peerNames = ["stylegan", values.old === undefined ? "onnxruntime-web" : "before"];
const cases = values.cases.split(",").map((text) => {
  const [resolution, threads] = text.split(":").map(Number);
  if (!(Number.isInteger(Math.log2(resolution)) && Number.isInteger(threads) && threads > 0)) {
    throw new Error(`--cases: expected RESOLUTION:THREADS such as 256:1, got ${text}`);
  }
  return { resolution, threads };
});

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "stylegan-browser-"));

/** The page with both peers, and the files it asks for. */
async function serve() {
  await build({
    root: here("browser"),
    base: "./",
    configFile: false,
    logLevel: "warn",
    worker: { format: "es" },
    resolve: { alias: { before: resolve(values.old ?? here(".."), "dist") } },
    build: { target: "es2022", outDir: folder, emptyOutDir: true, assetsInlineLimit: 0 },
  });
  const extra = new Map();
  const runtime = here("../node_modules/onnxruntime-web/dist");
  for (const file of readdirSync(runtime)) {
    if (/^ort-wasm.*\.(wasm|mjs)$/.test(file)) extra.set(`/runtime/${file}`, join(runtime, file));
  }
  const configs = new Map();
  for (const resolution of new Set(cases.map((one) => one.resolution))) {
    const { native, onnx, config } = await networkFiles(resolution, { onnx: true });
    extra.set(`/networks/${resolution}.safetensors`, native);
    extra.set(`/networks/${resolution}.onnx`, onnx);
    configs.set(resolution, config);
  }
  return { server: await startPageServer({ folder, extra }), configs };
}

const inPage = (page, name, ...args) => page.evaluate((call, given) => globalThis.peers[call](...given), name, args);

async function measure(browser, server, config, { resolution, threads }) {
  const shape = [1, config.mapping.numWs, config.wDim];
  const random = new RandomState(1);
  const task = {
    native: `${server.url}networks/${resolution}.safetensors`,
    onnx: `${server.url}networks/${resolution}.onnx`,
    runtime: `${server.url}runtime/`,
    ...{ threads, shape, ws: Array.from({ length: shape[1] * shape[2] }, () => random.normal()) },
  };
  const page = await browser.newPage();
  await page.goto(server.url);
  if (!(await page.evaluate(() => globalThis.crossOriginIsolated))) throw new Error("the page is not isolated");
  const loaded = [];
  for (const name of peerNames) loaded.push(await inPage(page, "load", name, task));
  const differences = await inPage(page, "compare", peerNames);
  for (const [k, difference] of differences.entries()) {
    if (!(difference <= TOLERANCE))
      throw new Error(`${peerNames[k]} shows another image: ${difference} of the largest`);
  }
  const times = peerNames.map(() => []);
  for (let round = -WARMUP; round < Number(values.rounds); round++) {
    for (const [k, name] of peerNames.entries()) {
      const { ms } = await inPage(page, "run", name);
      if (round >= 0) times[k].push(ms);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  await inPage(page, "stop");
  await page.close();
  return peerNames.map((peer, k) => ({
    ...{ peer, detail: loaded[k].detail, startMs: loaded[k].ms, ms: times[k], medianMs: median(times[k]) },
    timesSlower: median(times[k].map((ms, round) => ms / times[0][round])),
    difference: differences[k],
  }));
}

const machine = describeMachine();
printMachine(machine);
const { server, configs } = await serve();
const browser = await launch(values.browser);
const results = [];
try {
  const version = await browser.version();
  console.log(version);
  for (const one of cases) {
    const peers = await measure(browser, server, configs.get(one.resolution), one);
    results.push({ ...one, peers });
    printTable(
      `${one.resolution}x${one.resolution}, ${one.threads} thread(s)`,
      ["in the browser", "ms", "times ours", "load and first image, ms", "difference", "what"],
      peers.map(({ peer, medianMs, timesSlower, startMs, difference, detail }) => [
        ...[peer, short(medianMs), short(timesSlower), short(startMs), difference.toExponential(0), detail],
      ]),
    );
  }
  if (values.json !== undefined) {
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify({ machine, browser: version, cases: results }, null, 2)}\n`);
  }
} finally {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
