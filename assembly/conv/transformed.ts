/**
 * The 3x3 convolution on planar images, as training uses it: with stride 1 by the points of f4.ts, with stride 2 and its
 * adjoint in x by those of S4 (t4.ts). (With stride 1 the adjoint is a convolution, too.) A chunk is a range of images, several
 * where an image has few tiles, so that products have enough of them, and of output panels. Within it rows of tiles are done
 * strip by strip, all images at once, so that what lies between the transforms stays in the cache:
 *
 *   points of all input channels -> products for a group of panels -> output transform to a strip -> planar output
 */
import { biasActStrip } from "../elementwise/biasAct";
import { floatBytes } from "../vector";
import { multiplyPoints } from "../gemm/panels";
import { filterStrip, REACH } from "./filter";
import { storeStrip } from "./strip";
import { PlanarOutputF4 } from "../transforms/f4";
import { columns as columnsToTile, rows as tileToRows, transform } from "../transforms/lines";
import { OutputS4, SpreadS4, SpreadSumS4 } from "../transforms/t4";
import { GRAD_S4, INPUT_F4, INPUT_S4, scalesOf, transformRows } from "./points";

/** What is computed: y = conv(x) with stride 1 or 2, or dx from dy with stride 2. @host */
const STRIDE_1: i32 = 0;
/** @host */ const STRIDE_2: i32 = 1;
/** @host */ const ADJOINT_2: i32 = 2;

@unmanaged
class PlanarArguments {
  /** One of the three above. For the adjoint, x is dy and y is dx. */
  kind: i32; x: usize; y: usize; n: i32; inChannels: i32; height: i32; width: i32; outChannels: i32; outHeight: i32;
  outWidth: i32;
  /** Of the convolution: at x, or at y for the adjoint. Of the filter, where there is one. */
  padY: i32; padX: i32; tilesY: i32; tilesX: i32;
  /** Images and output panels of a chunk, panels of a pass, rows of tiles of a strip. */
  chunkImages: i32; panels: i32; chunkPanels: i32; groupPanels: i32; stripRows: i32; tileRows: i32; tileCols: i32;
  /** As `prepareWeights` writes them for F4, or for T4 with mirrored taps. */
  weights: usize; weightStride: usize; scratch: usize; scratchStride: usize;
  /** After the points of the input: products, 81 pixels and strips; the last rows of strips, carried over. */
  productOffset: usize; tileOffset: usize; carryOffset: usize;
  /** 1: the result is what biasActStrip makes of it. Bias of the output channels (0: none), and the factors. */
  activated: i32; bias: usize; inputGain: f32; biasGain: f32; fall: f32; gain: f32;
  /** [n, inChannels] that x is multiplied by, or 0. */
  scales: usize;
  /** 1: with stride 2, x goes through a filter first; what the adjoint gives goes through one. */
  filtered: i32;
  // Then its taps, of filter.ts, if it is.
}
const TAPS: usize = offsetof<PlanarArguments>();

// @ts-ignore: decorator
@inline
function tapsOf(g: PlanarArguments): usize {
  return g.filtered ? changetype<usize>(g) + TAPS : 0;
}

/** Keeps the streams of the points out of each other's cache sets. */
const SKEW: usize = 64;

/**
 * x [n, inChannels, height, width], y [n, outChannels, outHeight, outWidth]: any alignment, apart; writes all of y. Chunk =
 * range of images + ranges * range of panels. Rounding: the sum over channels in order, one accumulator per product.
 * For a tile (4x4 pixels of the smaller image), input and output channel 72 flops (stride 1) or 162 (stride 2) instead of 288.
 */
export function planarConv(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<PlanarArguments>(args);
  const ranges = (g.n + g.chunkImages - 1) / g.chunkImages;
  const image0 = (chunk % ranges) * g.chunkImages, images = min(g.chunkImages, g.n - image0);
  const panel0 = chunk / ranges * g.chunkPanels, panel1 = min(g.panels, panel0 + g.chunkPanels);
  const v = g.scratch + <usize>worker * g.scratchStride;
  const m = v + g.productOffset, tile = v + g.tileOffset, carry = v + g.carryOffset;
  const inBlocks = (g.inChannels + 7) >> 3, depth = inBlocks * 8;
  const plane = <usize>(g.height * g.width), isAdjoint = g.kind == ADJOINT_2;
  const kind = g.kind == STRIDE_1 ? INPUT_F4 : g.kind == STRIDE_2 ? INPUT_S4 : GRAD_S4;
  const points = g.kind == STRIDE_1 ? 6 : 9;
  const panelStride = <usize>(depth * g.tileRows) << 2, panelBytes = <usize>(depth * g.tileCols) << 2;
  const carryBytes = <usize>(carriedRows(g) * spreadColumns(g)) * 32;

  for (let row = 0; row < g.tilesY; row += g.stripRows) {
    const rows = min(g.stripRows, g.tilesY - row), perImage = rows * g.tilesX;
    const tilePanels = (images * perImage + g.tileRows - 1) / g.tileRows, tiles = tilePanels * g.tileRows;
    const vStride = <usize>(tiles * depth) * 4 + SKEW, mStride = <usize>(tiles * g.groupPanels * g.tileCols) * 4 + SKEW;
    for (let n = 0; n < images; n++) {
      for (let block = 0; block < inBlocks; block++) {
        const planes = g.x + floatBytes((image0 + n) * g.inChannels + block * 8) * plane;
        transformRows(
          kind, planes, scalesOf(g.scales, image0 + n, g.inChannels, block * 8), g.height, g.width, min(8, g.inChannels - block * 8),
          isAdjoint ? 0 : g.padY, isAdjoint ? 0 : g.padX, row, rows, g.tilesX,
          v + <usize>(block * g.tileRows) * 32, g.tileRows, vStride, panelStride, n * perImage, tile, isAdjoint ? 0 : tapsOf(g),
        );
      }
    }
    for (let panel = panel0; panel < panel1; panel += g.groupPanels) {
      const panels = min(g.groupPanels, panel1 - panel);
      multiplyPoints(
        g.tileRows, g.tileCols, points, 5, points, points, v, vStride, g.weights + <usize>panel * panelBytes, g.weightStride,
        m, mStride, depth, tilePanels, panels,
      );
      const block0 = panel * (g.tileCols >> 3), block1 = min((g.outChannels + 7) >> 3, (panel + panels) * (g.tileCols >> 3));
      for (let block = block0; block < block1; block++) {
        for (let n = 0; n < images; n++) {
          const kept = carry + <usize>((block - panel0 * (g.tileCols >> 3)) * g.chunkImages + n) * carryBytes;
          if (isAdjoint) spreadRows(g, image0 + n, block, row, rows, block - block0, n * perImage, m, mStride, tiles, tile, kept);
          else outputRows(g, image0 + n, block, row, rows, block - block0, n * perImage, m, mStride, tiles, tile);
        }
      }
    }
  }
}

/** The pixels of one tile. A function for each line: together, they would share the registers of one. */
function pixels<L>(m: usize, pointStride: usize, to: usize, rowStride: usize, tile: usize): void {
  transform<L>(m, pointStride, <usize>changetype<L>(<usize>0).inputs * pointStride, to, 32, rowStride, tile);
}

/** The 9x9 pixels of one tile of the adjoint, added to those of its neighbours. */
function spreadPixels(m: usize, pointStride: usize, to: usize, rowStride: usize, tile: usize): void {
  columnsToTile<SpreadS4>(m, pointStride, 9 * pointStride, tile);
  tileToRows<SpreadSumS4>(tile, to, 32, rowStride);
}

/** Where the products of block `local` of a group begin: M is [points, panels, tiles, tileCols]. */
// @ts-ignore: decorator
@inline
function products(g: PlanarArguments, m: usize, tiles: i32, local: i32, index: i32): usize {
  const panelBlocks = g.tileCols >> 3;
  const tileBytes = <usize>g.tileCols * 4;
  return m + <usize>((local / panelBlocks) * tiles + index) * tileBytes + <usize>(local % panelBlocks) * 32;
}

/** Rows of tiles of one image and eight channels to y. */
function outputRows(
  g: PlanarArguments, image: i32, block: i32, row: i32, rows: i32, local: i32, index: i32, m: usize, mStride: usize, tiles: i32,
  tile: usize,
): void {
  const columns = g.tilesX * 4, rowStride = <usize>columns * 32, strip = tile + 81 * 32;
  let from = products(g, m, tiles, local, index);
  for (let ty = 0; ty < rows; ty++) {
    let to = strip + <usize>(ty * 4) * rowStride;
    for (let tx = 0; tx < g.tilesX; tx++) {
      if (g.kind == STRIDE_1) pixels<PlanarOutputF4>(from, mStride, to, rowStride, tile);
      else pixels<OutputS4>(from, mStride, to, rowStride, tile);
      from += <usize>g.tileCols * 4;
      to += 128;
    }
  }
  const planes = g.y + floatBytes(image * g.outChannels + block * 8) * <usize>(g.outHeight * g.outWidth);
  const lanes = min(8, g.outChannels - block * 8);
  if (g.activated) {
    for (let lane = 0; lane < 8; lane++) {
      const bias: f32 = g.bias && lane < lanes ? load<f32>(g.bias + floatBytes(block * 8 + lane)) : 0;
      store<f32>(tile + floatBytes(lane), g.biasGain * bias);
    }
    biasActStrip(strip, rows * 4 * columns, tile, g.inputGain, g.fall, g.gain);
  }
  storeStrip(planes, g.outHeight, g.outWidth, lanes, row * 4, rows * 4, 0, columns, strip);
}

/** Pixels of a row of the adjoint's strip; with a filter, what it reaches on both sides of the result. */
// @ts-ignore: decorator
@inline
function spreadColumns(g: PlanarArguments): i32 {
  return g.filtered ? g.outWidth + REACH : g.tilesX * 8 + 1;
}

/** Rows of it that the next strip needs: one that it adds to, and before that those that its filter reaches. */
// @ts-ignore: decorator
@inline
function carriedRows(g: PlanarArguments): i32 {
  return g.filtered ? REACH + 1 : 1;
}

/**
 * The same for the adjoint, whose windows overlap by one pixel: they add up in the strip, and the last row of the strip, to which
 * the next strip will add, is carried over in `kept`. With a filter, so are the rows before it; zeros lie around the whole.
 */
function spreadRows(
  g: PlanarArguments, image: i32, block: i32, row: i32, rows: i32, local: i32, index: i32, m: usize, mStride: usize, tiles: i32,
  tile: usize, kept: usize,
): void {
  const columns = spreadColumns(g), rowStride = <usize>columns * 32, strip = tile + 81 * 32;
  const isLast = row + rows == g.tilesY, reach = g.filtered ? REACH : 0, left = g.filtered ? g.padX : 0;
  const carried = <usize>carriedRows(g) * rowStride;
  memory.fill(strip, 0, <usize>(rows * 8 + 1 + 2 * reach) * rowStride);
  if (row > 0) memory.copy(strip, kept, carried);
  let from = products(g, m, tiles, local, index);
  for (let ty = 0; ty < rows; ty++) {
    let to = strip + <usize>(ty * 8 + reach) * rowStride + <usize>left * 32;
    for (let tx = 0; tx < g.tilesX; tx++) {
      spreadPixels(from, mStride, to, rowStride, tile);
      from += <usize>g.tileCols * 4;
      to += 256;
    }
  }
  if (!isLast) memory.copy(kept, strip + <usize>(rows * 8) * rowStride, carried);
  const planes = g.y + floatBytes(image * g.outChannels + block * 8) * <usize>(g.outHeight * g.outWidth);
  const finished = isLast ? rows * 8 + 1 + reach : rows * 8, lanes = min(8, g.outChannels - block * 8);
  if (!g.filtered) {
    storeStrip(planes, g.outHeight, g.outWidth, lanes, row * 8 - g.padY, finished, -g.padX, columns, strip);
    return;
  }
  // The row of the result that begins with the first row of the strip; rows before the image are not made.
  const first = row * 8 - REACH + g.padY, before = max(0, -first), count = min(finished, g.outHeight - first) - before;
  const begin = strip + <usize>before * rowStride;
  filterStrip(begin, rowStride, count, g.outWidth, tapsOf(g));
  storeStrip(planes, g.outHeight, g.outWidth, lanes, first + before, count, 0, columns, begin);
}
