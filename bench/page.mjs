/**
 * The page in Chromium: node bench/page.mjs (after npm run page:build)
 *
 * From a slider's event to the picture with the bundled model; the longest task of the page's own thread while a network of
 * 256x256 and one of 1024x1024 (config F, random weights) are read and drawn; and how long their images take.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "../page/test/browsers.mjs";
import { byId, chooseFile, open, root, serve, set } from "../page/test/support.mjs";

const MOVES = 100;
const folder = mkdtempSync(join(tmpdir(), "stylegan-page-"));
const server = await serve();
const browser = await launch("chrome");
try {
  for (const threads of [1, null]) {
    const { page } = await open(browser, server, `#explore?seed=1${threads === null ? "" : `&threads=${threads}`}`);
    const times = await page.evaluate(moveSlider, byId("psi"), MOVES);
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.floor(share * (times.length - 1))].toFixed(1);
    const cores = threads ?? (await page.evaluate(() => navigator.hardwareConcurrency));
    console.log(`${cores} thread(s): slider to picture, 64x64: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
    for (const resolution of [256, 1024]) {
      const file = join(folder, `random${resolution}.safetensors`);
      if (threads === 1) {
        execFileSync(process.execPath, [
          join(root, "scripts/makeRandomNetwork.mjs"),
          file,
          "--resolution",
          String(resolution),
        ]);
      }
      await page.evaluate(watchTasks);
      await chooseFile(page, file);
      const shown = [];
      for (let seed = 1; seed <= 4; seed++) shown.push((await set(page, "seed", seed)).status);
      const ms = shown.map((status) => Number(/(\d+) ms/.exec(status)[1])).sort((a, b) => a - b);
      const longest = await page.evaluate(() => globalThis.longestTask);
      console.log(
        `${cores} thread(s): ${resolution}x${resolution}: ${ms[1]} ms (best ${ms[0]}), longest task of the page ${longest === 0 ? "under 50 ms" : `${longest.toFixed(0)} ms`}`,
      );
    }
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** In the page: moves the slider and waits for the picture, again and again. */
async function moveSlider(selector, moves) {
  const slider = document.querySelector(selector);
  const times = [];
  for (let move = 0; move < moves; move++) {
    const start = performance.now();
    const done = new Promise((resolve) => {
      const watcher = new MutationObserver(() => {
        if (document.body.dataset.state !== "ready") return;
        watcher.disconnect();
        resolve();
      });
      watcher.observe(document.body, { attributes: true, attributeFilter: ["data-state"] });
    });
    slider.value = String(0.3 + (move % 50) / 100);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await done;
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return times;
}

function watchTasks() {
  globalThis.longestTask = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longestTask = Math.max(globalThis.longestTask, duration);
  }).observe({ type: "longtask", buffered: false });
}
