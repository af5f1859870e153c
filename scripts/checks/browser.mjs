/**
 * The example page in a real browser: isolated (threads), not isolated (one thread) and bundled, its pixels against those
 * that Node makes; and the weight of all that a page needs to generate, which must stay within 90 KB gzipped.
 *
 *   npm run build && npm install --prefix examples/browser && node scripts/checks/browser.mjs
 *
 * Needs Chromium: Debian's package, or the path in the environment variable CHROMIUM.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { init, loadCheckpoint, scope, seedsToZ, Tensor, toPixels } from "../../dist/index.js";
import { startServer } from "../../examples/browser/serve.mjs";

const LIMIT_BYTES = 90_000;
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
  { name: "bundled, not isolated", isolated: false, page: "out/index.html" },
];

await bundlePage();
const failures = [];
await checkPixels();
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

function fromExample(name) {
  try {
    return createRequire(join(example, "package.json"))(name);
  } catch (cause) {
    throw new Error(`${name} is missing: run npm install --prefix examples/browser`, { cause });
  }
}

/** main.js and all that it imports in out/, without a word of configuration, and a page that loads it. */
async function bundlePage() {
  const out = join(example, "out");
  const alias = { stylegan: join(root, "dist/index.js") };
  const common = { bundle: true, minify: true, splitting: true, format: "esm", outdir: out };
  await build({ ...common, entryPoints: { page: join(example, "main.js") }, alias });
  const html = readFileSync(join(example, "index.html"), "utf8")
    .replace(/<script type="importmap">[\s\S]*?<\/script>/, "")
    .replace('src="main.js"', 'src="page.js"');
  writeFileSync(join(out, "index.html"), html);
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
  const bodies = new Map();
  page.on("response", async (response) =>
    bodies.set(response.url(), await response.body().catch(() => new Uint8Array())),
  );
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const told = (pattern) =>
    page.waitForFunction((text) => new RegExp(text).test(document.getElementById("status").value), pattern);
  try {
    await page.goto(new URL(path, server.url).href);
    await told("^Ready");
    if (path.startsWith("out/")) checkWeight({ name }, bodies);
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

/** What a page has loaded when it can generate, gzipped as servers send it. */
function checkWeight({ name }, bodies) {
  const files = [...bodies].map(([address, body]) => ({
    name: new URL(address).pathname.split("/").at(-1),
    raw: body.length,
    gzipped: gzipSync(body, { level: 9 }).length,
  }));
  for (const file of files) console.log(`${name}: ${file.name}: ${file.raw} bytes, ${file.gzipped} gzipped`);
  const total = files.reduce((sum, { gzipped }) => sum + gzipped, 0);
  console.log(`${name}: all that the page loads: ${total} bytes gzipped, at most ${LIMIT_BYTES}`);
  if (total > LIMIT_BYTES) failures.push(`${name}: ${total} bytes`);
}
