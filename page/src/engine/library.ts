/**
 * What the page uses of the package. Modules by themselves rather than the entry, so that opening the page does not load the
 * readers of foreign checkpoints; those are in readers.ts.
 */

export {
  ApngEncoder,
  bytesSource,
  GifEncoder,
  readZipDirectory,
  readZipEntry,
} from "../../../dist/formats/index.js";
export type { AnyGenerator, SynthesisState } from "../../../dist/index.js";
export {
  Adam,
  add,
  addScalar,
  downsample2d,
  grad,
  initialContents,
  matmul,
  mean,
  NoiseGenerator,
  noGrad,
  RandomState,
  reshape,
  scale,
  scope,
  setupFilter,
  sqrt,
  square,
  sub,
  sum,
  Tensor,
  upsample2d,
  variable,
} from "../../../dist/nn/index.js";
export { loadKernels as init } from "../../../dist/nn/loading.js";
export { adain, instanceNorm } from "../../../dist/stylegan/adain.js";
export { readNative } from "../../../dist/stylegan/checkpoint/native.js";
export { encodePng, toPixels } from "../../../dist/stylegan/images.js";
export { interpolate, Projector, readDirections, sefaDirections } from "../../../dist/stylegan/latents/index.js";
export { mixStyles } from "../../../dist/stylegan/latents/mixing.js";
export { MinibatchStdLayer } from "../../../dist/stylegan/minibatchStd.js";
export { modulatedConv2d } from "../../../dist/stylegan/modulatedConv2d.js";
export { buildGenerator } from "../../../dist/stylegan/networks.js";
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
