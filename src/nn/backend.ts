/** Which kernels run. Set once by `init`; tests may switch between the reference and the fast ones. */
import type { Block, Kernels } from "./kernels/types.js";

let active: Kernels | null = null;

/** Makes `kernels` the ones that every following operation runs on. Tensors made before stay valid. */
export function setKernels(kernels: Kernels): void {
  active = kernels;
}

/** The kernels in use. Throws Error before `init`. */
export function activeKernels(): Kernels {
  if (active === null) throw new Error("stylegan: no kernels are loaded yet; call `await init()` first");
  return active;
}

export function hasKernels(): boolean {
  return active !== null;
}

/** A block on the JavaScript heap: what a tensor outside any scope holds. */
export function heapBlock(data: Float32Array | Float64Array): Block {
  return { length: data.length, data };
}
