/** Directions in w: found on the spot, or read from a file. */
import { readDirections, sefaDirections } from "../library.js";
import type { Model } from "../model.js";

/** How many directions of SeFa there are to choose from. */
const COUNT = 32;

export async function findDirections(model: Model, file: Blob | null, layers: readonly number[] | null) {
  const { directions, eigenvalues } =
    file === null
      ? sefaDirections(model.generator, { layers, count: COUNT })
      : readDirections(new Uint8Array(await file.arrayBuffer()), model.info);
  model.directions = directions.map((direction) => Float32Array.from(direction));
  return { count: model.directions.length, eigenvalues: eigenvalues === null ? null : [...eigenvalues] };
}
