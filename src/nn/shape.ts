/** Shapes: checks with messages that name the operation, broadcasting rules, and strides. */
import { denseStrides } from "../formats/strides.js";

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) size *= shape[axis];
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Throws RangeError unless every extent is a whole number of at least 0. */
export function checkShape(operation: string, shape: Shape): void {
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0) {
      throw new RangeError(`${operation}: a shape must be whole numbers of at least 0, got ${formatShape(shape)}`);
    }
  }
}

/**
 * Throws RangeError unless `actual` equals `expected`; null in `expected` accepts any extent. `letters` names the
 * axes in the message, as in `assertShape("modulatedConv2d", "styles", s.shape, [n, i], "N, I")`.
 */
export function assertShape(
  operation: string,
  argument: string,
  actual: Shape,
  expected: readonly (number | null)[],
  letters = "",
  hint = "",
): void {
  if (fits(actual, expected)) return;
  const named = letters === "" ? "" : `[${letters}] = `;
  const wanted = `[${expected.map((extent) => extent ?? "any").join(", ")}]`;
  throw new RangeError(
    `${operation}: ${argument} must be ${named}${wanted}, got ${formatShape(actual)}${hint === "" ? "" : `; ${hint}`}`,
  );
}

function fits(actual: Shape, expected: readonly (number | null)[]): boolean {
  if (actual.length !== expected.length) return false;
  for (let axis = 0; axis < actual.length; axis++) {
    if (expected[axis] !== null && expected[axis] !== actual[axis]) return false;
  }
  return true;
}

/** The shape of a op b under numpy's broadcasting. Throws RangeError when the shapes do not fit. */
export function broadcastShapes(operation: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let axis = 1; axis <= rank; axis++) {
    const m = a[a.length - axis] ?? 1;
    const n = b[b.length - axis] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new RangeError(`${operation}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast together`);
    }
    result[rank - axis] = m === 1 ? n : m;
  }
  return result;
}

/** Strides that walk an operand of shape `from` through the index space `to`, 0 along broadcast axes. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const dense = denseStrides(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : dense[axis - lead]));
}

/** Resolves negative axes and sorts them. Throws RangeError for an axis that is out of range or named twice. */
export function normalizeAxes(operation: string, axes: readonly number[], rank: number): number[] {
  const resolved = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  resolved.forEach((axis, index) => {
    if (!Number.isInteger(axis) || axis < 0 || axis >= rank || axis === resolved[index - 1]) {
      throw new RangeError(`${operation}: axes must be distinct and within rank ${rank}, got [${axes.join(", ")}]`);
    }
  });
  return resolved;
}
