/**
 * A network of another resolution: layers added, untrained, or cut off. What both have stays bit for bit. A skip
 * generator that is cut shows what it showed at that size; a network that grows shows its image enlarged, as its level of detail
 * goes along. Tests: tests/networks/surgery.test.ts.
 */
import { initialContents } from "../../nn/layers/module.js";
import { RandomState } from "../../nn/random.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig } from "../config.js";
import { Discriminator } from "../discriminator.js";
import { Generator } from "../generator.js";
import { setTrainable } from "../networks.js";
import type { AnyNetwork } from "./tensors.js";
import { tensorsOf } from "./tensors.js";

export interface ResizeOptions {
  /** Of the untrained layers. Default 0. */
  readonly seed?: number;
}

export interface Resized<N extends AnyNetwork> {
  readonly network: N;
  /** Names of tensors that are not the old network's, in the order of the layers. */
  readonly untrained: readonly string[];
}

/**
 * @param resolution of the new network: a power of two from 4 on
 * @throws RangeError for another
 * @example
 * const { network, untrained } = resizeNetwork(gEma, 128);
 */
export function resizeNetwork<N extends AnyNetwork>(
  network: N,
  resolution: number,
  options: ResizeOptions = {},
): Resized<N> {
  if (!Number.isInteger(Math.log2(resolution)) || resolution < 4) {
    throw new RangeError(`resize: the resolution must be a power of two of at least 4, got ${resolution}`);
  }
  const old = tensorsOf(network);
  const untrained: string[] = [];
  const random = initialContents(new RandomState(options.seed ?? 0));
  const contents = (
    name: string,
    shape: readonly number[],
    data: Float32Array | Float64Array,
    initial: Parameters<typeof random>[3],
  ) => {
    const source = old.get(name);
    if (source !== undefined && source.shape.join() === shape.join()) {
      data.set(source.internals.numbers);
      if (name.endsWith("lod")) data[0] = Math.max(0, data[0] + Math.log2(resolution / network.imgResolution));
      return;
    }
    untrained.push(name);
    random(name, shape, data, initial);
  };
  const config = resizedConfig(network.config, resolution);
  const made = "synthesis" in config ? new Generator(config, contents) : new Discriminator(config, contents);
  return { network: setTrainable(made, false) as N, untrained };
}

function resizedConfig<C extends AnyGeneratorConfig | AnyDiscriminatorConfig>(config: C, resolution: number): C {
  if (!("synthesis" in config)) {
    return { ...config, imgResolution: resolution, channels: resizedChannels(config.channels, resolution) };
  }
  const { synthesis, mapping } = config;
  const channels = resizedChannels(synthesis.channels, resolution);
  return {
    ...config,
    imgResolution: resolution,
    mapping: { ...mapping, numWs: mapping.numWs === null ? null : 2 * Math.log2(resolution) - 2 },
    synthesis: { ...synthesis, imgResolution: resolution, channels },
  };
}

/** Each added block has half the feature maps of the one before it. */
function resizedChannels(
  channels: readonly (readonly [number, number])[],
  resolution: number,
): (readonly [number, number])[] {
  const kept = channels.filter(([side]) => side <= resolution);
  let [side, count] = kept[kept.length - 1];
  for (; side < resolution; ) {
    side *= 2;
    count = Math.max(1, Math.floor(count / 2));
    kept.push([side, count]);
  }
  return kept;
}
