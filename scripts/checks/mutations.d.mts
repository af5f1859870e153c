/** Types of mutations.mjs, for the tests. */
import type { RandomState } from "../../src/nn/random.js";
import type { CheckpointData } from "../../src/stylegan/checkpoint/networkData.js";

export function mutate(
  original: Uint8Array,
  other: Uint8Array,
  random: RandomState,
): { readonly bytes: Uint8Array; readonly how: string };
export function readFully(checkpoint: CheckpointData): number;
