/** Training in the page: the losses of `stylegan train` with that seed, single phases, saving and loading, and the way to Explore. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineRun, openDataset } from "../../../dist/cli/train/setup.js";
import { init } from "../../../dist/index.js";
import { buildRun, momentOf, runStep } from "../../../dist/stylegan/training/index.js";
import {
  assert,
  byId,
  choose,
  chooseFile,
  open,
  openSections,
  pixels,
  root,
  saved,
  serve,
  set,
  settled,
  sleep,
} from "../support.mjs";

const STEPS = 20;
const data = join(root, "page/public/data/faces16.zip");

/** What the page's line means: the options of `stylegan train`, as the command line reads them. */
const options = {
  cfg: "auto",
  ...{ channelBase: 512, channelMax: 32, zDim: 32, wDim: 32, mapLayers: 2 },
  ...{ batch: 16, lr: 0.004, gamma: 0.5, plWeight: 2, mixingProb: 0.9, aug: "noaug", seed: 1 },
  ...{ gArch: "skip", dArch: "resnet" },
};

async function nodeLosses() {
  await init({ threads: 1 });
  const dataset = openDataset(data, options);
  const run = buildRun(defineRun(data, dataset, options, null), dataset);
  return Array.from({ length: STEPS }, () => runStep(run, momentOf(run, run.state.progress.images)).losses);
}

const figures = (page) => page.$eval(byId("figures"), (element) => element.textContent);

/** What the charts were given, step by step. */
const lossesOf = (page) => page.evaluate(() => globalThis.stylegan.losses);

async function press(page, id) {
  await page.evaluate((selector) => document.querySelector(selector).click(), byId(id));
  await sleep(30);
  return settled(page);
}

export async function checkTraining({ browser, check }) {
  const server = await serve();
  try {
    await check(`training ${STEPS} steps gives Node's losses`, async () => {
      const { page, problems } = await open(browser, server, "#train");
      for (let step = 0; step < STEPS; step++) await press(page, "step");
      const shown = await lossesOf(page);
      const expected = await nodeLosses();
      assert(shown.length === STEPS, `${shown.length} steps, expected ${STEPS}`);
      let largest = 0;
      for (const [step, losses] of expected.entries()) {
        for (const [phase, loss] of Object.entries(losses)) {
          const difference = Math.abs(shown[step][phase] - loss) / Math.max(1, Math.abs(loss));
          assert(difference < 1e-3, `step ${step}, ${phase}: the page has ${shown[step][phase]}, Node ${loss}`);
          largest = Math.max(largest, difference);
        }
      }
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      return largest === 0 ? "bit for bit" : `within ${largest.toExponential(1)}`;
    });

    await check("a run can be paused, gone on with, saved, loaded, changed, and opened in Explore", async () => {
      const { page, problems } = await open(browser, server, "#train");
      const first = await pixels(page, "samples");
      await page.click(byId("run"));
      await page.waitForFunction(
        (selector) => /Step [3-9]\d/.test(document.querySelector(selector).textContent),
        {},
        byId("figures"),
      );
      await press(page, "pause");
      await page.waitForSelector(byId("run"));
      const paused = await figures(page);
      assert((await pixels(page, "samples")).data.join() !== first.data.join(), "the samples are those of the start");
      await sleep(300);
      assert((await figures(page)) === paused, "a paused run goes on");
      for (const phase of ["Gmain", "Greg", "Dmain", "Dreg"]) {
        const { state, status } = await press(page, `phase-${phase}`);
        assert(state === "ready" && /loss -?\d/.test(status), `${phase}: ${status}`);
      }
      assert((await figures(page)) === paused, "a single phase counts as a step");
      await press(page, "explore");
      await page.waitForSelector(byId("image"));
      await sleep(100);
      const { status } = await settled(page);
      assert(status.includes("16×16"), `Explore says: ${status}`);
      await set(page, "seed", 4);
      assert((await pixels(page)).width === 16, "Explore shows another network");
      assert(problems.length === 0, problems.join("; "));
      await page.close();
    });

    await check("a saved run continues: the same losses after loading", async () => {
      const { page } = await open(browser, server, "#train");
      for (let step = 0; step < 5; step++) await press(page, "step");
      const state = await saved(page, "save");
      await press(page, "step");
      const expected = (await lossesOf(page)).at(-1);
      const { page: other } = await open(browser, server, "#train");
      await chooseFile(other, { name: "state.safetensors", bytes: state }, { id: "load" });
      await sleep(200);
      await settled(other);
      await press(other, "step");
      const continued = (await lossesOf(other)).at(-1);
      assert(
        JSON.stringify(continued) === JSON.stringify(expected),
        `${JSON.stringify(continued)}, expected ${JSON.stringify(expected)}`,
      );
      await Promise.all([page.close(), other.close()]);
    });

    await check("every switch changes the run, and what is no state gives a sentence", async () => {
      const { page, problems } = await open(browser, server, "#train");
      await openSections(page);
      const phasesOf = async (step) =>
        Object.keys((await lossesOf(page))[step])
          .sort()
          .join();
      const first = async () => {
        await press(page, "step");
        return JSON.stringify((await lossesOf(page))[0]);
      };
      const usual = await first();
      assert((await phasesOf(0)) === "Dmain,Dreg,Gmain,Greg", `a step is ${await phasesOf(0)}`);
      const others = [
        ["seed", () => set(page, "train-seed", 2), () => set(page, "train-seed", 1)],
        ["size", () => set(page, "size", 16), () => set(page, "size", 32)],
        ["R1", () => set(page, "gamma", 0), () => set(page, "gamma", 0.5), "Dmain,Gmain,Greg"],
        ["path length", () => set(page, "pl-weight", 0), () => set(page, "pl-weight", 2), "Dmain,Dreg,Gmain"],
        ["mixing", () => set(page, "mixing", 0), () => set(page, "mixing", 0.9)],
        ["a residual generator", () => choose(page, "g-arch", "resnet"), () => choose(page, "g-arch", "skip")],
        ["a plain discriminator", () => choose(page, "d-arch", "orig"), () => choose(page, "d-arch", "resnet")],
      ];
      for (const [what, there, back, phases] of others) {
        await there();
        assert((await first()) !== usual, `${what} changes nothing`);
        if (phases !== undefined) assert((await phasesOf(0)) === phases, `${what}: a step is ${await phasesOf(0)}`);
        await back();
      }
      assert((await first()) === usual, "back again, the run is another one");
      await choose(page, "ada", "on");
      await press(page, "step");
      const charts = await page.$eval(".charts", (element) => element.textContent);
      assert(/Augmentation p.*p 0\.0/.test(charts), `with augmentation the charts say: ${charts}`);
      const { state, status } = await chooseFile(
        page,
        { name: "no.safetensors", bytes: Buffer.from("no") },
        { id: "load" },
      );
      assert(state === "error" && /^[^\n]{20,400}[.?]$/.test(status), `no.safetensors: ${state}, ${status}`);
      assert((await press(page, "step")).state === "ready", "after a file that is none the run is stuck");
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      return `${others.length + 1} switches`;
    });

    await check("the training data are the file that `stylegan train` reads", async () => {
      const response = await fetch(`${server.url}data/faces16.zip`);
      assert(Buffer.from(await response.arrayBuffer()).equals(readFileSync(data)), "the page serves another file");
    });
  } finally {
    server.close();
  }
}
