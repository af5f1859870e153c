/** Plans the updates of a whole network for `assembly/elementwise/updates.ts`: a table with a row for each of its tensors. */
import type { AdamOptions } from "../types.js";
import { elementsPerChunk } from "./elementwise.js";
import type { Engine } from "./engine.js";
import { ROW_BYTES, type RowFrame, writeRow } from "./frames/elementwise.js";

/** Pointers to the tensors that play one role, in the order of the rows. */
type Pointers = readonly number[];

/** Calls `run` with a table of rows that lives as long as the call; `rowOf` makes a row, given its first chunk. */
function withTable(
  engine: Engine,
  lengths: readonly number[],
  rowOf: (row: number, firstChunk: number, length: number) => RowFrame,
  run: (table: number, chunks: number) => void,
): void {
  engine.withScratch(lengths.length * ROW_BYTES, (table) => {
    const words = new Uint32Array(engine.memory.buffer, table, (lengths.length * ROW_BYTES) / 4);
    const views = { words };
    let chunks = 0;
    let at = 0;
    for (let row = 0; row < lengths.length; row++) {
      at = writeRow(views, at, rowOf(row, chunks, lengths[row]));
      chunks += Math.ceil(lengths[row] / elementsPerChunk);
    }
    run(table, chunks);
  });
}

/** y = x + t (y - x) for each pair. */
export function wasmLerp(engine: Engine, lengths: readonly number[], x: Pointers, y: Pointers, t: number): void {
  withTable(
    engine,
    lengths,
    (row, firstChunk, length) => ({ firstChunk, length, target: y[row], source: x[row], m: 0, v: 0 }),
    (table, chunks) => engine.run("lerp", chunks, { table, rows: lengths.length, perChunk: elementsPerChunk, t }),
  );
}

export function wasmAdam(
  engine: Engine,
  lengths: readonly number[],
  blocks: { readonly parameters: Pointers; readonly gradients: Pointers; readonly m: Pointers; readonly v: Pointers },
  { learningRate, beta1, beta2, epsilon, step }: AdamOptions,
): void {
  const { parameters, gradients, m, v } = blocks;
  withTable(
    engine,
    lengths,
    (row, firstChunk, length) => {
      return { firstChunk, length, target: parameters[row], source: gradients[row], m: m[row], v: v[row] };
    },
    (table, chunks) =>
      engine.run("adam", chunks, {
        table,
        rows: lengths.length,
        perChunk: elementsPerChunk,
        beta1,
        oneMinusBeta1: 1 - beta1,
        beta2,
        oneMinusBeta2: 1 - beta2,
        rate: learningRate / (1 - beta1 ** step),
        vCorrection: 1 / (1 - beta2 ** step),
        epsilon,
      }),
  );
}
