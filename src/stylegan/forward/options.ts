/** What networks are called with, checked once for all of them: a slip of the pen is an error, not another image. */
import { checkChoice, checkOptions, kindOf } from "../../check.js";
import { Tensor } from "../../nn/tensor.js";
import { noiseModes } from "../layerNoise.js";

/** The options of mapping and synthesis; `generator.forward` hands all of them to both. generator.ts sees that none is missing. */
export const forwardOptionNames = [
  ...(["truncationPsi", "truncationCutoff"] as const),
  ...(["noiseMode", "random", "onLayer", "onBlock", "from", "until", "editStyles", "lod"] as const),
] as const;

interface Checked {
  readonly truncationPsi?: unknown;
  readonly noiseMode?: unknown;
}

/** @throws RangeError for an option or a noiseMode that there is not, TypeError for a psi that is no number */
export function checkForwardOptions(where: string, options: Checked): void {
  checkOptions(where, options, forwardOptionNames);
  const { truncationPsi = 1, noiseMode = "random" } = options;
  checkChoice(where, "noiseMode", noiseMode, noiseModes);
  if (typeof truncationPsi !== "number" || !Number.isFinite(truncationPsi)) {
    throw new TypeError(`${where}: truncationPsi must be a number, got ${kindOf(truncationPsi)}`);
  }
}

/** @throws TypeError unless it is a tensor; `name` is what the caller calls it */
export function checkTensor(where: string, name: string, value: unknown): void {
  if (!(value instanceof Tensor)) throw new TypeError(`${where}: ${name} must be a Tensor, got ${kindOf(value)}`);
}
