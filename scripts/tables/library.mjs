/** All that the tables use of the compiled library, in one place (npm run build makes it). */
export { openImages } from "../../dist/cli/datasetFiles.js";
export { readStats } from "../../dist/cli/trainFiles.js";
export { generateImages } from "../../dist/cli/trainImages.js";
export { FrechetMetric, openClassifier } from "../../dist/cli/trainMetric.js";
export { resumeRun, trainLoop } from "../../dist/cli/trainRun.js";
export { buildRun, defineRun, openDataset, seedsOf } from "../../dist/cli/trainSetup.js";
export { decodePixels } from "../../dist/formats/png.js";
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
export { slice } from "../../dist/nn/index.js";
export { featureStatistics, frechetDistance, precisionRecall } from "../../dist/stylegan/metrics.js";
export { networkPreset } from "../../dist/stylegan/presets.js";
export { lodOf } from "../../dist/stylegan/progressive.js";
export { pathLengthPenalty } from "../../dist/stylegan/regularizers.js";
