/** What all pickles of the official TensorFlow repositories share: networks with keyword arguments and variables. */

import { CheckpointError, describe } from "../../../formats/fileError.js";
import { isNumpyArray, numpyTensor, type PickleResolver } from "../../../formats/pickle/common.js";
import { PickleObject, type PickleValue, recordAs, sequence } from "../../../formats/pickle/values.js";
import { denseTensor, type PlainTensor, rearrangedTensor } from "../../../formats/plainTensor.js";
import { oneOf } from "../../../formats/schema.js";
import type { HeGain } from "../../../nn/layers/dense.js";
import { activationNames } from "../../../nn/ops/biasAct.js";
import type { MappingConfig } from "../../config.js";
import { countNames, extentOf, type ForeignTensor } from "../foreignNames.js";
import { expectedNumWs } from "../geometry.js";

const NETWORK = "dnnlib.tflib.network.Network";

export const officialTensorflowNames: PickleResolver = (module, name) =>
  `${module}.${name}` === NETWORK ? recordAs(NETWORK) : undefined;

type Dict = ReadonlyMap<PickleValue, PickleValue>;

export const isNetwork = (value: PickleValue): value is PickleObject =>
  value instanceof PickleObject && value.type === NETWORK;

/** Counters and schedules of forks are variables, too: `lod` of every network, `epochs` of some. */
export const OTHERS = {
  isKnown: (name: string) => /(^|\/)lod$/.test(name),
  isOfLayer: (name: string) => /(^|\/)\d+x\d+\//.test(name),
};

/**
 * The size of the first block, [height, width], and the names of all: 4x4, 8x8 and so on, or those of networks whose
 * images are not square (`min_h`, `min_w` of forks), such as 3x5, 6x10.
 */
export function blocksOf(source: ReadonlyMap<string, unknown>, first: RegExp) {
  const match = [...source.keys()].map((name) => first.exec(name)).find((found) => found !== null);
  const base: readonly [number, number] = match ? [Number(match[1]), Number(match[2])] : [4, 4];
  const block = (resolution: number): string => `${(base[0] * resolution) / 4}x${(base[1] * resolution) / 4}`;
  return { base, block };
}

const square = (resolution: number): string => `${resolution}x${resolution}`;

/** One pickled network: the function that built it, its keyword arguments, variables and component networks. */
export class TensorflowNetwork {
  readonly path: string;
  readonly #state: Dict;

  constructor(value: PickleValue | undefined, path: string) {
    const state = value instanceof PickleObject && value.type === NETWORK ? value.state : null;
    if (!(state instanceof Map)) throw new CheckpointError(`${path}: expected a network, found ${describe(value)}`);
    this.path = path;
    this.#state = state;
  }

  /** The name of the function that built the network. Throws for versions that no StyleGAN repository wrote. */
  builder(): string {
    const version = this.#state.get("version");
    const builder = this.#state.get("build_func_name");
    if (typeof version !== "number" || version < 2 || version > 5 || typeof builder !== "string") {
      throw new CheckpointError(
        `${this.path}: a TensorFlow network of version ${describe(version)} built by ${describe(builder)}; ` +
          "supported are versions 2 to 5",
      );
    }
    return builder;
  }

  /** Throws unless the network was built by this function. */
  expectBuilder(name: string): void {
    const builder = this.builder();
    if (builder !== name) throw new CheckpointError(`${this.path}: built by ${describe(builder)}, expected ${name}`);
  }

  /** A network within this one. Version 2 may have none: then all variables lie in the whole, under longer names. */
  component(name: string): TensorflowNetwork {
    const components = this.#state.get("components");
    if (components === undefined && this.#state.get("version") === 2) {
      const part = new PickleObject(NETWORK, []);
      part.state = new Map<PickleValue, PickleValue>([
        ...this.#state,
        ["build_func_name", `G_${name}`],
        ["variables", []],
      ]);
      return new TensorflowNetwork(part, `${this.path}.${name}`);
    }
    const value = components instanceof Map ? components.get(name) : undefined;
    return new TensorflowNetwork(value, `${this.path}.${name}`);
  }

  /** A keyword argument that the network was built with; undefined where the builder's default was used. */
  keyword(name: string): PickleValue | undefined {
    const keywords = this.#state.get("static_kwargs");
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

  optionalNumberKeyword(name: string): number | null {
    return (this.keyword(name) ?? null) === null ? null : this.numberKeyword(name, 0);
  }

  numberKeyword(name: string, builderDefault: number): number {
    const value = this.keyword(name) ?? builderDefault;
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new CheckpointError(`${this.path}.${name}: expected a number, found ${describe(value)}`);
    }
    return value;
  }

  booleanKeyword(name: string, builderDefault: boolean): boolean {
    const value = this.keyword(name) ?? builderDefault;
    if (typeof value === "boolean") return value;
    throw new CheckpointError(`${this.path}.${name}: expected True or False, found ${describe(value)}`);
  }

  /** Refuses any value but the default of the builder, the only one that this library builds. */
  expectKeyword(name: string, builderDefault: boolean): void {
    const value = this.booleanKeyword(name, builderDefault);
    if (value !== builderDefault) {
      throw new CheckpointError(`${this.path}.${name}: expected ${builderDefault}, found ${describe(value)}`);
    }
  }

  /** The taps of a filter. */
  taps(name: string, builderDefault: readonly number[]): number[] {
    const value = sequence(this.keyword(name) ?? builderDefault);
    const isTaps = value?.every((tap) => typeof tap === "number" && Number.isFinite(tap));
    if (!value || !isTaps) throw new CheckpointError(`${this.path}.${name}: expected a list of numbers`);
    return value as number[];
  }

  /** Variables of the whole generator; the components' come after "mapping/" and "synthesis/". */
  generatorVariables(): Map<string, PlainTensor> {
    const source = this.variables();
    this.component("mapping").variables("mapping/", source);
    this.component("synthesis").variables("synthesis/", source);
    return source;
  }

  variables(prefix = "", into = new Map<string, PlainTensor>()): Map<string, PlainTensor> {
    const list = sequence(this.#state.get("variables"));
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

/**
 * The mapping network of any of the generators. StyleGAN (2018) has He's gain in its weights. Labels are multiplied by a
 * matrix and normalised together with z (LabelConcat), or in StyleGAN2-ADA go through a dense layer and are normalised
 * on their own (LabelEmbed).
 */
export function readMapping(
  network: TensorflowNetwork,
  source: ReadonlyMap<string, PlainTensor>,
  options: { readonly wDim: number; readonly imgResolution: number; readonly heGain?: HeGain },
): MappingConfig {
  const { wDim, imgResolution, heGain } = options;
  const where = network.path;
  const mapping = network.component("mapping");
  mapping.expectBuilder("G_mapping");
  mapping.expectKeyword("normalize_latents", true);
  const extent = (name: string, axis: number) => extentOf(where, source, name, axis);
  const label = ["LabelEmbed", "LabelConcat"].find((scope) => source.has(`mapping/${scope}/weight`));
  const isEmbedded = label === "LabelEmbed";
  const numLayers = countNames(source, 0, (i) => `mapping/Dense${i}/weight`);
  const beta = network.keyword("w_avg_beta") === undefined ? "dlatent_avg_beta" : "w_avg_beta";
  return {
    zDim: network.integerKeyword("latent_size", 512) ?? 0,
    cDim: label ? extent(`mapping/${label}/weight`, 0) : 0,
    wDim,
    numWs: expectedNumWs(imgResolution),
    embedFeatures: label ? extent(`mapping/${label}/weight`, 1) : 0,
    embedBias: isEmbedded,
    inputNormalization: isEmbedded ? "separate" : "joint",
    layerFeatures: Array.from({ length: numLayers }, (_, i) => extent(`mapping/Dense${i}/weight`, 1)),
    activation: oneOf(
      `${where}.mapping_nonlinearity`,
      mapping.keyword("mapping_nonlinearity") ?? "lrelu",
      activationNames,
    ),
    lrMultiplier: mapping.numberKeyword("mapping_lrmul", 0.01),
    wAvgBeta: network.keyword(beta) === null ? 1 : network.numberKeyword(beta, 0.995),
    ...(heGain && { heGain }),
  };
}

export const transposed = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [1, 0] });
export const kernel = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [3, 2, 0, 1] });
const mirroredKernel = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [3, 2, 0, 1], flipped: [0, 1] });
const plusOne = (tensor: PlainTensor) => rearrangedTensor(tensor, { add: 1 });

/** mapping.fc0.weight -> mapping/Dense0/weight, and so on; null for what is not of the mapping network. */
export function mappingVariable(official: string, { cDim, embedBias }: MappingConfig): ForeignTensor | null {
  if (official === "mapping.w_avg") return { name: "dlatent_avg" };
  const embed = /^mapping\.embed\.(weight|bias)$/.exec(official);
  if (embed && embedBias) return denseVariable("mapping/LabelEmbed", embed[1]);
  if (embed) {
    // Not scaled by 1 / sqrt(in) there, as dense layers are here.
    const convert = (tensor: PlainTensor) => rearrangedTensor(tensor, { axes: [1, 0], scale: Math.sqrt(cDim) });
    return { name: "mapping/LabelConcat/weight", convert };
  }
  const dense = /^mapping\.fc(\d+)\.(weight|bias)$/.exec(official);
  return dense && denseVariable(`mapping/Dense${dense[1]}`, dense[2]);
}

/** synthesis.b8.conv0.affine.bias -> synthesis/8x8/Conv0_up/mod_bias plus 1, and so on. */
export function generatorVariable(official: string, mapping: MappingConfig, blockName = square): ForeignTensor {
  const mapped = mappingVariable(official, mapping);
  if (mapped) return mapped;
  const [, resolutionText, layer, rest] = /^synthesis\.b(\d+)\.(\w+)\.?(.*)$/.exec(official) ?? [];
  const block = `synthesis/${blockName(Number(resolutionText))}`;
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

export function denseVariable(scope: string, kind: string): ForeignTensor {
  return kind === "weight" ? { name: `${scope}/weight`, convert: transposed } : { name: `${scope}/bias` };
}
