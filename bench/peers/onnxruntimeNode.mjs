/** ONNX Runtime, native (its MLAS kernels), from npm. */
import ort from "onnxruntime-node";

export async function load({ onnx, threads, shape, ws: wsData }) {
  const session = await ort.InferenceSession.create(onnx, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = { ws: new ort.Tensor("float32", wsData, shape) };
  let img;
  return {
    versions: { "onnxruntime-node": ort.env.versions.node ?? ort.env.versions.common },
    detail: { threads },
    run: async () => {
      ({ img } = await session.run(feeds));
    },
    output: () => ({ data: img.data, shape: img.dims }),
  };
}
