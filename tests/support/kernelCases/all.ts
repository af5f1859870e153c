/**
 * One list of kernels. Read by tests/kernels/wasm.test.ts, and by the check that every export of the module is run.
 */
import type { KernelCase } from "./case.js";
import { convCases } from "./conv.js";
import { elementwiseCases } from "./elementwise.js";
import { productCases } from "./products.js";
import { resampleCases } from "./resample.js";
import { updateCases } from "./updates.js";

export const kernelCases: readonly KernelCase[] = [
  ...elementwiseCases,
  ...updateCases,
  ...productCases,
  ...convCases,
  ...resampleCases,
];

/** Exports that only the fused layers use; their cases are in tests/support/fusedCases.ts. */
export const layerExports: readonly string[] = [
  "blockedFir",
  "blockedToImage",
  "blockedToPlanar",
  "convBlocked",
  "convInPlace",
  "convToImage",
  "imageVectors",
  "inPlaceSeams",
  "inverseNorms",
  "layerVectors",
  "multiplyPanels",
  "planarToBlocked",
  "sumOfSquares",
  "transposedBlocked",
  "transposedSeams",
];
