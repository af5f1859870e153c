/** What a fused layer can be, and how large its parts must be. */
import { type Activations, type ConvLayerOptions, layoutLength, type WeightRef } from "./types.js";

/** Height and width of a layer's output. */
export function outputSize({ height, width, kernel, up, down }: ConvLayerOptions): [number, number] {
  const size = (extent: number) => {
    if (up === 2) return 2 * extent;
    if (down === 1) return extent;
    // Filter with padding 2 (3x3) or 1 (1x1), four taps; then every second.
    return kernel === 3 ? extent >> 1 : ((extent - 2) >> 1) + 1;
  };
  return [size(height), size(width)];
}

/** Whether the fused layers can compute this one: a positive gain, a slope in [0, 1], a separable filter of four taps. */
export function hasFusedForm(options: ConvLayerOptions): boolean {
  const { kernel, up, down, filter, activation, alpha, gain, clamp, height, width } = options;
  if (!(gain > 0 && gain < Infinity) || (clamp !== null && !(clamp > 0))) return false;
  if (activation === "lrelu" && !(alpha >= 0 && alpha <= 1)) return false;
  if (up === 1 && down === 1) return true;
  const separable = filter?.separable;
  if (separable?.y.length !== 4 || separable.x.length !== 4) return false;
  if (down === 2) return up === 1 && height >= 2 && width >= 2;
  // What the epilogue adds does not pass through the filter that follows a 1x1 up-convolution.
  const plain = options.noise === null && options.bias === null && activation === "linear" && clamp === null;
  return kernel === 3 || plain;
}

/** @throws RangeError where a block does not have the size that the options imply. */
export function checkLayer(x: Activations, weight: WeightRef, options: ConvLayerOptions): void {
  const { n, inChannels, outChannels, height, width, kernel, styles, dcoefs, noise, bias } = options;
  const expect = (what: string, got: number, shapes: readonly (readonly number[])[]) => {
    if (shapes.some((shape) => shape.reduce((a, b) => a * b, 1) === got)) return;
    const wanted = shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ");
    throw new RangeError(`convLayer: ${what} must be ${wanted}, got ${got} numbers`);
  };
  if (!hasFusedForm(options)) {
    throw new RangeError(
      "convLayer: no fused form for this filter, activation, gain or clamp; ask supports() first and compose the " +
        "layer from primitives",
    );
  }
  const { layout } = x;
  if (layout.n !== n || layout.channels !== inChannels || layout.height !== height || layout.width !== width) {
    throw new RangeError(
      `convLayer: x must be [${n}, ${inChannels}, ${height}, ${width}], ` +
        `got [${layout.n}, ${layout.channels}, ${layout.height}, ${layout.width}]`,
    );
  }
  const [outHeight, outWidth] = outputSize(options);
  expect("x", x.block.length, [[layoutLength(layout)]]);
  expect("weight", weight.block.length, [[outChannels, inChannels, kernel, kernel]]);
  if (styles !== null) expect("styles", styles.length, [[n, inChannels]]);
  if (dcoefs !== null) expect("dcoefs", dcoefs.length, [[n, outChannels]]);
  if (bias !== null) expect("bias", bias.length, [[outChannels]]);
  if (noise !== null) {
    expect("noise", noise.length, [
      [1, 1, outHeight, outWidth],
      [n, 1, outHeight, outWidth],
    ]);
  }
}
