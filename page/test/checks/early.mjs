/** A face dragged onto another, early images of large networks, and a file of 364 MB. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { init, loadCheckpoint, noGrad, saveCheckpoint, scope, seedsToZ, toPixels } from "../../../dist/index.js";
import { createNetworks, networkGeometry } from "../../../dist/stylegan/geometry.js";
import { networkPreset } from "../../../dist/stylegan/training/presets.js";
import { assert, byId, chooseFile, open, pixels, serve, set, settled, sleep } from "../support.mjs";

/** A checkpoint as the official tools write it: an averaged generator, a generator and a discriminator of 1024x1024. */
const LARGE_BYTES = 350e6;
/** What the page may take besides the file, once: kernels, prepared weights, feature maps, the engine. */
const BESIDE_BYTES = 600e6;

const kinds = [
  { name: "skip", early: [32, 64], badge: "so far" },
  { name: "stylegan1", early: [32, 64], badge: "so far" },
  { name: "resnet", early: [64], badge: "guessed" },
  { name: "orig", early: [64], badge: "guessed" },
];

/** A network of 256x256 with random weights, in a file. */
async function writeNetwork(folder, kind) {
  const size = { resolution: 256, zDim: 32, wDim: 32, mappingLayers: 2, channelBase: 8192, channelMax: 64 };
  const config =
    kind === "stylegan1"
      ? networkPreset("stylegan1", { ...size, batch: 4 })
      : networkGeometry({ ...size, generatorArchitecture: kind });
  const { generator } = createNetworks(config, 1);
  if (kind === "stylegan1") generator.synthesis.lod.update(({ data }) => data.fill(0));
  const path = join(folder, `${kind}.safetensors`);
  await saveCheckpoint(path, { gEma: generator });
  return path;
}

async function nodePixels(path, seed) {
  const { gEma } = await loadCheckpoint(path, { networks: ["gEma"] });
  return scope(() =>
    toPixels(noGrad(() => gEma.forward(seedsToZ([seed], gEma.zDim), null, { truncationPsi: 0.7, noiseMode: "const" }))),
  );
}

/** From now on remembers what the image was on its way. */
function watchImage(page) {
  return page.evaluate((selector) => {
    const canvas = document.querySelector(selector);
    globalThis.seenImages = [];
    new MutationObserver(() => {
      const badge = document.querySelector(".badge")?.textContent ?? "";
      globalThis.seenImages.push({ width: canvas.width, badge });
    }).observe(canvas, { attributes: true, attributeFilter: ["width"] });
  }, byId("image"));
}

/** Resident bytes of all processes of a browser that draw pages, now; null where /proc is missing. */
function residentBytes(browser) {
  const root = browser.process()?.pid;
  const parents = new Map();
  try {
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))[1]));
      } catch {
        // gone meanwhile
      }
    }
  } catch {
    return null;
  }
  const isOurs = (pid) => pid === root || (parents.has(pid) && parents.get(pid) > 1 && isOurs(parents.get(pid)));
  let total = 0;
  for (const pid of parents.keys()) {
    if (!isOurs(pid)) continue;
    try {
      total += 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    } catch {
      // gone meanwhile
    }
  }
  return total;
}

/** G_ema, G and D of 1024x1024, as they are taken through a training: some 380 MB, written by a process of its own. */
function writeLarge(path) {
  const from = (file) => new URL(`../../../dist/${file}`, import.meta.url);
  const script = `
    import { init, saveCheckpoint } from "${from("index.js")}";
    import { Discriminator } from "${from("stylegan/discriminator.js")}";
    import { Generator } from "${from("stylegan/generator.js")}";
    import { networkGeometry } from "${from("stylegan/geometry.js")}";
    await init({ threads: 1 });
    const { generator, discriminator } = networkGeometry({ resolution: 1024 });
    const contents = (name, shape, data) => data.fill(0.01); // what the weights are does not matter
    const gEma = new Generator(generator, contents);
    await saveCheckpoint(process.argv[1], { gEma, g: gEma, d: new Discriminator(discriminator, contents) });`;
  execFileSync(process.execPath, ["--input-type=module", "-e", script, path], { stdio: "pipe" });
}

export async function checkEarly({ browser, check }) {
  const server = await serve();
  const folder = mkdtempSync(join(tmpdir(), "stylegan-early-"));
  await init({ threads: 1 });
  try {
    await check("a face dragged onto the image mixes its styles in, and the link says so", async () => {
      const { page, problems } = await open(browser, server, "#explore?seed=1");
      await page.waitForFunction(() => document.querySelectorAll(".tray .thumb canvas").length === 8);
      const before = (await pixels(page)).data.join();
      await page.evaluate((selector) => {
        const transfer = new DataTransfer();
        const drag = (type, target) =>
          target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
        const image = document.querySelector(selector);
        drag("dragstart", document.querySelectorAll(".tray .thumb")[6]);
        drag("dragover", image);
        drag("drop", image);
      }, byId("image"));
      await settled(page);
      await sleep(300);
      const hash = await page.evaluate(() => location.hash);
      assert(/mix=[\d:,]*:6/.test(decodeURIComponent(hash)), `the link is ${hash}`);
      const after = (await pixels(page)).data.join();
      assert(after !== before, "the image is the same as before");
      const { page: other } = await open(browser, server, hash);
      assert((await pixels(other)).data.join() === after, "the link shows another image");
      assert(problems.length === 0, problems.join("; "));
      await Promise.all([page.close(), other.close()]);
    });

    for (const { name, early, badge } of kinds) {
      await check(`early images of 256x256: ${name}`, async () => {
        const path = await writeNetwork(folder, name);
        const { page, problems } = await open(browser, server);
        await chooseFile(page, path);
        await watchImage(page);
        // Guesses begin with the third image: two teach them and say whether they are worth showing.
        for (const seed of [1, 2, 3]) await set(page, "seed", seed);
        const shown = await pixels(page);
        const seen = await page.evaluate(() => globalThis.seenImages);
        const unfinished = seen.filter(({ width }) => width < 256);
        assert(shown.width === 256, `the image ends with ${shown.width} pixels`);
        for (const width of early) {
          assert(
            unfinished.some((one) => one.width === width && one.badge.includes(badge)),
            `no image of ${width} pixels that says "${badge}": ${JSON.stringify(seen)}`,
          );
        }
        const expected = await nodePixels(path, 3);
        const worst = expected.reduce(
          (most, value, at) => Math.max(most, Math.abs(value - shown.data[4 * Math.floor(at / 3) + (at % 3)])),
          0,
        );
        assert(worst <= 1, `in stages the pixels differ by up to ${worst}`);
        assert(problems.length === 0, problems.join("; "));
        await page.close();
        return seen.map(({ width }) => width).join(", ");
      });
    }

    await check("a checkpoint of 364 MB opens, and does not stand in memory twice", async () => {
      const path = join(folder, "large.safetensors");
      writeLarge(path);
      const { size } = statSync(path);
      assert(size > LARGE_BYTES, `the file has ${size} bytes`);
      const { page, problems } = await open(browser, server);
      const before = residentBytes(browser);
      let most = before;
      const timer = setInterval(() => {
        most = Math.max(most, residentBytes(browser) ?? 0);
      }, 50);
      const { state, status } = await chooseFile(page, path, { timeout: 180_000 });
      clearInterval(timer);
      assert(state === "ready", `the page says: ${status}`);
      assert((await pixels(page)).width === 1024, "the image is another one's");
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      const grown = most - before;
      const note = `${Math.round(size / 1e6)} MB, the browser grew by ${Math.round(grown / 1e6)} MB at most`;
      if (before !== null) assert(grown < size + BESIDE_BYTES, note);
      return note;
    });
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}
