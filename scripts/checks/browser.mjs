/**
 * The example page in a real browser: isolated (threads), not isolated (one thread) and bundled, its pixels against those
 * that Node makes; and the weight of all that a page needs to generate, which must stay within 150 KB gzipped.
 *
 *   npm run build && npm install --prefix examples/browser && node scripts/checks/browser.mjs
 *
 * Needs Chromium: Debian's package, or the path in the environment variable CHROMIUM.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { init, loadCheckpoint, scope, seedsToZ, Tensor, toPixels } from "../../dist/index.js";
import { startServer } from "../../examples/browser/serve.mjs";

const LIMIT_BYTES = 150_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "examples/browser");
const { build } = fromExample("esbuild");
const { chromium } = fromExample("playwright-core");

const cases = [
  { file: "sg2ada-r64-fp16-clamp.pkl", seed: 85, psi: 0.7, label: null },
  { file: "sg2ada-r32-cond5.pkl", seed: 6600, psi: 1, label: 3 },
  { file: "sg2ada-r32-gray.pkl", seed: 1, psi: 0.5, label: null },
  { file: "tf-stylegan1-r32.pkl", seed: 0, psi: 0.7, label: null },
  { file: "rosinality-r32-zip.pt", seed: 4294967295, psi: 0.7, label: null },
];
const ways = [
  { name: "isolated", isolated: true, page: "index.html" },
  { name: "not isolated", isolated: false, page: "index.html" },
  { name: "bundled, isolated", isolated: true, page: "out/index.html" },
];

const bundle = await bundlePage();
const failures = [];
await checkPixels();
checkWeight();
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

function fromExample(name) {
  try {
    return createRequire(join(example, "package.json"))(name);
  } catch (cause) {
    throw new Error(`${name} is missing: run npm install --prefix examples/browser`, { cause });
  }
}

/** main.js and all that it imports as out/page.js, and a page that loads it. Its depth fits the addresses inside. */
async function bundlePage() {
  const out = join(example, "out");
  const common = { bundle: true, minify: true, format: "esm", target: "es2022", external: ["node:*"], write: false };
  const alias = { stylegan: join(root, "dist/index.js") };
  const entry = async (options) => (await build({ ...common, ...options })).outputFiles[0].contents;
  const page = await entry({ entryPoints: [join(example, "main.js")], alias });
  const worker = await entry({ entryPoints: [join(root, "dist/nn/kernels/wasm/worker.js")] });
  const html = readFileSync(join(example, "index.html"), "utf8")
    .replace(/<script type="importmap">[\s\S]*?<\/script>/, "")
    .replace('src="main.js"', 'src="page.js"');
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "page.js"), page);
  writeFileSync(join(out, "index.html"), html);
  return { page, worker };
}

/** The same image by Node, as red, green, blue, opaque. */
async function nodePixels({ file, seed, psi, label }) {
  const { gEma } = await loadCheckpoint(checkpoint(file), { networks: ["gEma"] });
  const pixels = scope(() => {
    const oneHot = Array.from({ length: gEma.cDim }, (_, index) => (index === label ? 1 : 0));
    const c = label === null ? null : Tensor.from(oneHot, [1, gEma.cDim]);
    const z = seedsToZ([seed], gEma.zDim);
    return toPixels(gEma.forward(z, c, { truncationPsi: psi, noiseMode: "const" }));
  });
  const { imgChannels } = gEma;
  return Array.from({ length: (4 * pixels.length) / imgChannels }, (_, at) =>
    at % 4 === 3 ? 255 : pixels[(at >> 2) * imgChannels + (imgChannels === 1 ? 0 : at % 4)],
  );
}

function checkpoint(file) {
  return join(root, "tests/fixtures/checkpoints", file);
}

async function checkPixels() {
  await init({ threads: 1 });
  const profile = mkdtempSync(join(tmpdir(), "stylegan-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox --disable-gpu --disable-quic --no-first-run",
      "--disable-background-networking --disable-component-update --disable-sync",
    ].flatMap((flags) => flags.split(" ")),
  });
  try {
    for (const way of ways) await checkWay(context, way);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

async function checkWay(context, { name, isolated, page: path }) {
  const server = await startServer({ isolated });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const told = (pattern) =>
    page.waitForFunction((text) => new RegExp(text).test(document.getElementById("status").value), pattern);
  try {
    await page.goto(new URL(path, server.url).href);
    await told("^Ready");
    const isIsolated = await page.evaluate(() => crossOriginIsolated);
    const threads = page.workers().length + 1;
    if (isIsolated !== isolated) failures.push(`${name}: crossOriginIsolated is ${isIsolated}`);
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    const expected = isolated ? cores : 1;
    if (threads !== expected) failures.push(`${name}: ${threads} threads, expected ${expected}`);
    for (const { file, seed, psi, label } of cases) {
      await page.setInputFiles("#file", checkpoint(file));
      await told(`^${file}: `);
      await page.fill("#seed", String(seed));
      await page.fill("#trunc", String(psi));
      if (label !== null) await page.fill("#label", String(label));
      await page.click("#generate");
      await told("^Seed ");
      const shown = await page.evaluate(() => {
        const canvas = document.getElementById("canvas");
        return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
      });
      report(`${name}, ${threads} thread(s), ${file}`, shown, await nodePixels({ file, seed, psi, label }));
    }
    await page.setInputFiles("#file", join(example, "index.html"));
    await told("^this is not a StyleGAN checkpoint but a web page");
    for (const problem of problems) failures.push(`${name}: ${problem}`);
  } finally {
    await page.close();
    server.close();
  }
}

/** Engines may or may not fuse multiplication and addition: one level here and there. */
function report(what, shown, expected) {
  const distances = expected.map((value, at) => Math.abs(value - shown[at]));
  const largest = Math.max(...distances);
  const same = distances.filter((distance) => distance === 0).length / expected.length;
  console.log(`${what}: largest difference ${largest}, ${(100 * same).toFixed(2)} % the same`);
  if (shown.length !== expected.length || !(largest <= 1) || same < 0.999) failures.push(what);
}

function checkWeight() {
  const wasm = readdirSync(join(root, "build")).filter((name) => name.endsWith(".wasm"));
  const files = [
    ["page.js, all of the package that it uses", bundle.page],
    ["worker.js, for threads", bundle.worker],
    ...wasm.map((name) => [name, readFileSync(join(root, "build", name))]),
  ].map(([name, bytes]) => ({ name, raw: bytes.length, gzipped: gzipSync(bytes, { level: 9 }).length }));
  for (const { name, raw, gzipped } of files) console.log(`${name}: ${raw} bytes, ${gzipped} gzipped`);
  const kernels = Math.max(...files.filter(({ name }) => name.endsWith(".wasm")).map(({ gzipped }) => gzipped));
  const total = files[0].gzipped + files[1].gzipped + kernels;
  console.log(`JavaScript and the larger of the WASM builds: ${total} bytes gzipped, at most ${LIMIT_BYTES}`);
  if (total > LIMIT_BYTES) failures.push("weight");
}
