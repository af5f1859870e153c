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
 * `Engine.run(name, chunks, frame)` writes the frame and calls `Dispatcher.parallel(name, args, chunks)`,
 * which returns when all chunks are done. The dispatcher below runs them in order on this thread; the pool of
 * threads.ts runs them on several instances of the same module over one shared memory.
 */
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
  /** Calls the export `name` with every chunk in 0 .. chunks - 1, in any order, and returns when all have ended. */
  parallel(name: string, args: number, chunks: number): void;
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

/** What the TypeScript side of a kernel works with: memory, scratch, and a way to run chunk functions. */
export class Engine {
  readonly memory: LinearMemory;
  readonly workers: number;
  readonly #dispatcher: Dispatcher;
  #bytes: ArrayBufferLike | null = null;
  #views: FrameViews = { words: new Uint32Array(0), reals: new Float32Array(0) };

  constructor(memory: LinearMemory, dispatcher: Dispatcher) {
    this.memory = memory;
    this.workers = dispatcher.workers;
    this.#dispatcher = dispatcher;
  }

  /** Runs a kernel to its end. */
  run<K extends keyof Frames>(name: K, chunks: number, frame: Frames[K], tail?: FrameTail): void {
    if (this.#bytes !== this.memory.buffer) {
      this.#bytes = this.memory.buffer;
      const place = [this.#bytes, argumentFrame.pointer, argumentFrame.bytes / 4] as const;
      this.#views = { words: new Uint32Array(...place), reals: new Float32Array(...place) };
    }
    const end = frameWriters[name](this.#views, 0, frame);
    if (tail !== undefined) this.#writeTail(name, end, tail);
    this.#dispatcher.parallel(name, argumentFrame.pointer, chunks);
  }

  #writeTail(name: string, start: number, { words = nothing, reals = nothing }: FrameTail): void {
    const views = this.#views;
    const middle = start + words.length;
    if (middle + reals.length > views.words.length) {
      throw new RangeError(`${name}: ${middle + reals.length} arguments do not fit the argument frame`);
    }
    // A few words: the loops are done before `set` has found out what kind of array it was given.
    for (let k = 0; k < words.length; k++) views.words[start + k] = words[k];
    for (let k = 0; k < reals.length; k++) views.reals[middle + k] = reals[k];
  }

  /** Ends the threads, if there are any. */
  dispose(): void {
    this.#dispatcher.dispose?.();
  }

  /** Calls `use` with `bytes` bytes of linear memory that live as long as the call. */
  withScratch<T>(bytes: number, use: (pointer: number) => T): T {
    const pointer = this.memory.allocate(bytes);
    try {
      return use(pointer);
    } finally {
      this.memory.release(pointer);
    }
  }

  /** A fresh view; allocating may make it stale. */
  floats(pointer: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, length);
  }
}
