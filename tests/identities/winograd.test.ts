/**
 * Winograd's short convolutions (Lavin and Gray 2016): A^T [(G g G^T) * (B^T d B)] A = g correlated with d.
 *
 * Both sides are bilinear in (d, g), so the identity holds everywhere if it holds for every pair of basis elements: one
 * pixel of the input against one tap of the kernel. That is a proof, not a sample (identity 6). The transform of the weights is linear
 * in them, which is why styles may scale activations instead of weights that were transformed once (identity 7).
 */
import { beforeAll, describe, expect, test } from "vitest";
import { layerShape } from "../../src/nn/kernels/wasm/fused/shape.js";
import { algorithmOf } from "../../src/nn/kernels/wasm/fused/stages.js";
import type { ConvLayer, Operand, Shaped } from "../../src/nn/kernels/wasm/fused/types.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { normals, plainLayer, planOf, toBlock } from "../support/fusedCases.js";

const TAPS = 9;
let kernels: WasmKernels;

beforeAll(async () => {
  kernels = await createWasmKernels();
});

/** One layer on planar numbers, with scales or without. */
function run(
  x: Float32Array,
  w: Float32Array,
  layer: ConvLayer<Shaped>,
  scales: { readonly inputScales: Operand | null; readonly outputScales: Operand | null } = UNSCALED,
): Float32Array {
  const [block, weight] = [toBlock(kernels, x), toBlock(kernels, w)];
  const y = planOf(kernels, { ...layer, ...scales }).run({
    ...{ noise: null, noiseStrength: null, bias: null, ...scales },
    x: { ...layer.x, block },
    weight: { ...layer.weight, block: weight },
  });
  const numbers = new Float32Array(y.block.data);
  for (const used of [block, weight, y.block]) kernels.release(used);
  return numbers;
}

const UNSCALED = { inputScales: null, outputScales: null };

describe.each([
  { algorithm: "f2", size: 12, tolerance: 0 },
  { algorithm: "f4", size: 20, tolerance: 16 * 2 ** -24 },
])("$algorithm", ({ algorithm, size, tolerance }) => {
  test("6: A^T [(G g G^T) * (B^T d B)] A = g correlated with d, for every pixel d of an image and every tap g", () => {
    const layer = plainLayer({ inChannels: 1, outChannels: TAPS, height: size, width: size });
    expect(algorithmOf(layer, layerShape(layer)!)).toBe(algorithm);
    // Output channel k has the kernel whose only tap is k, so one run tests a pixel against all taps.
    const w = new Float32Array(TAPS * TAPS);
    for (let tap = 0; tap < TAPS; tap++) w[tap * TAPS + tap] = 1;
    let pairs = 0;
    for (let pixel = 0; pixel < size * size; pixel++) {
      const x = new Float32Array(size * size);
      x[pixel] = 1;
      const y = run(x, w, layer);
      let worst = 0;
      for (let tap = 0; tap < TAPS; tap++) {
        const [r, s] = [Math.floor(tap / 3), tap % 3];
        for (let at = 0; at < size * size; at++) {
          const [p, q] = [Math.floor(at / size), at % size];
          const expected = (p + r - 1) * size + q + s - 1 === pixel && q + s - 1 >= 0 && q + s - 1 < size ? 1 : 0;
          worst = Math.max(worst, Math.abs(y[tap * size * size + at] - expected));
        }
        pairs++;
      }
      expect(worst, `pixel ${pixel}`).toBeLessThanOrEqual(tolerance);
    }
    expect(pairs).toBe(size * size * TAPS);
  });

  test("7: U(d_j s_i g_ji) = d_j s_i U(g_ji): scaled activations and scaled weights give the same bits", () => {
    const [inChannels, outChannels] = [5, 11];
    const random = normals(3);
    const x = random(inChannels * size * size);
    const w = random(outChannels * inChannels * TAPS);
    // Powers of two scale without rounding, so that the identity is exact.
    const ins = Float32Array.from({ length: inChannels }, (_, i) => 2 ** (i - 2));
    const outs = Float32Array.from({ length: outChannels }, (_, j) => 2 ** ((j % 5) - 2));
    const scaled = w.map((value, at) => {
      const [j, i] = [Math.floor(at / TAPS / inChannels), Math.floor(at / TAPS) % inChannels];
      return value * ins[i] * outs[j];
    });
    const plain = plainLayer({ inChannels, outChannels, height: size, width: size });
    const inputScales = { block: toBlock(kernels, ins), shape: [1, inChannels] };
    const outputScales = { block: toBlock(kernels, outs), shape: [1, outChannels] };
    const onActivations = run(x, w, plain, { inputScales, outputScales });
    const onWeights = run(x, scaled, plain);
    expect([...onActivations]).toEqual([...onWeights]);
    expect(Math.max(...onWeights)).toBeGreaterThan(1);
    kernels.release(inputScales.block);
    kernels.release(outputScales.block);
  });
});
