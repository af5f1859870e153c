/**
 * Convolution with resampling by 2: the filter f runs before decimation and after zero insertion.
 *
 *   up:    conv(up_f(x), w) = FIR_f(convT_{stride 2}(x, w))     one transposed convolution, then the blur
 *   down:  down_f(conv(x, w)) = conv_{stride 2}(FIR_f(x), w)    the blur, then one strided convolution
 *
 * (StyleGAN2, appendix B; identity 13 in tests/identities/linear.test.ts proves both against the long way round.)
 */
import { hasFourTaps } from "../kernels/filters.js";
import type { Tensor } from "../tensor.js";
import { mul } from "./arith.js";
import { type BiasActOptions, biasAct } from "./biasAct.js";
import { type Conv2dOptions, conv2d, convTranspose2d } from "./conv2d.js";
import { conv2dBiasAct } from "./conv2dBiasAct.js";
import { flip, permute } from "./layout.js";
import { reshape } from "./reduce.js";
import { scaledConv2d } from "./scaledConv2d.js";
import { type Filter2d, upfirdn2d } from "./upfirdn2d.js";

export interface Conv2dResampleOptions {
  /** Upsampling factor. Default 1. */
  readonly up?: number;
  /** Downsampling factor. Default 1. */
  readonly down?: number;
  /** Padding of the convolution at the higher resolution. Default 0. */
  readonly padding?: number;
  /** true correlates with w (the networks' convolution), false convolves. Default true. */
  readonly flipWeight?: boolean;
  /** Channel groups. Default 1. */
  readonly groups?: number;
  /** [N, I, 1, 1], times x before anything else, in one pass with the convolution where that comes first. Default null: 1. */
  readonly scale?: Tensor | null;
  /** What follows, in one pass with the convolution where that comes last. Default null: nothing. */
  readonly end?: (Omit<BiasActOptions, "scale" | "noise"> & { readonly bias: Tensor | null }) | null;
}

/**
 * @param x [N, I, H, W]
 * @param w [O, I / groups, kh, kw]
 * @param filter the resampling filter; not used when up = down = 1
 * @returns [N, O, H up / down, W up / down] for padding = (kh - 1) / 2
 */
export function conv2dResample(x: Tensor, w: Tensor, filter: Filter2d, options: Conv2dResampleOptions = {}): Tensor {
  const { up = 1, down = 1, padding = 0, flipWeight = true, groups = 1, scale = null, end = null } = options;
  const [kh, kw] = w.shape.slice(2);
  // Before a filter, and for 1x1 kernels, which read maps where they lie, the products are maps.
  const joins = kh * kw > 1 && down === 1 && end === null;
  if (scale !== null && !joins) return conv2dResample(mul(x, scale), w, filter, { ...options, scale: null });
  const flipped = (): Tensor => flip(w, [2, 3]);
  const kernel = (): Tensor => (flipWeight ? w : flipped());
  const finish = (y: Tensor): Tensor => (end === null ? y : biasAct(y, end.bias, end));
  const correlateLast = (
    input: Tensor,
    stride: number,
    pad: number,
    filter: Conv2dOptions["filter"] = null,
  ): Tensor => {
    const conv: Conv2dOptions = { stride, padding: pad, groups, filter };
    return end === null ? conv2d(input, kernel(), conv) : conv2dBiasAct(input, kernel(), end.bias, conv, end);
  };
  if (up === 1 && down === 1) {
    return scale === null ? correlateLast(x, 1, padding) : scaledConv2d(x, scale, kernel(), { padding, groups });
  }
  const pointwise = kh === 1 && kw === 1 && padding === 0;
  // Padding of the filter that keeps the image centred, with the convolution's own padding moved in.
  const [x0, x1] = resamplePadding(filter.tapsX, up, down, padding);
  const [y0, y1] = resamplePadding(filter.tapsY, up, down, padding);
  const at = [x0, x1, y0, y1] as const;

  if (pointwise && down > 1 && up === 1) {
    return correlateLast(upfirdn2d(x, filter, { down, padding: at }), 1, 0);
  }
  if (pointwise && up > 1 && down === 1) {
    return finish(upfirdn2d(conv2d(x, kernel(), { groups }), filter, { up, padding: at, gain: up * up }));
  }
  const isJoined = joinsFilter(filter, kh, kw);
  if (down > 1 && up === 1) {
    if (isJoined) return correlateLast(x, down, 0, { taps: filter, padding: at });
    return correlateLast(upfirdn2d(x, filter, { padding: at }), down, 0);
  }
  // A transposed convolution spreads each pixel by the kernel: it correlates the zero-stuffed image with the flipped
  // kernel. Its output starts kw - 1 zeros early, which the padding of the blur takes back.
  const stored = flipWeight ? flipped() : w;
  const weights = adjointWeight(stored, groups);
  const blurAt = [x0 - (kw - 1), x1 - (kw - up), y0 - (kh - 1), y1 - (kh - up)] as const;
  const blur = { padding: blurAt, gain: up * up };
  const conv: Conv2dOptions = { stride: up, groups, filter: isJoined ? { taps: filter, ...blur } : null };
  const spread =
    scale === null ? convTranspose2d(x, weights, conv) : scaledConv2d(x, scale, weights, { ...conv, transposed: true });
  const blurred = isJoined ? spread : upfirdn2d(spread, filter, blur);
  return finish(down === 1 ? blurred : upfirdn2d(blurred, filter, { down }));
}

/** Whether filter and convolution are one operation: kernels of 3x3 have passes for both where the filter has four taps. */
function joinsFilter(filter: Filter2d, kernelHeight: number, kernelWidth: number): boolean {
  return kernelHeight === 3 && kernelWidth === 3 && hasFourTaps(filter);
}

function resamplePadding(taps: number, up: number, down: number, padding: number): readonly [number, number] {
  let before = padding;
  let after = padding;
  if (up > 1) {
    before += Math.floor((taps + up - 1) / 2);
    after += Math.floor((taps - up) / 2);
  }
  if (down > 1) {
    before += Math.floor((taps - down + 1) / 2);
    after += Math.floor((taps - down) / 2);
  }
  return [before, after];
}

/** [O, I/g, kh, kw] -> [I, O/g, kh, kw]: the roles of input and output exchanged within each group. */
function adjointWeight(w: Tensor, groups: number): Tensor {
  const [o, i, kh, kw] = w.shape;
  const grouped = reshape(w, [groups, o / groups, i, kh, kw]); // [g, O/g, I/g, kh, kw]
  return reshape(permute(grouped, [0, 2, 1, 3, 4]), [groups * i, o / groups, kh, kw]);
}
