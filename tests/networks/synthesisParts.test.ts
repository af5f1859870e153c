/**
 * Synthesis in parts: what a block hands on (`onBlock`) is where another call can begin (`from`), images of skip
 * generators exist at every resolution (`until`), and styles can be seen and changed (`editStyles`).
 */
import { beforeAll, describe, expect, test } from "vitest";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { add, scale } from "../../src/nn/ops/arith.js";
import { setupFilter, upsample2d } from "../../src/nn/ops/upfirdn2d.js";
import { RandomState } from "../../src/nn/random.js";
import { inScope, scope, Tensor } from "../../src/nn/tensor.js";
import type { Architecture } from "../../src/stylegan/config.js";
import type { SynthesisState } from "../../src/stylegan/forward/blocks.js";
import { Generator } from "../../src/stylegan/generator.js";
import { networkGeometry } from "../../src/stylegan/geometry.js";
import { type AnyGenerator, setTrainable } from "../../src/stylegan/networks.js";
import { networkPreset } from "../../src/stylegan/training/presets.js";
import { numbersOf } from "../support/laws.js";

const kinds = ["skip", "orig", "resnet", "stylegan1", "config-d"] as const;

function generator(kind: (typeof kinds)[number]): AnyGenerator {
  const random = new RandomState(5);
  const initial = initialContents(random);
  const size = { resolution: 32, zDim: 8, wDim: 8, channelBase: 256, channelMax: 16 };
  const isGrowing = kind === "stylegan1" || kind === "config-d";
  const config = isGrowing
    ? networkPreset(kind, size).generator
    : networkGeometry({ ...size, generatorArchitecture: kind as Architecture }).generator;
  const network = new Generator(config, (name, shape, data, initialise) => {
    if (name.endsWith("noise_strength")) data.fill(0.5);
    else if (name.endsWith("bias") && !name.includes("affine")) data.set(random.randn(data.length));
    else initial(name, shape, data, initialise);
  });
  return setTrainable(network, false);
}

/** Copies on the JavaScript heap, which outlive the call. */
function kept(states: SynthesisState[]): (state: SynthesisState) => void {
  const copy = (x: Tensor): { data: Float64Array; shape: readonly number[] } => ({
    data: x.toFloat64Array(),
    shape: x.shape,
  });
  return ({ resolution, x, img }) => {
    const [features, image] = [copy(x), img === null ? null : copy(img)];
    states.push({
      resolution,
      get x() {
        return Tensor.from(features.data, features.shape);
      },
      get img() {
        return image === null ? null : Tensor.from(image.data, image.shape);
      },
    });
  };
}

const seedWs = (g: AnyGenerator, seed: number, n = 2): Tensor =>
  g.mapping.forward(Tensor.from(new RandomState(seed).randn(n * g.zDim), [n, g.zDim]));

const same = (a: Tensor, b: Tensor): void => expect(numbersOf(a)).toEqual(numbersOf(b));

describe.each(["kernels", "reference"] as const)("%s", (which) => {
  beforeAll(async () =>
    setKernels(which === "reference" ? createReferenceKernels("float64") : await createKernels({ threads: 1 })),
  );

  test.each(kinds)("%s: from any block on, the image is that of the whole, bit for bit", (kind) => {
    const g = generator(kind);
    const states: SynthesisState[] = [];
    scope(() => {
      const ws = seedWs(g, 1);
      const whole = g.synthesis.forward(ws, { noiseMode: "const", onBlock: kept(states) });
      expect(states.map(({ resolution }) => resolution)).toEqual([4, 8, 16]);
      for (const from of states) same(g.synthesis.forward(ws, { noiseMode: "const", from }), whole);
      // The state matters: with other w's before it, the image is another one.
      const other = g.synthesis.forward(seedWs(g, 2), { noiseMode: "const", from: states[1] });
      expect(numbersOf(other)).not.toEqual(numbersOf(whole));
    });
  });

  test.each(kinds)("%s: the image is as large as the network says, and that is where it ends", (kind) => {
    const g = generator(kind);
    const { synthesis } = g;
    expect([g.imgResolution, g.imgChannels, g.numWs]).toEqual([32, 3, synthesis.numWs]);
    scope(() => {
      const ws = seedWs(g, 1);
      const whole = synthesis.forward(ws, { noiseMode: "const" });
      expect(whole.shape).toEqual([2, synthesis.imgChannels, synthesis.imgResolution, synthesis.imgResolution]);
      if (synthesis.lod !== null) return; // networks that grow have levels of detail
      same(synthesis.forward(ws, { noiseMode: "const", until: synthesis.imgResolution }), whole);
    });
  });

  test.each(["skip", "stylegan1", "config-d"] as const)("%s: from leaves the state as it was", (kind) => {
    const g = generator(kind);
    scope(() => {
      const ws = seedWs(g, 1);
      const states: SynthesisState[] = [];
      g.synthesis.forward(ws, { noiseMode: "none", onBlock: kept(states) });
      const from = { resolution: 16, x: states[2].x, img: states[2].img };
      const before = numbersOf(from.x);
      g.synthesis.forward(ws, { noiseMode: "none", from });
      expect(numbersOf(from.x)).toEqual(before);
    });
  });

  test("skip: until r is the sum of what the resolutions up to r add", () => {
    const g = generator("skip");
    scope(() => {
      const ws = seedWs(g, 3);
      const rgb = new Map<string, { data: Float64Array; shape: readonly number[] }>();
      const onLayer = (name: string, y: Tensor): void => {
        if (name.endsWith("torgb")) rgb.set(name, { data: y.toFloat64Array(), shape: y.shape });
      };
      const whole = g.synthesis.forward(ws, { noiseMode: "const", onLayer });
      let sum: Tensor | null = null;
      for (const until of [4, 8, 16, 32]) {
        const { data, shape } = rgb.get(`b${until}.torgb`)!;
        const own = Tensor.from(data, shape);
        const before: Tensor | null = sum;
        sum = inScope(() => (before === null ? own : add(upsample2d(before, setupFilter([1, 3, 3, 1])), own)));
        same(g.synthesis.forward(ws, { noiseMode: "const", until }), sum);
      }
      same(sum!, whole);
    });
  });

  test.each(kinds)("%s: styles that are only looked at change nothing; every styled layer is asked once", (kind) => {
    const g = generator(kind);
    scope(() => {
      const ws = seedWs(g, 4);
      const [layers, styled]: string[][] = [[], []];
      const whole = g.synthesis.forward(ws, { noiseMode: "const", onLayer: (name) => void layers.push(name) });
      const looked = g.synthesis.forward(ws, {
        noiseMode: "const",
        editStyles: (name, styles) => {
          styled.push(name);
          return styles;
        },
      });
      same(looked, whole);
      const plain = (name: string): boolean => kind === "stylegan1" && name.endsWith("torgb"); // has no style
      expect(styled).toEqual(layers.filter((name) => !plain(name)));
    });
  });

  test("skip: without its style a toRgb adds its bias alone", () => {
    const g = generator("skip");
    scope(() => {
      const edit = (name: string, styles: Tensor): Tensor => (name === "b4.torgb" ? scale(styles, 0) : styles);
      const image = g.synthesis.forward(seedWs(g, 6), { noiseMode: "const", until: 4, editStyles: edit });
      const bias = numbersOf(g.parameters.get("synthesis.b4.torgb.bias")!);
      const pixels = numbersOf(image);
      for (let at = 0; at < pixels.length; at++) expect(pixels[at]).toBe(bias[Math.floor(at / 16) % 3]);
    });
  });
});

test("what cannot be is refused", () => {
  const skip = generator("skip");
  const ws = seedWs(skip, 1);
  const state = (resolution: number, img: Tensor | null): SynthesisState => ({
    resolution,
    x: Tensor.zeros([2, 16, resolution, resolution]),
    img,
  });
  const img = Tensor.zeros([2, 3, 8, 8]);
  const forward =
    (options: object, g = skip) =>
    () =>
      g.synthesis.forward(ws, { noiseMode: "none", ...options });
  expect(forward({ until: 12 })).toThrow("until must be one of 4, 8, 16, 32, got 12");
  expect(forward({ from: state(8, img), until: 8 })).toThrow("until must be one of 16, 32, got 8");
  expect(forward({ from: state(32, null) })).toThrow("from.resolution must be one of 4, 8, 16, got 32");
  expect(forward({ from: state(8, null) })).toThrow("from.img must be the image so far");
  expect(forward({ from: { ...state(8, img), x: Tensor.zeros([1, 16, 8, 8]) } })).toThrow(
    "from.x must be [N, C, H, W]",
  );
  expect(forward({ editStyles: () => Tensor.zeros([2, 3]) })).toThrow("the edited styles of b4.conv1 must be");
  expect(forward({ until: 16 }, generator("resnet"))).toThrow('architecture "resnet" has no image at 16x16');
  expect(forward({ until: 16 }, generator("config-d"))).toThrow("a network that grows has lod");
});
