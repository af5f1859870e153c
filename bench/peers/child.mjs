/**
 * A process with one peer in it. It answers its parent over IPC, one request at a time, so that peers can take turns:
 *
 *   load    { task: PeerTask }  -> versions, and how long each step took until the first image was there
 *   run                         -> { ms, result } of one batch of images, timed here
 *   output                      -> { data, shape } of the last images, NCHW
 *   stats                       -> { peakRssMb } of the whole process, from its start, or of the one it speaks for
 *
 * It ends when the parent lets go of it.
 *
 * @typedef {object} PeerTask
 * @property {string} module      file name beside this one; it exports load(task)
 * @property {string} native      path of the network in the native format
 * @property {string} onnx        path of its synthesis part as ONNX
 * @property {number} threads
 * @property {Float32Array} ws    the input, of `shape` [N, numWs, wDim]
 * @property {number[]} shape
 * @property {number} resolution of the images
 * @property {string} python      for PyTorch
 * @property {boolean | "auto"} wide  256-bit vectors, where the peer and the engine have them
 */
import { performance } from "node:perf_hooks";

let peer;

async function load(task) {
  const startedAt = performance.now(); // counted from the start of the process
  const { load: loadPeer } = await import(new URL(task.module, import.meta.url).href);
  const importedAt = performance.now();
  peer = await loadPeer(task);
  const loadedAt = performance.now();
  await peer.run();
  const firstImageAt = performance.now();
  return {
    versions: { node: process.versions.node, v8: process.versions.v8, ...peer.versions },
    detail: peer.detail,
    firstImageAt: performance.timeOrigin + firstImageAt,
    startMs: {
      process: startedAt,
      import: importedAt - startedAt,
      load: loadedAt - importedAt,
      firstImage: firstImageAt - loadedAt,
    },
  };
}

const answers = {
  load: ({ task }) => load(task),
  run: async () => {
    const from = performance.now();
    const result = await peer.run();
    return { ms: performance.now() - from, result };
  },
  output: () => peer.output(),
  stats: async () => ({ peakRssMb: (await peer.peakRssMb?.()) ?? process.resourceUsage().maxRSS / 1024 }),
};

process.on("disconnect", () => process.exit(0));
process.on("message", async (request) => {
  try {
    process.send({ kind: request.kind, ...(await answers[request.kind](request)) });
  } catch (error) {
    process.send({ kind: "error", message: String(error?.stack ?? error) });
  }
});
