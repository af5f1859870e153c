/** Training: presets, states, steps, latents, losses, regularisers, augmentation, data sets. */

export {
  type AdaOptions,
  type AugmentDraws,
  type AugmentOptions,
  type AugmentPipeline,
  adjustP,
  augment,
  augmentPipelines,
  drawAugmentation,
} from "../augment/pipeline.js";
export {
  type AnyDiscriminatorConfig,
  type AnyGeneratorConfig,
  type Architecture,
  architectures,
  type NetworkConfig,
} from "../config.js";
export { Discriminator } from "../discriminator.js";
export { Generator } from "../generator.js";
export { createNetworks, type GeometryOptions, type NetworkGeometry, networkGeometry } from "../geometry.js";
export { type AnyDiscriminator, type AnyGenerator, setTrainable } from "../networks.js";
export {
  DataOrder,
  type DatasetOptions,
  ImageDataset,
  type ImageFile,
  type OrderSnapshot,
} from "./dataset.js";
export { type Labels, labelsByName, parseLabels, readLabels } from "./labels.js";
export { type AdversarialLoss, adversarialLosses, type LossName, lossNames } from "./losses.js";
export { networkPreset, type Preset, type PresetName, type PresetOptions, presetNames } from "./presets.js";
export {
  type Discriminate,
  type GradientPenaltyOptions,
  gradientPenalty,
  type LazyRegularization,
  lazyRegularization,
  type PathLengthOptions,
  type PathLengthResult,
  pathLengthPenalty,
  r1Penalty,
} from "./regularizers.js";
export { buildRun, type Moment, momentOf, type Run, type RunPlan, runStep, seedsOf } from "./run.js";
export { type SamplerOptions, TrainingSampler } from "./sampler.js";
export {
  type ByResolution,
  type GrowingMoment,
  type GrowingSchedule,
  imagesAtLod,
  lodOf,
  momentAt,
  resetsOptimizers,
  resolutionAt,
  setLod,
} from "./schedule.js";
export { restoreTraining, snapshotTraining, type TrainingSnapshot } from "./snapshot.js";
export {
  type AdaSettings,
  copyGenerator,
  type TrainingProgress,
  type TrainingSettings,
  TrainingState,
} from "./state.js";
export { readTrainingState, type SavedState, trainingStateChunks } from "./stateFile.js";
export {
  type LatentDraws,
  NonFiniteLossError,
  type OnGradients,
  type Phase,
  type StepInputs,
  type StepOptions,
  type StepReport,
  trainingStep,
} from "./step.js";
