/**
 * A pool of threads for chunk functions, the part of the calling thread: it starts the others, hands out tasks and takes
 * part in them. How the pool works is told in pool.ts.
 *
 * The calling thread runs ahead of the others: it hands tasks out and goes on in JavaScript, and takes part in them when enough wait,
 * or when it wants to look at the memory. So the others compute while it prepares what follows.
 */
import { isNode, nodeModule } from "../../../../host.js";
import { type ChunkFunction, createSerialDispatcher, type Dispatcher, type LoadedModule } from "../engine.js";
import { poolControl } from "../memory.js";
import { isFree, kernelList, type Member, poolWords, post, takePart, type WorkerStart, waiting, word } from "./pool.js";

/** The script of a thread: an address of stylegan-worker.js, or a function that starts a worker with it. */
export type WorkerSource = string | URL | (() => Worker);

/** How many threads the machine offers; 1 where memory cannot be shared between them. */
export function availableThreads(): number {
  if (!canShareMemory()) return 1;
  if (isNode()) return nodeModule("os").availableParallelism();
  return Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1);
}

/** Browsers share memory only with pages that are cross-origin isolated (COOP and COEP headers). */
function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  return isNode() || (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
}

/** A thread that runs, and how to end it. */
interface Thread {
  end(): void;
}

/**
 * Starts threads - 1 threads beside the calling one. They do not keep a Node process alive.
 *
 * @throws Error when one of them cannot be started; then none is left
 */
export async function createThreadPool(
  loaded: LoadedModule,
  threads: number,
  script?: WorkerSource,
): Promise<Dispatcher> {
  const { memory } = loaded.memory;
  const control = poolControl.pointer;
  const started = await Promise.allSettled(
    Array.from({ length: threads - 1 }, (_, index) =>
      startThread({ module: loaded.module, memory, control, worker: index + 1, threads }, script),
    ),
  );
  const others = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failure = started.find((result) => result.status === "rejected");
  if (failure !== undefined) {
    for (const thread of others) thread.end();
    throw failure.reason;
  }
  return dispatcherOf(loaded, others);
}

/** Tasks that wait for their turn while the calling thread stays in JavaScript. */
const tasksAhead = 16;

function dispatcherOf(loaded: LoadedModule, others: Thread[]): Dispatcher {
  const threads = others.length + 1;
  const words = poolWords(loaded.memory.memory, poolControl.pointer, threads);
  const names = Object.keys(loaded.kernels).sort();
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const kernels: readonly ChunkFunction[] = kernelList(loaded.kernels as unknown as WebAssembly.Exports);
  const self: Member = { words, kernels, worker: 0, threads, maySleep: canSleep(words) };
  const isAhead = () => waiting(words) < tasksAhead;
  const hasEnded = () => isFree(words);
  const alone = createSerialDispatcher(loaded);
  let isAlone = others.length === 0;
  const settle = (): void => {
    takePart(self, hasEnded);
    const failed = Atomics.exchange(words, word.failed, 0);
    if (failed > 0) {
      throw new Error(`${names[failed - 1]}: a chunk failed on one of ${threads} threads; its results are incomplete`);
    }
  };
  return {
    workers: threads,
    parallel(name, args, chunks) {
      if (chunks <= 0) return;
      const index = indexOf.get(name);
      if (index === undefined)
        throw new Error(`the module has no kernel named ${name}; is build/ older than the sources?`);
      if (isAlone) return alone.parallel(name, args, chunks);
      if (Atomics.load(words, word.failed) > 0) settle();
      post(words, threads, index, args, chunks);
      takePart(self, isAhead);
    },
    settle,
    dispose() {
      try {
        settle();
      } finally {
        isAlone = true;
        for (const thread of others.splice(0)) thread.end();
      }
    },
  };
}

function canSleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, word.busy, -1, 0); // The word is never -1: returns at once where waiting is allowed.
    return true;
  } catch {
    return false;
  }
}

/** A machine that is this slow to start a thread is better off without. */
const PATIENCE_MS = 20_000;

/** Resolves when the thread has said that it is ready. */
async function startThread(start: WorkerStart, script: WorkerSource | undefined): Promise<Thread> {
  const thread = isNode() && typeof script !== "function" ? nodeThread(start, script) : webThread(start, script);
  const { listen, end } = await thread;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      listen(resolve, reject);
      timer = setTimeout(() => reject(new Error(`it did not answer for ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    });
    return { end };
  } catch (error) {
    end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A thread on its way, whichever kind it is: who hears that it is ready or has failed, and how to end it. */
interface StartingThread extends Thread {
  listen(ready: () => void, failed: (reason: Error) => void): void;
}

async function nodeThread(start: WorkerStart, script: string | URL | undefined): Promise<StartingThread> {
  const { Worker } = nodeModule("worker_threads");
  const options = { workerData: start, execArgv: [] };
  const worker =
    script === undefined ? new Worker(await bundledScript(), { ...options, eval: true }) : new Worker(script, options);
  return {
    listen(ready, failed) {
      worker.once("message", () => {
        worker.unref();
        ready();
      });
      worker.once("error", failed);
      worker.once("exit", () => failed(new Error("it ended before it was ready")));
    },
    end: () => void worker.terminate(),
  };
}

async function webThread(start: WorkerStart, script: WorkerSource | undefined): Promise<StartingThread> {
  const worker = typeof script === "function" ? script() : new Worker(script ?? (await bundledAddress()));
  return {
    listen(ready, failed) {
      worker.onmessage = () => ready();
      worker.onerror = (event) => {
        event.preventDefault?.(); // It is told below, in words.
        failed(new Error(event.message ?? "the browser did not start it"));
      };
      worker.postMessage(start);
    },
    end: () => worker.terminate(),
  };
}

async function bundledScript(): Promise<string> {
  return (await import("../generated/worker.js")).workerScript;
}

/** The script as an address of this page's own, one for all threads. */
let address: Promise<string> | undefined;
function bundledAddress(): Promise<string> {
  address ??= bundledScript().then((text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  return address;
}
