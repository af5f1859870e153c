/** All that the tables use of the compiled library, in one place (npm run build makes it). */
export { openImages } from "../../dist/cli/images/datasetFiles.js";
export { readStats } from "../../dist/cli/train/files.js";
export { generateImages } from "../../dist/cli/train/images.js";
export { FrechetMetric, openClassifier } from "../../dist/cli/train/metric.js";
export { resumeRun, trainLoop } from "../../dist/cli/train/run.js";
export { defineRun, openDataset } from "../../dist/cli/train/setup.js";
export { decodePixels } from "../../dist/formats/image/png.js";
export {
  encodePng,
  imageGrid,
  init,
  loadCheckpoint,
  NoiseGenerator,
  noGrad,
  RandomState,
  scope,
  Tensor,
} from "../../dist/index.js";
export { activeKernels } from "../../dist/nn/backend.js";
export { featureStatistics, frechetDistance, precisionRecall } from "../../dist/stylegan/evaluation/metrics.js";
export { buildRun } from "../../dist/stylegan/training/index.js";
export { networkPreset } from "../../dist/stylegan/training/presets.js";
export { pathLengthPenalty } from "../../dist/stylegan/training/regularizers.js";
export { lodOf, momentAt, setLod } from "../../dist/stylegan/training/schedule.js";
export { trainingStep } from "../../dist/stylegan/training/step.js";
