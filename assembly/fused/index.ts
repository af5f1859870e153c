/**
 * The fused layers of `src/nn/kernels/wasm/fused/layers.ts`: chunk functions on activations in the blocked layout (job.ts).
 */
export { convBlocked } from "./conv";
export { blockedFir } from "./fir";
export { multiplyPanels } from "../gemm/panels";
export { blockedToPlanar, planarToBlocked } from "./layout";
export { layerVectors } from "./epilogue";
export { blockedToImage, convToImage, imageVectors } from "./image";
export { inverseNorms, prepareWeights, sumOfSquares } from "./weights";
export { transposedBlocked, transposedSeams } from "./upConv";
export { convInPlace, inPlaceSeams } from "./inPlace";
