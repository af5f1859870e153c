/**
 * Dense layer with equalised learning rate (ProGAN, section 4.1): parameters are stored at unit variance and scaled
 * at run time, so that Adam moves every weight by the same relative amount.
 *
 *   y = act(x (W lr / sqrt(in))^T + b lr)
 *
 * The scales meet the product, which is smaller than W, where bias and activation read it.
 *
 * Tests: tests/identities/objectives.test.ts (identity 35).
 */
import { type Activation, biasAct, defaultGain } from "../ops/biasAct.js";
import { matmul } from "../ops/matmul.js";
import { assertShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { constant, normal, type ParameterTree } from "./module.js";

/** Where the activation's gain (He et al. 2015) acts: on its result (StyleGAN2), or on the weight alone (StyleGAN). */
export type HeGain = "activation" | "weight";

export interface DenseOptions {
  /** Default "linear". */
  readonly activation?: Activation;
  /** Multiplies weight and bias, and divides the initial weight. Default 1. */
  readonly lrMultiplier?: number;
  /** Initial value of the bias as it acts; null leaves the bias out. Default 0. */
  readonly biasInit?: number | null;
  /** Default "activation". */
  readonly heGain?: HeGain;
}

export class DenseLayer {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Tensor; // [out, in]
  readonly bias: Tensor | null; // [out]
  readonly #activation: Activation;
  readonly #weightGain: number;
  readonly #biasGain: number;
  readonly #activationGain: number;

  constructor(tree: ParameterTree, inFeatures: number, outFeatures: number, options: DenseOptions = {}) {
    const { activation = "linear", lrMultiplier = 1, biasInit = 0, heGain = "activation" } = options;
    const gain = defaultGain(activation);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = tree.parameter("weight", [outFeatures, inFeatures], normal(1 / lrMultiplier));
    this.bias = biasInit === null ? null : tree.parameter("bias", [outFeatures], constant(biasInit / lrMultiplier));
    this.#activation = activation;
    this.#weightGain = ((heGain === "weight" ? gain : 1) * lrMultiplier) / Math.sqrt(inFeatures);
    this.#activationGain = heGain === "weight" ? 1 : gain;
    this.#biasGain = lrMultiplier;
  }

  /** x [N, in] -> [N, out]; `gain` multiplies the result. */
  forward(x: Tensor, gain = 1): Tensor {
    assertShape("DenseLayer", "x", x.shape, [null, this.inFeatures], "N, in");
    const y = matmul(x, this.weight, { transposeB: true }); // [N, out]
    const gains = { inputGain: this.#weightGain, biasGain: this.#biasGain, gain: this.#activationGain * gain };
    return biasAct(y, this.bias, { activation: this.#activation, ...gains });
  }
}
