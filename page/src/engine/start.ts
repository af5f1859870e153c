/** Loads the kernels, on as many threads as the page may have. */
import { init } from "./library.js";

/** Cores to use: all, or those asked for; one where memory cannot be shared. */
export function availableThreads(wanted: number | null): number {
  return crossOriginIsolated ? Math.max(1, wanted ?? navigator.hardwareConcurrency) : 1;
}

export async function startEngine(wanted: number | null): Promise<void> {
  await init({ threads: availableThreads(wanted) });
}
