/**
 * From planar images to transform points: 3x3 convolutions with stride 1 and their gradients (f4.ts), and all members of the
 * family with stride 2 (S4 in t4.ts).
 */
import { GradF4, InputF4 } from "../transforms/f4";
import { transform } from "../transforms/lines";
import { GradS4, InputS4 } from "../transforms/t4";
import { filterStrip, REACH } from "./filter";
import { loadStrip, scaleStrip } from "./strip";

/** What is transformed: the input of the convolution (windows that overlap) or its output (tiles of 4x4). */
export const INPUT_F4: i32 = 0;
export const GRAD_F4: i32 = 1;
export const INPUT_S4: i32 = 2;
export const GRAD_S4: i32 = 3;

/** Edge of the window that one tile reads, in pixels. */
// @ts-ignore: decorator
@inline
function windowOf(kind: i32): i32 {
  return kind == INPUT_F4 ? 6 : kind == INPUT_S4 ? 9 : 4;
}

/** From one window to the next. */
// @ts-ignore: decorator
@inline
function stepOf(kind: i32): i32 {
  return kind == INPUT_S4 ? 8 : 4;
}

/** Where the scales of a channel of an image begin, of [images, channels] from `scales` on; 0 for none. */
// @ts-ignore: decorator
@inline
export function scalesOf(scales: usize, image: i32, channels: i32, channel: i32): usize {
  return scales ? scales + (<usize>(image * channels + channel) << 2) : 0;
}

/** The points of one tile. A function for each line: together, they would share the registers of one. */
function points<L>(from: usize, rowStride: usize, v: usize, pointStride: usize, tile: usize): void {
  transform<L>(from, 32, rowStride, v, pointStride, <usize>changetype<L>(<usize>0).outputs * pointStride, tile);
}

/**
 * The points of `rows` rows of tiles from row `ty` on, of eight channels (`lanes` of which exist) of one image, as tiles
 * `index`, index + 1, ...: tile t goes to v + (t / rowsOfPanel) * panelStride + (t % rowsOfPanel) * 32, its next point `pointStride`
 * further on. Channels are multiplied by the numbers at `scales`, if that is not 0. With `taps`, of
 * filter.ts, they go through a filter then. Window (0, 0) begins at pixel (-padY, -padX), or with what the filter makes of those from there on.
 * Scratch: 81 pixels and a strip of one row of windows, with what a filter reaches.
 */
export function transformRows(
  kind: i32, planes: usize, scales: usize, height: i32, width: i32, lanes: i32, padY: i32, padX: i32, ty: i32, rows: i32, tilesX: i32,
  v: usize, rowsOfPanel: i32, pointStride: usize, panelStride: usize, index: i32, tile: usize, taps: usize,
): void {
  const size = windowOf(kind), step = stepOf(kind), reach = taps ? REACH : 0;
  const columns = (tilesX - 1) * step + size + reach, rowStride = <usize>columns * 32;
  const strip = tile + 81 * 32;
  let panel = v + <usize>(index / rowsOfPanel) * panelStride, lane = index % rowsOfPanel;
  for (let row = ty; row < ty + rows; row++) {
    // Windows overlap: the last rows of one are the first of the next. Behind those that are filtered lie some that are not yet.
    const filtered = row > ty ? size - step : 0, kept = row > ty ? filtered + reach : 0;
    if (kept > 0) memory.copy(strip, strip + <usize>step * rowStride, <usize>kept * rowStride);
    const below = strip + <usize>kept * rowStride;
    loadStrip(planes, height, width, lanes, row * step - padY + kept, size + reach - kept, -padX, columns, below);
    if (scales) scaleStrip(below, (size + reach - kept) * columns, scales, lanes);
    if (taps) filterStrip(strip + <usize>filtered * rowStride, rowStride, size - filtered, columns - reach, taps);
    let from = strip;
    for (let t = 0; t < tilesX; t++) {
      const to = panel + <usize>lane * 32;
      if (kind == INPUT_F4) points<InputF4>(from, rowStride, to, pointStride, tile);
      else if (kind == GRAD_F4) points<GradF4>(from, rowStride, to, pointStride, tile);
      else if (kind == INPUT_S4) points<InputS4>(from, rowStride, to, pointStride, tile);
      else points<GradS4>(from, rowStride, to, pointStride, tile);
      from += <usize>step * 32;
      if (++lane == rowsOfPanel) { lane = 0; panel += panelStride; }
    }
  }
}
