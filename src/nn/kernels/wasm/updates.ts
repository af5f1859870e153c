/** Plans the updates of a whole network for `assembly/elementwise/updates.ts`: a table with a row for each of its tensors. */
import type { AdamOptions } from "../types.js";
import { elementsPerChunk } from "./elementwise.js";
import type { Engine } from "./engine.js";

/** Pointers to the tensors that play one role, in the order of the rows. */
type Pointers = readonly number[];

/** Words of a row: its first chunk, its length, and up to four pointers. */
const rowWords = 6;

function runUpdate(
  engine: Engine,
  name: "adam" | "lerp",
  lengths: readonly number[],
  roles: readonly Pointers[],
  floats: readonly number[],
): void {
  engine.withScratch(lengths.length * rowWords * 4, (table) => {
    const words = new Uint32Array(engine.memory.buffer, table, lengths.length * rowWords);
    let chunks = 0;
    lengths.forEach((length, row) => {
      words.set([chunks, length, ...roles.map((pointers) => pointers[row])], row * rowWords);
      chunks += Math.ceil(length / elementsPerChunk);
    });
    engine.run(name, chunks, [table, lengths.length, elementsPerChunk], floats);
  });
}

/** y = x + t (y - x) for each pair. */
export function wasmLerp(engine: Engine, lengths: readonly number[], x: Pointers, y: Pointers, t: number): void {
  runUpdate(engine, "lerp", lengths, [y, x], [t]);
}

export function wasmAdam(
  engine: Engine,
  lengths: readonly number[],
  blocks: { readonly parameters: Pointers; readonly gradients: Pointers; readonly m: Pointers; readonly v: Pointers },
  { learningRate, beta1, beta2, epsilon, step }: AdamOptions,
): void {
  const rate = learningRate / (1 - beta1 ** step);
  const floats = [beta1, 1 - beta1, beta2, 1 - beta2, rate, 1 / (1 - beta2 ** step), epsilon];
  runUpdate(engine, "adam", lengths, [blocks.parameters, blocks.gradients, blocks.m, blocks.v], floats);
}
