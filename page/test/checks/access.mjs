/** Keyboard, screen readers, widths, and where the page asks for things. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { assert, byId, open, root, serve, settled, sleep } from "../support.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LIMIT_BYTES = 120_000;
const pages = ["#explore", "#learn", "#train"];
const widths = [390, 820, 1440];

/** What was loaded from the page's origin, gzipped; without model and training data. */
async function weigh(requests, server) {
  const { origin } = new URL(server.url);
  const own = [...new Set(requests)].filter((url) => url.startsWith(origin) && !/\/(models|data)\//.test(url));
  let bytes = 0;
  for (const url of own) {
    const response = await fetch(url);
    if (response.ok) bytes += gzipSync(Buffer.from(await response.arrayBuffer()), { level: 9 }).length;
  }
  return bytes;
}

export async function checkAccess({ browser, browserName, check }) {
  const server = await serve();
  try {
    await check("axe finds nothing serious, in light and dark", async () => {
      for (const hash of pages) {
        for (const theme of ["light", "dark"]) {
          const { page } = await open(browser, server, hash, { ready: hash === "#explore" });
          await page.waitForSelector("main h1");
          await page.evaluate((name) => {
            document.documentElement.dataset.theme = name;
            for (const details of document.querySelectorAll("details")) details.open = true;
          }, theme);
          await new Promise((resolve) => setTimeout(resolve, 800));
          await page.evaluate(axe);
          const found = await page.evaluate(async () => {
            const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
            return violations
              .filter(({ impact }) => impact === "serious" || impact === "critical")
              .map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].html.slice(0, 120)}`);
          });
          assert(found.length === 0, `${hash}, ${theme}: ${found.join("; ")}`);
          await page.close();
        }
      }
    });

    await check("the keyboard alone reaches and moves every control", async () => {
      const { page } = await open(browser, server);
      const reached = new Set();
      for (let presses = 0; presses < 40; presses++) {
        await page.keyboard.press("Tab");
        const id = await page.evaluate(
          () =>
            document.activeElement?.dataset.testid ?? document.activeElement?.closest("fieldset")?.dataset.testid ?? "",
        );
        reached.add(id);
        if (id === "psi") {
          const before = await page.$eval(byId("psi"), (input) => input.value);
          await page.keyboard.press("ArrowRight");
          await settled(page);
          const after = await page.$eval(byId("psi"), (input) => input.value);
          assert(Number(after) > Number(before), `an arrow left psi at ${after}`);
        }
      }
      for (const id of ["seed", "psi", "cutoff", "noise", "save-png", "copy-link", "copy-command", "checkpoint"]) {
        assert(reached.has(id), `Tab does not reach ${id}; it reached ${[...reached].join(", ")}`);
      }
      await page.close();
    });

    await check("nothing is asked of another origin, and the page is light", async () => {
      const { page, requests, problems } = await open(browser, server);
      const opening = await weigh(requests, server);
      await page.evaluate(() => {
        for (const details of document.querySelectorAll("details")) details.open = true;
      });
      for (const hash of ["#learn", "#train"]) {
        await page.evaluate((to) => {
          location.hash = to;
        }, hash);
        await page.waitForSelector("main h1");
      }
      const { origin } = new URL(server.url);
      const others = requests.filter(
        (url) => !url.startsWith(origin) && !url.startsWith("blob:") && !url.startsWith("data:"),
      );
      assert(others.length === 0, `asked: ${others.join(", ")}`);
      assert(problems.length === 0, problems.join("; "));
      assert(opening <= LIMIT_BYTES, `opening the page takes ${opening} bytes gzipped, at most ${LIMIT_BYTES}`);
      await page.close();
      return `${opening} bytes gzipped without the model, ${await weigh(requests, server)} for all three pages`;
    });

    await check("no page is wider than the screen at 390, 820 and 1440 pixels", async () => {
      const folder = join(root, "out/page");
      mkdirSync(folder, { recursive: true });
      const { page } = await open(browser, server);
      for (const hash of pages) {
        await page.evaluate((to) => {
          location.hash = to;
        }, hash);
        await page.waitForSelector(`main ${{ "#explore": ".explore", "#learn": ".learn", "#train": ".train" }[hash]}`);
        for (const theme of ["light", "dark"]) {
          for (const width of widths) {
            await page.setViewport({ width, height: 900 });
            await page.evaluate((name) => {
              document.documentElement.dataset.theme = name;
            }, theme);
            await sleep(300);
            const needed = await page.evaluate(() => document.documentElement.scrollWidth);
            assert(needed <= width, `${hash} needs ${needed} pixels at ${width}`);
            await page.screenshot({
              path: join(folder, `${browserName}${hash.replace("#", "-")}-${width}-${theme}.png`),
            });
          }
        }
      }
      await page.close();
      return "screenshots in out/page";
    });
  } finally {
    server.close();
  }
}
