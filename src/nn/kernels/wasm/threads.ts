/**
 * A pool of threads for chunk functions. Every thread has its own instance of the same module over one shared memory; a task is
 * a name, an argument pointer and a number of chunks, and threads take chunks from a common counter until none is left.
 * The calling thread takes part.
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
 */

import type { ChunkFunction, Dispatcher, LoadedModule } from "./engine.js";
import { poolControl } from "./memory.js";

export const word = { remaining: 0, total: 1, kernel: 2, args: 3, done: 4, failed: 5 } as const;

/** How often a thread looks before it sleeps: about 0.1 ms, longer than the gap between two kernels of a training step. */
export const looks = 10000;

/** What a thread is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** 1, 2, ...; the calling thread is 0. */
  readonly worker: number;
}

/** The words of the pool. A shared buffer that grows keeps old views valid. */
export function poolWords(memory: WebAssembly.Memory): Int32Array {
  return new Int32Array(memory.buffer, poolControl.pointer, 16);
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

/** How many threads the machine offers, and whether memory can be shared between them. */
export async function availableThreads(): Promise<number> {
  if (!canShareMemory()) return 1;
  if (isNode()) {
    const { availableParallelism } = await import("node:os");
    return availableParallelism();
  }
  return Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1);
}

/** Browsers share memory only with pages that are cross-origin isolated (COOP and COEP headers). */
function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  return isNode() || (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
}

export function isNode(): boolean {
  return typeof process === "object" && typeof process.versions?.node === "string";
}

/** Starts threads - 1 threads beside the calling one. They do not keep a Node process alive. */
export async function createThreadPool(loaded: LoadedModule, threads: number): Promise<Dispatcher> {
  const { memory } = loaded.memory;
  const starts = Array.from({ length: threads - 1 }, (_, i) => ({ module: loaded.module, memory, worker: i + 1 }));
  await Promise.all(starts.map(isNode() ? startNodeThread : startBrowserThread));

  const words = poolWords(memory);
  const indexOf = new Map(
    Object.keys(loaded.kernels)
      .sort()
      .map((name, index) => [name, index]),
  );
  const kernels = kernelList(loaded.kernels as unknown as WebAssembly.Exports);
  const maySleep = canSleep(words);
  return {
    workers: threads,
    parallel(name, args, chunks) {
      if (chunks <= 0) return;
      const index = indexOf.get(name);
      if (index === undefined)
        throw new Error(`the module has no kernel named ${name}; is build/ older than the sources?`);
      if (chunks === 1) {
        kernels[index](args, 0, 0);
        return;
      }
      words[word.kernel] = index;
      words[word.args] = args;
      Atomics.store(words, word.total, chunks);
      Atomics.store(words, word.done, 0);
      Atomics.store(words, word.remaining, chunks);
      Atomics.notify(words, word.remaining, chunks - 1);
      takeChunks(words, kernels, 0);
      for (let looked = 0, done = 0; done < chunks; done = Atomics.load(words, word.done)) {
        if (++looked > looks && maySleep) Atomics.wait(words, word.done, done);
      }
      if (Atomics.exchange(words, word.failed, 0) === 1) {
        throw new Error(`${name}: a chunk failed on one of ${threads} threads; its results are incomplete`);
      }
    },
  };
}

function canSleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, word.done, -1, 0); // The word is never -1: returns at once where waiting is allowed.
    return true;
  } catch {
    return false;
  }
}

async function startNodeThread(start: WorkerStart): Promise<void> {
  const { Worker } = await import("node:worker_threads");
  const thread = new Worker(new URL("../../../../dist/nn/kernels/wasm/worker.js", import.meta.url), {
    workerData: start,
    execArgv: [],
  });
  await new Promise<void>((resolve, reject) => {
    thread.once("message", () => resolve());
    thread.once("error", (cause) => {
      reject(new Error("starting a thread failed; was the package built (npm run build)?", { cause }));
    });
  });
  thread.unref();
}

async function startBrowserThread(start: WorkerStart): Promise<void> {
  const thread = new Worker(new URL("../../../../dist/nn/kernels/wasm/worker.js", import.meta.url), { type: "module" });
  await new Promise<void>((resolve, reject) => {
    thread.onmessage = () => resolve();
    thread.onerror = (event) => reject(new Error(`starting a thread failed: ${event.message}`));
    thread.postMessage(start);
  });
}
