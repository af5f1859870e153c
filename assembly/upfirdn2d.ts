/**
 * Upsample, pad or crop, filter, decimate (CONVENTIONS 1.1, items 8-10), for separable filters and for any filter.
 * Taps come in correlation order, the gain already in them.
 */
import { floatBytes, madd, splatAt } from "./simd";

@unmanaged
class SeparableArguments {
  x: usize;
  y: usize;
  scratch: usize;
  scratchStride: i32;
  height: i32;
  width: i32;
  outHeight: i32;
  outWidth: i32;
  rowsPerChunk: i32;
  upY: i32;
  downY: i32;
  padY: i32;
  tapsY: i32;
  upX: i32;
  downX: i32;
  padX: i32;
  tapsX: i32;
  /** Zeros kept before and after the filtered row in scratch (elements). */
  marginLeft: i32;
  marginRight: i32;
  // Then tapsY + tapsX float32 numbers.
}
const TAPS: usize = offsetof<SeparableArguments>();

/**
 * y[plane, p, q] = sum over j, i of tapY[j] * tapX[i] * up(x)[p * downY + j - padY, q * downX + i - padX], where up(x) holds
 * x[v, u] at (v * upY, u * upX) and zeros elsewhere.
 *
 * x: planes of [height][width], y: planes of [outHeight][outWidth], dense float32, any alignment, apart. Chunk =
 * (plane, block of rows). For each output row the input rows it meets are summed into a line of scratch between zero
 * margins; the second filter runs over that line. Scratch: marginLeft + width + marginRight + 8 floats and 8 more.
 * Rounding: per column j ascending, then per output i ascending. Memory-bound for filters of a few taps.
 */
export function upfirdn2dSeparable(args: usize, chunk: i32, worker: i32): void {
  const g = changetype<SeparableArguments>(args);
  const buffer = g.scratch + <usize>worker * <usize>g.scratchStride;
  const line = buffer + 32 + floatBytes(g.marginLeft);
  memory.fill(buffer, 0, g.scratchStride);

  const rowBlocks = (g.outHeight + g.rowsPerChunk - 1) / g.rowsPerChunk;
  const plane = chunk / rowBlocks;
  const firstRow = (chunk % rowBlocks) * g.rowsPerChunk;
  const endRow = min(g.outHeight, firstRow + g.rowsPerChunk);
  const x = g.x + floatBytes(plane) * <usize>(g.height * g.width);
  let y = g.y + floatBytes(plane) * <usize>(g.outHeight * g.outWidth) + floatBytes(firstRow) * <usize>g.outWidth;
  for (let p = firstRow; p < endRow; p++) {
    filterColumns(args, x, p, line);
    if (g.upX == 1 && g.downX == 1) filterRow(args, line, y, buffer);
    else if (g.upX == 2 && g.downX == 1) filterRowUp2(args, line, y, buffer);
    else if (g.upX == 1 && g.downX == 2) filterRowDown2(args, line, y, buffer);
    else filterRowAny(args, line, y);
    y += floatBytes(g.outWidth);
  }
}

/** line[0..width - 1] = sum over j of tapY[j] * up(x)[p * downY + j - padY], two input rows at a time. */
function filterColumns(args: usize, x: usize, p: i32, line: usize): void {
  const g = changetype<SeparableArguments>(args);
  const width = floatBytes(g.width);
  const start = p * g.downY - g.padY;
  let j = nextTap(g, start, 0);
  if (j >= g.tapsY) memory.fill(line, 0, width);
  let first = true;
  while (j < g.tapsY) {
    const next = nextTap(g, start, j + 1);
    const tap = splatAt(args + TAPS + floatBytes(j));
    const row = x + <usize>((start + j) / g.upY) * width;
    if (next < g.tapsY) {
      const nextRow = x + <usize>((start + next) / g.upY) * width;
      addRows(line, width, row, tap, nextRow, splatAt(args + TAPS + floatBytes(next)), first);
    } else {
      addRow(line, width, row, tap, first);
    }
    first = false;
    j = nextTap(g, start, next + 1);
  }
}

/** The first tap from j on that meets an input row: (start + tap) / upY is whole and inside; tapsY if there is none. */
function nextTap(g: SeparableArguments, start: i32, j: i32): i32 {
  for (; j < g.tapsY; j++) {
    const at = start + j;
    if (at >= 0 && at % g.upY == 0 && at / g.upY < g.height) return j;
  }
  return g.tapsY;
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

/** line = (first ? 0 : line) + tap * row + nextTap * nextRow; `bytes` long. */
function addRows(line: usize, bytes: usize, row: usize, tap: v128, nextRow: usize, nextTap: v128, first: bool): void {
  const end = line + bytes;
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

/** Stores the first `count` (1 to 8) of eight numbers; `spare` is 32 bytes of scratch. */
// @ts-ignore: decorator
@inline
function storeSome(to: usize, low: v128, high: v128, count: i32, spare: usize): void {
  if (count >= 8) {
    v128.store(to, low);
    v128.store(to, high, 16);
  } else {
    v128.store(spare, low);
    v128.store(spare, high, 16);
    memory.copy(to, spare, floatBytes(count));
  }
}

/** Same rate: y[q] = sum over i of tapX[i] * line[q + i - padX]. */
function filterRow(args: usize, line: usize, y: usize, spare: usize): void {
  const g = changetype<SeparableArguments>(args);
  const taps = args + TAPS + floatBytes(g.tapsY);
  const tapsEnd = taps + floatBytes(g.tapsX);
  let from = line - floatBytes(g.padX);
  if (g.tapsX == 4) {
    const tap0 = splatAt(taps), tap1 = splatAt(taps + 4), tap2 = splatAt(taps + 8), tap3 = splatAt(taps + 12);
    for (let q = 0; q < g.outWidth; q += 8) {
      const low = fourTaps(from, tap0, tap1, tap2, tap3);
      const high = fourTaps(from + 16, tap0, tap1, tap2, tap3);
      storeSome(y, low, high, g.outWidth - q, spare);
      from += 32;
      y += 32;
    }
    return;
  }
  for (let q = 0; q < g.outWidth; q += 8) {
    let low = f32x4.splat(0), high = f32x4.splat(0);
    let at = from;
    for (let tap = taps; tap < tapsEnd; tap += 4) {
      const weight = splatAt(tap);
      low = madd(weight, v128.load(at), low);
      high = madd(weight, v128.load(at, 16), high);
      at += 4;
    }
    storeSome(y, low, high, g.outWidth - q, spare);
    from += 32;
    y += 32;
  }
}

/** Four outputs of the filters of StyleGAN2, which have four taps. */
// @ts-ignore: decorator
@inline
function fourTaps(from: usize, tap0: v128, tap1: v128, tap2: v128, tap3: v128): v128 {
  let sum = f32x4.mul(tap0, v128.load(from));
  sum = madd(tap1, v128.load(from, 4), sum);
  sum = madd(tap2, v128.load(from, 8), sum);
  return madd(tap3, v128.load(from, 12), sum);
}

/** Double rate: even and odd outputs each meet every second tap. */
function filterRowUp2(args: usize, line: usize, y: usize, spare: usize): void {
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
    storeSome(y, low, high, g.outWidth - q, spare);
    evenFrom += 16;
    oddFrom += 16;
    y += 32;
  }
}

/** Half rate: y[q] = sum over i of tapX[i] * line[2 q + i - padX]; two taps share the loads of eight numbers. */
function filterRowDown2(args: usize, line: usize, y: usize, spare: usize): void {
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
    else storeSome(y, sum, sum, g.outWidth - q, spare);
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
  x: usize;
  y: usize;
  height: i32;
  width: i32;
  outHeight: i32;
  outWidth: i32;
  tapsY: i32;
  tapsX: i32;
  outStepY: i32;
  inStepY: i32;
  outStepX: i32;
  inStepX: i32;
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
