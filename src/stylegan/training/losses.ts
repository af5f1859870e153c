/**
 * Adversarial losses, as functions of logits [N, 1] (positive: real). Each is a mean over the batch.
 *
 *   logistic  L_G = E[softplus(-D(G(z)))]              L_D = E[softplus(D(G(z)))] + E[softplus(-D(x))]
 *             Goodfellow et al. 2014, section 3, the non-saturating form: -log sigmoid(t) = softplus(-t)
 *   wgan      L_G = -E[D(G(z))]                        L_D = E[D(G(z))] - E[D(x)] + 0.001 E[D(x)^2]
 *             Arjovsky et al. 2017, equation 2; the drift term is ProGAN's (appendix A.1)
 *   hinge     L_G = -E[D(G(z))]                        L_D = E[max(0, 1 + D(G(z)))] + E[max(0, 1 - D(x))]
 *             Lim and Ye 2017; Miyato et al. 2018
 *
 * StyleGAN (appendix C) trains with the first and R1, or with the second and the gradient penalty of WGAN-GP: both
 * penalties are in regularizers.ts. Tests: identity 36, tests/identities/objectives.test.ts.
 */
import { add, addScalar, neg, scale, softplus, square, sub } from "../../nn/ops/arith.js";
import { biasAct } from "../../nn/ops/biasAct.js";
import { mean } from "../../nn/ops/statistics.js";
import { inScope, type Tensor } from "../../nn/tensor.js";

export interface AdversarialLoss {
  /** What the generator minimises: logits [N, 1] of its images -> []. */
  generator(fakeLogits: Tensor): Tensor;
  /** What the discriminator minimises: logits [N, 1] of generated and of real images -> []. */
  discriminator(fakeLogits: Tensor, realLogits: Tensor): Tensor;
}

export const lossNames = ["logistic", "wgan", "hinge"] as const;
export type LossName = (typeof lossNames)[number];

const WGAN_DRIFT = 0.001;

const relu = (x: Tensor): Tensor => biasAct(x, null, { activation: "relu", gain: 1 });

const logistic: AdversarialLoss = {
  generator: (fake) => inScope(() => mean(softplus(neg(fake)))),
  discriminator: (fake, real) => inScope(() => add(mean(softplus(fake)), mean(softplus(neg(real))))),
};

const wgan: AdversarialLoss = {
  generator: (fake) => inScope(() => neg(mean(fake))),
  discriminator: (fake, real) => inScope(() => add(sub(mean(fake), mean(real)), scale(mean(square(real)), WGAN_DRIFT))),
};

const hinge: AdversarialLoss = {
  generator: (fake) => inScope(() => neg(mean(fake))),
  discriminator: (fake, real) =>
    inScope(() => add(mean(relu(addScalar(fake, 1))), mean(relu(addScalar(neg(real), 1))))),
};

/** The losses by name. */
export const adversarialLosses: Readonly<Record<LossName, AdversarialLoss>> = { logistic, wgan, hinge };
