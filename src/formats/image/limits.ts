/** How large an image may be, so that a small hostile file cannot take all memory. */
import { FileError } from "../fileError.js";

/** Samples of an image, a pixel of RGB having three: 10000x10000 in RGB, 17000x17000 in grey. Some 3 GB while it is decoded. */
const MAX_IMAGE_SAMPLES = 300_000_000;

/** @throws FileError when an image has more samples than are decoded */
export function checkSamples(format: string, width: number, height: number, samples: number): void {
  if (samples <= MAX_IMAGE_SAMPLES) return;
  throw new FileError(
    `${format}: ${width}x${height} pixels are ${Math.round(samples / 1e6)} million samples, at most ${MAX_IMAGE_SAMPLES / 1e6} million are decoded`,
  );
}
