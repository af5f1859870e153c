/**
 * The heart of every matrix product here: a 4 x 8 tile of C += A * B, kept in eight vector registers.
 *
 * Why 4 x 8: the eight accumulators, two vectors of B and one of A make eleven registers; engines on x86 have fifteen,
 * and 6 x 8 pays with fused multiply-add alone (panels.ts). Why K is not unrolled: the optimiser nests the unrolled steps of an
 * accumulator into one expression, back to back, and halves the speed. Measured in bench/.
 */
import { add, madd, splatAt } from "../vector";

/** Rows and columns of a tile, and bytes of the block that holds one: [ROWS][COLUMNS], dense. @host */
export const ROWS: i32 = 4;
/** @host */ export const COLUMNS: i32 = 8;
/** @host */ export const TILE_BYTES: usize = 4 * 8 * 4;

/** How much of the sum over k is done at a time: the B panel (DEPTH * 32 bytes = 8 KiB) stays in the L1 cache. @host */
export const DEPTH: i32 = 256;

/**
 * c[4][8] = sum over k of a[k][0..3] (outer) b[k][0..7], plus what is in c: `before` the sum (one chain of roundings over parts
 * of k) or `after` it (a sum of sums, for long ones).
 *
 * a: four numbers at every `aStep` bytes up to `end`. b: rows of 8 numbers, `bStep` bytes apart, any alignment. c: dense [4][8].
 * Order of rounding: k ascending, one accumulator for each element. 64 flops for 48 bytes read, per k.
 *
 * The other register tiles stay by themselves: those of panels.ts walk k in groups of eight, those of rows.ts have their four rows
 * anywhere and store some of them. Their loops are what differs, and accumulators cannot be handed to a function.
 */
// @ts-ignore: decorator
@inline
export function tile4x8(
  a: usize, aStep: usize, end: usize, b: usize, bStep: usize, c: usize, before: bool, after: bool,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (before) {
    c00 = v128.load(c); c01 = v128.load(c, 16);
    c10 = v128.load(c, 32); c11 = v128.load(c, 48);
    c20 = v128.load(c, 64); c21 = v128.load(c, 80);
    c30 = v128.load(c, 96); c31 = v128.load(c, 112);
  }
  while (a < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = splatAt(a);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
    a += aStep;
    b += bStep;
  }
  if (after) {
    c00 = add(c00, v128.load(c)); c01 = add(c01, v128.load(c, 16));
    c10 = add(c10, v128.load(c, 32)); c11 = add(c11, v128.load(c, 48));
    c20 = add(c20, v128.load(c, 64)); c21 = add(c21, v128.load(c, 80));
    c30 = add(c30, v128.load(c, 96)); c31 = add(c31, v128.load(c, 112));
  }
  v128.store(c, c00); v128.store(c, c01, 16);
  v128.store(c, c10, 32); v128.store(c, c11, 48);
  v128.store(c, c20, 64); v128.store(c, c21, 80);
  v128.store(c, c30, 96); v128.store(c, c31, 112);
}

/** As tile4x8 of packed panels, eight numbers in two halves, with sums in float64: rounded once for each DEPTH of k. */
// @ts-ignore: decorator
@inline
function multiplyTileExactly(a: usize, b: usize, depth: i32, tile: usize, accumulate: bool): void {
  for (let half: usize = 0; half < 32; half += 16) {
    let c00 = f64x2.splat(0), c01 = f64x2.splat(0);
    let c10 = f64x2.splat(0), c11 = f64x2.splat(0);
    let c20 = f64x2.splat(0), c21 = f64x2.splat(0);
    let c30 = f64x2.splat(0), c31 = f64x2.splat(0);
    let from = b + half;
    for (let k = a, end = a + ((<usize>depth) << 4); k < end; k += 16) {
      const four = v128.load(from);
      const b0 = f64x2.promote_low_f32x4(four), b1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 2, 3));
      const a0 = f64x2.splat(<f64>load<f32>(k)), a1 = f64x2.splat(<f64>load<f32>(k, 4));
      c00 = f64x2.add(c00, f64x2.mul(a0, b0)); c01 = f64x2.add(c01, f64x2.mul(a0, b1));
      c10 = f64x2.add(c10, f64x2.mul(a1, b0)); c11 = f64x2.add(c11, f64x2.mul(a1, b1));
      const a2 = f64x2.splat(<f64>load<f32>(k, 8)), a3 = f64x2.splat(<f64>load<f32>(k, 12));
      c20 = f64x2.add(c20, f64x2.mul(a2, b0)); c21 = f64x2.add(c21, f64x2.mul(a2, b1));
      c30 = f64x2.add(c30, f64x2.mul(a3, b0)); c31 = f64x2.add(c31, f64x2.mul(a3, b1));
      from += 32;
    }
    const to = tile + half;
    putRounded(to, c00, c01, accumulate);
    putRounded(to + 32, c10, c11, accumulate);
    putRounded(to + 64, c20, c21, accumulate);
    putRounded(to + 96, c30, c31, accumulate);
  }
}

// @ts-ignore: decorator
@inline
function putRounded(to: usize, low: v128, high: v128, accumulate: bool): void {
  const four = v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
  v128.store(to, accumulate ? f32x4.add(v128.load(to), four) : four);
}

/** multiplyPanels with those tiles, several times slower: for small networks, where rounding is all that could be noticed. */
export function multiplyPanelsExactly(
  a: usize, aStep: usize, panels: i32, b: usize, depth: i32, tiles: usize, accumulate: bool,
): void {
  for (let panel = 0; panel < panels; panel++) {
    multiplyTileExactly(a, b, depth, tiles, accumulate);
    a += aStep;
    tiles += TILE_BYTES;
  }
}

/**
 * A column of tiles: the same B panel against `panels` packed A panels, `aStep` bytes apart, into consecutive tiles.
 * This is one function of its own, called often, because V8 replaces baseline code by optimised code only at calls.
 */
export function multiplyPanels(
  a: usize, aStep: usize, panels: i32, b: usize, bStep: usize, depth: i32, tiles: usize, accumulate: bool,
): void {
  for (let panel = 0; panel < panels; panel++) {
    tile4x8(a, 16, a + ((<usize>depth) << 4), b, bStep, tiles, accumulate, false);
    a += aStep;
    tiles += TILE_BYTES;
  }
}
