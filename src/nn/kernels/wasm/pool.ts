/**
 * A pool of threads, the part that every thread runs. Each has its own instance of the same module over one shared memory;
 * a task is a name, an argument pointer and a number of chunks. Every thread is given a run of chunks that follow each other, and
 * who has done with its own helps the others: so a thread mostly reads what it has written itself, and none is idle.
 *
 * The pool lives in a few words of the shared memory (`poolControl` of memory.ts), first those of the task:
 *
 *   total, kernel, args   how many chunks, of which export, with which arguments
 *   done        chunks that have ended; the last one wakes the caller
 *   failed      set when a chunk threw
 *
 * then, in a cache line of its own for each thread, its run:
 *
 *   remaining   chunks that nobody has taken. A thread takes one by compare-and-exchange, so that whoever succeeds holds a
 *               chunk of the current task, whose other words cannot change before that chunk is done
 *   end         the run ends before this chunk: chunk index = end - remaining before it was taken
 *   asleep      set while the thread sleeps on `remaining`, or is about to
 *
 * Idle threads look for work a while before they sleep, and the caller looks for the last chunks before it sleeps on `done`: waking
 * up takes longer than most kernels. A page's main thread may not sleep and goes on looking.
 * Chunks write disjoint outputs and no sum crosses chunks (engine.ts), so results do not depend on who took what.
 *
 * This file imports nothing: with worker.ts it becomes the script that threads are started with (scripts/build/wasm.mjs).
 */

type ChunkFunction = (args: number, chunk: number, worker: number) => void;

export const word = { total: 0, kernel: 1, args: 2, done: 3, failed: 4 } as const;

/** Of a run. */
export const run = { remaining: 0, end: 1, asleep: 2 } as const;

const lineWords = 16;

/** The first word of a thread's run. */
export const runOf = (thread: number): number => lineWords * (1 + thread);

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
  /** How many there are, with the calling one. */
  readonly threads: number;
}

/** The words of the pool. A shared buffer that grows keeps old views valid. */
export function poolWords(memory: WebAssembly.Memory, control: number, threads: number): Int32Array {
  return new Int32Array(memory.buffer, control, runOf(threads));
}

/** The chunk functions in an order on which all instances of a module agree. */
export function kernelList(exports: WebAssembly.Exports): ChunkFunction[] {
  return Object.keys(exports)
    .sort()
    .map((name) => exports[name] as ChunkFunction);
}

/** Takes and runs chunks of the current task until none is left, those of the thread's own run first; returns whether there were any. */
export function takeChunks(
  words: Int32Array,
  kernels: readonly ChunkFunction[],
  { worker, threads }: { readonly worker: number; readonly threads: number },
): boolean {
  let took = false;
  for (let other = 0; other < threads; other++) {
    const at = runOf((worker + other) % threads);
    for (;;) {
      const remaining = Atomics.load(words, at + run.remaining);
      if (remaining === 0) break;
      if (Atomics.compareExchange(words, at + run.remaining, remaining, remaining - 1) !== remaining) continue;
      took = true;
      const total = Atomics.load(words, word.total);
      try {
        kernels[words[word.kernel]](words[word.args] >>> 0, words[at + run.end] - remaining, worker);
      } catch {
        Atomics.store(words, word.failed, 1);
      }
      if (Atomics.add(words, word.done, 1) + 1 === total) Atomics.notify(words, word.done);
    }
  }
  return took;
}
