/** Keyboard, screen readers, widths, and where the page asks for things. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { assert, byId, open, openSections, root, serve, settled, sleep } from "../support.mjs";

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
    await check("axe finds nothing serious, in light and dark, on wide and narrow screens", async () => {
      for (const hash of pages) {
        for (const [theme, width] of [
          ["light", 1280],
          ["dark", 390],
        ]) {
          const { page } = await open(browser, server, hash, { ready: hash === "#explore" });
          await page.setViewport({ width, height: 900 });
          await page.waitForSelector("main h1");
          await page.evaluate((name) => {
            document.documentElement.dataset.theme = name;
          }, theme);
          await openSections(page);
          await new Promise((resolve) => setTimeout(resolve, 800));
          await page.evaluate(axe);
          const found = await page.evaluate(async () => {
            const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
            return violations
              .filter(({ impact }) => impact === "serious" || impact === "critical")
              .map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].html.slice(0, 120)}`);
          });
          assert(found.length === 0, `${hash}, ${theme}, ${width}: ${found.join("; ")}`);
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

    for (const hash of pages) {
      await check(`Tab comes by everything that can be used on ${hash}`, async () => {
        const { page } = await open(browser, server, hash, { ready: hash === "#explore" });
        await page.waitForSelector("main h1");
        // Not those of Learn, which are listings: each is one stop more.
        if (hash !== "#learn") await openSections(page).then(() => settled(page));
        await sleep(1500);
        const all = await page.evaluate(() => {
          const usable = [...document.querySelectorAll("a[href], button, input, select, summary")].filter(
            (element) =>
              !element.disabled && element.closest("fieldset[disabled]") === null && element.checkVisibility(),
          );
          globalThis.unreached = new Set(usable);
          addEventListener("focusin", ({ target }) => {
            // Of a group of radio buttons Tab takes one, arrows the others.
            for (const element of globalThis.unreached)
              if (element === target || (element.type === "radio" && element.name === target.name))
                globalThis.unreached.delete(element);
          });
          document.activeElement?.blur();
          return usable.length;
        });
        const left = () => page.evaluate(() => globalThis.unreached.size);
        for (let presses = 0; presses < 2 * all && (presses % 10 !== 9 || (await left()) > 0); presses++) {
          await page.keyboard.press("Tab");
        }
        const unreached = await page.evaluate(() => [...globalThis.unreached].map((one) => one.outerHTML.slice(0, 90)));
        const some = unreached.slice(0, 3).join("; ");
        assert(unreached.length === 0, `of ${all} Tab leaves out ${unreached.length}: ${some}`);
        await page.close();
        return `${all} of them`;
      });
    }

    await check("nothing is asked of another origin, and the page is light", async () => {
      const { page, requests, problems } = await open(browser, server);
      const opening = await weigh(requests, server);
      await openSections(page);
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
