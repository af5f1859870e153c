/** Names and shapes of a network's tensors, as the network itself asks for them. */
import { type AnyDiscriminatorConfig, isGeneratorConfig, type NetworkConfig } from "../config.js";
import { Discriminator } from "../discriminator.js";
import { Generator } from "../generator.js";

/** Shapes by official name: trained tensors, and buffers, which no gradient reaches. */
export interface TensorShapes {
  readonly parameters: ReadonlyMap<string, readonly number[]>;
  readonly buffers: ReadonlyMap<string, readonly number[]>;
  /** Both. */
  readonly all: ReadonlyMap<string, readonly number[]>;
}

/** Builds the network without memory and returns what it asked for. The geometry must be a possible one. */
export function tensorShapes(config: NetworkConfig): TensorShapes {
  const network = isGeneratorConfig(config)
    ? new Generator(config, null)
    : new Discriminator(config as AnyDiscriminatorConfig, null);
  const shapesOf = (tensors: typeof network.parameters) =>
    new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const parameters = shapesOf(network.parameters);
  const buffers = shapesOf(network.buffers);
  return { parameters, buffers, all: new Map([...parameters, ...buffers]) };
}
