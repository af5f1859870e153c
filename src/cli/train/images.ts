/** The pictures of a training run: the same latents at every snapshot, and images of the data set beside them. */
import { type AnyGenerator, encodePng, imageGrid, noGrad, RandomState, scope, Tensor } from "../../index.js";
import type { TrainingRun } from "./setup.js";

export interface FixedGrid {
  readonly rows: number;
  readonly columns: number;
  readonly z: Float32Array;
  /** [rows * columns, cDim], those of the real images in the same places. */
  readonly c: Float32Array | null;
  /** The real images, as a PNG. */
  readonly reals: Uint8Array;
}

/** Images that are generated at once. */
const CHUNK = 8;
/** A grid fills about so many pixels a side. */
const SHEET_PIXELS = 512;

/** 16 columns at 32 pixels, 8 at 64; at least 4. */
export function fixedGrid({ dataset, state, gridSeed }: TrainingRun): FixedGrid {
  const random = new RandomState(gridSeed);
  const columns = Math.min(Math.max(Math.floor(SHEET_PIXELS / dataset.resolution), 4), 12);
  const rows = Math.max(Math.floor((columns * 2) / 3), 2);
  const places = rows * columns;
  const z = Float32Array.from(random.randn(places * state.generator.zDim));
  const shuffled = random.permutation(dataset.count);
  const indices = Array.from({ length: places }, (_, place) => shuffled[place % shuffled.length]);
  return scope(() => ({
    rows,
    columns,
    z,
    c: dataset.labelsOf(indices)?.toArray() ?? null,
    reals: encodePng(imageGrid(dataset.images(indices), { rows, columns })),
  }));
}

/** The averaged generator's images of the grid's latents, as a PNG. */
export function drawGrid(generator: AnyGenerator, { rows, columns, z, c }: FixedGrid): Uint8Array {
  return scope(() => encodePng(imageGrid(generateImages(generator, z, c), { rows, columns })));
}

/**
 * Images of many latents, a few at a time; constant noise, no truncation.
 *
 * @param z N * zDim numbers
 * @param c N * cDim numbers, or null
 * @returns [N, C, H, W]
 */
export function generateImages(generator: AnyGenerator, z: Float32Array, c: Float32Array | null): Tensor {
  const { zDim, cDim, imgChannels, imgResolution } = generator;
  const count = z.length / zDim;
  const size = imgChannels * imgResolution ** 2;
  const images = new Float32Array(count * size);
  for (let begin = 0; begin < count; begin += CHUNK) {
    const n = Math.min(CHUNK, count - begin);
    const chunk = noGrad(() =>
      scope(() => {
        const latents = Tensor.from(z.subarray(begin * zDim, (begin + n) * zDim), [n, zDim]);
        const labels = c === null ? null : Tensor.from(c.subarray(begin * cDim, (begin + n) * cDim), [n, cDim]);
        return generator.forward(latents, labels, { noiseMode: "const" }).toArray();
      }),
    );
    images.set(chunk, begin * size);
  }
  return Tensor.from(images, [count, imgChannels, imgResolution, imgResolution]);
}
