/** Any checkpoint, told apart by its bytes. */
import { type ByteSource, bytesSource, readRange } from "../../formats/byteSource.js";
import { asCheckpoint, CheckpointError, describe } from "../../formats/fileError.js";
import { firstOf } from "../../formats/pickle/common.js";
import { readPickle } from "../../formats/pickle/reader.js";
import type { PickleValue } from "../../formats/pickle/values.js";
import type { PlainTensor } from "../../formats/plainTensor.js";
import { allTorchNames, readTorchLegacy, readTorchZip } from "../../formats/torch/reader.js";
import type { NetworkConfig } from "../config.js";
import { readNative } from "./native.js";
import type { CheckpointData, NetworkData, ReadCheckpointOptions } from "./networkData.js";
import { isRosinality, readRosinality } from "./rosinality/reader.js";
import { SNIFF_BYTES, sniff } from "./sniff.js";
import { officialTensorflowNames } from "./tensorflow/network.js";
import { isOfficialTensorflow, readOfficialTensorflow } from "./tensorflow/reader.js";
import { isOfficialTorch, officialTorchNames, readOfficialTorch } from "./torch/reader.js";

/**
 * Reads a checkpoint from bytes or from a source of them. Tensors stay views of the source until they are copied, so it
 * must stay readable as long.
 *
 * @throws CheckpointError for every file that is not a complete, supported checkpoint: it says what was found where
 */
export function readCheckpoint(file: Uint8Array | ByteSource, options: ReadCheckpointOptions = {}): CheckpointData {
  const { networks, ...rest } = asCheckpoint(() =>
    readSource(file instanceof Uint8Array ? bytesSource(file) : file, options),
  );
  const { gEma, g, d } = networks;
  return {
    ...rest,
    networks: { ...(gEma && { gEma: guarded(gEma) }), ...(g && { g: guarded(g) }), ...(d && { d: guarded(d) }) },
  };
}

/** Tensors are read when they are asked for, and only then is damage in their bytes found: it is the checkpoint's, too. */
function guarded<Config extends NetworkConfig>({ config, tensors }: NetworkData<Config>): NetworkData<Config> {
  const guardedTensor = (tensor: PlainTensor): PlainTensor => ({
    ...tensor,
    copyTo: (out) => asCheckpoint(() => tensor.copyTo(out)),
    toFloat: () => asCheckpoint(() => tensor.toFloat()),
  });
  return { config, tensors: new Map([...tensors].map(([name, tensor]) => [name, guardedTensor(tensor)])) };
}

function readSource(source: ByteSource, options: ReadCheckpointOptions): CheckpointData {
  const kind = sniff(readRange(source, 0, Math.min(source.size, SNIFF_BYTES), "checkpoint"), source.size);
  switch (kind) {
    case "safetensors":
      return readNative(source, options);
    case "zip":
      return readObject(readTorchZip(source, allNames()), options);
    case "torch-stream":
      return readObject(readTorchLegacy(readRange(source, 0, source.size, "torch stream"), allNames()), options);
    case "pickle": {
      const bytes = readRange(source, 0, source.size, "pickle");
      return readObject(readPickle(bytes, { resolve: allNames() }).value, options);
    }
    default:
      throw new CheckpointError(
        `this is not a StyleGAN checkpoint but ${kind.stranger}; expected an official .pkl, a .pt or a .safetensors file`,
      );
  }
}

const allNames = () => allTorchNames(firstOf(officialTorchNames, officialTensorflowNames));

/** Which program wrote this object? */
function readObject(value: PickleValue, options: ReadCheckpointOptions): CheckpointData {
  if (isOfficialTorch(value)) return readOfficialTorch(value, options);
  if (isOfficialTensorflow(value)) return readOfficialTensorflow(value, options);
  if (isRosinality(value)) return readRosinality(value, options);
  const found =
    value instanceof Map ? `a dict with ${[...value.keys()].slice(0, 6).map(describe).join(", ")}` : describe(value);
  throw new CheckpointError(`the file holds ${found}; expected the networks of a StyleGAN checkpoint`);
}
