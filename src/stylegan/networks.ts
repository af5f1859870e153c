/** Between networks and what checkpoints hold of them: names, shapes, numbers. */
import { denseTensor, type PlainTensor } from "../formats/plainTensor.js";
import type { Contents } from "../nn/layers/module.js";
import { expectNetwork } from "../nn/loading.js";
import type { Shape } from "../nn/shape.js";
import type { Tensor } from "../nn/tensor.js";
import type { NetworkData } from "./checkpoint/networkData.js";
import type {
  AnyDiscriminatorConfig,
  AnyGeneratorConfig,
  GrowingDiscriminatorConfig,
  GrowingGeneratorConfig,
} from "./config.js";
import { Discriminator } from "./discriminator.js";
import { Generator, type GeneratorOptions } from "./generator.js";
import { estimateWAvg } from "./mapping.js";

/** A generator of any kind: `config.kind` says which; they are used alike. */
export type AnyGenerator = Generator<AnyGeneratorConfig>;
/** A discriminator of any kind: `config.kind` says which; they are used alike. */
export type AnyDiscriminator = Discriminator<AnyDiscriminatorConfig>;

/** Names of before these networks were the same classes as the others. */
export type ProgressiveGenerator = Generator<GrowingGeneratorConfig>;
export type ProgressiveDiscriminator = Discriminator<GrowingDiscriminatorConfig>;
export type ProgressiveGeneratorOptions = GeneratorOptions;

/** Whether it is one of StyleGAN2's final networks, which do not grow. */
export function isStylegan2(generator: AnyGenerator): generator is Generator {
  return generator.config.kind === "stylegan2-generator";
}

/** Where the tensor of a name can be read, now and once more. */
export type RefillOf = NonNullable<Contents["refill"]>;

/** Fills parameters with the tensors of a checkpoint, straight into their memory. */
function contentsOf(tensors: ReadonlyMap<string, PlainTensor>, refill?: RefillOf): Contents {
  const contents: Contents = (name, _shape, data) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`the checkpoint reader let a network without ${name} through`);
    tensor.copyTo(data);
  };
  return refill === undefined ? contents : Object.assign(contents, { refill });
}

/** A generator out of a checkpoint, with its parameters frozen. */
export function buildGenerator(data: NetworkData<AnyGeneratorConfig>): AnyGenerator {
  return frozen(new Generator(data.config, contentsOf(data.tensors)), data);
}

/** The same; with a refill, tensors are read by others than this thread, as far as they can be. */
export async function loadGenerator(data: NetworkData<AnyGeneratorConfig>, refill?: RefillOf): Promise<AnyGenerator> {
  if (refill === undefined) return buildGenerator(data);
  return frozen(await complete(new Generator(data.config, contentsOf(data.tensors, refill))), data);
}

/** A discriminator out of a checkpoint, with its parameters frozen. */
export function buildDiscriminator({ config, tensors }: NetworkData<AnyDiscriminatorConfig>): AnyDiscriminator {
  return setTrainable(new Discriminator(config, contentsOf(tensors)), false);
}

/** The same; with a refill, tensors are read by others than this thread, as far as they can be. */
export async function loadDiscriminator(
  data: NetworkData<AnyDiscriminatorConfig>,
  refill?: RefillOf,
): Promise<AnyDiscriminator> {
  if (refill === undefined) return buildDiscriminator(data);
  return setTrainable(await complete(new Discriminator(data.config, contentsOf(data.tensors, refill))), false);
}

function frozen(generator: AnyGenerator, { estimatesWAvg }: NetworkData<AnyGeneratorConfig>): AnyGenerator {
  setTrainable(generator, false);
  if (estimatesWAvg) estimateWAvg(generator.mapping);
  return generator;
}

/**
 * Has all numbers in memory: what is wrong with a file is found when it is loaded. The largest come last, and of them those that are used
 * first, so that what kernels give up of them is one range that grows from its end.
 */
async function complete<N extends AnyGenerator | AnyDiscriminator>(network: N): Promise<N> {
  const tensors = [...network.parameters.values(), ...network.buffers.values()].sort((a, b) => a.size - b.size);
  expectNetwork(tensors.reduce((sum, { size }) => sum + size, 0));
  // Whoever changes the kernels meanwhile has other blocks made, which come in the next turn.
  for (;;) {
    const away = tensors.filter(({ internals }) => internals.block.isAway);
    if (away.length === 0) return network;
    const fetched = await Promise.allSettled(away.map(({ internals }) => internals.block.fetchLater?.()));
    const failure = fetched.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }
}

/**
 * Whether operations on the network's parameters are recorded for gradients. Frozen networks run on the fastest
 * kernels; gradients with respect to their inputs are recorded all the same. Returns the network.
 */
export function setTrainable<N extends AnyGenerator | AnyDiscriminator>(network: N, trainable: boolean): N {
  for (const parameter of network.parameters.values()) parameter.requiresGrad = trainable;
  return network;
}

/** What a checkpoint writer needs of a network; the tensors are read when they are asked for. */
export function networkData<N extends AnyGenerator | AnyDiscriminator>(network: N): NetworkData<N["config"]> {
  const tensors = new Map<string, PlainTensor>();
  for (const [name, { internals, shape }] of [...network.parameters, ...network.buffers]) {
    tensors.set(name, parameterTensor(internals, shape, name));
  }
  return { config: network.config, tensors };
}

/** @throws Error when the network has been disposed of */
function parameterTensor(internals: Tensor["internals"], shape: Shape, name: string): PlainTensor {
  const { length } = internals.block;
  const dense = (): PlainTensor => denseTensor(internals.numbers, shape, name);
  const dtype = internals.isFloat64 ? "f64" : "f32";
  return { dtype, shape, size: length, copyTo: (out) => dense().copyTo(out), toFloat: () => dense().toFloat() };
}
