/** From network output to pixels: [-1, 1] to bytes, sheets of many images, PNG. */
import { encodePixels, type PixelImage } from "../formats/image/pngEncoding.js";
import { assertShape, formatShape } from "../nn/shape.js";
import { aliasTensor, Tensor } from "../nn/tensor.js";
import { checkTensor } from "./forward/options.js";

/**
 * Bytes as the official implementation makes them: trunc(clamp(127.5 x + 128, 0, 255)).
 *
 * @param images [N, C, H, W], values from -1 to 1
 * @returns N * H * W * C bytes in the order [N, H, W, C]
 */
export function toPixels(images: Tensor): Uint8Array<ArrayBuffer> {
  checkTensor("toPixels", "images", images);
  assertShape("toPixels", "images", images.shape, [null, null, null, null], "N, C, H, W");
  const [n, c, h, w] = images.shape;
  const { data } = images.internals.block;
  const plane = h * w;
  const pixels = new Uint8ClampedArray(n * c * plane);
  let next = 0;
  for (let image = 0; image < n; image++) {
    for (let at = 0; at < plane; at++) {
      for (let channel = 0; channel < c; channel++) {
        pixels[next++] = Math.floor(data[(image * c + channel) * plane + at] * 127.5 + 128);
      }
    }
  }
  return new Uint8Array(pixels.buffer);
}

/**
 * One large image out of many, row by row.
 *
 * @param images [N, C, H, W]; places after the last image stay black
 * @returns [1, C, rows H, columns W]
 * @throws RangeError when the images do not fit into the grid
 */
export function imageGrid(images: Tensor, grid: { readonly rows: number; readonly columns: number }): Tensor {
  checkTensor("imageGrid", "images", images);
  const { rows, columns } = grid;
  assertShape("imageGrid", "images", images.shape, [null, null, null, null], "N, C, H, W");
  const [n, c, h, w] = images.shape;
  if (n > rows * columns) throw new RangeError(`imageGrid: ${n} images do not fit into ${rows} rows of ${columns}`);
  const { data } = images.internals.block;
  const sheet = new Float32Array(c * rows * h * columns * w).fill(-1);
  for (let image = 0; image < n; image++) {
    const top = Math.floor(image / columns) * h;
    const left = (image % columns) * w;
    for (let channel = 0; channel < c; channel++) {
      for (let y = 0; y < h; y++) {
        const from = ((image * c + channel) * h + y) * w;
        sheet.set(data.subarray(from, from + w), (channel * rows * h + top + y) * columns * w + left);
      }
    }
  }
  return Tensor.from(sheet, [1, c, rows * h, columns * w]);
}

/**
 * A PNG file of one image: grey for one channel, RGB for three, with alpha for two and four.
 *
 * @param image [1, C, H, W] or [C, H, W], values from -1 to 1
 * @throws RangeError for more than one image or a number of channels that PNG does not have
 * @example
 * writeFileSync("seed0085.png", encodePng(gEma.forward(seedsToZ([85], gEma.zDim), null)));
 */
export function encodePng(image: Tensor): Uint8Array<ArrayBuffer> {
  checkTensor("encodePng", "image", image);
  const shape = image.shape.length === 3 ? [1, ...image.shape] : image.shape;
  const [n, channels, height, width] = shape;
  if (shape.length !== 4 || n !== 1 || channels < 1 || channels > 4) {
    const hint = "join several images with imageGrid";
    throw new RangeError(`encodePng: image must be [1, 1 to 4, H, W], got ${formatShape(image.shape)}; ${hint}`);
  }
  const data = toPixels(image.shape.length === 3 ? aliasTensor(image, shape) : image);
  return encodePixels({ width, height, channels: channels as PixelImage["channels"], data });
}
