/** ONNX Runtime in WebAssembly, in Node.js; the same code and kernels as in a browser. */
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

export async function load({ onnx, threads, shape, ws: wsData }) {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(readFileSync(onnx), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const feeds = { ws: new ort.Tensor("float32", wsData, shape) };
  let img;
  return {
    versions: { "onnxruntime-web": ort.env.versions.web ?? ort.env.versions.common },
    detail: { threads: ort.env.wasm.numThreads },
    run: async () => {
      ({ img } = await session.run(feeds));
    },
    output: () => ({ data: img.data, shape: img.dims }),
  };
}
