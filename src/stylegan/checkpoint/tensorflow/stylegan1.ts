/**
 * Pickles of TensorFlow networks that grow: StyleGAN (2018), which is also config A of StyleGAN2, and StyleGAN2's
 * configs B to D. Every resolution has its ToRGB_lod{k} and FromRGB_lod{k}, k = log2(full resolution / resolution).
 * Kernels [kh, kw, in, out] become [out, in, kh, kw] and dense matrices are transposed; those of StyleGAN are not
 * mirrored, the network knows which of its convolutions are (growing/stylegan1Layers.ts).
 * Tested by tests/goldens/stylegan1.test.ts.
 */

import { CheckpointError, describe } from "../../../formats/fileError.js";
import type { PlainTensor } from "../../../formats/plainTensor.js";
import { oneOf } from "../../../formats/schema.js";
import { activationNames } from "../../../nn/ops/biasAct.js";
import type {
  GrowingDiscriminatorConfig,
  GrowingGeneratorConfig,
  GrowingStylegan2GeneratorConfig,
  MappingConfig,
  Stylegan1GeneratorConfig,
} from "../../config.js";
import { adoptTensors, countNames, extentOf, type ForeignTensor } from "../foreignNames.js";
import { checkedGeometry, generatorConfig } from "../geometry.js";
import { ForeignNetworkError, type NetworkData } from "../networkData.js";
import {
  denseVariable,
  generatorVariable,
  kernel,
  mappingVariable,
  OTHERS,
  readMapping,
  type TensorflowNetwork,
  transposed,
} from "./network.js";

/** The official networks fuse scaling with convolution from this resolution on, unless told otherwise. */
const AUTO_FUSED_FROM = 128;

export function readGrowingGenerator(
  network: TensorflowNetwork,
  notes: Set<string>,
): NetworkData<GrowingGeneratorConfig> {
  const builder = network.builder();
  const synthesisBuilder = network.component("synthesis").builder();
  if (builder === "G_style" && synthesisBuilder === "G_synthesis") return readStylegan1Generator(network, notes);
  if (builder === "G_main" && synthesisBuilder === "G_synthesis_stylegan_revised")
    return readGrowingStylegan2Generator(network, notes);
  throw new ForeignNetworkError(
    `${network.path}: a generator built by ${describe(builder)} and ${describe(synthesisBuilder)}; supported are ` +
      "G_style with G_synthesis, and G_main with G_synthesis_stylegan_revised, G_synthesis_stylegan2 or G_synthesis",
  );
}

function readStylegan1Generator(network: TensorflowNetwork, notes: Set<string>): NetworkData<Stylegan1GeneratorConfig> {
  const where = network.path;
  const synthesis = network.component("synthesis");
  const source = network.generatorVariables();
  synthesis.expectKeyword("use_wscale", true);
  const { channels, imgResolution, imgChannels } = readSynthesisGeometry(where, source);
  const useStyles = synthesis.booleanKeyword("use_styles", true);
  const isConstant = synthesis.booleanKeyword("const_input_layer", true);
  // Without styles and a dense input, w does not enter the network at all: then its width is what mapping makes of z.
  const wDim = useStyles
    ? extentOf(where, source, "synthesis/4x4/Conv/StyleMod/weight", 0)
    : isConstant
      ? (network.integerKeyword("dlatent_size", 512) ?? 0)
      : extentOf(where, source, "synthesis/4x4/Dense/weight", 0);
  const mapping = readMapping(network, source, { wDim, imgResolution, heGain: "weight" });
  const config = generatorConfig(
    "stylegan1-generator",
    mapping,
    { wDim, imgResolution, imgChannels, channels },
    {
      activation: activationOf(synthesis),
      input: isConstant ? "constant" : "traditional",
      useStyles,
      useNoise: synthesis.booleanKeyword("use_noise", true),
      usePixelNorm: synthesis.booleanKeyword("use_pixel_norm", false),
      useInstanceNorm: synthesis.booleanKeyword("use_instance_norm", true),
      ...scalingOf(synthesis),
    },
  );
  const find = (name: string) => stylegan1Variable(name, config);
  return adoptTensors(where, checkedGeometry(where, config), source, { find, ...OTHERS, notes });
}

function readGrowingStylegan2Generator(
  network: TensorflowNetwork,
  notes: Set<string>,
): NetworkData<GrowingStylegan2GeneratorConfig> {
  const where = network.path;
  const synthesis = network.component("synthesis");
  const source = network.generatorVariables();
  const { channels, imgResolution, imgChannels } = readSynthesisGeometry(where, source);
  const wDim = extentOf(where, source, "synthesis/4x4/Conv/mod_weight", 0);
  const mapping = readMapping(network, source, { wDim, imgResolution });
  const config = generatorConfig(
    "growing-stylegan2-generator",
    mapping,
    { wDim, imgResolution, imgChannels, channels },
    {
      resampleFilter: synthesis.taps("resample_kernel", [1, 3, 3, 1]),
      activation: activationOf(synthesis),
      convClamp: null,
      useNoise: source.has("synthesis/noise0"),
      scaleBeforeDemodulation: true,
    },
  );
  const find = (name: string) => growingStylegan2Variable(name, imgResolution, mapping);
  return adoptTensors(where, checkedGeometry(where, config), source, { find, ...OTHERS, notes });
}

export function readGrowingDiscriminator(
  network: TensorflowNetwork,
  notes: Set<string>,
): NetworkData<GrowingDiscriminatorConfig> {
  const where = network.path;
  const builder = network.builder();
  if (builder !== "D_basic" && builder !== "D_stylegan") {
    throw new ForeignNetworkError(
      `${where}: a discriminator built by ${describe(builder)}; supported are D_basic, D_stylegan, D_stylegan2 and D_main`,
    );
  }
  const source = network.variables();
  const channels: [number, number][] = [[4, extentOf(where, source, "4x4/Conv/weight", 3)]];
  const numBlocks = countNames(source, 1, (i) => `${4 << i}x${4 << i}/Conv0/weight`);
  for (let i = 1; i <= numBlocks; i++) {
    channels.push([4 << i, extentOf(where, source, `${4 << i}x${4 << i}/Conv0/weight`, 2)]);
  }
  const imgResolution = 4 << numBlocks;
  const common = {
    cDim: network.integerKeyword("label_size", 0) ?? 0,
    imgResolution,
    imgChannels: extentOf(where, source, "FromRGB_lod0/weight", 2),
    channels,
    activation: activationOf(network),
    mbstdGroupSize: network.integerKeyword("mbstd_group_size", 4),
    mbstdNumChannels: Math.max(0, extentOf(where, source, "4x4/Conv/weight", 2) - channels[0][1]),
  };
  let config: GrowingDiscriminatorConfig;
  if (builder === "D_basic") {
    network.expectKeyword("use_wscale", true);
    config = { kind: "stylegan1-discriminator", ...common, ...scalingOf(network) };
  } else {
    const resampleFilter = network.taps("resample_kernel", [1, 3, 3, 1]);
    config = { kind: "growing-stylegan2-discriminator", ...common, resampleFilter };
  }
  const output = builder === "D_basic" ? "4x4/Dense1" : "Output";
  const find = (name: string) => discriminatorVariable(name, imgResolution, output);
  return adoptTensors(where, checkedGeometry(where, config), source, { find, ...OTHERS, notes });
}

/** Feature maps and image of a synthesis network, from the shapes of its kernels. */
function readSynthesisGeometry(where: string, source: ReadonlyMap<string, PlainTensor>) {
  const channels: [number, number][] = [[4, extentOf(where, source, "synthesis/4x4/Conv/weight", 3)]];
  const numBlocks = countNames(source, 1, (i) => `synthesis/${4 << i}x${4 << i}/Conv1/weight`);
  for (let i = 1; i <= numBlocks; i++) {
    channels.push([4 << i, extentOf(where, source, `synthesis/${4 << i}x${4 << i}/Conv1/weight`, 3)]);
  }
  const imgChannels = extentOf(where, source, "synthesis/ToRGB_lod0/weight", 3);
  return { channels, imgResolution: 4 << numBlocks, imgChannels };
}

function activationOf(network: TensorflowNetwork) {
  return oneOf(`${network.path}.nonlinearity`, network.keyword("nonlinearity") ?? "lrelu", activationNames);
}

/** fused_scale: True, False, or "auto"; blur_filter: taps, or None. */
function scalingOf(network: TensorflowNetwork) {
  const fused = network.keyword("fused_scale") ?? "auto";
  if (typeof fused !== "boolean" && fused !== "auto") {
    throw new CheckpointError(`${network.path}.fused_scale: expected True, False or "auto", found ${describe(fused)}`);
  }
  return {
    blurFilter: network.keyword("blur_filter") === null ? null : network.taps("blur_filter", [1, 2, 1]),
    fusedFrom: fused === "auto" ? AUTO_FUSED_FROM : fused ? 4 : null,
  };
}

const lodOf = (imgResolution: number, resolution: string) => Math.log2(imgResolution / Number(resolution));

/** synthesis.b8.conv0.affine.bias -> synthesis/8x8/Conv0_up/StyleMod/bias, and so on. */
function stylegan1Variable(name: string, config: Stylegan1GeneratorConfig): ForeignTensor {
  const { imgResolution, synthesis, mapping } = config;
  const { input } = synthesis;
  const mapped = mappingVariable(name, mapping);
  if (mapped) return mapped;
  if (name === "synthesis.lod") return { name: "synthesis/lod" };
  const [, resolution, layer, rest] = /^synthesis\.b(\d+)\.(\w+)\.(.+)$/.exec(name) ?? [];
  if (layer === "torgb") return kernelVariable(`synthesis/ToRGB_lod${lodOf(imgResolution, resolution)}`, rest);
  if (rest === "noise_const") {
    return { name: `synthesis/noise${2 * Math.log2(Number(resolution)) - (layer === "conv1" ? 3 : 4)}` };
  }
  const scopes: Record<string, string> = {
    input: input === "constant" ? "Const" : "Dense",
    conv0: "Conv0_up",
    conv1: resolution === "4" ? "Conv" : "Conv1",
  };
  const scope = `synthesis/${resolution}x${resolution}/${scopes[layer]}`;
  if (layer === "input" && rest === "weight") return denseVariable(scope, rest);
  switch (rest) {
    case "affine.weight":
      return { name: `${scope}/StyleMod/weight`, convert: transposed };
    case "affine.bias":
      return { name: `${scope}/StyleMod/bias` };
    case "noise_strength":
      return { name: `${scope}/Noise/weight` };
    default:
      return kernelVariable(scope, rest);
  }
}

function growingStylegan2Variable(name: string, imgResolution: number, mapping: MappingConfig): ForeignTensor {
  if (name === "synthesis.lod") return { name: "synthesis/lod" };
  const found = generatorVariable(name, mapping);
  const inBlock = /^synthesis\/(\d+)x\d+\/ToRGB\//;
  const rename = (_: string, resolution: string) => `synthesis/ToRGB_lod${lodOf(imgResolution, resolution)}/`;
  return { ...found, name: found.name.replace(inBlock, rename) };
}

function discriminatorVariable(name: string, imgResolution: number, output: string): ForeignTensor {
  if (name === "lod") return { name };
  const [, resolution, layer, kind] = /^b(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (layer === "fromrgb") return kernelVariable(`FromRGB_lod${lodOf(imgResolution, resolution)}`, kind);
  if (layer === "fc") return denseVariable("4x4/Dense0", kind);
  if (layer === "out") return denseVariable(output, kind);
  const scope = { conv: "Conv", conv0: "Conv0", conv1: "Conv1_down" }[layer];
  return kernelVariable(`${resolution}x${resolution}/${scope}`, kind);
}

/** A kernel is rearranged; what goes with it (bias, const) stays as it is. */
function kernelVariable(scope: string, kind: string): ForeignTensor {
  return kind === "weight" ? { name: `${scope}/weight`, convert: kernel } : { name: `${scope}/${kind}` };
}
