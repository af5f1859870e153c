/** Is a geometry one that a network can have? Asked of every file before any tensor is believed. */
import { CheckpointError } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import {
  type AnyGeneratorConfig,
  type DiscriminatorConfig,
  type GrowingDiscriminatorConfig,
  type MappingConfig,
  type NetworkConfig,
  networkSchema,
} from "../config.js";

export const MAX_RESOLUTION = 1 << 14;

/** The number of w's that a generator takes: two a block and one for the last toRgb, less one at 4x4. */
export function expectedNumWs(imgResolution: number): number {
  return 2 * Math.log2(imgResolution) - 2;
}

/** A checked configuration from parsed JSON. CheckpointError names the field that is wrong, missing or unknown. */
export function parseConfig(value: unknown, where: string): NetworkConfig {
  return checkedGeometry(where, networkSchema(value, where));
}

/** The base of a network whose first block has these pixels, [height, width]; nothing for the usual 4x4. */
export function baseOf(size: readonly number[] | undefined): { readonly base?: readonly [number, number] } {
  const [height, width] = size ?? [4, 4];
  return height === 4 && width === 4 ? {} : { base: [height, width] };
}

/** What a generator and its synthesis are both told. */
interface SharedSizes {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** [resolution, feature maps] */
  readonly channels: readonly (readonly [number, number])[];
}

type ConfigOf<Kind> = Extract<AnyGeneratorConfig, { kind: Kind }>;

/** A generator's configuration from what files say once: sizes, the mapping network, and what else synthesis is. */
export function generatorConfig<Kind extends AnyGeneratorConfig["kind"]>(
  kind: Kind,
  mapping: MappingConfig,
  sizes: SharedSizes,
  synthesis: Omit<ConfigOf<Kind>["synthesis"], keyof SharedSizes>,
): ConfigOf<Kind> {
  const { zDim, cDim } = mapping;
  const { wDim, imgResolution, imgChannels } = sizes;
  const whole = { zDim, cDim, wDim, imgResolution, imgChannels, mapping, synthesis: { ...sizes, ...synthesis } };
  return { kind, ...whole } as unknown as ConfigOf<Kind>;
}

/** Throws CheckpointError unless the numbers of a geometry agree with each other. Returns it. */
export function checkedGeometry<Config extends NetworkConfig>(where: string, config: Config): Config {
  const problem = problemOf(config);
  if (problem) throw new CheckpointError(`${where}: impossible geometry: ${problem}`);
  return config;
}

function problemOf(config: NetworkConfig): string | null {
  switch (config.kind) {
    case "stylegan2-discriminator":
      return discriminatorProblem(config);
    case "stylegan1-discriminator":
    case "growing-stylegan2-discriminator":
      return growingDiscriminatorProblem(config);
    default:
      return generatorProblem(config);
  }
}

function generatorProblem(config: AnyGeneratorConfig): string | null {
  const { mapping, synthesis, imgResolution } = config;
  const numWs = expectedNumWs(imgResolution);
  if (synthesis.imgResolution !== imgResolution || synthesis.imgChannels !== config.imgChannels) {
    return "generator and synthesis disagree on the image";
  }
  if (mapping.zDim !== config.zDim || mapping.cDim !== config.cDim || mapping.zDim === 0) {
    return `mapping takes z of ${mapping.zDim} and c of ${mapping.cDim}, the generator ${config.zDim} and ${config.cDim}`;
  }
  if (mapping.wDim !== config.wDim || synthesis.wDim !== config.wDim) {
    return `w has ${mapping.wDim} features in mapping, ${synthesis.wDim} in synthesis and ${config.wDim} in the generator`;
  }
  const taps = "resampleFilter" in synthesis ? synthesis.resampleFilter : synthesis.blurFilter;
  return (
    imageProblem(imgResolution, config.imgChannels, synthesis.channels, taps) ??
    ("convClamp" in synthesis ? clampProblem(synthesis.convClamp) : null) ??
    ("base" in synthesis ? baseProblem(synthesis.base) : null) ??
    (mapping.numWs === numWs ? null : `expected ${numWs} w's at resolution ${imgResolution}, found ${mapping.numWs}`) ??
    mappingProblem(mapping)
  );
}

function discriminatorProblem(config: DiscriminatorConfig): string | null {
  const { mapping, conditioning, cmapDim, cDim, mbstdGroupSize, mbstdNumChannels, channels } = config;
  const problem = imageProblem(config.imgResolution, config.imgChannels, channels, config.resampleFilter);
  if (problem) return problem;
  const sizes = clampProblem(config.convClamp) ?? baseProblem(config.base);
  if (sizes) return sizes;
  if ((cDim === 0) !== (conditioning === "none")) return `${cDim} labels with conditioning "${conditioning}"`;
  if (cmapDim > 0 !== (conditioning === "projection")) return `cmapDim ${cmapDim} with conditioning "${conditioning}"`;
  if ((mapping !== null) !== (conditioning === "projection")) return "a mapping of labels belongs to projection only";
  const deviationProblem = minibatchStdProblem(mbstdGroupSize, mbstdNumChannels, channels[0][1]);
  if (deviationProblem) return deviationProblem;
  if (mapping && (mapping.wDim !== cmapDim || mapping.cDim !== cDim || mapping.zDim !== 0 || mapping.numWs !== null)) {
    return "the mapping of labels does not fit the discriminator";
  }
  return mapping && mappingProblem(mapping);
}

function growingDiscriminatorProblem(config: GrowingDiscriminatorConfig): string | null {
  const { imgResolution, imgChannels, channels, mbstdGroupSize, mbstdNumChannels } = config;
  const taps = config.kind === "stylegan1-discriminator" ? config.blurFilter : config.resampleFilter;
  return (
    imageProblem(imgResolution, imgChannels, channels, taps) ??
    minibatchStdProblem(mbstdGroupSize, mbstdNumChannels, channels[0][1])
  );
}

function minibatchStdProblem(groupSize: number | null, numChannels: number, width: number): string | null {
  if (groupSize !== 0 && (numChannels === 0 || width % numChannels === 0)) return null;
  return `minibatch stddev with groups of ${groupSize} and ${numChannels} channels of ${width}`;
}

function imageProblem(
  resolution: number,
  imgChannels: number,
  channels: readonly (readonly [number, number])[],
  taps: readonly number[] | null,
): string | null {
  if (!Number.isInteger(Math.log2(resolution)) || resolution < 4 || resolution > MAX_RESOLUTION) {
    return `resolution must be a power of two from 4 to ${MAX_RESOLUTION}, found ${resolution}`;
  }
  if (imgChannels < 1) return `an image of ${imgChannels} channels`;
  const contiguous = channels.every(([at, width], i) => at === 4 << i && width >= 1);
  if (!contiguous || channels.at(-1)?.[0] !== resolution) {
    return `feature maps must be given for each resolution from 4 to ${resolution}, found ${channels.map(([at]) => at)}`;
  }
  if (taps === null) return null;
  const sum = taps.reduce((a, b) => a + b, 0);
  if (taps.length === 0 || taps.length > 64 || !Number.isFinite(sum) || sum === 0) {
    return `a resampling filter of ${taps.length} taps with sum ${sum}`;
  }
  return null;
}

function clampProblem(clamp: number | null): string | null {
  return clamp === null || clamp > 0 ? null : `activations clamped to +-${clamp}, expected a number above 0`;
}

function baseProblem(base: readonly [number, number] | undefined): string | null {
  return base === undefined || base.every((extent) => extent >= 1 && extent <= 64)
    ? null
    : `a first block of ${base.join("x")} pixels, expected 1 to 64 a side`;
}

function mappingProblem(mapping: MappingConfig): string | null {
  const { cDim, embedFeatures, layerFeatures, zDim, wDim, lrMultiplier, wAvgBeta } = mapping;
  if (!(lrMultiplier > 0)) return `a learning-rate multiplier of ${lrMultiplier} in the mapping, expected one above 0`;
  if (wAvgBeta !== null && !(wAvgBeta >= 0 && wAvgBeta <= 1))
    return `an average w that decays by ${wAvgBeta}, expected 0 to 1`;
  if (cDim > 0 !== embedFeatures > 0) return `a label embedding of ${embedFeatures} features for ${cDim} labels`;
  if (wDim < 1 || layerFeatures.some((features) => features < 1)) return "mapping has a layer without features";
  const last = layerFeatures.at(-1) ?? zDim + embedFeatures;
  return last === wDim ? null : `mapping ends in ${last} features, expected ${wDim}`;
}

/** The one-dimensional filter whose outer product with itself is the stored [k, k] buffer (or the stored taps). */
export function separableTaps(tensor: PlainTensor, where: string): number[] {
  const { shape } = tensor;
  const isSquare = shape.length === 2 && shape[0] === shape[1];
  if (!(isSquare || shape.length === 1) || shape[0] < 1 || shape[0] > 64) {
    throw new CheckpointError(`${where}: expected resampling taps [k] or [k, k], found [${shape}]`);
  }
  const values = Array.from(tensor.toFloat());
  const k = shape[0];
  if (!isSquare) return values;
  const sum = values.reduce((a, b) => a + b, 0);
  // Rows of an outer product t t^T with sum(t) = s add up to s t; normalised, s is 1.
  const taps = Array.from({ length: k }, (_, i) => values.slice(i * k, (i + 1) * k).reduce((a, b) => a + b, 0) / sum);
  const separable = values.every((value, i) => Math.abs(value / sum - taps[Math.floor(i / k)] * taps[i % k]) < 1e-5);
  if (!separable) throw new CheckpointError(`${where}: the resampling filter is not an outer product of taps`);
  return taps;
}
