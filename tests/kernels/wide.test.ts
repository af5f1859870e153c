/**
 * The build for 256-bit vectors gives the bits of the relaxed one: a training run may go from one to the other. On engines that
 * join pairs of vectors (V8 13 and newer) the flag for it is set, and only optimised code runs: what is compared is what they
 * make of it. On others it is the source alone.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { nodeModule, v8Version } from "../../src/host.js";
import type { Block } from "../../src/nn/kernels/block.js";
import type { Dispatcher, LoadedModule } from "../../src/nn/kernels/wasm/engine.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { trialCases } from "../../src/nn/kernels/wasm/trial/cases.js";
import { compareBuilds } from "../../src/nn/kernels/wasm/trial/compare.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import { Draw, SEED } from "../support/draw.js";
import { arbitraryLayer, runLayer } from "../support/fusedCases.js";
import { kernelCases } from "../support/kernelCases/all.js";
import type { KernelCase, KernelProblem } from "../support/kernelCases/case.js";

const joins = v8Version() >= 13;
if (!joins) console.info(`wide.test.ts: V8 ${v8Version()} joins no vectors; comparing the two sources only`);

let relaxed: WasmKernels;
let wide: WasmKernels;

beforeAll(async () => {
  const { setFlagsFromString } = nodeModule("v8");
  if (joins) for (const flag of ["--experimental-wasm-revectorize", "--no-liftoff"]) setFlagsFromString(flag);
  // V8 14 inlines by what its first compiler has seen: without that one it ends the process, whatever the module.
  if (v8Version() >= 14) setFlagsFromString("--no-wasm-inlining");
  // As if on two threads: then there are seams between chunks.
  const createDispatcher = ({ kernels }: LoadedModule): Dispatcher => ({
    workers: 2,
    parallel(name, args, chunks) {
      for (let chunk = 0; chunk < chunks; chunk++) kernels[name](args, chunk, chunk & 1);
    },
  });
  relaxed = await createWasmKernels({ variant: "relaxed-simd", tile: { rows: 6, cols: 8 }, createDispatcher });
  wide = await createWasmKernels({ variant: "wide", tile: { rows: 6, cols: 16 }, createDispatcher });
});

/** The bits of the output. Contents of every magnitude, zeros of both signs among them. */
function bits(kernels: WasmKernels, { kind }: KernelCase, problem: KernelProblem, seed: number): Uint32Array {
  const draw = new Draw(seed);
  const element = (): number => {
    const value = draw.uniform() < 0.1 ? 0 * draw.normal() : draw.normal() * 2 ** draw.integer(-6, 6);
    return kind === "positive" ? Math.abs(value) + 2 ** -9 : value;
  };
  const filled = (length: number): Block => {
    const block = kernels.allocate(length);
    for (let k = 0; k < length; k++) block.data[k] = element();
    return block;
  };
  const inputs = problem.inputs.map(filled);
  const output = filled(problem.output);
  problem.run(kernels, inputs, output, false);
  const result = Uint32Array.from(new Uint32Array(Float32Array.from(output.data).buffer));
  for (const block of [...inputs, output]) kernels.release(block);
  return result;
}

describe.skipIf(!hasRelaxedSimd())(`wide = relaxed, bit for bit${joins ? ", pairs joined" : ""}`, () => {
  test.each(kernelCases)("$name", (kernelCase) => {
    fc.assert(
      fc.property(kernelCase.problem, fc.integer(), (problem, seed) => {
        expect(bits(wide, kernelCase, problem, seed)).toEqual(bits(relaxed, kernelCase, problem, seed));
      }),
      { numRuns: 5, seed: SEED },
    );
  });

  test("what the trial runs: all exports, feature maps that are overwritten among them", () => {
    expect(compareBuilds(trialCases, relaxed, wide).differs).toBe(null);
  });

  test("fused layers", () => {
    fc.assert(
      fc.property(arbitraryLayer, (c) => {
        const [a, b] = [wide, relaxed].map((kernels) => Float32Array.from(runLayer(kernels, c).y));
        expect(Buffer.from(a.buffer).equals(Buffer.from(b.buffer))).toBe(true);
      }),
      { numRuns: 80, seed: SEED },
    );
  });
});
