/** The server behind `stylegan explore`: what it hands out, with which headers, and what it keeps to itself. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PageServer, startPageServer } from "../../src/cli/pageServer.js";
import { runCommand } from "../support/commandLine.js";

const folder = mkdtempSync(join(tmpdir(), "stylegan-page-"));
const secret = `${folder}-secret.txt`;
const model = `${folder}-model.pkl`;
let server: PageServer;

beforeAll(async () => {
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(folder, "assets", "a b.js"), "export {};");
  writeFileSync(join(folder, "kernels.wasm"), Uint8Array.of(0, 97, 115, 109));
  writeFileSync(secret, "secret");
  writeFileSync(model, "weights");
  const extra = new Map([["/opened/my model.pkl", model]]);
  server = await startPageServer({ folder, extra, hidden: ["/assets/hidden.js"], base: "/some/path/" });
});

afterAll(() => {
  server.close();
  for (const path of [folder, secret, model]) rmSync(path, { recursive: true, force: true });
});

/** Without the normalising that `fetch` does to addresses. */
function get(
  path: string,
  method = "GET",
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, method }, (response) => {
      let body = "";
      response.setEncoding("latin1");
      response.on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    })
      .once("error", reject)
      .end();
  });
}

describe("the page's server", () => {
  test("hands out the page below its path, isolated and with types that browsers insist on", async () => {
    const page = await get("/some/path/");
    expect(page.status).toBe(200);
    expect(page.body).toContain("<title>page</title>");
    expect(page.headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(page.headers["cross-origin-embedder-policy"]).toBe("require-corp");
    expect((await get("/some/path/index.html")).headers["content-type"]).toBe("text/html; charset=utf-8");
    expect((await get("/some/path/assets/a%20b.js")).headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect((await get("/some/path/kernels.wasm")).headers["content-type"]).toBe("application/wasm");
  });

  test("hands out the checkpoint that was named, wherever it lies", async () => {
    expect(await get("/some/path/opened/my%20model.pkl")).toMatchObject({ status: 200, body: "weights" });
    const head = await get("/some/path/opened/my%20model.pkl", "HEAD");
    expect([head.status, head.headers["content-length"], head.body]).toEqual([200, "7", ""]);
  });

  test.each([
    ["outside of the folder", `/some/path/../${secret.split("/").pop()}`],
    ["outside, encoded", `/some/path/..%2f${secret.split("/").pop()}`],
    ["beside the page's path", "/index.html"],
    ["a folder", "/some/path/assets"],
    ["missing", "/some/path/nothing.js"],
    ["hidden", "/some/path/assets/hidden.js"],
    ["no address", "/some/path/%E0%A4%A"],
    ["a zero byte", "/some/path/a%00b"],
  ])("%s: not found", async (_, path) => {
    expect(await get(path)).toMatchObject({ status: 404, body: "not found\n" });
  });

  test("answers GET and HEAD only", async () => {
    expect((await get("/some/path/index.html", "POST")).status).toBe(405);
  });

  test("can leave the headers out", async () => {
    const plain = await startPageServer({ folder, isolated: false });
    const response = await fetch(plain.url);
    plain.close();
    expect(response.status).toBe(200);
    expect(response.headers.get("cross-origin-opener-policy")).toBeNull();
  });
});

describe("stylegan explore", () => {
  test("says what is wrong with a file before anything else", async () => {
    const { code, err } = await runCommand("explore", "--no-open", join(folder, "nothing.pkl"));
    expect(code).toBe(1);
    expect(err).toMatch(/stylegan explore: .*(nothing\.pkl|page:build)/);
  });

  test("a port that is taken is told, with what to do", async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const { port } = other.address() as AddressInfo;
    const error = await startPageServer({ folder, port }).then(
      () => null,
      (caught: Error) => caught,
    );
    other.close();
    expect(error?.message).toContain("EADDRINUSE");
  });
});
