/**
 * Kernels are loaded once: whoever comes while they are on their way waits for the same ones, and asking for what is
 * there already changes nothing. Other kernels take the parameters along and end the threads of those before them.
 */
import { collectGarbage, keepFreedMemory } from "../host.js";
import { activeKernels, hasKernels, setKernels } from "./backend.js";
import { checkKernelOptions, createKernels, type KernelOptions } from "./kernels/select.js";
import type { Kernels } from "./kernels/types.js";
import { NoRoomError } from "./kernels/wasm/memory.js";
import { availableThreads } from "./kernels/wasm/threads/dispatcher.js";
import { moveParameters } from "./storage.js";

/** What `loadKernels` loaded last. */
let loaded: { readonly kernels: Kernels; readonly options: KernelOptions } | null = null;
/** Ends when nobody is loading. */
let queue: Promise<unknown> = Promise.resolve();

/** Loads kernels, and makes them the ones in use. */
export function loadKernels(options: KernelOptions = {}): Promise<void> {
  return inTurn(() => load(options));
}

/** Loads the default kernels, unless there are some. */
export function ensureKernels(): Promise<void> {
  return inTurn(async () => {
    if (!hasKernels()) await load({});
  });
}

function inTurn(body: () => Promise<void>): Promise<void> {
  const result = queue.then(body);
  queue = result.catch(() => {});
  return result;
}

async function load(options: KernelOptions): Promise<void> {
  checkKernelOptions(options);
  const before = loaded;
  if (before !== null && activeKernels() === before.kernels && isSame(options, before.options)) return;
  const kernels = await createKernels(options);
  if (before === null) keepFreedMemory();
  else {
    try {
      moveParameters(before.kernels, kernels);
    } catch (error) {
      kernels.dispose?.();
      throw error;
    }
    before.kernels.dispose?.();
  }
  setKernels(kernels);
  loaded = { kernels, options: { ...options } };
}

function isSame(a: KernelOptions, b: KernelOptions): boolean {
  const decided = ({ kernels = "auto", threads = availableThreads(), wide, wasm, worker }: KernelOptions): unknown[] =>
    [kernels, threads, wide, wasm, worker].map((value) => (value instanceof URL ? value.href : value));
  const [first, second] = [decided(a ?? {}), decided(b)];
  return first.every((value, index) => value === second[index]);
}

/** Says that a network of so many numbers comes, and will be run. */
export function expectNetwork(parameters: number): void {
  activeKernels().makeRoom?.(parameters);
}

/** More of it than this, and the garbage collector is asked before more is made. */
const MOST_UNCOLLECTED_BYTES = 256 * 2 ** 20;
let keptBytes = 0;

/**
 * Runs `make`, which makes networks: their memory is given back by the garbage collector, who does not know how much that
 * is. It is asked to run when a lot has been made since it last did, and when there is no room; then `make` runs again.
 */
export async function withRoom<T>(make: () => Promise<T>): Promise<T> {
  const usedBytes = (): number => activeKernels().memory().usedBytes;
  const collect = async (): Promise<void> => {
    await collectGarbage();
    keptBytes = usedBytes();
  };
  if (usedBytes() - keptBytes > MOST_UNCOLLECTED_BYTES) await collect();
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof NoRoomError)) throw error;
  }
  await collect();
  return make();
}
