/**
 * Which build of the kernels, which micro-kernel, and how many threads: asked of the engine, and of the clock.
 *
 *   simd          every engine with SIMD: multiply, then add; 4x8
 *   relaxed-simd  fused multiply-add, where the engine has it; 6x8, or 4x8 where that is faster (some engines run out of
 *                 registers). The tile changes no bit, so the clock decides about speed alone; what changes bits, the clock
 *                 does not decide, or a training run could not be resumed. Node 20 has it behind a flag, which only lets such
 *                 modules in; it is set here
 *   wide          on request, Node with V8 13 or newer: V8's optimiser joins pairs of vectors into 256-bit registers; 6x16.
 *                 An experimental switch of the whole process, set before the module is compiled, and a build of its own. Bits as
 *                 relaxed-simd
 */

import { checkChoice, kindOf } from "../../../check.js";
import { environmentVariable, isNode, nodeModule, v8Version } from "../../../host.js";
import { createSerialDispatcher, Engine, loadModule } from "./engine.js";
import type { MicroTile } from "./fused/plan.js";
import { createWasmKernels, type WasmKernels } from "./kernels.js";
import { sourceOf, type WasmSource, type WasmSources, type WasmVariant } from "./load.js";
import { availableThreads, createThreadPool, type WorkerSource } from "./threads/dispatcher.js";

export interface FastestKernelsOptions {
  /** Cores to use. Default: all that are available; 1 where memory cannot be shared. Results do not depend on it. */
  readonly threads?: number;
  /**
   * An experimental optimisation of V8 that belongs to the whole process, in Node: see "wide" above. true turns it on, or throws where
   * there is none. "auto" turns it on where a trial in a process of its own, which is made once for an engine and a processor,
   * finds the same bits in less time. The environment's STYLEGAN_WIDE, 1 or 0, decides for "auto" and for the default. Default: false.
   */
  readonly wide?: boolean | "auto";
  /**
   * The kernels, for pages and hosts that do not allow the builds in this package: the addresses of the two files
   * `stylegan/kernels/*.wasm`, or compiled modules, which run on one thread. One alone is taken for the plain build, which runs
   * everywhere. Default: the builds in this package.
   */
  readonly wasm?: WasmSource | WasmSources;
  /**
   * The script of a thread, for pages whose policy does not allow workers from `blob:` addresses: the address of
   * `stylegan/kernels/worker.js`, or a function that starts a worker with it. Default: the script in this package.
   */
  readonly worker?: WorkerSource;
}

/** More than any machine that this is meant for has. */
const MOST_THREADS = 256;

/** A build, and the register tile that it is run with. */
export interface Build {
  readonly name: "simd" | "relaxed-simd" | "wide";
  readonly variant: WasmVariant;
  readonly tile: MicroTile;
}

const plain: Build = { name: "simd", variant: "simd", tile: { rows: 4, cols: 8 } };
const relaxedSmall: Build = { name: "relaxed-simd", variant: "relaxed-simd", tile: { rows: 4, cols: 8 } };
const relaxedLarge: Build = { name: "relaxed-simd", variant: "relaxed-simd", tile: { rows: 6, cols: 8 } };
const wide: Build = { name: "wide", variant: "wide", tile: { rows: 6, cols: 16 } };

/** @throws RangeError if `threads` is not a positive whole number; Error if `wide` is demanded of an engine that has nothing of the kind. */
export async function createFastestKernels(options: FastestKernelsOptions = {}): Promise<WasmKernels> {
  const available = availableThreads();
  const { threads = available, worker } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
    throw new RangeError(`init: threads must be a whole number from 1 to ${MOST_THREADS}, got ${kindOf(threads)}`);
  }
  checkSources(options);
  const wasm = options.wasm === undefined || isSources(options.wasm) ? options.wasm : { simd: options.wasm };
  const chosen = await chooseBuild(options.wide, wasm);
  const { name, variant, tile } = chosen;
  const isCompiled = sourceOf(variant, wasm) instanceof WebAssembly.Module;
  const count = available === 1 || isCompiled ? 1 : threads;
  const alone = { name, variant, tile, wasm };
  if (count === 1) return createWasmKernels(alone);
  try {
    return await createWasmKernels({
      ...alone,
      shared: true,
      createDispatcher: (loaded) => createThreadPool(loaded, count, worker),
    });
  } catch (error) {
    // Another origin, a policy without blob: workers, no room for shared memory: the same results, later.
    const kernels = await createWasmKernels(alone);
    console.warn(`stylegan: threads cannot be started here, so one does all the work (${(error as Error).message})`);
    return kernels;
  }
}

function checkSources({ wide, wasm, worker }: FastestKernelsOptions): void {
  checkChoice("init", "wide", wide, [undefined, true, false, "auto"]);
  const isAddress = (value: unknown): boolean => typeof value === "string" || value instanceof URL;
  const isSource = (value: unknown): boolean => isAddress(value) || value instanceof WebAssembly.Module;
  const sources = wasm === undefined || !isSources(wasm) ? [wasm] : [wasm.simd, wasm.relaxedSimd, wasm.wide];
  if (!sources.every((source) => source === undefined || isSource(source)) || (sources.length > 1 && !sources[0])) {
    throw new RangeError(
      `init: wasm must be an address, a WebAssembly.Module, or { simd, relaxedSimd, wide } of these, got ${kindOf(wasm)}`,
    );
  }
  if (worker !== undefined && typeof worker !== "function" && !isAddress(worker)) {
    throw new RangeError(`init: worker must be an address or a function that starts a worker, got ${kindOf(worker)}`);
  }
}

const isSources = (wasm: WasmSource | WasmSources): wasm is WasmSources =>
  typeof wasm === "object" && wasm !== null && ("simd" in wasm || "relaxedSimd" in wasm || "wide" in wasm);

async function isTried(): Promise<boolean> {
  return (await (await import("./trial/decide.js")).decideWide()).wide;
}

/** What STYLEGAN_WIDE says; undefined where it says nothing. */
export function wideByEnvironment(): boolean | undefined {
  return { "1": true, "0": false }[environmentVariable("STYLEGAN_WIDE") ?? ""];
}

/** Chooses for this engine, and turns on what the choice needs. @throws Error if `wide` is true and there is nothing of the kind */
export async function chooseBuild(demanded?: FastestKernelsOptions["wide"], wasm?: WasmSources): Promise<Build> {
  const relaxed = (wasm === undefined || wasm.relaxedSimd !== undefined) && hasRelaxedSimd();
  const joins = relaxed && (wasm === undefined || wasm.wide !== undefined) && v8Version() >= 13;
  const wanted = typeof demanded === "boolean" ? demanded : (wideByEnvironment() ?? demanded ?? false);
  // Only the builds in this package are tried.
  if (wanted === true || (wanted === "auto" && joins && wasm === undefined && (await isTried()))) {
    if (joins) {
      nodeModule("v8").setFlagsFromString("--experimental-wasm-revectorize");
      return wide;
    }
    if (demanded === true)
      throw new Error("init: { wide: true } needs Node 24 or newer: an experimental optimisation of V8");
  }
  if (!relaxed) return plain;
  return fasterOf(relaxedSmall, relaxedLarge, wasm);
}

/** The smallest module that uses relaxed SIMD: () -> v128, f32x4.relaxed_madd(0, 0, 0). */
const zeroVector = [0xfd, 0x0c, ...new Uint8Array(16)]; // v128.const 0
const relaxedProbe = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // type section: () -> v128
  ...[0x03, 0x02, 0x01, 0x00], // function section
  ...[0x0a, 0x3d, 0x01, 0x3b, 0x00, ...zeroVector, ...zeroVector, ...zeroVector, 0xfd, 0x85, 0x02, 0x0b], // code
);

/** Whether the engine knows fused multiply-add; in Node 20 it then does. */
export function hasRelaxedSimd(): boolean {
  // Versions without the flag would print an error for it.
  if (isNode() && v8Version() === 11 && !WebAssembly.validate(relaxedProbe)) {
    nodeModule("v8").setFlagsFromString("--experimental-wasm-relaxed-simd");
  }
  return WebAssembly.validate(relaxedProbe);
}

/** Both are tried until neither has become faster for this time: engines run baseline code until optimised code is there. */
const settledMs = 12;
/** Nor for as many turns: on a busy machine all that time may have gone to others. */
const settledTurns = 24;
const mostProbeMs = 600;
/** Less is noise. */
const faster = 0.98;
const runsPerTrial = 4;

/** Of two tiles of one build the one whose micro-kernel has the shorter best time for a multiply-add. */
async function fasterOf(a: Build, b: Build, wasm: WasmSources | undefined): Promise<Build> {
  const loaded = await loadModule({ variant: a.variant, shared: false, wasm });
  const engine = new Engine(loaded.memory, createSerialDispatcher(loaded));
  const best = new Map([a, b].map((build) => [build, Infinity]));
  const start = performance.now();
  let [improvedAt, stillTurns] = [start, 0];
  const isOpen = (now: number): boolean => now < improvedAt + settledMs || stillTurns < settledTurns;
  for (let now = start; isOpen(now) && now < start + mostProbeMs; now = performance.now()) {
    stillTurns++;
    for (const [build, before] of best) {
      const time = nanosecondsPerProduct(engine, build.tile);
      if (time < before * faster) [improvedAt, stillTurns] = [now, 0];
      best.set(build, Math.min(before, time));
    }
  }
  return best.get(b)! < best.get(a)! ? b : a;
}

/** The time of one multiply-add of a micro-kernel. */
function nanosecondsPerProduct(engine: Engine, tile: MicroTile): number {
  const depth = 128;
  const tilePanels = 8;
  const bytes = depth * 4 * (tilePanels * tile.rows + tile.cols) + tilePanels * tile.rows * tile.cols * 4;
  return engine.withScratch(bytes, (v) => {
    const u = v + depth * tilePanels * tile.rows * 4;
    const m = u + depth * tile.cols * 4;
    engine.floats(v, bytes / 4).fill(1);
    const start = performance.now();
    for (let run = 0; run < runsPerTrial; run++) {
      const size = { tileRows: tile.rows, tileCols: tile.cols, depth, tilePanels, coPanels: 1 };
      engine.run("multiplyPanels", 1, { v, u, m, ...size });
    }
    return ((performance.now() - start) * 1e6) / (runsPerTrial * depth * tilePanels * tile.rows * tile.cols);
  });
}
