/**
 * The formats that can be written, apart from those that can be read: who writes, or reads this project's own files only, needs
 * no reader of foreign ones. tests/checkpoints/native.test.ts holds it to the table of formats.
 */
import type { CheckpointWriter } from "./format.js";
import { nativeWriter } from "./native.js";
import { writeRosinality } from "./rosinality/writer.js";

export const rosinalityWriter: CheckpointWriter = {
  name: "rosinality",
  ending: ".pt",
  dtypes: ["f32"],
  chunks: writeRosinality,
};

// Names alone: reading a property would keep bundlers from leaving all of it out where nothing is written.
export const writers: readonly CheckpointWriter[] = [nativeWriter, rosinalityWriter];
