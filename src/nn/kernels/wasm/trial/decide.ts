/** `wide: "auto"`: whether the wide build is right here, by a trial that is made once. */
import { isNode, v8Version } from "../../../../host.js";
import { runTrial, type TrialEnd } from "./start.js";
import { openKeeper, readVerdict, type Verdict, verdictKey, verdictPath } from "./verdict.js";

export interface WideDecision {
  /** Whether the wide build is the one to take. */
  readonly wide: boolean;
  /** good, slower, differs, crashed: what a trial found. engine: nothing of the kind here. untried: no trial could be made. */
  readonly state: Verdict["verdict"] | "engine" | "untried";
  /** A sentence for people. */
  readonly reason: string;
  /** Where the verdict is kept, or would be; null where there is nothing to keep. */
  readonly file: string | null;
  /** How many times faster the wide build is, where that was measured. */
  readonly speed?: number;
  /** When that was found, as in ISO 8601. */
  readonly tried?: string;
}

export interface DecisionOptions {
  /** Called before a trial, which takes about a second. */
  readonly onTrial?: () => void;
  /** Default: that of this package, in a process of its own. */
  readonly trial?: () => Promise<TrialEnd>;
  /** Why there is no wide build here, or null. Default: asked of the engine. */
  readonly missing?: string | null;
}

/** With less gain nothing was joined. */
const leastSpeed = 1.05;

/** Why there is no wide build here; null where there is one. */
export function missingEngine(): string | null {
  const { bun, deno } = isNode() ? (process.versions as Record<string, string | undefined>) : {};
  if (!isNode() || bun !== undefined || deno !== undefined) return "it is a switch of Node.js";
  return v8Version() < 13 ? `V8 ${process.versions.v8} has no such switch; Node.js 24 and newer do` : null;
}

export async function decideWide(options: DecisionOptions = {}): Promise<WideDecision> {
  const { onTrial, trial = runTrial, missing = missingEngine() } = options;
  if (missing !== null) return { wide: false, state: "engine", reason: missing, file: null };
  const key = await verdictKey();
  let file: string | null = null;
  let keeper: ReturnType<typeof openKeeper>;
  try {
    file = verdictPath(key);
    const kept = readVerdict(file, key);
    if (kept !== null) return decisionOf(kept, file);
    keeper = openKeeper(file, key);
  } catch (error) {
    const why = (error as Error).message;
    return { wide: false, state: "untried", reason: `not tried, as the verdict cannot be kept: ${why}`, file };
  }
  try {
    onTrial?.();
    const end = await trial();
    if (end.kind === "failed") {
      return { wide: false, state: "untried", reason: `the trial failed: ${end.reason}`, file };
    }
    const verdict = verdictOf(end);
    keeper.keep(verdict);
    return decisionOf(verdict, file);
  } finally {
    keeper.drop();
  }
}

function verdictOf(end: Exclude<TrialEnd, { kind: "failed" }>): Verdict {
  const tried = new Date().toISOString();
  if (end.kind === "crashed") return { verdict: "crashed", reason: end.reason, tried };
  const { differs, speed } = end.comparison;
  if (differs !== null) return { verdict: "differs", reason: `other bits than the plain build in ${differs}`, tried };
  const times = `${speed.toFixed(2)} times faster than the plain build`;
  if (speed < leastSpeed) return { verdict: "slower", reason: `${times}, which is no gain`, speed, tried };
  return { verdict: "good", reason: `the same bits in every kernel, ${times}`, speed, tried };
}

const decisionOf = ({ verdict, ...found }: Verdict, file: string): WideDecision => ({
  wide: verdict === "good",
  state: verdict,
  ...found,
  file,
});
