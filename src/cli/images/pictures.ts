/** Images to files: single ones as PNG or numpy arrays, and many on one sheet, of which only the bytes are kept. */

import { encodePixels, type PixelImage, writeNpy } from "../../formats/index.js";
import {
  type AnyGenerator,
  type NoiseMode,
  noGrad,
  type RandomState,
  scope,
  type Tensor,
  toPixels,
} from "../../index.js";
import type { GridSize, imageFormats } from "../options.js";
import { UsageError } from "../terminal.js";

export type ImageFormat = (typeof imageFormats)[number];

type Size = Pick<AnyGenerator, "imgChannels" | "imgHeight" | "imgWidth">;

/** A PNG of more pixels takes minutes and gigabytes, and few programs open it. */
const MAX_SHEET_PIXELS = 1 << 28;

interface SynthesizeOptions {
  readonly noiseMode: NoiseMode;
  readonly random: RandomState;
  /** Level of detail of a network that grows; default: the stored one. */
  readonly lod?: number;
}

/** The image of ws [1, numWs, wDim], as [1, C, H, W] on the JavaScript heap; all else that it took is freed. */
export function synthesize(generator: AnyGenerator, makeWs: () => Tensor, options: SynthesizeOptions): Tensor {
  return noGrad(() => scope(() => generator.synthesis.forward(makeWs(), options)));
}

/** PNG has one to four channels. */
function pngChannels({ imgChannels }: Pick<Size, "imgChannels">): PixelImage["channels"] {
  if (imgChannels > 4) {
    throw new UsageError(`images of ${imgChannels} channels do not fit into a PNG: take --format npy and no --grid`);
  }
  return imgChannels as PixelImage["channels"];
}

/** Fails early when images of this network cannot be written as asked. */
export function checkFormat(generator: Size, format: ImageFormat): void {
  if (format === "png") pngChannels(generator);
}

/** The file's bytes: a PNG, or float32 numbers [C, H, W] as the network made them, not clamped to [-1, 1]. */
export function encodeImage(image: Tensor, format: ImageFormat): Uint8Array {
  const [, imgChannels, height, width] = image.shape;
  if (format === "npy") return writeNpy({ data: image.toArray(), shape: [imgChannels, height, width] });
  return encodePixels({
    width,
    height,
    channels: pngChannels({ imgChannels }),
    data: toPixels(image),
  });
}

/** Many images on one; places that get none stay black. */
export class Sheet {
  readonly #image: PixelImage & { readonly data: Uint8Array };
  /** [height, width] of an image on the sheet. */
  readonly #tile: readonly [number, number];
  readonly #grid: GridSize;
  readonly #zoom: number;

  /**
   * @param zoom each pixel of an image is so many times so many on the sheet
   * @throws UsageError when the sheet would be too large
   */
  constructor(generator: Size, grid: GridSize, zoom = 1) {
    const channels = pngChannels(generator);
    this.#tile = [generator.imgHeight * zoom, generator.imgWidth * zoom];
    this.#grid = grid;
    this.#zoom = zoom;
    const [width, height] = [grid.columns * this.#tile[1], grid.rows * this.#tile[0]];
    if (width * height > MAX_SHEET_PIXELS) {
      throw new UsageError(`a sheet of ${width}x${height} pixels is too large: at most 2^28 pixels; take fewer places`);
    }
    this.#image = { width, height, channels, data: new Uint8Array(width * height * channels) };
  }

  /** Puts the image [1, C, H, W] into a place, counted row by row. */
  put(place: number, image: Tensor): void {
    const { width, channels, data } = this.#image;
    const pixels = enlarge(toPixels(image), channels, this.#tile, this.#zoom);
    const [tileHeight, tileWidth] = this.#tile;
    const rowBytes = tileWidth * channels;
    const top = Math.floor(place / this.#grid.columns) * tileHeight;
    const left = (place % this.#grid.columns) * tileWidth;
    for (let y = 0; y < tileHeight; y++) {
      data.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), ((top + y) * width + left) * channels);
    }
  }

  /** What is on the sheet now; its bytes change with the next `put`. */
  get pixels(): PixelImage {
    return this.#image;
  }

  encode(): Uint8Array {
    return encodePixels(this.#image);
  }
}

/** Pixels, each repeated `zoom` times along both sides, which come to [height, width]. */
function enlarge(
  pixels: Uint8Array,
  channels: number,
  [height, width]: readonly [number, number],
  zoom: number,
): Uint8Array {
  if (zoom === 1) return pixels;
  const data = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (Math.floor(y / zoom) * (width / zoom) + Math.floor(x / zoom)) * channels;
      data.set(pixels.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
  return data;
}
