/**
 * Exported models, run by ONNX Runtime, against our own mapping and images: on the fixtures' networks, and on random
 * networks of every architecture and setting. Differences stay below 1e-4 of the largest value (both sides round to
 * float32 in their own order; a layer's rounding is some 1e-6).
 */
import { basename } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { loadCheckpoint } from "../../src/index.js";
import { noGrad } from "../../src/nn/autograd/record.js";
import { setKernels } from "../../src/nn/backend.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import { initialContents } from "../../src/nn/layers/module.js";
import { type Activation, activationNames } from "../../src/nn/ops/biasAct.js";
import { RandomState } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import type { Architecture, GeneratorConfig } from "../../src/stylegan/config.js";
import { Generator } from "../../src/stylegan/generator.js";
import { isStylegan2 } from "../../src/stylegan/networks.js";
import { type ExportOnnxOptions, exportOnnx } from "../../src/stylegan/onnx/exportOnnx.js";
import { SEED } from "../support/draw.js";
import { checkpointBeside, compare, goldensOf } from "../support/goldens.js";
import { type Numbers, withOnnxModel } from "../support/onnxRuntime.js";

const TOLERANCE = 1e-4;

beforeAll(() => setKernels(createReferenceKernels("float64")));

/** Settings of a small network: everything that the exporter distinguishes. */
interface Settings {
  readonly seed: number;
  readonly architecture: Architecture;
  readonly activation: Activation;
  readonly mappingActivation: Activation;
  readonly imgResolution: 4 | 8 | 16;
  readonly imgChannels: number;
  readonly resampleFilter: readonly number[];
  readonly convClamp: number | null;
  readonly useNoise: boolean;
  readonly scaleBeforeDemodulation: boolean;
  readonly cDim: number;
  readonly embedBias: boolean;
  readonly inputNormalization: "separate" | "joint";
  /** Multiplies the convolutions' weights; small ones bring demodulation's epsilon to bear. */
  readonly weightScale: number;
  readonly batch: number;
}

function configOf(settings: Settings): GeneratorConfig {
  const { cDim, imgResolution, imgChannels } = settings;
  const [zDim, wDim, embedFeatures] = [5, 6, cDim > 0 ? 3 : 0];
  const resolutions = [4, 8, 16].filter((resolution) => resolution <= imgResolution);
  const geometry = { zDim, cDim, wDim, imgResolution, imgChannels };
  return {
    kind: "stylegan2-generator",
    ...geometry,
    mapping: {
      ...geometry,
      numWs: 2 * resolutions.length,
      embedFeatures,
      embedBias: settings.embedBias,
      inputNormalization: settings.inputNormalization,
      layerFeatures: [7, wDim],
      activation: settings.mappingActivation,
      lrMultiplier: 0.01,
      wAvgBeta: 0.998,
    },
    synthesis: {
      ...geometry,
      channels: resolutions.map((resolution, k) => [resolution, [7, 5, 3][k]] as const),
      architecture: settings.architecture,
      resampleFilter: settings.resampleFilter,
      activation: settings.activation,
      convClamp: settings.convClamp,
      useNoise: settings.useNoise,
      scaleBeforeDemodulation: settings.scaleBeforeDemodulation,
    },
  };
}

/** A network whose biases, noise strengths and average w are not at their initial constants. */
function randomNetwork(settings: Settings): Generator {
  const random = new RandomState(settings.seed);
  const initial = initialContents(random);
  return new Generator(configOf(settings), (name, shape, data, initializer) => {
    initial(name, shape, data, initializer);
    const isKernel = /conv[01].weight$/.test(name);
    if (isKernel) for (let k = 0; k < data.length; k++) data[k] *= settings.weightScale;
    else if (!name.endsWith("weight")) for (let k = 0; k < data.length; k++) data[k] += 0.3 * random.normal();
  });
}

const numbers = (tensor: Tensor): Numbers => ({ data: tensor.toArray(), shape: tensor.shape });

/** Inputs by name, as the mapping takes them. */
function latents(network: Generator, batch: number, seed: number): Record<string, Numbers> {
  const { zDim, cDim } = network;
  const random = new RandomState(seed);
  const z = Float32Array.from({ length: batch * zDim }, () => random.normal());
  const inputs: Record<string, Numbers> = { z: { data: z, shape: [batch, zDim] } };
  if (cDim > 0) {
    const c = new Float32Array(batch * cDim);
    for (let n = 0; n < batch; n++) c[n * cDim + (n % cDim)] = 1;
    inputs.c = { data: c, shape: [batch, cDim] };
  }
  return inputs;
}

const tensorOf = (numbers: Numbers | undefined): Tensor | null =>
  numbers === undefined ? null : Tensor.from(numbers.data, numbers.shape);

type Truncation = { readonly truncationPsi?: number; readonly truncationCutoff?: number | null };

function ourWs(network: Generator, inputs: Readonly<Record<string, Numbers>>, truncation: Truncation = {}): Tensor {
  return noGrad(() => scope(() => network.mapping.forward(tensorOf(inputs.z), tensorOf(inputs.c), truncation)));
}

function ourImage(network: Generator, ws: Tensor, noiseMode: "const" | "none"): Numbers {
  return noGrad(() => scope(() => numbers(network.synthesis.forward(ws, { noiseMode }))));
}

async function runModel(
  network: Generator,
  options: ExportOnnxOptions,
  inputs: Readonly<Record<string, Numbers>>,
): Promise<Numbers> {
  const output = options.part === "mapping" ? "ws" : "img";
  return withOnnxModel(exportOnnx(network, options), async (model) => {
    expect([...model.inputs].sort()).toEqual(Object.keys(inputs).sort());
    expect(model.outputs).toEqual([output]);
    return (await model.run(inputs))[output];
  });
}

function expectSame(actual: Numbers, expected: Numbers): void {
  expect(actual.shape).toEqual(expected.shape);
  const { difference, largest } = compare(actual.data, expected.data);
  expect(largest).toBeGreaterThan(0);
  expect(difference).toBeLessThan(TOLERANCE * largest);
}

const settings = fc.record<Settings>({
  seed: fc.nat(2 ** 32 - 1),
  architecture: fc.constantFrom("orig", "skip", "resnet"),
  activation: fc.constantFrom(...activationNames),
  mappingActivation: fc.constantFrom<Activation[]>("lrelu", "linear", "relu", "tanh", "swish"),
  imgResolution: fc.constantFrom(4, 8, 16),
  imgChannels: fc.integer({ min: 1, max: 4 }),
  resampleFilter: fc.constantFrom<(readonly number[])[]>([1, 3, 3, 1], [1], [1, 1], [1, 2, 1], [1, 4, 2, 3, 5], [3, 1]),
  convClamp: fc.constantFrom(null, 0.5, 256),
  useNoise: fc.boolean(),
  scaleBeforeDemodulation: fc.boolean(),
  cDim: fc.constantFrom(0, 2),
  embedBias: fc.boolean(),
  inputNormalization: fc.constantFrom("separate", "joint"),
  weightScale: fc.constantFrom(1, 1e-4),
  batch: fc.integer({ min: 1, max: 3 }),
});

describe("random networks", () => {
  test("synthesis, const noise and none", async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.constantFrom("const" as const, "none" as const), async (drawn, noiseMode) => {
        const network = randomNetwork(drawn);
        const ws = ourWs(network, latents(network, drawn.batch, drawn.seed));
        const image = await runModel(network, { part: "synthesis", noiseMode }, { ws: numbers(ws) });
        expectSame(image, ourImage(network, Tensor.from(ws.toArray(), ws.shape), noiseMode));
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  test.each(activationNames)("%s, of which operator set 13 has all nodes", async (activation) => {
    const [drawn] = fc.sample(settings, { numRuns: 1, seed: 3 });
    const network = randomNetwork({ ...drawn, activation, mappingActivation: activation });
    const inputs = latents(network, 2, 3);
    const image = await runModel(network, { opset: 13 }, inputs);
    expectSame(image, ourImage(network, ourWs(network, inputs), "const"));
  });

  test("mapping, with every kind of truncation", async () => {
    const truncation = fc.record({
      truncationPsi: fc.constantFrom(1, 0.7, 0, -0.5),
      truncationCutoff: fc.constantFrom(null, 0, 1, 3, 100),
      asInput: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(settings, truncation, async (drawn, { asInput, ...options }) => {
        const network = randomNetwork(drawn);
        const inputs = latents(network, drawn.batch, drawn.seed);
        const psi: Numbers = { data: Float32Array.of(options.truncationPsi), shape: [] };
        const ws = await runModel(
          network,
          { part: "mapping", ...options, truncationPsi: asInput ? "input" : options.truncationPsi },
          asInput ? { ...inputs, truncation_psi: psi } : inputs,
        );
        expectSame(ws, numbers(ourWs(network, inputs, options)));
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  test("both, as one model, in every operator set", async () => {
    const drawn = fc.sample(settings, { numRuns: 5, seed: 1 });
    for (const [k, opset] of ([13, 14, 15, 16, 17] as const).entries()) {
      const network = randomNetwork(drawn[k]);
      const inputs = latents(network, drawn[k].batch, k);
      const ws = ourWs(network, inputs, { truncationPsi: 0.7 });
      const image = await runModel(network, { opset, truncationPsi: 0.7 }, inputs);
      expectSame(image, ourImage(network, ws, "const"));
    }
  });

  test("the same model takes any batch size", async () => {
    const [drawn] = fc.sample(settings, { numRuns: 1, seed: 2 });
    const network = randomNetwork(drawn);
    await withOnnxModel(exportOnnx(network), async (model) => {
      for (const batch of [1, 2, 5]) {
        const inputs = latents(network, batch, batch);
        const { img } = await model.run(inputs);
        expectSame(img, ourImage(network, ourWs(network, inputs), "const"));
      }
    });
  });
});

describe("the fixtures' networks", () => {
  const checkpoints = goldensOf("checkpoint").map(checkpointBeside);

  test.each(checkpoints.map((path) => [basename(path), path] as const))("%s", async (_, path) => {
    const { gEma } = await loadCheckpoint(path, { networks: ["gEma"] });
    const network = gEma!;
    if (!isStylegan2(network)) {
      expect(() => exportOnnx(network)).toThrow(TypeError);
      return;
    }
    const inputs = latents(network, 2, 3);
    const truncation = network.mapping.wAvg === null ? {} : { truncationPsi: 0.7 };
    const ws = ourWs(network, inputs, truncation);
    expectSame(await runModel(network, { part: "mapping", ...truncation }, inputs), numbers(ws));
    const image = ourImage(network, ws, "const");
    expectSame(await runModel(network, { part: "synthesis" }, { ws: numbers(ws) }), image);
    expectSame(await runModel(network, truncation, inputs), image);
  });
});

describe("what cannot be exported is refused", () => {
  const [drawn] = fc.sample(settings, { numRuns: 1, seed: 3 });

  test("options that are none of the choices", () => {
    const network = randomNetwork(drawn);
    const wrong: readonly [Record<string, unknown>, RegExp][] = [
      [{ part: "discriminator" }, /part must be one of mapping, synthesis, both, got discriminator/],
      [{ noiseMode: "random" }, /noiseMode must be one of const, none, got random/],
      [{ opset: 18 }, /opset must be one of 13, 14, 15, 16, 17, got 18/],
    ];
    for (const [options, message] of wrong) {
      expect(() => exportOnnx(network, options as ExportOnnxOptions)).toThrow(message);
      expect(() => exportOnnx(network, options as ExportOnnxOptions)).toThrow(TypeError);
    }
  });

  test("another kind of network", () => {
    const network = { config: { kind: "stylegan2-discriminator" } } as unknown as Generator;
    expect(() => exportOnnx(network)).toThrow(/expected a StyleGAN2 generator, got stylegan2-discriminator/);
  });

  test("truncation without an average w", () => {
    const config = configOf(drawn);
    const untracked = { ...config, mapping: { ...config.mapping, wAvgBeta: null } };
    const network = new Generator(untracked, initialContents(new RandomState(0)));
    expect(() => exportOnnx(network, { truncationPsi: 0.7 })).toThrow(/needs the average w/);
    expect(exportOnnx(network, { truncationPsi: 1 }).length).toBeGreaterThan(0);
  });
});
