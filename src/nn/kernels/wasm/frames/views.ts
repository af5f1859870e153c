/** Written by scripts/build/frames.mjs. */

/** The words of a memory that frames are written to, as integers (pointers, too), as float32 numbers, and two by two as float64. */
export interface FrameViews {
  readonly words: Uint32Array;
  readonly reals: Float32Array;
  readonly doubles: Float64Array;
}
