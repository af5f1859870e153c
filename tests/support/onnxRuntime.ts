/** ONNX Runtime (its WebAssembly build) on plain arrays, for tests. */
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export interface Numbers {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface OnnxModel {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  run(inputs: Readonly<Record<string, Numbers>>): Promise<Record<string, Numbers>>;
}

/** Loads a model; fails when the runtime finds it malformed. `release` it when done. */
export async function withOnnxModel<T>(bytes: Uint8Array, use: (model: OnnxModel) => Promise<T>): Promise<T> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  try {
    return await use({
      inputs: session.inputNames,
      outputs: session.outputNames,
      run: async (inputs) => {
        const feeds: Record<string, ort.Tensor> = {};
        for (const [name, { data, shape }] of Object.entries(inputs)) feeds[name] = new ort.Tensor(data, shape);
        const results = await session.run(feeds);
        const numbers: Record<string, Numbers> = {};
        for (const [name, { data, dims }] of Object.entries(results)) {
          if (!(data instanceof Float32Array)) throw new TypeError(`output ${name} is not float32`);
          numbers[name] = { data, shape: dims };
        }
        return numbers;
      },
    });
  } finally {
    await session.release();
  }
}
