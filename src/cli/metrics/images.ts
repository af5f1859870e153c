/** Sets of images that metrics look at, image by image: those of a folder or zip, and those of a network. */
import { createHash, type Hash } from "node:crypto";
import { decodeImage, FileError, withChannels } from "../../formats/index.js";
import { type AnyGenerator, RandomState, scope, Tensor, toPixels } from "../../index.js";
import type { ImagePixels } from "../../stylegan/evaluation/index.js";
import { parseLabels } from "../../stylegan/training/index.js";
import { mirrored, openImages } from "../images/datasetFiles.js";
import { synthesize } from "../images/pictures.js";
import { parametersHash } from "../networks.js";
import { type Terminal, UsageError } from "../terminal.js";
import { MOST_IMAGES } from "./names.js";

export interface ImageSet {
  readonly label: string;
  /** What its images depend on. */
  readonly identity: Readonly<Record<string, unknown>>;
  image(index: number): ImagePixels;
}

export interface RealImages extends ImageSet {
  readonly count: number;
  /** Labels of all images, mirrored ones not counted; empty without labels. */
  labels(): readonly Float32Array[];
}

/**
 * The images of a folder or zip, of any sizes. All files are read once, for a fingerprint of the set.
 *
 * @param mirror every image also mirrored, after all others
 */
export function openRealImages(path: string, mirror: boolean, terminal: Terminal): RealImages {
  const { files, json, ignored } = openImages(path);
  if (ignored !== null) terminal.err(`warning: ${path}: ${ignored}\n`);
  if (files.length === 0) throw new Error(`${path}: expected PNG or JPEG images, found none`);
  const hash = createHash("sha256");
  for (const { name, read } of files)
    hash.update(name).update("\0").update(createHash("sha256").update(read()).digest());
  const decode = (index: number): ImagePixels => {
    const { name, read } = files[index];
    try {
      return { ...withChannels(decodeImage(read()), 3), channels: 3 };
    } catch (error) {
      if (error instanceof FileError) throw new Error(`${path}: ${name}: ${error.message}`, { cause: error });
      throw error;
    }
  };
  return {
    label: path,
    identity: { images: hash.digest("hex"), mirror },
    count: files.length * (mirror ? 2 : 1),
    labels: () =>
      parseLabels(
        json,
        files.map(({ name }) => name),
      ) ?? [],
    image: (index) => (index < files.length ? decode(index) : mirrored(decode(index - files.length))),
  };
}

/**
 * The seed of image `index`: that of `stylegan generate --seeds`. Each seed of a metric has a million images of its own.
 */
export const imageSeed = (seed: number, index: number): number => (seed * MOST_IMAGES + index) % 2 ** 32;

/** Labels are drawn beside the latents, not from the same numbers. */
const LABEL_SEED = 0x5bd1e995;

export interface GeneratedOptions {
  readonly generator: AnyGenerator;
  readonly label: string;
  readonly seed: number;
  readonly truncationPsi: number;
  /** To draw from, for conditional networks. */
  readonly labels: readonly Float32Array[];
}

/** What `stylegan generate --noise-mode random` makes of seeds, as 8-bit pixels: image i depends on its seed alone. */
export function generatedImages(options: GeneratedOptions): ImageSet {
  const { generator, label, seed, truncationPsi, labels } = options;
  const { zDim, imgChannels, imgResolution } = generator;
  if (imgChannels !== 1 && imgChannels !== 3) {
    throw new UsageError(`${label} makes images of ${imgChannels} channels; metrics are for 1 or 3`);
  }
  return {
    label,
    identity: { network: parametersHash(generator), seed, truncationPsi, noise: "random", labels: labelsHash(options) },
    image: (index) => {
      const random = new RandomState(imageSeed(seed, index));
      const makeWs = (): Tensor => {
        const z = Tensor.from(random.randn(zDim), [1, zDim]);
        return generator.mapping.forward(z, drawLabel(generator, labels, seed, index), { truncationPsi });
      };
      const data = scope(() => toPixels(synthesize(generator, makeWs, { noiseMode: "random", random })));
      return { width: imgResolution, height: imgResolution, channels: imgChannels, data };
    },
  };
}

/** [1, cDim]: a label of the data, drawn for this image; null for unconditional networks. */
export function drawLabel(
  { cDim }: AnyGenerator,
  labels: readonly Float32Array[],
  seed: number,
  index: number,
): Tensor | null {
  if (cDim === 0) return null;
  const random = new RandomState((imageSeed(seed, index) ^ LABEL_SEED) >>> 0);
  return Tensor.from(labels[random.randint(0, labels.length)], [1, cDim]);
}

/** Fails early when a conditional network's labels cannot be drawn from the data. */
export function checkLabels({ cDim }: AnyGenerator, label: string, labels: readonly Float32Array[]): void {
  if (cDim === 0) return;
  if (labels.length === 0) {
    throw new UsageError(`${label} is conditional: its classes are drawn from the labels of --data, which has none`);
  }
  if (labels[0].length !== cDim) {
    throw new UsageError(`${label} has ${cDim} classes, the labels of --data have ${labels[0].length}`);
  }
}

export function labelsHash({ generator, labels }: Pick<GeneratedOptions, "generator" | "labels">): string | null {
  if (generator.cDim === 0) return null;
  const hash = createHash("sha256");
  for (const values of labels) updateWith(hash, values);
  return hash.digest("hex");
}

function updateWith(hash: Hash, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
  hash.update(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
}
