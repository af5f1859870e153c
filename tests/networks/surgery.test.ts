/** Surgery as laws: a network with itself is itself; what is kept is kept bit for bit; what does not fit is named. */
import { beforeAll, describe, expect, test } from "vitest";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { growthImages } from "../../src/stylegan/latents/growthImages.js";
import { NetworkAverage } from "../../src/stylegan/surgery/average.js";
import { blendNetworks, haveSameMapping } from "../../src/stylegan/surgery/blend.js";
import { resizeNetwork } from "../../src/stylegan/surgery/resize.js";
import { type AnyNetwork, tensorsOf } from "../../src/stylegan/surgery/tensors.js";
import { Draw } from "../support/draw.js";
import { smallNetworks } from "../support/growingNetworks.js";

const W = 4;
const make = (seed: number, resolution = 16, channelMax = 6) =>
  createNetworks(networkGeometry({ resolution, zDim: W, wDim: W, mappingLayers: 1, channelMax }), seed);
const numbers = (network: AnyNetwork): Record<string, number[]> =>
  Object.fromEntries([...tensorsOf(network)].map(([name, { internals }]) => [name, [...internals.block.data]]));

beforeAll(() => setKernels(createReferenceKernels("float64")));

describe("blend", () => {
  test("a network with itself is itself, bit for bit, generator and discriminator, at every split and width", () => {
    const { generator, discriminator } = make(1);
    for (const network of [generator, discriminator] as AnyNetwork[]) {
      for (const options of [{ splitRes: 8 }, { splitRes: 16, blendWidth: 1.7, mapping: "high" as const }]) {
        expect(numbers(blendNetworks(network, network, options))).toEqual(numbers(network));
      }
    }
  });

  test("blocks from the split on are the fine network's, all else the coarse one's; the mapping as asked", () => {
    const [a, b] = [make(1).generator, make(2).generator];
    const [left, right] = [numbers(a), numbers(b)];
    for (const mapping of ["low", "high"] as const) {
      for (const [name, values] of Object.entries(numbers(blendNetworks(a, b, { splitRes: 8, mapping })))) {
        const isHigh = /\.b(8|16)\./.test(name) || (mapping === "high" && name.startsWith("mapping."));
        expect(values, name).toEqual((isHigh ? right : left)[name]);
      }
    }
    expect([haveSameMapping(a, a), haveSameMapping(a, b)]).toEqual([true, false]);
  });

  test("with a width, the share of the fine network grows from layer to layer along the logistic curve", () => {
    const [a, b] = [make(1).generator, make(2).generator];
    const blended = numbers(blendNetworks(a, b, { splitRes: 8, blendWidth: 2 }));
    const [left, right] = [numbers(a), numbers(b)];
    const shares = ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"].map((layer) => {
      const name = `synthesis.${layer}.weight`;
      return (blended[name][0] - left[name][0]) / (right[name][0] - left[name][0]);
    });
    for (const [k, share] of shares.entries()) expect(share).toBeCloseTo(1 / (1 + Math.exp(-(k - 0.5) / 2)), 10);
  });

  test("what does not fit is named: the first tensor, the setting, the split", () => {
    const { generator } = make(1);
    const names = ["a.pkl", "b.pkl"] as const;
    const blend = (other: typeof generator) => () => blendNetworks(generator, other, { splitRes: 8, names });
    expect(blend(make(1, 32).generator)).toThrow(
      "synthesis.b32.conv0.affine.weight is missing in a.pkl and [6, 4] in b.pkl",
    );
    expect(blend(make(1, 16, 5).generator)).toThrow("synthesis.b4.const is [6, 4, 4] in a.pkl and [5, 4, 4] in b.pkl");
    const clamped = networkGeometry({
      resolution: 16,
      zDim: W,
      wDim: W,
      mappingLayers: 1,
      channelMax: 6,
      convClamp: 8,
    });
    expect(blend(createNetworks(clamped, 1).generator)).toThrow("synthesis.convClamp is null and 8");
    expect(() => blendNetworks(generator, generator, { splitRes: 32 })).toThrow("4 to 16, got 32");
    expect(() => blendNetworks(generator, generator, { splitRes: 8, blendWidth: -1 })).toThrow(RangeError);
  });
});

describe("average", () => {
  test("of one network, or of one twice, is that network, bit for bit", () => {
    const { generator } = make(1);
    for (const times of [1, 2]) {
      const average = new NetworkAverage<typeof generator>();
      for (let k = 0; k < times; k++) average.add(generator);
      expect(numbers(average.result())).toEqual(numbers(generator));
    }
  });

  test("is the mean of every weight; constant noise is the last one's", () => {
    const networks = [1, 2, 3].map((seed) => make(seed).generator);
    const average = new NetworkAverage<(typeof networks)[0]>();
    for (const network of networks) average.add(network);
    const all = networks.map(numbers);
    for (const [name, values] of Object.entries(numbers(average.result()))) {
      if (name.endsWith("noise_const")) expect(values).toEqual(all[2][name]);
      else
        for (const [k, value] of values.entries())
          expect(value).toBeCloseTo((all[0][name][k] + all[1][name][k] + all[2][name][k]) / 3, 12);
    }
    expect(() => average.add(make(1, 8).generator, "small.pkl")).toThrow("missing in small.pkl");
    expect(() => new NetworkAverage().result()).toThrow("no network was added");
  });
});

describe("resize", () => {
  test("up and down again is the network, bit for bit; what is added is named", () => {
    const { generator, discriminator } = make(1);
    for (const network of [generator, discriminator] as AnyNetwork[]) {
      const larger = resizeNetwork(network, 64, { seed: 5 });
      expect(larger.network.imgResolution).toBe(64);
      expect(larger.untrained.every((name) => /b(32|64)\./.test(name))).toBe(true);
      expect(larger.untrained.length).toBeGreaterThan(4);
      const back = resizeNetwork(larger.network, 16);
      const own = numbers(network);
      const again = numbers(back.network);
      for (const name of Object.keys(own))
        if (!back.untrained.includes(name)) expect(again[name], name).toEqual(own[name]);
      if (network === generator) expect(back.untrained).toEqual([]);
    }
  });

  test("a skip generator that is cut shows what it had at that size", () => {
    const { generator } = make(1);
    const { network, untrained } = resizeNetwork(generator, 8);
    expect(untrained).toEqual([]);
    expect(network.numWs).toBe(4);
    const ws = Tensor.from(new RandomState(2).randn(generator.numWs * W), [1, generator.numWs, W]);
    const small = noGrad(() =>
      scope(() =>
        network.synthesis.forward(Tensor.from(ws.toFloat64Array().subarray(0, 4 * W), [1, 4, W]), {
          noiseMode: "const",
        }),
      ),
    );
    const before = growthImages(generator, ws)[1].toFloat64Array(); // at 8x8, each pixel 2x2 times
    small.toFloat64Array().forEach((value, k) => {
      const [c, y, x] = [Math.floor(k / 64), Math.floor(k / 8) % 8, k % 8];
      expect(value).toBeCloseTo(before[(c * 16 + 2 * y) * 16 + 2 * x], 10);
    });
  });

  test("a network that grows shows its image enlarged, until it is trained on", () => {
    const generator = smallNetworks("stylegan1", 16, new Draw(1)).g;
    const larger = resizeNetwork(generator, 32).network;
    const z = Tensor.from(new RandomState(2).randn(generator.zDim), [1, generator.zDim]);
    const [small, large] = [generator, larger].map((network) =>
      noGrad(() => scope(() => network.forward(z, null, { noiseMode: "const" }))).toFloat64Array(),
    );
    large.forEach((value, k) => {
      const [c, y, x] = [Math.floor(k / 1024), Math.floor(k / 32) % 32, k % 32];
      expect(value).toBeCloseTo(small[(c * 16 + (y >> 1)) * 16 + (x >> 1)], 10);
    });
  });

  test("other numbers are refused", () => {
    expect(() => resizeNetwork(make(1).generator, 24)).toThrow("a power of two of at least 4, got 24");
  });
});
