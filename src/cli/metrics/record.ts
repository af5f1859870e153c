/** What is told of a measurement: a line of metric-NAME.jsonl with the official keys, and a line for people. */
import { basename, join } from "node:path";
import { appendFile } from "../../files.js";
import { formatDuration } from "../progress.js";
import type { Instruments, Task } from "./measure.js";

/** Below this many images bias or noise is so large that only equal counts compare. */
const FEW_IMAGES = 10_000;

export interface Measurement {
  readonly task: Task;
  readonly results: Readonly<Record<string, number>>;
  readonly instruments: Instruments;
  /** Path of the network's file, and the hash of the network. */
  readonly network: string;
  readonly networkSha256: string;
  readonly milliseconds: number;
}

/** The keys of the official lines first, then all that the numbers depend on. */
export function recordOf({ task, results, instruments, network, networkSha256, milliseconds }: Measurement) {
  const { metric, images } = task;
  const { inception, lpips, classifier, real, resize, seed, trunc } = instruments;
  const uses = { inception: metric.kind !== "ppl" && metric.kind !== "classifier", lpips: metric.kind === "ppl" };
  return {
    results,
    metric: metric.name,
    total_time: milliseconds / 1000,
    total_time_str: formatDuration(milliseconds),
    num_gpus: 0,
    snapshot_pkl: basename(network),
    timestamp: Date.now() / 1000,
    state: "G_ema",
    network_sha256: networkSha256,
    seed,
    trunc: metric.kind === "ppl" ? 1 : trunc,
    noise_mode: "random",
    num_generated: images.generated,
    num_real: images.real,
    ...(real !== null && images.real !== null && { data: real.identity }),
    ...(uses.inception && inception !== null && { resize, features: "inception", inception_sha256: inception.sha256 }),
    ...(uses.lpips && lpips !== null && { lpips_sha256: lpips.sha256 }),
    ...(metric.kind === "classifier" && { features: "classifier", classifier_sha256: classifier!.sha256 }),
  };
}

export function appendRecord(folder: string, metric: string, record: object): void {
  appendFile(join(folder, `metric-${metric}.jsonl`), new TextEncoder().encode(`${JSON.stringify(record)}\n`));
}

/** `fid50k_full 12.34` */
export function describeResults(results: Readonly<Record<string, number>>): string {
  return Object.entries(results)
    .map(([key, value]) => `${key} ${Number(value.toPrecision(6))}`)
    .join(", ");
}

/** What is too small about a measurement, in words; null when nothing is. */
export function warningOf({ metric, images }: Task): string | null {
  const { generated, real } = images;
  const fewest = real === null ? generated : Math.min(generated, real);
  if (fewest >= FEW_IMAGES) return null;
  return `${metric.name} looks at ${fewest} images: below ${FEW_IMAGES} it depends on their number, so compare it with the same count only`;
}
