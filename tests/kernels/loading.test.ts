/** Where kernels and threads come from: the package, or the addresses and modules that `init` is given. */
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { createKernels } from "../../src/nn/kernels/select.js";
import type { Kernels } from "../../src/nn/kernels/types.js";
import { compileKernels, memoryFlagAt } from "../../src/nn/kernels/wasm/load.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";

const build = (name: string): string => fileURLToPath(new URL(`../../build/${name}`, import.meta.url));
const simdPath = build("stylegan-simd.wasm");
const relaxedPath = build("stylegan-relaxed-simd.wasm");
const folder = await mkdtemp(join(tmpdir(), "stylegan-loading-"));
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** Normal numbers: one kernel that has some hundred chunks, so that all threads have work. */
function draw(kernels: Kernels): Float32Array {
  const block = kernels.allocate(200_000);
  kernels.normal(block, { seed: 1, stream: 2 });
  const numbers = new Float32Array(block.data);
  kernels.release(block);
  return numbers;
}

describe("one build for plain and shared memory", () => {
  test.each(hasRelaxedSimd() ? (["simd", "relaxed-simd"] as const) : (["simd"] as const))("%s", async (variant) => {
    for (const shared of [false, true]) {
      const module = await compileKernels(variant, shared);
      const memory = (isShared: boolean) => new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: isShared });
      await WebAssembly.instantiate(module, { env: { memory: memory(shared) } });
      await expect(WebAssembly.instantiate(module, { env: { memory: memory(!shared) } })).rejects.toThrow(/memory/i);
    }
  });

  test("the flag of a memory is found in any module that imports one, and nothing is taken for it elsewhere", () => {
    const bytes = readFileSync(simdPath);
    expect(bytes[memoryFlagAt(bytes)]).toBe(1); // with a maximum, not shared
    const custom = Uint8Array.of(...bytes.subarray(0, 8), 0, 5, 1, 0x61, 2, 2, 2, ...bytes.subarray(8));
    expect(memoryFlagAt(custom)).toBe(memoryFlagAt(bytes) + 7);
    for (const wrong of [bytes.subarray(0, 8), Uint8Array.of(...bytes.subarray(0, 8), 2, 4, 1, 0, 0, 3)]) {
      expect(() => memoryFlagAt(wrong)).toThrow(/not the kernels of this package/);
    }
  });
});

describe("init({ wasm, worker })", () => {
  const simd = { kernels: "simd", threads: 2 } as const;

  test("addresses and paths of the builds, with threads", async () => {
    const expected = draw(await createKernels({ ...simd, wasm: simdPath }));
    const relaxedSimd = pathToFileURL(relaxedPath);
    const both = await createKernels({ ...simd, wide: false, wasm: { simd: simdPath, relaxedSimd } });
    expect([both.name, both.threads]).toEqual([hasRelaxedSimd() ? "relaxed-simd" : "simd", 2]);
    const scripts = [build("stylegan-worker.js"), pathToFileURL(build("stylegan-worker.js"))];
    for (const worker of scripts) {
      const kernels = await createKernels({ ...simd, wasm: pathToFileURL(simdPath), worker });
      expect([kernels.name, kernels.threads]).toEqual(["simd", 2]);
      expect(draw(kernels)).toEqual(expected);
    }
  });

  test("a compiled module runs on one thread", async () => {
    const kernels = await createKernels({ ...simd, wasm: new WebAssembly.Module(readFileSync(simdPath)) });
    expect([kernels.name, kernels.threads]).toEqual(["simd", 1]);
    expect(draw(kernels)).toEqual(draw(await createKernels({ ...simd, wasm: simdPath })));
  });

  test("threads that cannot start: one thread, a warning, the same numbers", async () => {
    const broken = join(folder, "broken.js");
    writeFileSync(broken, "throw new Error('not today');");
    const silent = join(folder, "silent.js");
    writeFileSync(silent, "");
    const expected = draw(await createKernels({ ...simd, threads: 1, wasm: simdPath }));
    for (const worker of [broken, silent]) {
      const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
      const kernels = await createKernels({ ...simd, wasm: simdPath, worker });
      expect(kernels.threads).toBe(1);
      expect(warned.mock.calls.flat()).toEqual([expect.stringMatching(/^stylegan: threads cannot be started here/)]);
      expect(draw(kernels)).toEqual(expected);
      vi.restoreAllMocks();
    }
  });

  test("what is no build of the kernels is said", async () => {
    const page = join(folder, "page.html");
    writeFileSync(page, "<!doctype html>");
    await expect(createKernels({ ...simd, wasm: page })).rejects.toThrow(/expected WebAssembly at .*page\.html/);
    await expect(createKernels({ ...simd, wasm: join(folder, "none") })).rejects.toThrow(/none/);
    await expect(createKernels({ ...simd, wasm: "data:text/html,x" })).rejects.toThrow(/found text\/html/);
  });
});

describe("options that there are not", () => {
  test.each([
    [{ kernel: "simd" }, /init: there is no option "kernel"; there is kernels, threads, wide, wasm or worker/],
    [{ kernels: "wasm" }, /init: kernels must be "auto", "simd" or "reference", got "wasm"/],
    [{ threads: "2" }, /threads must be a whole number from 1 to 256, got "2"/],
    [{ threads: 1e9 }, /threads must be a whole number from 1 to 256/],
    [{ wide: "yes" }, /wide must be true, false or "auto", got "yes"/],
    [{ wasm: 7 }, /wasm must be/],
    [{ wasm: { relaxedSimd: "x" } }, /wasm must be/],
    [{ worker: 7 }, /worker must be/],
  ])("%j", async (options, message) => {
    await expect(createKernels(options as never)).rejects.toThrow(message);
    await expect(createKernels(options as never)).rejects.toThrow(RangeError);
  });

  test("no options object at all", async () => {
    for (const options of [null, 2, "simd", []]) {
      await expect(createKernels(options as never)).rejects.toThrow(/init: options must be an object/);
    }
  });
});
