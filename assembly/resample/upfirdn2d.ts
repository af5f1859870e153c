/**
 * Upsample, pad or crop, filter, decimate for separable filters and for any filter.
 * Taps come in correlation order, the gain already in them.
 */
import { STEP, add, floatBytes, high, madd, put, splatAt } from "../vector";
import { copyRows, filterDouble, filterHalf, filterSame } from "./fourTaps";

@unmanaged
class SeparableArguments {
  x: usize; y: usize; scratch: usize; scratchStride: i32;
  /** From one line of scratch to the next. */
  lineBytes: i32; height: i32; width: i32; outHeight: i32; outWidth: i32; planes: i32;
  /** A chunk is some rows of a plane, or some whole planes. */
  rowsPerChunk: i32; planesPerChunk: i32;
  /** Output rows filtered at a time by fourTaps.ts; 0 where the filter or the rates are others. */
  stripRows: i32;
  /** Of each thread's scratch, where a strip of outputs is made before it is copied to y; 0 where it is made in y. */
  stageOffset: i32;
  /** 1: it is added to what is in y. */
  adds: i32; upY: i32; downY: i32; padY: i32; tapsY: i32; upX: i32; downX: i32; padX: i32; tapsX: i32;
  /** Zeros kept before and after the filtered row in scratch (elements). */
  marginLeft: i32; marginRight: i32;
  // Then tapsY + tapsX float32 numbers.
}
const TAPS: usize = offsetof<SeparableArguments>();

/** Lines filtered along one axis before the other begins: a vector that straddles two fresh stores would wait for both. @host */
const LINES: i32 = 8;

/**
 * y[plane, p, q] = sum over j, i of tapY[j] * tapX[i] * up(x)[p * downY + j - padY, q * downX + i - padX], where up(x) holds
 * x[v, u] at (v * upY, u * upX) and zeros elsewhere.
 *
 * x: planes of [height][width], y: planes of [outHeight][outWidth], dense float32, any alignment, apart. Chunk =
 * (planes, block of rows). For each output row the input rows it meets are summed into a line of scratch between zero margins;
 * the second filter runs over that line. Scratch: eight lines of marginLeft + width + marginRight + 8 floats and 8 more.
 * Rounding: per column j ascending, then per output i ascending. Memory-bound for filters of a few taps.
 */
export function upfirdn2dSeparable(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<SeparableArguments>(args);
  const buffer = g.scratch + <usize>worker * <usize>g.scratchStride;
  const line = buffer + 32 + floatBytes(g.marginLeft), lineStep = <usize>g.lineBytes;
  memory.fill(buffer, 0, <usize>g.scratchStride);

  const rowBlocks = (g.outHeight + g.rowsPerChunk - 1) / g.rowsPerChunk;
  const first = chunk / rowBlocks * g.planesPerChunk, end = min(g.planes, first + g.planesPerChunk);
  const firstRow = (chunk % rowBlocks) * g.rowsPerChunk;
  const endRow = min(g.outHeight, firstRow + g.rowsPerChunk);
  for (let plane = first; plane < end; plane++) {
    const x = g.x + floatBytes(plane) * <usize>(g.height * g.width);
    const y = g.y + floatBytes(plane) * <usize>(g.outHeight * g.outWidth) + floatBytes(firstRow) * <usize>g.outWidth;
    if (g.stripRows > 0) filterPlaneFour(args, x, y, line, g.stageOffset ? buffer + g.stageOffset : 0, firstRow, endRow);
    else filterPlane(args, x, y, line, firstRow, endRow);
  }
}

/**
 * Rows firstRow .. endRow - 1 of one plane, to y, with four taps at one of the three rates of fourTaps.ts. These go down columns,
 * which touches a line of the cache for every row: far from the core that waits for each, so a strip is made in `stage` first.
 */
function filterPlaneFour(args: usize, x: usize, y: usize, line: usize, stage: usize, firstRow: i32, endRow: i32): void {
  const g = changetype<SeparableArguments>(args), lineStep = <usize>g.lineBytes, taps = args + TAPS;
  const isDouble = g.upY == 2, phaseX = g.padX & 1;
  // The first sample that meets a tap: at double rate, the first at or after -padX is at (1 - padX) / 2, rounded down.
  const column = isDouble ? (1 - g.padX) >> 1 : -g.padX;
  const from = line + (<usize>column << 2);
  for (let p = firstRow; p < endRow; p += g.stripRows) {
    const rows = min(g.stripRows, endRow - p), start = p * g.downY - g.padY;
    const first = isDouble ? (start + 1) >> 1 : start;
    const needed = isDouble ? (rows >> 1) + 2 : (rows - 1) * g.downY + 4;
    copyRows(x, g.height, g.width, first, needed, line, lineStep);
    const to = stage ? stage : y, bytes = floatBytes(rows * g.outWidth);
    if (isDouble) filterDouble(taps, from, lineStep, to, rows, g.outWidth, start & 1, phaseX);
    else if (g.downY == 2) filterHalf(taps, from, lineStep, to, rows, g.outWidth);
    else filterSame(taps, from, lineStep, to, rows, g.outWidth);
    if (g.adds) addTo(y, stage, bytes);
    else if (stage) memory.copy(y, stage, bytes);
    y += bytes;
  }
}

/** y += x, `bytes` of each. */
function addTo(y: usize, x: usize, bytes: usize): void {
  const end = y + bytes, vectorsEnd = y + (bytes & ~(STEP - 1));
  for (; y < vectorsEnd; y += STEP) {
    put(y, add(v128.load(y), v128.load(x)), add(high(y), high(x)));
    x += STEP;
  }
  for (; y < end; y += 4) {
    store<f32>(y, load<f32>(y) + load<f32>(x));
    x += 4;
  }
}

/** Rows firstRow .. endRow - 1 of one plane, to y. */
function filterPlane(args: usize, x: usize, y: usize, line: usize, firstRow: i32, endRow: i32): void {
  const g = changetype<SeparableArguments>(args), lineStep = <usize>g.lineBytes;
  for (let p = firstRow; p < endRow; p += LINES) {
    const rows = min(LINES, endRow - p);
    for (let r = 0; r < rows; r++) filterColumns(args, x, p + r, line + <usize>r * lineStep);
    for (let r = 0; r < rows; r++) {
      const from = line + <usize>r * lineStep;
      if (g.upX == 1 && g.downX == 1) filterRow(args, from, y);
      else if (g.upX == 2 && g.downX == 1) filterRowUp2(args, from, y);
      else if (g.upX == 1 && g.downX == 2) filterRowDown2(args, from, y);
      else filterRowAny(args, from, y);
      y += floatBytes(g.outWidth);
    }
  }
}

/**
 * line[0..width - 1] = sum over j of tapY[j] * up(x)[p * downY + j - padY]. Taps upY apart meet consecutive input rows, which are
 * taken four, two or one at a time.
 */
function filterColumns(args: usize, x: usize, p: i32, line: usize): void {
  const g = changetype<SeparableArguments>(args);
  const width = floatBytes(g.width), up = g.upY;
  const start = p * g.downY - g.padY;
  let j = start < 0 ? -start : (up - start % up) % up; // the first tap that meets a row
  const firstRow = (start + j) / up;
  let rows = j < g.tapsY ? min((g.tapsY - j + up - 1) / up, g.height - firstRow) : 0;
  if (rows <= 0) memory.fill(line, 0, width);
  let row = x + <usize>firstRow * width, tap = args + TAPS + floatBytes(j);
  const tapStep = floatBytes(up);
  let first = true;
  while (rows > 0) {
    const together = rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
    if (together == 4) addFourRows(line, width, row, tap, tapStep, first);
    else if (together == 2) addRows(line, width, row, splatAt(tap), splatAt(tap + tapStep), first);
    else addRow(line, width, row, splatAt(tap), first);
    row += <usize>together * width;
    tap += <usize>together * tapStep;
    rows -= together;
    first = false;
  }
}

/** line = (first ? 0 : line) + tap * row; `bytes` long. */
function addRow(line: usize, bytes: usize, row: usize, tap: v128, first: bool): void {
  const end = line + bytes;
  for (const vectorsEnd = line + (bytes & ~15); line < vectorsEnd; line += 16) {
    const sum = first ? f32x4.splat(0) : v128.load(line);
    v128.store(line, madd(tap, v128.load(row), sum));
    row += 16;
  }
  for (; line < end; line += 4) {
    const sum = first ? f32x4.splat(0) : v128.load32_splat(line);
    v128.store32_lane(line, madd(tap, v128.load32_splat(row), sum), 0);
    row += 4;
  }
}

/** line = (first ? 0 : line) + tap * row + nextTap * the next row; `bytes` long. */
function addRows(line: usize, bytes: usize, row: usize, tap: v128, nextTap: v128, first: bool): void {
  const end = line + bytes;
  let nextRow = row + bytes;
  for (const vectorsEnd = line + (bytes & ~15); line < vectorsEnd; line += 16) {
    const sum = first ? f32x4.splat(0) : v128.load(line);
    v128.store(line, madd(nextTap, v128.load(nextRow), madd(tap, v128.load(row), sum)));
    row += 16;
    nextRow += 16;
  }
  for (; line < end; line += 4) {
    const sum = first ? f32x4.splat(0) : v128.load32_splat(line);
    v128.store32_lane(line, madd(nextTap, v128.load32_splat(nextRow), madd(tap, v128.load32_splat(row), sum)), 0);
    row += 4;
    nextRow += 4;
  }
}

/** line = (first ? 0 : line) + the sum over j < 4 of tap j * row j; rows of `bytes` bytes lie one after the other. */
function addFourRows(line: usize, bytes: usize, row: usize, taps: usize, tapStep: usize, first: bool): void {
  const tap0 = splatAt(taps), tap1 = splatAt(taps + tapStep);
  const tap2 = splatAt(taps + 2 * tapStep), tap3 = splatAt(taps + 3 * tapStep);
  const row1 = row + bytes, row2 = row1 + bytes, row3 = row2 + bytes;
  let at: usize = 0;
  for (const end = bytes & ~15; at < end; at += 16) {
    let sum = first ? f32x4.splat(0) : v128.load(line + at);
    sum = madd(tap1, v128.load(row1 + at), madd(tap0, v128.load(row + at), sum));
    v128.store(line + at, madd(tap3, v128.load(row3 + at), madd(tap2, v128.load(row2 + at), sum)));
  }
  for (; at < bytes; at += 4) {
    let sum = first ? f32x4.splat(0) : v128.load32_zero(line + at);
    sum = madd(tap1, v128.load32_zero(row1 + at), madd(tap0, v128.load32_zero(row + at), sum));
    sum = madd(tap3, v128.load32_zero(row3 + at), madd(tap2, v128.load32_zero(row2 + at), sum));
    v128.store32_lane(line + at, sum, 0);
  }
}

/** Stores the first `count` of eight numbers. */
// @ts-ignore: decorator
@inline
function storeSome(to: usize, low: v128, high: v128, count: i32): void {
  if (count >= 8) {
    v128.store(to, low);
    v128.store(to, high, 16);
    return;
  }
  let rest = low;
  if (count >= 4) {
    v128.store(to, low);
    to += 16;
    count -= 4;
    rest = high;
  }
  if (count > 0) v128.store32_lane(to, rest, 0);
  if (count > 1) v128.store32_lane(to, rest, 1, 4);
  if (count > 2) v128.store32_lane(to, rest, 2, 8);
}

/** Same rate: y[q] = sum over i of tapX[i] * line[q + i - padX]. */
function filterRow(args: usize, line: usize, y: usize): void {
  const g = changetype<SeparableArguments>(args);
  const taps = args + TAPS + floatBytes(g.tapsY);
  const tapsEnd = taps + floatBytes(g.tapsX);
  let from = line - floatBytes(g.padX);
  for (let q = 0; q < g.outWidth; q += 8) {
    let low = f32x4.splat(0), high = f32x4.splat(0);
    let at = from;
    for (let tap = taps; tap < tapsEnd; tap += 4) {
      const weight = splatAt(tap);
      low = madd(weight, v128.load(at), low);
      high = madd(weight, v128.load(at, 16), high);
      at += 4;
    }
    storeSome(y, low, high, g.outWidth - q);
    from += 32;
    y += 32;
  }
}

/** Double rate: even and odd outputs each meet every second tap. */
function filterRowUp2(args: usize, line: usize, y: usize): void {
  const g = changetype<SeparableArguments>(args);
  const taps = args + TAPS + floatBytes(g.tapsY);
  const tapsEnd = taps + floatBytes(g.tapsX);
  const evenTap = g.padX & 1; // q even meets taps with i = padX (mod 2), q odd the others
  const oddTap = evenTap ^ 1;
  let evenFrom = line + (<usize>((evenTap - g.padX) >> 1) << 2);
  let oddFrom = line + (<usize>((1 + oddTap - g.padX) >> 1) << 2);
  for (let q = 0; q < g.outWidth; q += 8) {
    let even = f32x4.splat(0), odd = f32x4.splat(0);
    let at = evenFrom;
    for (let tap = taps + floatBytes(evenTap); tap < tapsEnd; tap += 8) {
      even = madd(splatAt(tap), v128.load(at), even);
      at += 4;
    }
    at = oddFrom;
    for (let tap = taps + floatBytes(oddTap); tap < tapsEnd; tap += 8) {
      odd = madd(splatAt(tap), v128.load(at), odd);
      at += 4;
    }
    const low = v128.shuffle<f32>(even, odd, 0, 4, 1, 5);
    const high = v128.shuffle<f32>(even, odd, 2, 6, 3, 7);
    storeSome(y, low, high, g.outWidth - q);
    evenFrom += 16;
    oddFrom += 16;
    y += 32;
  }
}

/** Half rate: y[q] = sum over i of tapX[i] * line[2 q + i - padX]; two taps share the loads of eight numbers. */
function filterRowDown2(args: usize, line: usize, y: usize): void {
  const g = changetype<SeparableArguments>(args);
  const taps = args + TAPS + floatBytes(g.tapsY);
  const pairsEnd = taps + floatBytes(g.tapsX & ~1);
  let from = line - floatBytes(g.padX);
  for (let q = 0; q < g.outWidth; q += 4) {
    let sum = f32x4.splat(0);
    let at = from;
    for (let tap = taps; tap < pairsEnd; tap += 8) {
      const low = v128.load(at);
      const high = v128.load(at, 16);
      sum = madd(splatAt(tap), v128.shuffle<f32>(low, high, 0, 2, 4, 6), sum);
      sum = madd(splatAt(tap + 4), v128.shuffle<f32>(low, high, 1, 3, 5, 7), sum);
      at += 8;
    }
    if (g.tapsX & 1) {
      const alone = v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6);
      sum = madd(splatAt(pairsEnd), alone, sum);
    }
    if (q + 4 <= g.outWidth) v128.store(y, sum);
    else storeSome(y, sum, sum, g.outWidth - q);
    from += 32;
    y += 16;
  }
}

/** Any rates, one output at a time. */
function filterRowAny(args: usize, line: usize, y: usize): void {
  const g = changetype<SeparableArguments>(args);
  const taps = args + TAPS + floatBytes(g.tapsY);
  for (let q = 0; q < g.outWidth; q++) {
    let sum: f32 = 0;
    for (let i = 0; i < g.tapsX; i++) {
      const at = q * g.downX + i - g.padX;
      if (at < 0 || at % g.upX != 0 || at / g.upX >= g.width) continue;
      sum += load<f32>(taps + floatBytes(i)) * load<f32>(line + floatBytes(at / g.upX));
    }
    store<f32>(y, sum);
    y += 4;
  }
}

/** Outputs that a tap reaches along an axis: first + t * outStep reads x at index + t * inStep, t < count. */
@unmanaged
class AnyFilterArguments {
  x: usize; y: usize; height: i32; width: i32; outHeight: i32; outWidth: i32; tapsY: i32; tapsX: i32; outStepY: i32;
  inStepY: i32; outStepX: i32; inStepX: i32;
  // Then { first, index, count } for each of tapsY + tapsX taps, then tapsY * tapsX float32 numbers.
}
const REACHES: usize = offsetof<AnyFilterArguments>();

/**
 * As upfirdn2dSeparable with a full matrix of taps: y = 0, then y += tap * (the x it meets), tap after tap. Chunk = plane.
 * Rounding: taps in row-major order, one accumulator in y.
 */
export function upfirdn2dAny(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<AnyFilterArguments>(args);
  const x = g.x + floatBytes(chunk) * <usize>(g.height * g.width);
  const y = g.y + floatBytes(chunk) * <usize>(g.outHeight * g.outWidth);
  const taps = args + REACHES + <usize>(g.tapsY + g.tapsX) * 12;
  memory.fill(y, 0, floatBytes(g.outHeight * g.outWidth));
  for (let j = 0; j < g.tapsY; j++) {
    const reachY = args + REACHES + <usize>j * 12;
    for (let i = 0; i < g.tapsX; i++) {
      const reachX = args + REACHES + <usize>(g.tapsY + i) * 12;
      const tap = taps + floatBytes(j * g.tapsX + i);
      for (let t = 0; t < load<i32>(reachY, 8); t++) {
        const from = (load<i32>(reachY, 4) + t * g.inStepY) * g.width + load<i32>(reachX, 4);
        const to = (load<i32>(reachY) + t * g.outStepY) * g.outWidth + load<i32>(reachX);
        addScaled(g, tap, x + floatBytes(from), y + floatBytes(to), load<i32>(reachX, 8));
      }
    }
  }
}

/** to[t * outStepX] += tap * from[t * inStepX], t < count. */
function addScaled(g: AnyFilterArguments, tap: usize, from: usize, to: usize, count: i32): void {
  const weight = splatAt(tap);
  if (g.outStepX == 1 && g.inStepX == 1) {
    for (; count >= 4; count -= 4) {
      v128.store(to, madd(weight, v128.load(from), v128.load(to)));
      from += 16;
      to += 16;
    }
  }
  for (; count > 0; count--) {
    v128.store32_lane(to, madd(weight, v128.load32_splat(from), v128.load32_splat(to)), 0);
    from += floatBytes(g.inStepX);
    to += floatBytes(g.outStepX);
  }
}
