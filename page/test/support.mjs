/** What the checks share: the built page on a server, in a browser, and ways to read and set what is on it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startPageServer } from "../../dist/cli/pageServer.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "page/dist");

/** Ways to serve the page: with the headers, with a service worker for them, and with neither. */
export const ways = {
  isolated: { isolated: true },
  "service worker": { isolated: false },
  "not isolated": { isolated: false, hidden: ["/isolation.js"] },
};

export function serve(options = {}) {
  return startPageServer({ folder, base: "/some/path/", ...options });
}

/** Opens the page at a hash, and waits until it is ready; `problems` collects what went wrong on it. */
export async function open(browser, server, hash = "#explore", { ready = true } = {}) {
  const page = await browser.newPage();
  const problems = [];
  const requests = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(server.url + hash);
  if (ready) await settled(page);
  return { page, problems, requests };
}

export const byId = (id) => `[data-testid="${id}"]`;

/** Waits until the page is ready, or says what is wrong; gives the status. */
export async function settled(page, { timeout = 60_000 } = {}) {
  const now = () =>
    page.evaluate(() => ({
      state: document.body.dataset.state,
      status: document.querySelector('[data-testid="status"]')?.textContent ?? "",
    }));
  try {
    await page.waitForFunction(() => ["ready", "error"].includes(document.body.dataset.state), {
      timeout,
      polling: 20,
    });
  } catch (error) {
    const { state, status } = await now();
    throw new Error(`${error.message} The page is ${state} and says: ${status}`);
  }
  return now();
}

/** Sets an input as a hand would, and waits for the picture. */
export async function set(page, id, value) {
  await page.evaluate(
    (selector, text) => {
      const input = document.querySelector(selector);
      const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value");
      set.call(input, text);
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
    byId(id),
    String(value),
  );
  return settled(page);
}

export const openSections = (page) =>
  page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });

/** Chooses a radio button. */
export async function choose(page, id, value) {
  await page.evaluate(
    // By its property: "on" is the usual value, and then there is no attribute.
    (selector, wanted) => [...document.querySelectorAll(selector)].find((input) => input.value === wanted).click(),
    `${byId(id)} input`,
    value,
  );
  return settled(page);
}

/** Drops a file, { name, bytes }, onto what `selector` finds, as a hand does: first over it, then on it. */
export async function dropFile(page, selector, { name, bytes }) {
  await page.evaluate(
    (target, fileName, text) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], fileName));
      for (const type of ["dragover", "drop"]) {
        const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer });
        document.querySelector(target).dispatchEvent(event);
      }
    },
    selector,
    name,
    Buffer.from(bytes).toString("base64"),
  );
  await sleep(50);
}

/**
 * Bytes of the page: those of the blob that `body` gives. They travel as text: each element of a list is a message of its own for
 * Firefox's driver, and the four million numbers of an image of 1024x1024 take the whole tab down after half a minute.
 */
export async function bytesOf(page, body, ...args) {
  const blob = await page.evaluateHandle(body, ...args);
  const text = await blob.evaluate(
    (value) =>
      new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
        reader.onerror = () => reject(reader.error);
        reader.readAsDataURL(value);
      }),
  );
  await blob.dispose();
  return Buffer.from(text, "base64");
}

/** The image on the screen: its size and its pixels, red, green, blue, opaque. */
export async function pixels(page, id = "image") {
  const data = await bytesOf(
    page,
    (selector) => {
      const canvas = document.querySelector(selector);
      const { width, height } = canvas;
      const size = new Blob([Uint32Array.of(width, height)]);
      return new Blob([size, canvas.getContext("2d").getImageData(0, 0, width, height).data]);
    },
    byId(id),
  );
  return { width: data.readUInt32LE(0), height: data.readUInt32LE(4), data: Array.from(data.subarray(8)) };
}

/** What the page saves after a click. `says` names an element that tells when saving fails. */
export function saved(page, id, { says = null } = {}) {
  return bytesOf(
    page,
    async (button, teller) => {
      const { createObjectURL } = URL;
      let watch;
      try {
        return await new Promise((resolve, reject) => {
          URL.createObjectURL = (value) => {
            resolve(value);
            return createObjectURL.call(URL, value);
          };
          document.querySelector(button).click();
          if (teller === null) return;
          watch = setInterval(() => {
            const said = document.querySelector(teller).textContent;
            if (/cannot|Error|failed/.test(said)) reject(new Error(said));
          }, 100);
        });
      } finally {
        clearInterval(watch);
        URL.createObjectURL = createObjectURL;
      }
    },
    byId(id),
    says === null ? null : byId(says),
  );
}

/** Gives an input of the page a file: a path, or { name, bytes }. */
export async function chooseFile(page, file, { id = "checkpoint", ...options } = {}) {
  if (typeof file === "string") {
    const input = await page.$(byId(id));
    await input.uploadFile(file);
  } else {
    await page.evaluate(
      (selector, name, text) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], name));
        const input = document.querySelector(selector);
        input.files = transfer.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      },
      byId(id),
      file.name,
      Buffer.from(file.bytes).toString("base64"),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  return settled(page, options);
}

export const fixture = (name) => join(root, "tests/fixtures/checkpoints", name);
export const readFixture = (name) => readFileSync(fixture(name));

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
