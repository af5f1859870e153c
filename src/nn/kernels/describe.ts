/** Which kernels `init` takes here, and why: for people and programs that ask. Loaded when they do. */
import { checkChoice, checkOptions } from "../../check.js";
import { isNode } from "../../host.js";
import { hasSimd } from "./select.js";
import type { Kernels } from "./types.js";
import { availableThreads } from "./wasm/threads/dispatcher.js";
import { decideWide, missingEngine, type WideDecision } from "./wasm/trial/decide.js";
import { processorName } from "./wasm/trial/verdict.js";
import { hasRelaxedSimd, wideByEnvironment } from "./wasm/variants.js";

export interface EngineInfo {
  /** What runs this: "Node.js 24.21.0", or how a browser calls itself. */
  readonly engine: string;
  /** The version of its V8; null where it says none. */
  readonly v8: string | null;
  /** null where it is not told. */
  readonly processor: string | null;
  /** Threads that are used by default. */
  readonly threads: number;
  /** The build that `init` with `kernels: "auto"` loads. */
  readonly build: Kernels["name"];
  /** Whether 256-bit vectors are used, and why. */
  readonly wide: Omit<WideDecision, "state"> & { readonly state: WideDecision["state"] | "said" };
}

export interface EngineInfoOptions {
  /** As for `init`. Default "auto". */
  readonly wide?: boolean | "auto";
  /** Called before a trial of 256-bit vectors, which takes about a second and is made once. */
  readonly onTrial?: () => void;
}

export async function describeEngine(options: EngineInfoOptions = {}): Promise<EngineInfo> {
  checkOptions("engineInfo", options, ["wide", "onTrial"]);
  const { wide = "auto", onTrial } = options;
  checkChoice("engineInfo", "wide", wide, [true, false, "auto"]);
  const decision = await decide(wide, onTrial);
  const { versions, userAgent } = isNode() ? { versions: process.versions, userAgent: "" } : navigatorFacts();
  const plain = hasRelaxedSimd() ? "relaxed-simd" : "simd";
  return {
    engine: isNode() ? nameOf(versions) : userAgent,
    v8: versions.v8 ?? null,
    processor: isNode() ? processorName() : null,
    threads: availableThreads(),
    build: !hasSimd() ? "reference" : decision.wide ? "wide" : plain,
    wide: decision,
  };
}

type Versions = Readonly<Record<string, string | undefined>>;

const navigatorFacts = (): { readonly versions: Versions; readonly userAgent: string } => ({
  versions: {},
  userAgent: globalThis.navigator?.userAgent ?? "unknown",
});

function nameOf({ node, bun, deno }: Versions): string {
  if (bun !== undefined) return `Bun ${bun}`;
  return deno !== undefined ? `Deno ${deno}` : `Node.js ${node}`;
}

async function decide(wide: boolean | "auto", onTrial?: () => void): Promise<EngineInfo["wide"]> {
  const environment = wideByEnvironment();
  const said = typeof wide === "boolean" ? wide : environment;
  if (said === undefined) return decideWide({ onTrial });
  const missing = said ? missingEngine() : null;
  if (missing !== null) return { wide: false, state: "engine", reason: missing, file: null };
  const reason = `as ${typeof wide === "boolean" ? `wide: ${wide}` : `STYLEGAN_WIDE=${environment ? 1 : 0}`} says`;
  return { wide: said, state: "said", reason, file: null };
}
