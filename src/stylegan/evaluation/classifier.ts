/**
 * A small classifier of images, whose last hidden layer serves as features for distances between sets of images: what
 * Inception is to FID, small enough to be trained in this repository (scripts/runs/trainClassifier.mjs).
 *
 *   image -> 3x3 convolution -> (3x3 convolution, half the size) until 4x4 -> dense: the features -> dense: logits
 *
 * It may answer several questions at once (`groups`: hair, expression, background), each with classes of its own.
 * Tests: tests/training/classifier.test.ts.
 */
import { describe, FileError } from "../../formats/fileError.js";
import { denseTensor } from "../../formats/plainTensor.js";
import { readSafetensors, type SafetensorsEntry, writeSafetensors } from "../../formats/safetensors.js";
import { DenseLayer } from "../../nn/layers/dense.js";
import { type Contents, ParameterTree } from "../../nn/layers/module.js";
import { exp, log, mul, sub } from "../../nn/ops/arith.js";
import { reshape, sum } from "../../nn/ops/reduce.js";
import { mean } from "../../nn/ops/statistics.js";
import { setupFilter } from "../../nn/ops/upfirdn2d.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, Tensor } from "../../nn/tensor.js";
import { Conv2dLayer } from "../convLayer.js";

export interface ClassifierConfig {
  readonly imgResolution: number;
  readonly imgChannels: number;
  /** Number of classes of each question. */
  readonly groups: readonly number[];
  /** Feature maps after the first layer; they double with every halving of the size, up to 64. Default 16. */
  readonly width?: number;
  /** Default 64. */
  readonly featureDims?: number;
}

const FORMAT = "stylegan-classifier";
const MAX_WIDTH = 64;

export class Classifier {
  readonly config: ClassifierConfig;
  readonly featureDims: number;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly #convolutions: readonly Conv2dLayer[];
  readonly #dense: DenseLayer;
  readonly #heads: readonly DenseLayer[];

  /** @throws RangeError when the resolution is not a power of two of at least 4 */
  constructor(config: ClassifierConfig, contents: Contents) {
    const { imgResolution, imgChannels, groups, width = 16, featureDims = 64 } = config;
    const halvings = Math.log2(imgResolution) - 2;
    if (!Number.isInteger(halvings) || halvings < 0) {
      throw new RangeError(`Classifier: imgResolution must be a power of two of at least 4, got ${imgResolution}`);
    }
    const tree = new ParameterTree(contents);
    const filter = setupFilter([1, 3, 3, 1]);
    const widths = Array.from({ length: halvings + 1 }, (_, level) => Math.min(width * 2 ** level, MAX_WIDTH));
    this.config = config;
    this.featureDims = featureDims;
    this.#convolutions = widths.map((out, level) => {
      const down = level === 0 ? 1 : 2;
      const input = level === 0 ? imgChannels : widths[level - 1];
      return new Conv2dLayer(tree.child(`conv${level}`), input, out, 3, { activation: "lrelu", down, filter });
    });
    this.#dense = new DenseLayer(tree.child("dense"), widths[halvings] * 16, featureDims, { activation: "lrelu" });
    this.#heads = groups.map((classes, group) => new DenseLayer(tree.child(`head${group}`), featureDims, classes));
    this.parameters = tree.parameters;
  }

  /** images [N, C, H, W], values from -1 to 1 -> [N, featureDims] */
  features(images: Tensor): Tensor {
    const { imgResolution, imgChannels } = this.config;
    assertShape("Classifier", "images", images.shape, [null, imgChannels, imgResolution, imgResolution], "N, C, H, W");
    return inScope(() => {
      const x = this.#convolutions.reduce((state, layer) => layer.forward(state), images); // [N, C, 4, 4]
      return this.#dense.forward(reshape(x, [x.shape[0], -1]));
    });
  }

  /** images [N, C, H, W] -> for each question, logits [N, classes] */
  forward(images: Tensor): Tensor[] {
    return inScope(() => {
      const features = this.features(images);
      return this.#heads.map((head) => head.forward(features));
    });
  }
}

/**
 * -E[log softmax(logits)[label]]
 *
 * @param logits [N, classes]
 * @param labels N classes
 * @returns []
 */
export function crossEntropy(logits: Tensor, labels: readonly number[]): Tensor {
  const [n, classes] = logits.shape;
  assertShape("crossEntropy", "the number of labels", [labels.length], [n]);
  return inScope(() => {
    const values = logits.toFloat64Array();
    const row = (index: number): Float64Array => values.subarray(index * classes, (index + 1) * classes);
    // Subtracting the largest logit changes nothing but keeps exp finite.
    const largest = Tensor.from(
      Float64Array.from(labels, (_, index) => Math.max(...row(index))),
      [n, 1],
    );
    const oneHot = new Float64Array(n * classes);
    for (const [index, label] of labels.entries()) oneHot[index * classes + label] = 1;
    const shifted = sub(logits, largest); // [N, classes]
    const normalizer = log(sum(exp(shifted), { axes: [1] })); // [N]
    const chosen = sum(mul(shifted, Tensor.from(oneHot, [n, classes])), { axes: [1] }); // [N]
    return mean(sub(normalizer, chosen));
  });
}

/** The classifier as a safetensors file. */
export function encodeClassifier({ config, parameters }: Classifier): Uint8Array {
  const entries = [...parameters].map(([name, { internals, shape }]): SafetensorsEntry => {
    return { name, dtype: "f32", tensor: denseTensor(internals.block.data, shape, name) };
  });
  const metadata = new Map([
    ["format", FORMAT],
    ["version", "1"],
    ["config", JSON.stringify(config)],
  ]);
  return writeSafetensors(entries, metadata);
}

/** @throws FileError when the bytes are no classifier, or a tensor is missing */
export function decodeClassifier(bytes: Uint8Array): Classifier {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata.get("format") !== FORMAT) {
    throw new FileError(`classifier: expected format "${FORMAT}", found ${describe(metadata.get("format"))}`);
  }
  const config = parseConfig(metadata.get("config"));
  return new Classifier(config, (name, shape, data) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new FileError(`classifier: ${name} is missing`);
    if (tensor.size !== data.length) {
      throw new FileError(`classifier: ${name} must be [${shape}], found [${tensor.shape}]`);
    }
    tensor.copyTo(data);
  });
}

function parseConfig(text: string | undefined): ClassifierConfig {
  const isCount = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1 << 16;
  try {
    const config = JSON.parse(text ?? "") as Partial<ClassifierConfig>;
    const { imgResolution, imgChannels, groups, width = 16, featureDims = 64 } = config;
    if (Array.isArray(groups) && [imgResolution, imgChannels, width, featureDims, ...groups].every(isCount)) {
      return { ...config, groups } as ClassifierConfig;
    }
  } catch {
    // Told below.
  }
  throw new FileError(`classifier: expected its geometry as JSON, found ${describe(text)}`);
}
