/**
 * What is true of StyleGAN (2018), as equations: scaling and blur, the fused convolutions and their mirror, He's gain,
 * what AdaIN forgets. AdaIN itself is identity 22, in adain.test.ts; how networks grow is in
 * growing.test.ts.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/nn/autograd/grad.js";
import { checkGradients } from "../../src/nn/autograd/gradcheck.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { DenseLayer } from "../../src/nn/layers/dense.js";
import { type Contents, ParameterTree } from "../../src/nn/layers/module.js";
import { scale } from "../../src/nn/ops/arith.js";
import { conv2dResample } from "../../src/nn/ops/conv2dResample.js";
import { flip, slice } from "../../src/nn/ops/layout.js";
import { sum } from "../../src/nn/ops/reduce.js";
import { downsample2d, filter2d, setupFilter, upsample2d } from "../../src/nn/ops/upfirdn2d.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import type { Stylegan1GeneratorConfig } from "../../src/stylegan/config.js";
import { Generator } from "../../src/stylegan/generator.js";
import { downscale2d, upscale2d } from "../../src/stylegan/growing/lod.js";
import { downscaleConv2d, upscaleConv2d } from "../../src/stylegan/growing/stylegan1Layers.js";
import { networkPreset } from "../../src/stylegan/training/presets.js";
import { Draw } from "../support/draw.js";
import { drawnContents, growing, SMALL, smallNetworks } from "../support/growingNetworks.js";
import { apart, dot, dotSize, equal, identical, largest, law } from "../support/laws.js";

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

describe("what AdaIN forgets", () => {
  law(
    "scaling a convolution's weights and biases by a > 0 changes no image: AdaIN divides it out again",
    { resolution: fc.constantFrom(8, 16), layer: fc.constantFrom("b4.conv1", "b8.conv0", "b8.conv1") },
    ({ resolution, layer }, draw) => {
      const { generator } = networkPreset("stylegan1", { resolution, ...SMALL });
      const numbers = new Map<string, Float64Array>();
      const contents = drawnContents(draw);
      const original = new Generator(generator as Stylegan1GeneratorConfig, (name, shape, data, initial) => {
        contents(name, shape, data, initial);
        numbers.set(name, Float64Array.from(data));
      });
      const a = draw.uniform(1.5, 3);
      const scaled = [`synthesis.${layer}.weight`, `synthesis.${layer}.bias`, `synthesis.${layer}.noise_strength`];
      const other = new Generator(generator as Stylegan1GeneratorConfig, (name, _, data) => {
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

test("the dense input of ProGAN: weights times sqrt 2 / 4 over the root of the fan-in, bias, activation, pixel norm", () => {
  const preset = networkPreset("table1-a", { resolution: 8, ...SMALL });
  const generator = new Generator(preset.generator, drawnContents(new Draw(4)));
  const { zDim, numWs } = generator;
  const w = new Draw(5).normals([1, zDim]).toFloat64Array();
  let seen = new Float64Array();
  scope(() =>
    generator.synthesis.forward(
      Tensor.from(
        Float64Array.from({ length: numWs * zDim }, (_, k) => w[k % zDim]),
        [1, numWs, zDim],
      ),
      {
        onLayer: (name, output) => {
          if (name === "b4.input") seen = output.toFloat64Array() as Float64Array<ArrayBuffer>;
        },
      },
    ),
  );
  const [weight, bias] = ["weight", "bias"].map((name) =>
    generator.parameters.get(`synthesis.b4.input.${name}`)!.toFloat64Array(),
  );
  const gain = Math.SQRT2 / 4 / Math.sqrt(zDim);
  const channels = bias.length;
  const start = Array.from({ length: 16 * channels }, (_, row) => {
    const product = w.reduce((total, value, k) => total + value * weight[row * zDim + k], 0);
    const value = gain * product + bias[row >> 4];
    return value < 0 ? 0.2 * value : value;
  });
  const pixel = (k: number): number => {
    const squares = Array.from({ length: channels }, (_, c) => start[c * 16 + (k % 16)] ** 2);
    return start[k] / Math.sqrt(squares.reduce((a, b) => a + b, 0) / channels + 1e-8);
  };
  expect(largest(Tensor.from(bias))).toBeGreaterThan(0.01);
  for (const [k, value] of seen.entries()) expect(value).toBeCloseTo(pixel(k), 9);
});
