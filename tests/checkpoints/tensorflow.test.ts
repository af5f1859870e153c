/** TensorFlow pickles of which there is no golden file: StyleGAN2-ADA's, and the oldest version. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/formats/fileError.js";
import { readPickle } from "../../src/formats/pickle/reader.js";
import { PickleObject, PickleTuple, type PickleValue } from "../../src/formats/pickle/values.js";
import { allTorchNames } from "../../src/formats/torch/reader.js";
import { init, loadCheckpoint } from "../../src/index.js";
import { scope, Tensor } from "../../src/nn/tensor.js";
import type { Networks } from "../../src/stylegan/checkpoint/networkData.js";
import { readCheckpoint } from "../../src/stylegan/checkpoint/read.js";
import { officialTensorflowNames } from "../../src/stylegan/checkpoint/tensorflow/network.js";
import { officialTensorflow } from "../../src/stylegan/checkpoint/tensorflow/reader.js";
import { compare, readGolden } from "../support/goldens.js";
import { adaTensorflowPickle } from "../support/pickles/tensorflow.js";

const path = (name: string) => new URL(`../fixtures/checkpoints/${name}`, import.meta.url).pathname;
const load = (name: string) => new Uint8Array(readFileSync(path(name)));

function expectSameTensors(actual: Networks, expected: Networks): void {
  for (const name of ["gEma", "g", "d"] as const) {
    const tensors = expected[name]!.tensors;
    expect([...actual[name]!.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [key, tensor] of tensors) {
      const found = actual[name]!.tensors.get(key)!;
      expect(found.shape, key).toEqual(tensor.shape);
      const { difference, largest } = compare(found.toFloat(), tensor.toFloat());
      expect(difference, `${name}.${key}`).toBeLessThanOrEqual(1e-12 * largest);
    }
  }
}

describe.each(["sg2ada-r32-skip-resnet", "sg2ada-r32-cond5", "sg2ada-r16-resnet-skip", "sg2ada-r64-fp16-clamp"])(
  "%s as StyleGAN2-ADA for TensorFlow would write it, version 5",
  (name) => {
    const { networks } = readCheckpoint(load(`${name}.pkl`));
    const file = adaTensorflowPickle(networks as Required<Networks>);
    beforeAll(() => init({ threads: 1 }));

    test("is read back: the same tensors, the same geometry but for the order of scaling and demodulation", () => {
      const { format, networks: read } = readCheckpoint(file);
      expect(format).toBe("official TensorFlow pickle");
      expectSameTensors(read, networks);
      for (const network of ["gEma", "g"] as const) {
        const config = networks[network]!.config;
        // What labels would do is nothing where there are none.
        const labels = config.cDim === 0 ? { embedBias: false, inputNormalization: "joint" } : {};
        expect(read[network]!.config).toEqual({
          ...config,
          mapping: { ...config.mapping, ...labels },
          synthesis: { ...config.synthesis, scaleBeforeDemodulation: true },
        });
      }
      expect(read.d!.config).toEqual(networks.d!.config);
    });

    test("makes the official images and logits", async () => {
      const golden = readGolden(path(`${name}.golden.safetensors`));
      const tensor = (key: string) => Tensor.from(golden.data(key), golden.shape(key));
      const { gEma, d } = await loadCheckpoint(file);
      const c = golden.has("c") ? tensor("c") : null;
      scope(() => {
        const images = gEma!.forward(tensor("z"), c, { truncationPsi: 0.7, noiseMode: "const" });
        const expected = golden.data("img_const");
        const { difference, largest } = compare(images.toArray(), expected);
        expect(difference).toBeLessThan(1e-4 * largest);
        const clamped = Tensor.from(
          expected.map((value) => Math.max(-1, Math.min(1, value))),
          golden.shape("img_const"),
        );
        const logits = compare(d!.forward(clamped, c).toArray(), golden.data("logits"));
        expect(logits.difference).toBeLessThan(1e-4 * logits.largest);
      });
    });
  },
);

/** The dictionaries of a pickle's networks, as they are in the file. */
function networksOf(name: string): PickleObject[] {
  const resolve = allTorchNames(officialTensorflowNames);
  return [...(readPickle(load(name), { resolve }).value as PickleTuple).items] as PickleObject[];
}

type State = Map<PickleValue, PickleValue>;

function withState(network: PickleObject, change: (state: State) => void): PickleObject {
  const copy = new PickleObject(network.type, network.args);
  const state: State = new Map(network.state as State);
  change(state);
  copy.state = state;
  return copy;
}

describe("versions", () => {
  test("version 2 without components: all variables in one list", () => {
    const name = "tf-stylegan1-r32.pkl";
    const old = networksOf(name).map((network) =>
      withState(network, (state) => {
        const components = state.get("components") as ReadonlyMap<string, PickleObject>;
        const parts = [...components].flatMap(([part, { state: own }]) =>
          ((own as State).get("variables") as PickleTuple[]).map(
            ({ items: [key, value] }) => new PickleTuple([`${part}/${key}`, value]),
          ),
        );
        state.set("variables", [...(state.get("variables") as PickleValue[]), ...parts]);
        state.set("version", 2);
        state.delete("components");
      }),
    );
    const { networks } = officialTensorflow.reads({ container: "pickle", object: new PickleTuple(old) }, {});
    const expected = readCheckpoint(load(name)).networks;
    for (const network of ["gEma", "g", "d"] as const) {
      expect(networks[network]!.config).toEqual(expected[network]!.config);
    }
    expectSameTensors(networks, expected);
  });

  test.each([1, 6])("version %i is refused, and so are missing components in version 3", (version) => {
    const name = "tf-stylegan1-r32.pkl";
    const other = networksOf(name).map((network) => withState(network, (state) => state.set("version", version)));
    expect(() => officialTensorflow.reads({ container: "pickle", object: new PickleTuple(other) }, {})).toThrow(
      /version .*supported are versions 2 to 5/,
    );
    const bare = networksOf(name).map((network) => withState(network, (state) => state.delete("components")));
    expect(() => officialTensorflow.reads({ container: "pickle", object: new PickleTuple(bare) }, {})).toThrow(
      CheckpointError,
    );
  });

  test("config F under the names of version 5 is the same network", () => {
    const name = "tf-stylegan2-configF-r32.pkl";
    const relabelled = networksOf(name).map((network) =>
      withState(network, (state) => {
        state.set("version", 5);
        if (state.get("build_func_name") === "D_stylegan2") state.set("build_func_name", "D_main");
        const components = state.get("components") as ReadonlyMap<string, PickleObject>;
        const renamed = [...components].map(([part, component]): [PickleValue, PickleValue] => [
          part,
          withState(component, (own) => own.set("build_func_name", `G_${part}`)),
        ]);
        state.set("components", new Map(renamed));
      }),
    );
    const { networks } = officialTensorflow.reads({ container: "pickle", object: new PickleTuple(relabelled) }, {});
    const expected = readCheckpoint(load(name)).networks;
    for (const network of ["gEma", "g", "d"] as const) {
      expect(networks[network]!.config).toEqual(expected[network]!.config);
    }
    expectSameTensors(networks, expected);
  });
});
