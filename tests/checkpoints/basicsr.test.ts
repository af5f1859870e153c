/** The networks of rosinality's program under the names that BasicSR gives them: GFPGAN and others are built on it. */
import { beforeAll, describe, expect, test } from "vitest";
import { concatBytes } from "../../src/formats/bytes.js";
import { CheckpointError } from "../../src/formats/fileError.js";
import { denseTensor, type PlainTensor } from "../../src/formats/plainTensor.js";
import { type StateDict, torchChunks } from "../../src/formats/torch/writer.js";
import { setKernels } from "../../src/nn/backend.js";
import { createKernels } from "../../src/nn/kernels/select.js";
import { seedsToLatents } from "../../src/nn/random.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import type { CheckpointData } from "../../src/stylegan/checkpoint/networkData.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { buildDiscriminator, buildGenerator } from "../../src/stylegan/networks.js";
import { DISCRIMINATOR, GENERATOR, rosinalityBytes, stateOf } from "../support/basicsr.js";

const g = stateOf("g_ema", GENERATOR);
const saved = (entries: Readonly<Record<string, PlainTensor | StateDict>>): Uint8Array =>
  concatBytes([...torchChunks(new Map(Object.entries(entries)))]);

function image(data: CheckpointData): Float32Array {
  const generator = buildGenerator(data.networks.gEma!);
  const z = Tensor.from(seedsToLatents([3], generator.zDim), [1, generator.zDim]);
  return scope(() => generator.forward(z, null, { noiseMode: "const" }).toArray());
}
let expected: Float32Array;
beforeAll(async () => {
  setKernels(await createKernels({ threads: 1 }));
  expected = image(readCheckpoint(rosinalityBytes, { networks: ["gEma"] }));
});

describe("BasicSR's names", () => {
  test.each<[string, () => Uint8Array]>([
    ["params_ema", () => saved({ params_ema: g })],
    ["params beside params_ema", () => saved({ params: stateOf("g", GENERATOR), params_ema: g })],
    ["bare", () => saved(Object.fromEntries(g))],
    [
      "the decoder of a larger network",
      () =>
        saved({
          params_ema: new Map([
            ...[...g].map(([name, tensor]) => [`stylegan_decoder.${name}`, tensor] as const),
            ["conv_body_first.weight", denseTensor(new Float32Array(6), [2, 3, 1, 1])],
          ]),
        }),
    ],
  ])("%s: the images of rosinality's names", (_, make) => {
    const data = readCheckpoint(make(), { networks: ["gEma"] });
    expect(data.format).toBe("BasicSR checkpoint");
    expect(data.warnings.join()).toMatch(/the filter is 1, 3, 3, 1.*no average w/);
    expect(image(data)).toEqual(expected);
  });

  test("discriminators are the same", () => {
    const data = readCheckpoint(saved({ params: stateOf("d", DISCRIMINATOR) }));
    expect(Object.keys(data.networks)).toEqual(["d"]);
    const own = buildDiscriminator(data.networks.d!);
    const other = buildDiscriminator(readCheckpoint(rosinalityBytes, { networks: ["d"] }).networks.d!);
    expect([...own.parameters].map(([name, { shape }]) => [name, shape])).toEqual(
      [...other.parameters].map(([name, { shape }]) => [name, shape]),
    );
    for (const [name, tensor] of own.parameters) {
      expect(tensor.toArray(), name).toEqual(other.parameters.get(name)!.toArray());
    }
  });

  test("what is missing, or too much, is named as the file has it", () => {
    const errorOf = (state: ReadonlyMap<string, PlainTensor>): string => {
      try {
        readCheckpoint(saved({ params_ema: new Map(state) }));
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
        return (error as Error).message;
      }
      throw new Error("expected an error");
    };
    const less = new Map(g);
    less.delete("style_convs.2.modulated_conv.modulation.bias");
    expect(errorOf(less)).toContain('expected a tensor "style_convs.2.modulated_conv.modulation.bias", found none');
    const more = new Map([...g, ["style_convs.9.weight", denseTensor(new Float32Array(1), [1])] as const]);
    expect(errorOf(more)).toContain('unexpected tensor "style_convs.9.weight"');
  });
});
