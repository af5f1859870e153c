/** This library, through its public entry. */
import { readFileSync } from "node:fs";
import { init, loadCheckpoint, scope, Tensor } from "../../dist/index.js";
import { activeKernels } from "../../dist/nn/backend.js";

export async function load({ native, threads, shape, ws: wsData, wide }) {
  await init({ threads, wide });
  const { gEma } = await loadCheckpoint(native, { networks: ["gEma"] });
  const ws = Tensor.from(wsData, shape);
  let images;
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return {
    versions: { stylegan: version },
    detail: { kernels: activeKernels().name, threads: activeKernels().threads },
    run: () => {
      // What a caller gets: numbers on the JavaScript heap.
      images = scope(() => gEma.synthesis.forward(ws, { noiseMode: "const" }).toArray());
    },
    output: () => ({ data: images, shape: [shape[0], gEma.imgChannels, gEma.imgResolution, gEma.imgResolution] }),
  };
}
