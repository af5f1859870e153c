/** The last layers of a network, in bands of rows and to the image at once: the bits that they have one by one, for any bands, threads and sizes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { init, NoiseGenerator, RandomState, scope, Tensor } from "../../src/index.js";
import { activeKernels } from "../../src/nn/backend.js";
import type { ConvLayer, LayerTensors, Operand, Shaped, Tail } from "../../src/nn/kernels/wasm/fused/types.js";
import { createWasmKernels, type WasmKernels } from "../../src/nn/kernels/wasm/kernels.js";
import { createThreadPool } from "../../src/nn/kernels/wasm/threads/dispatcher.js";
import { hasRelaxedSimd } from "../../src/nn/kernels/wasm/variants.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { setTrainable } from "../../src/stylegan/networks.js";
import { normals, toBlock } from "../support/fusedCases.js";
import { separableFilter } from "../support/fusedReference.js";

interface TailCase {
  readonly n: number;
  readonly inChannels: number;
  readonly channels: number;
  readonly imgChannels: number;
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  readonly noise: "none" | "shared" | "each";
  readonly isOfficial: boolean;
  readonly seed: number;
}

const arbitraryTail: fc.Arbitrary<TailCase> = fc.record({
  n: fc.integer({ min: 1, max: 2 }),
  inChannels: fc.integer({ min: 1, max: 20 }),
  channels: fc.integer({ min: 5, max: 20 }),
  imgChannels: fc.integer({ min: 1, max: 4 }),
  height: fc.integer({ min: 32, max: 70 }),
  width: fc.integer({ min: 32, max: 45 }),
  bands: fc.integer({ min: 1, max: 20 }),
  noise: fc.constantFrom("none", "shared", "each"),
  isOfficial: fc.boolean(),
  seed: fc.integer(),
});

/** The three layers, and their tensors. */
function layersOf(kernels: WasmKernels, c: TailCase) {
  const random = normals(c.seed);
  const { n, inChannels, channels, imgChannels, height, width } = c;
  const taps = c.isOfficial ? [0.125, 0.375, 0.375, 0.125] : [0.1, 0.4, 0.3, 0.2];
  const shaped = (...shape: number[]): Operand => {
    const size = shape.reduce((a, b) => a * b, 1);
    return { shape, block: toBlock(kernels, random(size)) };
  };
  const size = [2 * height, 2 * width];
  const whole = { filter: separableFilter(taps, taps), down: 1, weightGain: 0.9, gain: 1.3, clamp: 2 } as const;
  const styled = (shape: number[], weight: Operand, kernel: 1 | 3): ConvLayer<Operand> => ({
    ...whole,
    x: { shape, block: weight.block },
    weight,
    inputScales: shaped(n, shape[1]),
    outputScales: kernel === 3 ? "unit" : null,
    noise: c.noise === "none" || kernel === 1 ? null : shaped(c.noise === "each" ? n : 1, 1, ...size),
    noiseStrength: kernel === 1 ? null : shaped(),
    bias: shaped(weight.shape[0]),
    up: 1,
    flipWeight: true,
    activation: kernel === 3 ? "lrelu" : "linear",
  });
  const up = styled([n, inChannels, height, width], shaped(channels, inChannels, 3, 3), 3);
  const conv = styled([n, channels, ...size], shaped(channels, channels, 3, 3), 3);
  const image = styled([n, channels, ...size], shaped(imgChannels, channels, 1, 1), 1);
  return [{ ...up, up: 2, flipWeight: false }, conv, image] as const satisfies Tail<ConvLayer<Operand>>;
}

/** Both ways. */
function runBoth(kernels: WasmKernels, c: TailCase): readonly [tail: Float32Array, layers: Float32Array] {
  const fused = kernels.fused!;
  const layers = layersOf(kernels, c);
  const planar = toBlock(kernels, normals(c.seed + 1)(c.n * c.inChannels * c.height * c.width));
  const blocked = (): Operand => fused.toLayout({ shape: layers[0].x.shape, block: planar }, "blocked");
  const tail = fused.planTail(layers as Tail<ConvLayer<Shaped>>, c.bands);
  const inBands = (): Float32Array => {
    const y = tail!.run(blocked(), layers as Tail<LayerTensors<Operand>>);
    expect(y.shape).toEqual(tail!.outputShape);
    const numbers = Float32Array.from(y.block.data);
    kernels.release(y.block);
    return numbers;
  };
  const first = inBands();
  const used = kernels.memory().usedBytes; // with prepared weights
  expect(same(inBands(), first)).toBe(true);
  expect(kernels.memory().usedBytes).toBe(used);
  let x = blocked();
  for (const [k, layer] of layers.entries()) {
    const plan = fused.plan(layer, { input: "blocked", output: k === 2 ? "planar" : "blocked", consumeInput: true });
    x = plan!.run({ ...layer, x });
  }
  return [first, Float32Array.from(x.block.data)];
}

const same = (a: Float32Array, b: Float32Array): boolean => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

test.each([
  [4, 8, "simd"],
  [6, 16, "relaxed-simd"],
] as const)("tiles of %i x %i (%s)", async (rows, cols, variant) => {
  const tile = { rows, cols };
  expect(hasRelaxedSimd()).toBe(true); // turns it on, too
  const one = await createWasmKernels({ variant, tile });
  fc.assert(
    fc.property(arbitraryTail, (c) => {
      const [tail, layers] = runBoth(one, c);
      expect(same(tail, layers)).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("three threads", async () => {
  const createDispatcher = (loaded: Parameters<typeof createThreadPool>[0]) => createThreadPool(loaded, 3);
  const [one, three] = [await createWasmKernels(), await createWasmKernels({ shared: true, createDispatcher })];
  fc.assert(
    fc.property(arbitraryTail, (c) => {
      const [tail, layers] = runBoth(three, c);
      expect(same(tail, layers)).toBe(true);
      expect(same(tail, runBoth(one, c)[0])).toBe(true);
    }),
    { numRuns: 10 },
  );
  three.dispose?.();
});

describe("a network of 1024 pixels", () => {
  test("whoever looks at its layers sees them whole, and the same image; without that they take less memory", async () => {
    await init({ threads: 1 });
    const options = { resolution: 1024, channelBase: 32768, channelMax: 32, mappingLayers: 1, zDim: 32, wDim: 32 };
    const { generator } = createNetworks(networkGeometry(options), 3);
    setTrainable(generator, false);
    const ws = Tensor.from(new RandomState(1).randn(generator.numWs * 32), [1, generator.numWs, 32]);
    const image = (onLayer?: (name: string) => void): Float32Array =>
      scope(() => generator.synthesis.forward(ws, { random: new NoiseGenerator(2), onLayer }).toArray());
    const before = activeKernels().memory().peakBytes;
    const expected = image();
    const peak = activeKernels().memory().peakBytes;
    expect(peak - before).toBeLessThan(140 * 2 ** 20);
    const seen: string[] = [];
    expect(
      same(
        image((name) => seen.push(name)),
        expected,
      ),
    ).toBe(true);
    expect(seen.slice(-3)).toEqual(["b1024.conv0", "b1024.conv1", "b1024.torgb"]);
    expect(activeKernels().memory().peakBytes - peak).toBeGreaterThan(16 * 2 ** 20);
  });
});
