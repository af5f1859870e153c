/** Networks from checkpoints record nothing, and so run on the fused kernels without being asked to. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Generator, init, loadCheckpoint, scope, seedsToZ, variable } from "../../src/index.js";
import { activeKernels } from "../../src/nn/backend.js";

const path = fileURLToPath(new URL("../fixtures/checkpoints/sg2ada-r16-orig-orig.pkl", import.meta.url));
let gEma: Generator;

beforeAll(async () => {
  await init({ kernels: "simd", threads: 1 });
  gEma = (await loadCheckpoint(path, { networks: ["gEma"] })).gEma as Generator;
});
afterAll(() => init({ kernels: "auto" }));

const image = () => gEma.forward(seedsToZ([0], gEma.zDim), null, { noiseMode: "const" });

test("a loaded generator runs fused: its weights are prepared, its image is not recorded", () => {
  expect(activeKernels().fused!.memory().preparedBytes).toBe(0);
  expect(scope(image).requiresGrad).toBe(false);
  expect(activeKernels().fused!.memory().preparedBytes).toBeGreaterThan(0);
});

test("a parameter that wants gradients is recorded again", () => {
  const weight = gEma.parameters.get("synthesis.b16.torgb.weight")!;
  expect(scope(() => image().requiresGrad)).toBe(false);
  variable(weight);
  expect(scope(() => image().requiresGrad)).toBe(true);
});
