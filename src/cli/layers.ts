/** The layers of a network as a list, read off the names and shapes of its tensors. */
import type { Discriminator, Generator, Tensor } from "../index.js";

export interface LayerSummary {
  /** The official name: synthesis.b64.conv0. */
  readonly name: string;
  /** Trained numbers, those of its affine map included. */
  readonly parameters: number;
  /** Stored but not trained. */
  readonly buffers: number;
  /** Shape of the weight; null for layers without one. */
  readonly weight: readonly number[] | null;
  /** Shape of the output for one sample; null where it is not a feature map or a vector of the layer's own. */
  readonly output: readonly number[] | null;
}

type Network = Pick<Generator | Discriminator, "parameters" | "buffers" | "imgResolution">;

/** Layers in the order in which the network makes them. */
export function summarize(network: Network): LayerSummary[] {
  const groups = new Map<string, { parameters: number; buffers: number; weight: readonly number[] | null }>();
  const add = (tensors: ReadonlyMap<string, Tensor>, kind: "parameters" | "buffers") => {
    for (const [fullName, tensor] of tensors) {
      const name = layerOf(fullName);
      const group = groups.get(name) ?? { parameters: 0, buffers: 0, weight: null };
      group[kind] += tensor.size;
      if (fullName === `${name}.weight` || fullName.endsWith(".const")) group.weight = tensor.shape;
      groups.set(name, group);
    }
  };
  add(network.parameters, "parameters");
  add(network.buffers, "buffers");
  return [...groups].map(([name, group]) => ({ name, ...group, output: outputShape(name, group.weight) }));
}

/** synthesis.b8.conv0.affine.weight -> synthesis.b8.conv0 */
function layerOf(fullName: string): string {
  return fullName.replace(/(\.affine)?\.[^.]+$/, "");
}

/**
 * [C, H, W] for convolutions, [features] for dense layers. A block bR works at R x R; in the discriminator, which has
 * no "synthesis." in front, its conv1 and skip halve that.
 */
function outputShape(name: string, weight: readonly number[] | null): readonly number[] | null {
  if (weight === null) return null;
  if (weight.length === 2) return [weight[0]];
  if (weight.length === 3) return weight; // the learned constant
  const block = /(^|\.)b(\d+)\.(\w+)$/.exec(name);
  if (weight.length !== 4 || block === null) return null;
  const resolution = Number(block[2]);
  const halves = !name.startsWith("synthesis.") && (block[3] === "conv1" || block[3] === "skip");
  const size = halves ? resolution / 2 : resolution;
  return [weight[0], size, size];
}
