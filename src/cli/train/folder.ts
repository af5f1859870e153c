/**
 * The folder of a run, before anything is written: whether it may be begun there, or continued; and the lock that keeps a
 * second run out of it.
 */
import { existsSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { isAlive as isProcessAlive, readFile, systemError } from "../../files.js";
import { FileError } from "../../formats/index.js";
import { UsageError } from "../terminal.js";
import { listStates } from "./files.js";
import type { RunDefinition } from "./setup.js";

export const definitionPath = (outdir: string): string => join(outdir, "run.json");

/** What a run writes beside run.json. */
const OF_A_RUN =
  /^(training-state-|network-snapshot-|fakes)\d{6,}\.(safetensors|png)$|^(fakes_init\.png|reals\.png|report\.html|stats\.jsonl)$/;

/**
 * The run in the folder, if it is to be continued; null for a new one.
 *
 * @param continues "must": there has to be a run; "may": one that is there is continued; "no": there must be none
 * @throws UsageError when there is a run where none should be, or none where one should be, or files in a run's names
 * @throws FileError naming run.json when it is damaged
 */
export function storedDefinition(outdir: string, continues: "must" | "may" | "no"): RunDefinition | null {
  const path = definitionPath(outdir);
  if (existsSync(path)) {
    if (continues !== "no") return readDefinition(path);
    throw new UsageError(`${outdir} holds a run already; continue it with --resume, or choose another --outdir`);
  }
  if (listStates(outdir).length > 0) {
    throw new FileError(`${path} is missing beside the states of a run; without it the run cannot be continued`);
  }
  if (continues === "must") throw new UsageError(`${outdir} holds no run: there is no run.json in it`);
  const foreign = existsSync(outdir) && statSync(outdir).isDirectory() ? readdirSync(outdir).filter(isOfARun) : [];
  if (foreign.length > 0) {
    throw new UsageError(`${outdir} holds ${foreign[0]}, which a run would overwrite; choose another --outdir`);
  }
  return null;
}

const isOfARun = (name: string): boolean => OF_A_RUN.test(name);

/** The kinds of the fields of run.json. */
const FIELDS: Readonly<Record<keyof RunDefinition, string>> = {
  version: "number",
  options: "object",
  dataPath: "string",
  data: "object",
  seed: "number",
  startedFrom: "string or null",
  generator: "object",
  discriminator: "object",
  settings: "object",
  mixingProbability: "number",
  batch: "number",
  schedule: "object or null",
};

function readDefinition(path: string): RunDefinition {
  let definition: Record<string, unknown>;
  try {
    definition = JSON.parse(new TextDecoder().decode(readFile(path))) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(`${path} is damaged: ${(error as Error).message}`, undefined, { cause: error });
  }
  const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value);
  if (kindOf(definition) !== "object")
    throw new FileError(`${path} is damaged: expected an object, found ${kindOf(definition)}`);
  if (definition.version !== 1) throw new FileError(`${path}: expected version 1, found ${definition.version}`);
  for (const [field, kind] of Object.entries(FIELDS)) {
    const found = kindOf(definition[field]);
    if (!kind.split(" or ").includes(found)) {
      throw new FileError(`${path} is damaged: ${field} must be ${kind}, found ${found}`);
    }
  }
  return definition as unknown as RunDefinition;
}

/** A run that writes into its own data set could not be resumed: the images would be others. */
export function checkApart(dataPath: string, outdir: string): void {
  if (!existsSync(dataPath) || !statSync(dataPath).isDirectory()) return;
  const way = relative(realpathSync(dataPath), realPathOf(outdir));
  if (way === "" || (way !== ".." && !way.startsWith(`..${sep}`))) {
    throw new UsageError(`--outdir ${outdir} lies in --data ${dataPath}: its pictures would become training images`);
  }
}

/** The real path of a folder that may still have to be made. */
function realPathOf(path: string): string {
  const whole = resolve(path);
  if (existsSync(whole)) return realpathSync(whole);
  return join(realPathOf(dirname(whole)), relative(dirname(whole), whole));
}

/**
 * Takes a run's folder for this process until `release`. A lock that a killed process left behind counts for nothing.
 *
 * @throws UsageError naming the other process, when it is alive
 */
export function lockFolder(outdir: string): { release(): void } {
  const path = join(outdir, ".lock");
  const own = JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() });
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, own, { flag: "wx" });
      return { release: () => rmSync(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw systemError("write", path, error);
    }
    const other = readLock(path);
    if (attempt > 0 || (other !== null && isAlive(other))) {
      const who = other === null ? "another process" : `process ${other.pid} on ${other.host}, since ${other.since}`;
      throw new UsageError(`${outdir} is in use by ${who}; if that is gone, delete ${path}`);
    }
    rmSync(path, { force: true });
  }
}

interface Lock {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

function readLock(path: string): Lock | null {
  try {
    const lock = JSON.parse(new TextDecoder().decode(readFile(path))) as Lock;
    return Number.isSafeInteger(lock.pid) && typeof lock.host === "string" ? lock : null;
  } catch {
    return null;
  }
}

/** Processes of other machines are taken to be alive. */
function isAlive({ pid, host }: Lock): boolean {
  if (host !== hostname()) return true;
  return pid !== process.pid && isProcessAlive(pid);
}
