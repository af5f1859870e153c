/**
 * Inception score (Salimans et al. 2016): how sure a classifier is of single images, and how unsure of all of them.
 *
 *   IS = exp(mean over images of sum_c p_c log(p_c / mean p_c))
 *
 * for each of several splits of the images; what is told are mean and deviation over the splits.
 * Tests: tests/goldens/inception.test.ts.
 */

export interface InceptionScore {
  /** Mean over the splits. */
  readonly mean: number;
  /** Standard deviation over the splits (population). */
  readonly std: number;
}

/**
 * @param logits [count, classes], row-major: those without biases, for the official score
 * @param options `splits` of the images, in their order; default 10
 * @throws RangeError when there are fewer images than splits
 */
export function inceptionScore(
  logits: ArrayLike<number>,
  count: number,
  options: { readonly splits?: number } = {},
): InceptionScore {
  const { splits = 10 } = options;
  const classes = logits.length / count;
  if (!Number.isInteger(classes) || classes < 1) {
    throw new RangeError(`inceptionScore: expected ${count} rows of logits, got ${logits.length} numbers`);
  }
  if (!Number.isInteger(splits) || splits < 1 || count < splits) {
    throw new RangeError(`inceptionScore: needs at least one image a split, got ${count} images and ${splits} splits`);
  }
  const scores = Array.from({ length: splits }, (_, k) => {
    const [begin, end] = [Math.floor((k * count) / splits), Math.floor(((k + 1) * count) / splits)];
    return splitScore(logits, classes, begin, end);
  });
  const mean = scores.reduce((sum, score) => sum + score, 0) / splits;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / splits;
  return { mean, std: Math.sqrt(variance) };
}

/** With entropies: sum p log(p / q), averaged, is H(mean p) - mean H(p). */
function splitScore(logits: ArrayLike<number>, classes: number, begin: number, end: number): number {
  const marginal = new Float64Array(classes);
  const row = new Float64Array(classes);
  let negativeEntropy = 0;
  for (let n = begin; n < end; n++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[n * classes + c]);
    let total = 0;
    for (let c = 0; c < classes; c++) {
      row[c] = logits[n * classes + c] - largest;
      total += Math.exp(row[c]);
    }
    for (let c = 0; c < classes; c++) {
      const logP = row[c] - Math.log(total);
      const p = Math.exp(logP);
      negativeEntropy += p * logP;
      marginal[c] += p;
    }
  }
  const images = end - begin;
  let divergence = negativeEntropy / images;
  for (const sum of marginal) if (sum > 0) divergence -= (sum / images) * Math.log(sum / images);
  return Math.exp(divergence);
}
