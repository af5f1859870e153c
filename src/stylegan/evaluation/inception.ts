/**
 * Inception-v3 (Szegedy et al. 2016) as FID uses it: the network of the public `pt_inception-2015-12-05-6726825d.pth`,
 * whose last pool gives the 2048 features of FID, KID, precision and recall, and its dense layer the 1008 logits of the
 * inception score. Where it departs from the paper's network it follows the TensorFlow graph of 2015: average pools count
 * only what lies inside the image, and the last block pools by maximum.
 *
 *   y = relu(bn(conv(x))),   bn(t) = gamma (t - mean) / sqrt(var + 0.001) + beta
 *
 * The normalisation has stored statistics, so it is folded into weight and bias when the file is read.
 * Tests: tests/goldens/inception.test.ts.
 */
import { biasAct } from "../../nn/ops/biasAct.js";
import { conv2d } from "../../nn/ops/conv2d.js";
import { concat } from "../../nn/ops/layout.js";
import { matmul } from "../../nn/ops/matmul.js";
import { averagePool2d, maxPool2d } from "../../nn/ops/pool.js";
import { mean } from "../../nn/ops/statistics.js";
import { assertShape } from "../../nn/shape.js";
import { chain, inScope, persistentTensor, type Tensor } from "../../nn/tensor.js";
import { Weights, type WeightsSource } from "./weights.js";

/** Side of the images that go in. */
export const INCEPTION_SIDE = 299;
/** Features of an image. */
export const INCEPTION_FEATURES = 2048;
/** Logits of an image: 1000 classes and some that were never used. */
export const INCEPTION_CLASSES = 1008;

const BN_EPSILON = 0.001;

/** Height and width of a kernel; "same" keeps the size, a number is the stride of a convolution without padding. */
interface Conv {
  readonly name: string;
  readonly out: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly same: boolean;
}

type Pool = "average" | "max" | "max, half the size";

/** A part of the network: parts one after the other, parts side by side whose results are joined, a convolution, or a pool. */
type Part =
  | { readonly kind: "chain"; readonly parts: readonly Part[] }
  | { readonly kind: "branches"; readonly name: string; readonly parts: readonly Part[] }
  | { readonly kind: "conv"; readonly conv: Conv }
  | { readonly kind: "pool"; readonly pool: Pool };

const chainOf = (...parts: readonly Part[]): Part => ({ kind: "chain", parts });
const pool = (kind: Pool): Part => ({ kind: "pool", pool: kind });

/** A convolution that keeps the size. */
function conv(name: string, out: number, kernelHeight = 1, kernelWidth = kernelHeight): Part {
  return { kind: "conv", conv: { name, out, kernel: [kernelHeight, kernelWidth], stride: 1, same: true } };
}

/** A 3x3 convolution without padding. */
function valid(name: string, out: number, stride: number): Part {
  return { kind: "conv", conv: { name, out, kernel: [3, 3], stride, same: false } };
}

function branches(name: string, ...parts: readonly Part[]): Part {
  return { kind: "branches", name, parts };
}

/** The 35x35 blocks. */
const blockA = (name: string, pooled: number): Part =>
  branches(
    name,
    conv("branch1x1", 64),
    chainOf(conv("branch5x5_1", 48), conv("branch5x5_2", 64, 5)),
    chainOf(conv("branch3x3dbl_1", 64), conv("branch3x3dbl_2", 96, 3), conv("branch3x3dbl_3", 96, 3)),
    chainOf(pool("average"), conv("branch_pool", pooled)),
  );

/** The 17x17 blocks, with 7x7 kernels in two factors. */
const blockB = (name: string, m: number): Part =>
  branches(
    name,
    conv("branch1x1", 192),
    chainOf(conv("branch7x7_1", m), conv("branch7x7_2", m, 1, 7), conv("branch7x7_3", 192, 7, 1)),
    chainOf(
      conv("branch7x7dbl_1", m),
      conv("branch7x7dbl_2", m, 7, 1),
      conv("branch7x7dbl_3", m, 1, 7),
      conv("branch7x7dbl_4", m, 7, 1),
      conv("branch7x7dbl_5", 192, 1, 7),
    ),
    chainOf(pool("average"), conv("branch_pool", 192)),
  );

/** A 1x3 and a 3x1 convolution side by side. */
const fork = (name: string, letters: readonly [string, string]): Part =>
  branches("", conv(`${name}${letters[0]}`, 384, 1, 3), conv(`${name}${letters[1]}`, 384, 3, 1));

/** The 8x8 blocks. */
const blockC = (name: string, kind: Pool): Part =>
  branches(
    name,
    conv("branch1x1", 320),
    chainOf(conv("branch3x3_1", 384), fork("branch3x3_2", ["a", "b"])),
    chainOf(conv("branch3x3dbl_1", 448), conv("branch3x3dbl_2", 384, 3), fork("branch3x3dbl_3", ["a", "b"])),
    chainOf(pool(kind), conv("branch_pool", 192)),
  );

/** From 299x299 to 8x8. */
const LAYERS: readonly Part[] = [
  valid("Conv2d_1a_3x3", 32, 2), // [32, 149, 149]
  valid("Conv2d_2a_3x3", 32, 1), // [32, 147, 147]
  conv("Conv2d_2b_3x3", 64, 3),
  pool("max, half the size"), // [64, 73, 73]
  conv("Conv2d_3b_1x1", 80),
  valid("Conv2d_4a_3x3", 192, 1), // [192, 71, 71]
  pool("max, half the size"), // [192, 35, 35]
  blockA("Mixed_5b", 32),
  blockA("Mixed_5c", 64),
  blockA("Mixed_5d", 64),
  branches(
    "Mixed_6a",
    valid("branch3x3", 384, 2),
    chainOf(conv("branch3x3dbl_1", 64), conv("branch3x3dbl_2", 96, 3), valid("branch3x3dbl_3", 96, 2)),
    pool("max, half the size"),
  ), // [768, 17, 17]
  blockB("Mixed_6b", 128),
  blockB("Mixed_6c", 160),
  blockB("Mixed_6d", 160),
  blockB("Mixed_6e", 192),
  branches(
    "Mixed_7a",
    chainOf(conv("branch3x3_1", 192), valid("branch3x3_2", 320, 2)),
    chainOf(
      conv("branch7x7x3_1", 192),
      conv("branch7x7x3_2", 192, 1, 7),
      conv("branch7x7x3_3", 192, 7, 1),
      valid("branch7x7x3_4", 192, 2),
    ),
    pool("max, half the size"),
  ), // [1280, 8, 8]
  blockC("Mixed_7b", "average"),
  blockC("Mixed_7c", "max"), // [2048, 8, 8]
];

const POOLS: Readonly<Record<Pool, (x: Tensor) => Tensor>> = {
  average: (x) => averagePool2d(x, { kernel: 3, stride: 1, padding: 1 }),
  max: (x) => maxPool2d(x, { kernel: 3, stride: 1, padding: 1 }),
  "max, half the size": (x) => maxPool2d(x, { kernel: 3, stride: 2 }),
};

/** A part with its weights, and how many channels it makes. */
interface Built {
  readonly out: number;
  forward(x: Tensor): Tensor;
}

function build(part: Part, inChannels: number, prefix: string, weights: Weights): Built {
  switch (part.kind) {
    case "pool":
      return { out: inChannels, forward: POOLS[part.pool] };
    case "conv":
      return { out: part.conv.out, forward: buildConv(part.conv, inChannels, prefix, weights) };
    case "chain": {
      const built: Built[] = [];
      for (const next of part.parts) built.push(build(next, built.at(-1)?.out ?? inChannels, prefix, weights));
      return {
        out: built[built.length - 1].out,
        forward: (x) => chain(built, x, (state, { forward }) => forward(state)),
      };
    }
    case "branches": {
      const inner = part.name === "" ? prefix : `${prefix}${part.name}.`;
      const built = part.parts.map((branch) => build(branch, inChannels, inner, weights));
      return {
        out: built.reduce((sum, { out }) => sum + out, 0),
        forward: (x) =>
          concat(
            built.map(({ forward }) => forward(x)),
            1,
          ),
      };
    }
  }
}

function buildConv(
  { name, out, kernel: [kh, kw], stride, same }: Conv,
  inChannels: number,
  prefix: string,
  weights: Weights,
): (x: Tensor) => Tensor {
  const path = `${prefix}${name}`;
  const stored = weights.numbers(`${path}.conv.weight`, [out, inChannels, kh, kw]);
  const [gamma, beta, centre, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
    weights.numbers(`${path}.bn.${part}`, [out]),
  );
  const scales = Float64Array.from(gamma, (value, o) => value / Math.sqrt(variance[o] + BN_EPSILON));
  const perOutput = inChannels * kh * kw;
  const weight = persistentTensor([out, inChannels, kh, kw], (data) => {
    for (let k = 0; k < data.length; k++) data[k] = stored[k] * scales[Math.floor(k / perOutput)];
  });
  const bias = persistentTensor([out], (data) => {
    for (let o = 0; o < out; o++) data[o] = beta[o] - centre[o] * scales[o];
  });
  const padding = same ? ([(kh - 1) / 2, (kw - 1) / 2] as const) : 0;
  return (x) => biasAct(conv2d(x, weight, { stride, padding }), bias, { activation: "relu", gain: 1 });
}

export class InceptionV3 {
  readonly #layers: readonly Built[];
  readonly #dense: Tensor; // [1008, 2048]
  readonly #denseBias: Tensor; // [1008]

  /**
   * @param source `pt_inception-2015-12-05-6726825d.pth`: its bytes, or a source of them
   * @throws FileError when the file is something else
   */
  constructor(source: WeightsSource) {
    const weights = new Weights(source, "Inception");
    const built: Built[] = [];
    for (const part of LAYERS) built.push(build(part, built.at(-1)?.out ?? 3, "", weights));
    this.#layers = built;
    this.#dense = weights.tensor("fc.weight", [INCEPTION_CLASSES, INCEPTION_FEATURES]);
    this.#denseBias = weights.tensor("fc.bias", [INCEPTION_CLASSES]);
  }

  /**
   * The features of FID: means of the last feature maps.
   *
   * @param x [N, 3, 299, 299] as `inceptionInput` makes it
   * @returns [N, 2048]
   */
  features(x: Tensor): Tensor {
    assertShape("InceptionV3", "x", x.shape, [null, 3, INCEPTION_SIDE, INCEPTION_SIDE], "N, 3, H, W");
    return inScope(() => {
      const maps = chain(this.#layers, x, (state, layer) => layer.forward(state)); // [N, 2048, 8, 8]
      return mean(maps, { axes: [2, 3] });
    });
  }

  /**
   * @param features [N, 2048]
   * @param options `biased` adds the biases of the layer; the inception score leaves them out. Default false.
   * @returns [N, 1008]
   */
  logits(features: Tensor, options: { readonly biased?: boolean } = {}): Tensor {
    assertShape("InceptionV3", "features", features.shape, [null, INCEPTION_FEATURES], "N, features");
    return inScope(() => {
      const logits = matmul(features, this.#dense, { transposeB: true });
      return options.biased ? biasAct(logits, this.#denseBias) : logits;
    });
  }
}
