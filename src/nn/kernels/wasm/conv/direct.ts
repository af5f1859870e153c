/**
 * Plans convolutions and their adjoints for `assembly/conv/direct.ts` and `assembly/conv/weightGrad.ts`.
 *
 * The adjoint in x of a convolution with stride t splits into t x t phases. For input row y = t * u + phase only the taps
 * r = first + t * j meet it, first = (phase + padY) mod t, and they meet output rows p = u + (y0 - j), so that each phase is
 * itself a stride-1 convolution of dy with some of the taps, in reverse order; all run on the one kernel `convTiles`.
 */
import type { Conv2dGeometry } from "../../types.js";
import type { LeakyEnd } from "../activations.js";
import type { Engine } from "../engine.js";
import { TABLE_BYTES } from "../frames/conv.js";
import { cutProduct, type MatrixLayout, packedBytes, packMatrix, panelBytes, tile } from "../matmul.js";

/** A way to compute conv2d, or one of its adjoints. The first in the tables of wasm/kernels.ts that applies is taken. */
export interface Conv2dAlgorithm {
  readonly name: string;
  applies(geometry: Conv2dGeometry): boolean;
  /** Whether it takes care of the filter of a geometry that it applies to. Default: not of any. */
  filters?(geometry: Conv2dGeometry): boolean;
  /** x, w, y are pointers to float32; for the adjoints, dy, w, dx and x, dy, dw. */
  run(engine: Engine, x: number, w: number, y: number, geometry: Conv2dGeometry): void;
  /** What it can do in the same pass with `runWith`. The rest needs passes of its own. */
  readonly joins?: readonly (keyof Around)[];
  runWith?(engine: Engine, x: number, w: number, y: number, geometry: Conv2dGeometry, around: Around): void;
}

/** What is done to feature maps before and after. */
export interface Around {
  /** Pointers to a number for each map of the two operands, [n, channels], that multiplies it; null for none. */
  readonly scales?: readonly [first: number | null, second: number | null];
  /** Of conv2d: what follows it. */
  readonly end?: LeakyEnd;
}

/**
 * Up to this many products of pixels and channels, sums are taken in float64. Tiny networks notice no time but every rounding:
 * gradients through the minibatch standard deviation live on differences of nearly equal features.
 */
export const mostExactProducts = 2 ** 17;

/** One product for `convTiles`: a filter, what it is correlated with, and the grid of outputs. */
interface TiledConv {
  readonly weights: MatrixLayout; // rows: outputs; outer, middle, inner: channels, kernelHeight, kernelWidth
  readonly x: number;
  readonly y: number;
  readonly n: number;
  readonly height: number;
  readonly width: number;
  readonly stride: number;
  readonly padY: number;
  readonly padX: number;
  readonly xImage: number;
  readonly gridHeight: number;
  readonly gridWidth: number;
  readonly yImage: number;
  readonly yPlane: number;
  readonly yRow: number;
  readonly yColumn: number;
}

function runTiledConv(engine: Engine, conv: TiledConv): void {
  const { weights, n, gridHeight, gridWidth } = conv;
  const columns = n * gridHeight * gridWidth;
  if (columns === 0 || weights.rows === 0) return;
  const cut = cutProduct(weights.rows, columns);
  const scratchStride = TABLE_BYTES + panelBytes + cut.tileBytes;
  const packedSize = packedBytes(weights);
  engine.withScratch(packedSize + engine.workers * scratchStride, (packed) => {
    packMatrix(engine, weights, packed);
    engine.run("convTiles", cut.chunks, {
      packed,
      x: conv.x,
      y: conv.y,
      scratch: packed + packedSize,
      scratchStride,
      rows: weights.rows,
      rowsPerChunk: cut.rowsPerChunk,
      channels: weights.outer,
      height: conv.height,
      width: conv.width,
      kernelHeight: weights.middle,
      kernelWidth: weights.inner,
      stride: conv.stride,
      padY: conv.padY,
      padX: conv.padX,
      xImage: conv.xImage,
      columns,
      columnsPerChunk: cut.columnsPerChunk,
      gridHeight,
      gridWidth,
      yImage: conv.yImage,
      yPlane: conv.yPlane,
      yRow: conv.yRow,
      yColumn: conv.yColumn,
      exact: columns * weights.rows * weights.outer <= mostExactProducts ? 1 : 0,
    });
  });
}

/** Any kernel, stride, padding and grouping. */
const direct = (run: Conv2dAlgorithm["run"]): Conv2dAlgorithm => ({ name: "direct", applies: () => true, run });

/** What one group has: input and output channels, and the taps of a filter. */
const perGroup = ({ inChannels, outChannels, kernelHeight, kernelWidth, groups }: Conv2dGeometry) => ({
  groupIn: inChannels / groups,
  groupOut: outChannels / groups,
  taps: kernelHeight * kernelWidth,
});

/** Implicit GEMM. */
export const directConv2d = direct((engine, x, w, y, geometry) => {
  const { n, inChannels, outChannels, height, width, kernelHeight, kernelWidth, groups } = geometry;
  const { stride, padY, padX, outHeight, outWidth } = geometry;
  const { groupIn, groupOut, taps } = perGroup(geometry);
  for (let group = 0; group < groups; group++) {
    runTiledConv(engine, {
      weights: {
        pointer: w + group * groupOut * groupIn * taps * 4,
        rows: groupOut,
        rowStep: groupIn * taps,
        outer: groupIn,
        outerStep: taps,
        middle: kernelHeight,
        middleStep: kernelWidth,
        inner: kernelWidth,
        innerStep: 1,
      },
      x: x + group * groupIn * height * width * 4,
      y: y + group * groupOut * outHeight * outWidth * 4,
      n,
      height,
      width,
      stride,
      padY,
      padX,
      xImage: inChannels * height * width,
      gridHeight: outHeight,
      gridWidth: outWidth,
      yImage: outChannels * outHeight * outWidth,
      yPlane: outHeight * outWidth,
      yRow: outWidth,
      yColumn: 1,
    });
  }
});

/** The taps that one phase of the input grid meets along an axis, and the padding of the convolution they make. */
function phaseTaps(phase: number, stride: number, pad: number, kernel: number, extent: number) {
  const first = (((phase + pad) % stride) + stride) % stride;
  const count = Math.max(0, Math.ceil((kernel - first) / stride));
  const last = first + (count - 1) * stride;
  return {
    count,
    /** Reversed: the tap that meets the first output row of the window is the last one. */
    last,
    pad: count - 1 - (phase + pad - first) / stride,
    grid: Math.ceil((extent - phase) / stride),
  };
}

/** The phases described above. */
export const directConv2dInputGrad = direct((engine, dy, w, dx, geometry) => {
  const { n, inChannels, outChannels, height, width, kernelHeight, kernelWidth, stride, padY, padX } = geometry;
  const { groupIn, groupOut, taps } = perGroup(geometry);
  const { outHeight, outWidth, groups } = geometry;
  for (let group = 0; group < groups; group++) {
    for (let phaseY = 0; phaseY < Math.min(stride, height); phaseY++) {
      const alongY = phaseTaps(phaseY, stride, padY, kernelHeight, height);
      for (let phaseX = 0; phaseX < Math.min(stride, width); phaseX++) {
        const alongX = phaseTaps(phaseX, stride, padX, kernelWidth, width);
        const firstTap = alongY.last * kernelWidth + alongX.last;
        runTiledConv(engine, {
          weights: {
            pointer: w + (group * groupOut * groupIn * taps + firstTap) * 4,
            rows: groupIn,
            rowStep: taps,
            outer: groupOut,
            outerStep: groupIn * taps,
            middle: alongY.count,
            middleStep: -stride * kernelWidth,
            inner: alongX.count,
            innerStep: -stride,
          },
          x: dy + group * groupOut * outHeight * outWidth * 4,
          y: dx + (group * groupIn * height * width + phaseY * width + phaseX) * 4,
          n,
          height: outHeight,
          width: outWidth,
          stride: 1,
          padY: alongY.pad,
          padX: alongX.pad,
          xImage: outChannels * outHeight * outWidth,
          gridHeight: alongY.grid,
          gridWidth: alongX.grid,
          yImage: inChannels * height * width,
          yPlane: height * width,
          yRow: stride * width,
          yColumn: stride,
        });
      }
    }
  }
});

export const directConv2dWeightGrad = direct((engine, x, dy, dw, geometry) => {
  const { n, inChannels, outChannels, height, width, kernelHeight, kernelWidth, groups } = geometry;
  const { stride, padY, padX, outHeight, outWidth } = geometry;
  const { groupIn, groupOut, taps } = perGroup(geometry);
  const columns = groupIn * taps;
  if (columns === 0 || groupOut === 0) return;
  const columnsPerChunk = Math.min(64, Math.ceil(columns / 16 / tile.columns) * tile.columns);
  const tilesOfChunk = (columnsPerChunk / tile.columns) * Math.ceil(groupOut / tile.rows);
  const scratchStride = panelBytes + tilesOfChunk * tile.bytes;
  for (let group = 0; group < groups; group++) {
    const matrix: MatrixLayout = {
      pointer: dy + group * groupOut * outHeight * outWidth * 4,
      rows: groupOut,
      rowStep: outHeight * outWidth,
      outer: n,
      outerStep: outChannels * outHeight * outWidth,
      middle: 1,
      middleStep: 0,
      inner: outHeight * outWidth,
      innerStep: 1,
    };
    const packedSize = packedBytes(matrix);
    engine.withScratch(packedSize + engine.workers * scratchStride, (packed) => {
      packMatrix(engine, matrix, packed);
      engine.run("convWeightGradTiles", Math.ceil(columns / columnsPerChunk), {
        packed,
        x: x + group * groupIn * height * width * 4,
        dw: dw + group * groupOut * columns * 4,
        scratch: packed + packedSize,
        scratchStride,
        rows: groupOut,
        n,
        xImage: inChannels * height * width,
        channels: groupIn,
        height,
        width,
        kernelHeight,
        kernelWidth,
        stride,
        padY,
        padX,
        outHeight,
        outWidth,
        columnsPerChunk,
      });
    });
  }
});
