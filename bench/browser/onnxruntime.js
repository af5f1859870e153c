/** ONNX Runtime's WebAssembly provider in a worker, with its own files. */
import * as ort from "onnxruntime-web/wasm";
import { answerWith } from "./answer.js";

answerWith(async ({ onnx, runtime, threads, ws: numbers, shape }) => {
  ort.env.wasm.wasmPaths = runtime;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const response = await fetch(onnx);
  const session = await ort.InferenceSession.create(new Uint8Array(await response.arrayBuffer()), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const feeds = { ws: new ort.Tensor("float32", Float32Array.from(numbers), shape) };
  let img;
  return {
    detail: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}, ${ort.env.wasm.numThreads} thread(s)`,
    run: async () => {
      ({ img } = await session.run(feeds));
    },
    output: () => img.data,
  };
});
