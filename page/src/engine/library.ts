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
  mixStyles,
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
export {
  Adam,
  add,
  addScalar,
  downsample2d,
  initialContents,
  mean,
  reshape,
  scale,
  setupFilter,
  sqrt,
  square,
  sub,
  upsample2d,
} from "../../../dist/nn/index.js";
export { adain, instanceNorm } from "../../../dist/stylegan/adain.js";
export { interpolate, Projector, readDirections, sefaDirections } from "../../../dist/stylegan/latents/index.js";
export { MinibatchStdLayer } from "../../../dist/stylegan/minibatchStd.js";
export { modulatedConv2d } from "../../../dist/stylegan/modulatedConv2d.js";
export {
  augment,
  augmentPipelines,
  buildRun,
  Discriminator,
  drawAugmentation,
  Generator,
  ImageDataset,
  imagesAtLod,
  lazyRegularization,
  momentOf,
  networkGeometry,
  networkPreset,
  type Phase,
  pathLengthPenalty,
  type Run,
  r1Penalty,
  readTrainingState,
  restoreTraining,
  runStep,
  type StepReport,
  snapshotTraining,
  trainingStateChunks,
  trainingStep,
} from "../../../dist/stylegan/training/index.js";
