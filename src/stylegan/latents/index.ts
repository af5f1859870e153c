/** What is done with latents: the way from an image back to its w. */
export {
  type FeatureFunction,
  learningRateAt,
  noiseCorrelation,
  type ProjectionReport,
  Projector,
  type ProjectorOptions,
} from "./projector.js";
