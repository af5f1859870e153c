/**
 * The definition of one fused layer: the primitives of `types.ts` composed in float64, step by step as the contract of the
 * fused layer says, and the sum of the absolute values of all terms, to which rounding errors are proportional.
 */

import { activationRow, LRELU_SLOPE } from "../../src/nn/kernels/activations.js";
import type { Block } from "../../src/nn/kernels/block.js";
import { createReferenceKernels } from "../../src/nn/kernels/reference/kernels.js";
import type { Filter2d } from "../../src/nn/kernels/types.js";
import { layerShape } from "../../src/nn/kernels/wasm/fused/shape.js";
import { algorithmOf } from "../../src/nn/kernels/wasm/fused/stages.js";
import type { ConvLayer, Shaped } from "../../src/nn/kernels/wasm/fused/types.js";

const kernels = createReferenceKernels("float64");

/** The numbers of a layer, as plain arrays. */
export interface LayerData {
  readonly x: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
  readonly inputScales: ArrayLike<number> | null;
  readonly outputScales: ArrayLike<number> | null;
  readonly noise: ArrayLike<number> | null;
  /** One number. */
  readonly noiseStrength: ArrayLike<number>;
  readonly bias: ArrayLike<number> | null;
}

/** A separable filter from its taps along y and x. */
export function separableFilter(y: readonly number[], x: readonly number[]): Filter2d {
  return { tapsY: y.length, tapsX: x.length, taps: y.flatMap((a) => x.map((b) => a * b)), separable: { y, x } };
}

/** y [n, outChannels, outHeight, outWidth] of the layer. */
export function layerDefinition(data: LayerData, layer: ConvLayer<Shaped>): Float64Array {
  return computeLayer(data, layer, false);
}

/**
 * The same with |x|, |w|, ... in the place of x, w, ...: the sum of |terms| behind every output. The transforms of Winograd and
 * Toom mix the pixels of a tile and all taps, so for them every pixel counts with the largest magnitude within reach of
 * a tile, and with the sum of all taps.
 */
export function layerTerms(data: LayerData, layer: ConvLayer<Shaped>): Float64Array {
  const shape = layerShape(layer)!;
  if (algorithmOf(layer, shape) === "direct") return computeLayer(data, layer, true);
  const { n, inChannels, outChannels, height, width, outHeight, outWidth } = shape;
  const { filter } = layer;
  const x = new Float64Array(data.x.length);
  const reach = 5;
  for (let plane = 0; plane < n * inChannels; plane++) {
    const at = (p: number, q: number) => Math.abs(data.x[(plane * height + p) * width + q]);
    for (let p = 0; p < height; p++) {
      for (let q = 0; q < width; q++) {
        let largest = 0;
        for (let r = Math.max(0, p - reach); r <= Math.min(height - 1, p + reach); r++) {
          for (let c = Math.max(0, q - reach); c <= Math.min(width - 1, q + reach); c++) {
            largest = Math.max(largest, at(r, c));
          }
        }
        x[(plane * height + p) * width + q] = largest;
      }
    }
  }
  const w = new Float64Array(outChannels * inChannels);
  for (let i = 0; i < data.weight.length; i++) w[Math.floor(i / 9)] += Math.abs(data.weight[i]);
  // As a 1x1 layer; for up 2, every output gathers at most the whole filter, 4 sum |f|.
  const gather = (taps: readonly number[]) => taps.reduce((sum, tap) => sum + Math.abs(tap), 0);
  const filterGain = filter === null ? 1 : 4 * gather(filter.separable!.y) * gather(filter.separable!.x);
  const weight = { shape: [outChannels, inChannels, 1, 1] };
  const pointwise: ConvLayer<Shaped> = { ...layer, weight, up: 1, filter: null, flipWeight: true };
  if (layer.up === 1) return computeLayer({ ...data, x, weight: w }, pointwise, true);
  const doubled = new Float64Array(n * inChannels * outHeight * outWidth);
  for (let i = 0; i < doubled.length; i++) {
    const [plane, row, column] = [
      Math.floor(i / (outHeight * outWidth)),
      Math.floor(i / outWidth) % outHeight,
      i % outWidth,
    ];
    doubled[i] = filterGain * x[(plane * height + (row >> 1)) * width + (column >> 1)];
  }
  const large = { ...pointwise, x: { shape: [n, inChannels, outHeight, outWidth] } };
  return computeLayer({ ...data, x: doubled, weight: w }, large, true);
}

function computeLayer(data: LayerData, layer: ConvLayer<Shaped>, absolute: boolean): Float64Array {
  const { n, inChannels, outChannels, height, width, kernel, outHeight, outWidth } = layerShape(layer)!;
  const { up, down, filter } = layer;
  const sign = (value: number) => (absolute ? Math.abs(value) : value);
  const taps = kernel * kernel;
  const x = block(n * inChannels * height * width);
  for (let i = 0; i < x.length; i++) {
    const factor = data.inputScales === null ? 1 : data.inputScales[Math.floor(i / (height * width))];
    x.data[i] = sign(data.x[i] * factor);
  }
  // A transposed convolution spreads the stored kernel, which is the correlation with the mirrored one.
  const mirrored = layer.flipWeight === (up === 2 && kernel === 3);
  const w = block(outChannels * inChannels * taps);
  for (let i = 0; i < w.length; i++) {
    const tap = i % taps;
    const source = mirrored ? i - tap + (taps - 1 - tap) : i;
    w.data[i] = sign(data.weight[source] * layer.weightGain);
  }
  const fir =
    filter === null || !absolute
      ? filter
      : separableFilter(filter.separable!.y.map(Math.abs), filter.separable!.x.map(Math.abs));

  let y: Block;
  if (kernel === 3 && up === 2) {
    // y[2i + k] += x[i] w[k] is the adjoint of a stride-2 convolution, whose weights are [its outputs, its inputs].
    const swapped = block(w.length);
    for (let o = 0; o < outChannels; o++) {
      for (let i = 0; i < inChannels; i++) {
        for (let k = 0; k < 9; k++) swapped.data[(i * outChannels + o) * 9 + k] = w.data[(o * inChannels + i) * 9 + k];
      }
    }
    const raw = block(n * outChannels * (2 * height + 1) * (2 * width + 1));
    kernels.conv2dInputGrad(x, swapped, raw, {
      ...convolution(n, outChannels, inChannels, 2 * height + 1, 2 * width + 1, 3, 2, 0),
      outHeight: height,
      outWidth: width,
    });
    y = resample(raw, n * outChannels, 2 * height + 1, 2 * width + 1, fir!, 1, 1, 1, 1, 4, outHeight, outWidth);
  } else if (kernel === 3 && down === 2) {
    const filtered = resample(x, n * inChannels, height, width, fir!, 1, 1, 2, 2, 1, height + 1, width + 1);
    y = convolve(filtered, w, convolution(n, inChannels, outChannels, height + 1, width + 1, 3, 2, 0));
  } else if (up === 2) {
    const product = convolve(x, w, convolution(n, inChannels, outChannels, height, width, 1, 1, 0));
    y = resample(product, n * outChannels, height, width, fir!, 2, 1, 2, 1, 4, outHeight, outWidth);
  } else if (down === 2) {
    const smaller = resample(x, n * inChannels, height, width, fir!, 1, 2, 1, 1, 1, outHeight, outWidth);
    y = convolve(smaller, w, convolution(n, inChannels, outChannels, outHeight, outWidth, 1, 1, 0));
  } else {
    y = convolve(x, w, convolution(n, inChannels, outChannels, height, width, kernel, 1, kernel >> 1));
  }

  const pixels = outHeight * outWidth;
  const out = new Float64Array(y.length);
  for (let i = 0; i < out.length; i++) {
    const channel = Math.floor(i / pixels);
    const o = channel % outChannels;
    const sample = Math.floor(channel / outChannels);
    let z = y.data[i] * sign(data.outputScales === null ? 1 : data.outputScales[channel]);
    if (data.noise !== null) {
      const shared = data.noise.length === pixels;
      z += sign(data.noiseStrength[0] * data.noise[(shared ? 0 : sample * pixels) + (i % pixels)]);
    }
    if (data.bias !== null) z += sign(data.bias[o]);
    z = layer.gain * activationRow(layer.activation).value(z, LRELU_SLOPE);
    const clamp = layer.clamp === null || absolute ? Infinity : layer.clamp;
    out[i] = Math.min(Math.max(z, -clamp), clamp);
  }
  return out;
}

function block(length: number): Block {
  return { length, data: new Float64Array(length) };
}

function convolution(
  n: number,
  inChannels: number,
  outChannels: number,
  height: number,
  width: number,
  kernel: number,
  stride: number,
  pad: number,
) {
  return {
    n,
    inChannels,
    outChannels,
    height,
    width,
    kernelHeight: kernel,
    kernelWidth: kernel,
    stride,
    padY: pad,
    padX: pad,
    outHeight: Math.floor((height + 2 * pad - kernel) / stride) + 1,
    outWidth: Math.floor((width + 2 * pad - kernel) / stride) + 1,
    groups: 1,
  };
}

function convolve(x: Block, w: Block, geometry: ReturnType<typeof convolution>): Block {
  const y = block(geometry.n * geometry.outChannels * geometry.outHeight * geometry.outWidth);
  kernels.conv2d(x, w, y, geometry);
  return y;
}

function resample(
  x: Block,
  planes: number,
  height: number,
  width: number,
  filter: Filter2d,
  up: number,
  down: number,
  pad0: number,
  pad1: number,
  gain: number,
  outHeight: number,
  outWidth: number,
): Block {
  const y = block(planes * outHeight * outWidth);
  kernels.upfirdn2d(x, y, {
    planes,
    height,
    width,
    upX: up,
    upY: up,
    downX: down,
    downY: down,
    padX0: pad0,
    padX1: pad1,
    padY0: pad0,
    padY1: pad1,
    filter,
    flipFilter: false,
    gain,
    outHeight,
    outWidth,
  });
  return y;
}
