/**
 * What it takes for a network to grow while it trains (ProGAN, section 2 and figure 2): images at a level of detail.
 *
 * lod 0 is the full resolution R, lod 1 is R/2, and so on down to 4x4; between two whole numbers the image fades from
 * one resolution to the next:
 *
 *   image(lod) = up^floor(lod)( lerp(rgb at lod floor(lod), up(rgb at lod floor(lod) + 1), lod - floor(lod)) )
 *
 * The image always has R x R pixels; blocks finer than floor(lod) do not run.
 * Tests: tests/goldens/stylegan1.test.ts (every lod), tests/identities/growing.test.ts.
 */
import { lerp } from "../../nn/ops/arith.js";
import { downsample2d, setupFilter, upsample2d } from "../../nn/ops/upfirdn2d.js";
import { inScope, type Tensor } from "../../nn/tensor.js";

const box = (factor: number) => setupFilter(new Array<number>(factor).fill(1));

/** Every pixel repeated factor x factor times (nearest neighbour). */
export function upscale2d(x: Tensor, factor = 2): Tensor {
  return factor === 1 ? x : inScope(() => upsample2d(x, box(factor), { factor }));
}

/** The mean over factor x factor pixels. */
export function downscale2d(x: Tensor, factor = 2): Tensor {
  return factor === 1 ? x : inScope(() => downsample2d(x, box(factor), { factor }));
}

export interface LevelOfDetail {
  /** As a float32: told or stored with the network, a lod means the same. */
  readonly lod: number;
  /** floor(lod): images have imgResolution / 2^level pixels a side that differ. */
  readonly level: number;
  /** lod - floor(lod): 0 shows this level alone, towards 1 the next coarser one takes over. */
  readonly fade: number;
}

/** Takes a lod apart. Throws RangeError unless it lies between 0 and the lod of 4x4 pixels. */
export function splitLod(operation: string, lod: number, imgResolution: number): LevelOfDetail {
  const coarsest = Math.log2(imgResolution) - 2;
  if (!(lod >= 0 && lod <= coarsest)) {
    throw new RangeError(
      `${operation}: lod must be from 0 (${imgResolution}x${imgResolution}) to ${coarsest} (4x4), got ${lod}`,
    );
  }
  const single = Math.fround(lod);
  const level = Math.floor(single);
  return { lod: single, level, fade: single - level };
}

/** fine + fade (up(coarse) - fine): a half-grown image. fine [N, C, 2H, 2W], coarse [N, C, H, W]. */
export function fadeUp(fine: Tensor, coarse: Tensor, fade: number): Tensor {
  return inScope(() => lerp(fine, upscale2d(coarse), fade));
}

/**
 * Real images as a half-grown network should see them: each level of detail shows only what it can resolve.
 *
 * @param images [N, C, H, W] at full resolution
 * @returns the same shape
 */
export function imagesAtLod(images: Tensor, lod: number): Tensor {
  const { level, fade } = splitLod("imagesAtLod", lod, images.shape[3]);
  return inScope(() => {
    const current = downscale2d(images, 2 ** level);
    const faded = fade === 0 ? current : fadeUp(current, downscale2d(current), fade);
    return upscale2d(faded, 2 ** level);
  });
}
