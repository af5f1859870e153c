/**
 * State dicts of the official PyTorch networks, in whatever they are wrapped: the names are the official ones, geometry
 * comes from shapes, and what shapes cannot tell is as the official training makes it, with a note that says so.
 * Tested by tests/checkpoints/wrappings.test.ts.
 */
import { CheckpointError } from "../../../formats/fileError.js";
import type { PlainTensor } from "../../../formats/plainTensor.js";
import type { DiscriminatorConfig, GeneratorConfig, MappingConfig } from "../../config.js";
import { adoptTensors, countNames, extentOf } from "../foreignNames.js";
import { baseOf, checkedGeometry, expectedNumWs, generatorConfig, separableTaps } from "../geometry.js";
import type { NetworkData } from "../networkData.js";
import { stateTensors, wordsOf } from "../search.js";
import { type StateDict, stateDictFormat } from "../stateDicts.js";

type Source = ReadonlyMap<string, PlainTensor>;

const GENERATOR = "synthesis.b4.const";
const DISCRIMINATOR = "b4.out.weight";
/** Of the official training: `conv_clamp`, `lr_multiplier`, `mbstd_group_size`, `resample_filter`. */
const CLAMP = 256;
const MAPPING_LR = 0.01;
const GROUP_SIZE = 4;
const TAPS = [1, 3, 3, 1];

export const officialStateDict = stateDictFormat({
  name: "official PyTorch state dict",
  words: { gEma: "G_ema", g: "G", d: "D" },
  anchors: { generator: GENERATOR, discriminator: DISCRIMINATOR },
  generator: readGenerator,
  discriminator: readDiscriminator,
});

const isFilter = (name: string): boolean => name.endsWith("resample_filter");
const isOfLayer = (name: string): boolean => /^(mapping|synthesis|b\d+)\./.test(name) && !isFilter(name);

/** The filter that layers store; the official one where they do not. */
function tapsOf(where: string, source: Source): readonly number[] {
  const filters = [...source].filter(([name]) => isFilter(name));
  if (filters.length === 0) return TAPS;
  const [first, ...others] = filters.map(([name, tensor]) => separableTaps(tensor, `${where}.${name}`));
  if (others.some((taps) => taps.join() !== first.join())) {
    throw new CheckpointError(`${where}: layers with different resampling filters are unsupported`);
  }
  return first;
}

function noteAssumptions(source: Source, notes: Set<string>, more: string): void {
  const filter = [...source.keys()].some(isFilter) ? "" : "the filter is 1, 3, 3, 1, ";
  const others = `${more}activations are lrelu and clamped to +-${CLAMP}`;
  notes.add(`assumed as in the official training, because a state dict does not say it: ${filter}${others}`);
}

function readGenerator({ path, value }: StateDict, notes: Set<string>): NetworkData<GeneratorConfig> {
  const where = wordsOf(path);
  const source = stateTensors(where, value);
  const extent = (name: string, axis: number): number => extentOf(where, source, name, axis);
  const numBlocks = countNames(source, 0, (i) => `synthesis.b${4 << i}.conv1.weight`);
  const channels = Array.from({ length: Math.min(numBlocks, 20) }, (_, i): [number, number] => [
    4 << i,
    extent(`synthesis.b${4 << i}.conv1.weight`, 0),
  ]);
  const imgResolution = channels.at(-1)?.[0] ?? 0;
  const imgChannels = extent(`synthesis.b${imgResolution}.torgb.weight`, 0);
  const wDim = extent("synthesis.b4.conv1.affine.weight", 1);
  const mapping = readMapping(where, source, wDim, expectedNumWs(imgResolution));
  noteAssumptions(source, notes, `the mapping network learns at ${MAPPING_LR}, `);
  const isSkip = imgResolution > 4 && source.has("synthesis.b4.torgb.weight");
  const config = generatorConfig(
    "stylegan2-generator",
    mapping,
    { wDim, imgResolution, imgChannels, channels },
    {
      architecture: isSkip ? "skip" : source.has("synthesis.b8.skip.weight") ? "resnet" : "orig",
      resampleFilter: tapsOf(where, source),
      activation: "lrelu",
      convClamp: CLAMP,
      useNoise: source.has("synthesis.b4.conv1.noise_strength"),
      scaleBeforeDemodulation: false,
      ...baseOf(source.get(GENERATOR)?.shape.slice(1)),
    },
  );
  const find = (name: string) => ({ name });
  return adoptTensors(where, checkedGeometry(where, config), source, { find, isKnown: isFilter, isOfLayer, notes });
}

function readMapping(where: string, source: Source, wDim: number, numWs: number | null): MappingConfig {
  const numLayers = countNames(source, 0, (i) => `mapping.fc${i}.weight`);
  const cDim = source.get("mapping.embed.weight")?.shape[1] ?? 0;
  const embedFeatures = cDim === 0 ? 0 : extentOf(where, source, "mapping.embed.weight", 0);
  const inFeatures = numLayers === 0 ? wDim : extentOf(where, source, "mapping.fc0.weight", 1);
  return {
    zDim: Math.max(0, inFeatures - embedFeatures),
    cDim,
    wDim,
    numWs,
    embedFeatures,
    embedBias: true,
    inputNormalization: "separate",
    layerFeatures: Array.from({ length: Math.min(numLayers, 1000) }, (_, i) =>
      extentOf(where, source, `mapping.fc${i}.weight`, 0),
    ),
    activation: "lrelu",
    lrMultiplier: MAPPING_LR,
    wAvgBeta: numWs === null ? null : 0.995,
  };
}

function readDiscriminator({ path, value }: StateDict, notes: Set<string>): NetworkData<DiscriminatorConfig> {
  const where = wordsOf(path);
  const source = stateTensors(where, value);
  const extent = (name: string, axis: number): number => extentOf(where, source, name, axis);
  const numBlocks = countNames(source, 1, (i) => `b${4 << i}.conv0.weight`);
  const channels: [number, number][] = [[4, extent("b4.conv.weight", 0)]];
  for (let i = 1; i <= Math.min(numBlocks, 20); i++) channels.push([4 << i, extent(`b${4 << i}.conv0.weight`, 0)]);
  const imgResolution = 4 << numBlocks;
  const outputs = extent(DISCRIMINATOR, 0);
  const mapping = source.has("mapping.embed.weight") ? readMapping(where, source, outputs, null) : null;
  const hasRgbAt4 = source.has("b4.fromrgb.weight");
  noteAssumptions(source, notes, `minibatch stddev takes groups of ${GROUP_SIZE}, `);
  const config: DiscriminatorConfig = {
    kind: "stylegan2-discriminator",
    cDim: mapping?.cDim ?? 0,
    imgResolution,
    imgChannels: extent(`b${imgResolution}.fromrgb.weight`, 1),
    channels,
    architecture: hasRgbAt4 ? "skip" : source.has(`b${imgResolution}.skip.weight`) ? "resnet" : "orig",
    resampleFilter: tapsOf(where, source),
    activation: "lrelu",
    convClamp: CLAMP,
    conditioning: mapping === null ? "none" : "projection",
    cmapDim: mapping === null ? 0 : outputs,
    mapping,
    mbstdGroupSize: GROUP_SIZE,
    mbstdNumChannels: Math.max(0, extent("b4.conv.weight", 1) - channels[0][1]),
  };
  const find = (name: string) => ({ name });
  return adoptTensors(where, checkedGeometry(where, config), source, { find, isKnown: isFilter, isOfLayer, notes });
}
