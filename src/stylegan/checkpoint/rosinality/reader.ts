/**
 * Checkpoints of rosinality's stylegan2-pytorch: state dicts `g_ema`, `g`, `d` and `latent_avg` in what torch.save writes.
 * The networks are StyleGAN2 with a skip generator and a residual discriminator; only names and a few axes of extent 1
 * differ, and modulated weights are scaled before demodulation. Tested by tests/formats/official.test.ts.
 */
import { CheckpointError, describe } from "../../../formats/fileError.js";
import type { PickleValue } from "../../../formats/pickle/values.js";
import type { PlainTensor } from "../../../formats/plainTensor.js";
import { TorchTensor } from "../../../formats/torch/reader.js";
import type { DiscriminatorConfig, GeneratorConfig } from "../../config.js";
import { adoptTensors, countNames, extentOf } from "../foreignNames.js";
import { checkedGeometry, expectedNumWs, separableTaps } from "../geometry.js";
import { type CheckpointData, collectNetworks, type NetworkData, type ReadCheckpointOptions } from "../networkData.js";

type Source = ReadonlyMap<string, PlainTensor>;

/** Activation is leaky ReLU with gain sqrt 2 everywhere, and the mapping network learns at 0.01. */
const ACTIVATION = "lrelu";
const MAPPING_LR = 0.01;

export function isRosinality(value: PickleValue): value is Map<PickleValue, PickleValue> {
  if (!(value instanceof Map)) return false;
  const has = (network: string, tensor: string): boolean => {
    const state = value.get(network);
    return state instanceof Map && state.has(tensor);
  };
  return has("g_ema", "input.input") || has("g", "input.input") || has("d", "final_conv.0.weight");
}

export function readRosinality(
  top: ReadonlyMap<PickleValue, PickleValue>,
  options: ReadCheckpointOptions = {},
): CheckpointData {
  const average = top.get("latent_avg");
  const generator = (key: string) => (top.has(key) ? readGenerator(top.get(key), average, key) : undefined);
  const networks = collectNetworks("rosinality checkpoint", options, {
    gEma: () => generator("g_ema"),
    g: () => generator("g"),
    d: () => (top.has("d") ? readDiscriminator(top.get("d"), "d") : undefined),
  });
  return { format: "rosinality checkpoint", networks };
}

function stateDict(value: PickleValue | undefined, where: string): Map<string, PlainTensor> {
  if (!(value instanceof Map)) throw new CheckpointError(`${where}: expected a state dict, found ${describe(value)}`);
  const tensors = new Map<string, PlainTensor>();
  for (const [name, tensor] of value) {
    if (typeof name !== "string" || !(tensor instanceof TorchTensor)) {
      throw new CheckpointError(`${where}: expected tensors by name, found ${describe(name)}: ${describe(tensor)}`);
    }
    tensors.set(name, tensor.toPlain(`${where}.${name}`));
  }
  return tensors;
}

function readGenerator(
  value: PickleValue | undefined,
  average: PickleValue | undefined,
  where: string,
): NetworkData<GeneratorConfig> {
  const source = stateDict(value, where);
  if (average instanceof TorchTensor) source.set("latent_avg", average.toPlain("latent_avg"));
  const numConvs = countNames(source, 0, (i) => `convs.${i}.conv.weight`);
  const numLayers = countNames(source, 1, (i) => `style.${i}.weight`);
  const channels: [number, number][] = [[4, extentOf(where, source, "input.input", 1)]];
  for (let i = 0; i + 1 < numConvs; i += 2) {
    channels.push([8 << (i / 2), extentOf(where, source, `convs.${i}.conv.weight`, 1)]);
  }
  const imgResolution = channels[channels.length - 1][0];
  const imgChannels = extentOf(where, source, "to_rgb1.conv.weight", 1);
  const zDim = extentOf(where, source, "style.1.weight", 1);
  const wDim = extentOf(where, source, "conv1.conv.modulation.weight", 1);
  const config: GeneratorConfig = {
    kind: "stylegan2-generator",
    zDim,
    cDim: 0,
    wDim,
    imgResolution,
    imgChannels,
    mapping: {
      zDim,
      cDim: 0,
      wDim,
      numWs: expectedNumWs(imgResolution),
      embedFeatures: 0,
      embedBias: false,
      inputNormalization: "separate",
      layerFeatures: Array.from({ length: numLayers }, (_, i) => extentOf(where, source, `style.${i + 1}.weight`, 0)),
      activation: ACTIVATION,
      lrMultiplier: MAPPING_LR,
      wAvgBeta: source.has("latent_avg") ? 0.995 : null,
    },
    synthesis: {
      wDim,
      imgResolution,
      imgChannels,
      channels,
      architecture: "skip",
      resampleFilter: agreedTaps(source, where),
      activation: ACTIVATION,
      convClamp: null,
      useNoise: true,
      scaleBeforeDemodulation: true,
    },
  };
  const find = (name: string) => ({ name: generatorName(name) });
  return adoptTensors(where, checkedGeometry(where, config), source, find, isFilter);
}

/** synthesis.b8.conv0.affine.weight -> convs.0.conv.modulation.weight, and so on. */
export function generatorName(official: string): string {
  if (official === "mapping.w_avg") return "latent_avg";
  const dense = /^mapping\.fc(\d+)\.(weight|bias)$/.exec(official);
  if (dense) return `style.${Number(dense[1]) + 1}.${dense[2]}`;
  const [, resolutionText, layer, rest] = /^synthesis\.b(\d+)\.(\w+)\.?(.*)$/.exec(official) ?? [];
  const level = Math.log2(Number(resolutionText)) - 2; // 0 at 4x4
  if (layer === "const") return "input.input";
  if (layer === "torgb") {
    const rgb = level === 0 ? "to_rgb1" : `to_rgbs.${level - 1}`;
    return rest === "bias" ? `${rgb}.bias` : `${rgb}.conv.${rest.replace("affine", "modulation")}`;
  }
  const index = 2 * level - (layer === "conv0" ? 1 : 0); // 0 at 4x4, then two a block
  if (rest === "noise_const") return `noises.noise_${index}`;
  const conv = index === 0 ? "conv1" : `convs.${index - 1}`;
  if (rest === "noise_strength") return `${conv}.noise.weight`;
  if (rest === "bias") return `${conv}.activate.bias`;
  return `${conv}.conv.${rest.replace("affine", "modulation")}`;
}

function readDiscriminator(value: PickleValue | undefined, where: string): NetworkData<DiscriminatorConfig> {
  const source = stateDict(value, where);
  const numBlocks = countNames(source, 1, (i) => `convs.${i}.conv1.0.weight`);
  if (numBlocks > 20) throw new CheckpointError(`${where}: found ${numBlocks} blocks, expected at most 12`);
  const channels: [number, number][] = [[4, extentOf(where, source, "final_conv.0.weight", 0)]];
  for (let i = numBlocks; i >= 1; i--) {
    channels.push([8 << (numBlocks - i), extentOf(where, source, `convs.${i}.conv1.0.weight`, 0)]);
  }
  const imgResolution = 4 << numBlocks;
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim: 0,
    imgResolution,
    imgChannels: extentOf(where, source, "convs.0.0.weight", 1),
    channels,
    architecture: "resnet",
    resampleFilter: agreedTaps(source, where),
    activation: ACTIVATION,
    convClamp: null,
    conditioning: "none",
    cmapDim: 0,
    mapping: null,
    mbstdGroupSize: 4,
    mbstdNumChannels: Math.max(0, extentOf(where, source, "final_conv.0.weight", 1) - channels[0][1]),
  };
  const find = (name: string) => ({ name: discriminatorName(name, imgResolution) });
  return adoptTensors(where, checkedGeometry(where, config), source, find, isFilter);
}

export function discriminatorName(official: string, imgResolution: number): string {
  const [, resolutionText, layer, kind] = /^b(\d+)\.(\w+)\.(weight|bias)$/.exec(official) ?? [];
  if (layer === "fromrgb") return kind === "weight" ? "convs.0.0.weight" : "convs.0.1.bias";
  if (layer === "conv") return kind === "weight" ? "final_conv.0.weight" : "final_conv.1.bias";
  if (layer === "fc") return `final_linear.0.${kind}`;
  if (layer === "out") return `final_linear.1.${kind}`;
  const block = `convs.${Math.log2(imgResolution / Number(resolutionText)) + 1}`;
  if (layer === "skip") return `${block}.skip.1.weight`;
  // conv2 begins with a blur, so its weight and bias come one place later.
  if (layer === "conv0") return kind === "weight" ? `${block}.conv1.0.weight` : `${block}.conv1.1.bias`;
  return kind === "weight" ? `${block}.conv2.1.weight` : `${block}.conv2.2.bias`;
}

function isFilter(name: string): boolean {
  return name.endsWith(".kernel");
}

/** The filters of all layers, which may carry a gain, must be one filter. */
function agreedTaps(source: Source, where: string): number[] {
  const filters = [...source].filter(([name]) => isFilter(name));
  if (filters.length === 0) throw new CheckpointError(`${where}: expected resampling kernels, found none`);
  const [first, ...others] = filters.map(([name, tensor]) => ({
    name,
    taps: separableTaps(tensor, `${where}.${name}`),
  }));
  for (const { name, taps } of others) {
    const same = taps.length === first.taps.length && taps.every((tap, i) => Math.abs(tap - first.taps[i]) < 1e-5);
    if (!same) throw new CheckpointError(`${where}.${name}: [${taps}], but ${first.name} is [${first.taps}]`);
  }
  return first.taps;
}
