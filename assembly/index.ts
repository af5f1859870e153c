/** Everything that the module exports. Each name has a case in tests/support/kernelCases.ts. */
export { biasAct, biasActGrad } from "./biasAct";
export {
  blockedFir, blockedToImage, blockedToPlanar, convBlocked, convInPlace, dcoefsFromSquares, inPlaceSeams, multiplyPanels,
  planarToBlocked, prepareWeights, sumOfSquares, transposedBlocked, transposedSeams,
} from "./blocked";
export { convTiles } from "./conv";
export { convWeightGradTiles } from "./convWeightGrad";
export {
  affine, fill, unaryAbs, unaryNeg, unaryReciprocal, unaryRsqrt, unarySign, unarySqrt, unarySquare, unaryStep,
} from "./elementwise";
export { matmulTiles } from "./matmul";
export { matmulDots, matmulRows } from "./matmulSmall";
export { normal } from "./normal";
export { packPanel } from "./pack";
export { dcoefs, rowDots, sumColumns, sumRows } from "./reduce";
export { planarConv } from "./planarConv";
export { weightGradSums, weightsFromPoints } from "./pointsWeightGrad";
export {
  binaryAdd, binaryDiv, binaryGreater, binaryMax, binaryMin, binaryMul, binarySub, stridedCopy,
} from "./strided";
export { adam, lerp } from "./updates";
export { upfirdn2dAny, upfirdn2dSeparable } from "./upfirdn2d";
