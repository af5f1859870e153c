/**
 * Files that hold arrays under names, whatever wrote them: numpy's .npy and .npz, what `torch.save` makes of tensors in
 * dicts and lists, pickles of arrays, safetensors. Told apart by their bytes. Tested by tests/formats/arrayFile.test.ts.
 */
import { bytesSource, viewOf } from "./byteSource.js";
import { FileError } from "./fileError.js";
import { isNpy, readNpy, readNpz } from "./npy.js";
import { inertNames, isNumpyArray, numpyTensor } from "./pickle/common.js";
import { readPickle } from "./pickle/reader.js";
import { PickleObject, type PickleValue, sequence } from "./pickle/values.js";
import type { PlainTensor } from "./plainTensor.js";
import { readSafetensors } from "./safetensors.js";
import { allTorchNames, isTorchLegacy, readTorch, TorchTensor } from "./torch/reader.js";
import { readZipDirectory } from "./zip.js";

const MAX_DEPTH = 8;
const MAX_ARRAYS = 10_000;

/**
 * The arrays of a file by name. What lies in nested dicts and lists is named by its path, `face.png.latent` or
 * `noise.3`; an array alone has the empty name.
 *
 * @throws FileError when the file is damaged or of another kind
 */
export function readArrays(bytes: Uint8Array): Map<string, PlainTensor> {
  if (isNpy(bytes)) return new Map([["", readNpy(bytes)]]);
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    const names = [...readZipDirectory(bytesSource(bytes)).keys()];
    const isTorch = names.some((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
    return isTorch ? arraysIn(readTorch(bytes, inertNames)) : readNpz(bytes);
  }
  if (isTorchLegacy(bytes)) return arraysIn(readTorch(bytes, inertNames));
  if (bytes[0] === 0x80)
    return arraysIn(readPickle(bytes, { resolve: allTorchNames(inertNames), name: "pickle" }).value);
  if (bytes.length > 8 && bytes[8] === 0x7b && viewOf(bytes).getUint32(4, true) === 0) {
    return new Map(readSafetensors(bytes).tensors);
  }
  throw new FileError("zip (.npz, .pt), .npy, pickle or safetensors of arrays expected, found other contents", 0);
}

/** All arrays within a value. */
function arraysIn(value: PickleValue): Map<string, PlainTensor> {
  const arrays = new Map<string, PlainTensor>();
  const visit = (item: PickleValue, name: string, depth: number): void => {
    if (arrays.size > MAX_ARRAYS || depth > MAX_DEPTH) return;
    const inside = (key: unknown, inner: PickleValue): void =>
      visit(inner, name === "" ? String(key) : `${name}.${String(key)}`, depth + 1);
    if (item instanceof TorchTensor) arrays.set(name, item.toPlain(name || "tensor"));
    else if (isNumpyArray(item)) arrays.set(name, numpyTensor(item, name));
    else if (item instanceof PickleObject && item.state instanceof Map) visit(item.state, name, depth + 1);
    else if (item instanceof Map) for (const [key, inner] of item) inside(key, inner as PickleValue);
    else for (const [index, inner] of (sequence(item) ?? []).entries()) inside(index, inner);
  };
  visit(value, "", 0);
  return arrays;
}
