/** Weights and images that goldens name by seeds instead of storing them: `weights` and `images` of their metadata. */
import { crc32 } from "node:zlib";
import { denseTensor, type PlainTensor } from "../../src/formats/plainTensor.js";
import { RandomState } from "../../src/nn/random.js";
import type { Golden } from "./goldens.js";

interface SeededTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly seed: number;
  readonly rule: "randn" | "uniform";
  /** The standard deviation, or [offset, width]. */
  readonly scale: number | readonly [number, number];
  readonly crc32: number;
}

const checksum = (data: ArrayBufferView): number =>
  crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

/** The tensors of a golden's `weights`, checked against their checksums. */
export function seededWeights({ metadata }: Golden): Map<string, PlainTensor> {
  const list = JSON.parse(metadata.weights) as readonly SeededTensor[];
  return new Map(
    list.map(({ name, shape, seed, rule, scale, crc32: expected }) => {
      const random = new RandomState(seed);
      const size = shape.reduce((product, extent) => product * extent, 1);
      const data = new Float32Array(size);
      if (rule === "randn") {
        const numbers = random.randn(size);
        for (let k = 0; k < size; k++) data[k] = numbers[k] * (scale as number);
      } else {
        const [offset, width] = scale as readonly [number, number];
        for (let k = 0; k < size; k++) data[k] = offset + random.uniform() * width;
      }
      if (checksum(data) !== expected) throw new Error(`${name}: the numbers drawn from seed ${seed} are others`);
      return [name, denseTensor(data, shape, name)];
    }),
  );
}

interface SeededImage {
  readonly name: string;
  readonly kind: "blocks" | "mix";
  readonly seed: number;
  readonly noise_seed?: number;
  readonly height: number;
  readonly width: number;
  readonly block?: number;
  readonly crc32: number;
}

export interface DrawnImage {
  readonly height: number;
  readonly width: number;
  /** [H, W, 3] */
  readonly pixels: Uint8Array;
}

/** The images of a golden's `images` by name, checked against their checksums. */
export function seededImages({ metadata }: Golden): Map<string, DrawnImage> {
  const list = JSON.parse(metadata.images) as readonly SeededImage[];
  return new Map(
    list.map(({ name, kind, seed, noise_seed = 0, height, width, block = 8, crc32: expected }) => {
      const uniforms = (from: number, count: number): Float64Array => {
        const random = new RandomState(from);
        return Float64Array.from({ length: count }, () => random.uniform());
      };
      const columns = Math.ceil(width / block);
      const coarse = uniforms(seed, Math.ceil(height / block) * columns * 3);
      const fine = kind === "mix" ? uniforms(noise_seed, height * width * 3) : null;
      const pixels = new Uint8Array(height * width * 3);
      for (let k = 0; k < pixels.length; k++) {
        const [y, x, c] = [Math.floor(k / 3 / width), Math.floor(k / 3) % width, k % 3];
        const u = coarse[(Math.floor(y / block) * columns + Math.floor(x / block)) * 3 + c];
        pixels[k] = Math.floor(256 * (fine === null ? u : 0.75 * u + 0.25 * fine[k]));
      }
      if (checksum(pixels) !== expected)
        throw new Error(`image ${name}: the pixels drawn from seed ${seed} are others`);
      return [name, { height, width, pixels }];
    }),
  );
}
