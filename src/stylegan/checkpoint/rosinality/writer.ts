/**
 * Networks as a checkpoint of rosinality's stylegan2-pytorch: the state dicts `g_ema`, `g`, `d` and `latent_avg`, under
 * the names and with the extra axes that rosinality/reader.ts reads. That program knows one kind of network only, so most of
 * this file says which ones those are. Its feature maps at each resolution follow from `--channel_multiplier`; for other
 * widths the table in its model has to be changed. Tested by tests/checkpoints/rosinalityWriter.test.ts.
 */
import { denseTensor, type PlainTensor, reshapedTensor } from "../../../formats/plainTensor.js";
import { type StateDict, torchChunks } from "../../../formats/torch/writer.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig, NetworkConfig } from "../../config.js";
import type { WriteOptions } from "../format.js";
import { checkedNetwork, type NetworkData, type Networks } from "../networkData.js";
import { discriminatorName, generatorName } from "./reader.js";

/**
 * The file in pieces, tensor by tensor.
 *
 * @throws RangeError for networks that rosinality's code cannot express: it names what is different
 */
export function* writeRosinality(networks: Networks, options: WriteOptions = {}): Generator<Uint8Array> {
  if ((options.dtype ?? "f32") !== "f32") {
    throw new RangeError(`writeRosinality: format "rosinality" has dtype f32 only, got ${options.dtype}`);
  }
  const { gEma, g, d } = networks;
  const top = new Map<string, PlainTensor | StateDict>();
  if (gEma) top.set("g_ema", generatorState("gEma", gEma, options));
  if (g) top.set("g", generatorState("g", g, options));
  if (d) top.set("d", discriminatorState(d, options));
  if (top.size === 0) throw new RangeError("writeRosinality: expected at least one network, got none");
  // One average for both generators; without it rosinality's tools take the mean of many w's.
  const average = (gEma ?? g)?.tensors.get("mapping.w_avg");
  if (average) top.set("latent_avg", average);
  yield* torchChunks(top);
}

/** What it is, what rosinality has, what the network has. */
type Fact = readonly [what: string, expected: unknown, found: unknown];

function expectFacts(network: string, facts: readonly Fact[]): void {
  const odd = facts.find(([, expected, found]) => inWords(expected) !== inWords(found));
  if (odd !== undefined) throw cannotHold(network, odd);
}

const inWords = (value: unknown): string => (value === null ? "none" : JSON.stringify(value));

function cannotHold(network: string, [what, expected, found]: Fact): RangeError {
  const hint = what === "convClamp" ? "; ignoreClamp (--ignore-clamp) writes it without" : "";
  return new RangeError(
    `writeRosinality: a rosinality checkpoint cannot hold ${network}: ` +
      `${what} must be ${inWords(expected)}, got ${inWords(found)}${hint}`,
  );
}

/** Taps whose sum is 8, as people write them. */
const tapsOf = (filter: readonly number[]): number[] => {
  const sum = filter.reduce((a, b) => a + b, 0);
  return filter.map((tap) => Math.round((8e6 * tap) / sum) / 1e6);
};
const TAPS = [1, 3, 3, 1];

/** The filter as a matrix with sum `gain`: rosinality stores one with every layer that resamples. */
function resamplingKernel(gain: number): PlainTensor {
  const kernel = Float32Array.from({ length: 16 }, (_, i) => (gain * TAPS[i >> 2] * TAPS[i & 3]) / 64);
  return denseTensor(kernel, [4, 4]);
}

function generatorState(
  network: string,
  data: NetworkData<AnyGeneratorConfig>,
  { ignoreClamp = false }: WriteOptions,
): StateDict {
  const { config } = data;
  if (config.kind !== "stylegan2-generator") {
    throw cannotHold(network, ["kind", "stylegan2-generator", config.kind]);
  }
  const { mapping, synthesis } = config;
  expectFacts(network, [
    ["architecture", "skip", synthesis.architecture],
    ["cDim", 0, config.cDim],
    ["imgChannels", 3, config.imgChannels],
    ["useNoise", true, synthesis.useNoise],
    ["convClamp", null, ignoreClamp ? null : synthesis.convClamp],
    ["resampleFilter", TAPS, tapsOf(synthesis.resampleFilter)],
    ["activation", "lrelu", synthesis.activation],
    ["mapping.activation", "lrelu", mapping.activation],
    ["mapping.lrMultiplier", 0.01, mapping.lrMultiplier],
    ["zDim", config.wDim, config.zDim],
    ["mapping.layerFeatures", mapping.layerFeatures.map(() => config.wDim), mapping.layerFeatures],
  ]);
  const state = stateOf(`writeRosinality, ${network}`, data, generatorName, generatorShape);
  state.delete("latent_avg");
  for (let level = 1; level < synthesis.channels.length; level++) {
    state.set(`convs.${2 * level - 2}.conv.blur.kernel`, resamplingKernel(4));
    state.set(`to_rgbs.${level - 1}.upsample.kernel`, resamplingKernel(4));
  }
  return state;
}

function discriminatorState(
  data: NetworkData<AnyDiscriminatorConfig>,
  { ignoreClamp = false }: WriteOptions,
): StateDict {
  const { config } = data;
  if (config.kind !== "stylegan2-discriminator") {
    throw cannotHold("d", ["kind", "stylegan2-discriminator", config.kind]);
  }
  expectFacts("d", [
    ["architecture", "resnet", config.architecture],
    ["conditioning", "none", config.conditioning],
    ["imgChannels", 3, config.imgChannels],
    ["convClamp", null, ignoreClamp ? null : config.convClamp],
    ["resampleFilter", TAPS, tapsOf(config.resampleFilter)],
    ["activation", "lrelu", config.activation],
    ["mbstdGroupSize", 4, config.mbstdGroupSize],
    ["mbstdNumChannels", 1, config.mbstdNumChannels],
  ]);
  const rename = (name: string) => discriminatorName(name, config.imgResolution);
  const state = stateOf("writeRosinality, d", data, rename, (_, shape) => shape);
  for (let block = 1; block < config.channels.length; block++) {
    state.set(`convs.${block}.conv2.0.kernel`, resamplingKernel(1));
    state.set(`convs.${block}.skip.0.kernel`, resamplingKernel(1));
  }
  return state;
}

function stateOf(
  where: string,
  { config, tensors }: NetworkData<NetworkConfig>,
  rename: (official: string) => string,
  shapeOf: (name: string, official: readonly number[]) => readonly number[],
): Map<string, PlainTensor> {
  checkedNetwork(where, config, tensors);
  const state = new Map<string, PlainTensor>();
  for (const [official, tensor] of tensors) {
    const name = rename(official);
    state.set(name, reshapedTensor(tensor, shapeOf(name, tensor.shape)));
  }
  return state;
}

/** rosinality keeps an axis for the batch in weights, the constant and the noise, and full shapes in biases of images. */
function generatorShape(name: string, shape: readonly number[]): readonly number[] {
  if (name === "input.input" || name.endsWith(".conv.weight")) return [1, ...shape];
  if (name.startsWith("noises.")) return [1, 1, ...shape];
  if (name.endsWith(".noise.weight")) return [1];
  return /^to_rgb(1|s\.\d+)\.bias$/.test(name) ? [1, ...shape, 1, 1] : shape;
}
