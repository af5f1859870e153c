/** The small classifier of `classifier2k` and its like: a file, or one that nobody trained. */
import { createHash } from "node:crypto";
import { readFile } from "../../files.js";
import { FileError } from "../../formats/index.js";
import { type AnyGenerator, RandomState } from "../../index.js";
import { initialContents } from "../../nn/index.js";
import { Classifier, decodeClassifier } from "../../stylegan/evaluation/index.js";
import type { OpenWeights } from "./weights.js";

const RANDOM_SEED = 2018;

/** @param source a file, or "random": its features still tell sets of images apart */
export function openMetricClassifier(
  source: string,
  { imgResolution, imgChannels }: AnyGenerator,
): OpenWeights<Classifier> {
  if (source === "random") {
    const contents = initialContents(new RandomState(RANDOM_SEED));
    const network = new Classifier({ imgResolution, imgChannels, groups: [] }, contents);
    return { network, sha256: `random ${RANDOM_SEED}, ${imgResolution}x${imgResolution}x${imgChannels}` };
  }
  const bytes = readFile(source);
  try {
    return { network: decodeClassifier(bytes), sha256: createHash("sha256").update(bytes).digest("hex") };
  } catch (error) {
    if (error instanceof FileError) throw new Error(`${source}: ${error.message}`, { cause: error });
    throw error;
  }
}
