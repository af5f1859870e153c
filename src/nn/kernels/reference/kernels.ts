/**
 * The definition of every kernel, in plain loops over arrays of the JavaScript heap. It computes in float64 and rounds
 * once, on storing; with float64 blocks it is what gradient checks and goldens are held against, with float32 blocks it
 * is the fallback where WebAssembly SIMD is missing. Inputs may be blocks of either precision, from any memory.
 *
 * Tested by tests/kernels/laws.test.ts and tests/kernels/wasm.test.ts (as the other side of the pair).
 */

import type { Block, Kernels } from "../types.js";
import { referenceBiasAct, referenceBiasActGrad } from "./activations.js";
import { referenceConv2d, referenceConv2dInputGrad, referenceConv2dWeightGrad, scaledMaps } from "./conv.js";
import {
  referenceAdam,
  referenceAffine,
  referenceBinary,
  referenceLerp,
  referenceStridedCopy,
  referenceUnary,
} from "./elementwise.js";
import { referenceLayerEnd, referenceLayerEndGrad } from "./layerEnd.js";
import { referenceNormal } from "./normal.js";
import { referenceMatmul, referenceSum } from "./reduce.js";
import { referenceUpfirdn2d } from "./upfirdn2d.js";

/** Kernels on the JavaScript heap: blocks are Float64Array or Float32Array, garbage is left to the engine. */
export function createReferenceKernels(precision: "float64" | "float32"): Kernels {
  const ArrayType = precision === "float64" ? Float64Array : Float32Array;
  const live = new Set<Block>();
  let usedBytes = 0;
  let peakBytes = 0;

  return {
    name: "reference",
    precision,
    threads: 1,

    allocate(length) {
      if (!Number.isInteger(length) || length < 0) {
        throw new RangeError(`allocate: length must be a non-negative integer, got ${length}`);
      }
      const data = new ArrayType(length);
      const block: Block = { length, data };
      live.add(block);
      usedBytes += data.byteLength;
      peakBytes = Math.max(peakBytes, usedBytes);
      return block;
    },

    release(block) {
      if (!live.delete(block)) {
        throw new RangeError(
          `release: expected a live block of these kernels, got one of ${block.length} elements that is not; ` +
            "was it released twice?",
        );
      }
      usedBytes -= block.data.byteLength;
    },

    memory: () => ({ usedBytes, peakBytes, reservedBytes: usedBytes }),

    normal: (y, { seed, stream }) => referenceNormal(y.data, y.length, seed, stream),
    fill: (y, value) => void y.data.fill(value, 0, y.length),
    unary: (op, x, y) => referenceUnary(op, x.data, y.data, y.length),
    affine: (x, y, scale, offset) => referenceAffine(x.data, y.data, y.length, scale, offset),
    lerp: (x, y, t) => y.forEach((block, k) => void referenceLerp(x[k].data, block.data, block.length, t)),
    binary: (op, a, b, y, geometry) => referenceBinary(op, a.data, b.data, y.data, geometry),
    stridedCopy: (x, y, geometry) => referenceStridedCopy(x.data, y.data, geometry),
    sum: (x, y, geometry) => referenceSum(x.data, y.data, geometry),
    matmul: (a, b, y, geometry) => referenceMatmul(a.data, b.data, y.data, geometry),
    conv2d: (x, w, y, geometry, scales) => referenceConv2d(scaledMaps(x.data, scales), w.data, y.data, geometry),
    conv2dBiasAct: (x, w, b, y, conv, end) => {
      referenceConv2d(x.data, w.data, y.data, conv);
      referenceBiasAct(y.data, b?.data ?? null, y.data, end);
    },
    conv2dInputGrad: (dy, w, dx, geometry, scales) =>
      referenceConv2dInputGrad(scaledMaps(dy.data, scales), w.data, dx.data, geometry),
    conv2dWeightGrad: (x, dy, dw, geometry, scales = {}) =>
      referenceConv2dWeightGrad(scaledMaps(x.data, scales.x), scaledMaps(dy.data, scales.dy), dw.data, geometry),
    upfirdn2d: (x, y, geometry, { adds = false } = {}) => {
      if (!adds) return referenceUpfirdn2d(x.data, y.data, geometry);
      const before = y.data.slice();
      referenceUpfirdn2d(x.data, y.data, geometry);
      for (let k = 0; k < y.length; k++) y.data[k] += before[k];
    },
    biasAct: (x, b, y, geometry) => referenceBiasAct(x.data, b === null ? null : b.data, y.data, geometry),
    biasActGrad: (dy, x, b, dx, geometry) =>
      referenceBiasActGrad(dy.data, x.data, b === null ? null : b.data, dx.data, geometry),
    layerEnd: referenceLayerEnd,
    layerEndGrad: referenceLayerEndGrad,
    adam: (parameters, gradients, m, v, options) =>
      parameters.forEach(({ data, length }, k) => {
        referenceAdam(data, gradients[k].data, m[k].data, v[k].data, length, options);
      }),
  };
}
