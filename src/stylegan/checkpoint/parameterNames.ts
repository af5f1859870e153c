/**
 * The parameters and buffers of a network by their official names, with shapes: the one list that the readers check
 * files against, the writers write from, and the networks build their modules to match.
 */
import type { DiscriminatorConfig, GeneratorConfig, MappingConfig, NetworkConfig } from "../config.js";

type Shapes = Map<string, readonly number[]>;

export function expectedTensors(config: NetworkConfig): ReadonlyMap<string, readonly number[]> {
  return config.kind === "stylegan2-generator" ? generatorTensors(config) : discriminatorTensors(config);
}

/** Buffers are state that no gradient reaches: the average w and the constant noise. */
export function isBufferName(name: string): boolean {
  return name.endsWith("w_avg") || name.endsWith("noise_const");
}

function generatorTensors({ mapping, synthesis }: GeneratorConfig): Shapes {
  const shapes: Shapes = new Map();
  addMapping(shapes, mapping);
  const { wDim, imgChannels, imgResolution, architecture, useNoise } = synthesis;
  const addModulated = (name: string, outChannels: number, inChannels: number, kernel: number) => {
    shapes.set(`${name}.affine.weight`, [inChannels, wDim]);
    shapes.set(`${name}.affine.bias`, [inChannels]);
    shapes.set(`${name}.weight`, [outChannels, inChannels, kernel, kernel]);
    shapes.set(`${name}.bias`, [outChannels]);
  };
  let inChannels = 0;
  for (const [resolution, channels] of synthesis.channels) {
    const block = `synthesis.b${resolution}`;
    if (inChannels === 0) shapes.set(`${block}.const`, [channels, resolution, resolution]);
    for (const conv of inChannels === 0 ? ["conv1"] : ["conv0", "conv1"]) {
      addModulated(`${block}.${conv}`, channels, conv === "conv0" ? inChannels : channels, 3);
      if (useNoise) shapes.set(`${block}.${conv}.noise_strength`, []);
      if (useNoise) shapes.set(`${block}.${conv}.noise_const`, [resolution, resolution]);
    }
    const hasRgb = architecture === "skip" || resolution === imgResolution;
    if (hasRgb) addModulated(`${block}.torgb`, imgChannels, channels, 1);
    const hasSkip = architecture === "resnet" && inChannels > 0;
    if (hasSkip) shapes.set(`${block}.skip.weight`, [channels, inChannels, 1, 1]);
    inChannels = channels;
  }
  return shapes;
}

function discriminatorTensors(config: DiscriminatorConfig): Shapes {
  const { channels, imgChannels, imgResolution, architecture, mbstdNumChannels, conditioning } = config;
  const shapes: Shapes = new Map();
  const addConv = (name: string, outChannels: number, inChannels: number, kernel: number) => {
    shapes.set(`${name}.weight`, [outChannels, inChannels, kernel, kernel]);
    shapes.set(`${name}.bias`, [outChannels]);
  };
  for (let i = channels.length - 1; i >= 0; i--) {
    const [resolution, width] = channels[i];
    const block = `b${resolution}`;
    const seesImage = architecture === "skip" || (resolution === imgResolution && resolution > 4);
    if (seesImage) addConv(`${block}.fromrgb`, width, imgChannels, 1);
    if (resolution > 4) {
      const outWidth = channels[i - 1][1];
      addConv(`${block}.conv0`, width, width, 3);
      addConv(`${block}.conv1`, outWidth, width, 3);
      if (architecture === "resnet") shapes.set(`${block}.skip.weight`, [outWidth, width, 1, 1]);
    } else {
      const outputs = { none: 1, projection: config.cmapDim, logits: config.cDim }[conditioning];
      addConv(`${block}.conv`, width, width + mbstdNumChannels, 3);
      addDense(shapes, `${block}.fc`, width, width * resolution * resolution);
      addDense(shapes, `${block}.out`, outputs, width);
    }
  }
  if (config.mapping) addMapping(shapes, config.mapping);
  return shapes;
}

function addMapping(shapes: Shapes, mapping: MappingConfig): void {
  const { zDim, cDim, wDim, embedFeatures, embedBias, layerFeatures, numWs, wAvgBeta } = mapping;
  if (cDim > 0) {
    shapes.set("mapping.embed.weight", [embedFeatures, cDim]);
    if (embedBias) shapes.set("mapping.embed.bias", [embedFeatures]);
  }
  let inFeatures = zDim + embedFeatures;
  layerFeatures.forEach((outFeatures, i) => {
    addDense(shapes, `mapping.fc${i}`, outFeatures, inFeatures);
    inFeatures = outFeatures;
  });
  if (numWs !== null && wAvgBeta !== null) shapes.set("mapping.w_avg", [wDim]);
}

function addDense(shapes: Shapes, name: string, outFeatures: number, inFeatures: number): void {
  shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
  shapes.set(`${name}.bias`, [outFeatures]);
}
