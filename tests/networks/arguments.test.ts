/** What callers pass: sources of every kind, types that know what was asked for, and slips that are told. */
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import {
  type AnyDiscriminator,
  type AnyGenerator,
  encodeCheckpoint,
  encodePng,
  imageGrid,
  init,
  loadCheckpoint,
  saveCheckpoint,
  seedsToZ,
  Tensor,
  toPixels,
} from "../../src/index.js";

const path = fileURLToPath(new URL("../fixtures/checkpoints/sg2ada-r32-skip-resnet.pkl", import.meta.url));
const growing = fileURLToPath(new URL("../fixtures/checkpoints/tf-stylegan1-r32.pkl", import.meta.url));
const bytes = new Uint8Array(readFileSync(path));
beforeAll(() => init({ threads: 1 }));

describe("loadCheckpoint", () => {
  test("reads paths, URLs, bytes, blobs and responses alike", async () => {
    const sources = [path, pathToFileURL(path), pathToFileURL(path).href, bytes, bytes.buffer, new Blob([bytes])];
    const data = `data:application/octet-stream;base64,${Buffer.from(bytes).toString("base64")}`;
    for (const source of [...sources, new Response(bytes), data, new URL(data), await fetch(data)]) {
      const { gEma } = await loadCheckpoint(source, { networks: ["gEma"] });
      expect(gEma.imgResolution).toBe(32);
    }
    const { gEma } = await loadCheckpoint("bundled", { networks: ["gEma"] });
    expect([gEma.imgResolution, gEma.zDim]).toEqual([64, 128]);
  });

  test("answers that are none, and bodies that were read, are told", async () => {
    await expect(loadCheckpoint(new Response("no", { status: 404, statusText: "Not Found" }))).rejects.toThrow(
      "the response answered 404 Not Found",
    );
    const read = new Response(bytes);
    await read.arrayBuffer();
    await expect(loadCheckpoint(read)).rejects.toThrow(/has been read already/);
    await expect(loadCheckpoint("data:text/html,<!doctype html>")).rejects.toThrow(/but a web page/);
  });

  test("the types know which networks were asked for", async () => {
    const { gEma, d } = await loadCheckpoint(path, { networks: ["gEma", "d"] });
    expectTypeOf(gEma).toEqualTypeOf<AnyGenerator>();
    expectTypeOf(d).toEqualTypeOf<AnyDiscriminator>();
    const whole = await loadCheckpoint(path);
    expectTypeOf(whole.gEma).toEqualTypeOf<AnyGenerator | undefined>();
    const names: ("gEma" | "g")[] = ["gEma"];
    expectTypeOf((await loadCheckpoint(path, { networks: names })).gEma).toEqualTypeOf<AnyGenerator | undefined>();
    expectTypeOf(encodePng).returns.toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    expectTypeOf(toPixels).returns.toEqualTypeOf<Uint8Array<ArrayBuffer>>();
  });

  test.each([
    [7, {}, /source must be a path, an address, .* a Blob or a Response, got 7/],
    [undefined, {}, /source must be .*got undefined/],
    [{ path }, {}, /source must be .*got an object/],
    [bytes, { network: ["gEma"] }, /there is no option "network"; there is networks/],
    [bytes, { networks: ["G_ema"] }, /each of networks must be "gEma", "g" or "d", got "G_ema"/],
    [bytes, { networks: "gEma" }, /networks must be an array of names, got "gEma"/],
    [bytes, null, /options must be an object, got null/],
    [bytes, ["gEma"], /options must be an object, got an array/],
  ])("%j %j", async (source, options, message) => {
    await expect(loadCheckpoint(source as never, options as never)).rejects.toThrow(message);
  });
});

test("init again, where the same kernels are there already, refuses options that there are not", async () => {
  await init({ threads: 1 });
  await expect(init({ threads: 1, thread: 2 } as never)).rejects.toThrow(
    /init: there is no option "thread"; there is kernels,/,
  );
  await expect(init({ threads: 1, kernels: "wasm" } as never)).rejects.toThrow(/init: kernels must be "auto"/);
});

test("networks of other names are refused, and none; those of loadCheckpoint may be passed on", async () => {
  const checkpoint = await loadCheckpoint(bytes, { networks: ["gEma"] });
  const encode = (networks: unknown) => () => encodeCheckpoint(networks as never);
  expect(encode({ gema: checkpoint.gEma })).toThrow(/networks must be some of gEma, g and d, got "gema"/);
  expect(encode({})).toThrow(/networks must be some of gEma, g and d, got none/);
  expect(encode(checkpoint)).not.toThrow();
});

describe.each([
  ["StyleGAN2", path],
  ["StyleGAN", growing],
])("%s", (_, file) => {
  test("options and arguments that there are not are named, beside those that there are", async () => {
    const { gEma } = await loadCheckpoint(file, { networks: ["gEma"] });
    const z = seedsToZ([0], gEma.zDim);
    const run = (options: unknown) => () => gEma.forward(z, null, options as never);
    expect(run({ noiseMode: "konst" })).toThrow(
      new RangeError('mapping: noiseMode must be "const", "random" or "none", got "konst"'),
    );
    expect(run({ truncation: 0.5 })).toThrow(
      /there is no option "truncation"; there is truncationPsi, truncationCutoff/,
    );
    expect(run({ truncationPsi: "0.5" })).toThrow(/truncationPsi must be a number, got "0.5"/);
    expect(run({ truncationPsi: Number.NaN })).toThrow(/truncationPsi must be a number, got NaN/);
    expect(run(null)).toThrow(/options must be an object, got null/);
    const ws = gEma.mapping.forward(z, null);
    expect(() => gEma.synthesis.forward(ws, { noisemode: "none" } as never)).toThrow(/no option "noisemode"/);
    expect(() => gEma.synthesis.forward(ws.toArray() as never)).toThrow(
      /ws must be a Tensor, got an object of Float32/,
    );
    expect(() => gEma.mapping.forward([1, 2] as never, null)).toThrow(/z must be a Tensor, got an array/);
    expect(() => gEma.forward(z, 3 as never)).toThrow(/c must be a Tensor, got 3/);
  });
});

describe("the other functions", () => {
  test("name the argument that is not what it should be", async () => {
    expect(() => seedsToZ(5 as never, 8)).toThrow(/seeds must be an array of numbers, got 5/);
    expect(() => seedsToZ([5], undefined as never)).toThrow(/zDim must be a whole number.*got undefined/);
    expect(() => encodePng([] as never)).toThrow(/encodePng: image must be a Tensor, got an array/);
    expect(() => toPixels(null as never)).toThrow(/toPixels: images must be a Tensor, got null/);
    expect(() => imageGrid(7 as never, { rows: 1, columns: 1 })).toThrow(/imageGrid: images must be a Tensor, got 7/);
    const { gEma } = await loadCheckpoint(path, { networks: ["gEma"] });
    expect(() => encodeCheckpoint({ gEma }, { dtype: "f64" as never })).toThrow(
      /dtype must be "f32" or "f16", got "f64"/,
    );
    expect(() => encodeCheckpoint({ gEma }, { format: "onnx" as never })).toThrow(/format must be "native" or "rosin/);
    await expect(saveCheckpoint("x", { gEma }, { type: "f16" } as never)).rejects.toThrow(/no option "type"/);
    expect(toPixels(Tensor.from([0], [1, 1, 1, 1]))).toEqual(Uint8Array.of(128));
  });
});
