/** PyTorch's training step. */
import { startTorch } from "../lib/torchProcess.mjs";

export async function load({ python, threads, steps, ...task }) {
  const ask = startTorch(python, threads);
  const { versions, detail } = await ask({ kind: "load", threads, ...task });
  const checked = await ask({ kind: "check" });
  return {
    versions,
    detail,
    run: async () => (await ask({ kind: "run", steps })).steps,
    output: () => checked,
    peakRssMb: async () => (await ask({ kind: "stats" })).peakRssMb,
  };
}
