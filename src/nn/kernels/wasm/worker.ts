/**
 * The program of one thread of the pool: instantiate the module, then take chunks whenever there are some. It becomes a
 * script of its own, together with pool.ts and nothing else (scripts/build/wasm.mjs); nobody imports this file.
 */
import { kernelList, looks, poolWords, run, runOf, takeChunks, type WorkerStart } from "./pool.js";

function serve(start: WorkerStart, ready: () => void): never {
  const { memory, control, worker, threads } = start;
  const instance = new WebAssembly.Instance(start.module, { env: { memory } });
  const kernels = kernelList(instance.exports);
  const words = poolWords(memory, control, threads);
  const own = runOf(worker);
  ready();
  for (let idle = 0; ; ) {
    if (takeChunks(words, kernels, start)) {
      idle = 0;
    } else if (++idle > looks) {
      Atomics.store(words, own + run.asleep, 1);
      Atomics.wait(words, own + run.remaining, 0);
      Atomics.store(words, own + run.asleep, 0);
      idle = 0;
    }
  }
}

// A thread of Node is given its start as it begins; one of a page hears of it in a message.
const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
if (threads !== undefined && threads.parentPort !== null) {
  const { parentPort, workerData } = threads;
  serve(workerData as WorkerStart, () => parentPort.postMessage("ready"));
} else {
  addEventListener("message", (event: MessageEvent<WorkerStart>) => serve(event.data, () => postMessage("ready")), {
    once: true,
  });
}
