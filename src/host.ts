/**
 * What this code runs in. In a page, in a worker, in Node, Bun or Deno the same files are loaded; what only some of them
 * have is asked for here, when it is needed, so that bundlers for pages find no import of it.
 */

/** The modules of Node that this package uses outside of the command line. */
interface NodeModules {
  readonly child_process: typeof import("node:child_process");
  readonly crypto: typeof import("node:crypto");
  readonly fs: typeof import("node:fs");
  readonly os: typeof import("node:os");
  readonly path: typeof import("node:path");
  readonly url: typeof import("node:url");
  readonly vm: typeof import("node:vm");
  readonly v8: typeof import("node:v8");
  readonly worker_threads: typeof import("node:worker_threads");
  readonly zlib: typeof import("node:zlib");
}

/** Not the bare name: bundlers replace that one, or put a stand-in beside it. */
const host = globalThis as { readonly process?: NodeJS.Process };

/** Whether Node's modules are at hand: in Node, Bun and Deno. */
export function isNode(): boolean {
  return typeof host.process?.versions?.node === "string";
}

/** One of Node's modules. Call it where `isNode()` only. */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] {
  const module = host.process?.getBuiltinModule?.(`node:${name}`);
  if (module === undefined)
    throw new Error(`stylegan: Node's module ${name} is needed here; is this Node 20.19 or newer?`);
  return module as NodeModules[Name];
}

export const isWindows = (): boolean => host.process?.platform === "win32";

/**
 * Whether the memory of WebAssembly stays where it is when it grows, so that the system may write to it meanwhile: V8 on 64 bits reserves
 * all of its addresses from the beginning.
 */
export function memoryStays(): boolean {
  const { versions, arch } = host.process ?? {};
  return versions?.v8 !== undefined && !("bun" in versions || "deno" in versions) && /64/.test(arch ?? "");
}

/** The major version of Node's V8; 0 elsewhere. */
export function v8Version(): number {
  return isNode() ? Number.parseInt(host.process!.versions.v8 ?? "0", 10) : 0;
}

/** A variable of the environment; undefined where there is none, and where asking is not allowed (Deno). */
export function environmentVariable(name: string): string | undefined {
  try {
    return host.process?.env?.[name];
  } catch {
    return undefined;
  }
}

/** The largest block after which glibc adapts its thresholds, with room for what it keeps of a block itself. */
const ADAPTING_BYTES = 32 * 2 ** 20 - 64 * 2 ** 10;

/**
 * Has glibc keep the memory of images that nobody holds any more for those that come. It gives back to the system what lies at the end of its
 * heap, beyond twice the largest block that was freed so far, and asks for the next image page by page. Nobody touches the block that is
 * freed here, so it costs nothing. Where there is no glibc it changes nothing.
 */
export function keepFreedMemory(): void {
  if (!isNode() || host.process?.platform !== "linux") return;
  try {
    new ArrayBuffer(ADAPTING_BYTES);
  } catch {
    // There is no such block to be had: then memory is short, and better given back.
  }
}

const PRESSURE_BYTES = 64 * 2 ** 20;

/**
 * Has the garbage collector run, as far as it can be asked to, and lets finalizers do their work. Engines know nothing of
 * memory that small objects stand for, so they see no reason of their own.
 */
export async function collectGarbage(): Promise<void> {
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc !== undefined) gc();
  else if (v8Version() > 0) gcOfV8()?.();
  // Elsewhere there is only this: large buffers that nobody keeps.
  else for (let k = 0; k < 8; k++) new Uint8Array(PRESSURE_BYTES)[k] = 1;
  for (let k = 0; k < 3; k++) await new Promise((resolve) => setTimeout(resolve, 0));
}

function gcOfV8(): (() => void) | undefined {
  try {
    nodeModule("v8").setFlagsFromString("--expose-gc");
    return nodeModule("vm").runInNewContext("gc") as () => void;
  } catch {
    return undefined;
  }
}
