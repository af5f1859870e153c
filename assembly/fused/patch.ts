/** Tiles that hang over the edge of an image: their pixels are copied into a patch with zeros outside, and read from there. */
import { Job } from "./job";

/** Whether the size x size window at (y0, x0) lies inside the input. */
// @ts-ignore: decorator
@inline
export function isInside(job: Job, y0: i32, x0: i32, size: i32): bool {
  return y0 >= 0 && x0 >= 0 && y0 + size <= job.height && x0 + size <= job.width;
}

/** The window of one channel block x [height, width, 8] as [size, size, 8] at `patch`, zeros outside. */
export function copyPatch(x: usize, height: i32, width: i32, y0: i32, x0: i32, size: i32, patch: usize): void {
  const rowBytes = <usize>size * 32;
  for (let r = 0; r < size; r++) {
    const y = y0 + r;
    if (y >= 0 && y < height) copyPatchRow(x + <usize>y * <usize>width * 32, width, x0, size, patch);
    else memory.fill(patch, 0, rowBytes);
    patch += rowBytes;
  }
}

/** Pixels [x0, x0 + size) of one row [width, 8], zeros outside. */
export function copyPatchRow(row: usize, width: i32, x0: i32, size: i32, patch: usize): void {
  for (let c = x0; c < x0 + size; c++) {
    let low = f32x4.splat(0), high = f32x4.splat(0);
    if (c >= 0 && c < width) {
      const from = row + <usize>c * 32;
      low = v128.load(from);
      high = v128.load(from, 16);
    }
    v128.store(patch, low);
    v128.store(patch, high, 16);
    patch += 32;
  }
}
