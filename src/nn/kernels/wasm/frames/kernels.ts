/** Written by scripts/build/frames.mjs from assembly/: change it there. */
import * as conv from "./conv.js";
import * as elementwise from "./elementwise.js";
import * as fused from "./fused.js";
import * as gemm from "./gemm.js";
import * as resample from "./resample.js";
import type { FrameViews } from "./views.js";

/** What each kernel is told, by its name. */
export interface Frames {
  readonly adam: elementwise.AdamFrame;
  readonly affine: elementwise.MapFrame;
  readonly biasAct: elementwise.BiasActFrame;
  readonly biasActGrad: elementwise.BiasActFrame;
  readonly binaryAdd: elementwise.StridedFrame;
  readonly binaryDiv: elementwise.StridedFrame;
  readonly binaryMul: elementwise.StridedFrame;
  readonly binarySub: elementwise.StridedFrame;
  readonly blockedFir: fused.FirFrame;
  readonly blockedToImage: fused.ImageFrame;
  readonly blockedToPlanar: fused.LayoutFrame;
  readonly convBlocked: fused.JobFrame;
  readonly convInPlace: fused.JobFrame;
  readonly convTiles: conv.ConvFrame;
  readonly convToImage: fused.JobFrame;
  readonly convWeightGradTiles: conv.WeightGradFrame;
  readonly fill: elementwise.MapFrame;
  readonly imageVectors: fused.ImageVectorsFrame;
  readonly inPlaceSeams: fused.JobFrame;
  readonly inverseNorms: fused.InverseNormsFrame;
  readonly layerEnd: elementwise.LayerEndFrame;
  readonly layerEndGrad: elementwise.LayerEndFrame;
  readonly layerVectors: fused.LayerVectorsFrame;
  readonly lerp: elementwise.LerpFrame;
  readonly matmulDots: gemm.DotFrame;
  readonly matmulRows: gemm.RowsFrame;
  readonly matmulTiles: gemm.MatmulFrame;
  readonly multiplyPanels: gemm.ProductFrame;
  readonly normal: elementwise.NormalFrame;
  readonly packPanel: gemm.PackFrame;
  readonly planarConv: conv.PlanarFrame;
  readonly planarToBlocked: fused.LayoutFrame;
  readonly prepareWeights: fused.WeightFrame;
  readonly rowDots: elementwise.RowDotsFrame;
  readonly stridedCopy: elementwise.StridedFrame;
  readonly sumColumns: elementwise.SumFrame;
  readonly sumOfSquares: fused.SquaresFrame;
  readonly sumRows: elementwise.SumFrame;
  readonly transposedBlocked: fused.JobFrame;
  readonly transposedSeams: fused.JobFrame;
  readonly unaryAbs: elementwise.MapFrame;
  readonly unaryNeg: elementwise.MapFrame;
  readonly unaryReciprocal: elementwise.MapFrame;
  readonly unaryRsqrt: elementwise.MapFrame;
  readonly unarySign: elementwise.MapFrame;
  readonly unarySqrt: elementwise.MapFrame;
  readonly unarySquare: elementwise.MapFrame;
  readonly unaryStep: elementwise.MapFrame;
  readonly upfirdn2dAny: resample.AnyFilterFrame;
  readonly upfirdn2dSeparable: resample.SeparableFrame;
  readonly weightGradSums: conv.SumsFrame;
  readonly weightsFromPoints: conv.WeightsFrame;
}

/** How it is written to memory: from word `at` on; returns the word behind. */
export const frameWriters: {
  readonly [K in keyof Frames]: (views: FrameViews, at: number, frame: Frames[K]) => number;
} = {
  adam: elementwise.writeAdam,
  affine: elementwise.writeMap,
  biasAct: elementwise.writeBiasAct,
  biasActGrad: elementwise.writeBiasAct,
  binaryAdd: elementwise.writeStrided,
  binaryDiv: elementwise.writeStrided,
  binaryMul: elementwise.writeStrided,
  binarySub: elementwise.writeStrided,
  blockedFir: fused.writeFir,
  blockedToImage: fused.writeImage,
  blockedToPlanar: fused.writeLayout,
  convBlocked: fused.writeJob,
  convInPlace: fused.writeJob,
  convTiles: conv.writeConv,
  convToImage: fused.writeJob,
  convWeightGradTiles: conv.writeWeightGrad,
  fill: elementwise.writeMap,
  imageVectors: fused.writeImageVectors,
  inPlaceSeams: fused.writeJob,
  inverseNorms: fused.writeInverseNorms,
  layerEnd: elementwise.writeLayerEnd,
  layerEndGrad: elementwise.writeLayerEnd,
  layerVectors: fused.writeLayerVectors,
  lerp: elementwise.writeLerp,
  matmulDots: gemm.writeDot,
  matmulRows: gemm.writeRows,
  matmulTiles: gemm.writeMatmul,
  multiplyPanels: gemm.writeProduct,
  normal: elementwise.writeNormal,
  packPanel: gemm.writePack,
  planarConv: conv.writePlanar,
  planarToBlocked: fused.writeLayout,
  prepareWeights: fused.writeWeight,
  rowDots: elementwise.writeRowDots,
  stridedCopy: elementwise.writeStrided,
  sumColumns: elementwise.writeSum,
  sumOfSquares: fused.writeSquares,
  sumRows: elementwise.writeSum,
  transposedBlocked: fused.writeJob,
  transposedSeams: fused.writeJob,
  unaryAbs: elementwise.writeMap,
  unaryNeg: elementwise.writeMap,
  unaryReciprocal: elementwise.writeMap,
  unaryRsqrt: elementwise.writeMap,
  unarySign: elementwise.writeMap,
  unarySqrt: elementwise.writeMap,
  unarySquare: elementwise.writeMap,
  unaryStep: elementwise.writeMap,
  upfirdn2dAny: resample.writeAnyFilter,
  upfirdn2dSeparable: resample.writeSeparable,
  weightGradSums: conv.writeSums,
  weightsFromPoints: conv.writeWeights,
};
