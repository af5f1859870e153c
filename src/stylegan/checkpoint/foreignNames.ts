/** Adopting the tensors of programs that name and lay out the same parameters in other ways. */
import { CheckpointError, describe } from "../../formats/fileError.js";
import { type PlainTensor, reshapedTensor } from "../../formats/plainTensor.js";
import type { NetworkConfig } from "../config.js";
import { tensorShapes } from "../tensorShapes.js";
import { checkedNetwork, type NetworkData } from "./networkData.js";

export interface ForeignTensor {
  /** Its name in the file. */
  readonly name: string;
  /** From the file's layout to the official one; default: the same elements in the same order. */
  readonly convert?: (tensor: PlainTensor) => PlainTensor;
}

/**
 * The network under its official names. `find` says where each official parameter lies in the file; names that none of
 * them used must be `extra` (filters, counters). Axes of extent 1 may be added or missing.
 */
export function adoptTensors<Config extends NetworkConfig>(
  where: string,
  config: Config,
  source: ReadonlyMap<string, PlainTensor>,
  find: (officialName: string) => ForeignTensor,
  extra: (name: string) => boolean,
): NetworkData<Config> {
  const tensors = new Map<string, PlainTensor>();
  const unused = new Set(source.keys());
  for (const [officialName, shape] of tensorShapes(config).all) {
    const { name, convert } = find(officialName);
    const tensor = source.get(name);
    if (!tensor) throw new CheckpointError(`${where}: expected a tensor ${describe(name)}, found none`);
    unused.delete(name);
    const converted = convert ? convert(tensor) : tensor;
    const squeezed = (extents: readonly number[]) => extents.filter((extent) => extent !== 1).join();
    const sameButOnes = squeezed(converted.shape) === squeezed(shape);
    tensors.set(officialName, sameButOnes ? reshapedTensor(converted, shape) : converted);
  }
  const unexpected = [...unused].find((name) => !extra(name));
  if (unexpected !== undefined) throw new CheckpointError(`${where}: unexpected tensor ${describe(unexpected)}`);
  return checkedNetwork(where, config, tensors);
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
