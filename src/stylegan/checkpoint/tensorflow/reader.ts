/**
 * Pickles of the official TensorFlow repositories, StyleGAN, StyleGAN2 and StyleGAN2-ADA: a tuple (G, D, Gs) of networks
 * with their variables as numpy arrays; which network it is, the name of the function that built it says. Here are the
 * final networks of StyleGAN2 (configs E and F) and those of ADA, which differ by a clamp and in what labels do: dense
 * matrices are stored [in, out], kernels [kh, kw, in, out], up-convolutions mirrored, and style biases less 1.
 * stylegan1.ts reads those that grow.
 * Tested by tests/formats/official.test.ts and tests/formats/tensorflow.test.ts.
 */
import { PickleTuple, type PickleValue } from "../../../formats/pickle/values.js";
import type { PlainTensor } from "../../../formats/plainTensor.js";
import { oneOf } from "../../../formats/schema.js";
import { type Activation, activationNames } from "../../../nn/ops/biasAct.js";
import type {
  AnyDiscriminatorConfig,
  AnyGeneratorConfig,
  Architecture,
  DiscriminatorConfig,
  GeneratorConfig,
  MappingConfig,
} from "../../config.js";
import { adoptTensors, countNames, extentOf, type ForeignTensor } from "../foreignNames.js";
import { checkedGeometry } from "../geometry.js";
import { type CheckpointData, collectNetworks, type NetworkData, type ReadCheckpointOptions } from "../networkData.js";
import { denseVariable, generatorVariable, isNetwork, kernel, readMapping, TensorflowNetwork } from "./network.js";
import { readGrowingDiscriminator, readGrowingGenerator } from "./stylegan1.js";

export function isOfficialTensorflow(value: PickleValue): value is PickleTuple {
  return value instanceof PickleTuple && value.items.length === 3 && value.items.every(isNetwork);
}

export function readOfficialTensorflow(tuple: PickleTuple, options: ReadCheckpointOptions = {}): CheckpointData {
  const [g, d, gs] = tuple.items;
  const networks = collectNetworks("official TensorFlow pickle", options, {
    gEma: () => readAnyGenerator(new TensorflowNetwork(gs, "Gs")),
    g: () => readAnyGenerator(new TensorflowNetwork(g, "G")),
    d: () => readAnyDiscriminator(new TensorflowNetwork(d, "D")),
  });
  return { format: "official TensorFlow pickle", networks };
}

/** Functions that build the final networks: StyleGAN2's, and StyleGAN2-ADA's. */
const finalSynthesis = ["G_synthesis_stylegan2", "G_synthesis"];
const finalDiscriminators = ["D_stylegan2", "D_main"];

function readAnyGenerator(network: TensorflowNetwork): NetworkData<AnyGeneratorConfig> {
  const isFinal = network.builder() === "G_main" && finalSynthesis.includes(network.component("synthesis").builder());
  return isFinal ? readGenerator(network) : readGrowingGenerator(network);
}

function readAnyDiscriminator(network: TensorflowNetwork): NetworkData<AnyDiscriminatorConfig> {
  const isFinal = finalDiscriminators.includes(network.builder());
  return isFinal ? readDiscriminator(network) : readGrowingDiscriminator(network);
}

/** Variables of the whole generator; the components' come after "mapping/" and "synthesis/". */
function readGenerator(network: TensorflowNetwork): NetworkData<GeneratorConfig> {
  const where = network.path;
  const synthesis = network.component("synthesis");
  const source = network.generatorVariables();

  const channels: [number, number][] = [[4, extentOf(where, source, "synthesis/4x4/Const/const", 1)]];
  const numBlocks = countNames(source, 1, (i) => `synthesis/${4 << i}x${4 << i}/Conv1/weight`);
  for (let i = 1; i <= numBlocks; i++) {
    channels.push([4 << i, extentOf(where, source, `synthesis/${4 << i}x${4 << i}/Conv1/weight`, 3)]);
  }
  const imgResolution = 4 << numBlocks;
  const top = `synthesis/${imgResolution}x${imgResolution}`;
  const imgChannels = extentOf(where, source, `${top}/ToRGB/weight`, 3);
  const wDim = extentOf(where, source, "synthesis/4x4/Conv/mod_weight", 0);
  const mapping = readMapping(network, source, { wDim, imgResolution });
  const { zDim, cDim } = mapping;
  const config: GeneratorConfig = {
    kind: "stylegan2-generator",
    zDim,
    cDim,
    wDim,
    imgResolution,
    imgChannels,
    mapping,
    synthesis: {
      wDim,
      imgResolution,
      imgChannels,
      channels,
      architecture: architectureOf(source, `${top}/Skip/weight`, "synthesis/4x4/ToRGB/weight"),
      resampleFilter: synthesis.taps("resample_kernel", [1, 3, 3, 1]),
      activation: oneOf(`${where}.nonlinearity`, synthesis.keyword("nonlinearity") ?? "lrelu", activationNames),
      convClamp: synthesis.optionalNumberKeyword("conv_clamp"),
      useNoise: source.has("synthesis/noise0"),
      scaleBeforeDemodulation: true,
    },
  };
  const find = (name: string) => generatorVariable(name, mapping);
  return adoptTensors(where, checkedGeometry(where, config), source, find, (name) => name === "lod");
}

function readDiscriminator(network: TensorflowNetwork): NetworkData<DiscriminatorConfig> {
  const where = network.path;
  const source = network.variables();
  const numBlocks = countNames(source, 1, (i) => `${4 << i}x${4 << i}/Conv0/weight`);
  const channels: [number, number][] = [[4, extentOf(where, source, "4x4/Conv/weight", 3)]];
  for (let i = 1; i <= numBlocks; i++) {
    channels.push([4 << i, extentOf(where, source, `${4 << i}x${4 << i}/Conv0/weight`, 2)]);
  }
  const imgResolution = 4 << numBlocks;
  const top = `${imgResolution}x${imgResolution}`;
  const cDim = network.integerKeyword("label_size", 0) ?? 0;
  const activation = oneOf(`${where}.nonlinearity`, network.keyword("nonlinearity") ?? "lrelu", activationNames);
  const mapping = source.has("LabelEmbed/weight") ? readLabelMapping(network, source, activation) : null;
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim,
    imgResolution,
    imgChannels: extentOf(where, source, `${top}/FromRGB/weight`, 2),
    channels,
    architecture: architectureOf(source, `${top}/Skip/weight`, "4x4/FromRGB/weight"),
    resampleFilter: network.taps("resample_kernel", [1, 3, 3, 1]),
    activation,
    convClamp: network.optionalNumberKeyword("conv_clamp"),
    conditioning: mapping ? "projection" : cDim > 0 ? "logits" : "none",
    cmapDim: mapping?.wDim ?? 0,
    mapping,
    mbstdGroupSize: network.integerKeyword("mbstd_group_size", 4),
    mbstdNumChannels: Math.max(0, extentOf(where, source, "4x4/Conv/weight", 2) - channels[0][1]),
  };
  return adoptTensors(where, checkedGeometry(where, config), source, discriminatorVariable, () => false);
}

/** ADA's discriminator maps labels as the generator maps z. */
function readLabelMapping(
  network: TensorflowNetwork,
  source: ReadonlyMap<string, PlainTensor>,
  activation: Activation,
): MappingConfig {
  const extent = (name: string, axis: number) => extentOf(network.path, source, name, axis);
  const embedFeatures = extent("LabelEmbed/weight", 1);
  const numLayers = countNames(source, 0, (i) => `Mapping${i}/weight`);
  const layerFeatures = Array.from({ length: numLayers }, (_, i) => extent(`Mapping${i}/weight`, 1));
  return {
    zDim: 0,
    cDim: extent("LabelEmbed/weight", 0),
    wDim: layerFeatures.at(-1) ?? embedFeatures,
    numWs: null,
    embedFeatures,
    embedBias: true,
    inputNormalization: "separate",
    layerFeatures,
    activation,
    lrMultiplier: network.numberKeyword("mapping_lrmul", 0.1),
    wAvgBeta: null,
  };
}

function architectureOf(source: ReadonlyMap<string, unknown>, skip: string, rgbAt4: string): Architecture {
  if (source.has(skip)) return "resnet";
  return source.has(rgbAt4) ? "skip" : "orig";
}

function discriminatorVariable(official: string): ForeignTensor {
  const mapped = /^mapping\.(?:embed|fc(\d+))\.(weight|bias)$/.exec(official);
  if (mapped) return denseVariable(mapped[1] === undefined ? "LabelEmbed" : `Mapping${mapped[1]}`, mapped[2]);
  const [, resolution, layer, kind] = /^b(\d+)\.(\w+)\.(weight|bias)$/.exec(official) ?? [];
  if (layer === "fc") return denseVariable("4x4/Dense0", kind);
  if (layer === "out") return denseVariable("Output", kind);
  const names: Record<string, string> = {
    fromrgb: "FromRGB",
    conv: "Conv",
    conv0: "Conv0",
    conv1: "Conv1_down",
    skip: "Skip",
  };
  const name = `${resolution}x${resolution}/${names[layer]}/${kind}`;
  return kind === "weight" ? { name, convert: kernel } : { name };
}
