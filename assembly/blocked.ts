/**
 * The fused layers of `src/nn/kernels/fast.ts`: chunk functions on activations in the blocked layout (blockedJob.ts).
 */
export { convBlocked } from "./blockedConv";
export { blockedFir } from "./blockedFir";
export { multiplyPanels } from "./blockedGemm";
export { blockedToPlanar, planarToBlocked } from "./blockedLayout";
export { blockedToImage } from "./blockedRgb";
export { dcoefsFromSquares, prepareWeights, sumOfSquares } from "./blockedWeights";
export { transposedBlocked, transposedSeams } from "./toom";
export { convInPlace, inPlaceSeams } from "./winoInPlace";
