/**
 * Pickles of the official TensorFlow StyleGAN2 repository: a tuple (G, D, Gs) of networks with their variables as numpy
 * arrays. Read are the final networks of the paper (configs E and F, version 4); dense matrices are stored [in, out],
 * kernels [kh, kw, in, out], up-convolutions mirrored, and style biases less 1. Tested by tests/formatsOfficial.test.ts.
 */
import { CheckpointError, describe } from "../../formats/checkpointError.js";
import { isNumpyArray, numpyTensor, type PickleResolver } from "../../formats/commonPickle.js";
import { PickleObject, PickleTuple, type PickleValue, recordAs, sequence } from "../../formats/pickleValues.js";
import { denseTensor, type PlainTensor, rearrangedTensor } from "../../formats/plainTensor.js";
import type { Architecture, DiscriminatorConfig, GeneratorConfig, MappingConfig } from "../config.js";
import { adoptTensors, countNames, extentOf, type ForeignTensor } from "./foreignNames.js";
import { activations, checkedGeometry, expectedNumWs, oneOf } from "./geometry.js";
import { type CheckpointData, collectNetworks, type NetworkData, type ReadCheckpointOptions } from "./networkData.js";

const NETWORK = "dnnlib.tflib.network.Network";

export const officialTensorflowNames: PickleResolver = (module, name) =>
  `${module}.${name}` === NETWORK ? recordAs(NETWORK) : undefined;

type Dict = ReadonlyMap<PickleValue, PickleValue>;

const isNetwork = (value: PickleValue | undefined) => value instanceof PickleObject && value.type === NETWORK;

export function isOfficialTensorflow(value: PickleValue): value is PickleTuple {
  return value instanceof PickleTuple && value.items.length === 3 && value.items.every(isNetwork);
}

export function readOfficialTensorflow(tuple: PickleTuple, options: ReadCheckpointOptions = {}): CheckpointData {
  const [g, d, gs] = tuple.items;
  const networks = collectNetworks("official TensorFlow pickle", options, {
    gEma: () => readGenerator(new TensorflowNetwork(gs, "Gs")),
    g: () => readGenerator(new TensorflowNetwork(g, "G")),
    d: () => readDiscriminator(new TensorflowNetwork(d, "D")),
  });
  return { format: "official TensorFlow pickle", networks };
}

/** One pickled network: the function that built it, its keyword arguments, variables and component networks. */
class TensorflowNetwork {
  readonly path: string;
  private readonly state: Dict;

  constructor(value: PickleValue | undefined, path: string) {
    const state = value instanceof PickleObject && value.type === NETWORK ? value.state : null;
    if (!(state instanceof Map)) throw new CheckpointError(`${path}: expected a network, found ${describe(value)}`);
    this.path = path;
    this.state = state;
  }

  /** Throws unless version and building function are those of StyleGAN2's final networks. */
  expectBuilder(...functions: readonly string[]): void {
    const version = this.state.get("version");
    const builder = this.state.get("build_func_name");
    if (version !== 4 || typeof builder !== "string" || !functions.includes(builder)) {
      throw new CheckpointError(
        `${this.path}: a TensorFlow network of version ${describe(version)} built by ${describe(builder)}; ` +
          `supported are version 4 and ${functions.join(", ")} (StyleGAN2 configs E and F)`,
      );
    }
  }

  component(name: string): TensorflowNetwork {
    const components = this.state.get("components");
    const value = components instanceof Map ? components.get(name) : undefined;
    return new TensorflowNetwork(value, `${this.path}.${name}`);
  }

  /** A keyword argument that the network was built with; undefined where the builder's default was used. */
  keyword(name: string): PickleValue | undefined {
    const keywords = this.state.get("static_kwargs");
    if (!(keywords instanceof Map)) throw new CheckpointError(`${this.path}: expected static_kwargs, found none`);
    return keywords.get(name);
  }

  integerKeyword(name: string, builderDefault: number | null): number | null {
    const value = this.keyword(name);
    if (value === undefined) return builderDefault;
    if (value === null) return null;
    if (!Number.isSafeInteger(value) || (value as number) < 0) {
      throw new CheckpointError(`${this.path}.${name}: expected a whole number, found ${describe(value)}`);
    }
    return value as number;
  }

  numberKeyword(name: string, builderDefault: number): number {
    const value = this.keyword(name) ?? builderDefault;
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new CheckpointError(`${this.path}.${name}: expected a number, found ${describe(value)}`);
    }
    return value;
  }

  /** Refuses a variant that is not implemented. */
  expectKeyword(name: string, builderDefault: boolean): void {
    const value = this.keyword(name) ?? builderDefault;
    if (value !== builderDefault) {
      throw new CheckpointError(`${this.path}.${name}: expected ${builderDefault}, found ${describe(value)}`);
    }
  }

  taps(): number[] {
    const value = sequence(this.keyword("resample_kernel") ?? [1, 3, 3, 1]);
    const isTaps = value?.every((tap) => typeof tap === "number" && Number.isFinite(tap));
    if (!value || !isTaps) throw new CheckpointError(`${this.path}.resample_kernel: expected a list of numbers`);
    return value as number[];
  }

  variables(prefix = "", into = new Map<string, PlainTensor>()): Map<string, PlainTensor> {
    const list = sequence(this.state.get("variables"));
    if (!list) throw new CheckpointError(`${this.path}: expected a list of variables, found none`);
    for (const item of list) {
      const [name, value] = sequence(item) ?? [];
      const where = `${this.path}.${typeof name === "string" ? name : "variables"}`;
      if (typeof name !== "string") throw new CheckpointError(`${where}: expected a name, found ${describe(name)}`);
      if (isNumpyArray(value)) into.set(prefix + name, numpyTensor(value, where));
      else if (typeof value === "number") into.set(prefix + name, denseTensor(Float64Array.of(value), []));
      else throw new CheckpointError(`${where}: expected an array, found ${describe(value)}`);
    }
    return into;
  }
}

/** Variables of the whole generator; the components' come after "mapping/" and "synthesis/". */
function readGenerator(network: TensorflowNetwork): NetworkData<GeneratorConfig> {
  const where = network.path;
  network.expectBuilder("G_main");
  const mapping = network.component("mapping");
  mapping.expectBuilder("G_mapping");
  mapping.expectKeyword("normalize_latents", true);
  const synthesis = network.component("synthesis");
  synthesis.expectBuilder("G_synthesis_stylegan2");
  const source = network.variables();
  mapping.variables("mapping/", source);
  synthesis.variables("synthesis/", source);

  const channels: [number, number][] = [[4, extentOf(where, source, "synthesis/4x4/Const/const", 1)]];
  const numBlocks = countNames(source, 1, (i) => `synthesis/${4 << i}x${4 << i}/Conv1/weight`);
  for (let i = 1; i <= numBlocks; i++) {
    channels.push([4 << i, extentOf(where, source, `synthesis/${4 << i}x${4 << i}/Conv1/weight`, 3)]);
  }
  const imgResolution = 4 << numBlocks;
  const top = `synthesis/${imgResolution}x${imgResolution}`;
  const imgChannels = extentOf(where, source, `${top}/ToRGB/weight`, 3);
  const wDim = extentOf(where, source, "synthesis/4x4/Conv/mod_weight", 0);
  const zDim = network.integerKeyword("latent_size", 512) ?? 0;
  const cDim = source.has("mapping/LabelConcat/weight") ? extentOf(where, source, "mapping/LabelConcat/weight", 0) : 0;
  const mappingConfig: MappingConfig = {
    zDim,
    cDim,
    wDim,
    numWs: expectedNumWs(imgResolution),
    embedFeatures: cDim > 0 ? extentOf(where, source, "mapping/LabelConcat/weight", 1) : 0,
    embedBias: false,
    inputNormalization: "joint",
    layerFeatures: Array.from({ length: countNames(source, 0, (i) => `mapping/Dense${i}/weight`) }, (_, i) =>
      extentOf(where, source, `mapping/Dense${i}/weight`, 1),
    ),
    activation: oneOf(`${where}.mapping_nonlinearity`, mapping.keyword("mapping_nonlinearity") ?? "lrelu", activations),
    lrMultiplier: mapping.numberKeyword("mapping_lrmul", 0.01),
    wAvgBeta: network.keyword("dlatent_avg_beta") === null ? 1 : network.numberKeyword("dlatent_avg_beta", 0.995),
  };
  const config: GeneratorConfig = {
    kind: "stylegan2-generator",
    zDim,
    cDim,
    wDim,
    imgResolution,
    imgChannels,
    mapping: mappingConfig,
    synthesis: {
      wDim,
      imgResolution,
      imgChannels,
      channels,
      architecture: architectureOf(source, `${top}/Skip/weight`, "synthesis/4x4/ToRGB/weight"),
      resampleFilter: synthesis.taps(),
      activation: oneOf(`${where}.nonlinearity`, synthesis.keyword("nonlinearity") ?? "lrelu", activations),
      convClamp: null,
      useNoise: source.has("synthesis/noise0"),
      scaleBeforeDemodulation: true,
    },
  };
  const find = (name: string) => generatorVariable(name, cDim);
  return adoptTensors(where, checkedGeometry(where, config), source, find, (name) => name === "lod");
}

function readDiscriminator(network: TensorflowNetwork): NetworkData<DiscriminatorConfig> {
  const where = network.path;
  network.expectBuilder("D_stylegan2");
  const source = network.variables();
  const numBlocks = countNames(source, 1, (i) => `${4 << i}x${4 << i}/Conv0/weight`);
  const channels: [number, number][] = [[4, extentOf(where, source, "4x4/Conv/weight", 3)]];
  for (let i = 1; i <= numBlocks; i++) {
    channels.push([4 << i, extentOf(where, source, `${4 << i}x${4 << i}/Conv0/weight`, 2)]);
  }
  const imgResolution = 4 << numBlocks;
  const top = `${imgResolution}x${imgResolution}`;
  const cDim = network.integerKeyword("label_size", 0) ?? 0;
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim,
    imgResolution,
    imgChannels: extentOf(where, source, `${top}/FromRGB/weight`, 2),
    channels,
    architecture: architectureOf(source, `${top}/Skip/weight`, "4x4/FromRGB/weight"),
    resampleFilter: network.taps(),
    activation: oneOf(`${where}.nonlinearity`, network.keyword("nonlinearity") ?? "lrelu", activations),
    convClamp: null,
    conditioning: cDim > 0 ? "logits" : "none",
    cmapDim: 0,
    mapping: null,
    mbstdGroupSize: network.integerKeyword("mbstd_group_size", 4),
    mbstdNumChannels: Math.max(0, extentOf(where, source, "4x4/Conv/weight", 2) - channels[0][1]),
  };
  return adoptTensors(where, checkedGeometry(where, config), source, discriminatorVariable, () => false);
}

function architectureOf(source: ReadonlyMap<string, unknown>, skip: string, rgbAt4: string): Architecture {
  if (source.has(skip)) return "resnet";
  return source.has(rgbAt4) ? "skip" : "orig";
}

const transposed = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [1, 0] });
const kernel = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [3, 2, 0, 1] });
const mirroredKernel = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [3, 2, 0, 1], flipped: [0, 1] });
const plusOne = (tensor: PlainTensor) => rearrangedTensor(tensor, { add: 1 });

/** synthesis.b8.conv0.affine.bias -> synthesis/8x8/Conv0_up/mod_bias plus 1, and so on. */
function generatorVariable(official: string, cDim: number): ForeignTensor {
  if (official === "mapping.w_avg") return { name: "dlatent_avg" };
  if (official === "mapping.embed.weight") {
    // Not scaled by 1 / sqrt(in) there, as dense layers are here.
    const convert = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [1, 0], scale: Math.sqrt(cDim) });
    return { name: "mapping/LabelConcat/weight", convert };
  }
  const dense = /^mapping\.fc(\d+)\.(weight|bias)$/.exec(official);
  if (dense) return denseVariable(`mapping/Dense${dense[1]}`, dense[2]);
  const [, resolutionText, layer, rest] = /^synthesis\.b(\d+)\.(\w+)\.?(.*)$/.exec(official) ?? [];
  const block = `synthesis/${resolutionText}x${resolutionText}`;
  if (layer === "const") return { name: `${block}/Const/const` };
  if (layer === "skip") return { name: `${block}/Skip/weight`, convert: mirroredKernel };
  if (rest === "noise_const") {
    return { name: `synthesis/noise${2 * Math.log2(Number(resolutionText)) - (layer === "conv0" ? 5 : 4)}` };
  }
  const at4 = resolutionText === "4" ? "Conv" : "Conv1";
  const scope = `${block}/${{ torgb: "ToRGB", conv0: "Conv0_up", conv1: at4 }[layer]}`;
  switch (rest) {
    case "affine.weight":
      return { name: `${scope}/mod_weight`, convert: transposed };
    case "affine.bias":
      return { name: `${scope}/mod_bias`, convert: plusOne };
    case "weight":
      return { name: `${scope}/weight`, convert: layer === "conv0" ? mirroredKernel : kernel };
    default:
      return { name: `${scope}/${rest}` };
  }
}

function discriminatorVariable(official: string): ForeignTensor {
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

function denseVariable(scope: string, kind: string): ForeignTensor {
  return kind === "weight" ? { name: `${scope}/weight`, convert: transposed } : { name: `${scope}/bias` };
}
