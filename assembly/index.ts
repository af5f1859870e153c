/** Everything that the module exports. Each name has a case in tests/support/kernelCases.ts. */
export { biasAct, biasActGrad } from "./elementwise/biasAct";
export {
  blockedFir, blockedToImage, blockedToPlanar, convBlocked, convInPlace, inPlaceSeams, inverseNorms, multiplyPanels,
  planarToBlocked, prepareWeights, sumOfSquares, transposedBlocked, transposedSeams,
} from "./fused/index";
export { convTiles } from "./conv/direct";
export { convWeightGradTiles } from "./conv/weightGrad";
export {
  affine, fill, unaryAbs, unaryNeg, unaryReciprocal, unaryRsqrt, unarySign, unarySqrt, unarySquare, unaryStep,
} from "./elementwise/maps";
export { matmulTiles } from "./gemm/matmul";
export { matmulDots, matmulRows } from "./gemm/small";
export { normal } from "./elementwise/normal";
export { packPanel } from "./gemm/pack";
export { rowDots, sumColumns, sumRows } from "./elementwise/reduce";
export { planarConv } from "./conv/transformed";
export { weightGradSums, weightsFromPoints } from "./conv/transformedWeightGrad";
export { binaryAdd, binaryDiv, binaryMul, binarySub, stridedCopy } from "./elementwise/strided";
export { adam, lerp } from "./elementwise/updates";
export { upfirdn2dAny, upfirdn2dSeparable } from "./resample/upfirdn2d";
