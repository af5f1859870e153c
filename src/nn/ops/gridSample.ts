/**
 * Affine resampling with bilinear interpolation, zeros outside the image.
 *
 *   y[n,c,p,q] = sum_{i,j} x[n,c,i,j] tri(v - i) tri(u - j),   (u, v) = M_n (q, p, 1),   tri(t) = max(0, 1 - |t|)
 *
 * For fixed matrices the map is linear in x, so its derivative is its adjoint, which spreads each dy over the four
 * pixels that were read; the derivative of that is the map again. The matrices themselves are plain numbers: in
 * augmentation they are random, and nothing is differentiated with respect to them.
 * Tests: tests/goldens/augment.test.ts (adjoint identity, gradient checks of order one and two).
 */
import { defineOp, type Op } from "../autograd/record.js";
import { assertShape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";

/** [a, b, c, d, e, f]: (q, p) -> (a q + b p + c, d q + e p + f), in pixels; pixel centres lie at whole numbers. */
export type AffineMatrix = readonly [number, number, number, number, number, number];

interface Geometry {
  readonly n: number;
  readonly channels: number;
  /** Of x. */
  readonly height: number;
  readonly width: number;
  /** Of y. */
  readonly outHeight: number;
  readonly outWidth: number;
  readonly matrices: readonly AffineMatrix[];
}

/** Called for every pixel of y: its index in a plane, the index of the corner (floor v, floor u), and the fractions. */
type Visit = (out: number, top: number, left: number, dv: number, du: number) => void;

/** Walks the pixels of y of one sample whose four neighbours in x are not all outside. */
function forEachPixel(g: Geometry, [a, b, c, d, e, f]: AffineMatrix, visit: Visit): void {
  for (let p = 0; p < g.outHeight; p++) {
    for (let q = 0; q < g.outWidth; q++) {
      const u = a * q + b * p + c;
      const v = d * q + e * p + f;
      if (!(u > -1 && v > -1 && u < g.width && v < g.height)) continue;
      const left = Math.floor(u);
      const top = Math.floor(v);
      visit(p * g.outWidth + q, top, left, v - top, u - left);
    }
  }
}

const sampleOp: Op<{ x: Tensor }, Geometry> = defineOp("affineSample", {
  forward: ({ x }, g) => {
    const y = allocateTensor([g.n, g.channels, g.outHeight, g.outWidth]);
    const from = x.internals.block.data;
    const to = y.internals.block.data.fill(0, 0, y.size);
    const inPlane = g.height * g.width;
    const outPlane = g.outHeight * g.outWidth;
    g.matrices.forEach((matrix, n) => {
      forEachPixel(g, matrix, (out, top, left, dv, du) => {
        const up = top >= 0;
        const down = top + 1 < g.height;
        const before = left >= 0;
        const after = left + 1 < g.width;
        for (let channel = n * g.channels; channel < (n + 1) * g.channels; channel++) {
          const at = channel * inPlane + top * g.width + left;
          let value = 0;
          if (up && before) value += (1 - dv) * (1 - du) * from[at];
          if (up && after) value += (1 - dv) * du * from[at + 1];
          if (down && before) value += dv * (1 - du) * from[at + g.width];
          if (down && after) value += dv * du * from[at + g.width + 1];
          to[channel * outPlane + out] = value;
        }
      });
    });
    return y;
  },
  vjp: { x: (dy, _, g) => spreadOp({ dy }, g) },
});

const spreadOp: Op<{ dy: Tensor }, Geometry> = defineOp("affineSpread", {
  forward: ({ dy }, g) => {
    const dx = allocateTensor([g.n, g.channels, g.height, g.width]);
    const from = dy.internals.block.data;
    const to = dx.internals.block.data.fill(0, 0, dx.size);
    const inPlane = g.height * g.width;
    const outPlane = g.outHeight * g.outWidth;
    g.matrices.forEach((matrix, n) => {
      forEachPixel(g, matrix, (out, top, left, dv, du) => {
        const up = top >= 0;
        const down = top + 1 < g.height;
        const before = left >= 0;
        const after = left + 1 < g.width;
        for (let channel = n * g.channels; channel < (n + 1) * g.channels; channel++) {
          const at = channel * inPlane + top * g.width + left;
          const value = from[channel * outPlane + out];
          if (up && before) to[at] += (1 - dv) * (1 - du) * value;
          if (up && after) to[at + 1] += (1 - dv) * du * value;
          if (down && before) to[at + g.width] += dv * (1 - du) * value;
          if (down && after) to[at + g.width + 1] += dv * du * value;
        }
      });
    });
    return dx;
  },
  vjp: { dy: (ddx, _, g) => sampleOp({ x: ddx }, g) },
});

export interface AffineSampleOptions {
  /** For each sample, where in x each pixel of the result is read. */
  readonly matrices: readonly AffineMatrix[];
  /** Size of the result. */
  readonly outHeight: number;
  readonly outWidth: number;
}

/**
 * @param x [N, C, H, W]
 * @returns [N, C, outHeight, outWidth]
 * @throws RangeError when there is not one matrix for each sample
 */
export function affineSample(x: Tensor, options: AffineSampleOptions): Tensor {
  assertShape("affineSample", "x", x.shape, [null, null, null, null], "N, C, H, W");
  const [n, channels, height, width] = x.shape;
  assertShape("affineSample", "the number of matrices", [options.matrices.length], [n], "N");
  return sampleOp({ x }, { n, channels, height, width, ...options });
}
