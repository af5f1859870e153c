/**
 * Pickles of the official TensorFlow repositories, StyleGAN, StyleGAN2 and StyleGAN2-ADA: a tuple (G, D, Gs) of networks
 * with their variables as numpy arrays; which network it is, the name of the function that built it says. Here are the
 * final networks of StyleGAN2 (configs E and F) and those of ADA, which differ by a clamp and in what labels do: dense
 * matrices are stored [in, out], kernels [kh, kw, in, out], up-convolutions mirrored, and style biases less 1.
 * stylegan1.ts reads those that grow.
 * Tested by tests/checkpoints/official.test.ts and tests/checkpoints/tensorflow.test.ts.
 */
import { type PickleObject, type PickleValue, sequence } from "../../../formats/pickle/values.js";
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
import type { CheckpointFormat, Opened } from "../format.js";
import { baseOf, checkedGeometry, generatorConfig } from "../geometry.js";
import {
  type CheckpointData,
  collectNetworks,
  ForeignNetworkError,
  type NetworkData,
  type ReadCheckpointOptions,
} from "../networkData.js";
import { assignGenerators, type Found, findIn } from "../search.js";
import {
  blocksOf,
  denseVariable,
  generatorVariable,
  isNetwork,
  kernel,
  OTHERS,
  officialTensorflowNames,
  readMapping,
  TensorflowNetwork,
} from "./network.js";
import { readGrowingDiscriminator, readGrowingGenerator } from "./stylegan1.js";

export const officialTensorflow: CheckpointFormat = {
  name: "official TensorFlow pickle",
  classes: officialTensorflowNames,
  recognises: (file) => file.container !== "safetensors" && findIn(file.object, isNetwork).length > 0,
  reads: (file, options) => readOfficialTensorflow((file as Extract<Opened, { object: unknown }>).object, options),
};

const WORDS = { gEma: "Gs", g: "G", d: "D" };

/**
 * Usually a tuple (G, D, Gs); its places say which is which, and may be empty. In any other wrapping the keys say it, or
 * the networks' own names.
 */
function readOfficialTensorflow(object: PickleValue, options: ReadCheckpointOptions): CheckpointData {
  const notes = new Set<string>();
  const places = sequence(object);
  const isTriple = places?.length === 3 && places.every((place) => place === null || isNetwork(place));
  const found = findIn(object, isNetwork).map(({ path, value }) => {
    const own = isTriple ? ["G", "D", "Gs"][Number(path[0])] : undefined;
    const network = new TensorflowNetwork(value, own ?? nameOf(path, value));
    return { path: own === undefined ? [...path, network.path] : [own], value: network };
  });
  const isDiscriminator = ({ value }: Found<TensorflowNetwork>) => /^D(_|$)/.test(value.builder());
  const { gEma, g } = assignGenerators(found.filter((network) => !isDiscriminator(network)));
  const d = found.find(isDiscriminator);
  const generator = ({ value }: Found<TensorflowNetwork>) => ({
    name: value.path,
    read: () => readAnyGenerator(value, notes),
  });
  return collectNetworks(
    officialTensorflow.name,
    WORDS,
    options,
    {
      ...(gEma && { gEma: generator(gEma) }),
      ...(g && { g: generator(g) }),
      ...(d && { d: { name: d.value.path, read: () => readAnyDiscriminator(d.value, notes) } }),
    },
    notes,
  );
}

/** The last key on the way to a network, or the name that it has itself. */
function nameOf(path: readonly string[], { state }: PickleObject): string {
  const key = path.at(-1);
  const own = state instanceof Map ? state.get("name") : undefined;
  if (key !== undefined && !/^\d+$/.test(key)) return key;
  return typeof own === "string" && own !== "" ? own : (key ?? "network");
}

/** Functions that build the final networks: StyleGAN2's, and StyleGAN2-ADA's. */
const finalSynthesis = ["G_synthesis_stylegan2", "G_synthesis"];
const finalDiscriminators = ["D_stylegan2", "D_main"];

function readAnyGenerator(network: TensorflowNetwork, notes: Set<string>): NetworkData<AnyGeneratorConfig> {
  const isFinal = network.builder() === "G_main" && finalSynthesis.includes(network.component("synthesis").builder());
  return isFinal ? readGenerator(network, notes) : readGrowingGenerator(network, notes);
}

function readAnyDiscriminator(network: TensorflowNetwork, notes: Set<string>): NetworkData<AnyDiscriminatorConfig> {
  const isFinal = finalDiscriminators.includes(network.builder());
  return isFinal ? readDiscriminator(network, notes) : readGrowingDiscriminator(network, notes);
}

function readGenerator(network: TensorflowNetwork, notes: Set<string>): NetworkData<GeneratorConfig> {
  const where = network.path;
  const synthesis = network.component("synthesis");
  const source = network.generatorVariables();
  const { base, block } = blocksOf(source, /^synthesis\/(\d+)x(\d+)\/Const\/const$/);
  const at = (resolution: number, name: string): string => `synthesis/${block(resolution)}/${name}`;

  const channels: [number, number][] = [[4, extentOf(where, source, at(4, "Const/const"), 1)]];
  const numBlocks = countNames(source, 1, (i) => at(4 << i, "Conv1/weight"));
  for (let i = 1; i <= numBlocks; i++) channels.push([4 << i, extentOf(where, source, at(4 << i, "Conv1/weight"), 3)]);
  const imgResolution = 4 << numBlocks;
  const imgChannels = extentOf(where, source, at(imgResolution, "ToRGB/weight"), 3);
  const wDim = extentOf(where, source, at(4, "Conv/mod_weight"), 0);
  const mapping = readMapping(network, source, { wDim, imgResolution });
  const config = generatorConfig(
    "stylegan2-generator",
    mapping,
    { wDim, imgResolution, imgChannels, channels },
    {
      architecture: architectureOf(source, at(imgResolution, "Skip/weight"), at(4, "ToRGB/weight")),
      resampleFilter: synthesis.taps("resample_kernel", [1, 3, 3, 1]),
      activation: oneOf(`${where}.nonlinearity`, synthesis.keyword("nonlinearity") ?? "lrelu", activationNames),
      convClamp: synthesis.optionalNumberKeyword("conv_clamp"),
      useNoise: source.has("synthesis/noise0"),
      scaleBeforeDemodulation: true,
      ...baseOf(base),
    },
  );
  const find = (name: string) => generatorVariable(name, mapping, block);
  return adoptTensors(where, checkedGeometry(where, config), source, { find, ...OTHERS, notes });
}

function readDiscriminator(network: TensorflowNetwork, notes: Set<string>): NetworkData<DiscriminatorConfig> {
  const where = network.path;
  const source = network.variables();
  const { base, block } = blocksOf(source, /^(\d+)x(\d+)\/Conv\/weight$/);
  const at = (resolution: number, name: string): string => `${block(resolution)}/${name}`;
  const numBlocks = countNames(source, 1, (i) => at(4 << i, "Conv0/weight"));
  const channels: [number, number][] = [[4, extentOf(where, source, at(4, "Conv/weight"), 3)]];
  for (let i = 1; i <= numBlocks; i++) channels.push([4 << i, extentOf(where, source, at(4 << i, "Conv0/weight"), 2)]);
  const seen = extentOf(where, source, at(4, "Dense0/weight"), 0);
  if (base.some((extent) => extent !== 4) && seen !== channels[0][1] * base[0] * base[1]) {
    throw new ForeignNetworkError(
      `${where}: its dense layer sees ${seen} numbers, expected ${channels[0][1]} x ${base.join(" x ")}`,
    );
  }
  const imgResolution = 4 << numBlocks;
  const cDim = network.integerKeyword("label_size", 0) ?? 0;
  const activation = oneOf(`${where}.nonlinearity`, network.keyword("nonlinearity") ?? "lrelu", activationNames);
  const mapping = source.has("LabelEmbed/weight") ? readLabelMapping(network, source, activation) : null;
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim,
    imgResolution,
    imgChannels: extentOf(where, source, at(imgResolution, "FromRGB/weight"), 2),
    channels,
    architecture: architectureOf(source, at(imgResolution, "Skip/weight"), at(4, "FromRGB/weight")),
    resampleFilter: network.taps("resample_kernel", [1, 3, 3, 1]),
    activation,
    convClamp: network.optionalNumberKeyword("conv_clamp"),
    conditioning: mapping ? "projection" : cDim > 0 ? "logits" : "none",
    cmapDim: mapping?.wDim ?? 0,
    mapping,
    mbstdGroupSize: network.integerKeyword("mbstd_group_size", 4),
    mbstdNumChannels: Math.max(0, extentOf(where, source, at(4, "Conv/weight"), 2) - channels[0][1]),
    ...baseOf(base),
  };
  const find = (name: string) => discriminatorVariable(name, block);
  return adoptTensors(where, checkedGeometry(where, config), source, { find, ...OTHERS, notes });
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

function discriminatorVariable(official: string, block: (resolution: number) => string): ForeignTensor {
  const mapped = /^mapping\.(?:embed|fc(\d+))\.(weight|bias)$/.exec(official);
  if (mapped) return denseVariable(mapped[1] === undefined ? "LabelEmbed" : `Mapping${mapped[1]}`, mapped[2]);
  const [, resolution, layer, kind] = /^b(\d+)\.(\w+)\.(weight|bias)$/.exec(official) ?? [];
  if (layer === "fc") return denseVariable(`${block(4)}/Dense0`, kind);
  if (layer === "out") return denseVariable("Output", kind);
  const names: Record<string, string> = {
    fromrgb: "FromRGB",
    conv: "Conv",
    conv0: "Conv0",
    conv1: "Conv1_down",
    skip: "Skip",
  };
  const name = `${block(Number(resolution))}/${names[layer]}/${kind}`;
  return kind === "weight" ? { name, convert: kernel } : { name };
}
