/** Tensors, automatic differentiation and operations: what the networks are written in. */

export { type GradOptions, grad } from "./autograd/grad.js";
export { checkGradients, type GradientCheck, type GradientCheckOptions } from "./autograd/gradcheck.js";
export { isRecording, noGrad, variable } from "./autograd/record.js";
export { DenseLayer, type DenseOptions } from "./layers/dense.js";
export * from "./layers/module.js";
export { NoiseGenerator } from "./noise.js";
export * from "./ops/arith.js";
export * from "./ops/biasAct.js";
export * from "./ops/conv2d.js";
export * from "./ops/conv2dResample.js";
export * from "./ops/layout.js";
export * from "./ops/matmul.js";
export * from "./ops/pool.js";
export * from "./ops/reduce.js";
export * from "./ops/statistics.js";
export * from "./ops/upfirdn2d.js";
export { Adam, type AdamSettings, updateEma } from "./optim.js";
export { RandomState } from "./random.js";
export { formatShape, type Shape, sameShape } from "./shape.js";
export { chain, lastUse, scope, Tensor } from "./tensor.js";
