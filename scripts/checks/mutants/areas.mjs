/**
 * Where faults are planted, and what could notice them. An area is
 *
 *   sources    folders and files of the repository
 *   count      how many faults are wanted, of all places in a random order that is always the same
 *   build      what has to run after a fault is planted, in the copy; absent where the tests read the sources
 *   tests      the tests that could notice a fault in a file: [test file, part of the titles (a regular expression)?], those that
 *              are quickest to notice first; the last ones are whole
 *   mostSeconds of CPU, after which a test is ended: a fault may loop for ever; default 150
 *   explained  why a fault that no test notices is none: by the name of the fault (faults.mjs)
 */
import { existsSync, readFileSync } from "node:fs";
import { typescriptAreas } from "./typescript.mjs";

const allKernels = [
  ["tests/kernels/pieces.test.ts"],
  ["tests/kernels/wide.test.ts"],
  ["tests/kernels/wasm.test.ts"],
  ["tests/kernels/fused.test.ts"],
  ["tests/kernels/fusedThreads.test.ts"],
  ["tests/kernels/laws.test.ts"],
  ["tests/identities/winograd.test.ts"],
  ["tests/nn/noise.test.ts"],
];

/** The titles of tests/kernels/wasm.test.ts that a file of assembly/ is behind. */
const kernelTitles = [
  ["assembly/elementwise/biasAct", "^biasAct"],
  ["assembly/elementwise/layerEnd", "^layerEnd"],
  ["assembly/elementwise/maps", "^unary|^affine|^fill"],
  ["assembly/elementwise/reduce", "^sum|^matmul|^conv2d"],
  ["assembly/elementwise/strided", "^binary|^stridedCopy"],
  ["assembly/elementwise/updates", "^adam|^lerp"],
  ["assembly/elementwise/normal", "^normal"],
  ["assembly/resample/", "^upfirdn2d"],
  ["assembly/conv/", "^conv2d"],
  ["assembly/transforms/", "points"],
  ["assembly/gemm/", "^matmul|^conv2d"],
];

function kernelTests(file) {
  const fused = ["tests/kernels/fused.test.ts", "equals|identity"];
  const title = kernelTitles.find(([part]) => file.startsWith(part))?.[1];
  const wasm = title === undefined ? [] : [["tests/kernels/wasm.test.ts", title]];
  const inFused = /fused|transforms|gemm\/panels/.test(file);
  return [...(inFused ? [fused, ...wasm] : wasm), ...allKernels];
}

/** Why faults of an area are none, by their names. */
function explanations(name) {
  const file = new URL(`explained/${name}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}

export const areas = {
  assembly: {
    sources: ["assembly"],
    count: 55,
    seed: 1,
    // The plain build and the wide one, which between them have all the code; the relaxed one stays as it was, and is compared.
    build: ["node", "scripts/build/wasm.mjs", "--only", "simd,wide"],
    tests: kernelTests,
    explained: explanations("assembly"),
  },
  ...typescriptAreas(explanations),
};
