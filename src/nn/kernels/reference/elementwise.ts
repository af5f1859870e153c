/** Reference kernels, element by element: y = f(x), y = f(a, b) with broadcasting, strided copies, Adam. */
import { type BinaryOp, binaryFunctions, type UnaryOp, unaryFunctions } from "../functions.js";
import type { AdamOptions, StridedGeometry } from "../types.js";

/** What a block holds: float32 or float64 numbers. */
export type Numbers = Float32Array | Float64Array;

export function referenceUnary(op: UnaryOp, x: Numbers, y: Numbers, length: number): void {
  const f: (x: number) => number = unaryFunctions[op];
  for (let i = 0; i < length; i++) y[i] = f(x[i]);
}

export function referenceAffine(x: Numbers, y: Numbers, length: number, scale: number, offset: number): void {
  for (let i = 0; i < length; i++) y[i] = scale * x[i] + offset;
}

export function referenceBinary(op: BinaryOp, a: Numbers, b: Numbers, y: Numbers, geometry: StridedGeometry): void {
  const f = binaryFunctions[op];
  const { shape, strides } = geometry;
  const inner = shape.at(-1) ?? 1;
  const [aStep = 0, bStep = 0] = strides.map((s) => s.at(-1) ?? 0);
  let out = 0; // y is dense, so the walk in row-major order fills it from front to back
  forEachRow(geometry, 2, ([aStart = 0, bStart = 0]) => {
    for (let i = 0; i < inner; i++) y[out++] = f(a[aStart + i * aStep], b[bStart + i * bStep]);
  });
}

export function referenceStridedCopy(x: Numbers, y: Numbers, geometry: StridedGeometry): void {
  const { shape, strides } = geometry;
  const inner = shape.at(-1) ?? 1;
  const [xStep = 0, yStep = 0] = strides.map((s) => s.at(-1) ?? 0);
  forEachRow(geometry, 2, ([xStart = 0, yStart = 0]) => {
    for (let i = 0; i < inner; i++) y[yStart + i * yStep] = x[xStart + i * xStep];
  });
}

/**
 * Calls `visit` once for every row (run of the last axis) of an index space, in row-major order, with the position at
 * which each operand's row starts.
 */
function forEachRow(geometry: StridedGeometry, operands: number, visit: (starts: readonly number[]) => void): void {
  const { shape, strides, offsets } = geometry;
  if (shape.some((extent) => extent === 0)) return;
  const starts = Array.from({ length: operands }, (_, k) => offsets?.[k] ?? 0);
  const index = shape.map(() => 0);
  for (;;) {
    visit(starts);
    // Count up like an odometer over all axes but the last.
    let axis = shape.length - 2;
    for (; axis >= 0; axis--) {
      for (let k = 0; k < operands; k++) starts[k] += strides[k][axis];
      if (++index[axis] < shape[axis]) break;
      for (let k = 0; k < operands; k++) starts[k] -= strides[k][axis] * shape[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** y = x + t (y - x), in place. */
export function referenceLerp(x: Numbers, y: Numbers, length: number, t: number): void {
  for (let i = 0; i < length; i++) y[i] = x[i] + t * (y[i] - x[i]);
}

const LARGEST_GRADIENT = 1e5;

/** Adam (Kingma & Ba 2015, algorithm 1), in place. */
export function referenceAdam(
  parameter: Numbers,
  gradient: Numbers,
  m: Numbers,
  v: Numbers,
  length: number,
  { learningRate, beta1, beta2, epsilon, step }: AdamOptions,
): void {
  const mCorrection = 1 / (1 - beta1 ** step);
  const vCorrection = 1 / (1 - beta2 ** step);
  for (let i = 0; i < length; i++) {
    const given = gradient[i];
    const g = Number.isFinite(given) ? given : Number.isNaN(given) ? 0 : Math.sign(given) * LARGEST_GRADIENT;
    const mNew = beta1 * m[i] + (1 - beta1) * g;
    const vNew = beta2 * v[i] + (1 - beta2) * g * g;
    m[i] = mNew;
    v[i] = vNew;
    parameter[i] -= (learningRate * mNew * mCorrection) / (Math.sqrt(vNew * vCorrection) + epsilon);
  }
}
