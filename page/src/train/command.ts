/** The `stylegan train` line of a run of this page: the same numbers, step by step. */
import type { TrainOptions } from "../engine/protocol.js";

export const usualTraining: TrainOptions = {
  seed: 1,
  size: 32,
  batch: 16,
  learningRate: 0.004,
  r1Gamma: 0.5,
  plWeight: 2,
  mixing: 0.9,
  ada: false,
  generatorArchitecture: "skip",
  discriminatorArchitecture: "resnet",
};

export function trainCommand(options: TrainOptions): string {
  const { seed, size, batch, learningRate, r1Gamma, plWeight, mixing, ada } = options;
  return [
    "stylegan train --data faces16.zip --outdir runs/faces16 --cfg auto",
    `--channel-base ${16 * size} --channel-max ${size} --z-dim ${size} --w-dim ${size} --map-layers 2`,
    `--batch ${batch} --lr ${learningRate} --gamma ${r1Gamma} --pl-weight ${plWeight} --mixing-prob ${mixing}`,
    `--aug ${ada ? "ada" : "noaug"} --g-arch ${options.generatorArchitecture} --d-arch ${options.discriminatorArchitecture} --seed ${seed}`,
  ].join(" ");
}
