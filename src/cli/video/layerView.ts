/** The feature maps of a layer as pictures: its first three, as red, green and blue, enlarged to the image's size. */
import { type AnyGenerator, type NoiseSource, noGrad, scope, Tensor } from "../../index.js";
import { UsageError } from "../terminal.js";

interface Noise {
  readonly noiseMode: "const" | "none";
  readonly random: NoiseSource;
}

export class LayerView {
  readonly #generator: AnyGenerator;
  readonly #layer: string;
  /** Mean and deviation of each map in a place's first frame, which stay the scale of all its frames. */
  readonly #scales = new Map<number, readonly { readonly mean: number; readonly deviation: number }[]>();

  /** The name is checked when the first image is made. */
  constructor(generator: AnyGenerator, layer: string) {
    this.#generator = generator;
    this.#layer = layer.replace(/^synthesis\./, "");
  }

  /** [1, imgChannels, R, R]: the mean of the first frame is grey, three deviations are black and white. */
  image(makeWs: () => Tensor, noise: Noise, place: number): Tensor {
    const { imgResolution, imgChannels, synthesis } = this.#generator;
    const names: string[] = [];
    let maps: Float64Array | null = null;
    let [channels, side] = [0, 0];
    noGrad(() =>
      scope(() => {
        synthesis.forward(makeWs(), {
          ...noise,
          onLayer: (name, output) => {
            names.push(name);
            if (name !== this.#layer) return;
            [, channels, side] = output.shape;
            maps = output.toFloat64Array();
          },
        });
      }),
    );
    if (maps === null)
      throw new UsageError(`--layer: this network has no layer ${this.#layer}; it has ${names.join(", ")}`);
    const data: Float64Array = maps;
    const shown = Array.from({ length: imgChannels }, (_, k) => {
      const from = Math.min(k, channels - 1) * side * side;
      return data.subarray(from, from + side * side);
    });
    const scales = this.#scales.get(place) ?? shown.map(scaleOf);
    this.#scales.set(place, scales);
    const zoom = imgResolution / side;
    const pixels = new Float32Array(imgChannels * imgResolution * imgResolution);
    for (const [k, map] of shown.entries()) {
      const { mean, deviation } = scales[k];
      for (let y = 0; y < imgResolution; y++) {
        for (let x = 0; x < imgResolution; x++) {
          const value = map[Math.floor(y / zoom) * side + Math.floor(x / zoom)];
          pixels[(k * imgResolution + y) * imgResolution + x] = (value - mean) / (3 * deviation);
        }
      }
    }
    return Tensor.from(pixels, [1, imgChannels, imgResolution, imgResolution]);
  }
}

function scaleOf(map: Float64Array): { readonly mean: number; readonly deviation: number } {
  const mean = map.reduce((sum, value) => sum + value, 0) / map.length;
  const variance = map.reduce((sum, value) => sum + (value - mean) ** 2, 0) / map.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}
