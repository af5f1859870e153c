/**
 * Stored w's, as this package and other tools write them: read by shape, whatever the array is called.
 *
 *   [wDim]  [1, wDim]         one w for all layers          [numWs, wDim]      one w for each layer
 *   [N, wDim]  [N, 1, wDim]   N of them                     [N, numWs, wDim]   N of them
 *
 * Noise maps may lie beside them, `noise/b64.conv0` [R, R], or `noise.0`, `noise.1`, ... from the coarsest layer on, as
 * rosinality's projector numbers them; a file with several images, `a.png.latent`, `a.png.noise.0`, has them for each. Tests: tests/networks/edits.test.ts.
 */
import { readArrays } from "../../formats/arrayFile.js";
import { FileError } from "../../formats/fileError.js";
import type { NpyArray } from "../../formats/npy.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import type { Tensor } from "../../nn/tensor.js";

/** What reading latents must know of a generator. */
export interface LatentGeometry {
  readonly numWs: number;
  readonly wDim: number;
  readonly buffers: ReadonlyMap<string, Tensor>;
}

export interface StoredLatents {
  readonly count: number;
  /** [count, numWs, wDim], row-major. */
  readonly ws: Float64Array;
  /** Noise maps by the name of their layer, `b64.conv0`; those that the file does not have are missing. */
  readonly noise: ReadonlyMap<string, Float64Array>;
  /** Where each w has noise of its own: the maps of all layers, for each; `noise` is that of the first. */
  readonly noises?: readonly ReadonlyMap<string, Float64Array>[];
}

/** Names that say that an array holds w's, where several have a shape that would do. */
const NAMES_OF_W = ["w", "ws", "latent", "latents", "dlatent", "dlatents", "projected_w", "wplus", "w_plus"];

/**
 * @throws FileError when the file holds no w's for this network, several arrays that could be them, or numbers
 * that are not finite
 */
export function readLatents(bytes: Uint8Array, geometry: LatentGeometry): StoredLatents {
  const arrays = readArrays(bytes);
  const found = [...arrays].filter(([name, { shape }]) => !isNoise(name) && countOf(shape, geometry) > 0);
  const { numWs, wDim } = geometry;
  if (found.length === 0) throw noneFits(arrays, geometry);
  const chosen = chooseW(found);
  const parts = chosen.map(([name, array]) => expandWs(name, array, geometry));
  const ws = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    ws.set(part, offset);
    offset += part.length;
  }
  const latents = { count: ws.length / (numWs * wDim), ws };
  const noises = chosen.length > 1 ? noiseOfEach(arrays, chosen, geometry) : null;
  return noises === null
    ? { ...latents, noise: readNoise(arrays, geometry) }
    : {
        ...latents,
        noise: noises[0],
        noises: parts.flatMap((part, k) => Array(part.length / (numWs * wDim)).fill(noises[k])),
      };
}

/** Noise beside each of several arrays; null where none has any. What a w lacks is the network's own. */
function noiseOfEach(
  arrays: ReadonlyMap<string, PlainTensor>,
  chosen: readonly (readonly [string, PlainTensor])[],
  geometry: LatentGeometry,
): readonly ReadonlyMap<string, Float64Array>[] | null {
  const beside = chosen.map(([name]) => {
    const prefix = name.slice(0, name.length - lastPart(name).length);
    return readNoise(new Map([...arrays].filter(([other]) => prefix !== "" && other.startsWith(prefix))), geometry);
  });
  if (beside.every(({ size }) => size === 0)) return null;
  const own = noiseLayers(geometry).map((layer) => [layer, noiseMap(geometry, layer).toFloat64Array()] as const);
  return beside.map((noise) => new Map([...own, ...noise]));
}

function noneFits(arrays: ReadonlyMap<string, PlainTensor>, { numWs, wDim }: LatentGeometry): FileError {
  const w = arrays.get("w") ?? arrays.get("");
  if (w !== undefined) {
    const others = `[${numWs}, ${wDim}] and [N, ${wDim}]`;
    return new FileError(
      `w must be [N, ${numWs}, ${wDim}] for this network, got [${w.shape.join(", ")}] (${others} are read too)`,
    );
  }
  const there = [...arrays].map(([name, { shape }]) => `${name} [${shape.join(", ")}]`).slice(0, 6);
  return new FileError(
    `expected w's [N, ${numWs}, ${wDim}] for this network, or an array named w, found ${there.join(", ") || "none"}`,
  );
}

/** How many w's an array of this shape holds; 0 when the shape does not fit. */
function countOf(shape: readonly number[], { numWs, wDim }: LatentGeometry): number {
  if (shape.at(-1) !== wDim) return 0;
  const rest = shape.slice(0, -1);
  while (rest.length > 2 && rest[0] === 1) rest.shift();
  if (rest.length === 0) return 1;
  if (rest.length === 1) return rest[0] === numWs ? 1 : rest[0];
  return rest.length === 2 && (rest[1] === numWs || rest[1] === 1) ? rest[0] : 0;
}

const lastPart = (name: string): string => name.split(/[./]/).at(-1)!;

function chooseW(found: readonly [string, PlainTensor][]): readonly [string, PlainTensor][] {
  if (found.length === 1) return found;
  for (const wanted of NAMES_OF_W) {
    const named = found.filter(([name]) => lastPart(name) === wanted);
    if (named.length > 0) return named;
  }
  if (found.every(([name]) => /^\d+$/.test(lastPart(name)))) return found; // a list
  throw new FileError(`several arrays could be w: ${found.map(([name]) => name).join(", ")}; call one of them w`);
}

/** -> [count, numWs, wDim], one w repeated for all layers where the file has just one. */
function expandWs(name: string, array: PlainTensor, geometry: LatentGeometry): Float64Array {
  const { numWs, wDim } = geometry;
  const values = array.toFloat();
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const place = [...array.shape.keys()].map((axis) => {
      const below = array.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
      return Math.floor(bad / below) % array.shape[axis];
    });
    throw new FileError(`${name || "w"} must be finite, found ${values[bad]} at [${place.join(", ")}]`);
  }
  const count = countOf(array.shape, geometry);
  if (values.length === count * numWs * wDim) return Float64Array.from(values);
  const ws = new Float64Array(count * numWs * wDim);
  for (let k = 0; k < count * numWs; k++) {
    const row = Math.floor(k / numWs) * wDim;
    ws.set(values.subarray(row, row + wDim), k * wDim);
  }
  return ws;
}

const isNoise = (name: string): boolean => /(^|[./])noises?[./]/.test(name);
const NOISE_SUFFIX = ".noise_const";

/** b4.conv1, b8.conv0, ...: layers with noise, from the coarsest on. */
export function noiseLayers({ buffers }: Pick<LatentGeometry, "buffers">): readonly string[] {
  return [...buffers.keys()]
    .filter((name) => name.endsWith(NOISE_SUFFIX))
    .map((name) => name.slice("synthesis.".length, -NOISE_SUFFIX.length));
}

/** The stored noise map [R, R] of a layer. */
export function noiseMap({ buffers }: Pick<LatentGeometry, "buffers">, layer: string): Tensor {
  return buffers.get(`synthesis.${layer}${NOISE_SUFFIX}`)!;
}

function readNoise(arrays: ReadonlyMap<string, PlainTensor>, geometry: LatentGeometry): Map<string, Float64Array> {
  const layers = noiseLayers(geometry);
  const noise = new Map<string, Float64Array>();
  for (const [name, array] of arrays) {
    if (!isNoise(name)) continue;
    const key = name
      .replace(/^.*?(^|[./])noises?[./]/, "")
      .replace(/^synthesis\./, "")
      .replace(NOISE_SUFFIX, "");
    const layer = /^\d+$/.test(key) ? layers[Number(key)] : key;
    if (layer === undefined || !layers.includes(layer)) {
      throw new FileError(`${name} is noise of a layer that this network does not have; it has ${layers.join(", ")}`);
    }
    const map = noiseMap(geometry, layer);
    const values = Float64Array.from(array.toFloat());
    if (values.length !== map.size) {
      throw new FileError(`${name} must be [${map.shape.join(", ")}], found [${array.shape.join(", ")}]`);
    }
    if (!values.every(Number.isFinite)) throw new FileError(`${name} must be finite`);
    noise.set(layer, values);
  }
  return noise;
}

/** Puts noise maps into a generator, in place. */
export function setNoise(
  generator: Pick<LatentGeometry, "buffers">,
  noise: ReadonlyMap<string, ArrayLike<number>>,
): void {
  for (const [layer, values] of noise) noiseMap(generator, layer).update(({ data }) => data.set(values));
}

/** The arrays of a projected_w.npz: w [N, numWs, wDim] and `noise/LAYER` [R, R], as float32. */
export function latentArrays(latents: StoredLatents, geometry: LatentGeometry): Map<string, NpyArray> {
  const { numWs, wDim } = geometry;
  const arrays = new Map<string, NpyArray>([
    ["w", { data: Float32Array.from(latents.ws), shape: [latents.count, numWs, wDim] }],
  ]);
  for (const [layer, values] of latents.noise) {
    arrays.set(`noise/${layer}`, { data: Float32Array.from(values), shape: noiseMap(geometry, layer).shape });
  }
  return arrays;
}
