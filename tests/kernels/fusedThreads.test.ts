/** Threads: the same bits for any number of them, errors that arrive, and processes that end. Needs dist/ (npm run build). */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSerialDispatcher, loadModule } from "../../src/nn/kernels/wasm/engine.js";
import { fitsInPlace, planConv, planWeights } from "../../src/nn/kernels/wasm/fused/plan.js";
import { createWasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { createThreadPool } from "../../src/nn/kernels/wasm/threads/dispatcher.js";
import { missingEngine } from "../../src/nn/kernels/wasm/trial/decide.js";
import { createFastestKernels } from "../../src/nn/kernels/wasm/variants.js";
import { RandomState } from "../../src/nn/random.js";
import { arbitraryLayer, normals, runLayer, sameNumbers, toBlock } from "../support/fusedCases.js";

const run = promisify(execFile);

/** Runs a script in a Node process of its own; `m` is the built variants.ts. */
function runScript(script: string): Promise<{ stdout: string }> {
  const variants = new URL("../../dist/nn/kernels/wasm/variants.js", import.meta.url).href;
  const source = `const m = await import(${JSON.stringify(variants)}); ${script}`;
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  return run(process.execPath, ["--input-type=module", "-e", source], { cwd, timeout: 20_000 });
}

const threaded = (threads: number) =>
  createWasmKernels({ shared: true, createDispatcher: (loaded) => createThreadPool(loaded, threads) });

/** All that there is behind a convolution. */
const epilogue = {
  inputScales: true,
  outputScales: true,
  noise: "each",
  bias: true,
  activation: "lrelu",
  clamp: 2,
} as const;

describe("results do not depend on the number of threads, bit for bit", () => {
  test("fused layers", async () => {
    const [one, two, three] = [await createWasmKernels(), await threaded(2), await threaded(3)];
    expect([one.threads, two.threads, three.threads]).toEqual([1, 2, 3]);
    fc.assert(
      fc.property(arbitraryLayer, (c) => {
        const { y } = runLayer(one, c);
        expect(sameNumbers(runLayer(two, c).y, y)).toBe(true);
        expect(sameNumbers(runLayer(three, c).y, y)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("a large up-convolution, whose rows are cut into ranges with seams between them", async () => {
    const [one, four] = [await createWasmKernels(), await threaded(4)];
    for (const [height, width] of [
      [128, 36],
      [131, 35],
    ]) {
      const layer = { n: 2, inChannels: 24, outChannels: 20, height, width, kernel: 3, resample: "up" } as const;
      const rest = { filter: "official", flipWeight: false, consumeInput: true, seed: 5 } as const;
      const c = { ...layer, ...epilogue, ...rest, inputLayout: "blocked", outputLayout: "blocked" } as const;
      const tile = { rows: 4, cols: 8 };
      const shape = { ...layer, algorithm: "t4", outHeight: 2 * height, outWidth: 2 * width } as const;
      expect(planConv(shape, planWeights(shape, tile), tile, 4).seams).toBeGreaterThan(8);
      expect(sameNumbers(runLayer(four, c).y, runLayer(one, c).y)).toBe(true);
    }
  });

  test("a large convolution that overwrites its input, and one that does not", async () => {
    const [one, three] = [await createWasmKernels(), await threaded(3)];
    for (const [channels, height, width, n] of [
      [12, 772, 517, 1],
      [9, 405, 513, 2],
    ]) {
      const options = {
        n,
        inChannels: channels,
        outChannels: channels,
        height,
        width,
        outHeight: height,
        outWidth: width,
      };
      expect(fitsInPlace({ ...options, algorithm: "f4", kernel: 3 })).toBe(true);
      const sizes = {
        n,
        inChannels: channels,
        outChannels: channels,
        height,
        width,
        kernel: 3,
        resample: "none",
      } as const;
      const rest = {
        filter: "official",
        flipWeight: false,
        inputLayout: "blocked",
        outputLayout: "blocked",
        seed: 6,
      } as const;
      const { y } = runLayer(one, { ...sizes, ...epilogue, ...rest, consumeInput: false });
      for (const kernels of [one, three]) {
        expect(sameNumbers(runLayer(kernels, { ...sizes, ...epilogue, ...rest, consumeInput: true }).y, y)).toBe(true);
      }
    }
  });

  test("primitive kernels", async () => {
    const [one, three] = [await createWasmKernels(), await threaded(3)];
    const numbers = normals(3)(130 * 70 + 70 * 90);
    const products = [one, three].map((kernels) => {
      const [a, b] = [toBlock(kernels, numbers.subarray(0, 130 * 70)), toBlock(kernels, numbers.subarray(130 * 70))];
      const y = kernels.allocate(130 * 90);
      const plain = { batch: 1, transposeA: false, transposeB: false, strideA: 0, strideB: 0 };
      kernels.matmul(a, b, y, { ...plain, m: 130, n: 90, k: 70 });
      return Float32Array.from(y.data);
    });
    expect(products[1]).toEqual(products[0]);
  });
});

describe("the calling thread runs ahead", () => {
  test("and no half of a result is seen: chains of kernels, read at any time, freed and written again", async () => {
    const [one, three] = [await createWasmKernels(), await threaded(3)];
    const step = fc.record({
      kernel: fc.constantFrom("affine", "filter", "multiply", "reuse", "read"),
      taps: fc.integer({ min: 2, max: 24 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(), (steps, seed) => {
        const [planes, size] = [6, 96];
        const results = [one, three].map((kernels) => {
          const seen: number[] = [];
          let x = toBlock(kernels, normals(seed)(planes * size * size));
          for (const { kernel, taps } of steps) {
            const y = kernels.allocate(x.length);
            if (kernel === "filter") {
              // Not separable: its argument list is long, so that frames soon come round to the first again.
              const list = Array.from({ length: taps * taps }, (_, k) => ((k % 5) - 2) / taps);
              const filter = { tapsY: taps, tapsX: taps, taps: list, separable: null };
              const rate = {
                upX: 1,
                upY: 1,
                downX: 1,
                downY: 1,
                flipFilter: false,
                gain: 1,
                height: size,
                width: size,
              };
              const [padX0, padX1] = [taps >> 1, taps - 1 - (taps >> 1)];
              const pads = { padX0, padX1, padY0: padX0, padY1: padX1, outHeight: size, outWidth: size };
              kernels.upfirdn2d(x, y, { planes, filter, ...rate, ...pads });
            } else if (kernel === "multiply") {
              const strides = [[1], [1]];
              kernels.binary("mul", x, x, y, { shape: [x.length], strides });
              kernels.affine(y, y, 0.01, 0.5);
            } else {
              kernels.affine(x, y, -0.5, 1);
            }
            if (kernel === "read") seen.push(y.data[(seed + taps) % y.length], y.data[y.length - 1]);
            kernels.release(x);
            if (kernel === "reuse") {
              // Takes the memory that the last kernel has read from, and writes to it in JavaScript.
              const other = kernels.allocate(x.length);
              other.data.fill(1e9);
              kernels.release(other);
            }
            x = y;
          }
          seen.push(...x.data);
          kernels.release(x);
          return Float64Array.from(seen);
        });
        expect(results[1].every((value, k) => Object.is(value, results[0][k]))).toBe(true);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  test("a failed chunk is told when the memory is looked at, or by a kernel that follows", async () => {
    const kernels = await threaded(2);
    const beyond = 0xffff0000; // the last 64 KiB that a pointer reaches
    const fail = () =>
      kernels.engine.run("affine", 64, {
        x: beyond,
        y: beyond,
        length: 1 << 14,
        perChunk: 1 << 8,
        scale: 1,
        offset: 1,
      });
    const y = kernels.allocate(1000);
    fail();
    expect(() => y.data).toThrow("affine: a chunk failed on one of 2 threads");
    fail();
    const goOn = () => {
      for (let k = 0; k < 100; k++) kernels.fill(y, k);
    };
    expect(goOn).toThrow("affine: a chunk failed on one of 2 threads");
    kernels.fill(y, 4);
    expect(y.data.every((value) => value === 4)).toBe(true);
  });
});

describe("the pool", () => {
  test("runs every chunk exactly once", async () => {
    const loaded = await loadModule({ variant: "simd", shared: true });
    const pool = await createThreadPool(loaded, 3);
    const length = 1 << 16;
    const [x, y] = [loaded.memory.allocate(length * 4), loaded.memory.allocate(length * 4)];
    const numbers = () => new Float32Array(loaded.memory.memory.buffer, y, length);
    new Float32Array(loaded.memory.memory.buffer, x, length).fill(1);
    const args = new Uint32Array(loaded.memory.memory.buffer, 1024, 8);
    for (const perChunk of [1, 64, 1000, 1 << 16]) {
      // affine in place, y = 1 * y + 1: a chunk that ran twice or never would show.
      numbers().fill(0);
      args.set([y, y, length, perChunk]);
      new Float32Array(loaded.memory.memory.buffer, 1024, 8).set([1, 1], 4);
      for (let round = 1; round <= 50; round++) pool.parallel("affine", 1024, Math.ceil(length / perChunk));
      pool.settle?.();
      expect(numbers().every((value) => value === 50)).toBe(true);
    }
  });

  test("runs tasks of few chunks one after the other, however many wait", async () => {
    for (const threads of [2, 3, 5]) {
      const loaded = await loadModule({ variant: "simd", shared: true });
      const { buffer } = loaded.memory.memory;
      const length = 960;
      const y = loaded.memory.allocate(length * 4);
      const numbers = new Float32Array(buffer, y, length);
      // y = y / 2 + chunks: the result tells the order.
      const argsOf = (chunks: number) => 2048 + 64 * chunks;
      for (let chunks = 1; chunks <= 6; chunks++) {
        new Uint32Array(buffer, argsOf(chunks), 4).set([y, y, length, length / chunks]);
        new Float32Array(buffer, argsOf(chunks) + 16, 2).set([0.5, chunks]);
      }
      const pool = await createThreadPool(loaded, threads);
      const random = new RandomState(threads);
      let expected = 0;
      for (let task = 1; task <= 3000; task++) {
        const chunks = random.randint(1, 7);
        pool.parallel("affine", argsOf(chunks), chunks);
        expected = Math.fround(Math.fround(expected * 0.5) + chunks);
        if (task < 3000 && random.randint(0, 200) > 0) continue;
        pool.settle?.();
        expect(numbers.every((value) => value === expected)).toBe(true);
      }
      pool.dispose?.();
    }
  });

  test("reports a chunk that fails on any thread, and goes on working", async () => {
    const loaded = await loadModule({ variant: "simd", shared: true });
    const pool = await createThreadPool(loaded, 2);
    new Uint32Array(loaded.memory.memory.buffer, 1024, 8).set([0xffff0000, 0xffff0000, 1 << 14, 1 << 8]);
    pool.parallel("affine", 1024, 64);
    expect(() => pool.settle?.()).toThrow("affine: a chunk failed on one of 2 threads");
    const y = loaded.memory.allocate(4096);
    new Uint32Array(loaded.memory.memory.buffer, 1024, 8).set([y, y, 1024, 16]);
    pool.parallel("affine", 1024, 64);
    expect(() => pool.settle?.()).not.toThrow();
  });

  test("does not keep a process alive", async () => {
    const { stdout } = await runScript("console.log((await m.createFastestKernels({ threads: 2 })).threads);");
    expect(stdout.trim()).toBe("2");
  });
});

describe("createFastestKernels", () => {
  test("takes the number of threads asked for, one without a pool", async () => {
    expect((await createFastestKernels({ threads: 2 })).threads).toBe(2);
    const one = await createFastestKernels({ threads: 1 });
    expect(one.threads).toBe(1);
    expect(one.engine.memory.memory.buffer).toBeInstanceOf(ArrayBuffer);
    await expect(createFastestKernels({ threads: 0 })).rejects.toThrow(RangeError);
    await expect(createFastestKernels({ threads: 1.5 })).rejects.toThrow(RangeError);
  });

  /** The name of the kernels, and 2 * 3 + 1 by them, in a process of its own: what it turns on stays on. */
  const nameAndResult = async (options: string): Promise<string> => {
    const { stdout } = await runScript(
      `const k = await m.createFastestKernels(${options});` +
        "const [x, y] = [k.allocate(8), k.allocate(8)]; x.data.fill(3); k.affine(x, y, 2, 1); console.log(k.name, y.data[7]);",
    );
    return stdout.trim();
  };

  test("fused multiply-add is there in every supported Node, behind a flag in Node 20; the clock decides whether it is used", async () => {
    const { stdout } = await runScript("console.log(await m.hasRelaxedSimd());");
    expect(stdout.trim()).toBe("true");
    for (const threads of [1, 2]) {
      expect(await nameAndResult(`{ threads: ${threads}, wide: false }`)).toMatch(/^(relaxed-)?simd 7$/);
    }
  });

  test("wide: true turns on the optimisation that this V8 has, or says that it has none", async () => {
    for (const threads of [1, 2]) {
      const result = nameAndResult(`{ threads: ${threads}, wide: true }`);
      if (missingEngine() === null) expect(await result).toBe("wide 7");
      else await expect(result).rejects.toThrow(/needs Node 24 or newer/);
    }
  });

  test("the serial dispatcher runs on a shared memory, too", async () => {
    const loaded = await loadModule({ variant: "simd", shared: true });
    expect(createSerialDispatcher(loaded).workers).toBe(1);
  });
});
