/**
 * The program of one thread of the pool: instantiate the module, then take chunks whenever there are some. It becomes a
 * script of its own, together with pool.ts and nothing else (scripts/build/wasm.mjs); nobody imports this file.
 */
import { kernelList, poolWords, takePart, type WorkerStart } from "./pool.js";

function serve({ module, memory, control, worker, threads }: WorkerStart, ready: () => void): void {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = kernelList(instance.exports);
  const words = poolWords(memory, control, threads);
  ready();
  takePart({ words, kernels, worker, threads, maySleep: true }, () => false);
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
