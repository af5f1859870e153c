/** Networks as named tensors: what surgery compares, mixes and puts together again. */
import type { Tensor } from "../../nn/tensor.js";
import { Discriminator } from "../discriminator.js";
import { Generator } from "../generator.js";
import { type AnyDiscriminator, type AnyGenerator, setTrainable } from "../networks.js";

export type AnyNetwork = AnyGenerator | AnyDiscriminator;

/** Parameters and buffers by name, in the order of the layers. */
export function tensorsOf(network: AnyNetwork): Map<string, Tensor> {
  return new Map([...network.parameters, ...network.buffers]);
}

/** A network of the same geometry whose tensors `numbers` gives, frozen. */
export function rebuild<N extends AnyNetwork>(like: N, numbers: (name: string) => ArrayLike<number>): N {
  const contents = (name: string, _shape: readonly number[], data: Float32Array | Float64Array): void =>
    data.set(numbers(name));
  const { config } = like;
  const network = "synthesis" in config ? new Generator(config, contents) : new Discriminator(config, contents);
  return setTrainable(network, false) as N;
}

/**
 * @param names what the networks are called, for the message
 * @throws RangeError naming the first tensor that differs in shape, or is in one only
 */
export function checkSameGeometry(a: AnyNetwork, b: AnyNetwork, names: readonly [string, string]): void {
  const [left, right] = [tensorsOf(a), tensorsOf(b)];
  const shape = (tensor: Tensor | undefined): string =>
    tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`;
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const [l, r] = [shape(left.get(name)), shape(right.get(name))];
    if (l !== r)
      throw new RangeError(`${name} is ${l} in ${names[0]} and ${r} in ${names[1]}; only equal geometries fit`);
  }
  const difference = differentSetting(a, b);
  if (difference !== null) throw new RangeError(`${names[0]} and ${names[1]} have equal shapes, but ${difference}`);
}

/** The first setting that two networks do not share; null when there is none. */
function differentSetting(a: AnyNetwork, b: AnyNetwork): string | null {
  const [left, right] = [settingsOf(a.config), settingsOf(b.config)];
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const [l, r] = [left.get(path) ?? "not set", right.get(path) ?? "not set"];
    if (l !== r) return `${path} is ${l} and ${r}`;
  }
  return null;
}

function settingsOf(value: unknown, path = ""): Map<string, string> {
  if (value === null || typeof value !== "object") return new Map([[path, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .flatMap(([key, inner]) => [...settingsOf(inner, path === "" ? key : `${path}.${key}`)]),
  );
}

/** 64 of `synthesis.b64.conv0.weight`; null for tensors of no block. */
export function resolutionOf(name: string): number | null {
  const match = /(?:^|\.)b(\d+)\./.exec(name);
  return match === null ? null : Number(match[1]);
}
