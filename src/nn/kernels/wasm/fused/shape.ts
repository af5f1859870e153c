/** What a fused layer can be, and how large its parts must be. */
import { activationRow, LRELU_SLOPE } from "../../activations.js";
import type { ConvLayer, LayerTensors, Shaped } from "./types.js";

/** The extents of a layer, in channels and pixels. */
export interface LayerShape {
  readonly n: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: 1 | 3;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** The extents that a layer's tensors have; null where they do not fit each other, or the kernel is neither 1x1 nor 3x3. */
export function layerShape(layer: ConvLayer<Shaped>): LayerShape | null {
  const [n, inChannels, height, width] = layer.x.shape;
  const [outChannels, ofWeight, kernel, kernelWidth] = layer.weight.shape;
  if (layer.x.shape.length !== 4 || layer.weight.shape.length !== 4 || ofWeight !== inChannels) return null;
  if ((kernel !== 1 && kernel !== 3) || kernelWidth !== kernel) return null;
  const outExtent = (extent: number) => {
    if (layer.up === 2) return 2 * extent;
    if (layer.down === 1) return extent;
    // Filter with padding 2 (3x3) or 1 (1x1), four taps; then every second.
    return kernel === 3 ? extent >> 1 : ((extent - 2) >> 1) + 1;
  };
  const [outHeight, outWidth] = [outExtent(height), outExtent(width)];
  const { inputScales, outputScales, noise, noiseStrength, bias } = layer;
  const fits =
    has(inputScales, [n, inChannels]) &&
    (outputScales === "unit" ? inputScales !== null : has(outputScales, [n, outChannels])) &&
    (has(noise, [1, 1, outHeight, outWidth]) || has(noise, [n, 1, outHeight, outWidth])) &&
    (noiseStrength === null || noiseStrength.shape.every((extent) => extent === 1)) &&
    has(bias, [outChannels]);
  return fits ? { n, inChannels, outChannels, height, width, kernel, outHeight, outWidth } : null;
}

function has(tensor: Shaped | null, shape: readonly number[]): boolean {
  return tensor === null || sameShape(tensor.shape, shape);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The slope of a layer's activation below zero; null where the fused layers do not have it. */
export function fusedSlope({ activation }: Pick<ConvLayer<Shaped>, "activation">): number | null {
  return activationRow(activation).slope?.(LRELU_SLOPE) ?? null;
}

/** Whether the fused layers can compute this one: a positive gain, a slope in [0, 1], a separable filter of four taps. */
export function hasFusedForm(layer: ConvLayer<Shaped>, { kernel, height, width }: LayerShape): boolean {
  const { up, down, filter, gain, clamp } = layer;
  if (!(gain > 0 && gain < Infinity) || (clamp !== null && !(clamp > 0))) return false;
  const slope = fusedSlope(layer);
  if (slope === null || !(slope >= 0 && slope <= 1)) return false;
  if (up === 1 && down === 1) return true;
  const separable = filter?.separable;
  if (separable?.y.length !== 4 || separable.x.length !== 4) return false;
  if (down === 2) return up === 1 && height >= 2 && width >= 2;
  // What the epilogue adds does not pass through the filter that follows a 1x1 up-convolution.
  const plain = layer.noise === null && layer.bias === null && slope === 1 && clamp === null;
  return kernel === 3 || plain;
}

/** @throws RangeError where a tensor has another shape than the layer was planned for, or is there where none was, or is not */
export function checkTensors(planned: LayerTensors<Shaped>, given: LayerTensors<Shaped>): void {
  const expect = (name: keyof LayerTensors<Shaped>, wanted: Shaped | "unit" | null, got: Shaped | "unit" | null) => {
    if (wanted === got) return;
    if (typeof wanted === "object" && typeof got === "object" && wanted && got && sameShape(wanted.shape, got.shape))
      return;
    throw new RangeError(`convLayer: ${name} must be ${formatted(wanted)}, got ${formatted(got)}`);
  };
  expect("x", planned.x, given.x);
  expect("weight", planned.weight, given.weight);
  expect("inputScales", planned.inputScales, given.inputScales);
  expect("outputScales", planned.outputScales, given.outputScales);
  expect("noise", planned.noise, given.noise);
  expect("noiseStrength", planned.noiseStrength, given.noiseStrength);
  expect("bias", planned.bias, given.bias);
}

function formatted(tensor: Shaped | "unit" | null): string {
  return tensor === null ? "null" : tensor === "unit" ? '"unit"' : `[${tensor.shape.join(", ")}]`;
}
