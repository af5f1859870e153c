/** Weights of networks that measure: state dicts as torch saves them, with whatever else lies in them. */
import { expect, test } from "vitest";
import { readWeights } from "../../src/stylegan/evaluation/weights.js";
import { legacyStream, op, type StorageSpec, storageId, tensorOf } from "../support/pickles/assembler.js";

const storage: StorageSpec = {
  key: "0",
  type: "FloatStorage",
  count: 3,
  bytes: new Uint8Array(Float32Array.of(1, 2, 3).buffer),
};
const tensor = tensorOf(storageId(storage), 0, [3], [1]);

test("tensors by name are taken, numbers beside them are not", async () => {
  const inner = op.dict({ weight: tensor, num_batches_tracked: op.int(7), note: op.str("x") });
  for (const object of [inner, op.dict({ epoch: op.int(3), state_dict: inner })]) {
    const tensors = await readWeights(legacyStream(object, [storage]), "VGG");
    expect([...tensors].map(([name, found]) => [name, [...found.toFloat()]])).toEqual([["weight", [1, 2, 3]]]);
  }
});

test("a file without any is told", () => {
  const run = async () => readWeights(legacyStream(op.dict({ epoch: op.int(3) }), []), "VGG");
  return expect(run()).rejects.toThrow(/VGG weights: expected a dict of tensors by name/);
});
