/** This library's training step. The task: TrainingTask of training.mjs. */
import { readFileSync } from "node:fs";
import { activeKernels } from "../../dist/nn/backend.js";
import { TrainingRun } from "../lib/trainingRun.mjs";

export async function load({ file, cutoff, size, batch, threads, wide, steps }) {
  const run = await TrainingRun.start({ size, batch, threads, wide, file });
  const checked = run.check(file, { cutoff });
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return {
    versions: { stylegan: version },
    detail: { kernels: activeKernels().name, threads: activeKernels().threads },
    run: () => run.turn(steps),
    output: () => checked,
  };
}
