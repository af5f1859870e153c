/**
 * The geometry of a network: everything about its shape that is not a weight. Checkpoint readers derive it from the
 * file, never from defaults; the networks build themselves from it; the native format stores it as JSON.
 */
import type { HeGain } from "../nn/layers/dense.js";
import type { Activation } from "../nn/ops/biasAct.js";

/** How blocks reach the image: StyleGAN2, figure 7. */
export type Architecture = "orig" | "skip" | "resnet";

export interface MappingConfig {
  /** 0 when there is no latent (the discriminator's mapping of labels). */
  readonly zDim: number;
  /** 0 for unconditional networks. */
  readonly cDim: number;
  readonly wDim: number;
  /** How many copies of w to broadcast; null for a single w [N, wDim] (the discriminator). */
  readonly numWs: number | null;
  /** Width of the label embedding; 0 without labels. */
  readonly embedFeatures: number;
  /** The label embedding adds a bias (PyTorch), or is a plain matrix product (TensorFlow). */
  readonly embedBias: boolean;
  /**
   * How z and the label embedding are scaled to unit second moment: each on its own before they are concatenated
   * (PyTorch), or together afterwards (TensorFlow). The same thing without labels.
   */
  readonly inputNormalization: "separate" | "joint";
  /** Output width of each dense layer; the last is wDim. */
  readonly layerFeatures: readonly number[];
  readonly activation: Activation;
  /** Learning-rate multiplier of the dense layers (the embedding has 1). */
  readonly lrMultiplier: number;
  /** Decay of the moving average of w; null when it is not tracked. */
  readonly wAvgBeta: number | null;
  /** Where the gain of the activation acts. Default "activation"; StyleGAN (2018) has it in the weights. */
  readonly heGain?: HeGain;
}

export interface SynthesisConfig {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** Feature maps at each resolution, as [resolution, channels] from 4 up. */
  readonly channels: readonly (readonly [number, number])[];
  readonly architecture: Architecture;
  /** One-dimensional taps, for example [1, 3, 3, 1]; normalised when used. */
  readonly resampleFilter: readonly number[];
  readonly activation: Activation;
  /** Activations are clamped to +-convClamp, 1x1 skips excepted; null for no clamp. */
  readonly convClamp: number | null;
  readonly useNoise: boolean;
  /**
   * Multiply the weights of modulated convolutions by 1/sqrt(in k^2) before demodulation (TensorFlow, rosinality) or not
   * (PyTorch). Demodulation cancels the factor but for its epsilon, so this decides what 1e-8 is compared with.
   */
  readonly scaleBeforeDemodulation: boolean;
}

export interface GeneratorConfig {
  readonly kind: "stylegan2-generator";
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly mapping: MappingConfig;
  readonly synthesis: SynthesisConfig;
}

export interface DiscriminatorConfig {
  readonly kind: "stylegan2-discriminator";
  readonly cDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly channels: readonly (readonly [number, number])[];
  readonly architecture: Architecture;
  readonly resampleFilter: readonly number[];
  readonly activation: Activation;
  /** As in the generator; the fromRgb at 4x4 (architecture "skip") is never clamped either. */
  readonly convClamp: number | null;
  /**
   * What labels do: nothing; the output is projected onto an embedding of the label, sum(out * cmap) / sqrt(cmapDim)
   * (PyTorch); or one logit a class is produced and the label's is picked, sum(logits * c) (TensorFlow).
   */
  readonly conditioning: "none" | "projection" | "logits";
  /** Width of the label projection; 0 unless conditioning is "projection". */
  readonly cmapDim: number;
  readonly mapping: MappingConfig | null;
  /** Samples per minibatch-stddev group; null takes the whole batch. */
  readonly mbstdGroupSize: number | null;
  /** 0 leaves the layer out. */
  readonly mbstdNumChannels: number;
}

/** How StyleGAN's synthesis begins: a learned constant, or (row C of table 1 and before) a dense layer on w. */
export type SynthesisInput = "constant" | "traditional";

/** The synthesis network of StyleGAN (2018); its switches make the rows of table 1, back to the progressive GAN. */
export interface Stylegan1SynthesisConfig {
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly channels: readonly (readonly [number, number])[];
  /** "lrelu" or "relu"; its gain is in the weights. */
  readonly activation: Activation;
  readonly input: SynthesisInput;
  /** Scale and shift every layer by its w. */
  readonly useStyles: boolean;
  readonly useNoise: boolean;
  /** Divide every pixel by its norm over feature maps (ProGAN). */
  readonly usePixelNorm: boolean;
  /** Bring every feature map to mean 0 and deviation 1: with styles, AdaIN. */
  readonly useInstanceNorm: boolean;
  /** One-dimensional taps of the blur after upsampling, [1, 2, 1]; null for none (ProGAN). */
  readonly blurFilter: readonly number[] | null;
  /** Output resolution from which on upsampling and convolution are fused: 128; null for never. */
  readonly fusedFrom: number | null;
}

export interface Stylegan1GeneratorConfig {
  readonly kind: "stylegan1-generator";
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly mapping: MappingConfig;
  readonly synthesis: Stylegan1SynthesisConfig;
}

export interface Stylegan1DiscriminatorConfig {
  readonly kind: "stylegan1-discriminator";
  readonly cDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly channels: readonly (readonly [number, number])[];
  readonly activation: Activation;
  /** One-dimensional taps of the blur before downsampling; null for none. */
  readonly blurFilter: readonly number[] | null;
  /** Input resolution from which on convolution and downsampling are fused: 128; null for never. */
  readonly fusedFrom: number | null;
  readonly mbstdGroupSize: number | null;
  readonly mbstdNumChannels: number;
}

/** StyleGAN2, configs B to D: the layers of StyleGAN2 in a network that grows, with a toRgb at every resolution. */
export interface GrowingGeneratorConfig {
  readonly kind: "growing-stylegan2-generator";
  readonly zDim: number;
  readonly cDim: number;
  readonly wDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly mapping: MappingConfig;
  readonly synthesis: GrowingSynthesisConfig;
}

/** As SynthesisConfig; the architecture is to grow. */
export type GrowingSynthesisConfig = Omit<SynthesisConfig, "architecture">;

/** The discriminator of configs B to D. */
export interface GrowingDiscriminatorConfig {
  readonly kind: "growing-stylegan2-discriminator";
  readonly cDim: number;
  readonly imgResolution: number;
  readonly imgChannels: number;
  readonly channels: readonly (readonly [number, number])[];
  readonly resampleFilter: readonly number[];
  readonly activation: Activation;
  readonly mbstdGroupSize: number | null;
  readonly mbstdNumChannels: number;
}

export type ProgressiveGeneratorConfig = Stylegan1GeneratorConfig | GrowingGeneratorConfig;
export type ProgressiveDiscriminatorConfig = Stylegan1DiscriminatorConfig | GrowingDiscriminatorConfig;
/** Networks that take a level of detail, `lod`. */
export type ProgressiveNetworkConfig = ProgressiveGeneratorConfig | ProgressiveDiscriminatorConfig;

export type AnyGeneratorConfig = GeneratorConfig | ProgressiveGeneratorConfig;
export type AnyDiscriminatorConfig = DiscriminatorConfig | ProgressiveDiscriminatorConfig;
export type NetworkConfig = AnyGeneratorConfig | AnyDiscriminatorConfig;
