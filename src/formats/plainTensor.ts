/** Numbers with a shape, as files hold them: the common currency of the readers and writers in this folder. */

export type DType = "f64" | "f32" | "f16" | "bf16" | "i64" | "i32" | "i16" | "i8" | "u8" | "bool";

export interface PlainTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements as float32 or float64 numbers in row-major order (f64 -> Float64Array, all else -> Float32Array). */
  toFloat(): Float32Array | Float64Array;
}
