/**
 * The state of a training run as a file: safetensors with every tensor of the snapshot, and in the metadata the numbers
 * as JSON and the geometry of the networks, which makes it a checkpoint too. Bytes only: whoever calls opens files.
 */
import type { ByteSource } from "../../formats/byteSource.js";
import { CheckpointError } from "../../formats/fileError.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import { readSafetensors, type SafetensorsEntry, safetensorsChunks } from "../../formats/safetensors.js";
import { nativeGeometry, TRAINING_FORMAT } from "../checkpoint/native.js";
import type { OrderSnapshot } from "./dataset.js";
import type { TrainingSnapshot } from "./snapshot.js";
import type { TrainingState } from "./state.js";

/** A moment of a run, from which it continues. */
export interface SavedState {
  readonly training: TrainingSnapshot;
  readonly order: OrderSnapshot;
  /** Time spent in training, over all its sessions. */
  readonly seconds: number;
  /** The kernels that computed it: other ones round otherwise. Files of before do not say it. */
  readonly kernels?: string;
}

const METADATA_KEY = "training";

/** The file in pieces, tensor by tensor. `state` says what networks the tensors build. */
export function trainingStateChunks(saved: SavedState, state: TrainingState): Iterable<Uint8Array> {
  const { training, ...rest } = saved;
  const entries = [...training.tensors].map(([name, tensor]): SafetensorsEntry => {
    return { name, tensor, dtype: tensor.dtype === "f64" ? "f64" : "f32" };
  });
  const metadata = new Map([
    ["format", TRAINING_FORMAT],
    ["version", "1"],
    [METADATA_KEY, JSON.stringify({ numbers: training.numbers, ...rest })],
    ...nativeGeometry({ gEma: state.average, g: state.generator, d: state.discriminator }),
  ]);
  return safetensorsChunks(entries, metadata);
}

/**
 * Reads what `trainingStateChunks` wrote. All of it is in memory when this returns: the source may be closed.
 *
 * @throws CheckpointError when the file is no state of a run
 */
export function readTrainingState(file: Uint8Array | ByteSource): SavedState {
  const { tensors, metadata } = readSafetensors(file);
  const text = metadata.get(METADATA_KEY);
  if (metadata.get("format") !== TRAINING_FORMAT || text === undefined) {
    throw new CheckpointError("expected a state written by `stylegan train`, found another safetensors file");
  }
  const { numbers, ...rest } = JSON.parse(text) as Omit<SavedState, "training"> & {
    readonly numbers: TrainingSnapshot["numbers"];
  };
  const inMemory = new Map([...tensors].map(([name, tensor]) => [name, held(tensor)]));
  return { training: { tensors: inMemory, numbers }, ...rest };
}

function held({ dtype, shape, size, toFloat }: PlainTensor): PlainTensor {
  const data = toFloat();
  return { dtype, shape, size, copyTo: (out) => out.set(data), toFloat: () => data.slice() };
}
