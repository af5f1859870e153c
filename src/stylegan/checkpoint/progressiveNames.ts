/**
 * The parameters and buffers of networks that grow. The official code for them is TensorFlow's alone, so the names are
 * this project's, after those of the official PyTorch networks:
 *
 *   mapping.*                                         as in StyleGAN2
 *   synthesis.lod, lod                                the level of detail of generator and discriminator, a buffer []
 *   synthesis.b4.input.{const | weight}               [C, 4, 4], or [16 C, wDim] for the traditional input
 *   synthesis.b{r}.{conv0, conv1}.weight              [O, I, 3, 3], as stored by TensorFlow: not mirrored
 *   synthesis.b{r}.{input, conv0, conv1}.
 *     {bias, noise_strength}                          [C]
 *     {affine.weight, affine.bias}                    [2 C, wDim], [2 C]: y_s - 1, then y_b
 *     noise_const                                     [r, r], a buffer
 *   synthesis.b{r}.torgb.{weight, bias}               [imgChannels, C, 1, 1], [imgChannels]
 *   b{r}.{fromrgb, conv0, conv1}, b4.{conv, fc, out}  as in StyleGAN2's discriminator, fromrgb in every block
 *
 * Configs B to D of StyleGAN2 have exactly its names, with torgb in every block, and the two lods.
 */
import type {
  GrowingGeneratorConfig,
  MappingConfig,
  ProgressiveDiscriminatorConfig,
  ProgressiveNetworkConfig,
  Stylegan1GeneratorConfig,
} from "../config.js";

export type Shapes = Map<string, readonly number[]>;

export function progressiveTensors(config: ProgressiveNetworkConfig): Shapes {
  switch (config.kind) {
    case "stylegan1-generator":
      return stylegan1Tensors(config);
    case "growing-stylegan2-generator":
      return growingTensors(config);
    default:
      return discriminatorTensors(config);
  }
}

function stylegan1Tensors({ mapping, synthesis }: Stylegan1GeneratorConfig): Shapes {
  const { wDim, imgChannels, useNoise, useStyles } = synthesis;
  const shapes: Shapes = new Map();
  addMapping(shapes, mapping);
  shapes.set("synthesis.lod", []);
  let inChannels = 0;
  for (const [resolution, channels] of synthesis.channels) {
    const block = `synthesis.b${resolution}`;
    const layers = inChannels === 0 ? ["input", "conv1"] : ["conv0", "conv1"];
    for (const layer of layers) {
      const name = `${block}.${layer}`;
      if (layer !== "input") {
        shapes.set(`${name}.weight`, [channels, layer === "conv0" ? inChannels : channels, 3, 3]);
      } else if (synthesis.input === "constant") shapes.set(`${name}.const`, [channels, 4, 4]);
      else shapes.set(`${name}.weight`, [channels * 16, wDim]);
      if (useNoise) shapes.set(`${name}.noise_const`, [resolution, resolution]);
      if (useNoise) shapes.set(`${name}.noise_strength`, [channels]);
      shapes.set(`${name}.bias`, [channels]);
      if (useStyles) addDense(shapes, `${name}.affine`, 2 * channels, wDim);
    }
    addConv(shapes, `${block}.torgb`, imgChannels, channels, 1);
    inChannels = channels;
  }
  return shapes;
}

function growingTensors({ mapping, synthesis }: GrowingGeneratorConfig): Shapes {
  const { wDim, imgChannels, useNoise } = synthesis;
  const shapes: Shapes = new Map();
  addMapping(shapes, mapping);
  shapes.set("synthesis.lod", []);
  let inChannels = 0;
  for (const [resolution, channels] of synthesis.channels) {
    const block = `synthesis.b${resolution}`;
    if (inChannels === 0) shapes.set(`${block}.const`, [channels, 4, 4]);
    for (const layer of inChannels === 0 ? ["conv1"] : ["conv0", "conv1"]) {
      const name = `${block}.${layer}`;
      const width = layer === "conv0" ? inChannels : channels;
      addDense(shapes, `${name}.affine`, width, wDim);
      addConv(shapes, name, channels, width, 3);
      if (useNoise) shapes.set(`${name}.noise_const`, [resolution, resolution]);
      if (useNoise) shapes.set(`${name}.noise_strength`, []);
    }
    addDense(shapes, `${block}.torgb.affine`, channels, wDim);
    addConv(shapes, `${block}.torgb`, imgChannels, channels, 1);
    inChannels = channels;
  }
  return shapes;
}

function discriminatorTensors(config: ProgressiveDiscriminatorConfig): Shapes {
  const { channels, imgChannels, cDim, mbstdNumChannels } = config;
  const shapes: Shapes = new Map([["lod", []]]);
  let outChannels = 0;
  for (const [resolution, width] of channels) {
    const block = `b${resolution}`;
    addConv(shapes, `${block}.fromrgb`, width, imgChannels, 1);
    if (resolution > 4) {
      addConv(shapes, `${block}.conv0`, width, width, 3);
      addConv(shapes, `${block}.conv1`, outChannels, width, 3);
    } else {
      addConv(shapes, `${block}.conv`, width, width + mbstdNumChannels, 3);
      addDense(shapes, `${block}.fc`, width, width * 16);
      addDense(shapes, `${block}.out`, Math.max(cDim, 1), width);
    }
    outChannels = width;
  }
  return shapes;
}

function addConv(shapes: Shapes, name: string, outChannels: number, inChannels: number, kernel: number): void {
  shapes.set(`${name}.weight`, [outChannels, inChannels, kernel, kernel]);
  shapes.set(`${name}.bias`, [outChannels]);
}

export function addMapping(shapes: Shapes, mapping: MappingConfig): void {
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

export function addDense(shapes: Shapes, name: string, outFeatures: number, inFeatures: number): void {
  shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
  shapes.set(`${name}.bias`, [outFeatures]);
}
