/** Looks into a network: the feature maps of a layer, its styles, and what each resolution adds to the image. */
import { noGrad, RandomState, scope, Tensor } from "./library.js";
import { greyPicture, largestOf, mapPicture, sheetPicture, shrink } from "./pictures.js";
import type { Contribution, ImageSpec, LayerView, Picture } from "./protocol.js";
import { copyOf, type FloatImage, pictureOf, type Renderer, styleEdit } from "./render.js";

/** Pixels of a side of a map on the sheet. */
const TILE = 40;

interface Seen {
  readonly key: string;
  readonly features: FloatImage;
  readonly styles: Float32Array;
}

export class Inspector {
  readonly #renderer: Renderer;
  #seen: Seen | null = null;

  constructor(renderer: Renderer) {
    this.#renderer = renderer;
  }

  layer(spec: ImageSpec, layer: string): LayerView {
    const { features, styles } = this.#look(spec, layer);
    const { data, shape } = features;
    const [channels, side] = shape.slice(-3);
    const plane = side * side;
    const mean = new Float32Array(channels);
    const deviation = new Float32Array(channels);
    const largest = new Float32Array(channels);
    const energy = new Float32Array(plane);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let squares = 0;
      for (let at = 0; at < plane; at++) {
        const value = data[c * plane + at];
        sum += value;
        squares += value * value;
        energy[at] += value * value;
      }
      mean[c] = sum / plane;
      deviation[c] = Math.sqrt(Math.max(0, squares / plane - mean[c] ** 2));
      largest[c] = largestOf(data, c * plane, plane);
    }
    const norm = energy.map((value) => Math.sqrt(value / channels));
    const mid = norm.slice().sort()[plane >> 1];
    const tiles = shrink({ data, shape: [channels, side, side] }, TILE);
    const columns = Math.ceil(Math.sqrt(channels));
    return {
      ...{ layer, channels, side, columns, tile: tiles.shape[1], mean, deviation, largest, styles: styles.slice() },
      sheet: sheetPicture(tiles, columns),
      norm: greyPicture(norm, side, side),
      normPeak: mid > 0 ? largestOf(norm, 0, plane) / mid : 0,
    };
  }

  /** One map of a layer at its full size. */
  map(spec: ImageSpec, layer: string, channel: number): Picture {
    const { data, shape } = this.#look(spec, layer).features;
    const [channels, side] = shape.slice(-3);
    const at = Math.min(channel, channels - 1) * side * side;
    return mapPicture(data.subarray(at, at + side * side), side, side, largestOf(data, at, side * side));
  }

  /** What the toRgb of each resolution gives, and the image up to it where it is a sum. */
  contributions(spec: ImageSpec): Contribution[] {
    const outputs = new Map<string, FloatImage>();
    this.#run(spec, {
      onLayer: (name, output) => {
        if (name.endsWith("torgb")) outputs.set(name, copyOf(output));
      },
    });
    return [...outputs].map(([name, image]) => {
      const { data } = image;
      const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
      const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
      const picture = pictureOf(shrink({ data, shape: image.shape.slice(-3) }, 128));
      return { resolution: image.shape[image.shape.length - 1], name, picture, deviation: Math.sqrt(variance) };
    });
  }

  #look(spec: ImageSpec, layer: string): Seen {
    const key = JSON.stringify([layer, { ...spec, w: spec.w && [...spec.w] }, this.#renderer.model.directions.length]);
    if (this.#seen?.key === key) return this.#seen;
    let features: FloatImage | null = null;
    let styles: Float32Array = new Float32Array(0);
    this.#run(spec, {
      onLayer: (name, output) => {
        if (name === layer) features = copyOf(output);
      },
      onStyles: (name, values) => {
        if (name === layer) styles = values.toArray();
      },
    });
    if (features === null) throw new Error(`This network runs no layer ${layer} at this level of detail.`);
    this.#seen = { key, features, styles };
    return this.#seen;
  }

  #run(
    spec: ImageSpec,
    watch: {
      readonly onLayer: (name: string, output: Tensor) => void;
      readonly onStyles?: (name: string, styles: Tensor) => void;
    },
  ): void {
    const { model } = this.#renderer;
    const { numWs, wDim, zDim, lod: storedLod } = model.info;
    const ws = model.ws(spec);
    const random = new RandomState(typeof spec.noise === "number" ? spec.noise : 0);
    if (typeof spec.noise === "number") random.randn(zDim);
    const edit = styleEdit(spec);
    noGrad(() =>
      scope(() => {
        model.generator.synthesis.forward(Tensor.from(ws, [1, numWs, wDim]), {
          noiseMode: typeof spec.noise === "number" ? "random" : spec.noise,
          random,
          onLayer: watch.onLayer,
          editStyles: (name, styles) => {
            const edited = edit(name, styles);
            watch.onStyles?.(name, edited);
            return edited;
          },
          ...(storedLod !== null && spec.lod !== null && { lod: spec.lod }),
        });
        return null;
      }),
    );
  }
}
