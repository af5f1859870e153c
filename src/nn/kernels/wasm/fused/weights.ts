/** Weights in the form that the blocked kernels read, prepared once and kept until the parameter changes or goes. */
import type { Block } from "../../block.js";
import type { Engine } from "../engine.js";
import { algorithms } from "./algorithms.js";
import type { ConvShape, MicroTile, WeightPlan } from "./plan.js";

/** How raw weights lie: element (o, i, tap) at pointer + o * outStride + i * inStride + tap * 4 bytes. */
export interface RawWeights {
  readonly pointer: number;
  readonly outStride: number;
  readonly inStride: number;
  /** Mirror the taps in both axes. */
  readonly flip: boolean;
}

type WeightShape = Pick<ConvShape, "algorithm" | "inChannels" | "outChannels" | "kernel">;

/** Bytes of scratch for one worker: the taps of eight input and at most sixteen output channels, and one transform. */
const prepareScratchBytes = 8 * 9 * 16 * 4 + 576;

/** Writes the prepared weights to `target`, which has as many bytes as their plan says. */
export function prepareInto(
  engine: Engine,
  tile: MicroTile,
  shape: WeightShape,
  { panels, matrixStrideBytes }: WeightPlan,
  raw: RawWeights,
  target: number,
): void {
  engine.withScratch(engine.workers * prepareScratchBytes, (scratch) =>
    engine.run("prepareWeights", panels, {
      w: raw.pointer,
      u: target,
      algorithm: algorithms[shape.algorithm].code,
      outChannels: shape.outChannels,
      inChannels: shape.inChannels,
      outStride: raw.outStride,
      inStride: raw.inStride,
      taps: shape.kernel * shape.kernel,
      flip: raw.flip ? 1 : 0,
      matrixStride: matrixStrideBytes,
      inPadded: Math.ceil(shape.inChannels / 8) * 8,
      tileCols: tile.cols,
      scratch,
      scratchStride: prepareScratchBytes,
    }),
  );
}

interface Entry {
  readonly version: number;
  /** Pointers by what was prepared ("f4", "t4 flipped", "squares", ...), and their bytes. */
  readonly prepared: Map<string, { readonly pointer: number; readonly bytes: number }>;
}

/** What has been prepared from each parameter. */
export class WeightCache {
  readonly #engine: Engine;
  readonly #entries = new Map<Block, Entry>();
  #bytes = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The pointer kept under (block, version, what), or a new one to `bytes` bytes that `fill` writes. */
  get(block: Block, version: number, what: string, bytes: number, fill: (pointer: number) => void): number {
    let entry = this.#entries.get(block);
    if (entry === undefined || entry.version !== version) {
      this.release(block);
      entry = { version, prepared: new Map() };
      this.#entries.set(block, entry);
    }
    let found = entry.prepared.get(what);
    if (found === undefined) {
      found = { pointer: this.#engine.memory.allocate(bytes), bytes };
      fill(found.pointer);
      entry.prepared.set(what, found);
      this.#engine.captures.clear();
      this.#bytes += bytes;
    }
    return found.pointer;
  }

  release(block: Block): void {
    const entry = this.#entries.get(block);
    if (entry === undefined) return;
    this.#engine.captures.clear();
    for (const { pointer, bytes } of entry.prepared.values()) {
      this.#engine.memory.release(pointer);
      this.#bytes -= bytes;
    }
    this.#entries.delete(block);
  }
}
