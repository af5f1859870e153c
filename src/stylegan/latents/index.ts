/** What is done with latents: paths between them, directions, edits, and the way from an image back to its w. */
export { type Directions, directionArrays, readDirections } from "./directionFile.js";
export {
  layersOfWs,
  type PcaDirections,
  type PcaOptions,
  pcaDirections,
  type SefaOptions,
  sefaDirections,
} from "./directions.js";
export { applyEdits, editOffset, editStyles, type LatentEdit, type StyleEdit, styleLayers } from "./edits.js";
export { growthImages } from "./growthImages.js";
export {
  type Curve,
  type InterpolationKind,
  type InterpolationOptions,
  interpolate,
  interpolationKinds,
  type Keys,
  slerp,
  slerpUnit,
} from "./interpolation.js";
export {
  type LatentGeometry,
  latentArrays,
  noiseLayers,
  noiseMap,
  readLatents,
  type StoredLatents,
  setNoise,
} from "./latentFile.js";
export { type StyleRangeName, styleRange, styleRangeNames, takeStyles } from "./mixing.js";
export { noiseCorrelation } from "./projection/noiseTerm.js";
export {
  discriminatorPerception,
  type FeatureFunction,
  lpipsPerception,
  type Perception,
  pixelPerception,
  pyramidPerception,
  squaredDistance,
} from "./projection/perception.js";
export { PivotalTuner } from "./projection/pivotalTuning.js";
export {
  learningRateAt,
  type ProjectionReport,
  Projector,
  type ProjectorOptions,
  wNoiseFactorAt,
  wStatistics,
} from "./projection/projector.js";
export { decodeProjectionState, encodeProjectionState, type ProjectionState } from "./projection/state.js";
export { truncateLayers } from "./truncation.js";
export { circle, crossOver, type Easing, ease, easings, sweep, swing, type Walk } from "./walks.js";
