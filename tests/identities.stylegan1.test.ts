/**
 * What is true of StyleGAN (2018) and of networks that grow, as equations: scaling and blur, the fused convolutions and
 * their mirror, He's gain, what AdaIN forgets, levels of detail, and the schedule that walks through them. AdaIN itself
 * is identity 22, in identities.adain.test.ts.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../src/nn/autograd.js";
import { setKernels } from "../src/nn/backend.js";
import { checkGradients } from "../src/nn/gradcheck.js";
import { createReferenceKernels } from "../src/nn/kernels/reference.js";
import { DenseLayer } from "../src/nn/layers/dense.js";
import { type Contents, initialContents, ParameterTree } from "../src/nn/layers/module.js";
import { lerp, mul, scale } from "../src/nn/ops/arith.js";
import { conv2dResample } from "../src/nn/ops/conv2dResample.js";
import { flip, slice } from "../src/nn/ops/layout.js";
import { sum } from "../src/nn/ops/reduce.js";
import { downsample2d, filter2d, setupFilter, upsample2d } from "../src/nn/ops/upfirdn2d.js";
import { RandomState } from "../src/nn/random.js";
import { scope, Tensor } from "../src/nn/tensor.js";
import { parseConfig } from "../src/stylegan/checkpoint/configSchema.js";
import { expectedTensors } from "../src/stylegan/checkpoint/parameterNames.js";
import type { Stylegan1GeneratorConfig } from "../src/stylegan/config.js";
import { makeDiscriminator, makeGenerator } from "../src/stylegan/networks.js";
import { networkPreset, type PresetName, presetNames } from "../src/stylegan/presets.js";
import {
  imagesAtLod,
  layersAt,
  momentAt,
  type ProgressiveSchedule,
  resetsOptimizers,
  setLod,
} from "../src/stylegan/progressive.js";
import { ProgressiveDiscriminator } from "../src/stylegan/stylegan1/discriminator.js";
import { ProgressiveGenerator } from "../src/stylegan/stylegan1/generator.js";
import { downscale2d, upscale2d } from "../src/stylegan/stylegan1/growing.js";
import { downscaleConv2d, upscaleConv2d } from "../src/stylegan/stylegan1/layers.js";
import { Draw } from "./support/draw.js";
import { apart, dot, dotSize, equal, identical, largest, law } from "./support/laws.js";

beforeAll(() => setKernels(createReferenceKernels("float64")));

const images = {
  n: fc.integer({ min: 1, max: 2 }),
  c: fc.integer({ min: 1, max: 3 }),
  side: fc.constantFrom(2, 4, 6, 8),
};

describe("scaling: nearest neighbour up, box down", () => {
  law("down(up(x)) = x", { ...images, factor: fc.constantFrom(1, 2, 4) }, ({ n, c, side, factor }, draw) => {
    const x = draw.normals([n, c, side, side]);
    equal(downscale2d(upscale2d(x, factor), factor), x);
  });

  law("<up(x), y> = factor^2 <x, down(y)>", { ...images, factor: fc.constantFrom(2, 4) }, (shape, draw) => {
    const { n, c, side, factor } = shape;
    const x = draw.normals([n, c, side, side]);
    const y = draw.normals([n, c, side * factor, side * factor]);
    const right = scale(downscale2d(y, factor), factor ** 2);
    equal(dot(upscale2d(x, factor), y), dot(x, right), { scale: dotSize(x, right) });
  });

  law("two steps are one: up2(up2(x)) = up4(x), down2(down2(x)) = down4(x)", images, ({ n, c, side }, draw) => {
    const x = draw.normals([n, c, side, side]);
    identical(upscale2d(upscale2d(x)), upscale2d(x, 4));
    const y = draw.normals([n, c, 2 * side, 2 * side]);
    equal(downscale2d(downscale2d(y)), downscale2d(y, 4));
  });

  law("with the blur, StyleGAN scales as StyleGAN2 does: [1, 2, 1] * [1, 1] = [1, 3, 3, 1]", images, (shape, draw) => {
    const x = draw.normals([shape.n, shape.c, shape.side, shape.side]);
    const [blur, smooth] = [setupFilter([1, 2, 1]), setupFilter([1, 3, 3, 1])];
    equal(filter2d(upscale2d(x), blur), upsample2d(x, smooth));
    equal(downscale2d(filter2d(x, blur)), downsample2d(x, smooth));
  });
});

const convolutions = {
  n: fc.integer({ min: 1, max: 2 }),
  i: fc.integer({ min: 1, max: 3 }),
  o: fc.integer({ min: 1, max: 3 }),
  side: fc.constantFrom(4, 6, 8),
};
type Convolution = { n: number; i: number; o: number; side: number };

const convolution = ({ n, i, o, side }: Convolution, draw: Draw) => ({
  x: draw.normals([n, i, side, side]),
  w: draw.normals([o, i, 3, 3]),
  gain: draw.uniform(0.5, 2),
});

describe("fused scaling: one strided operation with the kernel at its four positions", () => {
  law("down: conv_{stride 2}(x, w4 / 4) = box(conv(x, w))", convolutions, (shape, draw) => {
    const { x, w, gain } = convolution(shape, draw);
    equal(downscaleConv2d(x, w, { gain, fused: true }), downscaleConv2d(x, w, { gain, fused: false }));
  });

  law(
    "up: convT_{stride 2}(x, w4) = conv(nearest(x), mirrored w); without the mirror they differ",
    convolutions,
    (shape, draw) => {
      const { x, w, gain } = convolution(shape, draw);
      const fused = upscaleConv2d(x, w, { gain, fused: true });
      equal(fused, upscaleConv2d(x, flip(w, [2, 3]), { gain, fused: false }));
      apart(fused, upscaleConv2d(x, w, { gain, fused: false }), 0.01);
    },
  );

  law(
    "down, inside the border, is StyleGAN2's: box(conv(blur(x))) = conv_{stride 2}(FIR_[1,3,3,1](x))",
    convolutions,
    (shape, draw) => {
      const { x, w } = convolution(shape, draw);
      const stylegan = downscaleConv2d(filter2d(x, setupFilter([1, 2, 1])), w, { gain: 1, fused: false });
      const stylegan2 = conv2dResample(x, w, setupFilter([1, 3, 3, 1]), { down: 2, padding: 1 });
      const inside = (y: Tensor): Tensor => slice(slice(y, 2, 1, y.shape[2] - 1), 3, 1, y.shape[3] - 1);
      const size = largest(stylegan2);
      if (shape.side > 4) equal(inside(stylegan), inside(stylegan2), { scale: size });
      // At the border StyleGAN's convolution finds zeros where StyleGAN2's still sees the blurred image.
      apart(stylegan, stylegan2, 1e-3);
    },
  );
});

describe("He's gain in the weight", () => {
  law(
    "lrelu(sqrt(2) W x + b) = sqrt(2) lrelu(W x + b / sqrt(2)): the same functions, another scale of the bias",
    {
      n: fc.integer({ min: 1, max: 4 }),
      inFeatures: fc.integer({ min: 1, max: 6 }),
      outFeatures: fc.integer({ min: 1, max: 6 }),
    },
    ({ n, inFeatures, outFeatures }, draw) => {
      const [weight, bias] = [draw.normals([outFeatures, inFeatures]), draw.normals([outFeatures])];
      const layer = (heGain: "weight" | "activation", biasScale: number): DenseLayer => {
        const contents: Contents = (name, _, data) =>
          data.set(name === "weight" ? weight.toFloat64Array() : scale(bias, biasScale).toFloat64Array());
        return new DenseLayer(new ParameterTree(contents), inFeatures, outFeatures, { activation: "lrelu", heGain });
      };
      const x = draw.normals([n, inFeatures]);
      equal(layer("weight", 1).forward(x), layer("activation", Math.SQRT1_2).forward(x));
    },
  );
});

/** Small networks, with parameters drawn so that noise, biases and styles all matter. */
const SMALL = { channelBase: 32, channelMax: 4, zDim: 6, wDim: 6, mappingLayers: 2 } as const;

function drawnContents(draw: Draw): Contents {
  return (name, _, data) => {
    if (name.endsWith("lod")) data.fill(0);
    else for (let index = 0; index < data.length; index++) data[index] = draw.normal();
  };
}

function smallNetworks(name: PresetName, resolution: number, draw: Draw, cDim = 0) {
  const { generator, discriminator } = networkPreset(name, { resolution, cDim, ...SMALL });
  const g = makeGenerator(generator, drawnContents(draw)) as ProgressiveGenerator;
  const d = makeDiscriminator(discriminator, drawnContents(draw)) as ProgressiveDiscriminator;
  expect(g).toBeInstanceOf(ProgressiveGenerator);
  expect(d).toBeInstanceOf(ProgressiveDiscriminator);
  return { g, d };
}

const growing = {
  name: fc.constantFrom<PresetName>("stylegan1", "table1-a", "table1-c", "config-b"),
  resolution: fc.constantFrom(8, 16),
};

describe("what AdaIN forgets", () => {
  law(
    "scaling a convolution's weights and biases by a > 0 changes no image: AdaIN divides it out again",
    { resolution: fc.constantFrom(8, 16), layer: fc.constantFrom("b4.conv1", "b8.conv0", "b8.conv1") },
    ({ resolution, layer }, draw) => {
      const { generator } = networkPreset("stylegan1", { resolution, ...SMALL });
      const numbers = new Map<string, Float64Array>();
      const contents = drawnContents(draw);
      const original = new ProgressiveGenerator(generator as Stylegan1GeneratorConfig, (name, shape, data, initial) => {
        contents(name, shape, data, initial);
        numbers.set(name, Float64Array.from(data));
      });
      const a = draw.uniform(1.5, 3);
      const scaled = [`synthesis.${layer}.weight`, `synthesis.${layer}.bias`, `synthesis.${layer}.noise_strength`];
      const other = new ProgressiveGenerator(generator as Stylegan1GeneratorConfig, (name, _, data) => {
        const factor = scaled.includes(name) ? a : 1;
        data.set(numbers.get(name)!.map((value) => factor * value));
      });
      const ws = draw.normals([2, original.numWs, original.wDim]);
      const image = original.synthesis.forward(ws, { noiseMode: "const" });
      // Not exactly: the variance is compared with the same 1e-8 in both.
      equal(other.synthesis.forward(ws, { noiseMode: "const" }), image, { tolerance: 1e-5 });
    },
  );
});

describe("levels of detail", () => {
  law(
    "at a whole lod the image consists of blocks of 2^lod pixels: up(down(image)) = image",
    growing,
    (shape, draw) => {
      const { g } = smallNetworks(shape.name, shape.resolution, draw);
      const ws = draw.normals([2, g.numWs, g.wDim]);
      for (let lod = 0; lod <= Math.log2(shape.resolution) - 2; lod++) {
        const image = g.synthesis.forward(ws, { noiseMode: "const", lod });
        expect(image.shape).toEqual([2, 3, shape.resolution, shape.resolution]);
        equal(upscale2d(downscale2d(image, 2 ** lod), 2 ** lod), image);
      }
    },
  );

  law(
    "between two levels the image fades: image(l + t) = lerp(image(l), image(l + 1), t)",
    { ...growing, sixteenths: fc.integer({ min: 1, max: 15 }) },
    ({ name, resolution, sixteenths }, draw) => {
      const { g } = smallNetworks(name, resolution, draw);
      const ws = draw.normals([1, g.numWs, g.wDim]);
      const at = (lod: number): Tensor => g.synthesis.forward(ws, { noiseMode: "const", lod });
      const t = sixteenths / 16;
      for (let level = 0; level < Math.log2(resolution) - 2; level++) {
        equal(at(level + t), lerp(at(level), at(level + 1), t));
      }
    },
  );

  law(
    "a lod that is stored and one that is told are the same",
    { ...growing, lod: fc.double({ min: 0, max: 1, noNaN: true }) },
    (shape, draw) => {
      const { g, d } = smallNetworks(shape.name, shape.resolution, draw);
      const ws = draw.normals([2, g.numWs, g.wDim]);
      const told = g.synthesis.forward(ws, { noiseMode: "const", lod: shape.lod });
      setLod(g, shape.lod);
      identical(g.synthesis.forward(ws, { noiseMode: "const" }), told);
      const toldLogits = d.forward(told, null, { lod: shape.lod });
      setLod(d, shape.lod);
      identical(d.forward(told, null), toldLogits);
    },
  );

  law(
    "at a whole lod the discriminator sees no finer detail: D(x) = D(imagesAtLod(x)); at lod 0 it does",
    growing,
    (shape, draw) => {
      const { d } = smallNetworks(shape.name, shape.resolution, draw);
      const x = draw.normals([2, 3, shape.resolution, shape.resolution]);
      for (let lod = 1; lod <= Math.log2(shape.resolution) - 2; lod++) {
        const logits = d.forward(x, null, { lod });
        equal(d.forward(imagesAtLod(x, lod), null, { lod }), logits, { tolerance: 1e-9 });
        apart(d.forward(imagesAtLod(x, lod), null, { lod: 0 }), d.forward(x, null, { lod: 0 }), 1e-6);
      }
    },
  );

  law(
    "real images fade as generated ones do, and keep their mean",
    { ...images, t: fc.constantFrom(0.25, 0.5) },
    ({ n, c, t }, draw) => {
      const x = draw.normals([n, c, 16, 16]);
      for (const level of [0, 1]) {
        const faded = imagesAtLod(x, level + t);
        equal(faded, lerp(imagesAtLod(x, level), imagesAtLod(x, level + 1), t));
        equal(downscale2d(faded, 16), downscale2d(x, 16));
      }
      identical(imagesAtLod(x, 0), x);
    },
  );

  test("a lod that the network does not have is an error", () => {
    const x = Tensor.zeros([1, 3, 16, 16]);
    for (const lod of [-0.1, 2.1, Number.NaN]) expect(() => imagesAtLod(x, lod)).toThrow(RangeError);
  });
});

describe("gradients go through", () => {
  law(
    "of the image and of the logit, at a lod between two levels, to the second order",
    growing,
    ({ name }, draw) => {
      const { g, d } = smallNetworks(name, 8, draw);
      const ws = draw.normals([2, g.numWs, g.wDim]);
      checkGradients(
        (inputs) => {
          const img = g.synthesis.forward(inputs.ws, { noiseMode: "const", lod: 0.5 });
          return d.forward(img, null, { lod: 0.5 });
        },
        { ws },
        // Piecewise linear activations: a small step, so that none of thousands crosses its kink.
        { order: 2, step: 1e-8, tolerance: 1e-4 },
      );
    },
    { runs: 4 },
  );

  test("every parameter in use has a gradient; those of levels that are not shown have none", () => {
    scope(() => {
      const draw = new Draw(1);
      const { g, d } = smallNetworks("stylegan1", 16, draw);
      const z = draw.normals([4, g.zDim]);
      const silentAt = (lod: number): string[] => {
        const logits = d.forward(g.forward(z, null, { noiseMode: "const", lod }), null, { lod });
        const [names, tensors] = [[...g.parameters.keys()], [...g.parameters.values()]];
        const gradients = grad([sum(logits)], tensors);
        return names.filter((_, index) => !(largest(gradients[index]) > 1e-12)).sort();
      };
      const rgb = (resolution: number) => [
        `synthesis.b${resolution}.torgb.bias`,
        `synthesis.b${resolution}.torgb.weight`,
      ];
      expect(silentAt(0.5)).toEqual([...rgb(4)].sort());
      expect(silentAt(0)).toEqual([...rgb(4), ...rgb(8)].sort());
      const finest = [...g.parameters.keys()].filter((name) => name.startsWith("synthesis.b16."));
      expect(silentAt(1)).toEqual([...rgb(4), ...finest].sort());
    });
  });
});

const schedules = fc.record({
  imgResolution: fc.constantFrom(8, 16, 64, 1024),
  initialResolution: fc.constantFrom(4, 8),
  stableKimg: fc.constantFrom(0, 1, 5),
  fadeKimg: fc.constantFrom(1, 4),
});
const NUMBERS = { batch: { base: 4, at: { 4: 64, 8: 32 } }, learningRate: { base: 0.001, at: { 1024: 0.003 } } };

/** The schedule sampled every 50 images until after its end. */
function walk(options: Omit<ProgressiveSchedule, "batch" | "learningRate">) {
  const schedule: ProgressiveSchedule = { ...options, ...NUMBERS };
  const { imgResolution, initialResolution = 8, stableKimg = 600, fadeKimg = 600 } = options;
  const levels = Math.log2(imgResolution / initialResolution);
  const end = levels * (stableKimg + fadeKimg) * 1000;
  const moments = [];
  for (let at = 0; at <= end + 500; at += 50) moments.push(momentAt(schedule, at));
  return { levels, moments, fadeKimg };
}

describe("the schedule", () => {
  law("lod falls from log2(R / R_0) to 0 without jumps, and stays there", { schedule: schedules }, ({ schedule }) => {
    const { levels, moments, fadeKimg } = walk(schedule);
    expect(moments[0].lod).toBe(levels);
    expect(moments.at(-1)!.lod).toBe(0);
    moments.slice(1).forEach(({ lod }, index) => {
      const step = moments[index].lod - lod;
      expect(step).toBeGreaterThanOrEqual(0);
      expect(step).toBeLessThanOrEqual(0.05 / fadeKimg + 1e-9);
    });
  });

  law("batch and learning rate follow the resolution R / 2^floor(lod)", { schedule: schedules }, ({ schedule }) => {
    for (const { lod, resolution, batch, learningRate } of walk(schedule).moments) {
      expect(resolution).toBe(schedule.imgResolution / 2 ** Math.floor(lod));
      expect(batch).toBe({ 4: 64, 8: 32 }[resolution] ?? 4);
      expect(learningRate).toBe(resolution === 1024 ? 0.003 : 0.001);
    }
  });

  law(
    "the optimisers are reset when a fade begins and when it ends: twice a level",
    { schedule: schedules },
    ({ schedule }) => {
      const { levels, moments } = walk({ ...schedule, stableKimg: 1 });
      const resets = moments.slice(1).filter(({ lod }, index) => resetsOptimizers(moments[index].lod, lod));
      expect(resets.length).toBe(2 * levels);
    },
  );

  law(
    "mixing never cuts at a layer that does not run: later w's change nothing",
    growing,
    ({ name, resolution }, draw) => {
      const { g } = smallNetworks(name, resolution, draw);
      const ws = draw.normals([1, g.numWs, g.wDim]);
      for (let lod = 0; lod <= Math.log2(resolution) - 2; lod++) {
        const used = layersAt(g.numWs, lod);
        expect(used).toBe(2 * Math.log2(resolution / 2 ** lod) - 2);
        const kept = ws.toFloat64Array().map((value, index) => (index < used * g.wDim ? value : -value));
        const options = { noiseMode: "const", lod } as const;
        identical(g.synthesis.forward(Tensor.from(kept, ws.shape), options), g.synthesis.forward(ws, options));
      }
    },
  );

  test("phases of no length, and resolutions that the network does not have, are errors", () => {
    const at = (options: Partial<ProgressiveSchedule>) => () =>
      momentAt({ imgResolution: 32, ...NUMBERS, ...options }, 0);
    expect(at({ stableKimg: 0, fadeKimg: 0 })).toThrow(RangeError);
    expect(at({ initialResolution: 64 })).toThrow(RangeError);
    expect(at({ initialResolution: 2 })).toThrow(RangeError);
    expect(at({ initialResolution: 12 })).toThrow(RangeError);
    expect(at({})().resolution).toBe(8);
  });
});

describe("presets", () => {
  test.each(presetNames)(
    "%s: a generator and a discriminator that fit, whose tensors have the names of the format",
    (name) => {
      for (const cDim of [0, 3]) {
        const { generator, discriminator, schedule } = networkPreset(name, { resolution: 8, cDim, ...SMALL });
        for (const config of [generator, discriminator]) {
          expect(parseConfig(JSON.parse(JSON.stringify(config)), name)).toEqual(config);
        }
        const random = new RandomState(7);
        const g = makeGenerator(generator, initialContents(random));
        const d = makeDiscriminator(discriminator, initialContents(random));
        for (const network of [g, d]) {
          const made = [...network.parameters, ...network.buffers].map(([key, { shape }]) => [key, [...shape]]);
          const expected = [...expectedTensors(network.config)].map(([key, shape]) => [key, [...shape]]);
          expect(Object.fromEntries(made)).toEqual(Object.fromEntries(expected));
        }
        expect(schedule !== null).toBe(generator.kind !== "stylegan2-generator");
        const logits = scope(() => {
          const c = cDim === 0 ? null : Tensor.from([1, 0, 0, 0, 0, 1], [2, 3]);
          return d.forward(g.forward(Tensor.from(random.randn(2 * g.zDim), [2, g.zDim]), c), c);
        });
        expect(logits.shape).toEqual([2, 1]);
        expect(Number.isFinite(sum(mul(logits, logits)).item())).toBe(true);
      }
    },
  );

  test("each row of StyleGAN's table 1 adds what it says to the row before", () => {
    const rows = (["a", "b", "c", "d", "e", "f"] as const).map((row) => {
      const { generator, settings, mixingProbability } = networkPreset(`table1-${row}`, { resolution: 16 });
      const { synthesis, mapping } = generator as Stylegan1GeneratorConfig;
      const { blurFilter, useStyles, input, useNoise } = synthesis;
      const layers = mapping.layerFeatures.length;
      return [settings.loss, blurFilter !== null, useStyles, layers, input, useNoise, mixingProbability];
    });
    expect(rows).toEqual([
      ["wgan", false, false, 0, "traditional", false, 0],
      ["logistic", true, false, 0, "traditional", false, 0],
      ["logistic", true, true, 8, "traditional", false, 0],
      ["logistic", true, true, 8, "constant", false, 0],
      ["logistic", true, true, 8, "constant", true, 0],
      ["logistic", true, true, 8, "constant", true, 0.9],
    ]);
  });

  test("each configuration of StyleGAN2's table 1 adds what it says to the one before", () => {
    const rows = (["a", "b", "c", "d", "e", "f"] as const).map((letter) => {
      const { generator, settings, schedule } = networkPreset(`config-${letter}`, { resolution: 256 });
      const [, width] = generator.synthesis.channels.find(([resolution]) => resolution === 64)!;
      return [generator.kind, settings.dRegInterval ?? 16, settings.plWeight ?? 2, schedule !== null, width];
    });
    expect(rows).toEqual([
      ["stylegan1-generator", 1, 0, true, 256],
      ["growing-stylegan2-generator", 1, 0, true, 256],
      ["growing-stylegan2-generator", 16, 0, true, 256],
      ["growing-stylegan2-generator", 16, 2, true, 256],
      ["stylegan2-generator", 16, 2, false, 256],
      ["stylegan2-generator", 16, 2, false, 512],
    ]);
  });
});
