/** Writing of PNG images, by itself: pages save pictures, and few of them read any. */
import { encode } from "fast-png";

export interface PixelImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  /** Row by row from the top, width * height * channels bytes. */
  readonly data: Uint8Array;
}

export function encodePixels(image: PixelImage): Uint8Array<ArrayBuffer> {
  const { width, height, channels, data } = image;
  if (data.length !== width * height * channels) {
    throw new RangeError(
      `PNG: ${width}x${height}x${channels} needs ${width * height * channels} bytes, got ${data.length}`,
    );
  }
  return encode({ width, height, channels, data, depth: 8 }) as Uint8Array<ArrayBuffer>;
}
