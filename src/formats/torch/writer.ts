/**
 * Writes tensors as `torch.save` does since torch 1.6, readable by `torch.load` (also with weights_only): a zip of stored
 * entries, archive/data.pkl and one archive/data/KEY for each tensor, whose bytes begin at multiples of 64.
 * Tested by tests/checkpoints/rosinalityWriter.test.ts.
 */

import { PickleTuple } from "../pickle/values.js";
import { type Picklable, PickleCall, PickleName, PickleReference, writePickle } from "../pickle/writer.js";
import type { PlainTensor } from "../plainTensor.js";
import { denseStrides } from "../strides.js";
import { type ZipFile, zipChunks } from "../zipEncoder.js";

/** A state dict: tensors by name. */
export type StateDict = ReadonlyMap<string, PlainTensor>;

const ALIGNMENT = 64;

/** A dict of tensors and state dicts, as float32, piece by piece: at no time is more than one tensor copied. */
export function* torchChunks(top: ReadonlyMap<string, PlainTensor | StateDict>): Generator<Uint8Array> {
  const storages: PlainTensor[] = [];
  const reference = (tensor: PlainTensor): PickleCall => {
    storages.push(tensor);
    return tensorCall(String(storages.length - 1), tensor);
  };
  const values = new Map<string, Picklable>();
  for (const [name, value] of top) {
    if (!isStateDict(value)) values.set(name, reference(value));
    else values.set(name, orderedDict(new Map([...value].map(([key, tensor]) => [key, reference(tensor)]))));
  }
  const text = (line: string) => new TextEncoder().encode(line);
  const files: ZipFile[] = [
    { name: "archive/data.pkl", read: () => writePickle(values) },
    { name: "archive/byteorder", read: () => text("little") },
    ...storages.map((tensor, key) => ({ name: `archive/data/${key}`, read: () => littleEndianFloats(tensor) })),
    { name: "archive/version", read: () => text("3\n") },
  ];
  yield* zipChunks(files, { alignment: ALIGNMENT });
}

const isStateDict = (value: PlainTensor | StateDict): value is StateDict => value instanceof Map;

function orderedDict(entries: ReadonlyMap<string, Picklable> = new Map()): PickleCall {
  return new PickleCall(new PickleName("collections", "OrderedDict"), [], entries);
}

/** torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks) */
function tensorCall(key: string, { shape, size }: PlainTensor): PickleCall {
  const storage = new PickleReference(["storage", new PickleName("torch", "FloatStorage"), key, "cpu", size]);
  const strides = new PickleTuple(denseStrides(shape));
  return new PickleCall(new PickleName("torch._utils", "_rebuild_tensor_v2"), [
    ...[storage, 0, new PickleTuple(shape), strides],
    ...[false, orderedDict()],
  ]);
}

function littleEndianFloats(tensor: PlainTensor): Uint8Array {
  const values = new Float32Array(tensor.size);
  tensor.copyTo(values);
  return new Uint8Array(values.buffer);
}
