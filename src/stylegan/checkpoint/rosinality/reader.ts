/**
 * Checkpoints of rosinality's stylegan2-pytorch, and of BasicSR, which has its networks under other names: state dicts `g_ema`, `g`, `d` and `latent_avg` in what torch.save writes.
 * The networks are StyleGAN2 with a skip generator and a residual discriminator; only names and a few axes of extent 1
 * differ, and modulated weights are scaled before demodulation. Tested by tests/checkpoints/official.test.ts.
 */
import { CheckpointError } from "../../../formats/fileError.js";
import type { PickleValue } from "../../../formats/pickle/values.js";
import { denseTensor, type PlainTensor } from "../../../formats/plainTensor.js";
import { TorchTensor } from "../../../formats/torch/reader.js";
import type { DiscriminatorConfig, GeneratorConfig, MappingConfig } from "../../config.js";
import { adoptTensors, countNames, extentOf } from "../foreignNames.js";
import type { CheckpointFormat, Opened } from "../format.js";
import { baseOf, checkedGeometry, expectedNumWs, generatorConfig, separableTaps } from "../geometry.js";
import type { NetworkData } from "../networkData.js";
import { findIn, stateTensors, wordsOf } from "../search.js";
import { type StateDict, stateDictFormat } from "../stateDicts.js";
import { basicsrNames, type Naming, rosinalityNames } from "./naming.js";

type Source = ReadonlyMap<string, PlainTensor>;

/** Activation is leaky ReLU with gain sqrt 2 everywhere, and the mapping network learns at 0.01. */
const ACTIVATION = "lrelu";
const MAPPING_LR = 0.01;
const TAPS = [1, 3, 3, 1];

const WORDS = { gEma: "g_ema", g: "g", d: "d" };

/** The networks are where their names are: in g_ema, g and d, or in whatever a state dict was wrapped in. */
const formatOf = (naming: Naming): CheckpointFormat =>
  stateDictFormat({
    name: naming.name,
    words: WORDS,
    anchors: naming.anchors,
    generator: (found, notes, file) => readGenerator(found, { naming, average: averageOf(file), notes }),
    discriminator: (found, notes) => readDiscriminator(found, naming, notes),
  });

export const rosinality = formatOf(rosinalityNames);
export const basicsr = formatOf(basicsrNames);

/** The average w, which lies beside the networks: [wDim], or [numWs, wDim] in the files of pixel2style2pixel. */
function averageOf(file: Opened): PlainTensor | null {
  if (file.container === "safetensors") return file.tensors.get("latent_avg") ?? null;
  const isTensor = (value: PickleValue): value is TorchTensor => value instanceof TorchTensor;
  const found = findIn(file.object, isTensor).find(({ path }) => path.at(-1) === "latent_avg");
  return found?.value.toPlain("latent_avg") ?? null;
}

/** One row of [numWs, wDim], where all are the same; their mean where they are not. */
function averageRow(average: PlainTensor, wDim: number, notes: Set<string>): PlainTensor {
  if (average.shape.length !== 2 || average.shape[1] !== wDim) return average;
  const [rows] = average.shape;
  const numbers = average.toFloat();
  const row = Float32Array.from({ length: wDim }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < rows; k++) sum += numbers[k * wDim + i];
    return sum / rows;
  });
  if (numbers.every((x, i) => x === numbers[i % wDim]))
    return denseTensor(Float32Array.from(numbers.subarray(0, wDim)), [wDim]);
  notes.add(`latent_avg has another average for each of ${rows} layers: their mean is taken for all`);
  return denseTensor(row, [wDim]);
}

/** A state dict by itself does not say what it is of: what its names and shapes leave open is as in that program. */
function noteAssumptions(path: readonly string[], source: Source, notes: Set<string>): void {
  if (path.length === 1 && Object.values(WORDS).includes(path[0])) return;
  const filter = [...source.keys()].some(isFilter) ? "" : "the filter is 1, 3, 3, 1, ";
  notes.add(
    `assumed, because a state dict does not say it: ${filter}the mapping network learns at ${MAPPING_LR}, nothing is clamped`,
  );
}

function readGenerator(
  { path, value }: StateDict,
  {
    naming,
    average,
    notes,
  }: { readonly naming: Naming; readonly average: PlainTensor | null; readonly notes: Set<string> },
): NetworkData<GeneratorConfig> {
  const where = wordsOf(path);
  const source = stateTensors(where, value);
  noteAssumptions(path, source, notes);
  const own = naming.inGenerator;
  const extent = (name: string, axis: number): number => extentOf(where, source, own(name), axis);
  const numConvs = countNames(source, 0, (i) => own(`convs.${i}.conv.weight`));
  const numLayers = countNames(source, 1, (i) => own(`style.${i}.weight`));
  const channels: [number, number][] = [[4, extent("input.input", 1)]];
  for (let i = 0; i + 1 < numConvs; i += 2) {
    channels.push([8 << (i / 2), extent(`convs.${i}.conv.weight`, 1)]);
  }
  const imgResolution = channels[channels.length - 1][0];
  const imgChannels = extent("to_rgb1.conv.weight", 1);
  const zDim = extent("style.1.weight", 1);
  const wDim = extent("conv1.conv.modulation.weight", 1);
  if (average !== null) source.set("latent_avg", averageRow(average, wDim, notes));
  const mapping: MappingConfig = {
    zDim,
    cDim: 0,
    wDim,
    numWs: expectedNumWs(imgResolution),
    embedFeatures: 0,
    embedBias: false,
    inputNormalization: "separate",
    layerFeatures: Array.from({ length: numLayers }, (_, i) => extent(`style.${i + 1}.weight`, 0)),
    activation: ACTIVATION,
    lrMultiplier: MAPPING_LR,
    wAvgBeta: 0.995,
  };
  const config = generatorConfig(
    "stylegan2-generator",
    mapping,
    { wDim, imgResolution, imgChannels, channels },
    {
      architecture: "skip",
      resampleFilter: agreedTaps(source, where),
      activation: ACTIVATION,
      convClamp: null,
      useNoise: true,
      scaleBeforeDemodulation: true,
      ...baseOf(source.get(naming.anchors.generator)?.shape.slice(2)),
    },
  );
  const find = (name: string) => ({ name: own(generatorName(name)) });
  const isOfLayer = naming.isOfGenerator;
  return adoptTensors(where, checkedGeometry(where, config), source, { find, isKnown: isFilter, isOfLayer, notes });
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

function readDiscriminator(
  { path, value }: StateDict,
  naming: Naming,
  notes: Set<string>,
): NetworkData<DiscriminatorConfig> {
  const where = wordsOf(path);
  const source = stateTensors(where, value);
  const own = naming.inDiscriminator;
  const extent = (name: string, axis: number): number => extentOf(where, source, own(name), axis);
  const numBlocks = countNames(source, 1, (i) => own(`convs.${i}.conv1.0.weight`));
  if (numBlocks > 20) throw new CheckpointError(`${where}: found ${numBlocks} blocks, expected at most 12`);
  const channels: [number, number][] = [[4, extent("final_conv.0.weight", 0)]];
  for (let i = numBlocks; i >= 1; i--) {
    channels.push([8 << (numBlocks - i), extent(`convs.${i}.conv1.0.weight`, 0)]);
  }
  const imgResolution = 4 << numBlocks;
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim: 0,
    imgResolution,
    imgChannels: extent("convs.0.0.weight", 1),
    channels,
    architecture: "resnet",
    resampleFilter: agreedTaps(source, where),
    activation: ACTIVATION,
    convClamp: null,
    conditioning: "none",
    cmapDim: 0,
    mapping: null,
    mbstdGroupSize: 4,
    mbstdNumChannels: Math.max(0, extent("final_conv.0.weight", 1) - channels[0][1]),
  };
  const find = (name: string) => ({ name: own(discriminatorName(name, imgResolution)) });
  const isOfLayer = naming.isOfDiscriminator;
  return adoptTensors(where, checkedGeometry(where, config), source, { find, isKnown: isFilter, isOfLayer, notes });
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
  if (filters.length === 0) return TAPS;
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
