/** Directions, films and projection: found, drawn and taken away as files of the right kind. */
import { decode } from "fast-png";
import { writeNpz } from "../../../dist/formats/index.js";
import {
  assert,
  byId,
  bytesOf,
  chooseFile,
  dropFile,
  open,
  openSections,
  pixels,
  saved,
  serve,
  set,
  settled,
  sleep,
} from "../support.mjs";

const FRAMES = 72; // two keys, 1.2 s each, at 30 frames a second

const click = (page, id) => page.evaluate((selector) => document.querySelector(selector).click(), byId(id));

const savedFilm = (page, id) => saved(page, id, { says: "film-progress" });

export async function checkLatents({ browser, check }) {
  const server = await serve();
  try {
    await check("directions: SeFa on the spot and those of a file change the image in their layers", async () => {
      const { page, problems } = await open(browser, server, "#explore?seed=6");
      await openSections(page);
      await page.waitForSelector(byId("strength"));
      const first = (await pixels(page)).data.join();
      await set(page, "strength", 3);
      const moved = (await pixels(page)).data.join();
      assert(moved !== first, "the first direction changes nothing");
      await set(page, "first", 5);
      assert((await pixels(page)).data.join() !== moved, "the layers do not matter");
      await set(page, "strength", 0);
      assert((await pixels(page)).data.join() === first, "back at 0 the image is another one");
      const direction = new Float32Array(128).fill(0.2);
      const bytes = writeNpz(new Map([["directions", { data: direction, shape: [1, 128] }]]));
      await dropFile(page, `${byId("section-directions")} .drop`, { name: "smile.npz", bytes });
      await page.waitForFunction(
        (selector) => document.querySelector(selector).textContent.startsWith("1 directions. smile.npz"),
        {},
        byId("directions-source"),
      );
      await set(page, "strength", 2);
      assert((await pixels(page)).data.join() !== first, "the direction of the file changes nothing");
      assert(problems.length === 0, problems.join("; "));
      await page.close();
    });

    await check("a film between two keys plays, and is saved as animated PNG, GIF, MP4 and WebM", async () => {
      const { page, problems } = await open(browser, server, "#explore?seed=1");
      await openSections(page);
      await click(page, "add-key");
      const key = (await pixels(page)).data.join();
      await set(page, "seed", 4);
      await click(page, "add-key");
      await page.waitForSelector(byId("film-position"));
      await set(page, "film-position", 1);
      await sleep(300);
      await set(page, "film-position", 0);
      await sleep(300);
      assert((await pixels(page)).data.join() === key, "the way does not begin at its first key");
      await click(page, "play");
      await sleep(500);
      await click(page, "play");
      assert((await pixels(page)).data.join() !== key, "nothing moves");
      const png = Uint8Array.from(await savedFilm(page, "film-apng"));
      const text = Buffer.from(png).toString("latin1");
      assert(
        text.split("fcTL").length - 1 === FRAMES && text.includes("acTL"),
        `the animated PNG has ${text.split("fcTL").length - 1} frames`,
      );
      const { data, channels } = decode(png); // the first frame, which readers without animation show
      const shown = key.split(",").map(Number);
      const isSame = Array.from(
        { length: 64 * 64 * 3 },
        (_, k) => data[Math.floor(k / 3) * channels + (k % 3)] === shown[Math.floor(k / 3) * 4 + (k % 3)],
      );
      assert(isSame.every(Boolean), "the first frame is not the first key");
      const gif = (await savedFilm(page, "film-gif")).toString("latin1");
      assert(gif.startsWith("GIF89a"), "the GIF is none");
      const notes = [];
      for (const [id, magic] of [
        ["film-mp4", (bytes) => bytes.subarray(4, 8).toString("latin1") === "ftyp"],
        ["film-webm", (bytes) => bytes.readUInt32BE(0) === 0x1a45dfa3],
      ]) {
        try {
          const bytes = await savedFilm(page, id);
          assert(magic(bytes) && bytes.length > 2000, `${id}: ${bytes.length} bytes that are no such file`);
          notes.push(`${id.slice(5)} ${bytes.length} bytes`);
        } catch (error) {
          // A browser without an encoder says so in a sentence.
          assert(/cannot encode/.test(error.message), `${id}: ${error.message}`);
          notes.push(`${id.slice(5)}: no encoder`);
        }
      }
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      return notes.join(", ");
    });

    await check("a picture is projected, and becomes the image", async () => {
      const { page, problems } = await open(browser, server, "#explore?seed=12&psi=0.6");
      await openSections(page);
      const target = await pixels(page);
      const png = await bytesOf(
        page,
        (selector) => new Promise((resolve) => document.querySelector(selector).toBlob(resolve)),
        byId("image"),
      );
      await set(page, "seed", 40);
      const before = distance(await pixels(page), target);
      await set(page, "project-steps", 100);
      await dropFile(page, `${byId("section-project")} .drop`, { name: "face.png", bytes: png });
      assert(await page.evaluate(() => document.querySelector(".is-over") === null), "the page waits for a checkpoint");
      await page.waitForFunction(
        (selector) => document.querySelector(selector).textContent.includes("projection"),
        { timeout: 120_000 },
        byId("project-note"),
      );
      await settled(page);
      const after = distance(await pixels(page), target);
      assert(
        after < 0.6 * before,
        `the projection is ${after.toFixed(1)} away from its target, seed 40 is ${before.toFixed(1)}`,
      );
      await chooseFile(page, { name: "none.png", bytes: Buffer.from([1, 2, 3]) }, { id: "project-file" });
      await page.waitForFunction(
        (selector) => document.querySelector(selector).textContent.includes("no picture"),
        {},
        byId("project-note"),
      );
      assert(problems.length === 0, problems.join("; "));
      await page.close();
      return `${before.toFixed(1)} levels away before, ${after.toFixed(1)} after 100 steps`;
    });
  } finally {
    server.close();
  }
}

/** Root of the mean squared difference, in levels. */
function distance(a, b) {
  return Math.sqrt(a.data.reduce((sum, value, k) => sum + (value - b.data[k]) ** 2, 0) / (0.75 * a.data.length));
}
