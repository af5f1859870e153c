/**
 * A static server for the page: node examples/browser/serve.mjs [--port 8080] [--no-isolation]
 *
 * Browsers let threads share memory only in pages that are cross-origin isolated, which two headers ask for:
 *
 *   Cross-Origin-Opener-Policy: same-origin
 *   Cross-Origin-Embedder-Policy: require-corp
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** The repository: the page takes dist/ and node_modules/ from it. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = new Map(["examples", "dist", "node_modules"].map((folder) => [folder, resolve(root, folder)]));
const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
  ".map": "application/json",
};

/** The file that an address means, or null outside of the folders that are served. */
function fileOf(address) {
  let path;
  try {
    path = resolve(root, `.${decodeURIComponent(new URL(address, "http://localhost").pathname)}`);
  } catch {
    return null; // not an address
  }
  const isServed = [...pages.values()].some((folder) => path.startsWith(folder + sep));
  return isServed ? path : null;
}

/** Serves to this machine only. Port 0 takes any free one. */
export async function startServer({ port = 0, isolated = true } = {}) {
  const headers = isolated
    ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
    : {};
  const server = createServer(async (request, response) => {
    if (request.url === "/") {
      response.writeHead(302, { Location: "/examples/browser/index.html" }).end();
      return;
    }
    const file = fileOf(request.url ?? "");
    try {
      if (file === null) throw new Error("outside");
      const body = await readFile(file);
      const type = types[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "Content-Type": type, "Cache-Control": "no-cache" }).end(body);
    } catch {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
    }
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const { port: actual } = server.address();
  return { url: `http://localhost:${actual}/examples/browser/index.html`, close: () => server.close() };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "8080" }, "no-isolation": { type: "boolean", default: false } },
  });
  const { url } = await startServer({ port: Number(values.port), isolated: !values["no-isolation"] });
  console.log(`Open ${url}`);
}
