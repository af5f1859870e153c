/** Between [n, channels, height * width] (planar) and [n, blocks, height * width, 8] (blocked). Exact copies. */
import { transpose4 } from "../vector";

@unmanaged
class LayoutArguments {
  x: usize; y: usize; channels: i32; pixels: i32;
}

/** Chunk = block + blocks * image. Lanes past the last channel become zero. */
export function planarToBlocked(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<LayoutArguments>(args);
  const x = g.x, y = g.y, channels = g.channels, pixels = g.pixels;
  const blocks = (channels + 7) >> 3, block = chunk % blocks, n = chunk / blocks;
  const plane = <usize>pixels * 4, lanes = min(8, channels - block * 8);
  const from = x + (<usize>n * <usize>channels + <usize>block * 8) * plane;
  const to = y + <usize>chunk * <usize>pixels * 32;
  const vectors = lanes == 8 ? pixels & ~3 : 0;
  for (let p = 0; p < vectors; p += 4) {
    const source = from + <usize>p * 4, target = to + <usize>p * 32;
    transpose4(source, plane, target, 32);
    transpose4(source + 4 * plane, plane, target + 16, 32);
  }
  for (let p = vectors; p < pixels; p++) {
    for (let lane = 0; lane < 8; lane++) {
      const value: f32 = lane < lanes ? load<f32>(from + <usize>lane * plane + <usize>p * 4) : 0;
      store<f32>(to + <usize>p * 32 + <usize>lane * 4, value);
    }
  }
}

/** The way back; chunks as above. */
export function blockedToPlanar(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<LayoutArguments>(args);
  const x = g.x, y = g.y, channels = g.channels, pixels = g.pixels;
  const blocks = (channels + 7) >> 3, block = chunk % blocks, n = chunk / blocks;
  const plane = <usize>pixels * 4, lanes = min(8, channels - block * 8);
  const from = x + <usize>chunk * <usize>pixels * 32;
  const to = y + (<usize>n * <usize>channels + <usize>block * 8) * plane;
  const vectors = lanes == 8 ? pixels & ~3 : 0;
  for (let p = 0; p < vectors; p += 4) {
    const source = from + <usize>p * 32, target = to + <usize>p * 4;
    transpose4(source, 32, target, plane);
    transpose4(source + 16, 32, target + 4 * plane, plane);
  }
  for (let p = vectors; p < pixels; p++) {
    for (let lane = 0; lane < lanes; lane++) {
      store<f32>(to + <usize>lane * plane + <usize>p * 4, load<f32>(from + <usize>p * 32 + <usize>lane * 4));
    }
  }
}
