/** What the page uses of the package: the only file that knows where it is. */

export {
  ApngEncoder,
  bytesSource,
  GifEncoder,
  readZipDirectory,
  readZipEntry,
} from "../../../dist/formats/index.js";
export {
  type AnyGenerator,
  encodePng,
  grad,
  init,
  loadCheckpoint,
  NoiseGenerator,
  noGrad,
  RandomState,
  type SynthesisState,
  scope,
  seedsToZ,
  Tensor,
  toPixels,
  variable,
} from "../../../dist/index.js";
export { interpolate, Projector, readDirections } from "../../../dist/stylegan/latents/index.js";
export {
  augment,
  augmentPipelines,
  buildRun,
  drawAugmentation,
  ImageDataset,
  momentOf,
  networkPreset,
  type Phase,
  pathLengthPenalty,
  type Run,
  readTrainingState,
  restoreTraining,
  runStep,
  type StepReport,
  snapshotTraining,
  trainingStateChunks,
  trainingStep,
} from "../../../dist/stylegan/training/index.js";
