/** `train --metric fid5k_full,...`: what `stylegan metrics` measures, of every snapshot, in lines beside it. */
import { type AnyGenerator, scope, toPixels } from "../../index.js";
import type { ImageDataset } from "../../stylegan/training/index.js";
import { openMetricClassifier } from "../metrics/classifier.js";
import { checkLabels, type RealImages } from "../metrics/images.js";
import { type Instruments, taskOf } from "../metrics/measure.js";
import { type Metric, needsInception, parseMetrics } from "../metrics/names.js";
import { appendRecord, recordOf, warningOf } from "../metrics/record.js";
import { RowCache, type RowSource } from "../metrics/rows.js";
import { openInception, openLpips } from "../metrics/weights.js";
import { parametersHash } from "../networks.js";
import type { Terminal } from "../terminal.js";

export interface NamedMetricsOptions {
  readonly dataset: ImageDataset;
  readonly inception?: string;
  readonly lpips?: string;
  readonly outdir: string;
}

/** The metrics that a text names; null when it names something else, such as a file. */
export function namedMetrics(text: string): readonly Metric[] | null {
  if (!/^(fid|kid|pr|is|ppl|classifier)\d*[\w,]*$/.test(text)) return null;
  return parseMetrics(text);
}

/** Measures again and again against the same real images, whose features stay in memory. */
export class SnapshotMetrics {
  readonly #metrics: readonly Metric[];
  readonly #options: NamedMetricsOptions;
  readonly #instruments: Omit<Instruments, "classifier">;
  readonly #realRows = new RowCache(null);
  readonly #warned = new Set<string>();

  /** Opens all files that it needs. */
  constructor(metrics: readonly Metric[], options: NamedMetricsOptions) {
    const forInception = metrics.find(needsInception);
    const forLpips = metrics.find(({ kind }) => kind === "ppl");
    this.#metrics = metrics;
    this.#options = options;
    this.#instruments = {
      inception: forInception === undefined ? null : openInception(options.inception, forInception.name),
      lpips: forLpips === undefined ? null : openLpips(options.lpips, forLpips.name),
      real: imagesOf(options.dataset),
      realStatistics: null,
      resize: "tf",
      seed: 0,
      trunc: 1,
    };
  }

  /**
   * @param file name of the snapshot
   * @param terminal is warned of metrics of few images, once
   * @returns the results of all metrics
   */
  measure(generator: AnyGenerator, file: string, terminal: Terminal): Readonly<Record<string, number>> {
    const { dataset, outdir } = this.#options;
    const labels = generator.cDim > 0 ? dataset.labels : [];
    checkLabels(generator, file, labels);
    const instruments: Instruments = {
      ...this.#instruments,
      classifier: this.#metrics.some(({ kind }) => kind === "classifier")
        ? openMetricClassifier("random", generator)
        : null,
    };
    const generatedRows = new RowCache(null);
    const all: Record<string, number> = {};
    for (const metric of this.#metrics) {
      const start = performance.now();
      const task = taskOf(metric, { generator, label: file, labels }, instruments);
      const warning = warningOf(task);
      if (warning !== null && !this.#warned.has(metric.name)) {
        this.#warned.add(metric.name);
        terminal.err(`warning: ${warning}\n`);
      }
      const cacheOf = ({ label }: RowSource): RowCache => (label === REAL ? this.#realRows : generatedRows);
      for (const { source, rows } of task.needs) cacheOf(source).fill(source, { begin: 0, end: rows }, () => {});
      const results = task.finish({ read: (source, range) => cacheOf(source).read(source, range) });
      const milliseconds = performance.now() - start;
      const networkSha256 = parametersHash(generator);
      appendRecord(
        outdir,
        metric.name,
        recordOf({ task, results, instruments, network: file, networkSha256, milliseconds }),
      );
      Object.assign(all, results);
    }
    return all;
  }
}

const REAL = "the data of the run";

function imagesOf(dataset: ImageDataset): RealImages {
  const { count, resolution, channels } = dataset;
  return {
    label: REAL,
    identity: { count, resolution, channels },
    count,
    labels: () => dataset.labels,
    image: (index) => {
      const data = scope(() => toPixels(dataset.images([index])));
      return { width: resolution, height: resolution, channels, data };
    },
  };
}
