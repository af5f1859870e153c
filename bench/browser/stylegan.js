/** This library in a worker, through its public entry. */
import { init, loadCheckpoint, scope, Tensor } from "../../dist/index.js";
import { activeKernels } from "../../dist/nn/backend.js";
import { answerWith } from "./answer.js";

answerWith(async ({ native, threads, ws: numbers, shape }) => {
  await init({ threads });
  const { gEma } = await loadCheckpoint(native, { networks: ["gEma"] });
  const ws = Tensor.from(Float32Array.from(numbers), shape);
  let images;
  return {
    detail: `${activeKernels().name}, ${activeKernels().threads} thread(s)`,
    run: () => {
      images = scope(() => gEma.synthesis.forward(ws, { noiseMode: "const" }).toArray());
    },
    output: () => images,
  };
});
