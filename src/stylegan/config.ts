/**
 * The geometry of a network: everything about its shape that is not a weight. Checkpoint readers derive it from the
 * file, never from defaults; the networks build themselves from it; the native format stores it as JSON. One schema says
 * what the fields are; the types are inferred from it, and files are read with it (checkpoint/geometry.ts).
 */
import {
  boolean,
  byKind,
  count,
  type Field,
  type Infer,
  list,
  nullable,
  number,
  object,
  optional,
  pair,
  word,
} from "../formats/schema.js";
import type { HeGain } from "../nn/layers/dense.js";
import { type Activation, activationNames } from "../nn/ops/biasAct.js";

/** How blocks reach the image: StyleGAN2, figure 7. */
export const architectures = ["orig", "skip", "resnet"] as const;
export type Architecture = (typeof architectures)[number];

/** How StyleGAN's synthesis begins: a learned constant, or (row C of table 1 and before) a dense layer on w. */
const synthesisInputs = ["constant", "traditional"] as const;

const activation: Field<Activation> = word(activationNames);
const heGains = ["activation", "weight"] as const satisfies readonly HeGain[];
const kind = <const Kind extends string>(name: Kind): Field<Kind> => word([name]);
/** One-dimensional taps, for example [1, 3, 3, 1]; normalised when used. */
const taps = list(number);
/** Feature maps at each resolution, as [resolution, channels] from 4 up. */
const channels = list(pair(count));
const image = { imgResolution: count, imgChannels: count };

const mapping = object({
  /** 0 when there is no latent (the discriminator's mapping of labels). */
  zDim: count,
  /** 0 for unconditional networks. */
  cDim: count,
  wDim: count,
  /** How many copies of w to broadcast; null for a single w [N, wDim] (the discriminator). */
  numWs: nullable(count),
  /** Width of the label embedding; 0 without labels. */
  embedFeatures: count,
  /** The label embedding adds a bias (PyTorch), or is a plain matrix product (TensorFlow). */
  embedBias: boolean,
  /**
   * How z and the label embedding are scaled to unit second moment: each on its own before they are concatenated
   * (PyTorch), or together afterwards (TensorFlow). The same thing without labels.
   */
  inputNormalization: word(["separate", "joint"]),
  /** Output width of each dense layer; the last is wDim. */
  layerFeatures: list(count),
  activation,
  /** Learning-rate multiplier of the dense layers (the embedding has 1). */
  lrMultiplier: number,
  /** Decay of the moving average of w; null when it is not tracked. */
  wAvgBeta: nullable(number),
  /** Where the gain of the activation acts. Default "activation"; StyleGAN (2018) has it in the weights. */
  heGain: optional(word(heGains)),
});
export interface MappingConfig extends Infer<typeof mapping> {}

/** What synthesis networks of StyleGAN2 have in common, whether they grow or not. */
const modulated = {
  wDim: count,
  ...image,
  channels,
  resampleFilter: taps,
  activation,
  /** Activations are clamped to +-convClamp, 1x1 skips excepted; null for no clamp. */
  convClamp: nullable(number),
  useNoise: boolean,
  /**
   * Multiply the weights of modulated convolutions by 1/sqrt(in k^2) before demodulation (TensorFlow, rosinality) or not
   * (PyTorch). Demodulation cancels the factor but for its epsilon, so this decides what 1e-8 is compared with.
   */
  scaleBeforeDemodulation: boolean,
};

/**
 * Pixels of the first block, [height, width]; what is said of resolution r then is of r/4 times as many. Default [4, 4].
 * Networks for images that are not square have another.
 */
const base = optional(pair(count));

const synthesis = object({ ...modulated, architecture: word(architectures), base });
export interface SynthesisConfig extends Infer<typeof synthesis> {}

/** As SynthesisConfig; the architecture is to grow. */
const growingStylegan2Synthesis = object(modulated);
export interface GrowingStylegan2SynthesisConfig extends Infer<typeof growingStylegan2Synthesis> {}

/** How StyleGAN (2018) changes resolution. */
const scaling = {
  /** One-dimensional taps of the blur after upsampling and before downsampling, [1, 2, 1]; null for none (ProGAN). */
  blurFilter: nullable(taps),
  /** The larger resolution from which on scaling and convolution are fused: 128; null for never. */
  fusedFrom: nullable(count),
};

/** The synthesis network of StyleGAN (2018); its switches make the rows of table 1, back to the progressive GAN. */
const stylegan1Synthesis = object({
  wDim: count,
  ...image,
  channels,
  /** "lrelu" or "relu"; its gain is in the weights. */
  activation,
  input: word(synthesisInputs),
  /** Scale and shift every layer by its w. */
  useStyles: boolean,
  useNoise: boolean,
  /** Divide every pixel by its norm over feature maps (ProGAN). */
  usePixelNorm: boolean,
  /** Bring every feature map to mean 0 and deviation 1: with styles, AdaIN. */
  useInstanceNorm: boolean,
  ...scaling,
});
export interface Stylegan1SynthesisConfig extends Infer<typeof stylegan1Synthesis> {}

const body = { cDim: count, ...image, channels };
const generator = { zDim: count, cDim: count, wDim: count, ...image, mapping };

const minibatchStd = {
  /** Samples per minibatch-stddev group; null takes the whole batch. */
  mbstdGroupSize: nullable(count),
  /** 0 leaves the layer out. */
  mbstdNumChannels: count,
};

const stylegan2Generator = object({ kind: kind("stylegan2-generator"), ...generator, synthesis });
export interface GeneratorConfig extends Infer<typeof stylegan2Generator> {}

const stylegan2Discriminator = object({
  kind: kind("stylegan2-discriminator"),
  ...body,
  architecture: word(architectures),
  resampleFilter: taps,
  activation,
  /** As in the generator; the fromRgb at 4x4 (architecture "skip") is never clamped either. */
  convClamp: nullable(number),
  /**
   * What labels do: nothing; the output is projected onto an embedding of the label, sum(out * cmap) / sqrt(cmapDim)
   * (PyTorch); or one logit a class is produced and the label's is picked, sum(logits * c) (TensorFlow).
   */
  conditioning: word(["none", "projection", "logits"]),
  /** Width of the label projection; 0 unless conditioning is "projection". */
  cmapDim: count,
  mapping: nullable(mapping),
  ...minibatchStd,
  base,
});
export interface DiscriminatorConfig extends Infer<typeof stylegan2Discriminator> {}

const stylegan1Generator = object({ kind: kind("stylegan1-generator"), ...generator, synthesis: stylegan1Synthesis });
export interface Stylegan1GeneratorConfig extends Infer<typeof stylegan1Generator> {}

const stylegan1Discriminator = object({
  kind: kind("stylegan1-discriminator"),
  ...body,
  activation,
  ...scaling,
  ...minibatchStd,
});
export interface Stylegan1DiscriminatorConfig extends Infer<typeof stylegan1Discriminator> {}

/** StyleGAN2, configs B to D: the layers of StyleGAN2 in a network that grows, with a toRgb at every resolution. */
const growingStylegan2Generator = object({
  kind: kind("growing-stylegan2-generator"),
  ...generator,
  synthesis: growingStylegan2Synthesis,
});
export interface GrowingStylegan2GeneratorConfig extends Infer<typeof growingStylegan2Generator> {}

/** The discriminator of configs B to D. */
const growingStylegan2Discriminator = object({
  kind: kind("growing-stylegan2-discriminator"),
  ...body,
  resampleFilter: taps,
  activation,
  ...minibatchStd,
});
export interface GrowingStylegan2DiscriminatorConfig extends Infer<typeof growingStylegan2Discriminator> {}

/** Networks that grow take a level of detail, `lod`. */
export type GrowingGeneratorConfig = Stylegan1GeneratorConfig | GrowingStylegan2GeneratorConfig;
export type GrowingDiscriminatorConfig = Stylegan1DiscriminatorConfig | GrowingStylegan2DiscriminatorConfig;

export type AnyGeneratorConfig = GeneratorConfig | GrowingGeneratorConfig;
export type AnyDiscriminatorConfig = DiscriminatorConfig | GrowingDiscriminatorConfig;
export type NetworkConfig = AnyGeneratorConfig | AnyDiscriminatorConfig;

/** Any network's geometry, by its `kind`. */
export const networkSchema: Field<NetworkConfig> = byKind({
  "stylegan2-generator": stylegan2Generator,
  "stylegan2-discriminator": stylegan2Discriminator,
  "stylegan1-generator": stylegan1Generator,
  "stylegan1-discriminator": stylegan1Discriminator,
  "growing-stylegan2-generator": growingStylegan2Generator,
  "growing-stylegan2-discriminator": growingStylegan2Discriminator,
});

/** Pixels, [height, width], of what is said to be of a resolution. */
export function sizeAt(base: readonly [number, number] | undefined, resolution: number): readonly [number, number] {
  const [height, width] = base ?? [4, 4];
  return [(height * resolution) / 4, (width * resolution) / 4];
}

export function isDiscriminatorConfig(config: NetworkConfig): config is AnyDiscriminatorConfig {
  return !isGeneratorConfig(config);
}

export function isGeneratorConfig(config: NetworkConfig): config is AnyGeneratorConfig {
  return config.kind.endsWith("-generator");
}
