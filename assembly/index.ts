/** Everything that the module exports. Each name has a case in tests/support/kernelCases/. */
export { biasAct, biasActGrad } from "./elementwise/biasAct";
export { layerEnd, layerEndGrad } from "./elementwise/layerEnd";
export {
  blockedFir, blockedToImage, blockedToPlanar, convBlocked, convInPlace, convToImage, imageVectors, inPlaceSeams, inverseNorms,
  layerVectors, multiplyPanels, planarToBlocked, prepareWeights, sumOfSquares, transposedBlocked, transposedSeams,
} from "./fused/index";
export { convTiles } from "./conv/direct";
export { convWeightGradTiles } from "./conv/weightGrad";
export * from "./elementwise/maps";
export { matmulTiles } from "./gemm/matmul";
export { matmulDots } from "./gemm/small";
export * from "./elementwise/normal";
export { packPanel } from "./gemm/pack";
export { matmulRows } from "./gemm/rows";
export * from "./elementwise/reduce";
export { planarConv } from "./conv/transformed";
export { weightGradSums, weightsFromPoints } from "./conv/transformedWeightGrad";
export * from "./elementwise/strided";
export * from "./elementwise/updates";
export { upfirdn2dAny, upfirdn2dSeparable } from "./resample/upfirdn2d";
