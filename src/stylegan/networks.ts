/** Between networks and what checkpoints hold of them: names, shapes, numbers. */
import { denseTensor, type PlainTensor } from "../formats/plainTensor.js";
import type { Contents } from "../nn/layers/module.js";
import type { NetworkData } from "./checkpoint/networkData.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig } from "./config.js";
import { Discriminator } from "./discriminator.js";
import { Generator } from "./generator.js";
import { ProgressiveDiscriminator } from "./growing/discriminatorBody.js";
import { ProgressiveGenerator } from "./growing/generator.js";

/** A generator of StyleGAN2, or one that grows: StyleGAN, and configs A to D of StyleGAN2. They are used alike. */
export type AnyGenerator = Generator | ProgressiveGenerator;
export type AnyDiscriminator = Discriminator | ProgressiveDiscriminator;

/** Fills parameters with the tensors of a checkpoint, straight into their memory. */
function contentsOf(tensors: ReadonlyMap<string, PlainTensor>): Contents {
  return (name, _shape, data) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`the checkpoint reader let a network without ${name} through`);
    tensor.copyTo(data);
  };
}

/** Any generator, by the kind of its config; `contents` fills its tensors. */
export function makeGenerator(config: AnyGeneratorConfig, contents: Contents): AnyGenerator {
  return config.kind === "stylegan2-generator"
    ? new Generator(config, contents)
    : new ProgressiveGenerator(config, contents);
}

/** Any discriminator, by the kind of its config; `contents` fills its tensors. */
export function makeDiscriminator(config: AnyDiscriminatorConfig, contents: Contents): AnyDiscriminator {
  return config.kind === "stylegan2-discriminator"
    ? new Discriminator(config, contents)
    : new ProgressiveDiscriminator(config, contents);
}

/** A generator out of a checkpoint, with its parameters frozen. */
export function buildGenerator({ config, tensors }: NetworkData<AnyGeneratorConfig>): AnyGenerator {
  return setTrainable(makeGenerator(config, contentsOf(tensors)), false);
}

/** A discriminator out of a checkpoint, with its parameters frozen. */
export function buildDiscriminator({ config, tensors }: NetworkData<AnyDiscriminatorConfig>): AnyDiscriminator {
  return setTrainable(makeDiscriminator(config, contentsOf(tensors)), false);
}

/**
 * Whether operations on the network's parameters are recorded for gradients. Frozen networks run on the fastest
 * kernels; gradients with respect to their inputs are recorded all the same. Returns the network.
 */
export function setTrainable<N extends AnyGenerator | AnyDiscriminator>(network: N, trainable: boolean): N {
  for (const parameter of network.parameters.values()) parameter.requiresGrad = trainable;
  return network;
}

/** What a checkpoint writer needs of a network; the tensors are views of the parameters. */
export function networkData<N extends AnyGenerator | AnyDiscriminator>(network: N): NetworkData<N["config"]> {
  const tensors = new Map<string, PlainTensor>();
  for (const [name, { block, shape }] of [...network.parameters, ...network.buffers]) {
    tensors.set(name, denseTensor(block.data, shape, name));
  }
  return { config: network.config, tensors };
}
