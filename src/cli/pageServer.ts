/**
 * A static server for the built page, to this machine only. It sends the two headers that make a page cross-origin
 * isolated, so that threads may share memory, and hands out the bundled model and one checkpoint beside the page.
 */
import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, resolve, sep } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

export interface PageServerOptions {
  /** The folder of the built page. */
  readonly folder: string;
  /** Files that are served although they lie elsewhere: from addresses such as "/models/a.pkl" to paths. */
  readonly extra?: ReadonlyMap<string, string>;
  /** 0 takes any free port. Default 0. */
  readonly port?: number;
  /** Whether to send the isolation headers. Default true. */
  readonly isolated?: boolean;
  /** Addresses that are answered with 404 although the files are there. Default none. */
  readonly hidden?: readonly string[];
  /** Where the page lies on this server, such as "/some/path/". Default "/". */
  readonly base?: string;
}

export interface PageServer {
  readonly url: string;
  close(): void;
}

/** Rejects when the port is taken. */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const { port = 0, base = "/" } = options;
  const server = createServer((request, response) => answer(request, response, options));
  await new Promise<void>((done, reject) => server.once("error", reject).listen(port, "127.0.0.1", () => done()));
  const address = server.address() as AddressInfo;
  return {
    url: `http://localhost:${address.port}${base}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, options: PageServerOptions): void {
  const path = pathOf(request.url ?? "", options.base ?? "/");
  const file = path === null || options.hidden?.includes(path) ? null : fileOf(path, options);
  const headers = (options.isolated ?? true) ? ISOLATION : {};
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...headers, Allow: "GET, HEAD" }).end();
    return;
  }
  if (file === null) {
    response.writeHead(404, { ...headers, "Content-Type": "text/plain; charset=utf-8" }).end("not found\n");
    return;
  }
  response.writeHead(200, {
    ...headers,
    "Content-Type": TYPES[extname(file.path)] ?? "application/octet-stream",
    "Content-Length": file.size,
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  createReadStream(file.path)
    .once("error", () => response.destroy())
    .pipe(response);
}

/** The decoded path below the page's own address, with a slash in front; null for what is no address of the page. */
function pathOf(url: string, base: string): string | null {
  try {
    const path = decodeURIComponent(new URL(url, "http://localhost").pathname);
    return path.startsWith(base) ? `/${path.slice(base.length)}` : null;
  } catch {
    return null;
  }
}

function fileOf(
  address: string,
  { folder, extra }: PageServerOptions,
): { readonly path: string; readonly size: number } | null {
  const root = resolve(folder);
  const given = extra?.get(address);
  const path = given ?? resolve(root, `.${address === "/" ? "/index.html" : address}`);
  if (given === undefined && !path.startsWith(root + sep)) return null;
  try {
    const stats = statSync(path);
    return stats.isFile() ? { path, size: stats.size } : null;
  } catch {
    return null; // not there, not ours to read, or no path at all
  }
}
