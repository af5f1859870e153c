/**
 * Directions in W as people share them, read by shape:
 *
 *   [wDim]  [1, wDim]  [K, wDim]  [K, 1, wDim]     one, or K of them, the same for every layer
 *   [numWs, wDim]  [1, numWs, wDim]  [K, numWs, wDim]     one, or K, each with its own step for every layer
 *   a square matrix called eigvec (rosinality's factor.pt): directions are its columns
 *
 * in .npz (this package's, GANSpace's), .npy or .pt. Where [K, wDim] could be either, an array called directions,
 * lat_comp, components or eigvec holds K of them. Tests: tests/networks/edits.test.ts.
 */
import { readArrays } from "../../formats/arrayFile.js";
import { FileError } from "../../formats/fileError.js";
import type { NpyArray } from "../../formats/npy.js";
import type { PlainTensor } from "../../formats/plainTensor.js";

export interface Directions {
  /** [wDim], or [numWs, wDim], each. */
  readonly directions: readonly Float64Array[];
  /** How much each explains, where the file says so. */
  readonly eigenvalues: Float64Array | null;
  /** Layers that the directions were found for; null where the file does not say. */
  readonly layers: readonly number[] | null;
}

interface Geometry {
  readonly numWs: number;
  readonly wDim: number;
}

/** Arrays that hold directions in rows, and one that holds them in columns. */
const ROWS = ["directions", "lat_comp", "components"];
const COLUMNS = ["eigvec"];

/** @throws FileError when the file holds no directions for this network, or numbers that are not finite */
export function readDirections(bytes: Uint8Array, geometry: Geometry): Directions {
  const arrays = readArrays(bytes);
  const { numWs, wDim } = geometry;
  const fits = ([, { shape }]: [string, PlainTensor]): boolean => splitShape(shape, geometry) !== null;
  const named = [...ROWS, ...COLUMNS].flatMap((name) => (arrays.has(name) ? [name] : []))[0];
  const candidates = [...arrays].filter(fits);
  const name = named ?? candidates[0]?.[0];
  const array = arrays.get(name ?? "");
  if (array === undefined || !fits([name!, array])) {
    const there = [...arrays].map(([key, { shape }]) => `${key || "an array"} [${shape.join(", ")}]`).slice(0, 6);
    throw new FileError(
      `directions must be [${wDim}], [K, ${wDim}] or [K, ${numWs}, ${wDim}] for this network, ` +
        `found ${there.join(", ") || "no arrays"}`,
    );
  }
  if (named === undefined && candidates.length > 1) {
    const names = candidates.map(([key]) => key).join(", ");
    throw new FileError(`several arrays could be directions: ${names}; call one of them directions`);
  }
  const values = Float64Array.from(array.toFloat());
  if (!values.every(Number.isFinite)) throw new FileError(`${name || "a direction"} must be finite`);
  const inColumns = COLUMNS.includes(name!);
  const split = splitShape(array.shape, geometry)!;
  const isPerLayer = split.perLayer && named === undefined;
  const width = isPerLayer || split.width > wDim ? numWs * wDim : wDim;
  const count = values.length / width;
  const directions = Array.from({ length: count }, (_, k) =>
    inColumns
      ? Float64Array.from({ length: wDim }, (_, i) => values[i * count + k])
      : values.slice(k * width, (k + 1) * width),
  );
  const numbers = (key: string): number[] | null => {
    const found = arrays.get(key);
    return found === undefined ? null : Array.from(found.toFloat());
  };
  const eigenvalues = numbers("eigenvalues");
  return {
    directions,
    eigenvalues: eigenvalues === null ? null : Float64Array.from(eigenvalues),
    layers: numbers("layers"),
  };
}

/** How an array of this shape splits into directions; null when it does not. */
function splitShape(
  shape: readonly number[],
  { numWs, wDim }: Geometry,
): { readonly width: number; readonly perLayer: boolean } | null {
  if (shape.at(-1) !== wDim || shape.length > 3) return null;
  if (shape.length < 3) return { width: wDim, perLayer: shape.length === 2 && shape[0] === numWs && numWs > 1 };
  if (shape[1] === 1) return { width: wDim, perLayer: false };
  return shape[1] === numWs ? { width: numWs * wDim, perLayer: true } : null;
}

/** The arrays of a directions.npz: `directions` [K, wDim], `eigenvalues` [K], `layers`. */
export function directionArrays(found: Directions): Map<string, NpyArray> {
  const { directions, eigenvalues, layers } = found;
  const wDim = directions[0].length;
  const data = new Float32Array(directions.length * wDim);
  for (const [k, direction] of directions.entries()) data.set(direction, k * wDim);
  return new Map<string, NpyArray>([
    ["directions", { data, shape: [directions.length, wDim] }],
    ...(eigenvalues === null ? [] : [["eigenvalues", { data: eigenvalues, shape: [eigenvalues.length] }] as const]),
    ...(layers === null ? [] : [["layers", { data: Int32Array.from(layers), shape: [layers.length] }] as const]),
  ]);
}
