/**
 * The pictures of the page in the README: node page/test/screenshots.mjs (after npm run page:build, with Chromium)
 *
 * Explore with a layer open, Learn at the droplet, Train after 25 thousand images.
 */
import { join } from "node:path";
import { launch } from "./browsers.mjs";
import { byId, open, root, serve, set, sleep } from "./support.mjs";

const size = { width: 1120, height: 720 };
const server = await serve({ base: "/" });
const browser = await launch("chrome");

async function take(name, hash, prepare) {
  const { page } = await open(browser, server, hash);
  await page.setViewport(size);
  await page.evaluate(() => {
    document.documentElement.dataset.theme = "light";
  });
  await prepare(page);
  await page.screenshot({ path: join(root, `docs/images/page-${name}.png`) });
  await page.close();
}

await take("explore", "#explore?seed=8&mix=4:3,5:3,6:3,7:3,8:3,9:3", async (page) => {
  // The time below the image is that of an engine that has warmed up.
  for (const seed of [9, 8, 9, 8]) await set(page, "seed", seed);
  await page.evaluate(() => {
    const [image, mixing] = document.querySelectorAll(".panel details");
    image.open = false;
    mixing.open = true;
    for (const details of document.querySelectorAll(".panel details")) if (details !== mixing) details.open = false;
  });
  await page.evaluate(() => document.querySelector('[data-testid="section-mix"] [aria-expanded]').click());
  // The last cell of the matrix is drawn.
  await page.waitForFunction(
    () => {
      const canvas = [...document.querySelectorAll(".matrix td canvas")].at(-1);
      return canvas?.getContext("2d").getImageData(32, 32, 1, 1).data[3] === 255;
    },
    { timeout: 120_000 },
  );
});

await take("learn", "#learn/the-droplet-modulation-and-demodulation", async (page) => {
  await page.click(byId("run-droplet"));
  await page.waitForFunction(
    (selector) => document.querySelector(selector).textContent.startsWith("Step 1500"),
    { timeout: 120_000 },
    byId("said-droplet"),
  );
  await page.evaluate(() => document.getElementById("the-droplet-modulation-and-demodulation").scrollIntoView());
  await sleep(1000);
});

await take("train", "#train", async (page) => {
  await page.click(byId("run"));
  for (let images = 0; images < 25; await sleep(1000)) {
    const text = await page.$eval(byId("figures"), (element) => element.textContent);
    images = Number(/([\d.]+) thousand/.exec(text)?.[1] ?? 0);
  }
});

await browser.close();
server.close();
