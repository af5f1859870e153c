/**
 * A pool of threads, the part that every thread runs. Each has its own instance of the same module over one shared memory;
 * a task is a name, an argument pointer and a number of chunks, and threads take chunks from a common counter until none
 * is left.
 *
 * The pool lives in a few words of the shared memory (`poolControl` of memory.ts):
 *
 *   remaining   chunks that nobody has taken. A thread takes one by compare-and-exchange, so that whoever succeeds holds a
 *               chunk of the current task, whose other words cannot change before that chunk is done
 *   total, kernel, args   the task: chunk index = total - remaining before it was taken
 *   done        chunks that have ended; the last one wakes the caller
 *   failed      set when a chunk threw
 *
 * Idle threads look for work a while before they sleep on `remaining`, and the caller looks for the last chunks before it sleeps
 * on `done`: waking up takes longer than most kernels. A page's main thread may not sleep and goes on looking.
 * Chunks write disjoint outputs and no sum crosses chunks (engine.ts), so results do not depend on who took what.
 *
 * This file imports nothing: with worker.ts it becomes the script that threads are started with (scripts/build/wasm.mjs).
 */

type ChunkFunction = (args: number, chunk: number, worker: number) => void;

export const word = { remaining: 0, total: 1, kernel: 2, args: 3, done: 4, failed: 5 } as const;

/** How often a thread looks before it sleeps: about 0.1 ms, longer than the gap between two kernels of a training step. */
export const looks = 10000;

/** What a thread is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Where the words of the pool begin in the memory. */
  readonly control: number;
  /** 1, 2, ...; the calling thread is 0. */
  readonly worker: number;
}

/** The words of the pool. A shared buffer that grows keeps old views valid. */
export function poolWords(memory: WebAssembly.Memory, control: number): Int32Array {
  return new Int32Array(memory.buffer, control, 16);
}

/** The chunk functions in an order on which all instances of a module agree. */
export function kernelList(exports: WebAssembly.Exports): ChunkFunction[] {
  return Object.keys(exports)
    .sort()
    .map((name) => exports[name] as ChunkFunction);
}

/** Takes and runs chunks of the current task until none is left; returns whether there were any. */
export function takeChunks(words: Int32Array, kernels: readonly ChunkFunction[], worker: number): boolean {
  let took = false;
  for (;;) {
    const remaining = Atomics.load(words, word.remaining);
    if (remaining === 0) return took;
    if (Atomics.compareExchange(words, word.remaining, remaining, remaining - 1) !== remaining) continue;
    took = true;
    const total = Atomics.load(words, word.total);
    try {
      kernels[words[word.kernel]](words[word.args] >>> 0, total - remaining, worker);
    } catch {
      Atomics.store(words, word.failed, 1);
    }
    if (Atomics.add(words, word.done, 1) + 1 === total) Atomics.notify(words, word.done);
  }
}
