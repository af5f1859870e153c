/** Where the elements of a dense array lie; what tensors and the tensors of files have in common. */

/** Row-major strides in elements: the last axis is the innermost. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}
