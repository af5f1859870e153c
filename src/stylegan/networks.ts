/** Between networks and what checkpoints hold of them: names, shapes, numbers. */
import { denseTensor, type PlainTensor } from "../formats/plainTensor.js";
import type { Contents } from "../nn/layers/module.js";
import type { NetworkData } from "./checkpoint/networkData.js";
import type { DiscriminatorConfig, GeneratorConfig } from "./config.js";
import { Discriminator } from "./discriminator.js";
import { Generator } from "./generator.js";

/** Fills parameters with the tensors of a checkpoint, straight into their memory. */
function contentsOf(tensors: ReadonlyMap<string, PlainTensor>): Contents {
  return (name, _shape, data) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`the checkpoint reader let a network without ${name} through`);
    tensor.copyTo(data);
  };
}

export function buildGenerator(data: NetworkData<GeneratorConfig>): Generator {
  return new Generator(data.config, contentsOf(data.tensors));
}

export function buildDiscriminator(data: NetworkData<DiscriminatorConfig>): Discriminator {
  return new Discriminator(data.config, contentsOf(data.tensors));
}

/** What a checkpoint writer needs of a network; the tensors are views of the parameters. */
export function networkData<N extends Generator | Discriminator>(network: N): NetworkData<N["config"]> {
  const tensors = new Map<string, PlainTensor>();
  for (const [name, { block, shape }] of [...network.parameters, ...network.buffers]) {
    tensors.set(name, denseTensor(block.data, shape, name));
  }
  return { config: network.config, tensors };
}
