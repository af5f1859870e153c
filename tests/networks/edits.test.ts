/** Truncation by layers, edits and styles as laws; the files that latents and directions come in. */
import { beforeAll, describe, expect, test } from "vitest";
import { writeNpy, writeNpz } from "../../src/formats/npy.js";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import type { Generator } from "../../src/stylegan/generator.js";
import { createNetworks, networkGeometry } from "../../src/stylegan/geometry.js";
import { readDirections } from "../../src/stylegan/latents/directionFile.js";
import { applyEdits, editStyles, type LatentEdit, styleLayers } from "../../src/stylegan/latents/edits.js";
import { latentArrays, noiseLayers, noiseMap, readLatents, setNoise } from "../../src/stylegan/latents/latentFile.js";
import { styleRange, takeStyles } from "../../src/stylegan/latents/mixing.js";
import { truncateLayers } from "../../src/stylegan/latents/truncation.js";

const W = 5;
let generator: Generator;
const normals = (seed: number, count: number): Float32Array => Float32Array.from(new RandomState(seed).randn(count));
const wsOf = (seed: number): Tensor => Tensor.from(normals(seed, generator.numWs * W), [1, generator.numWs, W]);
const values = (make: () => Tensor): number[] => [...noGrad(() => scope(make)).toFloat64Array()];

beforeAll(() => {
  setKernels(createReferenceKernels("float64"));
  const geometry = networkGeometry({ resolution: 16, zDim: W, wDim: W, mappingLayers: 1, channelMax: 4 });
  generator = createNetworks(geometry, 3).generator;
  generator.mapping.wAvg!.update(({ data }) => data.set(normals(9, W)));
});

describe("truncation by layers", () => {
  test("one psi, and one for the first layers, are the mapping network's, bit for bit", () => {
    const ws = wsOf(1);
    const { mapping, numWs } = generator;
    for (const cutoff of [0, 1, 3, numWs]) {
      const psis = Array.from({ length: numWs }, (_, layer) => (layer < cutoff ? 0.6 : 1));
      const expected = values(() => mapping.truncate(ws, { truncationPsi: 0.6, truncationCutoff: cutoff }));
      expect(values(() => truncateLayers(ws, psis, mapping.wAvg!))).toEqual(expected);
    }
  });

  test("a psi of 1 leaves its layers as they are, to the bit; a psi of 2 takes them as far again", () => {
    const ws = wsOf(1);
    const psis = Array.from({ length: generator.numWs }, (_, layer) => (layer % 2 === 0 ? 1 : 2));
    const [w, c, got] = [
      ws.toFloat64Array(),
      generator.mapping.wAvg!.toFloat64Array(),
      values(() => truncateLayers(ws, psis, generator.mapping.wAvg!)),
    ];
    got.forEach((value, k) => {
      if (Math.floor(k / W) % 2 === 0) expect(value).toBe(w[k]);
      else expect(value).toBeCloseTo(2 * w[k] - c[k % W], 12);
    });
  });

  test("around another centre, one for all layers or one for each", () => {
    const [ws, centre] = [wsOf(1), wsOf(2)];
    const psis = Array.from({ length: generator.numWs }, (_, layer) => layer / 4);
    const rows = Tensor.from(centre.toArray(), [generator.numWs, W]);
    const [w, c] = [ws.toArray(), centre.toArray()];
    const found = values(() => truncateLayers(ws, psis, rows));
    for (const [k, value] of found.entries()) {
      expect(value).toBeCloseTo(c[k] + psis[Math.floor(k / W)] * (w[k] - c[k]), 12);
    }
    expect(
      values(() =>
        truncateLayers(
          ws,
          psis.map(() => 0),
          Tensor.from(c.subarray(0, W), [W]),
        ),
      ),
    ).toEqual(Array.from({ length: found.length }, (_, k) => c[k % W]));
    expect(() => truncateLayers(ws, [1, 2], rows)).toThrow(RangeError);
  });
});

describe("edits", () => {
  test("add up: two steps are one of their sum, bit for bit; in their layers only; back again", () => {
    const ws = wsOf(1);
    const direction = normals(4, W);
    const edit = (amount: number, layers: number[] | null = null): LatentEdit => ({ direction, layers, amount });
    const once = values(() => applyEdits(ws, [edit(3.5, [1, 2])]));
    expect(values(() => applyEdits(ws, [edit(1.25, [1, 2]), edit(2.25, [2, 1])]))).toEqual(once);
    const w = ws.toArray();
    for (const [k, value] of once.entries()) {
      const layer = Math.floor(k / W);
      expect(value).toBeCloseTo(layer === 1 || layer === 2 ? w[k] + 3.5 * direction[k % W] : w[k], 12);
      if (layer === 0 || layer > 2) expect(value).toBe(w[k]);
    }
    expect(values(() => applyEdits(ws, [edit(2), edit(-2)]))).toEqual([...w]);
    expect(applyEdits(ws, [])).toBe(ws);
    const perLayer = normals(5, generator.numWs * W);
    const found = values(() => applyEdits(ws, [{ direction: perLayer, amount: 1, layers: [3] }]));
    expect(found[3 * W]).toBe(w[3 * W] + perLayer[3 * W]);
    expect(found[0]).toBe(w[0]);
  });

  test("what does not fit is refused in words", () => {
    const direction = normals(4, W);
    expect(() => applyEdits(wsOf(1), [{ direction, layers: [9], amount: 1 }])).toThrow("layers 0 to 5, got 9");
    expect(() => applyEdits(wsOf(1), [{ direction: [1, 2], amount: 1 }])).toThrow("5 numbers, or 6 x 5");
  });

  test("a style channel moves what its layer makes; the generator stays as it is; edits of a channel add up", () => {
    const ws = wsOf(1);
    const image = (g: typeof generator): number[] => values(() => g.synthesis.forward(ws, { noiseMode: "none" }));
    const before = image(generator);
    const edit = { layer: "b8.conv1", channel: 2 };
    const edited = editStyles(generator, [{ ...edit, amount: 2 }]) as Generator;
    expect(image(edited)).not.toEqual(before);
    expect(image(generator)).toEqual(before);
    const twice = editStyles(generator, [
      { ...edit, amount: 0.5 },
      { ...edit, amount: 1.5 },
    ]) as Generator;
    expect(image(twice)).toEqual(image(edited));
    expect([...styleLayers(generator).keys()]).toContain("b16.torgb");
    expect(() => editStyles(generator, [{ layer: "b9.conv1", channel: 0, amount: 1 }])).toThrow("it has b4.conv1");
    expect(() => editStyles(generator, [{ ...edit, channel: 4, amount: 1 }])).toThrow("channels 0 to 3, got 4");
  });

  test("mixing takes whole layers; coarse, middle and fine are the paper's", () => {
    expect([styleRange("coarse", 18), styleRange("middle", 18), styleRange("fine", 18).length]).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      10,
    ]);
    expect(styleRange("fine", 8)).toEqual([]);
    const mixed = takeStyles(Float32Array.of(1, 1, 1, 1, 1, 1), Float32Array.of(2, 2, 3, 3, 4, 4), [0, 2], 2);
    expect([...mixed]).toEqual([2, 2, 1, 1, 4, 4]);
  });
});

describe("files of latents", () => {
  const npy = (...shape: number[]) =>
    writeNpy({
      data: normals(
        1,
        shape.reduce((a, b) => a * b),
      ),
      shape,
    });

  test.each([
    [[W], 1],
    [[1, W], 1],
    [[4, W], 4],
    [[6, W], 1],
    [[1, 6, W], 1],
    [[3, 6, W], 3],
    [[3, 1, W], 3],
    [[1, 1, 6, W], 1],
  ])("%j holds %i", (shape, count) => {
    const found = readLatents(npy(...shape), generator);
    expect(found.count).toBe(count);
    const data = normals(
      1,
      shape.reduce((a, b) => a * b),
    );
    const each = data.length / count;
    expect(found.ws).toHaveLength(count * 6 * W);
    found.ws.forEach((value, k) => {
      const image = Math.floor(k / (6 * W));
      expect(value).toBe(data[image * each + (each === W ? k % W : k % (6 * W))]);
    });
  });

  test("by shape, whatever the key; several by name; none, and numbers that are none, in words", () => {
    const w = { data: normals(1, 6 * W), shape: [1, 6, W] };
    const other = { data: normals(2, 2), shape: [2] };
    expect(
      readLatents(
        writeNpz(
          new Map([
            ["anything", w],
            ["x", other],
          ]),
        ),
        generator,
      ).count,
    ).toBe(1);
    expect(
      readLatents(
        writeNpz(
          new Map([
            ["x", w],
            ["w", { ...w, data: normals(7, 6 * W) }],
          ]),
        ),
        generator,
      ).ws[0],
    ).toBe(normals(7, 1)[0]);
    expect(() =>
      readLatents(
        writeNpz(
          new Map([
            ["a", w],
            ["b", w],
          ]),
        ),
        generator,
      ),
    ).toThrow("several arrays could be w: a, b");
    expect(() => readLatents(npy(7, 3), generator)).toThrow("w must be [N, 6, 5] for this network, got [7, 3]");
    const bad = normals(1, 6 * W);
    bad[17] = Number.NaN;
    expect(() => readLatents(writeNpy({ data: bad, shape: [6, W] }), generator)).toThrow("found NaN at [3, 2]");
  });

  test("noise lies beside w, is read back, and is checked", () => {
    const layers = noiseLayers(generator);
    expect(layers).toEqual(["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]);
    const noise = new Map([["b8.conv1", Float64Array.from(normals(3, 64))]]);
    const arrays = latentArrays({ count: 1, ws: Float64Array.from(normals(1, 6 * W)), noise }, generator);
    const found = readLatents(writeNpz(arrays), generator);
    expect(found.noise).toEqual(noise);
    setNoise(generator, found.noise);
    expect([...generator.buffers.get("synthesis.b8.conv1.noise_const")!.toFloat64Array()]).toEqual([...normals(3, 64)]);
    const w = arrays.get("w")!;
    const numbered = new Map([
      ["latent", w],
      ["noise.1", { data: normals(3, 64), shape: [1, 1, 8, 8] }],
    ]);
    expect([...readLatents(writeNpz(numbered), generator).noise.keys()]).toEqual(["b8.conv0"]);
    const images = new Map([
      ["a.png.latent", w],
      ["a.png.noise.1", { data: normals(3, 64), shape: [1, 1, 8, 8] }],
      ["b.png.latent", w],
      ["b.png.noise.1", { data: normals(4, 64), shape: [1, 1, 8, 8] }],
      ["b.png.noise.0", { data: normals(5, 16), shape: [1, 1, 4, 4] }],
    ]);
    const each = readLatents(writeNpz(images), generator);
    expect([each.count, each.noises!.map((maps) => maps.size)]).toEqual([2, [5, 5]]);
    const of = (image: number, layer: string): number[] => [...each.noises![image].get(layer)!];
    expect(of(0, "b8.conv0")).toEqual([...normals(3, 64)]);
    expect(of(1, "b8.conv0")).toEqual([...normals(4, 64)]);
    expect(of(1, "b4.conv1")).toEqual([...normals(5, 16)]);
    expect(of(0, "b4.conv1")).toEqual([...noiseMap(generator, "b4.conv1").toFloat64Array()]); // the network's own
    const list = new Map(["0", "1"].map((name) => [name, w]));
    expect(readLatents(writeNpz(list), generator).count).toBe(2);
    const wrong = new Map([
      ["w", w],
      ["noise/b8.conv0", { data: normals(3, 16), shape: [4, 4] }],
    ]);
    expect(() => readLatents(writeNpz(wrong), generator)).toThrow("noise/b8.conv0 must be [8, 8], found [4, 4]");
    const unknown = new Map([
      ["w", w],
      ["noise/b64.conv0", { data: normals(3, 16), shape: [4, 4] }],
    ]);
    expect(() => readLatents(writeNpz(unknown), generator)).toThrow("a layer that this network does not have");
  });
});

describe("files of directions", () => {
  const array = (...shape: number[]) => ({
    data: normals(
      1,
      shape.reduce((a, b) => a * b),
    ),
    shape,
  });
  const read = (name: string, ...shape: number[]) =>
    readDirections(writeNpz(new Map([[name, array(...shape)]])), generator);

  test.each([
    ["direction", [W], 1, W],
    ["direction", [1, W], 1, W],
    ["direction", [3, W], 3, W],
    ["lat_comp", [8, 1, W], 8, W],
    ["d", [6, W], 1, 6 * W],
    ["directions", [6, W], 6, W],
    ["d", [1, 6, W], 1, 6 * W],
    ["d", [2, 6, W], 2, 6 * W],
  ])("%s %j: %i of %i numbers", (name, shape, count, width) => {
    const { directions } = read(name, ...shape);
    expect(directions.map(({ length }) => length)).toEqual(new Array(count).fill(width));
    expect(directions.flatMap((direction) => [...direction])).toEqual([...array(...shape).data]);
  });

  test("eigvec holds directions as columns", () => {
    const { directions } = read("eigvec", W, W);
    const { data } = array(W, W);
    expect([...directions[1]]).toEqual([1, 6, 11, 16, 21].map((k) => data[k]));
  });

  test("what does not fit is refused in words", () => {
    expect(() => read("d", 4, 4)).toThrow("found d [4, 4]");
    const two = new Map([
      ["a", array(W)],
      ["b", array(W)],
    ]);
    expect(() => readDirections(writeNpz(two), generator)).toThrow("several arrays could be directions: a, b");
    const bad = { data: Float32Array.of(1, 2, Number.POSITIVE_INFINITY, 0, 0), shape: [W] };
    expect(() => readDirections(writeNpz(new Map([["d", bad]])), generator)).toThrow("d must be finite");
  });
});

test("styles: the first channel and the last one can be edited, others are told", () => {
  const [layer, channels] = [...styleLayers(generator)][0];
  const bias = (of: { readonly parameters: ReadonlyMap<string, Tensor> }) =>
    of.parameters.get(`synthesis.${layer}.affine.bias`)!.toFloat64Array();
  for (const channel of [0, channels - 1]) {
    const edited = bias(editStyles(generator, [{ layer, channel, amount: 2 }]));
    expect([...edited].map((value, k) => value - bias(generator)[k])).toEqual(
      Array.from(edited, (_, k) => (k === channel ? 2 : 0)),
    );
  }
  for (const channel of [-1, channels, 0.5]) {
    expect(() => editStyles(generator, [{ layer, channel, amount: 2 }])).toThrow(/has channels 0 to/);
  }
  expect(() => generator.synthesis.forward([1, 2] as never)).toThrow(/synthesis: ws must be a Tensor, got an array/);
});
