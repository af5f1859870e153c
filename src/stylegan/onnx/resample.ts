/**
 * upfirdn2d with standard operators: a FIR filter is a depthwise convolution with constant weights, and doubling with
 * a filter is a depthwise transposed convolution of stride 2, which inserts the zeros itself.
 *
 * ONNX has no negative padding for convolutions. Cropping k pixels at a border is reading k pixels further with weight
 * zero, so a negative padding becomes zero taps on that side.
 */
import type { Filter2d } from "../../nn/ops/upfirdn2d.js";
import type { OnnxGraph, Value } from "./graph.js";

/** Taps [height, width], row-major, each axis with what is cropped or padded before and after. */
interface Taps {
  readonly height: number;
  readonly width: number;
  readonly numbers: readonly number[];
}

export interface FirOptions {
  readonly channels: number;
  readonly gain: number;
  /** Padding [before, after], the same in both axes; negative crops. */
  readonly padding: readonly [number, number];
}

/** y = FIR_f(x) at the same scale (a true convolution), [N, C, H, W] -> [N, C, H + before + after - taps + 1, ...]. */
export function fir(graph: OnnxGraph, name: Value, x: Value, filter: Filter2d, options: FirOptions): Value {
  const { channels, gain, padding } = options;
  const [before, after] = padding;
  // ONNX correlates.
  const taps = extend(reversed(filter), Math.max(0, -before), Math.max(0, -after));
  const weight = depthwise(graph, "fir", taps, channels, gain);
  const [p0, p1] = [Math.max(0, before), Math.max(0, after)];
  return graph.node(name, "Conv", [x, weight], {
    group: { int: channels },
    kernel_shape: [taps.height, taps.width],
    pads: [p0, p0, p1, p1],
  });
}

/**
 * upsample2d by 2, [N, C, H, W] -> [N, C, 2 H, 2 W]. With T taps, upfirdn2d pads the stuffed image by
 * p0 = floor((T + 1) / 2) before; the transposed convolution yields the full sum, whose pixels T - 1 - p0 and on are
 * the result, with p0 - 1 left over at the end.
 */
export function upsample(graph: OnnxGraph, name: Value, x: Value, filter: Filter2d, channels: number): Value {
  const size = filter.tapsX;
  const p0 = Math.floor((size + 1) / 2);
  const [before, after] = [size - 1 - p0, p0 - 1];
  const taps = extend(
    { height: filter.tapsY, width: filter.tapsX, numbers: filter.taps },
    Math.max(0, -before),
    Math.max(0, -after),
  );
  const weight = depthwise(graph, "upsample", taps, channels, 4);
  const [c0, c1] = [Math.max(0, before), Math.max(0, after)];
  return graph.node(name, "ConvTranspose", [x, weight], {
    group: { int: channels },
    kernel_shape: [taps.height, taps.width],
    pads: [c0, c0, c1, c1],
    strides: [2, 2],
  });
}

/** A filter for every channel, [C, 1, height, width]; layers of equal width share it. */
function depthwise(graph: OnnxGraph, purpose: string, taps: Taps, channels: number, gain: number): Value {
  const name = `${purpose}.${channels}x${taps.height}x${taps.width}`;
  if (graph.has(name)) return name;
  const numbers = Float32Array.from({ length: channels * taps.numbers.length }, (_, index) => {
    return gain * taps.numbers[index % taps.numbers.length];
  });
  return graph.constant(name, numbers, [channels, 1, taps.height, taps.width]);
}

const reversed = (filter: Filter2d): Taps => ({
  height: filter.tapsY,
  width: filter.tapsX,
  numbers: [...filter.taps].reverse(),
});

/** Zero taps around the filter. */
function extend({ height, width, numbers }: Taps, before: number, after: number): Taps {
  const grown = { height: height + before + after, width: width + before + after };
  const padded = new Array<number>(grown.height * grown.width).fill(0);
  numbers.forEach((tap, index) => {
    const row = Math.floor(index / width) + before;
    padded[row * grown.width + (index % width) + before] = tap;
  });
  return { ...grown, numbers: padded };
}
