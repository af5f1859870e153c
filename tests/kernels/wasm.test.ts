/**
 * The pair: every SIMD kernel against its definition, over drawn shapes, in guarded memory, within computed bounds.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import type { Kernels } from "../../src/nn/kernels/types.js";
import { createSerialDispatcher, loadModule } from "../../src/nn/kernels/wasm/engine.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import { assertWithinBound } from "../support/bounds.js";
import { Draw, SEED } from "../support/draw.js";
import { GuardedMemory } from "../support/guarded.js";
import { kernelCases, layerExports } from "../support/kernelCases/all.js";
import type { KernelCase, KernelProblem } from "../support/kernelCases/case.js";
import { convProblems } from "../support/kernelCases/conv.js";

const reference = createReferenceKernels("float64");
const executed = new Set<string>();
let simd: WasmKernels;
/** The build with fused multiply-add; the plain one where the engine has none. */
let relaxed: WasmKernels;

beforeAll(async () => {
  relaxed = await createWasmKernels({ variant: (await hasRelaxedSimd()) ? "relaxed-simd" : "simd" });
  simd = await createWasmKernels({
    createDispatcher: (loaded) => {
      const serial = createSerialDispatcher(loaded);
      return {
        workers: 1,
        parallel(name, args, chunks) {
          if (chunks > 0) executed.add(name);
          serial.parallel(name, args, chunks);
        },
      };
    },
  });
});

/** Runs a problem on kernels whose blocks are plain arrays. */
function runPlain(kernels: Kernels, problem: KernelProblem, inputs: readonly Float32Array[], positive: boolean) {
  const blocks = inputs.map((data) => ({ length: data.length, data }));
  const output = { length: problem.output, data: new Float64Array(problem.output).fill(Number.NaN) };
  problem.run(kernels, blocks, output, positive);
  return output.data;
}

function runGuarded(
  problem: KernelProblem,
  inputs: readonly Float32Array[],
  offset: number,
  kernels = simd,
): Float32Array {
  const guarded = new GuardedMemory(kernels);
  const blocks = inputs.map((data, at) => guarded.input(data, (offset + at) % 4));
  const output = guarded.output(problem.output, offset);
  problem.run(kernels, blocks, output, false);
  guarded.check();
  const result = Float32Array.from(output.data);
  guarded.release();
  return result;
}

function contents(kernelCase: KernelCase, problem: KernelProblem, seed: number, element: (draw: Draw) => number) {
  const draw = new Draw(seed);
  const positive = kernelCase.kind === "positive";
  return problem.inputs.map((length) =>
    Float32Array.from({ length }, () => (positive ? Math.abs(element(draw)) + 0.01 : element(draw))),
  );
}

describe.each(kernelCases)("$name", (kernelCase) => {
  const drawn = fc.record({ problem: kernelCase.problem, seed: fc.nat(), offset: fc.nat({ max: 3 }) });
  const options = { seed: SEED, numRuns: 40 };

  test.each([
    { build: "simd", numRuns: 40 },
    { build: "relaxed", numRuns: 10 },
  ])("$build(x) = reference(x) within the bound, nothing else read or written", ({ build, numRuns }) => {
    let signal = 0;
    let tolerance = 0;
    let runs = 0;
    fc.assert(
      fc.property(drawn, ({ problem, seed, offset }) => {
        const inputs = contents(kernelCase, problem, seed, (draw) => draw.normal());
        const expected = runPlain(reference, problem, inputs, false);
        const absolute = inputs.map((data) => data.map(Math.abs));
        const terms = kernelCase.terms === "output" ? expected : runPlain(reference, problem, absolute, true);
        const found = runGuarded(problem, inputs, offset, build === "simd" ? simd : relaxed);
        const report = assertWithinBound(found, expected, terms, kernelCase.c);
        signal = Math.max(signal, report.signal);
        tolerance = Math.max(tolerance, report.tolerance);
        runs++;
      }),
      { ...options, numRuns },
    );
    expect(runs).toBe(numRuns);
    expect(tolerance).toBeLessThan(signal * 1e-4);
  });

  if (kernelCase.kind === "linear") {
    test("on integers, and on inputs scaled by 2^k, exactly", () => {
      fc.assert(
        fc.property(drawn, fc.integer({ min: -8, max: 8 }), ({ problem, seed, offset }, exponent) => {
          const integers = contents(kernelCase, problem, seed, (draw) => draw.integer(-4, 4));
          const expected = runPlain(reference, problem, integers, false);
          expect(runGuarded(problem, integers, offset)).toEqual(Float32Array.from(expected));
          const inputs = contents(kernelCase, problem, seed, (draw) => draw.normal());
          const plain = runGuarded(problem, inputs, offset);
          const factor = 2 ** exponent;
          const scaled = inputs.map((data, at) => (at === 0 ? data.map((value) => value * factor) : data));
          if (kernelCase.name.startsWith("binary") && kernelCase.name !== "binary mul") {
            scaled[1] = inputs[1].map((value) => value * factor); // linear in the pair
          }
          expect(runGuarded(problem, scaled, offset)).toEqual(plain.map((value) => value * factor));
        }),
        { ...options, numRuns: 20 },
      );
    });
  }
});

/** One convolution, large enough for many chunks: direct with 5 channels, points with 24. */
function sampleConv(
  kernels: Kernels,
  { name, inChannels, stride }: { name: keyof typeof convProblems; inChannels: number; stride: number },
): Float32Array {
  const draw = new Draw(7);
  const geometry = {
    ...{ n: 2, inChannels, outChannels: 20, height: 33, width: 41, kernelHeight: 3, kernelWidth: 3, stride },
    ...{ padY: 1, padX: 1, outHeight: Math.ceil(33 / stride), outWidth: Math.ceil(41 / stride), groups: 1 },
  };
  const problem = convProblems[name](geometry);
  const blocks = [...problem.inputs, problem.output].map((length) => kernels.allocate(length));
  for (const block of blocks) block.data.set(Float32Array.from({ length: block.length }, () => draw.normal()));
  problem.run(kernels, blocks.slice(0, 2), blocks[2], false);
  const result = Float32Array.from(blocks[2].data);
  for (const block of blocks) kernels.release(block);
  return result;
}

test("shared memory gives the same bits; the order of the chunks and who runs them do not matter", async () => {
  const shared = await createWasmKernels({ shared: true });
  const shuffled = await createWasmKernels({
    createDispatcher: ({ kernels }) => ({
      workers: 3,
      parallel(name, args, chunks) {
        for (let chunk = chunks - 1; chunk >= 0; chunk--) kernels[name](args, chunk, chunk % 3);
      },
    }),
  });
  for (const name of ["conv2d", "conv2dInputGrad", "conv2dWeightGrad"] as const) {
    for (const [inChannels, stride] of [5, 24].flatMap((channels) => [1, 2].map((step) => [channels, step]))) {
      const sample = { name, inChannels, stride };
      const expected = sampleConv(simd, sample);
      expect(sampleConv(shared, sample)).toEqual(expected);
      expect(sampleConv(shuffled, sample)).toEqual(expected);
    }
  }
});

test("the micro-kernel changes no bit: the clock may choose it, and a training run can be resumed", async () => {
  const variant = (await hasRelaxedSimd()) ? "relaxed-simd" : "simd";
  const [small, large] = [
    await createWasmKernels({ variant, tile: { rows: 4, cols: 8 } }),
    await createWasmKernels({ variant, tile: { rows: 6, cols: 8 } }),
  ];
  for (const name of ["conv2d", "conv2dInputGrad", "conv2dWeightGrad"] as const) {
    for (const stride of [1, 2]) {
      const sample = { name, inChannels: 24, stride };
      expect(sampleConv(large, sample)).toEqual(sampleConv(small, sample));
    }
  }
});

test("blocks of other kernels are accepted, and written back", () => {
  const float64 = createReferenceKernels("float64");
  const [x, y] = [float64.allocate(5), float64.allocate(5)];
  x.data.set([1, -2, 3, -4, 5]);
  simd.affine(x, y, 2, 1);
  expect([...y.data]).toEqual([3, -3, 7, -7, 11]);
  simd.unary("neg", y, y);
  expect([...y.data]).toEqual([-3, 3, -7, 7, -11]);
  expect(simd.memory().usedBytes).toBe(0);
});

test("growing the memory leaves blocks valid, and releasing twice is an error", () => {
  const block = simd.allocate(3);
  block.data.set([1, 2, 3]);
  const before = simd.memory().reservedBytes;
  const large = simd.allocate(before / 4);
  expect(simd.memory().reservedBytes).toBeGreaterThan(before);
  expect([...block.data]).toEqual([1, 2, 3]);
  simd.release(large);
  simd.release(block);
  expect(() => simd.release(block)).toThrow(RangeError);
  expect(() => simd.allocate(2 ** 31)).toThrow(/no room for/);
  expect(() => simd.release({ length: 1, data: new Float32Array(1) })).toThrow(RangeError);
});

test("every export of the module is run by a case here, or by a fused layer", async () => {
  const { module } = await loadModule({ variant: "simd", shared: false });
  const exported = WebAssembly.Module.exports(module).filter((entry) => entry.kind === "function");
  expect(exported.map((entry) => entry.name).sort()).toEqual([...executed, ...layerExports].sort());
  expect(executed.size).toBeGreaterThan(25);
});

afterAll(() => {
  expect(simd.memory().usedBytes).toBe(0);
});
