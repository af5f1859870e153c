/** Written by scripts/build/frames.mjs. */

/** The words of a memory that frames are written to, as integers (pointers, too) and as float32 numbers. */
export interface FrameViews {
  readonly words: Uint32Array;
  readonly reals: Float32Array;
}
