/**
 * Layer swapping (Pinkney and Adler 2020): coarse layers of one network, fine layers of another, which was trained from the
 * first. Structure comes from the one, texture from the other.
 *
 *   theta = theta_low + y (theta_high - theta_low),  y = 0 below the split and 1 from it on,
 *                                                    or 1 / (1 + exp(-(k + 1/2) / width)), k layers after the split
 *
 * A network blended with itself is itself, bit for bit. Tests: tests/networks/surgery.test.ts.
 */
import type { AnyNetwork } from "./tensors.js";
import { checkSameGeometry, rebuild, resolutionOf, tensorsOf } from "./tensors.js";

export interface BlendOptions {
  /** Blocks from this resolution on are the fine network's. */
  readonly splitRes: number;
  /** Over how many layers the one passes into the other; 0 swaps. Default 0. */
  readonly blendWidth?: number;
  /** Whose mapping network, and what else is in no block. Default "low". */
  readonly mapping?: "low" | "high";
  /** What the networks are called in errors. Default "the first" and "the second". */
  readonly names?: readonly [string, string];
}

/**
 * @param low gives the coarse layers
 * @param high gives the fine layers
 * @throws RangeError when the geometries differ (the first tensor is named), or no block has the resolution of the split
 * @example
 * const blended = blendNetworks(faces, cartoons, { splitRes: 32 });
 */
export function blendNetworks<N extends AnyNetwork>(low: N, high: N, options: BlendOptions): N {
  const { splitRes, blendWidth = 0, mapping = "low", names = ["the first", "the second"] } = options;
  checkSameGeometry(low, high, names);
  const { imgResolution } = low;
  if (!Number.isInteger(Math.log2(splitRes)) || splitRes < 4 || splitRes > imgResolution) {
    throw new RangeError(
      `blend: the split must be a resolution of the network, 4 to ${imgResolution}, got ${splitRes}`,
    );
  }
  if (!(blendWidth >= 0)) throw new RangeError(`blend: the width must be at least 0, got ${blendWidth}`);
  const [a, b] = [tensorsOf(low), tensorsOf(high)];
  return rebuild(low, (name) => {
    const part = shareOfHigh(name, splitRes, blendWidth, mapping);
    const [x, y] = [a.get(name)!.internals.numbers, b.get(name)!.internals.numbers];
    if (part === 0) return x;
    return part === 1 ? y : x.map((value, k) => value + part * (y[k] - value));
  });
}

/** y of a tensor. The first convolution of a block is one layer before the second, with which toRgb goes. */
function shareOfHigh(name: string, splitRes: number, width: number, mapping: "low" | "high"): number {
  const resolution = resolutionOf(name);
  if (resolution === null) return mapping === "high" ? 1 : 0;
  const isFirst = /\.(conv0|input|const|skip)(\.|$)/.test(name);
  const layer = 2 * Math.log2(resolution / splitRes) + (isFirst ? 0 : 1);
  if (width === 0) return layer >= 0 ? 1 : 0;
  return 1 / (1 + Math.exp(-(layer + 0.5) / width));
}

/** Whether two networks map latents alike: the same seed then means the same w in both. */
export function haveSameMapping(a: AnyNetwork, b: AnyNetwork): boolean {
  const right = tensorsOf(b);
  return [...tensorsOf(a)].every(([name, tensor]) => {
    if (!name.startsWith("mapping.")) return true;
    const other = right.get(name)?.internals.numbers;
    return tensor.internals.numbers.every((value, k) => value === other?.[k]);
  });
}
