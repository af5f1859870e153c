/**
 * The matrix products in the middle of every blocked convolution, one per transform point (xi):
 *
 *   M[xi, panel, tile, co] = sum over k of V[xi, tile, k] * U[xi, panel, k, co]
 *
 * V: [point][tile panel][depth / 8][tileRows][8] f32, as the input transforms write it.
 * U: [unique point][co panel][depth][tileCols] f32, as the weight transforms write it.
 * M: [point][co panel][tile][tileCols] f32, written whole.
 * Nothing overlaps; 16-byte alignment. The sum runs over k in order, one accumulator per output, whatever the tile, so
 * that neither blocking nor threads change a bit. 2 flops per term; one load32_splat per row and k, NR / 4 vector loads.
 *
 * Tiles: 4x8 (8 accumulators, nothing spills, the choice for multiply-then-add), 6x8 (12 accumulators, for fused
 * multiply-add, whose latency needs them), 6x16 (for engines that join vector pairs into 256-bit registers; it spills
 * otherwise). One k step per loop body: unrolling k makes Binaryen nest the steps of one accumulator and V8 spill.
 * Accumulators start at zero and all stores come last, the upper of a pair first: the pattern that V8's re-vectoriser accepts.
 */
import { madd } from "../vector";

/** Bytes of eight values of k for one tile. */
const GROUP: usize = 32;

// @ts-ignore: decorator
@inline
function tile4x8(a: usize, b: usize, c: usize, end: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  while (b < end) {
    const group = a + GROUP;
    while (a < group) {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      const a0 = v128.load32_splat(a);
      c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
      const a1 = v128.load32_splat(a, 32);
      c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
      const a2 = v128.load32_splat(a, 64);
      c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
      const a3 = v128.load32_splat(a, 96);
      c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
      a += 4;
      b += 32;
    }
    a += 3 * GROUP;
  }
  v128.store(c, c00); v128.store(c, c01, 16);
  v128.store(c, c10, 32); v128.store(c, c11, 48);
  v128.store(c, c20, 64); v128.store(c, c21, 80);
  v128.store(c, c30, 96); v128.store(c, c31, 112);
}

// @ts-ignore: decorator
@inline
function tile6x8(a: usize, b: usize, c: usize, end: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  while (b < end) {
    const group = a + GROUP;
    while (a < group) {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      const a0 = v128.load32_splat(a);
      c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
      const a1 = v128.load32_splat(a, 32);
      c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
      const a2 = v128.load32_splat(a, 64);
      c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
      const a3 = v128.load32_splat(a, 96);
      c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
      const a4 = v128.load32_splat(a, 128);
      c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41);
      const a5 = v128.load32_splat(a, 160);
      c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51);
      a += 4;
      b += 32;
    }
    a += 5 * GROUP;
  }
  v128.store(c, c00); v128.store(c, c01, 16);
  v128.store(c, c10, 32); v128.store(c, c11, 48);
  v128.store(c, c20, 64); v128.store(c, c21, 80);
  v128.store(c, c30, 96); v128.store(c, c31, 112);
  v128.store(c, c40, 128); v128.store(c, c41, 144);
  v128.store(c, c50, 160); v128.store(c, c51, 176);
}

// @ts-ignore: decorator
@inline
function tile6x16(a: usize, b: usize, c: usize, end: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0), c52 = f32x4.splat(0), c53 = f32x4.splat(0);
  while (b < end) {
    const group = a + GROUP;
    while (a < group) {
      const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
      const a0 = v128.load32_splat(a);
      c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01); c02 = madd(a0, b2, c02); c03 = madd(a0, b3, c03);
      const a1 = v128.load32_splat(a, 32);
      c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); c12 = madd(a1, b2, c12); c13 = madd(a1, b3, c13);
      const a2 = v128.load32_splat(a, 64);
      c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); c22 = madd(a2, b2, c22); c23 = madd(a2, b3, c23);
      const a3 = v128.load32_splat(a, 96);
      c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); c32 = madd(a3, b2, c32); c33 = madd(a3, b3, c33);
      const a4 = v128.load32_splat(a, 128);
      c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41); c42 = madd(a4, b2, c42); c43 = madd(a4, b3, c43);
      const a5 = v128.load32_splat(a, 160);
      c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51); c52 = madd(a5, b2, c52); c53 = madd(a5, b3, c53);
      a += 4;
      b += 64;
    }
    a += 5 * GROUP;
  }
  v128.store(c, c01, 16); v128.store(c, c00); v128.store(c, c03, 48); v128.store(c, c02, 32);
  v128.store(c, c11, 80); v128.store(c, c10, 64); v128.store(c, c13, 112); v128.store(c, c12, 96);
  v128.store(c, c21, 144); v128.store(c, c20, 128); v128.store(c, c23, 176); v128.store(c, c22, 160);
  v128.store(c, c31, 208); v128.store(c, c30, 192); v128.store(c, c33, 240); v128.store(c, c32, 224);
  v128.store(c, c41, 272); v128.store(c, c40, 256); v128.store(c, c43, 304); v128.store(c, c42, 288);
  v128.store(c, c51, 336); v128.store(c, c50, 320); v128.store(c, c53, 368); v128.store(c, c52, 352);
}

/** One point, 4x8. `depth` is a multiple of 8. Short calls on purpose: V8 tiers up between calls, never inside a loop. */
function point4x8(v: usize, u: usize, m: usize, depth: i32, tilePanels: i32, coPanels: i32): void {
  const vPanel = <usize>depth * 16, uPanel = <usize>depth * 32;
  for (let j = 0; j < coPanels; j++) {
    let a = v;
    for (let t = 0; t < tilePanels; t++) {
      tile4x8(a, u, m, u + uPanel);
      a += vPanel;
      m += 128;
    }
    u += uPanel;
  }
}

function point6x8(v: usize, u: usize, m: usize, depth: i32, tilePanels: i32, coPanels: i32): void {
  const vPanel = <usize>depth * 24, uPanel = <usize>depth * 32;
  for (let j = 0; j < coPanels; j++) {
    let a = v;
    for (let t = 0; t < tilePanels; t++) {
      tile6x8(a, u, m, u + uPanel);
      a += vPanel;
      m += 192;
    }
    u += uPanel;
  }
}

function point6x16(v: usize, u: usize, m: usize, depth: i32, tilePanels: i32, coPanels: i32): void {
  const vPanel = <usize>depth * 24, uPanel = <usize>depth * 64;
  for (let j = 0; j < coPanels; j++) {
    let a = v;
    for (let t = 0; t < tilePanels; t++) {
      tile6x16(a, u, m, u + uPanel);
      a += vPanel;
      m += 384;
    }
    u += uPanel;
  }
}

/** One point with the tile that (tileRows, tileCols) names: 4x8, 6x8 or 6x16. */
// @ts-ignore: decorator
@inline
function multiplyPoint(
  tileRows: i32, tileCols: i32, v: usize, u: usize, m: usize, depth: i32, tilePanels: i32, coPanels: i32,
): void {
  if (tileRows == 4) point4x8(v, u, m, depth, tilePanels, coPanels);
  else if (tileCols == 8) point6x8(v, u, m, depth, tilePanels, coPanels);
  else point6x16(v, u, m, depth, tilePanels, coPanels);
}

/**
 * The products of a block of tiles, `points` along each axis, of which those past `last` share the matrix of `last`:
 *
 *   M[i, j] = V[i, j] U[min(i, last), min(j, last)], and zeros from point `rows` (`columns`) on, where V has nothing
 *
 * The points of a matrix follow each other, so that it comes from afar once. Strides in bytes, from one point (matrix) to the next.
 */
export function multiplyPoints(
  tileRows: i32, tileCols: i32, points: i32, last: i32, rows: i32, columns: i32, v: usize, vStride: usize, u: usize,
  uStride: usize, m: usize, mStride: usize, depth: i32, tilePanels: i32, panels: i32,
): void {
  const bytes = <usize>(tilePanels * tileRows) * <usize>(panels * tileCols) * 4;
  for (let a = 0; a <= last; a++) {
    for (let b = 0; b <= last; b++) {
      for (let i = a; i < (a == last ? points : a + 1); i++) {
        for (let j = b; j < (b == last ? points : b + 1); j++) {
          const point = <usize>(i * points + j), to = m + point * mStride;
          if (i < rows && j < columns) multiplyPoint(tileRows, tileCols, v + point * vStride, u, to, depth, tilePanels, panels);
          else memory.fill(to, 0, bytes);
        }
      }
      u += uStride;
    }
  }
}

@unmanaged
class ProductArguments {
  v: usize; u: usize; m: usize; tileRows: i32; tileCols: i32; depth: i32; tilePanels: i32; coPanels: i32;
}

/**
 * One such product by itself: what the timing probe of variants.ts measures. (Its second call of each tile also keeps the
 * tiles functions of their own, for which engines allocate registers one at a time.)
 */
export function multiplyPanels(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<ProductArguments>(args);
  multiplyPoint(g.tileRows, g.tileCols, g.v, g.u, g.m, g.depth, g.tilePanels, g.coPanels);
}
