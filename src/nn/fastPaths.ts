/** The fast forms of whole layers: from tensors and options to one call of the kernels. */
import type { Activation } from "./kernels/types.js";
import type { Filter2d } from "./ops/upfirdn2d.js";
import type { Tensor } from "./tensor.js";

export interface ConvLayerCall {
  readonly filter: Filter2d;
  readonly up?: 1 | 2;
  readonly down?: 1 | 2;
  readonly flipWeight?: boolean;
  readonly weightGain?: number;
  /** [N, I], or null for a plain convolution. */
  readonly styles: Tensor | null;
  readonly demodulate?: boolean;
  readonly noise: Tensor | null;
  readonly noiseStrength: Tensor | null;
  readonly bias: Tensor | null;
  readonly activation: Activation;
  readonly gain: number;
  readonly clamp: number | null;
}

/** Returns null when the kernels in use have no fast form for these arguments. */
export function convLayerFastPath(_x: Tensor, _weight: Tensor, _call: ConvLayerCall): Tensor | null {
  return null;
}
