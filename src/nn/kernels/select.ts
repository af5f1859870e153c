/** Which kernels to use: asked of the engine, not of its name. */
import { checkChoice, checkOptions } from "../../check.js";
import type { Kernels } from "./types.js";
import { createFastestKernels, type FastestKernelsOptions } from "./wasm/variants.js";

export interface KernelOptions extends FastestKernelsOptions {
  /** "auto": SIMD where the engine has it, else the reference in float32; "reference" is the float64 definition. Default "auto". */
  readonly kernels?: "auto" | "reference" | "simd";
}

const optionNames = ["kernels", "threads", "wide", "wasm", "worker"];

/** The smallest module that uses SIMD: () => drop(v128.const 0). */
const simdProbe = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // type section: () -> ()
  ...[0x03, 0x02, 0x01, 0x00], // function section
  ...[0x0a, 0x17, 0x01, 0x15, 0x00, 0xfd, 0x0c, ...new Uint8Array(16), 0x1a, 0x0b], // code: v128.const 0; drop; end
);

/** Whether the engine can run the SIMD kernels. */
export function hasSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(simdProbe);
}

/** @throws RangeError for options that there are not. */
export function checkKernelOptions(options: KernelOptions): void {
  checkOptions("init", options, optionNames);
  checkChoice("init", "kernels", options.kernels ?? "auto", ["auto", "simd", "reference"]);
}

/** @throws Error if "simd" is demanded of an engine without it; RangeError for options that there are not. */
export async function createKernels(options: KernelOptions = {}): Promise<Kernels> {
  checkKernelOptions(options);
  const { kernels = "auto", ...fastest } = options;
  if (kernels === "reference") return referenceKernels("float64");
  if (hasSimd()) return createFastestKernels(fastest);
  if (kernels === "simd") {
    throw new Error('createKernels: kernels "simd" need WebAssembly SIMD, which this engine lacks; use "auto"');
  }
  return referenceKernels("float32");
}

/** Few have need of them: a page that has SIMD does not load them. */
async function referenceKernels(precision: Kernels["precision"]): Promise<Kernels> {
  const { createReferenceKernels } = await import("./reference/kernels.js");
  return createReferenceKernels(precision);
}
