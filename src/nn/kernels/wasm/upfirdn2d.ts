/** Plans upfirdn2d for `assembly/resample/upfirdn2d.ts`. */
import { hasFourTaps } from "../filters.js";
import { type TapReach, tapReach } from "../reference/upfirdn2d.js";
import type { Upfirdn2dGeometry } from "../types.js";
import { wasmBinary } from "./elementwise.js";
import type { Engine } from "./engine.js";
import { LINES } from "./frames/resample.js";

/** `adds`: to what is in y. */
export function wasmUpfirdn2d(
  engine: Engine,
  x: number,
  y: number,
  geometry: Upfirdn2dGeometry,
  { adds = false }: { readonly adds?: boolean } = {},
): void {
  const { filter, planes, outHeight, outWidth } = geometry;
  const length = planes * outHeight * outWidth;
  if (length === 0) return;
  if (adds && !isFourTaps(geometry)) {
    engine.withScratch(length * 4, (made) => {
      wasmUpfirdn2d(engine, x, made, geometry);
      wasmBinary(engine, "add", y, made, y, { shape: [length], strides: [[1], [1]] });
    });
  } else if (filter.separable === null) runAny(engine, x, y, geometry);
  else runSeparable(engine, x, y, geometry, filter.separable, adds);
}

/** Whether assembly/resample/fourTaps.ts has the filter. */
function isFourTaps({ filter, upX, upY, downX, downY, outWidth }: Upfirdn2dGeometry): boolean {
  const hasKnownRate = upX === upY && downX === downY && upX * downX <= 2;
  return hasFourTaps(filter) && hasKnownRate && (downX === 1 || outWidth < longRow);
}

/**
 * Of assembly/resample/fourTaps.ts: input rows that stay in the first-level cache, but not fewer than are worth their overlap. Long
 * rows of outputs share cache sets, so that not many of them may be written at once.
 */
const stripBytes = 16 * 1024;
const fewestStripRows = 8;
const longRow = 512;
/** Results that are larger leave even a large cache before they are read again. */
const stagedBytes = 8 * 1024 * 1024;

function runSeparable(
  engine: Engine,
  x: number,
  y: number,
  geometry: Upfirdn2dGeometry,
  taps: { readonly y: readonly number[]; readonly x: readonly number[] },
  adds: boolean,
): void {
  const { planes, height, width, outHeight, outWidth, upX, upY, downX, downY, padX0, padY0 } = geometry;
  const [tapsY, tapsX] = tapsInOrder(taps, geometry);
  // Whole vectors are read: past the last input by as much as the last eight outputs reach.
  const marginLeft = Math.max(0, padX0);
  const marginRight = Math.max(0, downX * (outWidth + 8) + tapsX.length + 16 - padX0 - width);
  const lineBytes = Math.ceil((32 + (marginLeft + width + marginRight + 8) * 4) / 64) * 64;
  const isFour = isFourTaps(geometry);
  const fits = Math.floor(((Math.floor(stripBytes / lineBytes) - 4) * upX) / downX / 2) * 2;
  const stripRows = !isFour ? 0 : outWidth >= longRow ? fewestStripRows : Math.max(fewestStripRows, fits);
  const lines = !isFour ? LINES : upX === 2 ? stripRows / 2 + 2 : (stripRows - 1) * downX + 4;
  const isStaged = isFour && (adds || planes * outHeight * outWidth * 4 > stagedBytes);
  const stageOffset = isStaged ? lines * lineBytes : 0;
  const scratchStride = lines * lineBytes + (isStaged ? Math.ceil((stripRows * outWidth) / 16) * 64 : 0);
  const rowsPerChunk = Math.max(4, Math.ceil(16384 / outWidth));
  const rowBlocks = Math.ceil(outHeight / rowsPerChunk);
  const planesPerChunk = rowBlocks > 1 ? 1 : Math.ceil(rowsPerChunk / outHeight);
  engine.withScratch(engine.workers * scratchStride, (scratch) => {
    engine.run(
      "upfirdn2dSeparable",
      Math.ceil(planes / planesPerChunk) * rowBlocks,
      {
        x,
        y,
        scratch,
        scratchStride,
        lineBytes,
        height,
        width,
        outHeight,
        outWidth,
        planes,
        rowsPerChunk,
        planesPerChunk,
        stripRows,
        stageOffset,
        adds: adds ? 1 : 0,
        upY,
        downY,
        padY: padY0,
        tapsY: tapsY.length,
        upX,
        downX,
        padX: padX0,
        tapsX: tapsX.length,
        marginLeft,
        marginRight,
      },
      { reals: [...tapsY, ...tapsX] },
    );
  });
}

/** The taps down, with the gain, and along: a convolution meets them in reverse order, a correlation as they stand. */
export function tapsInOrder(
  { y, x }: { readonly y: readonly number[]; readonly x: readonly number[] },
  { flipFilter, gain }: Upfirdn2dGeometry,
): readonly [tapsY: readonly number[], tapsX: readonly number[]] {
  const order = (values: readonly number[]) => (flipFilter ? [...values] : [...values].reverse());
  return [order(y).map((tap) => tap * gain), order(x)];
}

function runAny(engine: Engine, x: number, y: number, geometry: Upfirdn2dGeometry): void {
  const { planes, height, width, outHeight, outWidth, upX, upY, downX, downY, padX0, padY0 } = geometry;
  const { tapsY, tapsX, taps } = geometry.filter;
  const correlation = (geometry.flipFilter ? [...taps] : [...taps].reverse()).map((tap) => tap * geometry.gain);
  const reachY = Array.from({ length: tapsY }, (_, j) => tapReach(j - padY0, upY, downY, height, outHeight));
  const reachX = Array.from({ length: tapsX }, (_, i) => tapReach(i - padX0, upX, downX, width, outWidth));
  const words = (reach: TapReach) => [reach.first, reach.index, reach.count];
  engine.run(
    "upfirdn2dAny",
    planes,
    {
      x,
      y,
      height,
      width,
      outHeight,
      outWidth,
      tapsY,
      tapsX,
      outStepY: reachY[0].qStep,
      inStepY: reachY[0].xStep,
      outStepX: reachX[0].qStep,
      inStepX: reachX[0].xStep,
    },
    { words: [...reachY, ...reachX].flatMap(words), reals: correlation },
  );
}
