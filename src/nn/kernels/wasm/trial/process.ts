/**
 * The program of the trial: a process of its own, in which a crash of the engine costs nothing. Prints what it found as JSON. Nobody
 * imports this file; start.ts starts it.
 */
import { nodeModule } from "../../../../host.js";
import { createWasmKernels, type WasmKernels } from "../kernels.js";
import { chooseBuild } from "../variants.js";
import { trialCases } from "./cases.js";
import { compareBuilds } from "./compare.js";

/** On one thread as on two: what is done at the seams between chunks belongs to the trial. */
async function kernelsOf(wide: boolean): Promise<WasmKernels> {
  const { variant, tile } = await chooseBuild(wide);
  return createWasmKernels({
    variant,
    tile,
    createDispatcher: ({ kernels }) => ({
      workers: 2,
      parallel(name, args, chunks) {
        for (let chunk = 0; chunk < chunks; chunk++) kernels[name](args, chunk, chunk & 1);
      },
    }),
  });
}

/** V8 optimises at the first calls, and waits for it: then nearly all rounds run on what it makes. */
const EAGER = ["--wasm-tiering-budget=3000", "--wasm-sync-tier-up"];

async function main(): Promise<void> {
  for (const flag of EAGER) nodeModule("v8").setFlagsFromString(flag);
  // The plain one first: what V8 compiles from the switch on may be joined.
  const plain = await kernelsOf(false);
  console.log(JSON.stringify(compareBuilds(trialCases, plain, await kernelsOf(true))));
}

main();
