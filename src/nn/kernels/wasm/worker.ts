/** The program of one thread of the pool (threads.ts): instantiate the module, then take chunks whenever there are some. */
import { isNode, kernelList, looks, poolWords, takeChunks, type WorkerStart, word } from "./threads.js";

function serve({ module, memory, worker }: WorkerStart, ready: () => void): never {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = kernelList(instance.exports);
  const words = poolWords(memory);
  ready();
  for (let idle = 0; ; ) {
    if (takeChunks(words, kernels, worker)) {
      idle = 0;
    } else if (++idle > looks) {
      Atomics.wait(words, word.remaining, 0);
      idle = 0;
    }
  }
}

if (isNode()) {
  const { parentPort, workerData } = await import("node:worker_threads");
  serve(workerData as WorkerStart, () => parentPort?.postMessage("ready"));
} else {
  addEventListener("message", (event: MessageEvent<WorkerStart>) => serve(event.data, () => postMessage("ready")), {
    once: true,
  });
}
