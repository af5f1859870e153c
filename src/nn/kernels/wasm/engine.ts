/**
 * Loading of the WebAssembly module, and how its kernels are called.
 *
 * Every export of `assembly/` is a *chunk function* `(args, chunk, worker)`:
 * - `args` points to its arguments in linear memory: the @unmanaged class beside the kernel, as frames/ has it for this side;
 * - `chunk` says which part of the output to compute, 0 <= chunk < chunks. Chunks write disjoint outputs and each sum
 *   lies within one chunk, so results do not depend on their order or on how many workers share them;
 * - `worker`, 0 <= worker < workers, selects private scratch: a kernel that needs some takes `scratch` and
 *   `scratchStride` among its arguments and uses [scratch + worker * scratchStride, + scratchStride).
 *
 * `Engine.run(name, chunks, frame)` writes the frame and calls `Dispatcher.parallel(name, args, chunks)`. The dispatcher below
 * runs the chunks in order on this thread; the pool of threads/ runs them on several instances of the same module over one
 * shared memory, and may be some calls behind when `parallel` returns. Kernels never notice: the next one begins when all chunks have
 * ended. Nor does JavaScript, for it comes to the bytes by `LinearMemory.buffer`, which waits until then.
 */
import { LinearCaptures } from "./captures.js";
import { type Frames, frameWriters } from "./frames/kernels.js";
import type { FrameViews } from "./frames/views.js";
import { compileKernels, type WasmSources, type WasmVariant } from "./load.js";
import { argumentFrame, LinearMemory } from "./memory.js";

export type ChunkFunction = (args: number, chunk: number, worker: number) => void;

/** A compiled module, the memory it works on, and this thread's instance of it. */
export interface LoadedModule {
  readonly module: WebAssembly.Module;
  readonly memory: LinearMemory;
  readonly kernels: Readonly<Record<string, ChunkFunction>>;
}

export interface Dispatcher {
  /** How many chunks run at once; also the number of private scratch areas. */
  readonly workers: number;
  /**
   * Calls the export `name` with every chunk in 0 .. chunks - 1, in any order, when all chunks of the call before have ended. That may
   * begin and end after it returns, but before `settle` does; `args` has to stay as it is until then.
   */
  parallel(name: string, args: number, chunks: number): void;
  /**
   * Returns when all chunks have ended. A dispatcher that has none runs every chunk before `parallel` returns.
   * @throws Error when a chunk has failed
   */
  settle?(): void;
  /** Ends the threads, if there are any; what is run from then on runs on the calling one. */
  dispose?(): void;
}

/** Reads, compiles and instantiates a build of `assembly/` over a fresh memory. */
export async function loadModule(options: {
  readonly variant: WasmVariant;
  readonly shared: boolean;
  /** Default: the builds in this package. */
  readonly wasm?: WasmSources;
}): Promise<LoadedModule> {
  const memory = new LinearMemory({ shared: options.shared });
  const module = await compileKernels(options.variant, options.shared, options.wasm);
  const instance = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
  return { module, memory, kernels: instance.exports as Record<string, ChunkFunction> };
}

/** Runs all chunks on the calling thread. */
export function createSerialDispatcher({ kernels }: LoadedModule): Dispatcher {
  return {
    workers: 1,
    parallel(name, args, chunks) {
      const kernel = kernels[name];
      for (let chunk = 0; chunk < chunks; chunk++) kernel(args, chunk, 0);
    },
  };
}

/** What follows the frame of kernels that take a list: integers and pointers, then float32 numbers. */
export interface FrameTail {
  readonly words?: readonly number[];
  readonly reals?: readonly number[];
}

const nothing: readonly number[] = [];

/** Words of a cache line, where each frame begins; and of a frame without its list, at most. */
const lineWords = 16;
const mostFrameWords = 64;

/**
 * Scratch that stays: for all threads and for each. Prepared weights or sums, and transform points, of convolutions of 64 channels
 * fit. More would only keep memory from feature maps; pages that nobody touches cost nothing.
 */
const keptScratchBytes = 2 * 1024 * 1024;
const keptWorkerBytes = 2 * 1024 * 1024;

/** What the TypeScript side of a kernel works with: memory, scratch, and a way to run chunk functions. */
export class Engine {
  readonly memory: LinearMemory;
  readonly workers: number;
  readonly captures: LinearCaptures;
  readonly #dispatcher: Dispatcher;
  #views: FrameViews = { words: new Uint32Array(0), reals: new Float32Array(0), doubles: new Float64Array(0) };
  /** The word behind the last frame, which a kernel may still have to read. */
  #frameEnd = 0;
  /** Memory for `withScratch`, and how much of it is in use. */
  readonly #scratch: number;
  readonly #scratchBytes: number;
  #scratchUsed = 0;

  constructor(memory: LinearMemory, dispatcher: Dispatcher) {
    this.memory = memory;
    this.workers = dispatcher.workers;
    this.#dispatcher = dispatcher;
    this.#scratchBytes = keptScratchBytes + dispatcher.workers * keptWorkerBytes;
    this.#scratch = memory.reserve(this.#scratchBytes);
    this.captures = new LinearCaptures(memory, (name, args, chunks) => dispatcher.parallel(name, args, chunks));
    memory.settle = () => {
      this.captures.interrupt();
      dispatcher.settle?.();
    };
  }

  /**
   * Runs a kernel; it has ended before the next one begins, and before JavaScript sees the memory.
   *
   * @internal Declarations that are shipped do without the frames.
   */
  run<K extends keyof Frames>(name: K, chunks: number, frame: Frames[K], tail?: FrameTail): void {
    const views = this.#frameViews();
    const start = this.#frameStart(tail);
    const end = frameWriters[name](views, start, frame);
    this.#frameEnd = tail === undefined ? end : this.#writeTail(name, end, tail);
    this.captures.note(name, chunks, views.words, start, this.#frameEnd);
    this.#dispatcher.parallel(name, argumentFrame.pointer + 4 * start, chunks);
  }

  #frameViews(): FrameViews {
    const bytes = this.memory.unsettled;
    if (this.#views.words.buffer !== bytes) {
      const { pointer, bytes: length } = argumentFrame;
      this.#views = {
        words: new Uint32Array(bytes, pointer, length / 4),
        reals: new Float32Array(bytes, pointer, length / 4),
        doubles: new Float64Array(bytes, pointer, length / 8),
      };
    }
    return this.#views;
  }

  /** Where a frame can be written that leaves those before alone: behind them, or at the beginning when nobody reads any more. */
  #frameStart({ words = nothing, reals = nothing }: FrameTail = {}): number {
    const start = Math.ceil(this.#frameEnd / lineWords) * lineWords;
    if (start + mostFrameWords + words.length + reals.length <= argumentFrame.bytes / 4) return start;
    this.#dispatcher.settle?.();
    return 0;
  }

  /** Returns the word behind. */
  #writeTail(name: string, start: number, { words = nothing, reals = nothing }: FrameTail): number {
    const views = this.#views;
    const middle = start + words.length;
    if (middle + reals.length > views.words.length) {
      throw new RangeError(`${name}: ${middle + reals.length} arguments do not fit the argument frame`);
    }
    // A few words: the loops are done before `set` has found out what kind of array it was given.
    for (let k = 0; k < words.length; k++) views.words[start + k] = words[k];
    for (let k = 0; k < reals.length; k++) views.reals[middle + k] = reals[k];
    return middle + reals.length;
  }

  /** Ends the threads, if there are any. */
  dispose(): void {
    this.#dispatcher.dispose?.();
  }

  /**
   * Calls `use` with `bytes` bytes of linear memory that live as long as the call, 64-byte aligned. What fits goes to the same place
   * every time, which caches still hold; what calls within `use` ask for lies behind it.
   */
  withScratch<T>(bytes: number, use: (pointer: number) => T): T {
    const start = this.#scratchUsed;
    const end = start + Math.ceil(bytes / 64) * 64;
    if (end > this.#scratchBytes) return this.#withBlock(bytes, use);
    this.#scratchUsed = end;
    try {
      return use(this.#scratch + start);
    } finally {
      this.#scratchUsed = start;
    }
  }

  #withBlock<T>(bytes: number, use: (pointer: number) => T): T {
    const pointer = this.memory.allocate(bytes);
    try {
      return use(pointer);
    } finally {
      this.memory.release(pointer);
    }
  }

  /** A fresh view, when kernels have ended; allocating may make it stale, and so does running a kernel. */
  floats(pointer: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, length);
  }
}
