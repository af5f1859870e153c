/**
 * Style mixing (StyleGAN, section 3.1): some layers take another w. The paper's figure 3 calls them coarse (4x4 and 8x8,
 * pose and shape), middle (16x16 and 32x32, features) and fine (from 64x64 on, colours).
 * Tests: tests/networks/edits.test.ts, tests/identities/training.test.ts, tests/identities/synthesis.test.ts.
 */
import { concat, slice } from "../../nn/ops/layout.js";
import { assertShape } from "../../nn/shape.js";
import { inScope, type Tensor } from "../../nn/tensor.js";

export const styleRangeNames = ["coarse", "middle", "fine"] as const;
export type StyleRangeName = (typeof styleRangeNames)[number];

/** First layer of each range, and the one after the last. */
const RANGES: Readonly<Record<StyleRangeName, readonly [number, number]>> = {
  coarse: [0, 4],
  middle: [4, 8],
  fine: [8, Number.POSITIVE_INFINITY],
};

/** The layers of a range in a network of `numWs` layers; none where it is too small to have them. */
export function styleRange(name: StyleRangeName, numWs: number): number[] {
  const [begin, end] = RANGES[name];
  return Array.from({ length: numWs }, (_, layer) => layer).filter((layer) => layer >= begin && layer < end);
}

/** w, but `other` in some layers; both [numWs, wDim]. */
export function takeStyles<W extends Float32Array | Float64Array>(
  w: W,
  other: W,
  layers: readonly number[],
  wDim: number,
): W {
  const mixed = w.slice() as W;
  for (const layer of layers) mixed.set(other.subarray(layer * wDim, (layer + 1) * wDim), layer * wDim);
  return mixed;
}

/**
 * Style mixing (StyleGAN, section 3.1): the layers from `cutoff` on take their w from a second latent.
 *
 * @param ws [N, L, wDim]
 * @param others [N, L, wDim]
 * @param cutoff 1 to L - 1; L leaves ws as they are
 * @throws RangeError when the cutoff is outside of that
 */
export function mixStyles(ws: Tensor, others: Tensor, cutoff: number): Tensor {
  const [, l] = ws.shape;
  assertShape("mixStyles", "others", others.shape, ws.shape, "N, L, wDim");
  if (!Number.isInteger(cutoff) || cutoff < 1 || cutoff > l) {
    throw new RangeError(`mixStyles: cutoff must be a whole number from 1 to ${l}, got ${cutoff}`);
  }
  if (cutoff === l) return ws;
  return inScope(() => concat([slice(ws, 1, 0, cutoff), slice(others, 1, cutoff, l)], 1));
}
