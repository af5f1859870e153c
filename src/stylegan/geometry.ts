/** The geometry of a generator and a discriminator that fit each other, from the few numbers one chooses. */

import { initialContents } from "../nn/layers/module.js";
import { RandomState } from "../nn/random.js";
import type { Architecture, DiscriminatorConfig, GeneratorConfig, MappingConfig } from "./config.js";
import { Discriminator } from "./discriminator.js";
import { Generator } from "./generator.js";

export interface GeometryOptions {
  /** Pixels of a side: a power of two, at least 4. */
  readonly resolution: number;
  /** Default 3. */
  readonly imgChannels?: number;
  /** Number of classes; 0 for unconditional networks. Default 0. */
  readonly cDim?: number;
  /** Default 512. */
  readonly zDim?: number;
  /** Default 512. */
  readonly wDim?: number;
  /** Layers of the mapping network. Default 8. */
  readonly mappingLayers?: number;
  /** Feature maps at resolution r are min(channelBase / r, channelMax). Default 32768. */
  readonly channelBase?: number;
  /** Default 512. */
  readonly channelMax?: number;
  /** Default null: no clamp. */
  readonly convClamp?: number | null;
  /** Default "skip". */
  readonly generatorArchitecture?: Architecture;
  /** Default "resnet". */
  readonly discriminatorArchitecture?: Architecture;
  /** Samples per minibatch-stddev group; null takes the whole batch. Default 4. */
  readonly mbstdGroupSize?: number | null;
}

export interface NetworkGeometry {
  readonly generator: GeneratorConfig;
  readonly discriminator: DiscriminatorConfig;
}

const RESAMPLE_FILTER = [1, 3, 3, 1];

/**
 * StyleGAN2's networks (figure 7, configuration F) of the given size.
 *
 * @throws RangeError when the resolution is not a power of two of at least 4
 */
export function networkGeometry(options: GeometryOptions): NetworkGeometry {
  const { resolution, imgChannels = 3, cDim = 0, zDim = 512, wDim = 512, mappingLayers = 8 } = options;
  const { channelBase = 32768, channelMax = 512, convClamp = null, mbstdGroupSize = 4 } = options;
  const { generatorArchitecture = "skip", discriminatorArchitecture = "resnet" } = options;
  const levels = Math.log2(resolution) - 1;
  if (!Number.isInteger(levels) || levels < 1) {
    throw new RangeError(`networkGeometry: resolution must be a power of two of at least 4, got ${resolution}`);
  }
  const channels = Array.from({ length: levels }, (_, level): [number, number] => {
    const side = 4 * 2 ** level;
    return [side, Math.max(1, Math.min(Math.floor(channelBase / side), channelMax))];
  });
  const mapping = (
    own: Pick<MappingConfig, "zDim" | "wDim" | "numWs" | "wAvgBeta">,
    layers: number,
  ): MappingConfig => ({
    ...own,
    cDim,
    embedFeatures: cDim > 0 ? own.wDim : 0,
    embedBias: true,
    inputNormalization: "separate",
    layerFeatures: new Array<number>(layers).fill(own.wDim),
    activation: "lrelu",
    lrMultiplier: 0.01,
  });
  const shared = { imgResolution: resolution, imgChannels, channels, resampleFilter: RESAMPLE_FILTER } as const;
  const cmapDim = cDim > 0 ? channels[0][1] : 0;
  return {
    generator: {
      kind: "stylegan2-generator",
      zDim,
      cDim,
      wDim,
      imgResolution: resolution,
      imgChannels,
      mapping: mapping({ zDim, wDim, numWs: 2 * levels, wAvgBeta: 0.995 }, mappingLayers),
      synthesis: {
        ...shared,
        wDim,
        architecture: generatorArchitecture,
        activation: "lrelu",
        convClamp,
        useNoise: true,
        scaleBeforeDemodulation: false,
      },
    },
    discriminator: {
      kind: "stylegan2-discriminator",
      cDim,
      ...shared,
      architecture: discriminatorArchitecture,
      activation: "lrelu",
      convClamp,
      conditioning: cDim > 0 ? "projection" : "none",
      cmapDim,
      mapping: cDim > 0 ? mapping({ zDim: 0, wDim: cmapDim, numWs: null, wAvgBeta: null }, 8) : null,
      mbstdGroupSize,
      mbstdNumChannels: 1,
    },
  };
}

/** Untrained networks, initialised from a seed. */
export function createNetworks(
  geometry: NetworkGeometry,
  seed: number,
): { readonly generator: Generator; readonly discriminator: Discriminator } {
  const random = new RandomState(seed);
  const generator = new Generator(geometry.generator, initialContents(random));
  return { generator, discriminator: new Discriminator(geometry.discriminator, initialContents(random)) };
}
