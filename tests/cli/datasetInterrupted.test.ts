/** `stylegan dataset` that is stopped on its way: by Ctrl-C, and by a kill that it cannot notice. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { encodePixels } from "../../src/formats/image/pngEncoding.js";
import { RandomState } from "../../src/nn/random.js";
import { runCommand, scratchFolder } from "../support/commandLine.js";

const root = scratchFolder("interrupted");
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const photos = join(root, "photos");
const COUNT = 3000;
mkdirSync(photos);
const random = new RandomState(1);
const data = Uint8Array.from({ length: 48 * 48 * 3 }, () => random.randint(0, 256));
const png = encodePixels({ width: 48, height: 48, channels: 3, data });
for (let k = 0; k < COUNT; k++) writeFileSync(join(photos, `${k}.png`), png);

/** Begins to pack, and sends a signal as soon as there is a part of the archive. */
async function stopped(out: string, signal: NodeJS.Signals) {
  const folder = join(root, out);
  mkdirSync(folder);
  const args = ["dataset", photos, join(folder, "photos.zip"), "--resolution", "32"];
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr.on("data", (text) => {
    err += text;
  });
  const watch = setInterval(() => {
    if (!readdirSync(folder).some((name) => name.endsWith(".tmp"))) return;
    child.kill(signal);
    clearInterval(watch);
  }, 5);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearInterval(watch);
  return { code, err, folder, names: readdirSync(folder) };
}

test("Ctrl-C: 130, how far it was, and nothing is left", async () => {
  const { code, err, names } = await stopped("int", "SIGINT");
  expect(code, err).toBe(130);
  expect(err).toMatch(/stylegan dataset: interrupted after \d+ of 3000 images; nothing was written/);
  expect(names).toEqual([]);
});

test("SIGKILL: no archive; the next command in that folder clears up", async () => {
  const { code, folder, names } = await stopped("kill", "SIGKILL");
  expect(code).toBe(null);
  expect(names).toHaveLength(1);
  expect(names[0]).toMatch(/^\.photos\.zip\..*\.tmp$/);
  const again = await runCommand("dataset", photos, join(folder, "few.zip"), "--max-images", "2", "--resolution", "32");
  expect(again.code, again.err).toBe(0);
  expect(readdirSync(folder)).toEqual(["few.zip"]);
  expect(existsSync(join(folder, "photos.zip"))).toBe(false);
});
