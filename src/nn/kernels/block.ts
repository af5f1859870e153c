/** What both kernel contracts, types.ts and fused/types.ts, speak of. */

/** Where a kernel reads or writes. `data` is a fresh view at each access: growing the memory never leaves it stale. */
export interface Block {
  readonly length: number;
  readonly data: Float32Array | Float64Array;
  /** Set while the numbers are those that it writes: see `Kernels.borrow`. */
  readonly refill?: Refill | null;
  /** The numbers to read, where they need not be in the block's memory: a view of that, or a copy. Left out: `data`. */
  readonly numbers?: Float32Array | Float64Array;
  /** Set while they are not in memory. */
  readonly isAway?: boolean;
  /** Has the numbers in memory, for now; `numbers` are they, where somebody has them already. */
  fetch?(numbers?: Float32Array | Float64Array): void;
  /**
   * As `fetch`: takes the memory at once, and has the numbers written while this thread does something else, where their source can.
   * Until then nobody else may use the block.
   */
  fetchLater?(): Promise<void>;
}

/** Where the numbers of a block come from, and can be had again. */
export interface Refill {
  /** Whether they can be had, now and from then on. */
  isReady(): boolean;
  /** Writes them. @throws Error where they cannot be had after all */
  fill(target: Float32Array | Float64Array): void;
  /** The same while this thread does something else, where that can be; `target` is asked anew whenever it is needed. */
  fillLater(target: () => Float32Array | Float64Array): Promise<void>;
}

/** A small FIR filter. When `separable` is set, taps = outer(separable.y, separable.x). */
export interface Filter2d {
  readonly tapsY: number;
  readonly tapsX: number;
  readonly taps: readonly number[];
  readonly separable: { readonly y: readonly number[]; readonly x: readonly number[] } | null;
}
