/** Learn: every section of docs/reading.md is there with its equation, and every control moves what its lesson shows. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, byId, open, root, serve, sleep } from "../support.mjs";

/** All that a lesson shows, in one number. */
async function shown(page, lesson) {
  const state = await page.evaluate((selector) => {
    const element = document.querySelector(selector);
    const canvases = [...element.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
    return JSON.stringify([canvases, element.querySelector(".said").textContent]);
  }, byId(lesson));
  return createHash("sha256").update(state).digest("hex");
}

async function idle(page, lesson) {
  const wait = page.waitForFunction(
    (selector) => ["ready", "error"].includes(document.querySelector(selector).dataset.state),
    { timeout: 150_000, polling: 30 },
    byId(lesson),
  );
  await wait.catch(() => {
    throw new Error(`${lesson} does not come to an end`);
  });
  const [state, said] = await page.evaluate((selector) => {
    const element = document.querySelector(selector);
    return [element.dataset.state, element.querySelector(".said").textContent];
  }, byId(lesson));
  assert(state === "ready", `${lesson} says: ${said}`);
}

export async function checkLessons({ browser, check }) {
  const server = await serve();
  try {
    await check("Learn has every section of docs/reading.md, with its equation, its lines and its test", async () => {
      const document = readFileSync(join(root, "docs/reading.md"), "utf8");
      const titles = [...document.matchAll(/^## (\d+)\. (.*)$/gm)].map(([, number, title]) => `${number} ${title}`);
      const equations = [...document.matchAll(/^```\n([\s\S]*?)\n```$/gm)].map(([, text]) => text);
      const { page } = await open(browser, server, "#learn");
      const found = await page.evaluate(() => ({
        titles: [...document.querySelectorAll(".lesson h2")].map((element) => element.textContent),
        equations: [...document.querySelectorAll(".equation")].map((element) => element.textContent),
      }));
      assert(found.titles.join("|") === titles.join("|"), `the page has ${found.titles.join(", ")}`);
      assert(titles.length === 16, `${titles.length} sections`);
      assert(found.equations.join("|") === equations.slice(0, titles.length).join("|"), "the equations are others");
      await page.evaluate(() => document.querySelector(".source summary").click());
      await page.waitForFunction(() => document.querySelector(".source pre").textContent.includes("fadeUp"));
      await page.close();
    });

    await check("every control of every lesson changes what it shows", async () => {
      const { page, problems } = await open(browser, server, "#learn");
      const lessons = await page.evaluate(() =>
        [...document.querySelectorAll(".live")].map((element) => element.dataset.testid),
      );
      assert(lessons.length >= 17, `found ${lessons.length} lessons`);
      let controls = 0;
      for (const lesson of lessons) {
        await page.evaluate((selector) => document.querySelector(selector).scrollIntoView(), byId(lesson));
        if (lesson === "lesson-droplet") {
          await dropletRuns(page);
          continue;
        }
        if (lesson === "lesson-r1") {
          await slopesFall(page);
          continue;
        }
        await idle(page, lesson);
        const names = await page.evaluate(
          (selector) => [...document.querySelectorAll(`${selector} input`)].map((input) => input.dataset.testid),
          byId(lesson),
        );
        for (const name of names) {
          const before = await shown(page, lesson);
          const selector = `${byId(lesson)} ${byId(name)}`;
          const original = await move(page, selector, null);
          await changed(page, lesson, before, `${lesson}: ${name} changes nothing`);
          await idle(page, lesson);
          const after = await shown(page, lesson);
          await move(page, selector, original);
          await changed(page, lesson, after, `${lesson}: ${name} does not go back`);
          await idle(page, lesson);
          controls++;
        }
      }
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      return `${lessons.length} lessons, ${controls} controls`;
    });
  } finally {
    server.close();
  }
}

/** Moves a slider to `value`, or to its farther end; gives where it was. */
function move(page, selector, value) {
  return page.evaluate(
    (target, wanted) => {
      const input = document.querySelector(target);
      const before = input.value;
      const middle = (Number(input.min) + Number(input.max)) / 2;
      input.value = wanted ?? (Number(before) > middle ? input.min : input.max);
      input.dispatchEvent(new Event("input", { bubbles: true }));
      return before;
    },
    selector,
    value,
  );
}

async function changed(page, lesson, before, message) {
  for (let tries = 0; tries < 200; tries++) {
    if ((await shown(page, lesson)) !== before) return;
    await sleep(30);
  }
  throw new Error(message);
}

/** Sets an action's sliders, presses its button, and waits for the end. */
async function act(page, name, values) {
  const lesson = byId(`lesson-${name}`);
  await page.evaluate(
    (controls, run, wanted) => {
      for (const [control, to] of Object.entries(wanted)) {
        const input = document.querySelector(`${controls} [data-testid="control-${control}"]`);
        input.value = String(to);
        input.dispatchEvent(new Event("input", { bubbles: true }));
      }
      setTimeout(() => document.querySelector(run).click(), 50);
    },
    lesson,
    byId(`run-${name}`),
    values,
  );
  const isBusy = (selector) => document.querySelector(selector).dataset.state === "busy";
  await page.waitForFunction(isBusy, { timeout: 10_000, polling: 10 }, lesson);
  await idle(page, `lesson-${name}`);
}

/** A discriminator that learns gets slopes at real images; the penalty holds them down. */
async function slopesFall(page) {
  const slope = async (gamma) => {
    await act(page, "r1", { gamma, steps: 40 });
    const said = await page.$eval(byId("said-r1"), (element) => element.textContent);
    const [, steps, value] = /After (\d+) steps the slope at real images is ([\d.e+-]+)/.exec(said) ?? [];
    assert(steps === "40", `the lesson says: ${said}`);
    return Number(value);
  };
  const [free, held] = [await slope(0), await slope(4)];
  assert(held < free, `the slope is ${free} without the penalty, ${held} with it`);
}

/** Before a normalisation one pixel takes the energy; before demodulation none does. */
async function dropletRuns(page) {
  const strongest = async (layer) => {
    await act(page, "droplet", { layer, steps: 500 });
    const captions = await page.evaluate(
      (selector) => [...document.querySelectorAll(`${selector} figcaption`)].map((element) => element.textContent),
      byId("lesson-droplet"),
    );
    return Math.max(...captions.map((caption) => Number(/(\d+) % in one pixel/.exec(caption)?.[1] ?? 0)));
  };
  const normalised = await strongest(0);
  const demodulated = await strongest(1);
  assert(
    normalised > 20 && demodulated < 10,
    `one pixel has ${normalised} % before AdaIN, ${demodulated} % before demodulation`,
  );
}
