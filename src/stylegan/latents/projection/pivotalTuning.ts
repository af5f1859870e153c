/**
 * Pivotal tuning (Roich et al. 2021): with w and noise fixed, the synthesis network itself is trained until it makes the target there.
 *
 *   minimise over theta   d(target, g_theta(w)) + mean squared error
 *
 * What is near w changes along, what is far hardly does. Tests: tests/networks/projector.test.ts.
 */
import { grad } from "../../../nn/autograd/grad.js";
import { noGrad, variable } from "../../../nn/autograd/record.js";
import { add, square, sub } from "../../../nn/ops/arith.js";
import { mean } from "../../../nn/ops/statistics.js";
import { Adam } from "../../../nn/optim.js";
import { inScope, scope, Tensor } from "../../../nn/tensor.js";
import type { AnyGenerator } from "../../networks.js";
import { copyGenerator } from "../../training/state.js";
import { areaAverage, type Perception } from "./perception.js";

export class PivotalTuner {
  /** A copy of the generator, which is being trained. */
  readonly generator: AnyGenerator;
  stepsDone = 0;
  readonly #perception: Perception;
  readonly #ws: Tensor;
  readonly #target: Tensor;
  readonly #targetFeatures: readonly Tensor[];
  readonly #parameters: readonly Tensor[];
  readonly #optimizer: Adam;

  /**
   * @param generator with the noise maps to use
   * @param ws the pivot, [1, numWs, wDim]
   * @param target [1, C, H, W], values from -1 to 1
   * @param options.learningRate default 3e-4
   */
  constructor(
    generator: AnyGenerator,
    ws: Tensor,
    target: Tensor,
    { perception, learningRate = 3e-4 }: { readonly perception: Perception; readonly learningRate?: number },
  ) {
    this.generator = copyGenerator(generator);
    this.#perception = perception;
    this.#ws = Tensor.from(ws.toFloat64Array(), ws.shape);
    this.#target = Tensor.from(target.toFloat64Array(), target.shape);
    const trained = [...this.generator.parameters].filter(([name]) => name.startsWith("synthesis."));
    this.#parameters = trained.map(([, tensor]) => variable(tensor));
    this.#optimizer = new Adam(new Map(trained), { learningRate, betas: [0.9, 0.999] });
    this.#targetFeatures = scope(() => noGrad(() => this.#features(this.#target)));
  }

  /** One step; the distance before it. */
  step(): number {
    this.stepsDone++;
    return scope(() => {
      const image = this.generator.synthesis.forward(this.#ws, { noiseMode: "const" });
      const distance = this.#perception.between(this.#features(image), this.#targetFeatures);
      const loss = add(distance, mean(square(sub(image, this.#target))));
      this.#optimizer.step(grad([loss], this.#parameters));
      return loss.item();
    });
  }

  /** What the tuned generator makes of the pivot, [1, C, H, W]. */
  image(): Tensor {
    return inScope(() => noGrad(() => this.generator.synthesis.forward(this.#ws, { noiseMode: "const" })));
  }

  #features(image: Tensor): readonly Tensor[] {
    const factor = this.#perception.fullSize ? 1 : Math.max(1, image.shape[2] / 256);
    return this.#perception.features(areaAverage(image, factor));
  }
}
