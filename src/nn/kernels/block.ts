/** What both kernel contracts, types.ts and fused/types.ts, speak of. */

/** Where a kernel reads or writes. `data` is a fresh view at each access: growing the memory never leaves it stale. */
export interface Block {
  readonly length: number;
  readonly data: Float32Array | Float64Array;
}

/** A small FIR filter. When `separable` is set, taps = outer(separable.y, separable.x). */
export interface Filter2d {
  readonly tapsY: number;
  readonly tapsX: number;
  readonly taps: readonly number[];
  readonly separable: { readonly y: readonly number[]; readonly x: readonly number[] } | null;
}
