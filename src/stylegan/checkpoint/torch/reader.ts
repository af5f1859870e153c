/**
 * Pickles of the official PyTorch repositories (StyleGAN2-ADA, and the StyleGAN2 networks of StyleGAN3's): a dict of
 * whole module objects, here read as plain data. Geometry comes from the attributes and shapes in the file, never from
 * defaults, which differ between the two repositories. Tested by tests/checkpoints/official.test.ts.
 */

import { CheckpointError, describe } from "../../../formats/fileError.js";
import { makeDict, type PickleResolver } from "../../../formats/pickle/common.js";
import { isForeign, type PickleObject, type PickleValue } from "../../../formats/pickle/values.js";
import { oneOf } from "../../../formats/schema.js";
import { activationNames } from "../../../nn/ops/biasAct.js";
import { architectures, type DiscriminatorConfig, type GeneratorConfig, type MappingConfig } from "../../config.js";
import type { CheckpointFormat, Opened } from "../format.js";
import { baseOf, checkedGeometry, MAX_RESOLUTION, separableTaps } from "../geometry.js";
import {
  type CheckpointData,
  checkedNetwork,
  collectNetworks,
  ForeignNetworkError,
  type NetworkData,
  type ReadCheckpointOptions,
} from "../networkData.js";
import { assignGenerators, findIn, wordsOf } from "../search.js";
import { agreed, makePersistentObject, PersistentObject, TorchModule } from "./module.js";

/** The names that the official repositories define themselves. */
export const officialTorchNames: PickleResolver = (module, name) => {
  switch (`${module}.${name}`) {
    case "torch_utils.persistence._reconstruct_persistent_obj":
      return makePersistentObject;
    case "dnnlib.util.EasyDict":
    case "dnnlib.EasyDict":
      return makeDict;
    default:
      return undefined;
  }
};

const WORDS = { gEma: "G_ema", g: "G", d: "D" };

export const officialTorch: CheckpointFormat = {
  name: "official PyTorch pickle",
  classes: officialTorchNames,
  recognises: (file) => file.container !== "safetensors" && findIn(file.object, isModule).length > 0,
  reads: (file, options) => readOfficialTorch((file as Extract<Opened, { object: unknown }>).object, options),
};

/** Objects of the official repositories, and records of classes that we do not know: a network may be one. */
const isModule = (value: PickleValue): value is PersistentObject => value instanceof PersistentObject;
const isModuleOrRecord = (value: PickleValue): value is PersistentObject | PickleObject =>
  isModule(value) || isForeign(value);

/** A dict with G, D and G_ema, some of them, or a network by itself. */
function readOfficialTorch(object: PickleValue, options: ReadCheckpointOptions): CheckpointData {
  const all = findIn(object, isModuleOrRecord);
  const keyed = all.filter(({ path }) => roleOf(path) !== null);
  const found = keyed.length > 0 ? keyed : all.filter(({ value }) => isModule(value));
  const isDiscriminator = ({ path, value }: (typeof found)[number]) =>
    roleOf(path) === "d" || (isModule(value) && value.className === "Discriminator");
  const isGenerator = ({ path, value }: (typeof found)[number]) =>
    roleOf(path) === "g" || (isModule(value) && value.className === "Generator");
  const { gEma, g } = assignGenerators(found.filter(isGenerator));
  const d = found.find(isDiscriminator);
  const generator = ({ path, value }: (typeof found)[number]) => ({
    name: wordsOf(path),
    read: () => readGenerator(value, wordsOf(path)),
  });
  return collectNetworks(officialTorch.name, WORDS, options, {
    ...(gEma && { gEma: generator(gEma) }),
    ...(g && { g: generator(g) }),
    ...(d && { d: { name: wordsOf(d.path), read: () => readDiscriminator(d.value, wordsOf(d.path)) } }),
  });
}

/** Networks of other programs stand under the same keys, as objects of their own classes. */
function expectClass(value: PickleValue, path: string, className: string): void {
  if (!(value instanceof PersistentObject) || value.className === className) return;
  throw new ForeignNetworkError(`${path}: expected a module of class ${className}, found class ${value.className}`);
}

function roleOf(path: readonly string[]): "g" | "d" | null {
  const key = path.at(-1);
  return key === "G" || key === "G_ema" ? "g" : key === "D" ? "d" : null;
}

function readGenerator(value: PickleValue, path: string): NetworkData<GeneratorConfig> {
  expectClass(value, path, "Generator");
  const generator = new TorchModule(value, path, "Generator");
  const mapping = readMapping(generator.child("mapping", "MappingNetwork"));
  const synthesis = generator.child("synthesis", "SynthesisNetwork");
  const foreign = synthesis.childNames().find((name) => !/^b\d+$/.test(name));
  if (foreign !== undefined) {
    const hint =
      foreign === "input" || /^L\d+_/.test(foreign) ? "this is a StyleGAN3 network, which is unsupported" : "";
    throw new ForeignNetworkError(
      `${synthesis.path}: expected blocks b4, b8, ..., found ${describe(foreign)}${hint && `; ${hint}`}`,
    );
  }
  const imgResolution = checkedResolution(generator);
  const channels: [number, number][] = [];
  const [blocks, layers, clamped, filters]: TorchModule[][] = [[], [], [], []];
  for (let resolution = 4; resolution <= imgResolution; resolution *= 2) {
    const block = synthesis.child(`b${resolution}`, "SynthesisBlock");
    blocks.push(block);
    if (resolution > 4 || imgResolution === 4) filters.push(block);
    for (const name of resolution === 4 ? ["conv1"] : ["conv0", "conv1"]) {
      const layer = block.child(name, "SynthesisLayer");
      layer.expectNumber("up", name === "conv0" ? 2 : 1);
      checkDense(layer.child("affine", "FullyConnectedLayer"), "linear", 1);
      if (name === "conv0") filters.push(layer);
      layers.push(layer);
      clamped.push(layer);
    }
    const rgb = block.optionalChild("torgb", "ToRGBLayer");
    if (rgb) {
      checkDense(rgb.child("affine", "FullyConnectedLayer"), "linear", 1);
      checkConvGain(rgb);
      clamped.push(rgb);
    }
    filters.push(...skipOf(block, "up"));
    channels.push([resolution, leadingExtent(layers[layers.length - 1])]);
  }
  const wDim = generator.integer("w_dim");
  const imgChannels = generator.integer("img_channels");
  const config: GeneratorConfig = {
    kind: "stylegan2-generator",
    zDim: generator.integer("z_dim"),
    cDim: generator.integer("c_dim"),
    wDim,
    imgResolution,
    imgChannels,
    mapping,
    synthesis: {
      wDim: synthesis.integer("w_dim"),
      imgResolution: synthesis.integer("img_resolution"),
      imgChannels: synthesis.integer("img_channels"),
      channels,
      architecture: agreedWord(blocks, "architecture", architectures),
      resampleFilter: agreedFilter(filters),
      activation: agreedWord(layers, "activation", activationNames),
      convClamp: agreed(clamped, "conv_clamp", (layer) => layer.optionalNumber("conv_clamp")),
      useNoise: agreed(layers, "use_noise", (layer) => layer.boolean("use_noise")),
      scaleBeforeDemodulation: false,
      ...baseOf(blocks[0].tensor("const").shape.slice(1)),
    },
  };
  return checkedNetwork(path, checkedGeometry(path, config), generator.allTensors());
}

/** The layer beside a residual block, if it is one, which resamples as the block does. */
function skipOf(block: TorchModule, resampling: "up" | "down"): TorchModule[] {
  const skip = block.optionalChild("skip", "Conv2dLayer");
  if (!skip) return [];
  skip.expectNumber(resampling, 2);
  checkConvGain(skip);
  return [skip];
}

function readDiscriminator(value: PickleValue, path: string): NetworkData<DiscriminatorConfig> {
  expectClass(value, path, "Discriminator");
  const discriminator = new TorchModule(value, path, "Discriminator");
  const imgResolution = checkedResolution(discriminator);
  const channels: [number, number][] = [];
  const [blocks, convs, filters]: TorchModule[][] = [[], [], []];
  for (let resolution = 8; resolution <= imgResolution; resolution *= 2) {
    const block = discriminator.child(`b${resolution}`, "DiscriminatorBlock");
    blocks.push(block);
    filters.push(block);
    for (const name of ["fromrgb", "conv0", "conv1"]) {
      const conv = block.optionalChild(name, "Conv2dLayer");
      if (!conv) continue;
      conv.expectNumber("down", name === "conv1" ? 2 : 1);
      checkConvGain(conv);
      if (name === "conv1") filters.push(conv);
      convs.push(conv);
    }
    filters.push(...skipOf(block, "down"));
    channels.push([resolution, leadingExtent(block.child("conv0", "Conv2dLayer"))]);
  }
  const epilogue = discriminator.child("b4", "DiscriminatorEpilogue");
  blocks.push(epilogue);
  const conv = epilogue.child("conv", "Conv2dLayer");
  checkConvGain(conv);
  convs.push(conv);
  if (filters.length === 0) filters.push(conv);
  channels.unshift([4, leadingExtent(conv)]);
  const activation = agreedWord(convs, "activation", activationNames);
  checkDense(epilogue.child("fc", "FullyConnectedLayer"), activation, 1);
  checkDense(epilogue.child("out", "FullyConnectedLayer"), "linear", 1);
  const deviation = epilogue.optionalChild("mbstd", "MinibatchStdLayer");
  const mapping = discriminator.optionalChild("mapping", "MappingNetwork");
  const cmapDim = epilogue.integer("cmap_dim");
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim: discriminator.integer("c_dim"),
    imgResolution,
    imgChannels: discriminator.integer("img_channels"),
    channels,
    architecture: agreedWord(blocks, "architecture", architectures),
    resampleFilter: agreedFilter(filters),
    activation,
    convClamp: agreed(convs, "conv_clamp", (layer) => layer.optionalNumber("conv_clamp")),
    conditioning: cmapDim > 0 ? "projection" : "none",
    cmapDim,
    mapping: mapping && readMapping(mapping),
    mbstdGroupSize: deviation ? deviation.optionalInteger("group_size") : null,
    mbstdNumChannels: deviation ? deviation.integer("num_channels") : 0,
  };
  return checkedNetwork(path, checkedGeometry(path, config), discriminator.allTensors());
}

function readMapping(mapping: TorchModule): MappingConfig {
  const numLayers = mapping.integer("num_layers");
  if (numLayers > 1000) throw new CheckpointError(`${mapping.path}.num_layers: found ${numLayers}`);
  const layers = Array.from({ length: numLayers }, (_, i) => mapping.child(`fc${i}`, "FullyConnectedLayer"));
  const activation = numLayers > 0 ? agreedWord(layers, "activation", activationNames) : "linear";
  const lrMultiplier = numLayers > 0 ? agreed(layers, "bias_gain", (layer) => layer.number("bias_gain")) : 1;
  for (const layer of layers) checkDense(layer, activation, lrMultiplier);
  const embed = mapping.optionalChild("embed", "FullyConnectedLayer");
  if (embed) checkDense(embed, "linear", 1);
  return {
    zDim: mapping.integer("z_dim"),
    cDim: mapping.integer("c_dim"),
    wDim: mapping.integer("w_dim"),
    numWs: mapping.optionalInteger("num_ws"),
    embedFeatures: embed ? leadingExtent(embed) : 0,
    embedBias: true,
    inputNormalization: "separate",
    layerFeatures: layers.map(leadingExtent),
    activation,
    lrMultiplier,
    wAvgBeta: mapping.optionalNumber("w_avg_beta"),
  };
}

function checkedResolution(network: TorchModule): number {
  const resolution = network.integer("img_resolution");
  if (!Number.isInteger(Math.log2(resolution)) || resolution < 4 || resolution > MAX_RESOLUTION) {
    throw new CheckpointError(
      `${network.path}.img_resolution: expected a power of two from 4 to ${MAX_RESOLUTION}, found ${resolution}`,
    );
  }
  return resolution;
}

/** Output features of a layer. */
function leadingExtent(layer: TorchModule): number {
  const { shape } = layer.tensor("weight");
  if (shape.length === 0)
    throw new CheckpointError(`${layer.path}.weight: expected a matrix or kernel, found a scalar`);
  return shape[0];
}

/** Dense layers scale weights by lr / sqrt(in), biases by lr. */
function checkDense(layer: TorchModule, activation: string, lrMultiplier: number): void {
  oneOf(`${layer.path}.activation`, layer.attribute("activation"), [activation]);
  layer.expectNumber("bias_gain", lrMultiplier);
  layer.expectNumber("weight_gain", lrMultiplier / Math.sqrt(layer.tensor("weight").shape[1]));
}

/** Plain convolutions scale weights by 1 / sqrt(in k^2). */
function checkConvGain(layer: TorchModule): void {
  const [, inChannels, height, width] = layer.tensor("weight").shape;
  layer.expectNumber("weight_gain", 1 / Math.sqrt(inChannels * height * width));
}

function agreedWord<Word extends string>(modules: readonly TorchModule[], name: string, words: readonly Word[]): Word {
  return agreed(modules, name, (module) => oneOf(`${module.path}.${name}`, module.attribute(name), words));
}

function agreedFilter(modules: readonly TorchModule[]): number[] {
  const taps = (module: TorchModule) =>
    separableTaps(module.tensor("resample_filter"), `${module.path}.resample_filter`);
  agreed(modules, "resample_filter", (module) => taps(module).join(" "));
  return taps(modules[0]);
}
