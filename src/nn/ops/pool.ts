/**
 * Pooling over windows of an image: the largest element, or the mean of the elements inside the image.
 *
 *   max:      y[p, q] = v[k(p, q)],   k(p, q) = the first position in window (p, q) where x is largest, v = x
 *   average:  y[p, q] = (1 / |window within x|) sum of x over it
 *
 * For fixed positions k the maximum is a linear map of v, constant in x almost everywhere; the average is linear. So
 * the derivative of each is its adjoint, which spreads dy back over what was read, and the derivative of that is the
 * map again: both families are closed.
 * Tests: tests/nn/autograd.test.ts (gradient checks of order one and two), tests/goldens/vgg.test.ts, inception.test.ts.
 */
import { defineOp, type Op } from "../autograd/record.js";
import { assertShape } from "../shape.js";
import { allocateTensor, type Tensor } from "../tensor.js";

interface Windows {
  /** Images times channels. */
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

type Numbers = Float32Array | Float64Array;

/** Index of the largest element of rows y0 to y1 - 1 and columns x0 to x1 - 1 of a plane: the first one, or a NaN. */
function largestIn(x: Numbers, plane: number, width: number, y0: number, y1: number, x0: number, x1: number): number {
  let at = plane + y0 * width + x0;
  let best = x[at];
  for (let row = plane + y0 * width; row < plane + y1 * width; row += width) {
    for (let index = row + x0; index < row + x1; index++) {
      const value = x[index];
      if (value > best || Number.isNaN(value)) {
        best = value;
        at = index;
      }
    }
  }
  return at;
}

/** Calls `visit` for every output with its index and its window: the start of the plane, rows y0 to y1 - 1, columns x0 to x1 - 1. */
function forEachWindow(
  g: Windows,
  visit: (out: number, plane: number, y0: number, y1: number, x0: number, x1: number) => void,
): void {
  const { height, width, kernel, stride, padding, outHeight, outWidth } = g;
  let out = 0;
  for (let plane = 0; plane < g.planes * height * width; plane += height * width) {
    for (let p = 0; p < outHeight; p++) {
      const top = p * stride - padding;
      const [y0, y1] = [Math.max(top, 0), Math.min(top + kernel, height)];
      for (let q = 0; q < outWidth; q++, out++) {
        const left = q * stride - padding;
        visit(out, plane, y0, y1, Math.max(left, 0), Math.min(left + kernel, width));
      }
    }
  }
}

const outputs = (like: Tensor, g: Windows): Tensor =>
  allocateTensor([...like.shape.slice(0, 2), g.outHeight, g.outWidth]);

const zerosOfInput = (like: Tensor, g: Windows): Tensor => {
  const dx = allocateTensor([...like.shape.slice(0, 2), g.height, g.width]);
  dx.internals.block.data.fill(0, 0, dx.size);
  return dx;
};

/** v at the positions where x is largest. */
const pickOp: Op<{ v: Tensor; x: Tensor }, Windows> = defineOp<{ v: Tensor; x: Tensor }, Windows>("maxPick", {
  forward: ({ v, x }, g) => {
    const y = outputs(x, g);
    const [from, by, to] = [v.internals.block.data, x.internals.block.data, y.internals.block.data];
    forEachWindow(g, (out, plane, y0, y1, x0, x1) => {
      to[out] = from[largestIn(by, plane, g.width, y0, y1, x0, x1)];
    });
    return y;
  },
  vjp: { v: (dy, { x }, g) => placeOp({ dy, x }, g), x: null },
  reads: { v: ["x"] },
});

/** The adjoint of maxPick in v: adds each dy at the position where x is largest. */
const placeOp: Op<{ dy: Tensor; x: Tensor }, Windows> = defineOp<{ dy: Tensor; x: Tensor }, Windows>("maxPlace", {
  forward: ({ dy, x }, g) => {
    const dx = zerosOfInput(x, g);
    const [from, by, to] = [dy.internals.block.data, x.internals.block.data, dx.internals.block.data];
    forEachWindow(g, (out, plane, y0, y1, x0, x1) => {
      to[largestIn(by, plane, g.width, y0, y1, x0, x1)] += from[out];
    });
    return dx;
  },
  vjp: { dy: (ddx, { x }, g) => pickOp({ v: ddx, x }, g), x: null },
  reads: { dy: ["x"] },
});

const averageOp: Op<{ x: Tensor }, Windows> = defineOp("averagePool", {
  forward: ({ x }, g) => {
    const y = outputs(x, g);
    const [from, to] = [x.internals.block.data, y.internals.block.data];
    forEachWindow(g, (out, plane, y0, y1, x0, x1) => {
      let total = 0;
      for (let row = plane + y0 * g.width; row < plane + y1 * g.width; row += g.width) {
        for (let index = row + x0; index < row + x1; index++) total += from[index];
      }
      to[out] = total / ((y1 - y0) * (x1 - x0));
    });
    return y;
  },
  vjp: { x: (dy, _, g) => spreadOp({ dy }, g) },
  reads: {},
});

/** The adjoint of averagePool: spreads each dy evenly over its window. */
const spreadOp: Op<{ dy: Tensor }, Windows> = defineOp("averageSpread", {
  forward: ({ dy }, g) => {
    const dx = zerosOfInput(dy, g);
    const [from, to] = [dy.internals.block.data, dx.internals.block.data];
    forEachWindow(g, (out, plane, y0, y1, x0, x1) => {
      const share = from[out] / ((y1 - y0) * (x1 - x0));
      for (let row = plane + y0 * g.width; row < plane + y1 * g.width; row += g.width) {
        for (let index = row + x0; index < row + x1; index++) to[index] += share;
      }
    });
    return dx;
  },
  vjp: { dy: (ddx, _, g) => averageOp({ x: ddx }, g) },
  reads: {},
});

export interface PoolOptions {
  /** Side of the windows. */
  readonly kernel: number;
  /** Step between windows. Default: `kernel`, so that they tile the image. */
  readonly stride?: number;
  /** How far windows may reach beyond the image, less than the kernel; nothing outside is read or counted. Default 0. */
  readonly padding?: number;
}

function windowsOf(operation: string, x: Tensor, options: PoolOptions): Windows {
  assertShape(operation, "x", x.shape, [null, null, null, null], "N, C, H, W");
  const { kernel, stride = kernel, padding = 0 } = options;
  const [n, channels, height, width] = x.shape;
  const isCount = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;
  if (!isCount(kernel, 1) || !isCount(stride, 1) || !isCount(padding, 0) || padding >= kernel) {
    throw new RangeError(
      `${operation}: expected a kernel and a stride of at least 1 and a padding from 0 to kernel - 1, ` +
        `got ${kernel}, ${stride} and ${padding}`,
    );
  }
  const outHeight = Math.floor((height + 2 * padding - kernel) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernel) / stride) + 1;
  if (outHeight < 1 || outWidth < 1) {
    throw new RangeError(
      `${operation}: a window of ${kernel}x${kernel} with padding ${padding} does not fit ${height}x${width}`,
    );
  }
  return { planes: n * channels, height, width, kernel, stride, padding, outHeight, outWidth };
}

/**
 * The largest element of each window; a NaN where there is one.
 *
 * @param x [N, C, H, W]
 * @returns [N, C, floor((H + 2 padding - kernel) / stride) + 1, ...]
 * @throws RangeError when no window fits
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  return pickOp({ v: x, x }, windowsOf("maxPool2d", x, options));
}

/**
 * The mean of each window over its elements inside the image.
 *
 * @param x [N, C, H, W]
 * @returns [N, C, floor((H + 2 padding - kernel) / stride) + 1, ...]
 * @throws RangeError when no window fits
 */
export function averagePool2d(x: Tensor, options: PoolOptions): Tensor {
  return averageOp({ x }, windowsOf("averagePool2d", x, options));
}
