/** The formats of checkpoints. A new one is a file of its own and a row here. Docs: docs/checkpoints.md. */
import type { CheckpointFormat } from "./format.js";
import { native } from "./native.js";
import { basicsr, rosinality } from "./rosinality/reader.js";
import { officialTensorflow } from "./tensorflow/reader.js";
import { officialTorch } from "./torch/reader.js";
import { officialStateDict } from "./torch/stateDict.js";
import { rosinalityWriter } from "./writers.js";

/** Asked in this order whether a file is theirs. */
export const formats: readonly CheckpointFormat[] = [
  native,
  officialTorch,
  officialTensorflow,
  basicsr, // before rosinality: the last layers of the discriminator have the same names in both
  { ...rosinality, writer: rosinalityWriter },
  officialStateDict,
];
