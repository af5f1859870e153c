/** Features of images, and distances between sets of them. */
export {
  Classifier,
  type ClassifierConfig,
  crossEntropy,
  decodeClassifier,
  encodeClassifier,
} from "./classifier.js";
export { type SymmetricEigen, symmetricEigen, symmetricEigenvalues } from "./eigen.js";
export { INCEPTION_CLASSES, INCEPTION_FEATURES, INCEPTION_SIDE, InceptionV3 } from "./inception.js";
export { type InceptionScore, inceptionScore } from "./inceptionScore.js";
export { type SubsetDistanceOptions, subsetKernelDistance } from "./kid.js";
export { Lpips } from "./lpips.js";
export {
  type FeatureStatistics,
  type Features,
  featureStatistics,
  frechetDistance,
  kernelDistance,
  perceptualPathLength,
  precisionRecall,
} from "./metrics.js";
export { type PathOptions, pathDistances } from "./ppl.js";
export { type ManifoldOptions, manifoldPrecisionRecall } from "./precisionRecall.js";
export { type ImagePixels, inceptionInput, type ResizeMode, resizeModes } from "./resize.js";
export { VGG_CHANNELS, Vgg16 } from "./vgg.js";
export { type NamedTensors, readWeights, type WeightsSource } from "./weights.js";
