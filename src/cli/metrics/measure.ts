/** From the name of a metric to what has to be computed for it, and from that to its numbers. */
import { type AnyGenerator, noGrad, RandomState, scope, Tensor } from "../../index.js";
import {
  type Classifier,
  type FeatureStatistics,
  type Features,
  featureStatistics,
  frechetDistance,
  INCEPTION_CLASSES,
  INCEPTION_FEATURES,
  type InceptionV3,
  inceptionScore,
  type Lpips,
  manifoldPrecisionRecall,
  perceptualPathLength,
  type ResizeMode,
  subsetKernelDistance,
} from "../../stylegan/evaluation/index.js";
import { classifierRows } from "./classifierRows.js";
import { EPSILON, inceptionRows, pathRows } from "./features.js";
import { generatedImages, type ImageSet, type RealImages } from "./images.js";
import { type Metric, NEIGHBOURS, type PathMetric, type SetMetric } from "./names.js";
import type { RowCache, RowSource } from "./rows.js";
import type { OpenWeights } from "./weights.js";

/** What measures, and what is measured against. */
export interface Instruments {
  readonly inception: OpenWeights<InceptionV3> | null;
  readonly lpips: OpenWeights<Lpips> | null;
  readonly classifier: OpenWeights<Classifier> | null;
  readonly real: RealImages | null;
  /** In place of real images, for the Frechet distance alone. */
  readonly realStatistics: FeatureStatistics | null;
  readonly resize: ResizeMode;
  readonly seed: number;
  readonly trunc: number;
}

export interface Subject {
  readonly generator: AnyGenerator;
  readonly label: string;
  /** Of the data, for conditional networks. */
  readonly labels: readonly Float32Array[];
}

export interface Need {
  readonly source: RowSource;
  readonly rows: number;
}

export interface Task {
  readonly metric: Metric;
  readonly needs: readonly Need[];
  /** Images of each kind; of path lengths, pairs. */
  readonly images: { readonly generated: number; readonly real: number | null };
  /** The numbers under the official keys, once everything needed is there. */
  finish(cache: RowReader): Readonly<Record<string, number>>;
}

/** Where rows that are complete are read. */
export type RowReader = Pick<RowCache, "read">;

const featuresOf = (cache: RowReader, { source, rows }: Need): Features => ({
  data: cache.read(source, { begin: 0, end: rows }),
  count: rows,
  dims: source.width,
});

/** What a metric takes of one network. */
export function taskOf(metric: Metric, subject: Subject, instruments: Instruments): Task {
  const { seed, trunc: truncationPsi } = instruments;
  if (metric.kind === "ppl") return pathTask(metric, subject, instruments);
  const rowsOf = (images: ImageSet): RowSource =>
    metric.kind === "classifier"
      ? classifierRows(images, instruments.classifier!)
      : inceptionRows(images, { inception: instruments.inception!, resize: instruments.resize });
  const generated = generatedImages({ ...subject, seed, truncationPsi });
  const fake: Need = { source: rowsOf(generated), rows: metric.count };
  if (metric.kind === "is") {
    return {
      metric,
      needs: [fake],
      images: { generated: metric.count, real: null },
      finish: (cache) => score(metric.name, featuresOf(cache, fake), instruments.inception!.network),
    };
  }
  const { real: set, realStatistics } = instruments;
  if (set === null) {
    return {
      metric,
      needs: [fake],
      images: { generated: metric.count, real: null },
      finish: (cache) => ({
        [metric.name]: frechetDistance(realStatistics!, featureStatistics(featuresOf(cache, fake))),
      }),
    };
  }
  const real: Need = { source: rowsOf(set), rows: metric.full ? set.count : Math.min(metric.count, set.count) };
  return {
    metric,
    needs: [real, fake],
    images: { generated: metric.count, real: real.rows },
    finish: (cache) => compareSets(metric, featuresOf(cache, real), featuresOf(cache, fake), seed),
  };
}

function pathTask(metric: PathMetric, subject: Subject, { lpips, seed }: Instruments): Task {
  const need: Need = { source: pathRows({ ...subject, seed, lpips: lpips!, metric }), rows: metric.count };
  return {
    metric,
    needs: [need],
    images: { generated: metric.count, real: null },
    finish: (cache) => ({
      [metric.name]: perceptualPathLength(featuresOf(cache, need).data, { epsilon: EPSILON }),
    }),
  };
}

function compareSets(
  { kind, name }: SetMetric,
  real: Features,
  fake: Features,
  seed: number,
): Readonly<Record<string, number>> {
  switch (kind) {
    case "fid":
    case "classifier":
      return { [name]: frechetDistance(featureStatistics(real), featureStatistics(fake)) };
    case "kid":
      return { [name]: subsetKernelDistance(real, fake, { random: new RandomState(seed) }) };
    case "pr": {
      const { precision, recall } = manifoldPrecisionRecall(real, fake, { k: NEIGHBOURS });
      return { [`${name}_precision`]: precision, [`${name}_recall`]: recall };
    }
  }
}

/** Rows whose logits are computed at once. */
const LOGIT_ROWS = 1000;

function score(name: string, { data, count }: Features, inception: InceptionV3): Readonly<Record<string, number>> {
  const logits = new Float32Array(count * INCEPTION_CLASSES);
  for (let begin = 0; begin < count; begin += LOGIT_ROWS) {
    const rows = Math.min(LOGIT_ROWS, count - begin);
    const part = data.subarray(begin * INCEPTION_FEATURES, (begin + rows) * INCEPTION_FEATURES);
    const values = noGrad(() => scope(() => inception.logits(Tensor.from(part, [rows, INCEPTION_FEATURES])).toArray()));
    logits.set(values, begin * INCEPTION_CLASSES);
  }
  const { mean, std } = inceptionScore(logits, count);
  return { [`${name}_mean`]: mean, [`${name}_std`]: std };
}
