/** The way between keys: single frames, and animations as files. */
import { ApngEncoder, GifEncoder, interpolate, noGrad, scope, Tensor, toPixels } from "../library.js";
import type { Model } from "../model.js";
import type { FilmSpec } from "../protocol.js";
import { copyOf, type FloatImage } from "../render.js";

/** position (counted in keys) -> image. Keys are w's as their specs say; noise is the stored one. */
export function filmOf(model: Model, { keys, kind, loop }: FilmSpec): (position: number) => FloatImage {
  const { numWs, wDim, lod } = model.info;
  const data = Float32Array.from(keys.flatMap((spec) => [...model.ws(spec)]));
  const curve = interpolate({ data, count: keys.length, dims: numWs * wDim }, { kind, loop, vectorDims: wDim });
  const [{ noise, lod: keyLod }] = keys;
  return (position) =>
    noGrad(() =>
      scope(() => {
        const ws = Tensor.from(Float32Array.from(curve(position)), [1, numWs, wDim]);
        const noiseMode = noise === "none" ? noise : "const";
        const level = lod !== null && keyLod !== null ? { lod: keyLod } : {};
        return copyOf(model.generator.synthesis.forward(ws, { noiseMode, ...level }));
      }),
    );
}

/** Where frame `k` of `count` lies: a loop ends just before its beginning, a way ends at its last key. */
export function positionOf(k: number, count: number, { keys, loop }: FilmSpec): number {
  return loop ? (k * keys.length) / count : (k * (keys.length - 1)) / Math.max(1, count - 1);
}

/** An animated PNG or GIF; null when cancelled. */
export async function encodeFilm(
  model: Model,
  film: FilmSpec,
  file: { readonly format: "png" | "gif"; readonly frames: number; readonly fps: number },
  context: { readonly goOn: () => Promise<boolean>; readonly partial: (value: { readonly done: number }) => void },
): Promise<Uint8Array<ArrayBuffer>[] | null> {
  const { frames, fps } = file;
  const { resolution, channels } = model.info;
  const image = filmOf(model, film);
  const format = { width: resolution, height: resolution, channels: channels as 1 | 3, frames, fps };
  const apng = file.format === "png" ? new ApngEncoder(format) : null;
  const encoder = apng ?? new GifEncoder(format);
  const chunks: Uint8Array[] = apng === null ? [] : [apng.header()];
  for (let k = 0; k < frames; k++) {
    if (!(await context.goOn())) return null;
    const { data, shape } = image(positionOf(k, frames, film));
    chunks.push(encoder.frame(scope(() => toPixels(Tensor.from(data, shape)))));
    context.partial({ done: k + 1 });
  }
  chunks.push(encoder.end());
  return chunks.map((chunk) => new Uint8Array(chunk));
}
