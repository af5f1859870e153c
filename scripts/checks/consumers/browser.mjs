/** A server for folders, with the headers of a case, and Chromium that looks at its pages. */
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, project, root, work } from "./lib.mjs";

const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css" };
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves a folder, and the bundled model under /faces64.safetensors, as any static host would. */
export async function serve(folder, { isolated = false, policy, shared = false } = {}) {
  const headers = {
    ...(isolated && isolation),
    ...(policy && { "Content-Security-Policy": policy }),
    ...(shared && { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" }),
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = path === "/faces64.safetensors" ? join(root, "models", path) : join(folder, path);
    try {
      const name = statSync(file).isDirectory() ? join(file, "index.html") : file;
      const body = readFileSync(name);
      response.writeHead(200, { ...headers, "Content-Type": types[extname(name)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      // As hosts of single pages do, and where WASM or a worker is asked for by a wrong address, it is noticed.
      response.writeHead(404, { ...headers, "Content-Type": "text/html" }).end("<!doctype html>not found");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://localhost:${server.address().port}/`, close: () => server.close() };
}

/** Another server's answers, with the headers that isolate its pages. */
export async function isolate(url) {
  const server = createServer(async (request, response) => {
    try {
      const answer = await fetch(new URL(request.url, url));
      const type = answer.headers.get("content-type") ?? "application/octet-stream";
      response.writeHead(answer.status, { ...isolation, "Content-Type": type });
      response.end(Buffer.from(await answer.arrayBuffer()));
    } catch (error) {
      response.writeHead(502).end(error.message);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://localhost:${server.address().port}/`, close: () => server.close() };
}

/** Starts Chromium; `look(url)` says what a page has drawn. */
export async function openBrowser() {
  const tools = await project("browser", { packages: ["playwright-core@1.64.1"] });
  const { chromium } = createRequire(join(tools, "package.json"))("playwright-core");
  const flags = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking";
  const context = await chromium.launchPersistentContext(join(work, "profile"), {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...flags.split(" "), "--disable-component-update", "--disable-sync"],
  });
  return { look: (url) => look(context, url), close: () => context.close() };
}

async function look(context, url) {
  const page = await context.newPage();
  const said = [];
  const weights = [];
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("response", async (response) => {
    const body = await response.body().catch(() => Buffer.alloc(0));
    if (!response.url().endsWith(".safetensors")) weights.push(gzipSync(body, { level: 9 }).length);
  });
  try {
    await page.goto(url);
    await page.waitForFunction(() => globalThis.outcome !== undefined, undefined, { timeout: 90_000 });
    const outcome = await page.evaluate(() => ({ ...globalThis.outcome, isolated: crossOriginIsolated }));
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    const threads = page.workers().length + 1;
    return { ...outcome, cores, threads, said, bytes: weights.reduce((sum, bytes) => sum + bytes, 0) };
  } catch (error) {
    throw new Error(`${error.message}\n${said.join("\n")}`);
  } finally {
    await page.close();
  }
}

/** Throws unless the page drew Node's pixels, on all cores where it is isolated. */
export function judge(seen, expected, { isolated, warned = false, threads = isolated ? seen.cores : 1 }) {
  expect(seen.failure === undefined, `${seen.failure}\n${seen.said.join("\n")}`);
  expect(seen.isolated === isolated, `crossOriginIsolated is ${seen.isolated}`);
  expect(seen.pixels.join() === expected.join(), "other pixels than Node's");
  expect(seen.threads === threads, `${seen.threads} threads, expected ${threads}: ${seen.said.join("\n")}`);
  const warnings = seen.said.filter((line) => line.includes("threads cannot be started here"));
  expect(warnings.length === (warned ? 1 : 0), `warnings: ${seen.said.join("\n")}`);
}
