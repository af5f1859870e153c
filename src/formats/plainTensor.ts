/** Numbers with a shape, as files hold them: the common currency of the readers and writers in this folder. */
import { viewOf } from "./byteSource.js";
import { FileError } from "./fileError.js";
import { bfloat16ToNumber, halfTable } from "./float16.js";
import { denseStrides } from "./strides.js";

export type DType = "f64" | "f32" | "f16" | "bf16" | "i64" | "i32" | "i16" | "i8" | "u8" | "bool";

/** A tensor in a file: cheap to hold (the elements stay where they are until they are asked for). */
export interface PlainTensor {
  /** What its file calls it, where that is known. */
  readonly name?: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Number of elements: the product of the shape. */
  readonly size: number;
  /** Writes all elements into `out` in row-major order, converted to its type; RangeError unless the length is `size`. */
  copyTo(out: Float32Array | Float64Array): void;
  /**
   * As `copyTo`, while this thread does something else. `out` is asked anew whenever it is needed: it may lie in memory that grows
   * meanwhile. Left out where only this thread can do it.
   */
  copyLater?(out: () => Float32Array | Float64Array): Promise<void>;
  /** The elements as a fresh dense array: float64 for f64, float32 for all else. */
  toFloat(): Float32Array | Float64Array;
}

export interface StridedSource {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The storage's bytes; a function is called when elements are asked for, each time. */
  readonly bytes: Uint8Array | (() => Uint8Array);
  /** Fills `target` with the bytes of the storage from `begin` on, where that can be done without `bytes`. */
  readonly readInto?: (begin: number, target: Uint8Array) => void;
  /** The same while this thread does something else, where that is possible. */
  readonly readIntoLater?: ((begin: number, target: () => Uint8Array) => Promise<void>) | undefined;
  /** Length of the storage in elements. */
  readonly storageSize: number;
  /** In elements, one an axis, 0 or more; row-major when left out. */
  readonly strides?: readonly number[];
  /** First element, in elements; default 0. */
  readonly offset?: number;
  /** Default false. */
  readonly bigEndian?: boolean;
  /** Says which tensor this is in errors. */
  readonly name?: string;
}

export const bytesPerElement: Readonly<Record<DType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/** A view that repeats its storage (stride 0) may name more elements than the file holds, but no more than this. */
const MAX_REPEATED_ELEMENTS = 1 << 20;
const MAX_AXES = 16;
const hostIsLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** A tensor over a storage. FileError when shape, strides or offset reach outside of it. */
export function stridedTensor(source: StridedSource): PlainTensor {
  const { dtype, shape, storageSize, offset = 0, bigEndian = false, name = "tensor" } = source;
  const isCount = (x: number) => Number.isSafeInteger(x) && x >= 0;
  const strides = source.strides ?? denseStrides(shape);
  if (shape.length > MAX_AXES || strides.length !== shape.length || ![...shape, ...strides, offset].every(isCount)) {
    throw new FileError(`${name}: impossible shape [${shape}], strides [${strides}] or offset ${offset}`);
  }
  const size = elementCount(shape);
  const last =
    size === 0 ? offset - 1 : shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis], offset);
  if (last >= storageSize || size > Math.max(storageSize, MAX_REPEATED_ELEMENTS)) {
    throw new FileError(
      `${name}: shape [${shape}] with strides [${strides}] and offset ${offset} does not fit ${storageSize} elements of ${dtype}`,
    );
  }
  const readBytes = (): Uint8Array => {
    const bytes = typeof source.bytes === "function" ? source.bytes() : source.bytes;
    const expected = storageSize * bytesPerElement[dtype];
    if (bytes.length < expected) {
      throw new FileError(`${name}: expected ${expected} bytes of ${dtype}, found ${bytes.length}`);
    }
    return bytes;
  };
  const begin = offset * bytesPerElement[dtype];
  /** Whether the bytes are copied as they are. */
  const isPlain = (out: Float32Array | Float64Array): boolean => {
    const axes = coalesce(shape, strides);
    const dense = axes.length === 0 || (axes.length === 1 && axes[0].stride === 1);
    const sameType =
      (dtype === "f32" && out instanceof Float32Array) || (dtype === "f64" && out instanceof Float64Array);
    return dense && sameType && hostIsLittleEndian && !bigEndian;
  };
  const copyTo = (out: Float32Array | Float64Array): void => {
    if (out.length !== size)
      throw new RangeError(`${name}: copyTo expected room for ${size} elements, got ${out.length}`);
    if (size === 0) return;
    if (isPlain(out)) {
      const target = bytesOf(out);
      if (source.readInto !== undefined) source.readInto(begin, target);
      else target.set(readBytes().subarray(begin, begin + target.length));
    } else {
      gather(elementReader(readBytes(), dtype, !bigEndian), coalesce(shape, strides), offset, out);
    }
  };
  const copyLater = async (out: () => Float32Array | Float64Array): Promise<void> => {
    const first = out();
    if (first.length === size && size > 0 && isPlain(first)) await source.readIntoLater!(begin, () => bytesOf(out()));
    else copyTo(first);
  };
  const toFloat = () => {
    const out = dtype === "f64" ? new Float64Array(size) : new Float32Array(size);
    copyTo(out);
    return out;
  };
  return { dtype, shape: [...shape], size, copyTo, toFloat, ...(source.readIntoLater && { copyLater }) };
}

function bytesOf(numbers: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** A dense row-major tensor over numbers in memory (a view, not a copy). */
export function denseTensor(data: Float32Array | Float64Array, shape: readonly number[], name = "tensor"): PlainTensor {
  const size = elementCount(shape);
  if (data.length !== size)
    throw new RangeError(`${name}: shape [${shape}] needs ${size} elements, got ${data.length}`);
  return {
    dtype: data instanceof Float64Array ? "f64" : "f32",
    shape: [...shape],
    size,
    copyTo: (out) => {
      if (out.length !== size) throw new RangeError(`${name}: copyTo expected room for ${size}, got ${out.length}`);
      out.set(data);
    },
    toFloat: () => data.slice(),
  };
}

/** The same elements under another shape of equal size. */
export function reshapedTensor(tensor: PlainTensor, shape: readonly number[]): PlainTensor {
  if (elementCount(shape) !== tensor.size) {
    throw new FileError(`cannot read a tensor of shape [${tensor.shape}] as [${shape}]`);
  }
  return { ...tensor, shape: [...shape] };
}

export interface Rearrangement {
  /** Source axis of each axis of the result; default all in order. */
  readonly axes?: readonly number[];
  /** Source axes walked backwards; default none. */
  readonly flipped?: readonly number[];
  /** Every element is multiplied by this; default 1. */
  readonly scale?: number;
  /** ... and this is added; default 0. */
  readonly add?: number;
}

/** A tensor that reorders the elements of another when it is copied: transposed, mirrored, scaled, shifted. */
export function rearrangedTensor(tensor: PlainTensor, how: Rearrangement): PlainTensor {
  const { axes = tensor.shape.map((_, axis) => axis), flipped = [], scale = 1, add = 0 } = how;
  if (axes.length !== tensor.shape.length) {
    throw new FileError(`expected a tensor with ${axes.length} axes, found shape [${tensor.shape}]`);
  }
  const strides = denseStrides(tensor.shape);
  const first = flipped.reduce((sum, axis) => sum + (tensor.shape[axis] - 1) * strides[axis], 0);
  for (const axis of flipped) strides[axis] = -strides[axis];
  const shape = axes.map((axis) => tensor.shape[axis]);
  const walk = axes.map((axis) => ({ extent: tensor.shape[axis], stride: strides[axis] }));
  const copyTo = (out: Float32Array | Float64Array): void => {
    if (out.length !== tensor.size)
      throw new RangeError(`copyTo expected room for ${tensor.size} elements, got ${out.length}`);
    const values = tensor.toFloat();
    scatter(values, { walk, first, scale, add }, out);
  };
  const toFloat = () => {
    const out = tensor.dtype === "f64" ? new Float64Array(tensor.size) : new Float32Array(tensor.size);
    copyTo(out);
    return out;
  };
  return { dtype: tensor.dtype, shape, size: tensor.size, copyTo, toFloat };
}

interface Axis {
  readonly extent: number;
  readonly stride: number;
}

/** Drops axes of extent 1 and merges neighbours that are walked as one. */
function coalesce(shape: readonly number[], strides: readonly number[]): Axis[] {
  const axes: Axis[] = [];
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const outer = axes.at(-1);
    if (outer && outer.stride === strides[i] * shape[i]) {
      axes[axes.length - 1] = { extent: outer.extent * shape[i], stride: strides[i] };
    } else {
      axes.push({ extent: shape[i], stride: strides[i] });
    }
  }
  return axes;
}

/** Fills `out` by walking the axes from element `offset`, the last axis fastest. */
function gather(
  read: (i: number) => number,
  axes: readonly Axis[],
  offset: number,
  out: Float32Array | Float64Array,
): void {
  const inner = axes.at(-1) ?? { extent: 1, stride: 1 };
  const outer = axes.slice(0, -1);
  const index = outer.map(() => 0);
  let start = offset;
  for (let written = 0; written < out.length; ) {
    for (let i = 0; i < inner.extent; i++) out[written++] = read(start + i * inner.stride);
    // Step the outer axes like an odometer.
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      start += outer[axis].stride;
      if (++index[axis] < outer[axis].extent) break;
      start -= outer[axis].stride * outer[axis].extent;
      index[axis] = 0;
    }
  }
}

/** Neighbours in the source that are copied together: a cache line of float32. */
const NEIGHBOURS = 16;

/**
 * As `gather`, of numbers times a scale and more: neighbours in the source one after the other, which are far from each other in `out`, so that
 * every line of the source is read once. In the order of `out` a line would be gone before its second number is wanted.
 */
function scatter(
  values: Float32Array | Float64Array,
  { walk, first, scale, add }: { walk: readonly Axis[]; first: number; scale: number; add: number },
  out: Float32Array | Float64Array,
): void {
  const steps = denseStrides(walk.map(({ extent }) => extent));
  const near = walk.findIndex(({ extent, stride }) => extent > 1 && Math.abs(stride) === 1);
  const { extent, stride } = walk[near] ?? { extent: 1, stride: 0 };
  const step = steps[near] ?? 0;
  const others = walk.map((axis, k) => ({ ...axis, step: steps[k] })).filter((_, k) => k !== near);
  const rounds = others.reduce((product, other) => product * other.extent, 1);
  const index = others.map(() => 0);
  for (let begin = 0; begin < extent; begin += NEIGHBOURS) {
    const count = Math.min(NEIGHBOURS, extent - begin);
    let from = first + begin * stride;
    let to = begin * step;
    for (let round = 0; round < rounds; round++) {
      for (let k = 0; k < count; k++) out[to + k * step] = scale * values[from + k * stride] + add;
      // Step the other axes like an odometer; after the last round all are at their beginning again.
      for (let axis = others.length - 1; axis >= 0; axis--) {
        const other = others[axis];
        from += other.stride;
        to += other.step;
        if (++index[axis] < other.extent) break;
        from -= other.stride * other.extent;
        to -= other.step * other.extent;
        index[axis] = 0;
      }
    }
  }
}

/** Reads element i of a storage as a number. Integers beyond 2^53 round. */
function elementReader(bytes: Uint8Array, dtype: DType, littleEndian: boolean): (i: number) => number {
  const view = viewOf(bytes);
  switch (dtype) {
    case "f64":
      return (i) => view.getFloat64(8 * i, littleEndian);
    case "f32":
      return (i) => view.getFloat32(4 * i, littleEndian);
    case "f16": {
      const halves = halfTable();
      return (i) => halves[view.getUint16(2 * i, littleEndian)];
    }
    case "bf16":
      return (i) => bfloat16ToNumber(view.getUint16(2 * i, littleEndian));
    case "i64":
      return (i) => Number(view.getBigInt64(8 * i, littleEndian));
    case "i32":
      return (i) => view.getInt32(4 * i, littleEndian);
    case "i16":
      return (i) => view.getInt16(2 * i, littleEndian);
    case "i8":
      return (i) => view.getInt8(i);
    case "u8":
      return (i) => bytes[i];
    case "bool":
      return (i) => (bytes[i] === 0 ? 0 : 1);
  }
}
