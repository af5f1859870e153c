/**
 * The error of whole images: the kernels in use against the float64 definition, on config F with random weights.
 *
 *   node bench/error.mjs [256] [1024]        (1024 takes some minutes: the definition is plain loops)
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { init, loadCheckpoint, scope, seedsToZ } from "../dist/index.js";

const NETWORKS = { 256: 16384, 1024: 32768 };
const sizes = process.argv.length > 2 ? process.argv.slice(2) : ["256"];

async function image(path, kernels) {
  await init({ kernels });
  const { gEma } = await loadCheckpoint(path, { networks: ["gEma"] });
  return scope(() => {
    const ws = gEma.mapping.forward(seedsToZ([0], gEma.zDim), null, { truncationPsi: 0.7 });
    return gEma.synthesis.forward(ws, { noiseMode: "const" }).toFloat64Array();
  });
}

for (const size of sizes) {
  const base = NETWORKS[size];
  if (base === undefined) throw new RangeError(`error.mjs: sizes are ${Object.keys(NETWORKS)}, got ${size}`);
  const path = `out/bench/configF-${size}-${base}.safetensors`;
  if (!existsSync(path)) {
    const make = ["scripts/makeRandomNetwork.mjs", "--resolution", size, "--channel-base", String(base), path];
    execFileSync(process.execPath, make, { stdio: "inherit" });
  }
  const fast = await image(path, "auto");
  const exact = await image(path, "reference");
  let largest = 0;
  let difference = 0;
  for (let index = 0; index < exact.length; index++) {
    largest = Math.max(largest, Math.abs(exact[index]));
    difference = Math.max(difference, Math.abs(fast[index] - exact[index]));
  }
  const ratio = (difference / largest).toExponential(2);
  console.log(
    `${size} pixels: largest difference ${difference.toExponential(2)}, largest value ${largest.toFixed(2)}, ratio ${ratio}`,
  );
}
