/** Starts a worker for each peer and hands requests on: `peers.load`, `peers.run`, `peers.output`, from puppeteer. */
const makers = {
  stylegan: () => new Worker(new URL("./stylegan.js", import.meta.url), { type: "module" }),
  before: () => new Worker(new URL("./before.js", import.meta.url), { type: "module" }),
  "onnxruntime-web": () => new Worker(new URL("./onnxruntime.js", import.meta.url), { type: "module" }),
};
const workers = new Map();

function ask(name, request) {
  const worker = workers.get(name);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data) : reject(new Error(data.error)));
    worker.onerror = (event) => reject(new Error(event.message || "the worker failed"));
    worker.postMessage(request);
  });
}

globalThis.peers = {
  load: (name, task) => {
    workers.set(name, makers[name]());
    return ask(name, { kind: "load", task });
  },
  run: (name) => ask(name, { kind: "run" }),
  /** Of the last images: largest value, and largest difference from those of the first peer. */
  async compare(names) {
    const outputs = [];
    for (const name of names) outputs.push((await ask(name, { kind: "output" })).output);
    const largest = outputs[0].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return outputs.map((output) => {
      if (output.length !== outputs[0].length) return Number.NaN;
      return output.reduce((worst, value, k) => Math.max(worst, Math.abs(value - outputs[0][k])), 0) / largest;
    });
  },
  stop() {
    for (const worker of workers.values()) worker.terminate();
    workers.clear();
  },
};
