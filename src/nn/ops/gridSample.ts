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

/** Which of the four pixels of x around a point are inside: bits of `corners`. */
const [TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT] = [1, 2, 4, 8];

/** A pixel of y: its index in the first channel, the index there of its top left neighbour in x, and the fractions. */
type Visit = (out: number, at: number, corners: number, dv: number, du: number) => void;

/** Walks the pixels of y of all samples whose four neighbours in x are not all outside. */
function forEachPixel(g: Geometry, visit: Visit): void {
  g.matrices.forEach(([a, b, c, d, e, f], n) => {
    const firstIn = n * g.channels * g.height * g.width;
    const firstOut = n * g.channels * g.outHeight * g.outWidth;
    for (let p = 0; p < g.outHeight; p++) {
      for (let q = 0; q < g.outWidth; q++) {
        const u = a * q + b * p + c;
        const v = d * q + e * p + f;
        if (!(u > -1 && v > -1 && u < g.width && v < g.height)) continue;
        const left = Math.floor(u);
        const top = Math.floor(v);
        const columns = (left >= 0 ? TOP_LEFT | BOTTOM_LEFT : 0) | (left + 1 < g.width ? TOP_RIGHT | BOTTOM_RIGHT : 0);
        const rows = (top >= 0 ? TOP_LEFT | TOP_RIGHT : 0) | (top + 1 < g.height ? BOTTOM_LEFT | BOTTOM_RIGHT : 0);
        visit(firstOut + p * g.outWidth + q, firstIn + top * g.width + left, columns & rows, v - top, u - left);
      }
    }
  });
}

const sampleOp: Op<{ x: Tensor }, Geometry> = defineOp("affineSample", {
  forward: ({ x }, g) => {
    const y = allocateTensor([g.n, g.channels, g.outHeight, g.outWidth]);
    const from = x.internals.block.data;
    const to = y.internals.block.data.fill(0, 0, y.size);
    forEachPixel(g, (out, at, corners, dv, du) => {
      for (let channel = 0; channel < g.channels; channel++) {
        let value = 0;
        if (corners & TOP_LEFT) value += (1 - dv) * (1 - du) * from[at];
        if (corners & TOP_RIGHT) value += (1 - dv) * du * from[at + 1];
        if (corners & BOTTOM_LEFT) value += dv * (1 - du) * from[at + g.width];
        if (corners & BOTTOM_RIGHT) value += dv * du * from[at + g.width + 1];
        to[out] = value;
        at += g.height * g.width;
        out += g.outHeight * g.outWidth;
      }
    });
    return y;
  },
  vjp: { x: (dy, _, g) => spreadOp({ dy }, g) },
  reads: {},
});

const spreadOp: Op<{ dy: Tensor }, Geometry> = defineOp("affineSpread", {
  forward: ({ dy }, g) => {
    const dx = allocateTensor([g.n, g.channels, g.height, g.width]);
    const to = dx.internals.block.data.fill(0, 0, dx.size);
    const from = dy.internals.block.data;
    forEachPixel(g, (out, at, corners, dv, du) => {
      for (let channel = 0; channel < g.channels; channel++) {
        const value = from[out];
        if (corners & TOP_LEFT) to[at] += (1 - dv) * (1 - du) * value;
        if (corners & TOP_RIGHT) to[at + 1] += (1 - dv) * du * value;
        if (corners & BOTTOM_LEFT) to[at + g.width] += dv * (1 - du) * value;
        if (corners & BOTTOM_RIGHT) to[at + g.width + 1] += dv * du * value;
        at += g.height * g.width;
        out += g.outHeight * g.outWidth;
      }
    });
    return dx;
  },
  vjp: { dy: (ddx, _, g) => sampleOp({ x: ddx }, g) },
  reads: {},
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
