/**
 * The builds of `assembly/`: from modules of this package, which are imported when they are needed, or from where the
 * caller says. One build serves plain and shared memory; they differ in the flag byte of the memory that it imports.
 */
import { isNode, nodeModule } from "../../../host.js";

/**
 * The builds: plain SIMD runs everywhere, relaxed SIMD has fused multiply-add, wide is the same in functions that hold pairs of
 * vectors, for engines that join them. Wide has bytes of its own, because V8 keeps one native module for all modules of equal bytes,
 * compiled as it was for the first. Relaxed and wide give the same bits (tests/kernels/wide.test.ts).
 */
export type WasmVariant = "simd" | "relaxed-simd" | "wide";

/** An address, or a module that somebody has compiled; for pages and hosts that allow neither modules as text. */
export type WasmSource = string | URL | WebAssembly.Module;

/** A build for each variant; all but the first may be missing. */
export interface WasmSources {
  readonly simd: WasmSource;
  readonly relaxedSimd?: WasmSource;
  readonly wide?: WasmSource;
}

/** The source of a variant. */
export function sourceOf(variant: WasmVariant, sources: WasmSources | undefined): WasmSource | undefined {
  if (variant === "simd") return sources?.simd;
  return variant === "wide" ? sources?.wide : sources?.relaxedSimd;
}

/** The compiled module. @throws Error when its address does not answer with WebAssembly */
export async function compileKernels(
  variant: WasmVariant,
  shared: boolean,
  sources?: WasmSources,
): Promise<WebAssembly.Module> {
  const source = sourceOf(variant, sources);
  if (source instanceof WebAssembly.Module) return source;
  const bytes = source === undefined ? await bundledBytes(variant) : await bytesAt(source);
  if (shared) bytes[memoryFlagAt(bytes)] |= SHARED;
  return WebAssembly.compile(bytes);
}

const bundled = {
  simd: () => import("./generated/simd.js"),
  "relaxed-simd": () => import("./generated/relaxedSimd.js"),
  wide: () => import("./generated/wide.js"),
} as const;

async function bundledBytes(variant: WasmVariant): Promise<Uint8Array<ArrayBuffer>> {
  const { kernels } = await bundled[variant]();
  const packed = Uint8Array.from(atob(kernels), (character) => character.charCodeAt(0));
  if (isNode()) return new Uint8Array(nodeModule("zlib").gunzipSync(packed));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function bytesAt(address: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, type } = await contentAt(address);
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61) {
    throw new Error(`init: loading the kernels: expected WebAssembly at ${address}, found ${type}`);
  }
  return bytes;
}

async function contentAt(address: string | URL): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string }> {
  if (isNode() && !/^(https?|data|blob):/.test(String(address))) {
    const isFile = String(address).startsWith("file:");
    const path = isFile ? nodeModule("url").fileURLToPath(address) : address;
    return { bytes: new Uint8Array(nodeModule("fs").readFileSync(path)), type: "something else" };
  }
  const response = await fetch(address);
  if (!response.ok) throw new Error(`init: loading the kernels: ${address} answered ${response.status}`);
  const type = response.headers.get("content-type") ?? "something else";
  return { bytes: new Uint8Array(await response.arrayBuffer()), type };
}

const IMPORT_SECTION = 2;
const MEMORY = 2;
const SHARED = 2;

/**
 * Where the flags of the memory are that the module imports: in its import section, after the two names and the kind. (The
 * kernels import the memory and nothing else. WebAssembly core specification, 5.5.5 and 5.3.7; shared: threads proposal.)
 */
export function memoryFlagAt(bytes: Uint8Array): number {
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80 || shift > 28) return value;
    }
  };
  const skipName = (): void => {
    const length = number();
    at += length;
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const length = number();
    const end = at + length;
    if (section === IMPORT_SECTION && number() === 1) {
      skipName(); // of the module ...
      skipName(); // ... and of the memory in it
      if (bytes[at] === MEMORY) return at + 1;
    }
    at = end;
  }
  throw new Error("init: these are not the kernels of this package: a module that imports one memory");
}
