/** Formats of state dicts: tensors by name, in whatever they are wrapped. A network is known by the name of one tensor. */
import type { PickleValue } from "../../formats/pickle/values.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import type { AnyDiscriminatorConfig, AnyGeneratorConfig } from "../config.js";
import type { CheckpointFormat, Opened } from "./format.js";
import { collectNetworks, type NetworkData, type NetworkWords } from "./networkData.js";
import { assignGenerators, type Found, groupsWith, tensorDicts, wordsOf } from "./search.js";

/** What may be a network, by the file's names of its tensors. */
export type StateDict = Found<ReadonlyMap<string, PickleValue | PlainTensor>>;

export interface StateDictFormat {
  /** For people. */
  readonly name: string;
  readonly words: NetworkWords;
  /** The name of a tensor that every generator has, and of one that every discriminator has, but nothing else. */
  readonly anchors: { readonly generator: string; readonly discriminator: string };
  /** CheckpointError when it is not what it claims to be; what is ignored or assumed is added to the notes. */
  readonly generator: (found: StateDict, notes: Set<string>, file: Opened) => NetworkData<AnyGeneratorConfig>;
  readonly discriminator: (found: StateDict, notes: Set<string>) => NetworkData<AnyDiscriminatorConfig>;
}

export function stateDictFormat({ name, words, anchors, generator, discriminator }: StateDictFormat): CheckpointFormat {
  const has = (file: Opened, anchor: string): boolean => groupsWith(tensorDicts(file), anchor).length > 0;
  return {
    name,
    recognises: (file) => has(file, anchors.generator) || has(file, anchors.discriminator),
    reads: (file, options) => {
      const dicts = tensorDicts(file);
      const notes = new Set<string>();
      const { gEma, g } = assignGenerators(groupsWith(dicts, anchors.generator));
      const [d] = groupsWith(dicts, anchors.discriminator);
      const asGenerator = (found: StateDict) => ({
        name: wordsOf(found.path),
        read: () => generator(found, notes, file),
      });
      const readers = {
        ...(gEma && { gEma: asGenerator(gEma) }),
        ...(g && { g: asGenerator(g) }),
        ...(d && { d: { name: wordsOf(d.path), read: () => discriminator(d, notes) } }),
      };
      return collectNetworks(name, words, options, readers, notes);
    },
  };
}
