/** Names of metrics as the official tools have them, with any count: fid50k_full, kid5k, pr5003, is1k, ppl2_wend1k, ... */
import { InvalidArgumentError } from "commander";

interface Named {
  /** As it was asked for: also the name of the file of results. */
  readonly name: string;
  /** Generated images (or pairs of them). */
  readonly count: number;
}

/** Compares generated images with real ones: with all of them (`full`), or with as many. */
export interface SetMetric extends Named {
  readonly kind: "fid" | "kid" | "pr" | "classifier";
  readonly full: boolean;
}

export interface ScoreMetric extends Named {
  readonly kind: "is";
}

export interface PathMetric extends Named {
  readonly kind: "ppl";
  readonly space: "w" | "z";
  /** Steps begin at the ends of the paths, or anywhere on them. */
  readonly sampling: "end" | "full";
  readonly crop: boolean;
}

export type Metric = SetMetric | ScoreMetric | PathMetric;

/** What the official path length takes where its name says nothing. */
const DEFAULT_PATHS = 50_000;
/** Neighbours of precision and recall, a part of their name. */
export const NEIGHBOURS = 3;
/** Images of a seed; see `imageSeed`. */
export const MOST_IMAGES = 1_000_000;

const FORMS = "fid50k_full, kid50k_full, pr50k3_full, is50k, ppl2_wend, classifier2k, with any count";

/** @throws InvalidArgumentError when there is no such metric */
export function parseMetric(name: string): Metric {
  const ofSets = /^(fid|kid|classifier)(\d+k?)(_full)?$/.exec(name) ?? /^(pr)(\d+k?)3(_full)?$/.exec(name);
  if (ofSets !== null) {
    const [, kind, count, full] = ofSets;
    return { name, kind: kind as SetMetric["kind"], count: countOf(name, count, 2), full: full !== undefined };
  }
  const score = /^is(\d+k?)$/.exec(name);
  if (score !== null) return { name, kind: "is", count: countOf(name, score[1], 10) };
  const path = /^ppl(2?)_([wz])(end|full)(\d+k?)?$/.exec(name);
  if (path !== null) {
    const [, version, space, sampling, count] = path;
    return {
      name,
      kind: "ppl",
      count: count === undefined ? DEFAULT_PATHS : countOf(name, count, 1),
      space: space as PathMetric["space"],
      sampling: sampling as PathMetric["sampling"],
      crop: version === "", // the first version looks at the middle of portraits
    };
  }
  throw new InvalidArgumentError(`There is no metric ${name}: expected ${FORMS}.`);
}

function countOf(name: string, text: string, atLeast: number): number {
  const count = text.endsWith("k") ? Number(text.slice(0, -1)) * 1000 : Number(text);
  if (count < atLeast || count > MOST_IMAGES) {
    throw new InvalidArgumentError(`${name}: expected from ${atLeast} to ${MOST_IMAGES} images, got ${count}.`);
  }
  return count;
}

/** `fid50k_full,is50k` */
export function parseMetrics(text: string): Metric[] {
  const metrics = text.split(",").map((name) => parseMetric(name.trim()));
  const twice = metrics.find(({ name }, k) => metrics.findIndex((other) => other.name === name) !== k);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice.name} is named twice.`);
  return metrics;
}

/** Metrics that compare Inception features. */
export const needsInception = ({ kind }: Metric): boolean => kind !== "ppl" && kind !== "classifier";
/** Metrics that need single features of real images; statistics will not do. */
export const needsRealFeatures = ({ kind }: Metric): boolean =>
  kind === "kid" || kind === "pr" || kind === "classifier";
export const needsData = (metric: Metric): boolean => metric.kind === "fid" || needsRealFeatures(metric);
