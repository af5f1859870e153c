/**
 * Images in stages. Large networks show the image after 32, then 64 pixels, then all of it; between stages newer requests may
 * come first. A skip generator has these images; one that grows has them at higher levels of detail; for the others they
 * are guessed from the features (readout.ts). What blocks have computed is kept: where only late layers change, synthesis begins at the
 * first that does. The result is that of one call, bit for bit (tests/networks/synthesisParts.test.ts).
 */
import { encodePng, noGrad, RandomState, type SynthesisState, scope, Tensor, toPixels } from "./library.js";
import type { Model } from "./model.js";
import { shrink } from "./pictures.js";
import type { ImageSpec, Picture, Rendered } from "./protocol.js";
import { Readout } from "./readout.js";

/** Where stages end, and whether the image is shown there. */
const SHOWN_STAGES = [32, 64];
const PREVIEW = 64;
const PAUSES = [32, 64, 256];
/** Images up to this size are made at once. */
const SMALL = 128;
/** Features of finer blocks are not kept: too large to be worth it. */
const KEPT_RESOLUTION = 256;

/** An image as numbers, [channels, side, side], on the JavaScript heap. */
export interface FloatImage {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

interface KeptState {
  readonly resolution: number;
  readonly x: FloatImage;
  readonly img: FloatImage | null;
}

/** Thrown from within a synthesis that has come as far as it should. */
class Paused extends Error {}

interface RenderContext {
  readonly goOn: () => Promise<boolean>;
  readonly partial: (value: Rendered) => void;
}

export class Renderer {
  readonly model: Model;
  #kept: KeptState[] = [];
  /** Of what the kept features were made. */
  #keptOf: { readonly ws: Float32Array; readonly key: (resolution: number) => string } | null = null;
  #last: { readonly key: string; readonly image: FloatImage } | null = null;
  readonly #readout = new Readout();
  /** What the last finished image took, which is told again when it is asked for again. */
  #took = { ms: 0, startedAfter: 0 };

  constructor(model: Model) {
    this.model = model;
  }

  /** The finished image, after partial ones; null when cancelled. */
  async render(spec: ImageSpec, context: RenderContext): Promise<Rendered | null> {
    const start = performance.now();
    let startedAfter = 0;
    const before = this.#last?.image;
    const image = await this.image(spec, {
      goOn: context.goOn,
      begin: (resolution) => {
        startedAfter = resolution;
      },
      stage: (partial) => {
        const ms = performance.now() - start;
        const isGuess = this.#way === "guessed";
        context.partial({ ...pictureOf(partial), isFinal: false, isGuess, ms, startedAfter });
      },
    });
    if (image === null) return null;
    if (image !== before) this.#took = { ms: performance.now() - start, startedAfter };
    return { ...pictureOf(image), isFinal: true, isGuess: false, ...this.#took };
  }

  /** The finished image; null when cancelled. */
  async image(
    spec: ImageSpec,
    context: {
      readonly goOn: () => Promise<boolean>;
      readonly begin?: (resolution: number) => void;
      readonly stage?: (image: FloatImage) => void;
      /** Be content with the image after 64 pixels where that is less work. */
      readonly isPreview?: boolean;
    },
  ): Promise<FloatImage | null> {
    const ws = this.model.ws(spec);
    const whole = `${keyOf(spec, Infinity)} ${ws.join()}`;
    if (this.#last?.key === whole) return this.#last.image;
    const key = (resolution: number): string => keyOf(spec, resolution);
    this.#forget(ws, key);
    context.begin?.(this.#kept.at(-1)?.resolution ?? 0);
    for (const until of this.#stages(spec)) {
      if (!(await context.goOn())) return null;
      // Another call may have come between: what is kept must still be of this one.
      this.#forget(ws, key);
      const from = this.#kept.at(-1);
      if (until !== null && (from?.resolution ?? 0) >= until) continue;
      const image = until === null ? this.#run(spec, ws, from) : this.#runUntil(spec, ws, until, from);
      if (until !== null && image !== null && SHOWN_STAGES.includes(until)) context.stage?.(image);
      if (until === PREVIEW && image !== null && context.isPreview) return image;
      if (until !== null) continue;
      this.#last = { key: whole, image: image! };
      this.#learn(image!);
      return image;
    }
    return null;
  }

  /** Where early images come from. */
  get #way(): "skip" | "growing" | "guessed" {
    const { kind, lod } = this.model.info;
    return kind === "skip" ? "skip" : lod !== null ? "growing" : "guessed";
  }

  /** Where to pause, and null for the end. Random noise is drawn in one go. */
  #stages({ noise, lod }: ImageSpec): (number | null)[] {
    const { resolution, lod: storedLod } = this.model.info;
    const shown = resolution / 2 ** Math.floor(lod ?? storedLod ?? 0);
    if (shown <= SMALL || typeof noise === "number") return [null];
    return [...PAUSES.filter((pause) => pause < shown), null];
  }

  /** The image after the block of a resolution, [channels, until, until], or null where there is none. */
  #runUntil(spec: ImageSpec, ws: Float32Array, until: number, from: KeptState | undefined): FloatImage | null {
    if (this.#way === "skip") return this.#run(spec, ws, from, { until });
    if (this.#way === "growing" && SHOWN_STAGES.includes(until)) {
      // Its toRgb of that resolution is what training has left of it, a while ago.
      const lod = Math.log2(this.model.info.resolution / until);
      return shrink(this.#run({ ...spec, lod }, ws, from, { isEarly: true }), until);
    }
    try {
      this.#run(spec, ws, from, { pauseAt: until });
    } catch (error) {
      if (!(error instanceof Paused)) throw error;
    }
    const features = this.#kept.at(-1);
    return this.#way === "guessed" && until === PREVIEW ? this.#readout.image(features!.x) : null;
  }

  /** Finished images of a network without early ones teach what those would be. */
  #learn(image: FloatImage): void {
    const features = this.#kept.find(({ resolution }) => resolution === PREVIEW);
    if (features === undefined || this.#way !== "guessed" || this.model.info.resolution <= SMALL) return;
    if (this.#readout.isLearning) this.#readout.learn(features.x, image);
  }

  #run(
    spec: ImageSpec,
    ws: Float32Array,
    from: KeptState | undefined,
    { until, pauseAt, isEarly = false }: { until?: number; pauseAt?: number; isEarly?: boolean } = {},
  ): FloatImage {
    const { numWs, wDim, zDim, lod: storedLod } = this.model.info;
    const { noise, lod } = spec;
    const isDrawn = typeof noise === "number";
    const random = new RandomState(isDrawn ? noise : 0);
    if (isDrawn) random.randn(zDim); // as `stylegan generate`: noise goes on where the latent ended
    return noGrad(() =>
      scope(() => {
        const state = from === undefined || isDrawn ? undefined : tensorsOf(from);
        const image = this.model.generator.synthesis.forward(Tensor.from(ws, [1, numWs, wDim]), {
          noiseMode: isDrawn ? "random" : noise,
          random,
          onBlock: (block) => {
            // The image at another level of detail is not the one that a later block adds to.
            this.#keep(isEarly ? { ...block, img: null } : block, isDrawn);
            if (block.resolution === pauseAt) throw new Paused();
          },
          ...(state !== undefined && { from: state }),
          ...(until !== undefined && { until }),
          ...(storedLod !== null && lod !== null && { lod }),
          ...(spec.styles.length > 0 && { editStyles: styleEdit(spec) }),
        });
        return copyOf(image);
      }),
    );
  }

  #keep({ resolution, x, img }: SynthesisState, isDrawn: boolean): void {
    if (isDrawn || resolution > KEPT_RESOLUTION) return;
    this.#kept.push({ resolution, x: copyOf(x), img: img === null ? null : copyOf(img) });
  }

  /** Drops the kept features that do not fit these w's, noise and styles. */
  #forget(ws: Float32Array, key: (resolution: number) => string): void {
    const { wDim } = this.model.info;
    const old = this.#keptOf;
    this.#keptOf = { ws, key };
    if (old === null) return;
    this.#kept = this.#kept.filter(({ resolution }) => {
      // Blocks up to this resolution read so many w's.
      const used = (2 * Math.log2(resolution) - 2) * wDim;
      for (let k = 0; k < used; k++) if (old.ws[k] !== ws[k]) return false;
      return old.key(resolution) === key(resolution);
    });
  }
}

/** What besides w decides the features of blocks up to a resolution. */
function keyOf({ noise, lod, styles }: ImageSpec, resolution: number): string {
  return JSON.stringify([noise, lod, styles.filter(({ layer }) => Number(/\d+/.exec(layer)?.[0]) <= resolution)]);
}

/** Adds to single styles. */
export function styleEdit({ styles }: ImageSpec): (name: string, values: Tensor) => Tensor {
  return (name, values) => {
    const edits = styles.filter(({ layer }) => layer === name);
    if (edits.length === 0) return values;
    const data = values.toArray();
    for (const { channel, add } of edits) if (channel < data.length) data[channel] += add;
    return Tensor.from(data, values.shape);
  };
}

export function copyOf(x: Tensor): FloatImage {
  return { data: x.toArray(), shape: x.shape };
}

function tensorsOf({ resolution, x, img }: KeptState): SynthesisState {
  const tensor = ({ data, shape }: FloatImage): Tensor => Tensor.from(data, shape);
  return { resolution, x: tensor(x), img: img === null ? null : tensor(img) };
}

/** Grey images have one channel. */
export function pictureOf({ data, shape }: FloatImage): Picture {
  const [channels, height, width] = shape.slice(-3);
  const pixels = scope(() => toPixels(Tensor.from(data, [1, channels, height, width])));
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let at = 0; at < width * height; at++) {
    for (let k = 0; k < 3; k++) rgba[4 * at + k] = pixels[channels * at + (channels < 3 ? 0 : k)];
  }
  return { width, height, data: rgba };
}

export function pngOf({ data, shape }: FloatImage): Uint8Array<ArrayBuffer> {
  return new Uint8Array(scope(() => encodePng(Tensor.from(data, [1, ...shape.slice(-3)]))));
}
