/**
 * The parameters and buffers of a network by their official names, with shapes: the one list that the readers check
 * files against, the writers write from, and the networks build their modules to match.
 */
import type { DiscriminatorConfig, GeneratorConfig, NetworkConfig } from "../config.js";
import { addDense, addMapping, progressiveTensors, type Shapes } from "./progressiveNames.js";

export function expectedTensors(config: NetworkConfig): ReadonlyMap<string, readonly number[]> {
  switch (config.kind) {
    case "stylegan2-generator":
      return generatorTensors(config);
    case "stylegan2-discriminator":
      return discriminatorTensors(config);
    default:
      return progressiveTensors(config);
  }
}

/** Buffers are state that no gradient reaches: the average w, the constant noise, the level of detail. */
export function isBufferName(name: string): boolean {
  return name.endsWith("w_avg") || name.endsWith("noise_const") || /(^|\.)lod$/.test(name);
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
