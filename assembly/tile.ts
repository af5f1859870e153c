/**
 * The heart of every matrix product here: a 4 x 8 tile of C += A * B, kept in eight vector registers.
 *
 * Why 4 x 8: the eight accumulators, two vectors of B and one of A make eleven registers; engines on x86 have fifteen,
 * and the larger tiles (6 x 8, 4 x 12) spill in V8. Why K is not unrolled: the optimiser nests the unrolled steps of an
 * accumulator into one expression, back to back, and halves the speed. Measured in bench/.
 */
import { madd, splatAt } from "./simd";

/** Rows and columns of a tile, and bytes of the block that holds one: [ROWS][COLUMNS], dense. */
export const ROWS: i32 = 4;
export const COLUMNS: i32 = 8;
export const TILE_BYTES: usize = 4 * 8 * 4;

/** How much of the sum over k is done at a time: the B panel (DEPTH * 32 bytes = 8 KiB) stays in the L1 cache. */
export const DEPTH: i32 = 256;

/**
 * tile[4][8] = (accumulate ? tile : 0) + sum over k < depth of a[k][0..3] (outer) b[k][0..7].
 *
 * a: packed [depth][4]. b: rows of 8 numbers, `bStep` bytes apart, any alignment. tile: dense [4][8].
 * Order of rounding: k ascending, one accumulator for each element. 64 flops for 48 bytes read, per k.
 */
// @ts-ignore: decorator
@inline
export function multiplyTile(a: usize, b: usize, bStep: usize, depth: i32, tile: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(tile, 0); c01 = v128.load(tile, 16);
    c10 = v128.load(tile, 32); c11 = v128.load(tile, 48);
    c20 = v128.load(tile, 64); c21 = v128.load(tile, 80);
    c30 = v128.load(tile, 96); c31 = v128.load(tile, 112);
  }
  const end = a + ((<usize>depth) << 4);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = splatAt(a);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
    const a1 = splatAt(a + 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
    const a2 = splatAt(a + 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
    const a3 = splatAt(a + 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
    a += 16;
    b += bStep;
  }
  v128.store(tile, c00, 0); v128.store(tile, c01, 16);
  v128.store(tile, c10, 32); v128.store(tile, c11, 48);
  v128.store(tile, c20, 64); v128.store(tile, c21, 80);
  v128.store(tile, c30, 96); v128.store(tile, c31, 112);
}

/**
 * A column of tiles: the same B panel against `panels` packed A panels, `aStep` bytes apart, into consecutive tiles.
 * This is one function of its own, called often, because V8 replaces baseline code by optimised code only at calls.
 */
export function multiplyPanels(
  a: usize, aStep: usize, panels: i32, b: usize, bStep: usize, depth: i32, tiles: usize, accumulate: bool,
): void {
  for (let panel = 0; panel < panels; panel++) {
    multiplyTile(a, b, bStep, depth, tiles, accumulate);
    a += aStep;
    tiles += TILE_BYTES;
  }
}
