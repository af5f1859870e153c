/** Features of images, and distances between sets of them. */
export {
  Classifier,
  type ClassifierConfig,
  crossEntropy,
  decodeClassifier,
  encodeClassifier,
} from "./classifier.js";
export { type SymmetricEigen, symmetricEigen } from "./eigen.js";
export {
  type FeatureStatistics,
  type Features,
  featureStatistics,
  frechetDistance,
  kernelDistance,
  perceptualPathLength,
  precisionRecall,
} from "./metrics.js";
