/** Every control changes what it says, links hold the whole image, and what cannot be opened leaves the page usable. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { init, loadCheckpoint, scope, seedsToZ } from "../../../dist/index.js";
import {
  assert,
  byId,
  choose,
  chooseFile,
  fixture,
  open,
  openSections,
  pixels,
  readFixture,
  root,
  saved,
  serve,
  set,
  settled,
  sleep,
} from "../support.mjs";

const digest = ({ data }) => createHash("sha256").update(Uint8Array.from(data)).digest("hex");

async function click(page, selector) {
  await page.evaluate((target) => document.querySelector(target).click(), selector);
  return settled(page);
}

/** The PNG of the image on the screen, as the page saves it. */
const savedPng = (page) => saved(page, "save-png");

export async function checkControls({ browser, check }) {
  const server = await serve();
  try {
    await check("every control of Explore changes the image, and back again", async () => {
      const { page, problems } = await open(browser, server, "#explore?seed=3");
      await openSections(page);
      const first = digest(await pixels(page));
      const seen = new Set([first]);
      const changes = async (what, there, back) => {
        await there();
        const now = digest(await pixels(page));
        assert(!seen.has(now), `${what} changed nothing`);
        seen.add(now);
        await back();
        assert(digest(await pixels(page)) === first, `${what}: back again, the image is another one`);
      };
      await changes(
        "seed",
        () => set(page, "seed", 4),
        () => set(page, "seed", 3),
      );
      await changes(
        "psi",
        () => set(page, "psi", 0.2),
        () => set(page, "psi", 0.7),
      );
      await changes(
        "cutoff",
        () => set(page, "cutoff", 3),
        () => set(page, "cutoff", 10),
      );
      await changes(
        "no noise",
        () => choose(page, "noise", "none"),
        () => choose(page, "noise", "const"),
      );
      await changes(
        "drawn noise",
        () => choose(page, "noise", "seed"),
        () => choose(page, "noise", "const"),
      );
      await set(page, "mix-seed", 11);
      for (const layer of [0, 5, 9]) {
        const toggle = () => click(page, byId(`mix-${layer}`));
        await changes(`mixing of layer ${layer}`, toggle, toggle);
      }
      await changes(
        "blending",
        () => set(page, "blend-x", 0.5),
        () => set(page, "blend-x", 0),
      );
      await changes(
        "blending down",
        () => set(page, "blend-y", 0.7),
        () => set(page, "blend-y", 0),
      );
      await page.waitForSelector(byId("style"));
      await changes(
        "a style",
        () => set(page, "style", 6),
        () => set(page, "style", 0),
      );
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      return `${seen.size} images`;
    });

    await check("class and level of detail change the image", async () => {
      const { page } = await open(browser, server);
      await chooseFile(page, fixture("sg2ada-r32-cond5.pkl"));
      const images = [];
      for (const label of [0, 3]) {
        await set(page, "class", label);
        images.push(digest(await pixels(page)));
      }
      await chooseFile(page, fixture("tf-stylegan1-r32.pkl"));
      for (const lod of [0, 1, 1.5]) {
        await set(page, "lod", lod);
        images.push(digest(await pixels(page)));
      }
      assert(new Set(images).size === images.length, "two of the images are the same");
      await page.close();
    });

    await check("layers: sheet, map, norm, styles and what each resolution gives", async () => {
      const { page } = await open(browser, server);
      await openSections(page);
      await page.waitForSelector(byId("contributions"));
      const before = digest(await pixels(page, "map"));
      await set(page, "channel", 7);
      await page.waitForFunction(() => document.querySelector(".facts") !== null);
      await eventually(async () => digest(await pixels(page, "map")) !== before, "another channel shows the same map");
      await set(page, "layer", "b32.conv1");
      await page.waitForFunction((selector) => document.querySelector(selector).width === 32, {}, byId("map"));
      const expected = await nodeLayer(32, 7);
      const facts = () =>
        page.evaluate(() => [
          ...[...document.querySelectorAll('[data-testid="section-layers"] dd')].map((element) => element.textContent),
          /largest is ([\d.]+) medians/.exec(document.querySelector('[data-testid="section-layers"]').textContent)[1],
        ]);
      let found = [];
      await eventually(
        async () => {
          found = (await facts()).map(Number);
          return expected.every((value, k) => Math.abs(value - found[k]) < (k < 3 ? 0.002 : 0.06));
        },
        () => `mean, deviation, largest, peak of the norm: ${found}, expected ${expected}`,
      );
      const norm = await pixels(page, "norm");
      assert(norm.width === 32 && new Set(norm.data).size > 20, "the norm has no picture");
      const bars = await page.evaluate(() =>
        [...document.querySelectorAll('[data-testid="section-layers"] .bars figcaption')].map((one) => one.textContent),
      );
      assert(
        bars.length === 2 &&
          /^Deviation of each map/.test(bars[0]) &&
          /^Styles of b32\.conv1: \d+ numbers/.test(bars[1]),
        `the bars are ${bars}`,
      );
      const rows = await page.evaluate(
        (selector) => document.querySelectorAll(selector).length,
        `${byId("contributions")} li`,
      );
      assert(rows === 5, `expected 5 resolutions, found ${rows}`);
      await page.close();
    });

    await check("a link shows the same image, byte for byte; the saved PNG is Node's file", async () => {
      const { page } = await open(
        browser,
        server,
        "#explore?seed=8&psi=0.55&cutoff=6&mix=2:31,3:31,9:4&edit=1@2-6:2.5&style=b16.conv0[3]:4.5&noise=17",
      );
      const png = await savedPng(page);
      await sleep(300);
      const hash = await page.evaluate(() => location.hash);
      await page.evaluate((selector) => document.querySelector(selector).click(), byId("copy-link"));
      await sleep(200);
      const note = await page.$eval(byId("note"), (element) => element.textContent);
      assert(note === "Link copied: it shows this very image.", `the page says: ${note}`);
      const { page: other } = await open(browser, server, hash);
      assert((await savedPng(other)).equals(png), "the PNG of the link is another one");
      assert(
        hash.includes("mix=2:31") && hash.includes("cutoff=6") && hash.includes("noise=17"),
        `the link is ${hash}`,
      );
      for (const part of ["&edit=1@2-6:2.5", "&style=b16.conv0[3]:4.5", "&mix=2:31,3:31,9:4"]) {
        const without = await open(browser, server, decodeURIComponent(hash).replace(part, ""));
        assert(!(await savedPng(without.page)).equals(png), `${part} changes nothing in the link ${hash}`);
        await without.page.close();
      }
      await Promise.all([page.close(), other.close()]);
    });

    await check("the copied command makes the same PNG", async () => {
      const folder = mkdtempSync(join(tmpdir(), "stylegan-command-"));
      try {
        for (const hash of [
          "seed=7",
          "seed=5&psi=0.5&cutoff=4&style=b16.conv0[3]:4.5&noise=none",
          "seed=3&mix=4:9,5:9,6:9",
          "seed=6&psi=0.8&edit=1@2-6:2.5",
        ]) {
          const { page } = await open(browser, server, `#explore?${hash}`);
          await page.evaluate((selector) => document.querySelector(selector).click(), byId("copy-command"));
          await sleep(200);
          const note = await page.$eval(byId("note"), (element) => element.textContent);
          // The line, and for directions the one that makes their file.
          const [, line, , before] = /^Copied: stylegan (.*?)(\. directions\.npz: stylegan (.*)\.)?$/.exec(note) ?? [];
          assert(line !== undefined && (before !== undefined) === hash.includes("edit"), `${hash}: ${note}`);
          const run = (text, ...more) => {
            const args = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
            execFileSync(process.execPath, [join(root, "dist/cli/main.js"), ...args, ...more], {
              cwd: folder,
              stdio: "pipe",
            });
          };
          if (before !== undefined) run(before);
          run(line, "--outdir", folder);
          const name = hash.includes("mix") ? "3-9.png" : `seed000${/seed=(\d)/.exec(hash)[1]}.png`;
          assert((await savedPng(page)).equals(readFileSync(join(folder, name))), `${line} makes another PNG`);
          await page.close();
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    await check("a checkpoint can be named in the link", async () => {
      const named = await serve({ extra: new Map([["/opened/a b.pkl", fixture("sg2ada-r32-gray.pkl")]]) });
      const { page } = await open(browser, named, "#explore?model=opened/a%20b.pkl&seed=2");
      const { width } = await pixels(page);
      const hash = await page.evaluate(() => location.hash);
      named.close();
      assert(width === 32, `the image is ${width} pixels wide`);
      assert(hash.includes("model="), `the link forgot the model: ${hash}`);
      await page.close();
    });

    await check("what is no checkpoint gives a sentence and leaves the page usable", async () => {
      const { page } = await open(browser, server);
      const whole = readFixture("sg2ada-r64-fp16-clamp.pkl");
      const files = [
        { name: "large.bin", make: "large" },
        { name: "page.html", bytes: Buffer.from("<!doctype html><title>Not found</title>") },
        { name: "cut.pkl", bytes: whole.subarray(0, Math.floor(whole.length * 0.6)) },
        { name: "empty.pkl", bytes: Buffer.alloc(0) },
        { name: "text.pt", bytes: Buffer.from("hello") },
      ];
      const told = [];
      for (const file of files) {
        const { state, status } =
          file.make === "large" ? await dropLarge(page, file.name) : await chooseFile(page, file);
        assert(state === "error", `${file.name} was opened: ${status}`);
        assert(/^[^\n]{20,400}[.?]$/.test(status), `${file.name}: expected a sentence, got: ${status}`);
        told.push(status);
        const after = await set(page, "seed", told.length);
        assert(
          after.state === "ready" && after.status.startsWith(`Seed ${told.length}`),
          `after ${file.name}: ${after.status}`,
        );
      }
      await openSections(page);
      await page.waitForSelector(byId("directions-source")); // SeFa's, which come as the section opens
      const { state, status } = await chooseFile(
        page,
        { name: "none.npz", bytes: Buffer.from("none") },
        { id: "directions-file" },
      );
      assert(state === "error" && /^[^\n]{20,400}[.?]$/.test(status), `directions that are none: ${state}, ${status}`);
      assert((await set(page, "seed", 9)).state === "ready", "after directions that are none the page is stuck");
      await page.close();
    });
  } finally {
    server.close();
  }
}

async function eventually(condition, message) {
  for (let tries = 0; tries < 60; tries++) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error(typeof message === "string" ? message : message());
}

/** Mean, deviation and largest size of a map of the bundled model's seed 0, and the largest norm of a pixel in medians, by Node. */
async function nodeLayer(side, channel) {
  await init({ threads: 1 });
  const { gEma } = await loadCheckpoint(join(root, "models/faces64.safetensors"), { networks: ["gEma"] });
  let data;
  scope(() =>
    gEma.forward(seedsToZ([0], gEma.zDim), null, {
      ...{ truncationPsi: 0.7, noiseMode: "const" },
      onBlock: ({ resolution, x }) => {
        if (resolution === side) data = x.toArray();
      },
    }),
  );
  const plane = side * side;
  const map = Array.from(data.subarray(channel * plane, (channel + 1) * plane));
  const mean = map.reduce((sum, value) => sum + value, 0) / plane;
  const deviation = Math.sqrt(map.reduce((sum, value) => sum + (value - mean) ** 2, 0) / plane);
  const channels = data.length / plane;
  const norms = Array.from({ length: plane }, (_, at) =>
    Math.sqrt(Array.from({ length: channels }, (_, c) => data[c * plane + at] ** 2).reduce((a, b) => a + b) / channels),
  ).sort((a, b) => a - b);
  return [mean, deviation, Math.max(...map.map(Math.abs)), norms[plane - 1] / norms[plane >> 1]];
}

/** 100 MB of noise, dropped onto the page. */
async function dropLarge(page, name) {
  await page.evaluate((fileName) => {
    const transfer = new DataTransfer();
    const noise = crypto.getRandomValues(new Uint8Array(2 ** 16));
    transfer.items.add(new File(Array(1600).fill(noise), fileName));
    const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer });
    document.querySelector(".explore").dispatchEvent(event);
  }, name);
  await sleep(50);
  return settled(page);
}
