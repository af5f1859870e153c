/** Servers that send more than anybody asked for: an endless answer, a little that unpacks to a lot, another length than announced. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/formats/fileError.js";
import { loadCheckpoint } from "../../src/index.js";

const MIB = 2 ** 20;
const sent = { bytes: 0, isClosed: false };

/** Writes zeros until the other side has had enough. */
function endless(response: ServerResponse): void {
  const piece = Buffer.alloc(MIB);
  response.once("close", () => {
    sent.isClosed = true;
  });
  const more = (): void => {
    while (!sent.isClosed && response.write(piece)) sent.bytes += piece.length;
  };
  response.on("drain", more);
  more();
}

const gzipped = gzipSync(Buffer.alloc(256 * MIB)); // 256 kB
const server = createServer((request, response) => {
  if (request.url === "/endless") {
    response.writeHead(200);
    endless(response);
  } else if (request.url === "/gzip") {
    response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": gzipped.length }).end(gzipped);
  } else if (request.url === "/cut") {
    response.writeHead(200, { "Content-Length": 10 * MIB });
    response.write(Buffer.alloc(MIB));
    setTimeout(() => response.destroy(), 20);
  } else if (request.url === "/drip" || request.url === "/slow") {
    const piece = Buffer.alloc(request.url === "/drip" ? 1 : 1024);
    let count = 0;
    const timer = setInterval(() => {
      response.write(piece);
      if (++count === 30) response.end();
    }, 30);
    response.once("close", () => clearInterval(timer));
  } else if (request.url === "/silent") {
    // no answer at all
  } else response.writeHead(404, { "Content-Type": "text/html" }).end("<!doctype html>");
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const errorOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error("expected an error");
    },
    (error: Error) => error,
  );

describe("an address", () => {
  test("that never ends is left at the limit, which the error names", async () => {
    const error = await errorOf(loadCheckpoint(`${url}/endless`, { maxSourceBytes: 8 * MIB }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(`${url}/endless sends more than ${8 * MIB} bytes, the limit (maxSourceBytes`);
    await expect.poll(() => sent.isClosed).toBe(true);
    expect(sent.bytes).toBeLessThan(64 * MIB);
  });

  test("that unpacks to a lot, too: unpacked bytes count", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const error = await errorOf(loadCheckpoint(`${url}/gzip`, { maxSourceBytes: 8 * MIB }));
    expect(error.message).toContain(`sends more than ${8 * MIB} bytes`);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
  });

  test("a Response has the same limit, which can be raised", async () => {
    const response = () => new Response(new Uint8Array(3000));
    const error = await errorOf(loadCheckpoint(response(), { maxSourceBytes: 2999 }));
    expect(error.message).toContain("the response sends more than 2999 bytes");
    expect((await errorOf(loadCheckpoint(response(), { maxSourceBytes: 3000 }))).message).toContain("a file of zeros");
  });

  test("that breaks off, or answers with an error, says so", async () => {
    const cut = await errorOf(loadCheckpoint(`${url}/cut`));
    expect([cut instanceof CheckpointError, cut.message]).toEqual([
      true,
      expect.stringContaining(`cannot fetch ${url}/cut: `),
    ]);
    const nobody = await errorOf(loadCheckpoint("http://127.0.0.1:1/"));
    expect(nobody.message).toMatch(/^cannot fetch http:\/\/127\.0\.0\.1:1\/: ./);
    expect((await errorOf(loadCheckpoint(`${url}/none`))).message).toBe(`${url}/none answered 404 Not Found`);
  });

  test("that sends a byte now and then, or nothing, is left after a time that the error names; a slow one is not", async () => {
    const [drip, silent, slow] = await Promise.all(
      ["drip", "silent", "slow"].map((path) => errorOf(loadCheckpoint(`${url}/${path}`, { maxIdleSeconds: 0.6 }))),
    );
    expect(drip.message).toBe(
      `${url}/drip sends less than 1024 bytes in 0.6 s, the limit (maxIdleSeconds of loadCheckpoint; files have none)`,
    );
    expect(silent.message).toContain(`${url}/silent does not answer within 0.6 s, the limit (maxIdleSeconds`);
    expect(slow.message).toContain("a file of zeros"); // all 30 kB are there, in 0.9 s
    const patient = await errorOf(loadCheckpoint(`${url}/drip`, { maxIdleSeconds: Infinity }));
    expect(patient.message).not.toContain("the limit");
  });

  test("limits are numbers of bytes", async () => {
    for (const limit of [-1, Number.NaN, "1" as unknown as number]) {
      for (const name of ["maxSourceBytes", "maxInflatedBytes"]) {
        const error = await errorOf(loadCheckpoint(new Uint8Array(4), { [name]: limit }));
        expect(error).toBeInstanceOf(RangeError);
        expect(error.message).toContain(`${name} must be a number of bytes, got`);
      }
      const error = await errorOf(loadCheckpoint(new Uint8Array(4), { maxIdleSeconds: limit }));
      expect(error.message).toContain("maxIdleSeconds must be a number of seconds, got");
    }
  });
});
