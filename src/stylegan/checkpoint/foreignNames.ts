/** Adopting the tensors of programs that name and lay out the same parameters in other ways. */
import { CheckpointError, describe } from "../../formats/fileError.js";
import { denseTensor, type PlainTensor, reshapedTensor } from "../../formats/plainTensor.js";
import { RandomState } from "../../nn/random.js";
import type { NetworkConfig } from "../config.js";
import { checkedNetwork, type NetworkData } from "./networkData.js";
import { tensorShapes } from "./tensorShapes.js";

export interface ForeignTensor {
  /** Its name in the file. */
  readonly name: string;
  /** From the file's layout to the official one; default: the same elements in the same order. */
  readonly convert?: (tensor: PlainTensor) => PlainTensor;
}

export interface Adoption {
  /** Where each official parameter lies in the file. */
  readonly find: (officialName: string) => ForeignTensor;
  /** Names that are known to say nothing more: filters, which are geometry, and counters. */
  readonly isKnown: (name: string) => boolean;
  /** Where a name tells that a tensor is a layer's, which a network that computes with it cannot leave out. */
  readonly isOfLayer: (name: string) => boolean;
  /** What was ignored or assumed is added here, a sentence each. */
  readonly notes: Set<string>;
}

const W_AVG = "mapping.w_avg";
const ESTIMATED = "the file has no average w: truncation pulls towards the mean of f(z) over 4096 z of seed 0";

/**
 * The network under its official names. Axes of extent 1 may be added or missing. Tensors that no layer has are ignored,
 * with a note; so many programs add counters. Constant noise that is not there is drawn, an average w estimated.
 */
export function adoptTensors<Config extends NetworkConfig>(
  where: string,
  config: Config,
  source: ReadonlyMap<string, PlainTensor>,
  { find, isKnown, isOfLayer, notes }: Adoption,
): NetworkData<Config> {
  const tensors = new Map<string, PlainTensor>();
  const unused = new Set(source.keys());
  let estimatesWAvg = false;
  const names = [...tensorShapes(config).all.keys()];
  const hasNoise = names.some((name) => name.endsWith("noise_const") && source.has(find(name).name));
  for (const [officialName, shape] of tensorShapes(config).all) {
    const { name, convert } = find(officialName);
    const tensor = source.get(name);
    if (!tensor) {
      const made = hasNoise && officialName !== W_AVG ? null : substitute(officialName, shape);
      if (made === null) throw new CheckpointError(`${where}: expected a tensor ${describe(name)}, found none`);
      tensors.set(officialName, made);
      if (officialName === W_AVG) estimatesWAvg = true;
      notes.add(officialName === W_AVG ? ESTIMATED : DRAWN);
      continue;
    }
    unused.delete(name);
    const converted = convert ? convert(tensor) : tensor;
    const squeezed = (extents: readonly number[]) => extents.filter((extent) => extent !== 1).join();
    const sameButOnes = squeezed(converted.shape) === squeezed(shape);
    tensors.set(officialName, { ...(sameButOnes ? reshapedTensor(converted, shape) : converted), name });
  }
  const others = [...unused].filter((name) => !isKnown(name));
  const layer = others.find((name) => isOfLayer(name) || (source.get(name)?.shape.length ?? 0) > 1);
  if (layer !== undefined) throw new CheckpointError(`${where}: unexpected tensor ${describe(layer)}`);
  if (others.length > 0) {
    notes.add(`ignored, because no network of this kind has them: ${others.slice(0, 10).map(describe).join(", ")}`);
  }
  return { ...checkedNetwork(where, config, tensors), ...(estimatesWAvg && { estimatesWAvg }) };
}

const DRAWN = "the file has no constant noise: it is drawn anew, as the program that wrote the file does (seed 0)";

/** A tensor that programs make themselves when a file lacks it; null for all that is learned. */
function substitute(officialName: string, shape: readonly number[]): PlainTensor | null {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (officialName === W_AVG) return denseTensor(new Float32Array(size), shape);
  if (!officialName.endsWith("noise_const")) return null;
  return denseTensor(Float32Array.from(new RandomState(0).randn(size)), shape);
}

/** Extent of one axis of a tensor that must be there. */
export function extentOf(where: string, source: ReadonlyMap<string, PlainTensor>, name: string, axis: number): number {
  const extent = source.get(name)?.shape.at(axis);
  if (extent === undefined) throw new CheckpointError(`${where}: expected a tensor ${describe(name)}, found none`);
  return extent;
}

/** How many of the names prefix0suffix, prefix1suffix, ... there are, from `first` on without a gap. */
export function countNames(source: ReadonlyMap<string, unknown>, first: number, name: (i: number) => string): number {
  let count = 0;
  while (source.has(name(first + count))) count++;
  return count;
}
