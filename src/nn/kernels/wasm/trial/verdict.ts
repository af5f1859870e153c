/**
 * What a trial found, kept for this engine, processor and build:
 *
 *   <cache folder of the user>/stylegan/wide-<hash of the three>.json
 */
import { nodeModule } from "../../../../host.js";

/** What a verdict is about. */
export interface VerdictKey {
  /** The version of V8, in full. */
  readonly v8: string;
  readonly processor: string;
  /** A hash of the builds that were compared. */
  readonly build: string;
}

export interface Verdict {
  readonly verdict: "good" | "slower" | "differs" | "crashed";
  /** A sentence for people. */
  readonly reason: string;
  /** How many times faster the wide build is, where that was measured. */
  readonly speed?: number;
  /** When, as in ISO 8601. */
  readonly tried: string;
}

const verdicts: readonly unknown[] = ["good", "slower", "differs", "crashed"] satisfies Verdict["verdict"][];

export async function verdictKey(): Promise<VerdictKey> {
  const hash = nodeModule("crypto").createHash("sha256");
  for (const { kernels } of [await import("../generated/relaxedSimd.js"), await import("../generated/wide.js")]) {
    hash.update(kernels);
  }
  return { v8: process.versions.v8, processor: processorName(), build: hash.digest("hex").slice(0, 16) };
}

/** As it calls itself, and, where Linux says more, its model and a hash of what it can do: virtual machines go by few names. */
export function processorName(): string {
  const [{ model = "unknown" } = {}] = nodeModule("os").cpus();
  return `${model.trim()} (${[process.arch, ...linuxFacts()].join(", ")})`;
}

function linuxFacts(): string[] {
  try {
    const text = nodeModule("fs").readFileSync("/proc/cpuinfo", "utf8");
    const fact = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
    const flags = nodeModule("crypto").createHash("sha256").update(fact("flags")).digest("hex").slice(0, 8);
    return [`family ${fact("cpu family")}`, `model ${fact("model")}`, `flags ${flags}`];
  } catch {
    return [];
  }
}

/** XDG_CACHE_HOME, or what the system has in its place. @throws Error where there is no home */
function cacheFolder(): string {
  const { join } = nodeModule("path");
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  const home = nodeModule("os").homedir();
  const usual = { darwin: join(home, "Library", "Caches"), win32: LOCALAPPDATA ?? join(home, "AppData", "Local") };
  const folder = XDG_CACHE_HOME || usual[process.platform as keyof typeof usual] || join(home, ".cache");
  return join(folder, "stylegan");
}

export function verdictPath(key: VerdictKey): string {
  const hash = nodeModule("crypto").createHash("sha256").update(JSON.stringify(key)).digest("hex");
  return nodeModule("path").join(cacheFolder(), `wide-${hash.slice(0, 16)}.json`);
}

/** null where there is none for this key, or none that can be read. */
export function readVerdict(path: string, key: VerdictKey): Verdict | null {
  try {
    const kept = JSON.parse(nodeModule("fs").readFileSync(path, "utf8")) as Partial<Verdict & VerdictKey>;
    const isOurs = kept.v8 === key.v8 && kept.processor === key.processor && kept.build === key.build;
    const { verdict, reason, tried, speed } = kept;
    if (!isOurs || !verdicts.includes(verdict) || typeof reason !== "string" || typeof tried !== "string") return null;
    if (speed !== undefined && !(typeof speed === "number" && speed > 0)) return null;
    return { verdict: verdict!, reason, tried, ...(speed !== undefined && { speed }) };
  } catch {
    return null;
  }
}

/** Where a verdict will be kept: the file is begun before the trial, so that nothing is tried in vain. */
export interface Keeper {
  keep(verdict: Verdict): void;
  /** Instead of `keep`. */
  drop(): void;
}

/** @throws Error when nothing can be written there */
export function openKeeper(path: string, key: VerdictKey): Keeper {
  const fs = nodeModule("fs");
  const temporary = `${path}.${process.pid}.tmp`;
  fs.mkdirSync(nodeModule("path").dirname(path), { recursive: true });
  fs.writeFileSync(temporary, "");
  return {
    keep(verdict) {
      fs.writeFileSync(temporary, `${JSON.stringify({ ...key, ...verdict }, null, 2)}\n`);
      fs.renameSync(temporary, path);
    },
    drop: () => fs.rmSync(temporary, { force: true }),
  };
}
