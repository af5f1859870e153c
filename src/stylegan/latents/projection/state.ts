/** What an interrupted projection needs to go on bit for bit, and its file (safetensors, float64). */
import { FileError } from "../../../formats/fileError.js";
import { denseTensor } from "../../../formats/plainTensor.js";
import { readSafetensors, writeSafetensors } from "../../../formats/safetensors.js";
import type { RandomSnapshot } from "../../../nn/random.js";

export interface ProjectionState {
  readonly stepsDone: number;
  /** Updates of the optimiser. */
  readonly updates: number;
  readonly random: RandomSnapshot;
  /** w, noise maps, and both moments of each. */
  readonly tensors: ReadonlyMap<string, Float64Array>;
}

/** @param about whatever else should be found again, as text: what the projection was of, for example */
export function encodeProjectionState(
  state: ProjectionState,
  about: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { tensors, ...numbers } = state;
  const entries = [...tensors].map(([name, data]) => ({
    name,
    dtype: "f64" as const,
    tensor: denseTensor(data, [data.length], name),
  }));
  return writeSafetensors(entries, new Map([["projection", JSON.stringify(numbers)], ...Object.entries(about)]));
}

/** @throws FileError when the file is no state of a projection */
export function decodeProjectionState(bytes: Uint8Array): {
  readonly state: ProjectionState;
  readonly about: ReadonlyMap<string, string>;
} {
  const { tensors, metadata } = readSafetensors(bytes);
  const text = metadata.get("projection");
  if (text === undefined) throw new FileError("expected the state of a projection, found other safetensors");
  const numbers = JSON.parse(text) as Omit<ProjectionState, "tensors">;
  const arrays = new Map([...tensors].map(([name, tensor]) => [name, Float64Array.from(tensor.toFloat())]));
  return { state: { ...numbers, tensors: arrays }, about: metadata };
}
