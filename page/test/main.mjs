/**
 * The built page in real browsers: npm run test:page [-- --browser chrome|firefox] [--only WORD]
 *
 * Chromium and Firefox as they are installed (Debian: apt-get install chromium firefox-esr); a browser that is missing is
 * an error that says how to get it.
 */
import { parseArgs } from "node:util";
import { findBrowser, howToGet, launch } from "./browsers.mjs";
import { checkAccess } from "./checks/access.mjs";
import { checkControls } from "./checks/controls.mjs";
import { checkEarly } from "./checks/early.mjs";
import { checkLatents } from "./checks/latents.mjs";
import { checkLessons } from "./checks/lessons.mjs";
import { checkPixels } from "./checks/pixels.mjs";
import { checkTraining } from "./checks/training.mjs";

const groups = [checkPixels, checkControls, checkEarly, checkLatents, checkLessons, checkTraining, checkAccess];

const { values } = parseArgs({
  options: { browser: { type: "string", multiple: true }, only: { type: "string", default: "" } },
});
const names = values.browser ?? ["chrome", "firefox"];
let failures = 0;
let count = 0;

for (const browserName of names) {
  if (findBrowser(browserName) === null) {
    console.error(`FAILED ${howToGet[browserName]}`);
    failures++;
    continue;
  }
  const browser = await launch(browserName);
  console.log(`${browserName}: ${await browser.version()}`);
  const check = async (name, body) => {
    if (!name.includes(values.only)) return;
    const start = performance.now();
    const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
    count++;
    // A browser on a busy machine may miss a moment: what fails is tried once more, which is said. Firefox under its driver stays at
    // "Starting" in a few of a hundred starts, with an idle worker; without a driver that was not seen in 85.
    for (const isLast of [false, true]) {
      try {
        const note = await body();
        console.log(`  ok ${name} (${seconds()})${note ? `: ${note}` : ""}`);
        return;
      } catch (error) {
        if (isLast) failures++;
        console.error(`  ${isLast ? "FAILED" : "once more"}: ${name} (${seconds()}): ${error.message}`);
        if (process.env.STYLEGAN_DEBUG) console.error(error.stack);
      }
    }
  };
  try {
    for (const group of groups) await group({ browser, browserName, check });
  } finally {
    await browser.close();
  }
}
if (count === 0) {
  console.error("FAILED nothing was checked");
  failures++;
}
console.log(failures === 0 ? `${count} checks passed` : `${failures} of ${count} checks failed`);
process.exitCode = failures === 0 ? 0 : 1;
