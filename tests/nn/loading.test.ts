/** Kernels are loaded once, networks go along with them, and memory that nobody uses is found again. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type AnyGenerator, dispose, init, loadCheckpoint, scope, seedsToZ } from "../../src/index.js";
import { activeKernels } from "../../src/nn/backend.js";
import { persistentTensor } from "../../src/nn/tensor.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const file = join(root, "models/faces64.safetensors");
const options = { networks: ["gEma"] } as const;
afterEach(() => vi.restoreAllMocks());

const image = (gEma: AnyGenerator | undefined): Float32Array =>
  scope(() => gEma!.forward(seedsToZ([0], gEma!.zDim), null, { noiseMode: "const" }).toArray());

const isHere = (gEma: AnyGenerator | undefined): boolean =>
  [...gEma!.parameters.values(), ...gEma!.buffers.values()].every((tensor) => tensor.internals.isResident);

const bytesOf = (gEma: AnyGenerator | undefined): number =>
  [...gEma!.parameters.values()].reduce((sum, { size }) => sum + 4 * size, 0);

test("two checkpoints at once before any init, and two inits at once, share their kernels", async () => {
  const [first, second] = await Promise.all([loadCheckpoint(file, options), loadCheckpoint(file, options)]);
  const kernels = activeKernels();
  expect([isHere(first.gEma), isHere(second.gEma)]).toEqual([true, true]);
  expect(image(first.gEma)).toEqual(image(second.gEma));
  await Promise.all([init(), init({}), init({ kernels: "auto" }), loadCheckpoint(file, options)]);
  expect(activeKernels()).toBe(kernels);
});

test("other kernels take networks along: same bits, same fast path; those before end their threads", async () => {
  await init({ threads: 1 });
  const { gEma } = await loadCheckpoint(file, options);
  const expected = image(gEma);
  const one = activeKernels();
  const used = one.memory().usedBytes;
  await init({ threads: 2 });
  expect([activeKernels() === one, activeKernels().threads, isHere(gEma)]).toEqual([false, 2, true]);
  expect(one.memory().usedBytes).toBeLessThan(used - bytesOf(gEma)); // no parameters, nothing prepared from them
  expect(image(gEma)).toEqual(expected);
  await init({ kernels: "reference" });
  expect(isHere(gEma)).toBe(true);
  const exact = image(gEma);
  await init({ threads: 1 });
  expect(isHere(gEma)).toBe(true);
  expect(image(gEma)).toEqual(expected);
  expect(Math.max(...exact.map((value, at) => Math.abs(value - expected[at])))).toBeLessThan(1e-3);
});

test("an init that fails leaves what was there", async () => {
  await init({ threads: 1 });
  const { gEma } = await loadCheckpoint(file, options);
  const before = activeKernels();
  await expect(init({ kernels: "gpu" as never })).rejects.toThrow(RangeError);
  await expect(init({ threads: 0 })).rejects.toThrow(RangeError);
  expect([activeKernels() === before, isHere(gEma)]).toEqual([true, true]);
});

test.skipIf(!existsSync("/proc/self/task"))("sixty inits leave the threads of one", () => {
  const program = `
    import { readdirSync } from "node:fs";
    import { init } from ${JSON.stringify(join(root, "dist/index.js"))};
    const threads = () => readdirSync("/proc/self/task").length;
    await init({ threads: 2 });
    const before = threads();
    for (let k = 0; k < 60; k++) await init({ threads: k % 3 === 0 ? 3 : 2 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(threads() - before);`;
  const out = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" });
  expect(Number(out)).toBeLessThanOrEqual(1);
});

describe("memory", () => {
  test("a network that was disposed of gives its memory back, and cannot be used", async () => {
    await init({ threads: 1 });
    image((await loadCheckpoint(file, options)).gEma); // leaves scratch behind
    const before = activeKernels().memory().usedBytes;
    const checkpoint = await loadCheckpoint(file, options);
    image(checkpoint.gEma);
    expect(activeKernels().memory().usedBytes).toBeGreaterThan(before + 1e6);
    dispose(checkpoint);
    dispose(checkpoint.gEma!); // twice is once
    expect(activeKernels().memory().usedBytes).toBe(before);
    expect(() => image(checkpoint.gEma)).toThrow(/disposed of/);
    const { gEma } = await loadCheckpoint(file, options);
    dispose(gEma!);
    expect(activeKernels().memory().usedBytes).toBe(before);
  });

  test("networks that are loaded and dropped never fill the memory", async () => {
    const { grow } = WebAssembly.Memory.prototype;
    const most = 64 * 2 ** 20;
    vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(function (this: WebAssembly.Memory, pages) {
      if (this.buffer.byteLength + pages * 65536 > most) throw new RangeError("grow: no more");
      return grow.call(this, pages);
    });
    await init({ threads: 1, wide: false });
    const { gEma } = await loadCheckpoint(file, options);
    const expected = image(gEma);
    for (let loaded = 0; loaded < 3 * most; loaded += bytesOf(gEma)) {
      const { gEma: another } = await loadCheckpoint(file, options);
      if (loaded === 0) expect(image(another)).toEqual(expected);
    }
    expect(image(gEma)).toEqual(expected);
  });

  test("without room even so, the error says how much there is", async () => {
    await init({ threads: 1 });
    expect(() => persistentTensor([2 ** 31], () => {})).toThrow(/no room for \d+ bytes/);
  });
});
