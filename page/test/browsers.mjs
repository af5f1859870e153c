/** Chromium and Firefox, whichever are installed, driven by puppeteer-core. */
import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

const PLACES = {
  chrome: [
    process.env.CHROMIUM,
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  ],
  firefox: [
    process.env.FIREFOX,
    "/usr/bin/firefox-esr",
    "/usr/bin/firefox",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
  ],
};

const CHROME_FLAGS = [
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage",
  "--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars",
].flatMap((flags) => flags.split(" "));

/** Where a browser is, or null. */
export function findBrowser(name) {
  return PLACES[name].find((place) => place !== undefined && place !== "" && existsSync(place)) ?? null;
}

export const howToGet = {
  chrome: "Chromium is missing: apt-get install chromium, or say where it is in the environment variable CHROMIUM",
  firefox: "Firefox is missing: apt-get install firefox-esr, or say where it is in the environment variable FIREFOX",
};

/** A fresh browser without profile. */
export function launch(name, options = {}) {
  const executablePath = findBrowser(name);
  if (executablePath === null) throw new Error(howToGet[name]);
  return puppeteer.launch({
    browser: name,
    executablePath,
    headless: true,
    protocolTimeout: 300_000,
    ...(name === "chrome" && { args: CHROME_FLAGS }),
    ...options,
  });
}
