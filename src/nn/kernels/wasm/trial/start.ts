/** Starts the trial (process.ts) and says how it ended. */
import { nodeModule } from "../../../../host.js";
import type { Comparison } from "./compare.js";

/** How a trial ended. `failed`: it says nothing about the build, and may be repeated. */
export type TrialEnd =
  | { readonly kind: "compared"; readonly comparison: Comparison }
  | { readonly kind: "crashed"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Signals of a process that the engine brought down, not a person or a full memory. */
const crashSignals = ["SIGSEGV", "SIGILL", "SIGBUS", "SIGFPE", "SIGTRAP", "SIGABRT"];
/** How a process of Windows ends that did what is forbidden: 0xC0000005 and the like. */
const isWindowsCrash = (code: number | null): boolean => code !== null && code >>> 0 >= 0xc0000000;
/** A second and a half is usual; a busy machine may need many. */
const PATIENCE_MS = 60_000;
const FILE = /\/trial\/start\.js$/;

/** The program; null inside of a bundle, where there is no file of its own. */
function programPath(): string | null {
  const { url } = import.meta;
  if (typeof url !== "string" || !url.startsWith("file:") || !FILE.test(url)) return null;
  const path = nodeModule("url").fileURLToPath(url.replace(FILE, "/trial/process.js"));
  return nodeModule("fs").existsSync(path) ? path : null;
}

/** @param program the script to run; default: that of this package */
export async function runTrial(program: string | null = programPath()): Promise<TrialEnd> {
  if (program === null) return { kind: "failed", reason: "the program of the trial is not beside this one" };
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = nodeModule("child_process").spawn(process.execPath, [program], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
    windowsHide: true,
  });
  const parts: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (part: string) => parts.push(part));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ kind: "failed", reason: `it did not start (${error.message})` }));
    child.once("close", (code, signal) => resolve(endOf(code, signal, parts.join(""))));
  });
}

function endOf(code: number | null, signal: string | null, text: string): TrialEnd {
  if ((signal !== null && crashSignals.includes(signal)) || isWindowsCrash(code)) {
    return { kind: "crashed", reason: `the engine crashed (${signal ?? `0x${(code! >>> 0).toString(16)}`})` };
  }
  if (signal !== null || code !== 0)
    return { kind: "failed", reason: `it was ended (${signal ?? `exit code ${code}`})` };
  try {
    return { kind: "compared", comparison: JSON.parse(text) as Comparison };
  } catch {
    return { kind: "failed", reason: "it ended without a result" };
  }
}
